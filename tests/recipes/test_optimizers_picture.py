"""The picture of the optimizers' losses, from trainings that leave what it needs."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest
from training_tones import corpus, options, sources

from kws.training.prepare import prepare
from kws.training.trainer import train

ROOT = Path(__file__).resolve().parents[2]
FEW = ("--chunk-frames=4", "--num-epochs=3", "--average-decay=0", "--adjust-priors=false")


def picture(*arguments: object) -> subprocess.CompletedProcess[str]:
    script = ROOT / "recipes" / "optimizers" / "picture.py"
    return subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_best_rate_of_each_optimizer_is_drawn_and_marked(tmp_path: Path) -> None:
    data = corpus(tmp_path / "data", num_each=3)
    exp = tmp_path / "exp"
    losses: dict[tuple[str, str], float] = {}
    for optimizer, rate in (("sgd", "0.02"), ("sgd", "1e-06"), ("adamw", "0.02")):
        of_rate = (f"--optimizer={optimizer}", f"--initial-effective-lrate={rate}")
        given = options(*FEW, *of_rate, f"--final-effective-lrate={rate}")
        (exp / f"{optimizer}_{rate}").mkdir(parents=True)
        task = prepare(sources(tmp_path, data, dev_data=(str(data),)), given)
        stops = iter([False, True])  # the last of them after an epoch, to go on in another file
        for _ in range(2):
            state = train(
                task,
                exp / f"{optimizer}_{rate}",
                num_workers=0,
                should_stop=lambda stops=stops: next(stops, False),  # type: ignore[misc]
            )
        losses[optimizer, rate] = state.epochs[-1]["dev/loss"]
        assert 0 < state.processor_s < 60
    assert losses["sgd", "0.02"] < losses["sgd", "1e-06"]
    (exp / "data" / "tensorboard").mkdir(parents=True)  # no training
    (exp / "to_nothing" / "tensorboard").mkdir(parents=True)

    done = picture(exp, tmp_path / "picture.png")
    assert done.returncode == 0, done.stderr
    header, rule, *rows = map(cells, done.stdout.splitlines())
    assert len(header) == len(rule) == 6
    assert [row[:3] for row in rows] == [
        ["adamw", "**0.02**", f"**{losses['adamw', '0.02']:.4f}**"],
        ["sgd", "1e-06", f"{losses['sgd', '1e-06']:.4f}"],
        ["sgd", "**0.02**", f"**{losses['sgd', '0.02']:.4f}**"],
    ]
    content = (tmp_path / "picture.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert struct.unpack(">II", content[16:24]) == (1000, 440)
    assert picture(exp, tmp_path / "again.png").returncode == 0
    assert (tmp_path / "again.png").read_bytes() == content


@pytest.mark.parametrize("made", [False, True])
def test_without_trainings_there_is_none(tmp_path: Path, made: bool) -> None:
    if made:
        (tmp_path / "sgd_0.1" / "tensorboard").mkdir(parents=True)
    done = picture(tmp_path, tmp_path / "picture.png")
    assert done.returncode == 2
    assert ("an epoch lacks values" if made else "run stage 1 first") in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "picture.png").exists()
