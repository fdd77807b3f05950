"""What TensorBoard reads, under a clock that was put back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kws.training.log import TrainLog


def test_the_files_of_a_continued_run_come_after_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_800_000_000.5
    files: list[str] = []
    for clock in (now, now - 86400, now - 2 * 86400):
        monkeypatch.setattr(time, "time", lambda clock=clock: clock)
        TrainLog(tmp_path, 1, echo=lambda text: None)
        (new,) = {path.name for path in (tmp_path / "tensorboard").iterdir()} - set(files)
        files.append(new)
    assert files == sorted(files)
    assert files[0].startswith("events.out.tfevents.1800000000.")
