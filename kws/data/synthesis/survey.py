"""What the installed synthesiser can say: pronunciations, and the phonemes of each accent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kws.data.synthesis.confusables import near_words
from kws.data.synthesis.espeak import Phonemes, Synthesiser
from kws.data.synthesis.options import PhraseShares
from kws.data.synthesis.phrases import Phrasebook, vocabulary
from kws.data.synthesis.speakers import (
    CANDIDATES,
    ENGLISH_ACCENTS,
    FOREIGN_ACCENTS,
    VARIANTS,
)
from kws.errors import InputError

STANDARD = "gmw/en-US"  # whose pronunciations stand for the words
NEAR_WORDS = 40


@dataclass(frozen=True)
class Survey:
    """What there is to speak with."""

    pronunciations: Mapping[str, Phonemes]
    near: Mapping[str, tuple[str, ...]]
    """of every word of a keyword the words that sound like it"""
    known_phonemes: Mapping[str, frozenset[str]]
    """by accent"""

    def phrasebook(
        self, keywords: tuple[str, ...], set_name: str, shares: PhraseShares
    ) -> Phrasebook:
        """What is said in a set."""
        return Phrasebook(keywords, self.pronunciations, set_name, shares, self.near)


def survey(keywords: tuple[str, ...]) -> Survey:
    """Ask the synthesiser for all that planning a corpus needs.

    Raises:
        InputError: espeak-ng or one of its voices is not there, or a keyword cannot be said.
    """
    synthesiser = Synthesiser()
    synthesiser.choose(STANDARD)
    pronunciations = {word: synthesiser.phonemes(word) for word in vocabulary(keywords)}
    for keyword in keywords:
        for word in keyword.split():
            if not pronunciations[word]:
                raise InputError(f"keyword {keyword!r}: espeak-ng cannot say {word!r}; respell it")
    missing = {variant for of_set in VARIANTS.values() for variant in of_set}
    missing -= synthesiser.variants()
    if missing:
        raise InputError(
            f"espeak-ng: there is no voice variant {min(missing)!r}; reinstall espeakng-loader"
        )
    known_phonemes = {}
    for accent in (*ENGLISH_ACCENTS, *FOREIGN_ACCENTS):
        synthesiser.choose(accent)
        known_phonemes[accent] = synthesiser.pronounceable(CANDIDATES)
    words = {word for keyword in keywords for word in keyword.split()}
    near = {word: near_words(word, pronunciations, at_most=NEAR_WORDS) for word in sorted(words)}
    return Survey(pronunciations, near, known_phonemes)
