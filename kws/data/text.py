"""Which keywords a transcript holds, and where among timed words."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from kws.data.ctm import Word

_PUNCTUATION = '.,;:!?"()[]…“”„«»¿¡'


def tokens_of(text: str) -> list[str]:
    """The words of a transcript for comparison: without case, and without punctuation around them.

    `<unk>`, `<noise>` and the like stay what they are and so match no keyword.
    """
    words = unicodedata.normalize("NFC", text).casefold().split()
    return [word.strip(_PUNCTUATION) or word for word in words]


def keywords_in(text: str, keywords: Sequence[str]) -> list[str]:
    """The keywords that a transcript holds, in the order of their beginnings, once per occurrence.

    A keyword matches as a sequence of whole words whatever their case ("view glass" is in "View
    glass!", not in "review glasses"). Keywords are looked for independently: "okay google" holds
    both "okay google" and "google". An utterance that holds none is a negative.

    Args:
        text: the transcript; `<unk>` holds no keyword.
        keywords: as they are to be returned.
    """
    return [keyword for _, _, keyword in _matches(tokens_of(text), keywords)]


def keyword_spans(words: Sequence[Word], keywords: Sequence[str]) -> list[Word]:
    """The keywords among an utterance's timed words: from a keyword's first word to its last.

    Args:
        words: one utterance's, in the order of time.
        keywords: as they are to be returned, as the spans' `word`.
    """
    tokens = [tokens_of(word.word) for word in words]
    owner = [i for i, of_word in enumerate(tokens) for _ in of_word]
    flat = [token for of_word in tokens for token in of_word]
    return [
        Word(
            utterance=words[owner[first]].utterance,
            start_s=words[owner[first]].start_s,
            end_s=max(words[owner[i]].end_s for i in range(first, end)),
            word=keyword,
        )
        for first, end, keyword in _matches(flat, keywords)
    ]


def _matches(tokens: list[str], keywords: Sequence[str]) -> list[tuple[int, int, str]]:
    """(first token, token after the last, keyword) of each occurrence."""
    found = []
    for keyword in keywords:
        wanted = tokens_of(keyword)
        i = 0
        while wanted and i + len(wanted) <= len(tokens):
            if tokens[i : i + len(wanted)] == wanted:
                found.append((i, i + len(wanted), keyword))
                i += len(wanted)
            else:
                i += 1
    return sorted(found, key=lambda match: match[0])
