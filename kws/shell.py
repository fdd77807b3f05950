"""Commands that the user has written, for the shell: the one place that runs any.

Whoever calls this has asked before whether commands are allowed.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping


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
