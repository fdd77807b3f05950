"""Keywords inside longer ones: of "stop" and "stop music" one event, the longest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kws.words import find_keywords, tokens_of


@dataclass(frozen=True)
class OpenEvent:
    """An event that has triggered and has not ended yet; frames from the start of the stream."""

    keyword: int
    start: int
    trigger: int
    peak: int
    confidence: float


class EndedEvent(NamedTuple):
    """An event whose end is known, but perhaps not yet that it is no part of a longer one."""

    due: int  # the frame after which it is told
    end: int
    event: OpenEvent


class Nesting:
    """Which keywords lie inside longer ones, and what becomes of their events.

    An event of the shorter keyword is dropped when one of the longer has triggered while it
    lasted. It is known at its end, except where the longer keyword begins with it ("stop music"
    with "stop"): then it waits until `w_max` frames after its trigger, which is how far back the
    confidence of the longer one looks.

    Args:
        names: of the keywords, in the order of their numbers.
        w_max: frames of the confidence's window.
    """

    def __init__(self, names: Sequence[str], w_max: int) -> None:
        self.w_max = w_max
        self.longer: dict[int, tuple[int, ...]] = {}  # than those inside them
        self.waits: dict[int, tuple[int, ...]] = {}  # for those that begin with them
        for number, name in enumerate(names):
            firsts = {
                other: [match.first for match in find_keywords(tokens_of(text), [name])]
                for other, text in enumerate(names)
                if other != number
            }
            longer = tuple(other for other, found in firsts.items() if found)
            if longer:
                self.longer[number] = longer
            if begun := tuple(other for other in longer if 0 in firsts[other]):
                self.waits[number] = begun
        self._outer = {other for longer in self.longer.values() for other in longer}

    def __bool__(self) -> bool:
        return bool(self.longer)

    def outer(self, events: Iterable[OpenEvent], num_frames: int) -> tuple[OpenEvent, ...]:
        """Those of `events` that may yet hold a shorter one at frame `num_frames` or after it."""
        if not self._outer:  # nearly always, and this is asked at every step
            return ()
        return tuple(
            event
            for event in events
            # a shorter one that is told from now on triggered at most w_max frames ago, and
            # started at most w_max frames before that
            if event.keyword in self._outer and event.trigger >= num_frames - 2 * self.w_max
        )

    def ended(self, end: int, event: OpenEvent) -> EndedEvent:
        """An event and the frame after which it is told, unless it is dropped."""
        due = max(end, event.trigger + self.w_max) if event.keyword in self.waits else end
        return EndedEvent(due, end, event)

    def holds(self, ended: EndedEvent, outer: Iterable[OpenEvent]) -> bool:
        """Whether an event lies inside one of `outer`, as far as they count when it is told."""
        longer = self.longer.get(ended.event.keyword, ())
        return any(
            event.keyword in longer
            and ended.event.start <= event.trigger <= ended.due
            and event.start <= ended.end
            for event in outer
        )
