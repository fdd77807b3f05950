"""What is said when the processes that prepare examples fail, or die."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from training_tones import corpus, options, sources

from kws.data.examples import Examples
from kws.errors import InputError
from kws.training.options import AllOptions
from kws.training.prepare import prepare
from kws.training.trainer import Progress, train
from kws.training.workers import dead_workers_told

CE = "--chunk-frames=4"


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus(tmp_path_factory.mktemp("data") / "train", num_each=3)


def run(path: Path, tones: Path, given: AllOptions, **how: Any) -> None:
    train(prepare(sources(path, tones), given), path / "exp", **how)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (signal.SIGKILL, "was ended by SIGKILL, perhaps for want of memory"),
        (signal.SIGSEGV, "was ended by SIGSEGV"),
    ],
)
def test_a_worker_that_a_signal_ends_costs_one_line(
    number: int, told: str, tmp_path: Path, tones: Path
) -> None:
    def kill_worker(progress: Progress) -> None:
        for process in multiprocessing.active_children():
            assert process.pid is not None
            os.kill(process.pid, number)

    given = options(CE, "--num-epochs=100")
    with pytest.raises(InputError, match=f"^a process that prepares examples {told}; the same"):
        run(tmp_path, tones, given, num_workers=1, on_progress=kill_worker)


@pytest.mark.parametrize("num_workers", [0, 1])
@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (InputError("this is wrong; do that"), InputError, "^this is wrong; do that$"),
        (RuntimeError("a bug"), RuntimeError, "RuntimeError: a bug|^a bug$"),
    ],
)
def test_what_a_worker_raises_is_not_taken_for_its_death(
    error: Exception,
    kind: type[Exception],
    told: str,
    num_workers: int,
    tmp_path: Path,
    tones: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(self: Examples, job: object) -> None:
        raise error

    monkeypatch.setattr(Examples, "__getitem__", fail)
    with pytest.raises(kind, match=told) as caught:
        run(tmp_path, tones, options(CE), num_workers=num_workers)
    assert caught.type is kind


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("DataLoader worker (pid 7) is killed by signal: Killed. ", "was ended by SIGKILL, per"),
        (
            "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that "
            "dataloader's workers are out of shared memory. ",
            "was ended by SIGBUS; the same",
        ),
        (
            "DataLoader worker (pid 7) exited unexpectedly with exit code 3. Details are lost",
            "ended with exit status 3; the same",
        ),
        ("DataLoader worker (pid(s) 7, 8) exited unexpectedly", "has died; the same"),
    ],
)
def test_torchs_words_for_a_dead_worker_are_understood(said: str, told: str) -> None:
    with (
        pytest.raises(InputError, match=f"^a process that prepares examples {told}"),
        dead_workers_told(),
    ):
        raise RuntimeError(said)
