"""Mistakes in the comparison of a model with its exported file."""

from __future__ import annotations

from pathlib import Path

import pytest
from mistakes_world import Case, World
from runtime_level import write_level

from kws.export import export_spotter
from kws.spotter import Spotter

EXPORT_AGAIN = "export the model again"
CASES = [
    Case(
        "no recordings",
        "verify final.kws final.onnx",
        "kws verify: Missing argument 'FILE...'. (see kws verify --help)",
    ),
    Case(
        "a model that is missing",
        "verify no.kws final.onnx sound.wav",
        "no.kws: No such file or directory; name a file that can be read",
    ),
    Case(
        "an exported file that is missing",
        "verify final.kws no.onnx sound.wav",
        "no.onnx: No such file or directory",
    ),
    Case(
        "the two in the wrong order",
        "verify final.onnx final.kws sound.wav",
        "final.onnx: not a kws model, or damaged (...); make it again",
    ),
    Case(
        "a network without keywords",
        "verify 0.kws final.onnx sound.wav",
        "0.kws: holds a network without features and keywords; a keyword model is what `kws "
        "train` makes",
    ),
    Case(
        "a model that was not exported",
        "verify final.kws final.kws sound.wav",
        "final.kws: not an ONNX file that onnxruntime ... loads (...); give what `kws export` "
        "writes",
    ),
    Case(
        "a file of another model",
        "verify final.kws other.onnx sound.wav",
        'other.onnx: was not exported from final.kws as it is now: its keywords are ["siri", '
        f'"computer"], the model\'s ["jarvis", "computer"]; {EXPORT_AGAIN}',
    ),
    Case(
        "a detector that kws export did not write",
        "verify final.kws level.onnx sound.wav",
        f"level.onnx: has no value named features... inside; {EXPORT_AGAIN}",
    ),
    Case(
        "thresholds that were solved after the export",
        "verify final.kws new.onnx sound.wav",
        "new.onnx: was not exported from final.kws as it is now: its thresholds are {}, the "
        f'model\'s {{"jarvis": 0.9, "computer": 0.9}}; {EXPORT_AGAIN}',
    ),
    Case(
        "no thresholds",
        "verify new.kws new.onnx sound.wav",
        "new.kws: the model has no thresholds; give --threshold, or solve them with `kws evaluate "
        "--dev` and export it again",
    ),
    Case(
        "a threshold beyond 1",
        "verify final.kws final.onnx sound.wav --threshold 1.5",
        "kws verify: Invalid value for '--threshold': ... (see kws verify --help)",
    ),
    Case(
        "a negative seed",
        "verify final.kws final.onnx sound.wav --seed -1",
        "kws verify: Invalid value for '--seed': ... (see kws verify --help)",
    ),
    Case(
        "a recording that is missing",
        "verify final.kws final.onnx sound.wav no.wav",
        "no.wav: No such file or directory",
    ),
    Case(
        "text for a recording",
        "verify final.kws final.onnx net.config",
        "net.config: is text (...), not a sound file; give a wav, FLAC, Opus, MP3 or SPHERE",
    ),
    Case(
        "a recording without a frame",
        "verify final.kws final.onnx short.wav",
        "short.wav: 100 samples hold no frame; give a longer recording",
        notices=("short.wav: ends before its header says, what is there is used...",),
        prepare=lambda folder: cut(folder, 100),
    ),
]


def cut(folder: Path, num_samples: int) -> None:
    content = (folder / "sound.wav").read_bytes()
    (folder / "short.wav").write_bytes(content[: 44 + 2 * num_samples])


@pytest.fixture
def exports(world: World) -> World:
    write_level(world.folder / "level.onnx")
    for name in ("final", "new"):
        export_spotter(Spotter.load(f"{name}.kws"), world.folder / f"{name}.onnx")
    spotter = Spotter.load("final.kws")
    spotter.metadata["keywords"] = [
        {"name": "siri", "units": [1]},
        {"name": "computer", "units": [2]},
    ]
    export_spotter(spotter, world.folder / "other.onnx")
    return world


@pytest.mark.parametrize("case", CASES, ids=str)
def test_verify(case: Case, exports: World) -> None:
    assert exports.check(case) == ""


def test_a_threshold_serves_where_the_model_has_none(exports: World) -> None:
    out = exports.check(Case("", "verify new.kws new.onnx sound.wav --threshold 0.5", "", status=0))
    assert out.endswith("they agree\n")
