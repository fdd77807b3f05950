"""Commands for the shell: their output, their environment, their session."""

from __future__ import annotations

import os
import subprocess

import pytest

from kws.shell import output_of_command, start_command


def test_output_and_status_are_those_of_the_command() -> None:
    done = output_of_command("echo said; echo wrong >&2; exit 3 | exit 4")
    assert (done.stdout, done.stderr, done.returncode) == (b"said\n", b"wrong\n", 4)


def test_variables_stand_beside_those_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KWS_BEFORE", "old")
    monkeypatch.setenv("KWS_KEPT", "kept")
    with start_command(
        'cat; echo "$KWS_BEFORE $KWS_KEPT"',
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        variables={"KWS_BEFORE": "new"},
    ) as process:
        assert process.communicate(b"in ")[0] == b"in new kept\n"
    assert os.environ["KWS_BEFORE"] == "old"


@pytest.mark.parametrize("own", [False, True])
def test_a_session_of_its_own_is_asked_for(own: bool) -> None:
    with start_command("read line", stdin=subprocess.PIPE, own_session=own) as process:
        assert (os.getsid(process.pid) == process.pid) == own
        process.communicate(b"\n")
