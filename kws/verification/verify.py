"""A model and its exported file on recordings: is it one detector, however it is run?"""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.detection import Detection
from kws.errors import InputError
from kws.features import format_feature_options
from kws.runtime import Metadata
from kws.spotter import CONFIDENCES, Spotter
from kws.verification.chunks import cut, lengths_in_turn, random_lengths
from kws.verification.comparison import (
    FLOAT_TOLERANCE,
    Difference,
    Grid,
    Tolerance,
    Track,
    compare,
    worst,
)
from kws.verification.exported import ExportedFile
from kws.verification.runtime_ways import RuntimeWays
from kws.verification.tracks import batch_track, streaming_track

# a largest difference is exceeded on other audio as easily as not, but hardly by as much again
INT8_ALLOWANCE = 2.0  # times what the card says
# of that, and of a posterior, between the ways of running such a file: float32 sums in another
# order now and then end in the next of 255 steps
INT8_SPREAD = 0.1
INT8_POSTERIORS = 0.05
# in posteriors, which are of one frame: where features differ by 0.01, in bins far below the
# loudest, they differ by up to 5e-5
POSTERIOR_TOLERANCE = 1e-3
LONGEST_CHUNK_S = 2.0
STREAMING, EXPORTED, FRAMES = "streaming", "exported file", "exported file, whole frames"


@dataclass(frozen=True)
class RecordingReport:
    """What was found on one recording.

    Args:
        events: of the whole recording at once.
        differences: of each way.
        paths: calls that `kws.runtime` answered by each of its paths.
    """

    events: tuple[Detection, ...]
    differences: Mapping[str, Difference]
    paths: Mapping[str, int]


class Verifier:
    """Runs a recording through a model and its exported file in every way.

    The whole recording at once, stage by stage, is what the others are compared with: the spotter
    streaming, the exported file itself as any program may call it, and `kws.runtime` as
    `RuntimeWays` tells. All have the same samples, rounded to 16 bits. A file of 8-bit weights
    differs from its model by intention, but all ways of running it are one detector: so those of
    `kws.runtime` are compared with the file itself then.
    """

    def __init__(
        self, spotter: Spotter, exported: ExportedFile, threshold: float | None, seed: int
    ) -> None:
        """Join the two.

        Args:
            spotter: the model.
            exported: the file that was made from it.
            threshold: of every keyword, in place of the model's.
            seed: of the chunks' lengths.

        Raises:
            InputError: the file was made from another model, or a keyword has no threshold.
        """
        check_same_model(spotter, exported.metadata, exported.source, threshold is None)
        if threshold is None and not spotter.has_thresholds:
            raise InputError(
                f"{spotter.source}: the model has no thresholds; give --threshold, or solve them "
                "with `kws evaluate --dev` and export it again"
            )
        self.spotter, self.exported = spotter, exported
        names = [keyword.name for keyword in spotter.keywords]
        given = None if threshold is None else dict.fromkeys(names, threshold)
        self._detector = spotter.detector(spotter.thresholds if given is None else given)
        options = spotter.options
        self._grid = Grid(tuple(names), options.frame_shift_s, options.frame_centre_s(0))
        self._random = np.random.default_rng(seed)
        self._runtime = RuntimeWays(exported, threshold, self._random)
        self.is_lossy = exported.metadata.weights != "float32"
        self.tolerances = self._tolerances()

    def _tolerances(self) -> dict[str, Tolerance]:
        """Of each way."""
        same = Tolerance(FLOAT_TOLERANCE, POSTERIOR_TOLERANCE)
        exported = within = same
        if self.is_lossy:
            allowed = tolerance_of(self.exported.metadata, self.exported.source)
            # the card does not say what becomes of the posteriors
            exported = Tolerance(allowed, math.inf)
            within = Tolerance(max(FLOAT_TOLERANCE, INT8_SPREAD * allowed), INT8_POSTERIORS)
        others = dict.fromkeys((FRAMES, *self._runtime.names), within)
        return {STREAMING: same, EXPORTED: exported, **others}

    @property
    def paths(self) -> tuple[str, ...]:
        """Those by which `kws.runtime` can run this file."""
        return self._runtime.paths.there

    def agrees(self, report: RecordingReport) -> bool:
        """Whether all ways agree."""
        return all(itertools.starmap(self.way_agrees, report.differences.items()))

    def way_agrees(self, way: str, difference: Difference) -> bool:
        """Whether one way is within tolerance, with the same events.

        What the model and a file of 8-bit weights find may be different events.
        """
        is_within = difference.is_within(self.tolerances[way])
        return is_within and (difference.events_agree or self._is_lossy(way))

    def verify(self, samples: npt.NDArray[np.float32], place: str) -> RecordingReport:
        """Run one recording in every way.

        Args:
            samples: (S,) at 16-bit scale and the model's rate.
            place: its name, for error messages.

        Raises:
            InputError: it is shorter than a frame.
        """
        limits = np.iinfo(np.int16)
        rounded = np.clip(np.rint(samples), limits.min, limits.max).astype(np.int16)
        waveform = rounded.astype(np.float32)
        expected = batch_track(self.spotter, waveform, self._detector)
        if not len(expected.confidences):
            raise InputError(
                f"{place}: {len(samples)} samples hold no frame; give a longer recording"
            )
        paths: Counter[str] = Counter()
        tracks = {
            STREAMING: [streaming_track(self.spotter, self._chunks(waveform), self._detector)],
            EXPORTED: [self.exported.track(self._chunks(waveform), self._detector)],
            FRAMES: [self.exported.track(self._frames(waveform), self._detector)],
            **self._runtime.tracks(rounded, paths),
        }
        differences = {way: self._difference(way, expected, tracks) for way in tracks}
        return RecordingReport(expected.events, differences, paths)

    def _difference(
        self, way: str, expected: Track, tracks: Mapping[str, Sequence[Track]]
    ) -> Difference:
        """How far a way is from what it is compared with, or the worst of its tracks."""
        if self.is_lossy and way not in (STREAMING, EXPORTED):
            (expected,) = tracks[EXPORTED]
        is_lossy, tolerance = self._is_lossy(way), self.tolerances[way].confidences
        return worst(
            [
                compare(expected, track, self._grid, tolerance=tolerance, is_lossy=is_lossy)
                for track in tracks[way]
            ]
        )

    def _is_lossy(self, way: str) -> bool:
        """Whether a way is compared with another detector: that of a file of 8-bit weights."""
        return self.is_lossy and way == EXPORTED

    def _frames(self, samples: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
        """Cut where frames end, as the file's own branches for streams on their way want it."""
        metadata = self.exported.metadata
        lengths = lengths_in_turn(metadata.frame_shift)
        return cut(samples, itertools.chain([metadata.first_samples], lengths))

    def _chunks(self, samples: npt.NDArray[np.float32]) -> Iterator[npt.NDArray[np.float32]]:
        """Cut at random."""
        longest = round(LONGEST_CHUNK_S * self.spotter.sample_rate)
        return cut(samples, random_lengths(self._random, longest))


def tolerance_of(metadata: Metadata, source: str) -> float:
    """How far the confidences of an exported file may be from its model's.

    Args:
        metadata: of the file.
        source: its name, for error messages.

    Raises:
        InputError: its weights are quantised and its card does not say what that costs.
    """
    if metadata.weights == "float32":
        return FLOAT_TOLERANCE
    try:
        largest = float(metadata.card["quantization"]["largest_confidence_difference"])
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{source}: its card does not say what weights={metadata.weights} cost; export the "
            "model again"
        ) from None
    return max(FLOAT_TOLERANCE, INT8_ALLOWANCE * largest)


