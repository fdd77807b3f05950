"""The processes that prepare training examples while the network learns."""

from __future__ import annotations

import re
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch.utils.data import DataLoader

from kws.data.chunks import Pool
from kws.data.draws import Job
from kws.data.examples import Examples
from kws.errors import InputError
from kws.shell import end_with_parent, how_ended

# torch's words for a worker that is gone; those of an error in one begin otherwise
GONE = re.compile(
    r"DataLoader worker \(pid\S* [\d, ]+\) "
    r"(?:is killed by signal: (?P<signal>.+?)\.|"
    r"exited unexpectedly(?: with exit code (?P<status>\d+))?)"
)


class Workers:
    """Processes that turn jobs into pools, one epoch after the other.

    They are forked once, and so share the audio with this process. What they compute depends on
    the jobs alone.

    Args:
        examples: what turns a job into a pool.
        num_workers: processes; 0 computes in this one.
    """

    def __init__(self, examples: Examples, num_workers: int) -> None:
        self._jobs: list[Job] = []
        self._loader: DataLoader[Pool] = DataLoader(
            _Faults(examples),  # type: ignore[arg-type]
            batch_size=None,
            sampler=self._jobs,
            num_workers=num_workers,
            persistent_workers=num_workers > 0,
            collate_fn=_as_it_is,
            worker_init_fn=follow_parent,
            multiprocessing_context="fork" if num_workers and sys.platform == "linux" else None,
        )

    def pools(self, jobs: Sequence[Job]) -> Iterator[Pool]:
        """The pools of `jobs`, in order; some are prepared ahead.

        Raises:
            InputError: a worker found it.
        """
        self._jobs[:] = jobs
        with warnings.catch_warnings():
            # newer Pythons warn of forking a process with threads; ours hold no locks then
            warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
            pools = iter(self._loader)
        for pool in pools:
            if isinstance(pool, InputError):
                raise pool
            yield pool


class _Faults:
    """Examples with a user's mistakes among them: torch would make tracebacks of those."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples

    def __getitem__(self, job: Job) -> Pool | InputError:
        try:
            return self._examples[job]
        except InputError as error:
            return error


@contextmanager
def dead_workers_told() -> Iterator[None]:
    """Turn torch's error about a worker that has died, which can come anywhere, into a line.

    Raises:
        InputError: in its place.
    """
    try:
        yield
    except RuntimeError as error:
        if GONE.match(str(error)) is None:
            raise
        raise InputError(
            f"a process that prepares examples {_end_of_worker(error)}; the same command "
            "continues, with a smaller --nj if need be"
        ) from None


def _end_of_worker(error: BaseException | None) -> str:
    """How it ended; the error that names the signal may be the cause of one that does not."""
    while error is not None and (gone := GONE.match(str(error))):
        if gone["status"] is not None:
            return how_ended(int(gone["status"]))
        for number in signal.valid_signals() if gone["signal"] else ():
            if signal.strsignal(number) == gone["signal"]:
                return how_ended(-number)
        error = error.__cause__
    return "has died"


def _as_it_is(pool: Any) -> Any:
    return pool


def follow_parent(worker: int = 0) -> None:
    """Leave interrupts to the parent, and end when it is killed.

    A worker may wait for a lock that the killed process held: only the kernel then ends it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
