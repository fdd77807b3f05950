"""One stream of samples through a loaded model."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kws import detection
from kws.audio import background, recent_samples
from kws.detection import Detection
from kws.detection.detector import DetectorState
from kws.errors import InputError
from kws.keyword import Keyword
from kws.runtime.metadata import Metadata
from kws.runtime.model import Array, Model, Scores
from kws.runtime.samples import SampleBuffer, check_samples
from kws.runtime.steady import EasyCall, SteadyCall

BLOCK_S = 1.0  # longer chunks pass in blocks of this, so that memory stays bounded
_INT16 = np.dtype(np.int16)


class Stream:
    """Samples in, keyword events out.

    It holds all that its past means to its future, and nothing else does: streams of one model do
    not know of one another, and a reset one is a new one. One thread at a time may use it.
    """

    state: Array  # (1, state_size)
    _events_state: DetectorState  # but for `_unseen`
    _quiet_below: float  # while all confidences are, nothing happens
    _unseen: list[bytes]  # smoothed posteriors of calls in which nothing happened
    _easy: dict[tuple[int, ...], EasyCall]  # none at a beginning
    _parts: list[
        tuple[Scores | SteadyCall, int]
    ]  # what the last call gave, and which row is this stream

    def __init__(
        self,
        model: Model,
        thresholds: float | Mapping[str, float] | None = None,
        refractory_s: float | None = None,
        tell_nested: bool = False,
    ) -> None:
        """Begin a stream.

        Args:
            model: the loaded file.
            thresholds: one for all keywords, or of some by name; the others, or all for None, have
                the file's.
            refractory_s: the least time between two triggers of a keyword; None: the file's.
            tell_nested: tell a keyword inside a longer one ("stop", "stop music") too, and at
                once; otherwise one event is told, the longest, and one that a longer one begins
                with waits for it, `kws info` says how long.

        Raises:
            InputError: a keyword without a threshold, an unknown one, a threshold beyond [0, 1],
                or a refractory period beyond a day.
        """
        self.model = model
        self.refractory_s = model.metadata.refractory_s if refractory_s is None else refractory_s
        self.tell_nested = tell_nested
        self._events = _events(model, thresholds, self.refractory_s, tell_nested)
        self.block = round(BLOCK_S * model.metadata.sample_rate)  # samples
        metadata = model.metadata
        buffer = SampleBuffer(
            metadata.first_samples,
            metadata.frame_shift,
            self.block,
            recent_samples(metadata.sample_rate),
        )
        self._hold(buffer)
        self._unseen = []
        self.reset()

    @property
    def metadata(self) -> Metadata:
        """What the file says about itself."""
        return self.model.metadata

    @property
    def sample_rate(self) -> int:
        """Of the samples that it takes, in Hz."""
        return self.model.metadata.sample_rate

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        """The columns of the confidences."""
        return self.model.metadata.keywords

    @property
    def units(self) -> tuple[str, ...]:
        """The columns of the posteriors."""
        return self.model.metadata.units

    @property
    def thresholds(self) -> dict[str, float]:
        """Of every keyword."""
        names = (keyword.name for keyword in self.keywords)
        return dict(zip(names, self._events.thresholds.tolist(), strict=True))

    def nested_events(
        self, events: Sequence[Detection], scores: tuple[Array, Array], duration_s: float
    ) -> list[Detection]:
        """What was not told of a whole recording because it lies inside longer keywords.

        Args:
            events: those that were told.
            scores: its confidences (T, keywords) and smoothed posteriors (T, units).
            duration_s: of the recording.
        """
        if not self._events.nesting:
            return []
        alone = _events(self.model, self.thresholds, self.refractory_s, tell_nested=True)
        told = {(event.keyword, event.trigger_frame) for event in events}
        found = alone.finish(scores, alone.init_state(), duration_s)
        return [event for event in found if (event.keyword, event.trigger_frame) not in told]

    @property
    def confidences(self) -> Array:
        """Of the frames that the last call completed: (T, keywords)."""
        frames = [scores.confidences[row] for scores, row in self._parts]
        return _joined(frames, len(self.keywords))

    @property
    def smoothed(self) -> Array:
        """Smoothed posteriors of the frames that the last call completed: (T, units)."""
        frames = [scores.smoothed[row] for scores, row in self._parts]
        return _joined(frames, len(self.units))

    @property
    def posteriors(self) -> Array:
        """Of the frames that the last call completed: (T, units)."""
        frames = [scores.posteriors[row] for scores, row in self._parts]
        return _joined(frames, len(self.units))

    def stream(self) -> Stream:
        """A new, independent stream of the same model with the same thresholds."""
        return Stream(self.model, *self._options)

    @property
    def _options(self) -> tuple[dict[str, float], float, bool]:
        return self.thresholds, self.refractory_s, self.tell_nested

    def _hold(self, buffer: SampleBuffer) -> None:
        """Take samples through it from now on."""
        self._buffer = buffer
        self._heard = buffer.recent.heard
        self._hear = self._heard.extend
        self._most_heard = buffer.recent.most_heard
        self._calls = self.model.steady_calls(buffer.values)

    def __getstate__(self) -> dict[str, Any]:
        """What pickle keeps: the file, the options, the past, and the frames of the last call."""
        self._catch_up()
        state = self.state.copy()
        last = Scores(self.confidences[None], self.smoothed[None], self.posteriors[None], state)
        return {
            "options": (self.model, *self._options),
            "state": state,
            "events_state": self._events_state,
            "buffer": copy.deepcopy(self._buffer),
            "parts": [(last, 0)],
            "sizes": () if self._calls is None else self._calls.sizes,
        }

    def __setstate__(self, kept: Mapping[str, Any]) -> None:
        """Go on where a stream was."""
        Stream.__init__(self, *kept["options"])
        self.state = kept["state"]
        self._events_state = kept["events_state"]
        self._quiet_below = self._events.quiet_below(self._events_state)
        self._hold(kept["buffer"])
        self._parts = kept["parts"]
        for num_samples in kept["sizes"]:  # the next calls take the ways that they would have taken
            if self._calls is not None:
                self._calls.find(num_samples)

    def process(self, samples: npt.NDArray[np.generic]) -> list[Detection]:
        """Take the next samples; the events that end in them, in the order of their ends.

        Args:
            samples: (S,), S >= 0, at `sample_rate`: int16, or float32 or float64 in [-1, 1].

        Raises:
            InputError: another type or shape, values that are not finite or far beyond [-1, 1];
                the stream is then as it was before.
        """
        if type(samples) is np.ndarray and samples.dtype is _INT16:
            easy = self._easy.get(samples.shape)
            if easy is not None:
                return self._take(easy, samples)
        return self._process(samples, check_samples(samples))

    def process_waveform(self, samples: Array) -> list[Detection]:
        """`process` for samples as kws.audio gives them, float32 at 16-bit scale, unchecked.

        Args:
            samples: (S,), S >= 0, finite.
        """
        easy = self._easy.get(samples.shape)
        return self._process(samples, 1.0) if easy is None else self._take(easy, samples)

    def _process(self, samples: npt.NDArray[np.generic], scale: float) -> list[Detection]:
        self.begin()
        if len(samples) <= self.block:
            return self._advance_once(samples, scale)
        events = []
        for start in range(0, len(samples), self.block):
            events += self._advance(samples[start : start + self.block], scale)
        return events

    def _advance_once(self, samples: npt.NDArray[np.generic], scale: float) -> list[Detection]:
        """As `_advance`, for the only block of a call: its scores may share their arrays."""
        calls = self._calls
        if calls is None or not self.is_settled:
            return self._advance(samples, scale)
        complete = self.feed(samples, scale)
        if not complete.size:
            return []
        call = calls.find(complete.shape[1])
        if call is None:
            return self.conclude(self.model.run(complete, self.state, is_settled=True), 0)
        try:
            self.state = calls.run(call, self.state)
        except Exception as error:  # what fails does so at the first call of a size
            raise self.model.fault(error) from None
        self._parts.append((call, 0))
        events = self._follow(call.confidences[0], call.smoothed[0])
        if complete.shape[1] == len(samples):
            self._easy = calls.easy(len(samples), self._buffer.bring_forward())
        return events

    def _take(self, easy: EasyCall, samples: npt.NDArray[np.generic]) -> list[Detection]:
        """`_process` where nothing is new but the samples.

        This is what runs nearly always, when the processor's caches are full of the network: each
        line more costs half a microsecond.
        """
        coming, came, front, behind, run, second, turns, self._parts, confidences, smoothed = easy
        coming[...] = samples
        self._hear(came)
        binding, state = turns[self.state is second]
        run(binding, None)
        self.state = state
        front[...] = behind
        values = confidences.tolist()
        if max(values) < self._quiet_below or self._events.is_quiet(values, self._events_state):
            self._unseen.append(smoothed.tobytes())
            if len(self._heard) > self._most_heard:
                self._catch_up()
            return []
        self._catch_up()
        call, row = self._parts[0]
        return self._follow(call.confidences[row], call.smoothed[row])

    def _advance(self, samples: npt.NDArray[np.generic], scale: float) -> list[Detection]:
        is_settled = self.is_settled
        complete = self.feed(samples, scale)
        if not complete.size:
            return []
        return self.conclude(self.model.run(complete, self.state, is_settled=is_settled), 0)

    def flush(self) -> list[Detection]:
        """End the stream: the events that end in its last frames or with it.

        Some background is heard behind its end, so that a keyword that ends with it is found; the
        times of events lie before that. The next samples begin a new stream, as after `reset`.
        """
        self.begin()
        recent = self._buffer.recent
        duration_s = recent.num_samples / self.sample_rate
        tail = background(recent.samples(), self.sample_rate)
        samples = np.concatenate((self._buffer.rest(), tail[None]), axis=1)
        scores = self.model.run(samples, self.state, True)
        self._parts.append((scores, 0))
        frames = scores.confidences[0], scores.smoothed[0]
        events = self._events.finish(frames, self._events_state, duration_s)
        self._restart()
        return events

    def reset(self) -> None:
        """Forget everything: bit by bit as a new stream."""
        self.begin()
        self._restart()

    @property
    def age(self) -> int:
        """Frames that have gone into the state, as far as their number matters to the file."""
        settled = self.model.metadata.settled_frames
        num_frames = self._buffer.num_frames
        return num_frames if settled is None else min(num_frames, settled)

    @property
    def is_settled(self) -> bool:
        """Whether the number of frames that have gone into the state no longer matters."""
        settled = self.model.metadata.settled_frames
        return settled is not None and self._buffer.num_frames >= settled

    def begin(self) -> None:
        """Part of `process`: let go of the last call's frames."""
        self._parts = []
        self._easy = {}
        self._catch_up()

    def feed(self, samples: npt.NDArray[np.generic], scale: float) -> Array:
        """Part of `process`: take in one block; what is to be run now, (1, S), valid until then.

        Args:
            samples: (S,), checked, at most `block`.
            scale: their factor to 16-bit scale.
        """
        return self._buffer.feed(samples, scale)

    def conclude(self, scores: Scores, row: int) -> list[Detection]:
        """Part of `process`: take what the model made of it; the events that end there.

        Args:
            scores: of a call in which `row` was this stream.
        """
        self._parts.append((scores, row))
        self.state = scores.next_state[row : row + 1]
        return self._follow(scores.confidences[row], scores.smoothed[row])

    def _follow(self, confidences: Array, smoothed: Array) -> list[Detection]:
        """The events that end in frames, (T, keywords) and (T, units)."""
        events, self._events_state = self._events.step((confidences, smoothed), self._events_state)
        self._quiet_below = self._events.quiet_below(self._events_state)
        return events

    def _catch_up(self) -> None:
        """Let the events know of all frames, and go of samples that are old."""
        if self._unseen:
            self._events_state = self._events.skip(b"".join(self._unseen), self._events_state)
            self._unseen = []
        if len(self._heard) > self._most_heard:
            self._buffer.recent.trim()

    def _restart(self) -> None:
        self._buffer.clear()
        self.state = self.model.init_state()
        self._events_state = self._events.init_state()
        self._quiet_below = self._events.quiet_below(self._events_state)


