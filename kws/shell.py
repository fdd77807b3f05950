"""Commands that the user has written, for the shell: the one place that runs any.

Whoever calls this has asked before whether commands are allowed. How a process ended is put into
words here too.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping

PR_SET_PDEATHSIG = 1  # prctl(2): the signal a process gets when its parent ends


def output_of_command(command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end: its exit status, and what it has printed and said.

    Args:
        command: for /bin/sh.
    """
    return subprocess.run(command, shell=True, capture_output=True, check=False)  # noqa: S602


def start_command(
    command: str,
    *,
    stdin: int | None = None,
    stdout: int | None = None,
    variables: Mapping[str, str] | None = None,
    own_session: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a command.

    Args:
        command: for /bin/sh.
        stdin, stdout: a descriptor or `subprocess.PIPE`; those of this process where not given.
        variables: for its environment, beside those of this process.
        own_session: Ctrl-C ends this process without it.

    Raises:
        OSError: there is no shell.
    """
    return subprocess.Popen(  # noqa: S602
        command,
        shell=True,
        stdin=stdin,
        stdout=stdout,
        env={**os.environ, **(variables or {})},
        start_new_session=own_session,
    )


def how_ended(status: int) -> str:
    """How a process ended, for a sentence that begins with what it was.

    Args:
        status: its exit status, or the negative number of the signal that ended it.
    """
    if status >= 0:
        return f"ended with exit status {status}"
    number = -status
    known = number in set(signal.Signals)
    name = signal.Signals(number).name if known else f"signal {number}"
    # the kernel ends what uses too much memory so, and nothing says that it was that
    memory = ", perhaps for want of memory" if name == "SIGKILL" else ""
    return f"was ended by {name}{memory}"


def end_with_parent() -> None:
    """Have this process killed when its parent ends, whatever it does then (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
