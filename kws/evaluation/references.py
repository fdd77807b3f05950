"""What was said in an utterance, as far as the counting of misses and false alarms needs it."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kws.data import Word, keyword_spans, keywords_in
from kws.detection import Nesting

WORD_MARGIN_S = 0.5  # an event belongs to a word when its peak is no further from it than this


@dataclass(frozen=True)
class Window:
    """Where events of a keyword are no false alarms; seconds from the start of the utterance."""

    start_s: float
    end_s: float
    is_trial: bool = True
    """whether it is a miss when no event lies in it"""


@dataclass(frozen=True)
class Reference:
    """One utterance: how long it is and where its keywords are."""

    data_dir: str
    utterance: str
    duration_s: float
    windows: Mapping[str, tuple[Window, ...]]
    """by keyword, those that are in it; in the order of their starts and of their ends"""
    ignores_times: bool = False
    """whether it has word times that are not used, as its text holds more keywords than they do"""

    def windows_of(self, keyword: str) -> tuple[Window, ...]:
        return self.windows.get(keyword, ())

    def num_positives(self, keyword: str) -> int:
        return sum(window.is_trial for window in self.windows_of(keyword))

    def seconds_without(self, keyword: str) -> float:
        """How much of it is audio without `keyword`: its duration minus the keyword's windows."""
        left, covered_to = self.duration_s, 0.0
        for window in sorted(self.windows_of(keyword), key=lambda window: window.start_s):
            start, end = max(window.start_s, covered_to), min(window.end_s, self.duration_s)
            left -= max(0.0, end - start)
            covered_to = max(covered_to, end)
        return max(0.0, left)


def make_reference(
    data_dir: str,
    utterance: str,
    duration_s: float,
    text: str,
    words: Sequence[Word],
    keywords: Iterable[str],
) -> Reference:
    """Find the keywords of an utterance in its word times, or else in its text.

    Where keywords overlap the longest counts ("okay google" is no "google"). Events of the shorter
    one within the longer are none of a detector that hears both, and neither hits nor false alarms
    at a threshold at which it hears but the shorter: there is a window that is no trial.
    With times each word is a trial of its own: its window is the word and 0.5 s on both sides.
    Without, or where they lack a keyword that the text holds, the utterance is one trial,
    wherever in it the event lies; a text that holds the keyword n times excuses n events.

    Args:
        data_dir: where the utterance is from.
        utterance: its id.
        duration_s: of its audio.
        text: its transcript.
        words: its word times, none when they are unknown.
        keywords: the names to look for.
    """
    windows: dict[str, tuple[Window, ...]] = {}
    ignores_times = False
    names = list(keywords)
    spoken, timed = keywords_in(text, names), keyword_spans(words, names)
    for keyword in names:
        in_text = spoken.count(keyword)
        spans = [span for span in timed if span.word == keyword]
        if len(spans) >= in_text:
            # starts and ends each in order, even where two voices overlap: no window in another
            starts, ends = sorted(s.start_s for s in spans), sorted(s.end_s for s in spans)
            found = [
                Window(start - WORD_MARGIN_S, end + WORD_MARGIN_S)
                for start, end in zip(starts, ends, strict=True)
            ]
        else:
            ignores_times |= bool(words)
            found = [Window(-math.inf, math.inf, is_trial=i == 0) for i in range(in_text)]
        if found:
            windows[keyword] = tuple(found)
    with_longer = {
        names[number]: _with_excused(
            windows.get(names[number], ()),
            [window for other in longer for window in windows.get(names[other], ())],
        )
        for number, longer in _longer(tuple(names)).items()
    }
    windows |= {name: found for name, found in with_longer.items() if found}
    return Reference(data_dir, utterance, duration_s, windows, ignores_times)


@functools.lru_cache(maxsize=16)
def _longer(names: tuple[str, ...]) -> Mapping[int, tuple[int, ...]]:
    """By the number of a keyword, those of longer ones that it lies inside of."""
    return Nesting(names, 1).longer


def _with_excused(own: tuple[Window, ...], longer: Sequence[Window]) -> tuple[Window, ...]:
    """A keyword's windows, and where longer ones hold it: in order, none in another."""
    if not all(math.isfinite(window.start_s) for window in (*own, *longer)):
        return own + (Window(-math.inf, math.inf, is_trial=False),) * len(longer)
    windows = list(own)
    for window in sorted(longer, key=lambda window: window.start_s):
        # what lies between those that are there
        start_s = window.start_s
        for other in sorted(windows, key=lambda other: other.start_s):
            if start_s < other.start_s < window.end_s:
                windows.append(Window(start_s, other.start_s, is_trial=False))
            if other.start_s < window.end_s:
                start_s = max(start_s, other.end_s)
        if start_s < window.end_s:
            windows.append(Window(start_s, window.end_s, is_trial=False))
    return tuple(sorted(windows, key=lambda window: (window.start_s, window.end_s)))