def _joined(frames: list[Array], num_columns: int) -> Array:
    # a copy even of one part: the detector keeps the smoothed posteriors themselves
    return np.concatenate(frames) if frames else np.zeros((0, num_columns), np.float32)


def _events(
    model: Model,
    thresholds: float | Mapping[str, float] | None,
    refractory_s: float,
    tell_nested: bool,
) -> detection.Detector:
    """The way from a model's confidences to events."""
    metadata = model.metadata
    names = [keyword.name for keyword in metadata.keywords]
    if thresholds is None:
        given = {}
    elif isinstance(thresholds, Mapping):
        given = dict(thresholds)
    else:
        given = dict.fromkeys(names, float(thresholds))
    for name in given:
        if name not in names:
            raise InputError(
                f"{model.source}: threshold for {name!r}: its keywords are "
                + ", ".join(map(repr, names))
            )
    merged = {**metadata.thresholds, **given}
    if missing := [name for name in names if name not in merged]:
        raise InputError(
            f"{model.source}: keyword {missing[0]!r} has no threshold; give one, or solve it with "
            "`kws evaluate --dev` and export the model again"
        )
    return detection.Detector(
        metadata.keywords,
        {name: merged[name] for name in names},
        refractory_s=refractory_s,
        frame_shift_s=metadata.frame_shift_s,
        frame_offset_s=metadata.frame_offset_s,
        w_max=metadata.w_max,
        offsets=metadata.word_offsets,
        tell_nested=tell_nested,
    )
