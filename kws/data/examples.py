"""Training examples: jobs turned into pools of chunks, by way of crops, augmentation and features.

What is drawn depends on a job's seed alone, so neither the number of workers nor their order
changes a training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from kws.data.augmentation import Augmenter
from kws.data.chunks import Cutter, Features, Indices, Pool, Prepared, pool_of
from kws.data.draws import ExampleOptions, Job, generator_of
from kws.data.recordings import Marks, Recordings
from kws.features import FeaturePipeline

Samples = npt.NDArray[np.int16]


class Examples:
    """Turns jobs into pools; a map-style data set for `torch.utils.data.DataLoader`.

    Args:
        recordings: the audio of the training set.
        features: from samples to what the network reads.
        cut: the objective's way of cutting.
        context: (left, right) frames that the network needs around a frame.
        options: crops and the like.
        negatives: utterances without keywords, to join to others.
        augmenter: None leaves the audio as it is; then, unless utterances are joined or
            lengthened, features are computed once, here.
    """

    def __init__(
        self,
        recordings: Recordings,
        features: FeaturePipeline,
        cut: Cutter,
        context: tuple[int, int],
        options: ExampleOptions,
        negatives: Indices,
        augmenter: Augmenter | None = None,
    ) -> None:
        self.recordings = recordings
        self.features = features
        self.cut = cut
        self.options = options
        self.negatives = negatives
        self.augmenter = augmenter
        shift_s = features.options.frame_shift_s
        self.margins_s = tuple((frames + 2) * shift_s for frames in context)
        self._cache: list[Features] | None = None
        if augmenter is None and not options.join_probability and not options.min_length_s:
            self._cache = [_features_of(features, recordings[i]) for i in range(len(recordings))]

    def __getitem__(self, job: Job) -> Pool:
        generator = generator_of(*job.seed)
        prepared = [
            self._prepare(utterance, marks, generator)
            for utterance, marks in zip(job.utterances, job.marks, strict=True)
        ]
        return pool_of([p for p in prepared if p.end > p.begin], self.cut, generator)

    def _prepare(self, utterance: int, marks: Marks, generator: torch.Generator) -> Prepared:
        if self._cache is not None:
            duration_s = self.recordings.duration_s(utterance)
            start_s, end_s = choose_crop(duration_s, self.options.crop_s, marks, generator)
            return _prepared(self.features, self._cache[utterance], start_s, end_s, marks)
        rate = self.recordings.sample_rate
        samples, marks = self._lengthened(self.recordings[utterance], marks, generator)
        duration_s = len(samples) / rate
        start_s, end_s = choose_crop(duration_s, self.options.crop_s, marks, generator)
        # whole samples, so that the marks stay exact; so much around the crop that it is context
        # enough at the fastest speed too
        fastest = 1.0 if self.augmenter is None else self.augmenter.fastest
        first = max(0, round((start_s - self.margins_s[0] * fastest) * rate))
        last = min(len(samples), round((end_s + self.margins_s[1] * fastest) * rate))
        part = torch.from_numpy(samples[first:last].astype(np.float32))
        speed, warp = 1.0, None
        if self.augmenter is not None:
            part, speed = self.augmenter.augment(part, generator)
            # to a hundredth: the pipeline keeps the mel banks of warps that it has seen
            warp = round(self.augmenter.warp(generator), 2)
        features = _network_ready(self.features, part, warp, generator)
        if self.augmenter is not None:
            features = self.augmenter.mask(features[None], generator)[0]
        shift_s = -first / rate
        return _prepared(
            self.features,
            features.numpy(),
            (start_s + shift_s) / speed,
            (end_s + shift_s) / speed,
            marks.moved(shift_s, speed),
        )

    def _lengthened(
        self, samples: Samples, marks: Marks, generator: torch.Generator
    ) -> tuple[Samples, Marks]:
        """Joined to others, then put into silence, as the options say."""
        rate, options = self.recordings.sample_rate, self.options
        while (
            len(samples) < options.crop_s * rate
            and len(self.negatives)
            and _uniform(generator) < options.join_probability
        ):
            number = int(torch.randint(len(self.negatives), (), generator=generator))
            other = self.recordings[int(self.negatives[number])]
            if _uniform(generator) < 0.5:
                samples = np.concatenate([samples, other])
            else:
                samples, marks = np.concatenate([other, samples]), marks.moved(len(other) / rate)
        missing = round(options.min_length_s * rate) - len(samples)
        if missing > 0:
            before = int(torch.randint(missing + 1, (), generator=generator))
            longer = np.zeros(len(samples) + missing, np.int16)
            longer[before : before + len(samples)] = samples
            samples = longer
            marks = marks.moved(before / rate)
        return samples, marks


def choose_crop(
    duration_s: float, crop_s: float, marks: Marks, generator: torch.Generator
) -> tuple[float, float]:
    """The part of an utterance to train on: start and end in seconds.

    An utterance that is short enough, or that holds a keyword nobody knows where, stays whole;
    else the part is anywhere, around one of the keywords if there is one.
    """
    if duration_s <= crop_s or not marks.timed:
        return 0.0, duration_s
    low, high = 0.0, duration_s - crop_s
    if marks.occurrences:
        number = int(torch.randint(len(marks.occurrences), (), generator=generator))
        occurrence = marks.occurrences[number]
        start_s, end_s = occurrence.start_s or 0.0, occurrence.end_s or 0.0
        low = min(max(low, end_s - crop_s), high)
        high = max(low, min(high, start_s))
    start_s = low + (high - low) * _uniform(generator)
    return start_s, start_s + crop_s


def whole_utterances(
    recordings: Recordings, marks: Sequence[Marks], features: FeaturePipeline
) -> list[Prepared]:
    """Every utterance as it is, all of it to be trained on or tested (a dev set).

    Args:
        recordings: the audio.
        marks: of each utterance.
        features: from samples to what the network reads.
    """
    return [
        _prepared(features, _features_of(features, recordings[i]), 0.0, math.inf, marks[i])
        for i in range(len(recordings))
    ]


def _prepared(
    pipeline: FeaturePipeline, features: Features, start_s: float, end_s: float, marks: Marks
) -> Prepared:
    options = pipeline.options
    steps = np.arange(len(features), dtype=np.float64)
    centres_s = options.frame_centre_s(0) + options.frame_shift_s * steps
    begin, end = np.searchsorted(centres_s, (start_s, end_s))
    return Prepared(features, centres_s, int(begin), int(end), marks)


def _network_ready(
    pipeline: FeaturePipeline,
    samples: Tensor,
    warp: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """(S,) samples to (T, D) features."""
    warps = None if warp is None else torch.tensor([warp])
    with torch.inference_mode():
        ready: Tensor = pipeline(samples[None], vtln_warp=warps, generator=generator)[0]
    return ready


def _features_of(pipeline: FeaturePipeline, samples: Samples) -> Features:
    return _network_ready(pipeline, torch.from_numpy(samples.astype(np.float32))).numpy()


def _uniform(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator, dtype=torch.float64))
