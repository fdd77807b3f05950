"""Full disks and interrupted runs: what was there stays, and nothing half-written is left."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mistakes_world import TRAIN, Case, World

from kws.kaldi import TableWriter

PROGRAM = [sys.executable, "-c", "from kws.cli.main import main; main()"]


@contextmanager
def full_disk() -> Iterator[None]:
    """No file takes more than 10 bytes; a write beyond fails as one on a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))  # Python ignores the signal, SIGXFSZ
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


CASES = [
    Case("init", "init net.config final.kws", "final.kws: File too large"),
    Case("features", "features --config feats.conf data out", "out/feats.ark: File too large"),
    Case(
        "features with statistics",
        "features --config cmvn.conf data out",
        "out/.feats.unnormalised.ark: File too large",
        {"cmvn.conf": "--num-mel-bins=8\n--cmvn=global\n"},
    ),
    Case("posteriors", "posteriors final.kws data ark:out.ark", "out.ark: File too large"),
    Case(
        "posteriors with an scp",
        "posteriors final.kws data ark,scp:out.ark,out.scp",
        "out.ark: File too large",
    ),
    Case("copy", "copy 0.kws out.raw", "out.raw: File too large"),
    Case("copy to a model", "copy 0.kws new.kws", "new.kws: File too large"),
    Case("train", TRAIN, "exp: File too large"),  # the audio, which has no name there
    Case("align", "align --keywords jarvis data out.ctm", "out.ctm: File too large"),
    Case("data combine", "data combine out data", "out/text: File too large"),
    Case("data join", "data join data out", "out/...: File too large"),
    Case(
        "evaluate, the model",
        "evaluate --model final.kws --dev data --test neg --out out",
        "final.kws: File too large",
        {"neg/wav.scp": "n ../sound.wav\n"},
    ),
    Case(
        "evaluate, the results",
        "evaluate --model final.kws --test data --out out",
        "out/operating_points.csv: File too large",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_full_disk(case: Case, world: World) -> None:
    world.check(case, full_disk())


def test_a_full_device(world: World) -> None:
    line = "/dev/full: No space left on device"
    world.check(Case("", "posteriors final.kws scp:feats.scp ark:/dev/full", line))
    world.check(Case("", "init net.config /dev/full", line))


@pytest.mark.parametrize(
    "words", [["describe"], ["--version"], ["detect", "--threshold", "0", "final.kws", "sound.wav"]]
)
def test_a_full_disk_behind_standard_output(words: list[str], world: World) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*PROGRAM, *words], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert done.stderr == b"kws: No space left on device\n"


@pytest.mark.parametrize(
    "command",
    ["posteriors final.kws data ark:out.ark", "features --config cmvn.conf data out"],
)
def test_an_interrupt_while_a_table_is_written(
    command: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = TableWriter.write

    def interrupted(writer: TableWriter, key: str, matrix: object) -> None:
        write(writer, key, matrix)  # type: ignore[arg-type]
        if key == "b-1":
            raise KeyboardInterrupt

    monkeypatch.setattr(TableWriter, "write", interrupted)
    files = {"cmvn.conf": "--num-mel-bins=8\n--cmvn=global\n"}
    world.check(Case("", command, "", files, status=130))


def test_a_real_interrupt(world: World) -> None:
    """Ctrl-C goes to the program and to the command that it reads from."""
    commands = "".join(
        f"{i} {'touch started; sleep 60;' * (i == 'b-1')} cat data/{i}.wav |\n"
        for i in ("a-1", "a-2", "b-1")
    )
    folder = world.folder / "piped"
    folder.mkdir()
    (folder / "wav.scp").write_text(commands)
    before = world.contents()
    words = ["posteriors", "--allow-commands", "final.kws", "piped", "ark:out.ark"]
    with subprocess.Popen(
        [*PROGRAM, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # a shell that runs the tests in the background has its children ignore SIGINT
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while not Path("started").exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            os.killpg(process.pid, signal.SIGINT)
            out, error = process.communicate(timeout=60)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert (process.returncode, out, error) == (130, b"", b"")
    Path("started").unlink()
    assert world.contents() == before


def test_a_full_disk_takes_no_result_of_an_evaluation_away(world: World) -> None:
    (world.folder / "neg").mkdir()
    (world.folder / "neg/wav.scp").write_text("n ../sound.wav\n")
    for words, line in (
        ("--test data", "out/operating_points.csv: File too large"),
        ("--dev data --test neg", "final.kws: File too large"),
    ):
        command = f"evaluate --model final.kws {words} --out out"
        printed = world.check(Case("", command, line), full_disk())
        assert "jarvis" in printed
        assert "wrote" not in printed
