"""Mistakes in the words after recipes/run.sh: told before anything is installed or computed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from mistakes_world import World

RECIPE = Path(__file__).resolve().parents[3] / "recipes" / "run.sh"
SETS = ["--train", "data", "--dev", "out", "--test", "neg"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--sped", "1"], "unknown option --sped; see --help"),
        (["--exp"], "--exp needs a value; see --help"),
        (["--stage", "two"], "--stage two: must be a whole number"),
        (["--nj", "0"], "--nj 0: must be greater than 0"),
        (["--fa-per-hour", "few"], "--fa-per-hour few: must be a number greater than 0"),
        (["--corpus-scale", "0.0"], "--corpus-scale 0.0: must be a number greater than 0"),
        (["--objective", "ctc"], "--objective ctc: must be ce or max-pool"),
        (["--device", "tpu"], "--device tpu: must be cpu or cuda"),
        (
            ["--train", "data"],
            "--train, --dev and --test belong together: give all three (kws data subset cuts a "
            "data dir)",
        ),
        (
            [*SETS, "--train", "data out"],
            "--train data out: no such folder; several folders are given each with its own --train",
        ),
        (
            [*SETS, "--noise", "daat"],
            "--noise daat: no such folder; several folders are given each with its own --noise",
        ),
        (
            [*SETS, "--test", "./data"],
            "{folder}/data: is given twice; nothing may be in two of --train, --dev and --test",
        ),
        (["--network", "no.config"], "no.config: no such file (relative to {root})"),
        (["--exp", "net.config"], "--exp net.config: is a file; name a folder"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value),
)
def test_the_recipe(words: list[str], line: str, world: World) -> None:
    (world.folder / "neg").mkdir()
    before = world.contents()
    done = subprocess.run(
        ["bash", str(RECIPE), *(["--exp", "exp"] if "--exp" not in words else []), *words],
        capture_output=True,
        text=True,
        # an environment would be made with this; a mistake must be told before
        env={**os.environ, "PYTHON": "/bin/false", "KWS_VENV": str(world.folder / "venv")},
        check=False,
    )
    places = {"folder": world.folder, "root": RECIPE.parents[1]}
    assert done.stderr == f"recipes/run.sh: {line.format_map(places)}\n"
    assert (done.returncode, done.stdout) == (2, "")
    assert world.contents() == before