def check_same_model(
    spotter: Spotter, metadata: Metadata, source: str, with_thresholds: bool
) -> None:
    """Refuse an exported file of another model.

    Args:
        spotter: the model.
        metadata: of the file.
        source: the file's name, for error messages.
        with_thresholds: compare these too.

    Raises:
        InputError: they differ in what both say about themselves.
    """
    kind = next(name for name, kind in CONFIDENCES.items() if type(spotter.confidence) is kind)
    values: dict[str, tuple[Any, Any]] = {
        "keywords": (
            [k.name for k in metadata.keywords],
            [k.name for k in spotter.keywords],
        ),
        "units": (list(metadata.units), list(spotter.units)),
        "units of the keywords": (
            [k.units for k in metadata.keywords],
            [k.units for k in spotter.keywords],
        ),
        "sample_rate": (metadata.sample_rate, spotter.sample_rate),
        "features": (metadata.features, format_feature_options(spotter.options)),
        "network": (metadata.network, spotter.nnet.config_text()),
        "frame_shift_s": (metadata.frame_shift_s, spotter.options.frame_shift_s),
        "frame_offset_s": (metadata.frame_offset_s, spotter.options.frame_centre_s(0)),
        "w_smooth": (metadata.posterior.get("w_smooth"), spotter.smoothing.w_smooth),
        "w_max": (metadata.w_max, spotter.confidence.w_max),
        "confidences": (metadata.posterior.get("confidence"), kind),
        "refractory_s": (metadata.refractory_s, spotter.refractory_s),
        "word_times": (metadata.word_offsets, spotter.word_offsets),
    }
    if with_thresholds:
        values["thresholds"] = (metadata.thresholds, spotter.thresholds)
    for name, (theirs, ours) in values.items():
        if theirs != ours:
            raise InputError(
                f"{source}: was not exported from {spotter.source} as it is now: its {name} are "
                f"{_short(theirs)}, the model's {_short(ours)}; export the model again"
            )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
