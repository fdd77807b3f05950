"""What an exported file says about itself."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from kws.errors import InputError

FORMAT = "kws-onnx"
FORMAT_VERSION = 1
T = TypeVar("T")


@dataclass(frozen=True)
class Keyword:
    """A keyword and the network outputs of its units, in the order in which they are spoken."""

    name: str
    units: tuple[int, ...]


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
        entries: names and texts, as they stand in the file.
        source: the file's name, for error messages.

    Raises:
        InputError: not an exported keyword model, of a newer format, or damaged.
    """
    if entries.get("format") != FORMAT:
        raise InputError(
            f"{source}: an ONNX file, but no keyword detector; give what `kws export` writes"
        )
    version = _entry(entries, source, "format_version", int)
    if version > FORMAT_VERSION:
        raise InputError(
            f"{source}: its format_version={version} is newer than {FORMAT_VERSION}, the newest "
            "that this kws reads; update kws, or export the model again"
        )
    return Metadata(
        sample_rate=_entry(entries, source, "sample_rate", int),
        frame_shift_s=_entry(entries, source, "frame_shift_s", _positive),
        frame_offset_s=_entry(entries, source, "frame_offset_s", _positive),
        units=_entry(entries, source, "units", lambda text: tuple(json.loads(text))),
        keywords=_entry(entries, source, "keywords", _keywords),
        posterior=_entry(entries, source, "posterior", _posterior),
        refractory_s=_entry(entries, source, "refractory_s", float),
        operating_points=_entry(entries, source, "thresholds", _operating_points),
        state_size=_entry(entries, source, "state_size", _count),
        settled_frames=_entry(entries, source, "settled_frames", _count)
        if "settled_frames" in entries
        else None,
        weights=_entry(entries, source, "weights", str),
        network=_entry(entries, source, "network", str),
        features=_entry(entries, source, "features", str),
        card=_entry(entries, source, "card", lambda text: dict(json.loads(text))),
    )


def _entry(entries: Mapping[str, str], source: str, name: str, parse: Callable[[str], T]) -> T:
    if name not in entries:
        raise InputError(f"{source}: its metadata has no {name}; export the model again")
    try:
        return parse(entries[name])
    except (ValueError, TypeError, KeyError, AttributeError):
        raise InputError(
            f"{source}: its metadata is damaged at {name}={entries[name][:40]!r}; export the model "
            "again"
        ) from None


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def _posterior(text: str) -> dict[str, Any]:
    posterior = dict(json.loads(text))
    int(posterior["w_max"])
    return posterior


def _keywords(text: str) -> tuple[Keyword, ...]:
    keywords = tuple(
        Keyword(str(entry["name"]), tuple(int(unit) for unit in entry["units"]))
        for entry in json.loads(text)
    )
    if not keywords:
        raise ValueError
    return keywords


def _operating_points(text: str) -> dict[str, dict[str, Any]]:
    points = {str(name): dict(entry) for name, entry in json.loads(text).items()}
    for point in points.values():
        float(point["threshold"])
    return points
