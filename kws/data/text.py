"""Which keywords a transcript holds, and where among timed words (`kws.words` has the rule)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence

import numpy as np

from kws.data.ctm import Word
from kws.data.data_dir import DataDir
from kws.words import find_keywords, find_letters, split_word, tokens_of, words_of

_LONGEST_SHOWN = 60  # characters of a text; of a longer one the words that matter are shown
_UNIT = re.compile(r".*[^\W\d].*\.\d+")  # `computer.2`: a part of a word, as `kws align` writes


def keywords_in(text: str, keywords: Sequence[str]) -> list[str]:
    """The keywords that a transcript holds, in the order of their beginnings, once per occurrence.

    Where keywords overlap the longest counts: "okay google" does not hold "google". An utterance
    that holds none is a negative.

    Args:
        text: the transcript; `<unk>` holds no keyword.
        keywords: as they are to be returned.
    """
    return [match.keyword for match in find_keywords(tokens_of(text), keywords)]


def keyword_spans(words: Sequence[Word], keywords: Sequence[str]) -> list[Word]:
    """The keywords among an utterance's timed words: from a keyword's first word to its last.

    A timed word that holds several words ("hey-marvin") is spanned whole. A part of a word
    (`computer.2`) is no word.

    Args:
        words: one utterance's, in the order of time.
        keywords: as they are to be returned, as the spans' `word`.
    """
    owners, tokens = _tokens(words)
    return [
        Word(
            utterance=words[owners[match.first]].utterance,
            start_s=words[owners[match.first]].start_s,
            end_s=max(words[owner].end_s for owner in owners[match.first : match.end]),
            word=match.keyword,
        )
        for match in find_keywords(tokens, keywords)
    ]


def keyword_words(words: Sequence[Word], keywords: Sequence[str]) -> list[Word]:
    """The times of the keywords' own words among an utterance's timed words.

    They are named as `words_of` a keyword; one that stands alone ("view" of "view glass") is among
    them. Where a timed word holds several ("hey-marvin"), its letters share its time evenly.

    Args:
        words: one utterance's, in the order of time.
        keywords: whose words are wanted.
    """
    _, tokens = _tokens(words)
    starts, ends = _letter_times(words)
    borders = list(itertools.accumulate(map(len, tokens), initial=0))
    parts = list(dict.fromkeys(word for keyword in keywords for word in words_of(keyword)))
    found = []
    for match in find_keywords(tokens, [*keywords, *parts]):
        first = borders[match.first]
        for word in words_of(match.keyword):
            end = first + len(word)
            found.append(Word(words[0].utterance, starts[first], ends[end - 1], word))
            first = end
    return found


def note_on_letters(dirs: Iterable[DataDir], keywords: Sequence[str]) -> str | None:
    """One line on the texts that hold a keyword's letters and yet no keyword; None without any.

    "review glasses" holds the letters of "view glass". Such texts are negatives: right as that
    mostly is, it ought to be seen.
    """
    held = [
        (f"{data.path}/text", utterance, tokens[letters.first : letters.end], letters.keyword)
        for data in dirs
        for utterance in data.utterances
        if (letters := find_letters(tokens := tokens_of(utterance.text), keywords))
        and not find_keywords(tokens, keywords)
    ]
    if not held:
        return None
    place, utterance, tokens, keyword = held[0]
    text = utterance.text if len(utterance.text) <= _LONGEST_SHOWN else " ".join(tokens)
    return (
        f"{place}: {len(held)} texts hold the letters of a keyword, but not as whole "
        f"words, and count as without it ({utterance.id} first: {text!r} holds {keyword!r})"
    )


def _tokens(words: Sequence[Word]) -> tuple[list[int], list[str]]:
    """The tokens of timed words, and for each of them the number of its timed word."""
    owned = [
        (number, token)
        for number, word in enumerate(words)
        for part in _words_of(word)
        for token in split_word(part)
    ]
    return [number for number, _ in owned], [token for _, token in owned]


def _words_of(word: Word) -> list[str]:
    return [f"<{word.word}>"] if _UNIT.fullmatch(word.word) else words_of(word.word)


def _letter_times(words: Sequence[Word]) -> tuple[list[float], list[float]]:
    """When each letter of the timed words' tokens begins and ends."""
    starts: list[float] = []
    ends: list[float] = []
    for word in words:
        num_letters = sum(map(len, _words_of(word)))
        borders = np.linspace(word.start_s, word.end_s, num_letters + 1).tolist()
        starts += borders[:-1]
        ends += borders[1:]
    return starts, ends
