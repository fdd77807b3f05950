"""Machines without a home, and folders that only can be read."""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from mistakes_world import TRAIN, World
from runtime_level import write_level

ROOT = Path(__file__).parents[3]
PROGRAM = """
import json, sys
from kws.cli.main import main
for words in json.loads(sys.argv[1]):
    sys.argv[1:] = words
    try:
        main()
    except SystemExit as end:
        print("status", end.code, file=sys.stderr)
"""
HOMES = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "PYTHONWARNINGS")
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
EVALUATE = "evaluate --model final.kws --test data --out"
DENIED = "Permission denied; name a place that you may use, or change its permissions"


def obey_permissions() -> None:
    """Let those of files count for the program that is started, even where it is the root's."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


def said(world: World, *commands: str) -> list[str]:
    """What commands, in one process without a home, say on standard error; their status too."""
    kept = {name: value for name, value in os.environ.items() if name not in HOMES}
    path = os.pathsep.join([str(ROOT), kept.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([shlex.split(c) for c in commands])],
        cwd=world.folder,
        env={**kept, "PYTHONPATH": path, "HOME": "/dev/null/home"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=obey_permissions,
    )
    return done.stderr.splitlines()


def test_without_a_home_nothing_is_lost_and_nothing_said(world: World) -> None:
    write_level(world.folder / "level.onnx")
    assert (
        said(
            world,
            f"{EVALUATE} found",
            "explain level.onnx sound.wav --out why.png",
            "detect final.kws sound.wav",
            "export final.kws final.onnx",
        )
        == ["status 0"] * 4
    )
    assert {path.name for path in (world.folder / "found").glob("*.png")} >= {"det.png"}
    assert (world.folder / "why.png").stat().st_size > 1000


def test_a_training_without_a_home(world: World) -> None:
    lines = said(world, TRAIN)
    assert lines[-1:] == ["status 0"]
    assert not [line for line in lines if "warn" in line.lower() or "mkdir" in line]
    assert (world.folder / "exp/final.kws").exists()


def test_folders_that_only_can_be_read(world: World) -> None:
    write_level(world.folder / "level.onnx")
    for name in ("kept", "exp"):
        (world.folder / name).mkdir()
    (world.folder / "kept/final.kws").write_bytes((world.folder / "final.kws").read_bytes())
    neg = world.folder / "neg"
    neg.mkdir()
    (neg / "wav.scp").write_text("n ../sound.wav\n")
    before = world.contents()
    for name in ("kept", "exp", "data"):
        (world.folder / name).chmod(0o555)
    cases = {
        f"{EVALUATE} kept/out": f"kept/out/report.html: {DENIED}",
        f"{EVALUATE} kept": f"kept/report.html: {DENIED}",
        "evaluate --model kept/final.kws --dev data --test neg --out new": (
            f"kept/final.kws: {DENIED}"
        ),
        "features --config feats.conf data kept/out": f"kept/out: {DENIED}",
        "features --config feats.conf data kept": f"kept/feats.ark: {DENIED}",
        "explain level.onnx sound.wav --out kept/why.png": f"kept/why.png: {DENIED}",
        "export final.kws kept/final.onnx": f"kept/final.onnx: {DENIED}",
        "data combine kept data": f"kept/text: {DENIED}",
        "align --keywords jarvis data kept/out.ctm": f"kept/out.ctm: {DENIED}",
        TRAIN: f"exp/.train.lock: {DENIED}",
    }
    try:
        lines = said(world, *cases, "data validate data", f"{EVALUATE} new")
    finally:
        for name in ("kept", "exp", "data"):
            (world.folder / name).chmod(0o755)
    expected = [line for refused in cases.values() for line in (refused, "status 2")]
    assert lines == [*expected, "status 0", "status 0"]
    after = world.contents()
    assert {name: after[name] for name in before} == before
    assert {Path(name).parts[0] for name in after.keys() - before.keys()} == {"new"}
