"""Jobs in fresh processes."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kws.data.synthesis.jobs import Workers
from kws.errors import InputError

SEEN = []


def remember(job):
    SEEN.append(job)
    return os.getpid(), list(SEEN)


def misbehave(job):
    if job == "user":
        raise InputError("a user's mistake")
    if job == "disk":
        raise OSError(28, "No space left on device", "file.flac")
    if job == "bug":
        raise KeyError("a bug")
    if job == "death":
        os.kill(os.getpid(), signal.SIGKILL)
    if job == "exit":
        os._exit(3)
    if job == "slow":
        time.sleep(60)
    return job


@pytest.fixture(scope="module")
def workers():
    with Workers(2) as started:
        yield started


def test_results_come_in_the_order_of_the_jobs_each_from_a_fresh_process(workers):
    progress = []
    results = workers.run(remember, list(range(12)), lambda *counts: progress.append(counts))
    assert [seen for _, seen in results] == [[job] for job in range(12)]
    assert len({process for process, _ in results}) == 12
    assert progress == [(done, 12) for done in range(1, 13)]
    assert workers.run(remember, []) == []


@pytest.mark.parametrize(
    ("job", "kind", "message"),
    [
        ("user", InputError, "a user's mistake"),
        ("disk", OSError, "No space left on device"),
        ("bug", RuntimeError, "KeyError: 'a bug'"),
        (
            "death",
            InputError,
            "^a process of the synthesis was ended by SIGKILL, perhaps for want of memory; run it "
            "again$",
        ),
        ("exit", InputError, "^a process of the synthesis ended with exit status 3; run it again$"),
    ],
)
def test_errors_of_a_job_are_raised_where_it_was_ordered(job, kind, message):
    with pytest.raises(kind, match=message), Workers(1) as one:
        one.run(misbehave, ["fine", job])


def test_a_worker_that_died_between_two_jobs_is_told():
    with Workers(1) as one:
        assert one.run(misbehave, ["fine"]) == ["fine"]
        (process,) = one._processes
        process.kill()
        process.join()
        with pytest.raises(InputError, match="was ended by SIGKILL"):
            one.run(misbehave, ["fine"])


def test_interruption_ends_the_jobs_at_once():
    def interrupt(done, total):
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Workers(2) as two:
        two.run(misbehave, ["slow", "quick", "slow"], interrupt)
    assert time.monotonic() - began < 30  # not the minute that the slow one takes


def note_and_sleep(path):
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends processes with their parent")
def test_a_program_that_is_killed_leaves_no_job_behind(tmp_path):
    program = (
        "from test_data_synthesis_jobs import *\n"
        "if __name__ == '__main__':\n"
        "    with Workers(1) as one:\n"
        f"        one.run(note_and_sleep, [{str(tmp_path / 'pid')!r}])\n"
    )
    (tmp_path / "program.py").write_text(program)
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    with subprocess.Popen(
        [sys.executable, tmp_path / "program.py"], env={**os.environ, "PYTHONPATH": path}
    ) as parent:
        end = time.monotonic() + 60
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert time.monotonic() < end
            time.sleep(0.05)
        parent.kill()
    job = int((tmp_path / "pid").read_text())
    end = time.monotonic() + 20
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < end:
            os.kill(job, 0)
            time.sleep(0.05)
        pytest.fail("the job goes on")
