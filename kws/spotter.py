"""The chain from samples to keyword events, on one page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kws.audio import background, recent_samples
from kws.detection import Detection, Detector, word_offsets
from kws.detection.detector import DetectorState
from kws.errors import InputError
from kws.features import (
    CmvnStats,
    FeatureOptions,
    FeaturePipeline,
    format_feature_options,
    parse_feature_options,
)
from kws.nnet import ModelFile, Nnet, compute_in_blocks, read_model, write_model
from kws.posterior import Confidence, Keyword, OrderedConfidence, Smoothing
from kws.rows import Rows

BLOCK_S = 30.0  # long recordings pass in blocks of this, so that memory stays bounded
CONFIDENCES: dict[str, type[Confidence] | type[OrderedConfidence]] = {
    "chen": Confidence,
    "ordered": OrderedConfidence,
}
_STATS = "cmvn.stats"  # their tensor in a model file
Scores = tuple[np.ndarray, np.ndarray]  # confidences (T, K), smoothed posteriors (T, C)


@dataclass(frozen=True)
class ScoreState:
    """The states of the stages up to the confidence, and what the end will need."""

    recent: Tensor  # (at most recent_samples,), the latest samples
    num_samples: int
    features: Any
    nnet: Any
    smoothing: Tensor | None
    confidence: Tensor | None


@dataclass(frozen=True)
class SpotterState:
    """The states of the whole chain."""

    scores: ScoreState
    detector: DetectorState


class Spotter(nn.Module):
    """Samples -> features -> posteriors -> smoothing -> confidences -> events.

    It is a `Stage` from samples to lists of `Detection`. The window lengths, the kind of
    confidence, the keywords and their thresholds come from the model's metadata.
    """

    def __init__(
        self,
        options: FeatureOptions,
        stats: CmvnStats | None,
        nnet: Nnet,
        metadata: Mapping[str, Any],
        source: str = "model",
        others: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Join the stages.

        Args:
            options: how the network's input is made from samples.
            stats: what global CMVN needs.
            nnet: the network; its outputs are the units.
            metadata: of the model file.
            source: the model's file name, for error messages.
            others: tensors of the model file that no stage uses, such as Kaldi's transition model;
                they are saved with it.

        Raises:
            InputError: metadata that is incomplete or does not fit the network.
        """
        super().__init__()
        self.source = source
        self.options = options
        self.stats = stats
        self.others = dict(others or {})
        self.metadata = dict(metadata)
        self.units: tuple[str, ...] = tuple(self._entry("units"))
        self.keywords = tuple(
            Keyword(entry["name"], tuple(entry["units"])) for entry in self._entry("keywords")
        )
        self._check_dims(nnet)
        posterior: dict[str, Any] = {"w_smooth": 30, "w_max": 100, "confidence": "chen"}
        posterior |= self.metadata.get("posterior", {})
        if posterior["confidence"] not in CONFIDENCES:
            raise InputError(
                f"{source}: confidence {posterior['confidence']!r}: it must be one of "
                + ", ".join(CONFIDENCES)
            )
        self.features = FeaturePipeline(options, stats)
        self.nnet = nnet
        self.smoothing = Smoothing(posterior["w_smooth"])
        self.confidence = CONFIDENCES[posterior["confidence"]](self.keywords, posterior["w_max"])
        self.refractory_s = float(self.metadata.get("refractory_s", 1.0))
        self.thresholds: dict[str, float] = {
            name: float(entry["threshold"])
            for name, entry in self.metadata.get("thresholds", {}).items()
        }
        try:
            self.word_offsets = word_offsets(self.metadata.get("word_times", {}))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise InputError(
                f"{source}: its metadata is damaged at word_times; train the model again"
            ) from None
        self.tell_nested = False  # see `Detector`; before the first sample
        self._detector: Detector | None = None  # made when it is needed
        self.eval()

    @property
    def look_ahead_s(self) -> float:
        """From the centre of a frame to the last sample that its confidence depends on, seconds."""
        options = self.options
        frames = self.nnet.right_context + options.deltas.delta_order * options.deltas.delta_window
        return frames * options.frame_shift_s + options.raw.frame_length / 2000

    @classmethod
    def from_parts(
        cls,
        options: FeatureOptions,
        stats: CmvnStats | None,
        nnet: Nnet,
        metadata: Mapping[str, Any],
    ) -> Spotter:
        """A spotter of a network in memory; the arguments are those of the constructor."""
        return cls(options, stats, nnet, metadata)

    @classmethod
    def load(cls, path: str | Path) -> Spotter:
        """Read a model file.

        Raises:
            InputError: not a model file, or one without features or keywords.
        """
        model = read_model(path)
        if not model.features:
            raise InputError(
                f"{path}: holds a network without features and keywords; a keyword model is "
                "what `kws train` makes"
            )
        nnet = Nnet.from_tensors(model.network, str(path), model.tensors)
        options, stats = features_of(model, str(path))
        used = {*nnet.tensors(), _STATS}
        others = {name: value for name, value in model.tensors.items() if name not in used}
        return cls(options, stats, nnet, model.metadata, str(path), others)

    def to_model_file(self) -> ModelFile:
        """What `load` reads again."""
        tensors = {**self.others, **self.nnet.tensors()}
        if self.stats is not None:
            tensors[_STATS] = self.stats.to_matrix()
        return ModelFile(
            network=self.nnet.config_text(),
            features=format_feature_options(self.options),
            metadata=self.metadata,
            tensors=tensors,
        )

    def save(self, path: str | Path) -> None:
        """Write the model file, atomically."""
        write_model(path, self.to_model_file())

    def with_thresholds(self, thresholds: Mapping[str, Mapping[str, Any]]) -> Spotter:
        """The same chain with other thresholds, as they stand in the metadata.

        Args:
            thresholds: of each keyword, a mapping that holds "threshold" and what else is known
                of that operating point.
        """
        return self._with("thresholds", {name: dict(entry) for name, entry in thresholds.items()})

    def with_word_times(self, word_times: Mapping[str, Mapping[str, Any]]) -> Spotter:
        """The same chain with other offsets of words, as they stand in the metadata.

        Args:
            word_times: of keywords, mappings that hold "start_s" and "end_s" (see `WordOffsets`)
                and how well they hold; the times of other keywords are unknown.
        """
        return self._with("word_times", {name: dict(entry) for name, entry in word_times.items()})

    def with_refractory(self, refractory_s: float) -> Spotter:
        """The same chain with another least time between two triggers of a keyword."""
        return self._with("refractory_s", refractory_s)

    def _with(self, name: str, value: Any) -> Spotter:
        metadata = {**self.metadata, name: value}
        return Spotter(self.options, self.stats, self.nnet, metadata, self.source, self.others)

    @property
    def has_thresholds(self) -> bool:
        """Whether every keyword has one."""
        return all(keyword.name in self.thresholds for keyword in self.keywords)

    @property
    def sample_rate(self) -> int:
        """Of the samples that it takes, in Hz."""
        return self.options.sample_rate

    def detector(self, thresholds: Mapping[str, float]) -> Detector:
        """The detector of this model's frames and keywords, with the thresholds given."""
        return Detector(
            self.keywords,
            thresholds,
            refractory_s=self.refractory_s,
            frame_shift_s=self.options.frame_shift_s,
            frame_offset_s=self.options.frame_centre_s(0),
            w_max=self.confidence.w_max,
            offsets=self.word_offsets,
            tell_nested=self.tell_nested,
        )

    @torch.no_grad()
    def posteriors(self, samples: Tensor) -> Tensor:
        """The network's outputs for whole recordings: (N, S) at 16-bit scale -> (N, T, C)."""
        return compute_in_blocks(self.nnet, self.features(samples))

    def score_track(self, samples: np.ndarray | Tensor) -> Scores:
        """Confidences (T, K) and smoothed posteriors (T, C) of a whole recording, (S,) samples.

        Its frames go on behind the recording's end, see `flush_scores`.
        """
        block = max(1, round(BLOCK_S * self.sample_rate))
        starts = range(0, len(samples), block)
        chunks = (samples[start : start + block] for start in starts)
        return self.score_chunks(chunks, len(samples) / self.sample_rate)

    def score_chunks(
        self, chunks: Iterable[np.ndarray | Tensor], duration_s: float = 0.0
    ) -> Scores:
        """`score_track` of a recording that comes in chunks.

        Args:
            chunks: (S,) samples each.
            duration_s: of all, about: saves memory.
        """
        state = self.init_scores()
        expected = round(duration_s / self.options.frame_shift_s)
        confidences = Rows(len(self.keywords), np.float64, expected)
        smoothed = Rows(self.nnet.output_dim, np.float64, expected)
        for chunk in chunks:
            scores, state = self.step_scores(chunk, state)
            confidences.add(scores[0])
            smoothed.add(scores[1])
        last = self.flush_scores(state)
        confidences.add(last[0])
        smoothed.add(last[1])
        return confidences.values(), smoothed.values()

    def init_scores(self) -> ScoreState:
        """The state of the chain up to the confidence, before any sample."""
        return ScoreState(
            torch.zeros(0, device=self._device),
            0,
            self.features.init_state(),
            self.nnet.init_state(),
            self.smoothing.init_state(),
            self.confidence.init_state(),
        )

    @torch.no_grad()
    def step_scores(
        self, samples: np.ndarray | Tensor, state: ScoreState
    ) -> tuple[Scores, ScoreState]:
        """The confidences and smoothed posteriors that the next samples, (S,), complete."""
        chunk = torch.as_tensor(samples, dtype=torch.float32, device=self._device)[None]
        features, features_state = self.features.step(chunk, state.features)
        posteriors, nnet_state = self.nnet.step(features, state.nnet)
        smoothed, smoothing_state = self.smoothing.step(posteriors, state.smoothing)
        confidences, confidence_state = self.confidence.step(smoothed, state.confidence)
        # a copy: a view would keep the whole block of audio alive
        recent = torch.cat((state.recent, chunk[0]))[-recent_samples(self.sample_rate) :].clone()
        new_state = ScoreState(
            recent,
            state.num_samples + chunk.shape[1],
            features_state,
            nnet_state,
            smoothing_state,
            confidence_state,
        )
        return (confidences[0].cpu().numpy(), smoothed[0].cpu().numpy()), new_state

    def background(self, state: ScoreState) -> np.ndarray:
        """What the detector hears behind the end of a stream: (S,) samples."""
        return background(state.recent.cpu().numpy(), self.sample_rate)

    @torch.no_grad()
    def flush_scores(self, state: ScoreState) -> Scores:
        """End the stream: the last frames, and those of some background behind the end.

        A keyword that ends with the recording is heard only then: the network looks ahead, and
        its confidence is late by the smoothing.
        """
        heard, state = self.step_scores(self.background(state), state)
        features = self.features.flush(state.features)
        posteriors, nnet_state = self.nnet.step(features, state.nnet)
        posteriors = torch.cat((posteriors, self.nnet.flush(nnet_state)), dim=1)
        smoothed, _ = self.smoothing.step(posteriors, state.smoothing)
        confidences, _ = self.confidence.step(smoothed, state.confidence)
        return (
            np.concatenate((heard[0], confidences[0].cpu().numpy())),
            np.concatenate((heard[1], smoothed[0].cpu().numpy())),
        )

    def init_state(self) -> SpotterState:
        """The state before any sample.

        Raises:
            InputError: a keyword has no threshold.
        """
        return SpotterState(self.init_scores(), self._thresholded().init_state())

    def step(
        self, samples: np.ndarray | Tensor, state: SpotterState
    ) -> tuple[list[Detection], SpotterState]:
        """Take the next samples, (S,) at 16-bit scale with S >= 0; the events that end in them."""
        scores, score_state = self.step_scores(samples, state.scores)
        events, detector_state = self._thresholded().step(scores, state.detector)
        return events, SpotterState(score_state, detector_state)

    def flush(self, state: SpotterState) -> list[Detection]:
        """End the stream: the events that end in its last frames or with it."""
        duration_s = state.scores.num_samples / self.sample_rate
        scores = self.flush_scores(state.scores)
        return self._thresholded().finish(scores, state.detector, duration_s)

    @property
    def _device(self) -> torch.device:
        return next(self.features.buffers()).device

    def _thresholded(self) -> Detector:
        if self._detector is None:
            for keyword in self.keywords:
                if keyword.name not in self.thresholds:
                    raise InputError(
                        f"{self.source}: keyword {keyword.name!r} has no threshold; solve it with "
                        "`kws evaluate --dev` or give one"
                    )
            self._detector = self.detector(self.thresholds)
        return self._detector

    def _entry(self, name: str) -> Any:
        if not self.metadata.get(name):
            raise InputError(
                f"{self.source}: its metadata has no {name}; a keyword model is what "
                "`kws train` makes"
            )
        return self.metadata[name]

    def _check_dims(self, nnet: Nnet) -> None:
        if nnet.input_dim != self.options.dim:
            raise InputError(
                f"{self.source}: the network reads {nnet.input_dim} values per frame, but the "
                f"features have {self.options.dim}; make them equal"
            )
        if nnet.output_dim != len(self.units):
            raise InputError(
                f"{self.source}: the network has {nnet.output_dim} outputs, but the metadata "
                f"{len(self.units)} units; make them equal"
            )
        for keyword in self.keywords:
            if max(keyword.units) >= len(self.units):
                raise InputError(
                    f"{self.source}: keyword {keyword.name!r}: there is no unit "
                    f"{max(keyword.units)}; they are 0 to {len(self.units) - 1}"
                )


def features_of(model: ModelFile, source: str) -> tuple[FeatureOptions, CmvnStats | None]:
    """The feature options of a model file, and the statistics of its global CMVN."""
    options = parse_feature_options(model.features, source)
    matrix = model.tensors.get(_STATS)
    return options, None if matrix is None else CmvnStats.from_matrix(matrix, source, options.dim)
