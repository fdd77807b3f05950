"""Jobs in fresh processes: the same result whatever ran before and beside them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType, TracebackType
from typing import Any, TypeVar

from kws.errors import InputError
from kws.shell import end_with_parent, how_ended

J = TypeVar("J")
R = TypeVar("R")


class Workers:
    """Worker processes that do every job in a fork of their own.

    A worker has imported what jobs need and never does one itself, so that a job finds the same
    state as any other and begins within milliseconds. Leaving the `with` block ends them, and
    what they are doing.
    """

    def __init__(self, num_processes: int) -> None:
        """
        Args:
            num_processes: how many jobs run at once.
        """
        self._num_processes = num_processes
        self._processes: list[SpawnProcess] = []
        self._connections: list[Connection] = []

    def __enter__(self) -> Workers:
        context = multiprocessing.get_context("spawn")
        for _ in range(self._num_processes):
            mine, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            self._processes.append(process)
            self._connections.append(mine)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        while self._connections:
            self._connections.pop().close()
        while self._processes:
            process = self._processes.pop()
            process.terminate()
            process.join()
            process.close()

    def run(
        self,
        function: Callable[[J], R],
        jobs: Sequence[J],
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[R]:
        """The results of `function` on every job, in the order of `jobs`.

        When a job fails, or the caller is interrupted, all workers have ended before that is
        raised: nothing is written any more.

        Args:
            function: of a module, so that a process finds it.
            jobs: what it is called with.
            on_progress: called with (jobs done, all jobs).

        Raises:
            InputError, OSError: a job raised it, or (InputError) its process was killed.
            RuntimeError: a job raised something else.
        """
        results: list[Any] = [None] * len(jobs)
        waiting = iter(enumerate(jobs))
        idle = list(self._connections)
        running: dict[Connection, int] = {}
        done = 0
        try:
            while done < len(jobs):
                while idle and (following := next(waiting, None)) is not None:
                    running[idle[-1]], job = following
                    with contextlib.suppress(BrokenPipeError):  # reading it tells how it ended
                        idle[-1].send((function, job))
                    idle.pop()
                for connection in wait(list(running)):
                    assert isinstance(connection, Connection)
                    results[running.pop(connection)] = self._received(connection)
                    idle.append(connection)
                    done += 1
                    on_progress(done, len(jobs))
        except BaseException:
            self._end()
            raise
        return results

    def _received(self, connection: Connection) -> Any:
        try:
            result, error = connection.recv()
        except (EOFError, OSError):
            process = self._processes[self._connections.index(connection)]
            process.join()
            raise _died(process.exitcode or 0) from None
        if error is not None:
            raise error
        return result


def _died(status: int) -> InputError:
    return InputError(f"a process of the synthesis {how_ended(status)}; run it again")


def _serve(connection: Connection) -> None:
    """A worker: fork for every job until there is nobody to work for."""
    child = 0

    def stop(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(OSError):  # the child may be done already
            if child:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
        os._exit(0)

    end_with_parent()  # it may be killed while a job runs
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the caller, who then ends the workers
    signal.signal(signal.SIGTERM, stop)
    while True:
        try:
            function, job = connection.recv()
        except (EOFError, OSError):  # the caller has closed its end
            return
        child = os.fork()
        if child == 0:
            end_with_parent()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _answer(connection, function, job)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        child = 0
        if status:
            _send(connection, (None, _died(os.waitstatus_to_exitcode(status))))


def _answer(connection: Connection, function: Callable[[Any], Any], job: Any) -> None:
    answer: tuple[Any, Exception | None]
    try:
        answer = function(job), None
    except (InputError, OSError) as error:
        answer = None, error
    except Exception:
        answer = None, RuntimeError(traceback.format_exc())
    _send(connection, answer)


def _send(connection: Connection, answer: tuple[Any, Exception | None]) -> None:
    with contextlib.suppress(OSError):  # the caller may be gone
        connection.send(answer)
