"""Models that cannot be exported, and places that nothing can be written to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
from mistakes_world import Case, World

from kws.audio import write_audio

FEATURES = "--num-mel-bins=8\n--high-freq=3700\n"


def with_text(**texts: str) -> Callable[[Path], None]:
    """Write bad.kws: a good model with other texts in it."""

    def edit(folder: Path) -> None:
        with safetensors.safe_open(folder / "final.kws", framework="pt") as file:
            held = dict(file.metadata())
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        safetensors.torch.save_file(tensors, folder / "bad.kws", held | texts)

    return edit


CASES = [
    Case(
        "a model that is missing",
        "export no.kws out.onnx",
        "no.kws: No such file or directory; name a file that can be read",
    ),
    Case(
        "a sound for a model",
        "export sound.wav out.onnx",
        "sound.wav: not a kws model, or damaged (...); make it again",
    ),
    Case(
        "a network alone",
        "export 0.kws out.onnx",
        "0.kws: holds a network without features and keywords; a keyword model is what "
        "`kws train` makes",
    ),
    Case(
        "no file to write",
        "export final.kws",
        "kws export: Missing argument 'OUT.onnx'. (see kws export --help)",
    ),
    Case("a directory to write", "export final.kws data", "data: is a directory; name a file"),
    Case(
        "a file where a folder must be",
        "export final.kws net.config/out.onnx",
        "net.config: is a file; name a directory",
    ),
    Case(
        "the model itself",
        "export final.kws final.kws",
        "final.kws: names a model, not an exported file; end it in .onnx",
    ),
    Case(
        "an opset that is too old",
        "export final.kws out.onnx --opset 9",
        "opset 9: choose one of 18 to 21",
    ),
    Case(
        "an opset that is a word",
        "export final.kws out.onnx --opset new",
        "kws export: Invalid value for '--opset': ... (see kws export --help)",
    ),
    Case(
        "statistics of speakers",
        "export bad.kws out.onnx",
        "bad.kws: cmvn=speaker: a speaker's statistics are not known in a stream; "
        "use --cmvn=global",
        prepare=with_text(features=f"{FEATURES}--cmvn=speaker\n"),
    ),
    Case(
        "the utterance's mean",
        "export bad.kws out.onnx",
        "bad.kws: subtract-mean=true: the mean of a whole utterance is not known in a stream; "
        "use --cmvn=global instead",
        prepare=with_text(features=f"{FEATURES}--subtract-mean=true\n"),
    ),
    Case(
        "reflected edges",
        "export bad.kws out.onnx",
        "bad.kws: snip-edges=false: edges that are reflected cannot be exported; train with "
        "snip-edges=true",
        prepare=with_text(features=f"{FEATURES}--snip-edges=false\n"),
    ),
    Case(
        "8 bits without audio",
        "export final.kws out.onnx --int8",
        "--int8 needs --calibration: a data dir or sound files as it will hear",
    ),
    Case(
        "audio without 8 bits",
        "export final.kws out.onnx --calibration data",
        "--calibration is for --int8; give both or neither",
    ),
    Case(
        "audio that is missing",
        "export final.kws out.onnx --int8 --calibration no.wav",
        "no.wav: No such file or directory",
    ),
    Case(
        "audio that is text",
        "export final.kws out.onnx --int8 --calibration net.config",
        "net.config: ...",
    ),
    Case(
        "audio shorter than a frame",
        "export final.kws out.onnx --int8 --calibration short",
        "--calibration: no recording has a frame of samples; give longer ones",
        prepare=lambda f: _short_data_dir(f / "short"),
    ),
    Case(
        "a directory that is no data dir",
        "export final.kws out.onnx --int8 --calibration out",
        "out/...",
    ),
]


def _short_data_dir(folder: Path) -> None:
    folder.mkdir()
    write_audio(folder / "a.wav", [100.0] * 300, 16000)
    (folder / "wav.scp").write_text("a a.wav\n")
    (folder / "text").write_text("a jarvis\n")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_export(case: Case, world: World) -> None:
    world.check(case)
