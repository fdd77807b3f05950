"""A model's confidences on data dirs: the one pass over the audio that everything else reads."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.data import DataDir, Utterance
from kws.errors import InputError
from kws.evaluation.counting import Judgement, judge
from kws.evaluation.noise import NoiseMixer
from kws.evaluation.references import Reference, make_reference
from kws.evaluation.sweep import Curve, EventRule, KeywordTrack, pooled, sweep
from kws.spotter import BLOCK_S, Scores, Spotter

logger = logging.getLogger(__name__)
Floats = npt.NDArray[np.float64]
POOLED = "pooled"  # the name of all keywords together, in tables and pictures
# a curve goes down to these alarms per keyword and hour, and to these alarms on a short list
SWEEP_FA_PER_HOUR = 100.0
SWEEP_FALSE_ALARMS = 200


@dataclass(frozen=True, eq=False)
class Track:
    """One utterance as the model hears it."""

    data: DataDir
    utterance: Utterance
    reference: Reference
    confidences: Floats  # (T, K), those behind the recording's end included
    smoothed: Floats  # (T, C)


@dataclass(frozen=True, eq=False)
class ScoredSet:
    """The tracks of one set (dev or test) under one condition (clean, or in noise)."""

    name: str
    condition: str
    spotter: Spotter
    mixer: NoiseMixer | None
    tracks: tuple[Track, ...]

    @property
    def keywords(self) -> tuple[str, ...]:
        return tuple(keyword.name for keyword in self.spotter.keywords)

    @property
    def hours(self) -> float:
        return sum(track.reference.duration_s for track in self.tracks) / 3600

    @property
    def rule(self) -> EventRule:
        detector = self.spotter.detector(dict.fromkeys(self.keywords, 1.0))
        return EventRule(
            detector.refractory_frames,
            detector.w_max,
            detector.frame_shift_s,
            detector.frame_offset_s,
        )

    def curves(self, target_fa_per_hour: float = 0.0) -> dict[str, Curve]:
        """The DET curve of every keyword, and the pooled one where there are several.

        Args:
            target_fa_per_hour: the curves go well beyond this rate.
        """
        most_per_hour = max(SWEEP_FA_PER_HOUR, 2 * target_fa_per_hour)
        most = max(SWEEP_FALSE_ALARMS, int(np.ceil(most_per_hour * self.hours)))
        curves = {
            keyword: sweep(self.keyword_tracks(keyword), self.rule, most)
            for keyword in self.keywords
        }
        return curves | ({POOLED: pooled(list(curves.values()))} if len(curves) > 1 else {})

    def keyword_tracks(self, keyword: str) -> list[KeywordTrack]:
        """What the tracks mean to one keyword."""
        k = self.keywords.index(keyword)
        last_unit = self.spotter.keywords[k].units[-1]
        return [
            KeywordTrack(
                track.confidences[:, k],
                track.smoothed[:, last_unit],
                track.reference.windows_of(keyword),
                track.reference.seconds_without(keyword),
                track.reference.duration_s,
            )
            for track in self.tracks
        ]

    def judgements(self, thresholds: Mapping[str, float]) -> Iterator[tuple[Track, Judgement]]:
        """What becomes of every keyword in every utterance at given thresholds."""
        detector = self.spotter.detector(thresholds)
        for track in self.tracks:
            scores, duration_s = (track.confidences, track.smoothed), track.reference.duration_s
            events = detector.finish(scores, detector.init_state(), duration_s)
            for keyword in self.keywords:
                yield track, judge(events, track.reference, keyword)

    def parts(
        self, track: Track, spans: Sequence[tuple[int, int]]
    ) -> list[npt.NDArray[np.float32]]:
        """Parts of a track's audio, with its noise, (S,) each at the model's rate.

        Args:
            track: which; a long recording is read once for all its parts.
            spans: the first sample of each part, and the one behind its last.
        """
        data, utterance, rate = track.data, track.utterance, self.spotter.sample_rate
        if self.mixer is not None:
            samples = _samples(data, utterance, rate, self.mixer)
            return [samples[begin:end] for begin, end in spans]
        found: list[list[npt.NDArray[np.float32]]] = [[] for _ in spans]
        start = 0
        for chunk in data.chunks(utterance, rate, BLOCK_S):
            for parts, (begin, end) in zip(found, spans, strict=True):
                parts.append(chunk[max(0, begin - start) : max(0, end - start)].copy())
            start += len(chunk)
        return [np.concatenate(parts) for parts in found]


def score(
    spotter: Spotter,
    dirs: Sequence[DataDir],
    *,
    name: str,
    mixer: NoiseMixer | None = None,
    num_threads: int = 1,
    on_progress: Callable[[], None] = lambda: None,
) -> ScoredSet:
    """Run a model over data dirs.

    Args:
        spotter: the model.
        dirs: data dirs; every utterance is a stream of its own.
        name: of the set: dev or test.
        mixer: adds noise; None leaves the recordings as they are.
        num_threads: utterances at a time; the result does not depend on it.
        on_progress: called after every utterance.

    Raises:
        InputError: a recording cannot be read, or there is none that is as long as a frame.
    """
    entries = [(data, utterance) for data in dirs for utterance in data.utterances]
    if not entries:
        raise InputError(f"{', '.join(str(data.path) for data in dirs)}: there are no utterances")
    keywords = [keyword.name for keyword in spotter.keywords]

    def track_of(entry: tuple[DataDir, Utterance]) -> Track:
        data, utterance = entry
        num_samples, (confidences, smoothed) = _scored(spotter, data, utterance, mixer)
        words = data.words.get(utterance.id, [])
        duration_s = num_samples / spotter.sample_rate
        reference = make_reference(
            str(data.path), utterance.id, duration_s, utterance.text, words, keywords
        )
        return Track(data, utterance, reference, confidences, smoothed)

    tracks = []
    with ThreadPoolExecutor(max(1, num_threads)) as pool:
        try:
            for track in pool.map(track_of, entries):
                tracks.append(track)
                on_progress()
        finally:
            pool.shutdown(cancel_futures=True)
    if not any(len(track.confidences) for track in tracks):
        names = ", ".join(str(data.path) for data in dirs)
        raise InputError(f"{names}: no recording is as long as a frame; give longer ones")
    _warn_of_ignored_times(tracks)
    condition = "clean" if mixer is None else f"noise {mixer.snr_db:g} dB"
    return ScoredSet(name, condition, spotter, mixer, tuple(tracks))


def _warn_of_ignored_times(tracks: Sequence[Track]) -> None:
    ignored: dict[str, list[str]] = {}
    for track in tracks:
        if track.reference.ignores_times:
            ignored.setdefault(track.reference.data_dir, []).append(track.utterance.id)
    for path, names in ignored.items():
        logger.warning(
            "%s/ctm: lacks keywords that the text of %d utterances holds (%s first); they are "
            "judged without times",
            *(path, len(names), names[0]),
        )


def _scored(
    spotter: Spotter, data: DataDir, utterance: Utterance, mixer: NoiseMixer | None
) -> tuple[int, Scores]:
    """How many samples an utterance has, and what a model makes of it."""
    if mixer is not None:  # the level of the noise is that of the whole utterance
        samples = _samples(data, utterance, spotter.sample_rate, mixer)
        return len(samples), spotter.score_track(samples)
    num_samples = 0

    def counted() -> Iterator[npt.NDArray[np.float32]]:
        nonlocal num_samples
        for chunk in data.chunks(utterance, spotter.sample_rate, BLOCK_S):
            num_samples += len(chunk)
            yield chunk

    # a command would run for it
    duration_s = 0.0 if utterance.is_command else data.duration_s(utterance)
    scores = spotter.score_chunks(counted(), duration_s)
    return num_samples, scores


def _samples(
    data: DataDir, utterance: Utterance, sample_rate: int, mixer: NoiseMixer | None
) -> npt.NDArray[np.float32]:
    samples = data.load(utterance, sample_rate).samples
    return samples if mixer is None else mixer.mix(samples, utterance.id)
