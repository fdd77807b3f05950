"""A model and its exported file on recordings: is it one detector, however it is run?"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.detection import Detection
from kws.errors import InputError
from kws.features import format_feature_options
from kws.runtime import Metadata
from kws.spotter import Spotter
from kws.verification.comparison import FLOAT_TOLERANCE, Difference, Grid, compare
from kws.verification.exported import ExportedFile
from kws.verification.tracks import batch_track, streaming_track

# a largest difference is exceeded on other audio as easily as not, but hardly by as much again
INT8_ALLOWANCE = 2.0  # times what the card says
LONGEST_CHUNK_S = 2.0
STREAMING, EXPORTED, RUNTIME = WAYS = ("streaming", "exported file", "kws.runtime")


@dataclass(frozen=True)
class RecordingReport:
    """What was found on one recording.

    Args:
        events: of the whole recording at once.
        differences: of each of `WAYS` to the whole recording at once.
    """

    events: tuple[Detection, ...]
    differences: Mapping[str, Difference]


class Verifier:
    """Runs a recording through a model and its exported file in every way.

    The whole recording at once, stage by stage, is what the others are compared with: the spotter
    streaming, the exported file itself as any program may call it, and `kws.runtime`, each with
    chunks of random lengths, empty ones among them.
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
        self.spotter, self.exported, self.threshold = spotter, exported, threshold
        names = [keyword.name for keyword in spotter.keywords]
        given = None if threshold is None else dict.fromkeys(names, threshold)
        self._detector = spotter.detector(spotter.thresholds if given is None else given)
        options = spotter.options
        self._grid = Grid(tuple(names), options.frame_shift_s, options.frame_centre_s(0))
        self._random = np.random.default_rng(seed)

    @property
    def tolerances(self) -> dict[str, float]:
        """How far the confidences of each of `WAYS` may be from the whole recording's."""
        exported = tolerance_of(self.exported.metadata, self.exported.source)
        return {STREAMING: FLOAT_TOLERANCE, EXPORTED: exported, RUNTIME: exported}

    def agrees(self, report: RecordingReport) -> bool:
        """Whether all ways are within tolerance, with the same events where weights are floats."""
        return all(
            difference.is_within(self.tolerances[way])
            and (difference.events_agree or self._is_lossy(way))
            for way, difference in report.differences.items()
        )

    def verify(self, samples: npt.NDArray[np.float32], place: str) -> RecordingReport:
        """Run one recording in every way.

        Args:
            samples: (S,) at 16-bit scale and the model's rate.
            place: its name, for error messages.

        Raises:
            InputError: it is shorter than a frame.
        """
        expected = batch_track(self.spotter, samples, self._detector)
        if not len(expected.confidences):
            raise InputError(
                f"{place}: {len(samples)} samples hold no frame; give a longer recording"
            )
        chunks = [self._chunks(samples) for _ in WAYS]
        tracks = {
            STREAMING: streaming_track(self.spotter, chunks[0], self._detector),
            EXPORTED: self.exported.track(chunks[1], self._detector),
            RUNTIME: self.exported.runtime_track(chunks[2], self.threshold),
        }
        differences = {
            way: compare(expected, track, self._grid, is_lossy=self._is_lossy(way))
            for way, track in tracks.items()
        }
        return RecordingReport(expected.events, differences)

    def _is_lossy(self, way: str) -> bool:
        return way != STREAMING and self.exported.metadata.weights != "float32"

    def _chunks(self, samples: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        """Cut at random: lengths from a sample to 2 s, all orders of magnitude alike, and none."""
        longest = LONGEST_CHUNK_S * self.spotter.sample_rate
        # the mean of such lengths; half as many again, and what remains is the last chunk
        number = math.ceil(1.5 * len(samples) / (longest / math.log(longest))) + 8
        lengths = np.exp(self._random.uniform(0, math.log(longest), number)).astype(int)
        lengths[self._random.random(number) < 0.1] = 0
        return np.split(samples, np.minimum(np.cumsum(lengths), len(samples)))


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
        "w_smooth": (metadata.posterior.get("w_smooth"), spotter.smoothing.w_smooth),
        "w_max": (metadata.w_max, spotter.confidence.w_max),
        "refractory_s": (metadata.refractory_s, spotter.refractory_s),
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
