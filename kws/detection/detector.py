"""From confidences to keyword events."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np

from kws.detection.detection import Detection, WordOffsets
from kws.detection.nesting import EndedEvent, Nesting, OpenEvent
from kws.detection.triggers import Arming, next_triggers
from kws.errors import InputError

FEW = 128  # values
BLOCK = 10_000  # frames
MOST_REFRACTORY_S = (
    86400.0  # a day: what is longer is a mistake, and may be more frames than can be
)


class KeywordLike(Protocol):
    """A keyword's name and the columns of its units, in spoken order."""

    @property
    def name(self) -> str: ...

    @property
    def units(self) -> tuple[int, ...]: ...


class DetectorState(NamedTuple):
    """All that the past of a stream means to its future."""

    num_frames: int
    smoothed: bytes  # of (at most w_max - 1, C), the last frames: cheap to append to
    row_size: int  # bytes of one of them
    arming: tuple[Arming, ...]  # of each keyword
    open: tuple[OpenEvent, ...]
    waiting: tuple[EndedEvent, ...]  # for longer keywords that may follow
    outer: tuple[OpenEvent, ...]  # the latest of keywords that others lie inside of


class Detector:
    """Thresholds, refractory period, start and end of events: a `Stage` on numpy arrays.

    A keyword triggers at the first frame whose confidence reaches its threshold. It can do so
    again when `refractory_s` has passed since and its confidence has been below the threshold in
    between: one burst is one event. The event ends at the first frame from the trigger on whose
    smoothed posterior of the last unit is below half of that unit's largest one in the last
    `w_max` frames, at most `w_max` frames after the trigger; it starts where the smoothed
    posterior of the first unit last rose to half of its largest one in the `w_max` frames up to
    the trigger; its peak is the first frame of largest confidence from trigger to end. The word's
    times are those of these two frames, moved by what the model knows of its keyword.

    A keyword inside a longer one ("stop", "stop music") gives no event where that triggers: one
    event, the longest, see `kws.detection.nesting`.
    """

    def __init__(
        self,
        keywords: Sequence[KeywordLike],
        thresholds: Mapping[str, float],
        *,
        refractory_s: float = 1.0,
        frame_shift_s: float = 0.01,
        frame_offset_s: float = 0.0,
        w_max: int = 100,
        offsets: Mapping[str, WordOffsets] | None = None,
        tell_nested: bool = False,
    ) -> None:
        """Make a detector.

        Args:
            keywords: the columns of the confidences, in order.
            thresholds: of every keyword, by its name.
            refractory_s: the least time between two triggers of a keyword.
            frame_shift_s: time from frame to frame.
            frame_offset_s: the centre of frame 0.
            w_max: frames of the confidence's window.
            offsets: of keywords by name; the times of the others' words are unknown.
            tell_nested: tell each keyword by itself, at once, those inside longer ones too.

        Raises:
            InputError: a keyword without a threshold, a threshold without a keyword or beyond
                [0, 1], or a time that is negative or longer than a day.
        """
        names = [keyword.name for keyword in keywords]
        if missing := [name for name in names if name not in thresholds]:
            raise InputError(f"keyword {missing[0]!r} has no threshold; give it one")
        if unknown := [name for name in thresholds if name not in names]:
            raise InputError(
                f"threshold for {unknown[0]!r}: the keywords are {', '.join(map(repr, names))}"
            )
        for name, threshold in thresholds.items():
            check_threshold(name, threshold)
        check_refractory(refractory_s)
        if w_max < 1:
            raise InputError(f"w_max={w_max}: it must be 1 frame or more")
        self.keywords = tuple(keywords)
        self.thresholds = np.array([thresholds[name] for name in names], dtype=np.float64)
        self._limits: list[float] = self.thresholds.tolist()
        # of all thresholds: nothing can begin below it
        self.lowest = min(self._limits, default=math.inf)
        self.refractory_frames = frames_of(refractory_s, frame_shift_s)
        self.frame_shift_s = frame_shift_s
        self.frame_offset_s = frame_offset_s
        self.w_max = w_max
        self.offsets = dict(offsets or {})
        self.nesting = Nesting([] if tell_nested else names, w_max)

    def init_state(self) -> DetectorState:
        """The state before the first frame: every keyword is armed."""
        return DetectorState(0, b"", 0, (Arming(),) * len(self.keywords), (), (), ())

    def step(
        self, x: tuple[np.ndarray, np.ndarray], state: DetectorState
    ) -> tuple[list[Detection], DetectorState]:
        """Take the next frames; the events that end in them, in the order of their ends.

        Args:
            x: confidences (T, K) and smoothed posteriors (T, C), T >= 0.
            state: what the step before returned.
        """
        confidences, smoothed = x
        if confidences.shape != (len(smoothed), len(self.keywords)):
            raise InputError(
                f"confidences {confidences.shape} and smoothed posteriors {smoothed.shape}: "
                f"they must be (T, {len(self.keywords)}) and (T, units)"
            )
        if not confidences.size:
            return [], state
        num_frames = state.num_frames + len(smoothed)
        row_size = smoothed.nbytes // len(smoothed)
        if row_size != state.row_size and state.num_frames:
            raise InputError(
                f"smoothed posteriors {smoothed.shape} of {smoothed.dtype}: those before them in "
                "this stream had another type or number of units; keep both"
            )
        past = state.smoothed + smoothed.tobytes()
        kept = self._latest(past, row_size)
        is_idle = not state.open and not state.waiting
        if is_idle and _largest(confidences) < self.lowest:
            arming, outer = _fallen(state.arming), self.nesting.outer(state.outer, num_frames)
            return [], DetectorState(num_frames, kept, row_size, arming, (), (), outer)
        known = np.frombuffer(past, smoothed.dtype).reshape(-1, smoothed.shape[1])
        first = num_frames - len(known)  # the frame of known[0]
        events, arming = self._triggered(confidences, known, first, state)
        outer = (*state.outer, *events)
        ended, open_events = list(state.waiting), []
        for event in (*state.open, *events):
            event, end = self._followed(event, confidences, known, first, state.num_frames)
            if end is None:
                open_events.append(event)
            else:
                ended.append(self.nesting.ended(end, event))
        told, waiting = self._told(ended, outer, num_frames)
        outer = self.nesting.outer(outer, num_frames)
        new_state = DetectorState(
            num_frames, kept, row_size, arming, tuple(open_events), waiting, outer
        )
        return told, new_state

    def _told(
        self, ended: Sequence[EndedEvent], outer: Sequence[OpenEvent], num_frames: float
    ) -> tuple[list[Detection], tuple[EndedEvent, ...]]:
        """The events that are told before frame `num_frames`, and those that still wait."""
        ordered = sorted(ended, key=lambda one: (one.due, one.event.keyword, one.event.trigger))
        kept = [one for one in ordered if not self.nesting.holds(one, outer)]
        told = [self._detection(one.event, one.end) for one in kept if one.due < num_frames]
        return told, tuple(one for one in kept if one.due >= num_frames)

    def quiet_below(self, state: DetectorState) -> float:
        """A confidence: while all are below it, frames change nothing and `skip` takes them."""
        is_idle = not state.open and not state.waiting
        is_idle = is_idle and all(arming.fell for arming in state.arming)
        return self.lowest if is_idle else -math.inf

    def is_quiet(self, confidences: Sequence[float], state: DetectorState) -> bool:
        """Whether the next frames change nothing, so that `skip` takes them.

        No event is open or waits, and every keyword stays below its threshold, or above it since
        its last trigger: for a window's length the confidence of a detected keyword does.

        Args:
            confidences: (T * K), those of a frame one after the other.
            state: before them.
        """
        if state.open or state.waiting:
            return False
        for k, (limit, arming) in enumerate(zip(self._limits, state.arming, strict=True)):
            values = confidences[k :: len(self._limits)]
            # not `min`: NaN, which is not above, would be lost in it
            stays = max(values) < limit if arming.fell else all(v >= limit for v in values)
            if not stays:
                return False
        return True

    def skip(self, smoothed: bytes, state: DetectorState) -> DetectorState:
        """`step` of frames that change nothing, see `is_quiet`.

        Args:
            smoothed: of the smoothed posteriors, rows of the type and length of those before.
            state: that of a stream that has begun.
        """
        num_frames = state.num_frames + len(smoothed) // state.row_size
        kept = self._latest(state.smoothed + smoothed, state.row_size)
        outer = self.nesting.outer(state.outer, num_frames)
        return state._replace(num_frames=num_frames, smoothed=kept, outer=outer)

    def _latest(self, smoothed: bytes, row_size: int) -> bytes:
        """The part that the next frames may look back at."""
        return smoothed[max(0, len(smoothed) - (self.w_max - 1) * row_size) :]

    def flush(self, state: DetectorState) -> list[Detection]:
        """End the stream: events that are still open end at its last frame, and none waits."""
        ended = [self.nesting.ended(state.num_frames - 1, event) for event in state.open]
        return self._told([*state.waiting, *ended], state.outer, math.inf)[0]

    def finish(
        self, x: tuple[np.ndarray, np.ndarray], state: DetectorState, duration_s: float
    ) -> list[Detection]:
        """Take the last frames of a stream and end it.

        Args:
            x: as for `step`; they may go on behind the recording's end.
            state: before them.
            duration_s: of the recording: no time of an event is behind it.
        """
        confidences, smoothed = x
        events = []
        for start in range(0, max(1, len(smoothed)), BLOCK):  # a step copies what it is given
            block = slice(start, start + BLOCK)
            told, state = self.step((confidences[block], smoothed[block]), state)
            events += told
        return [event.until(duration_s) for event in events + self.flush(state)]

    def _triggered(
        self, confidences: np.ndarray, known: np.ndarray, first: int, state: DetectorState
    ) -> tuple[list[OpenEvent], tuple[Arming, ...]]:
        """The events that begin in the chunk."""
        events, arming = [], []
        for k, keyword in enumerate(self.keywords):
            triggers, after = next_triggers(
                confidences[:, k],
                self._limits[k],
                self.refractory_frames,
                state.arming[k],
                state.num_frames,
            )
            arming.append(after)
            for trigger in triggers:
                start = self._start(known[:, keyword.units[0]], first, trigger)
                confidence = float(confidences[trigger - state.num_frames, k])
                events.append(OpenEvent(k, start, trigger, trigger, confidence))
        return events, tuple(arming)

    def _start(self, unit: np.ndarray, first: int, trigger: int) -> int:
        """The frame where `unit`, whose frame 0 is `first`, last rose to half of its peak."""
        begin = max(0, trigger - first - self.w_max + 1)
        # a list: on a hundred values numpy's calls would take longer
        window = unit[begin : trigger - first + 1].tolist()
        largest = max(window)
        half = min(largest, largest / 2)  # a network without a softmax may give less than 0
        frame = len(window) - 1
        while window[frame] < half:
            frame -= 1
        while frame > 0 and window[frame - 1] >= half:
            frame -= 1
        return first + begin + frame

    def _followed(
        self,
        event: OpenEvent,
        confidences: np.ndarray,
        known: np.ndarray,
        first: int,
        chunk_start: int,
    ) -> tuple[OpenEvent, int | None]:
        """The event with its peak so far, and the frame where it ends if that is known."""
        begin = max(event.trigger, chunk_start)
        latest = event.trigger + self.w_max
        stop = min(first + len(known), latest + 1)
        end = latest if stop == latest + 1 else None
        oldest = max(0, begin - first - self.w_max + 1)
        unit = known[oldest : stop - first, self.keywords[event.keyword].units[-1]].tolist()
        for frame in range(begin, stop):
            here = frame - first - oldest
            if unit[here] < max(unit[max(0, here - self.w_max + 1) : here + 1]) / 2:
                stop, end = frame + 1, frame
                break
        part = confidences[begin - chunk_start : stop - chunk_start, event.keyword].tolist()
        largest = max(part)
        if largest > event.confidence:
            event = replace(event, peak=begin + part.index(largest), confidence=largest)
        return event, end

    def _detection(self, event: OpenEvent, end: int) -> Detection:
        name = self.keywords[event.keyword].name
        start_s = end_s = None
        if name in self.offsets:
            start_s = max(0.0, self._time(event.start) + self.offsets[name].start_s)
            end_s = max(start_s, self._time(end) + self.offsets[name].end_s)
        return Detection(
            name,
            start_s,
            end_s,
            self._time(event.peak),
            event.confidence,
            self._time(event.trigger),
            event.start,
            end,
            event.peak,
            event.trigger,
        )

    def _time(self, frame: int) -> float:
        return self.frame_offset_s + frame * self.frame_shift_s


