"""What an exported file says about itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kws.detection import WordOffsets, check_refractory, check_threshold, word_offsets
from kws.detection.detector import MOST_REFRACTORY_S
from kws.errors import InputError
from kws.keyword import Keyword

FORMAT = "kws-onnx"
FORMAT_VERSION = 1
# what is beyond these is damage, and would ask for more memory than there is
MOST_RATE = 10**6
MOST_FRAMES = 10**6
MOST_FRAME_S = 60.0
MOST_STATE = 10**8
CONFIDENCES = ("chen", "ordered")
WEIGHTS = ("float32", "int8")
T = TypeVar("T")


@dataclass(frozen=True)
class Metadata:
    """The entries of an exported file.

    Args:
        sample_rate: of the samples that it takes, in Hz.
        frame_shift_s: time from frame to frame.
        frame_offset_s: the centre of frame 0.
        units: the names of the network's outputs.
        keywords: the columns of the confidences, in order.
        posterior: w_smooth, w_max (frames) and the kind of confidence.
        refractory_s: the least time between two triggers of a keyword.
        operating_points: of each keyword that has one, "threshold" and what was measured there.
        state_size: values per stream between two calls.
        settled_frames: frames after which a stream's age means nothing to the file any more; None:
            unknown.
        weights: "float32" or "int8".
        network: config text of the network.
        features: feature options as lines.
        card: the model card.
        word_offsets: of the keywords whose words' times it knows.
    """

    sample_rate: int
    frame_shift_s: float
    frame_offset_s: float
    units: tuple[str, ...]
    keywords: tuple[Keyword, ...]
    posterior: dict[str, Any]
    refractory_s: float
    operating_points: dict[str, dict[str, Any]]
    state_size: int
    settled_frames: int | None
    weights: str
    network: str
    features: str
    card: dict[str, Any]
    word_offsets: dict[str, WordOffsets] = field(default_factory=dict)

    @property
    def w_max(self) -> int:
        """Frames of the confidence's window."""
        return int(self.posterior["w_max"])

    @property
    def thresholds(self) -> dict[str, float]:
        """Of the keywords that have one."""
        return {name: float(point["threshold"]) for name, point in self.operating_points.items()}

    @property
    def has_thresholds(self) -> bool:
        """Whether every keyword has one."""
        return all(keyword.name in self.operating_points for keyword in self.keywords)

    @property
    def frame_shift(self) -> int:
        """Samples from frame to frame."""
        return round(self.frame_shift_s * self.sample_rate)

    @property
    def first_samples(self) -> int:
        """Samples that complete frame 0."""
        return max(1, round(2 * self.frame_offset_s * self.sample_rate))


def parse_metadata(entries: Mapping[str, str], source: str) -> Metadata:
    """The metadata in an ONNX file's entries.

    Args:
        entries: names and texts, as they stand in the file, whoever wrote it.
        source: the file's name, for error messages.

    Raises:
        InputError: not an exported keyword model, of a newer format, or damaged.
    """
    if entries.get("format") != FORMAT:
        raise InputError(
            f"{source}: an ONNX file, but no keyword detector; give what `kws export` writes"
        )
    version = _entry(entries, source, "format_version")
    if version > FORMAT_VERSION:
        raise InputError(
            f"{source}: its format_version={version} is newer than {FORMAT_VERSION}, the newest "
            "that this kws reads; update kws, or export the model again"
        )
    values: dict[str, Any] = {"settled_frames": None, "word_times": {}}  # where they are missing
    for name in _ENTRIES:
        if name != "format_version" and (name in entries or name not in values):
            values[name] = _entry(entries, source, name)
    metadata = Metadata(
        operating_points=values.pop("thresholds"),
        word_offsets=values.pop("word_times"),
        **values,
    )
    _check_together(metadata, source)
    return metadata


def _entry(entries: Mapping[str, str], source: str, name: str) -> Any:
    """The value of an entry, checked."""
    if name not in entries:
        raise InputError(f"{source}: its metadata has no {name}; export the model again")
    rule, parse = _ENTRIES[name]
    try:
        return parse(entries[name])
    # deep nesting and integers without end are wrong as well
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, InputError):
        raise InputError(
            f"{source}: its metadata is damaged at {name}={entries[name][:40]!r}: it must be "
            f"{rule}; export the model again"
        ) from None


