"""Jobs in fresh processes: the same result whatever ran before and beside them."""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from typing import Any, TypeVar

from kws.errors import InputError

J = TypeVar("J")
R = TypeVar("R")


def run_jobs(
    function: Callable[[J], R],
    jobs: Sequence[J],
    *,
    num_processes: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[R]:
    """The results of `function` on every job, each in a process of its own, in the jobs' order.

    The processes are forks of a clean server that has imported what it needs, so that one starts
    within milliseconds. When a job fails or the caller is interrupted, the others are ended.

    Args:
        function: of a module, so that a process finds it.
        jobs: what it is called with.
        num_processes: how many run at once.
        on_progress: called with (jobs done, all jobs).

    Raises:
        InputError: a job raised it.
        RuntimeError: a job raised something else, or its process died.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", function.__module__])
    results: list[Any] = [None] * len(jobs)
    running: dict[Connection, tuple[int, ForkServerProcess]] = {}
    waiting = iter(enumerate(jobs))
    done = 0
    try:
        while done < len(jobs):
            while len(running) < num_processes and (following := next(waiting, None)) is not None:
                index, job = following
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(sender, function, job), daemon=True)
                process.start()
                sender.close()
                running[receiver] = (index, process)
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                index, process = running.pop(ready)
                results[index] = _result(ready, process)
                done += 1
                on_progress(done, len(jobs))
    finally:
        for receiver, (_, process) in running.items():
            process.terminate()
            process.join()
            process.close()
            receiver.close()
    return results


def _work(sender: Connection, function: Callable[[Any], Any], job: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller ends its processes
    try:
        sender.send((function(job), None))
    except InputError as error:
        sender.send((None, error))
    except Exception:
        sender.send((None, RuntimeError(traceback.format_exc())))
    finally:
        sender.close()


def _result(receiver: Connection, process: ForkServerProcess) -> Any:
    try:
        result, error = receiver.recv()
    except EOFError:
        process.join()
        error = RuntimeError(f"a synthesis process ended with exit code {process.exitcode}")
        result = None
    finally:
        receiver.close()
    process.join()
    process.close()
    if error is not None:
        raise error
    return result