def check_threshold(name: str, threshold: float) -> None:
    """The one rule for thresholds: confidences lie in [0, 1], and so do they.

    Args:
        name: of the keyword.
        threshold: of its confidence.

    Raises:
        InputError: it lies elsewhere, or is no number.
    """
    if not 0 <= threshold <= 1:
        raise InputError(
            f"threshold {threshold} of {name!r}: it must lie between 0 and 1; give another, or "
            "solve it with `kws evaluate --dev`"
        )


def check_refractory(refractory_s: float) -> None:
    """The same for the refractory period."""
    if not 0 <= refractory_s <= MOST_REFRACTORY_S:
        raise InputError(
            f"refractory_s={refractory_s}: it must lie between 0 and {MOST_REFRACTORY_S:g} s, a day"
        )


def _largest(confidences: np.ndarray) -> float:
    """As a Python number: numpy would compare in float32, see `next_triggers`."""
    if confidences.size <= FEW:
        # once the network has run, numpy's reductions are not in the processor's cache any more:
        # a list takes 1.5 microseconds, `max` on the array 8
        return float(max(confidences.ravel().tolist()))
    return float(confidences.max())


def _fallen(arming: tuple[Arming, ...]) -> tuple[Arming, ...]:
    """The arming of every keyword after frames that were all below its threshold."""
    for keyword in arming:
        if not keyword.fell:
            return tuple(Arming(a.ready) for a in arming)
    return arming


def frames_of(seconds: float, frame_shift_s: float) -> int:
    """The least number of frames that last `seconds` or longer."""
    # 0.3 / 0.1 is a hair above 3: a millionth of a frame is no frame
    return math.ceil(seconds / frame_shift_s - 1e-6)