def _check_together(metadata: Metadata, source: str) -> None:
    """InputError when entries that are right by themselves contradict one another."""
    for keyword in metadata.keywords:
        if max(keyword.units) >= len(metadata.units):
            raise InputError(
                f"{source}: its metadata is damaged: keyword {keyword.name!r} has a unit "
                f"{max(keyword.units)}, but they are 0 to {len(metadata.units) - 1}; export the "
                "model again"
            )
    if metadata.frame_shift < 1:
        raise InputError(
            f"{source}: its metadata is damaged: frame_shift_s={metadata.frame_shift_s} is less "
            f"than a sample at {metadata.sample_rate} Hz; export the model again"
        )


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        return _fitting(value, least <= value <= most)

    return parse


def _seconds(text: str) -> float:
    value = float(text)
    return _fitting(value, 0 < value <= MOST_FRAME_S)


def _refractory(text: str) -> float:
    value = float(text)
    check_refractory(value)
    return value


def _text(text: Any) -> str:
    """Not empty, and no half of a pair of UTF-16, which JSON can hold and nothing can print."""
    if not isinstance(text, str):
        raise TypeError
    return _fitting(text, text.encode("utf-8") != b"")


def _one_of(*choices: str) -> Callable[[str], str]:
    return lambda text: _fitting(text, text in choices)


def _units(text: str) -> tuple[str, ...]:
    units = tuple(_text(name) for name in _list(text))
    return _fitting(units, bool(units))


def _keywords(text: str) -> tuple[Keyword, ...]:
    keywords = tuple(
        Keyword(_text(entry["name"]), tuple(map(_integer, entry["units"]))) for entry in _list(text)
    )
    return _fitting(keywords, bool(keywords))


def _posterior(text: str) -> dict[str, Any]:
    posterior = _object(text)
    frames = [_integer(posterior[name]) for name in ("w_smooth", "w_max")]
    is_known = posterior["confidence"] in CONFIDENCES
    return _fitting(posterior, is_known and all(1 <= n <= MOST_FRAMES for n in frames))


def _operating_points(text: str) -> dict[str, dict[str, Any]]:
    points = _object(text)
    for name, point in points.items():
        threshold = point["threshold"]
        _fitting(threshold, type(threshold) in (int, float))
        check_threshold(name, threshold)
    return points


def _word_offsets(text: str) -> dict[str, WordOffsets]:
    entries = _object(text)
    _fitting(entries, all(isinstance(entry, dict) for entry in entries.values()))
    return word_offsets(entries)


def _list(text: str) -> list[Any]:
    value = json.loads(text)
    return _fitting(value, isinstance(value, list))


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    return _fitting(value, isinstance(value, dict))


def _integer(value: Any) -> int:
    if type(value) is not int:  # JSON's true is none
        raise TypeError
    return value


def _fitting(value: T, is_fitting: bool) -> T:
    if not is_fitting:
        raise ValueError
    return value


# what each entry must be: in words, and what reads its text or raises
_ENTRIES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "format_version": ("a number, 1 or more", _whole(1, 10**9)),
    "sample_rate": (f"a number of Hz, 1 to {MOST_RATE}", _whole(1, MOST_RATE)),
    "frame_shift_s": (f"seconds, above 0, {MOST_FRAME_S:g} at most", _seconds),
    "frame_offset_s": (f"seconds, above 0, {MOST_FRAME_S:g} at most", _seconds),
    "units": ("a list of names", _units),
    "keywords": ("a list of objects with a name and units (numbers from 0)", _keywords),
    "posterior": (
        f"an object with w_smooth and w_max, frames from 1 to {MOST_FRAMES}, and a confidence, "
        + " or ".join(CONFIDENCES),
        _posterior,
    ),
    "refractory_s": (f"seconds, 0 to {MOST_REFRACTORY_S:g}", _refractory),
    "thresholds": (
        "an object that holds an object with a threshold from 0 to 1 for each keyword",
        _operating_points,
    ),
    "state_size": (f"a number of values, 0 to {MOST_STATE}", _whole(0, MOST_STATE)),
    "settled_frames": ("a number of frames, 0 or more", _whole(0, 10**9)),
    "weights": (" or ".join(WEIGHTS), _one_of(*WEIGHTS)),
    "network": ("text", str),
    "features": ("text", str),
    "card": ("an object", _object),
    "word_times": (
        "an object that holds an object with finite start_s and end_s for each keyword it knows",
        _word_offsets,
    ),
}
