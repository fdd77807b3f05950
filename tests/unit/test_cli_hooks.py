"""The user's command: what it is given, and what its faults come to."""

from __future__ import annotations

import json
import time

import pytest

from kws.cli import hooks as module
from kws.cli.hooks import MAX_RUNNING, Hooks

EVENT = {
    "file": "default",
    "keyword": "view glass",
    "start_s": 1.0,
    "end_s": 2.0,
    "peak_s": 1.5,
    "confidence": 0.75,
    "time": "2026-01-02T03:04:05.678+00:00",
}


def test_the_event_is_in_the_environment_and_on_standard_input(tmp_path):
    hooks = Hooks(
        f'echo "$KWS_KEYWORD:$KWS_CONFIDENCE:$KWS_TIME" > {tmp_path}/a; cat > {tmp_path}/b'
    )
    assert hooks.start(EVENT) == []
    assert hooks.close() == []
    assert (tmp_path / "a").read_text() == "view glass:0.75:2026-01-02T03:04:05.678+00:00\n"
    assert json.loads((tmp_path / "b").read_text()) == EVENT


def test_what_is_unknown_is_empty(tmp_path):
    hooks = Hooks(f'echo "$KWS_START_S:${{KWS_END_S-unset}}:" > {tmp_path}/a')
    hooks.start({**EVENT, "start_s": None, "end_s": None})
    hooks.close()
    assert (tmp_path / "a").read_text() == "::\n"


def test_what_it_prints_stays_off_standard_output(capfd):
    hooks = Hooks("echo said by the command")
    hooks.start(EVENT)
    hooks.close()
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == "said by the command\n"


def test_nobody_waits_for_it_and_only_so_many_run(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    hooks = Hooks("sleep 1")
    before = time.monotonic()
    told = [hooks.start(EVENT) for _ in range(MAX_RUNNING + 1)]
    # five shells take some ms each; waiting for one of them would take 1000
    assert time.monotonic() - before < 0.9
    assert told[:-1] == [[]] * MAX_RUNNING
    assert told[-1] == [
        "--on-detection: 4 commands are still running; not run for 'view glass' at 1.50 s"
    ]
    assert hooks.close() == ["--on-detection: 4 command(s) go on running"]
    monkeypatch.setattr(module, "PATIENCE_S", 10)
    assert hooks.close() == []


def test_a_status_that_is_not_0_is_told_once():
    hooks = Hooks("exit 3")
    hooks.start(EVENT)
    assert hooks.close() == ["--on-detection: the command ended with status 3"]
    assert hooks.close() == []


@pytest.mark.parametrize("command", ["true", "exec 0<&-; sleep 0.05"])
def test_a_command_that_does_not_read_its_input(command):
    hooks = Hooks(command)
    for _ in range(3):
        assert hooks.start(EVENT) == []
    assert hooks.close() == []
