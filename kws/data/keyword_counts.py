"""What a data dir holds of each keyword, and of speech without it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from kws.data.data_dir import DataDir
from kws.data.text import keyword_spans, keywords_in, note_on_letters


@dataclass(frozen=True)
class KeywordCounts:
    """Utterances by what their texts hold, and what there is to say of them, a line each."""

    of_keyword: dict[str, int]
    without_any: int
    notes: list[str]
    lacks: list[str]
    """where nothing is known to be without a keyword: no false alarm of it can be counted"""

    def __str__(self) -> str:
        counts = ", ".join(f"{count} of {name!r}" for name, count in self.of_keyword.items())
        return f"{counts}, {self.without_any} without a keyword"


def count_keywords(data: DataDir, keywords: Sequence[str]) -> KeywordCounts:
    """Count a data dir's utterances by the keywords in their texts.

    Args:
        data: the data dir; its audio is not read.
        keywords: their names.
    """
    holds: Counter[str] = Counter()
    is_whole: Counter[str] = Counter()  # of a keyword: without times it may be anywhere
    without_any = 0
    for utterance in data.utterances:
        spoken = Counter(keywords_in(utterance.text, keywords))
        timed = Counter(
            span.word for span in keyword_spans(data.words.get(utterance.id, ()), keywords)
        )
        holds.update(spoken.keys() | timed.keys())
        is_whole.update(name for name, count in spoken.items() if timed[name] < count)
        without_any += not spoken and not timed
    others = "add other speech (recordings without a keyword, or with word times)"
    lacks = [
        f"{data.path}: every utterance holds {name!r}: no false alarm could be counted; {others}"
        for name in keywords
        if data.utterances and is_whole[name] == len(data.utterances)
    ]
    notes = [
        f"{data.path}: no utterance's text holds the keyword {name!r}"
        for name in keywords
        if not holds[name]
    ]
    if data.utterances and not without_any and not lacks:
        notes.append(f"{data.path}: every utterance holds a keyword; {others}")
    letters = note_on_letters([data], keywords)
    return KeywordCounts(
        {name: holds[name] for name in keywords},
        without_any,
        [*notes, *([letters] if letters else [])],
        lacks,
    )
