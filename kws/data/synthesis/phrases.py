"""What is said: keywords alone and in sentences, confusable phrases, ordinary speech."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kws.data.synthesis.confusables import contains, near_word, parts, plain, random_word
from kws.data.synthesis.espeak import Phonemes, label
from kws.data.synthesis.options import PhraseShares
from kws.data.synthesis.sentences import ADDRESSES, COMMANDS, PATTERNS, SENTENCES, SLOTS
from kws.data.synthesis.words import COMMON_WORDS
from kws.data.text import keywords_in
from kws.errors import InputError

MAX_TRIES = 300
MADE_UP_IN_SALAD = 0.3
# every fifth sentence belongs to dev, every fifth to test, so that theirs are unheard in training
SENTENCE_PARTS = {"train": (0, 1, 2), "dev": (3,), "test": (4,)}


def vocabulary(keywords: tuple[str, ...]) -> tuple[str, ...]:
    """Every word that the phrases can hold."""
    patterns = (*SENTENCES, *COMMANDS, *ADDRESSES, *PATTERNS)
    texts = [re.sub(r"\{\w+\}", " ", pattern) for pattern in patterns]
    texts += [text for choices in SLOTS.values() for text in choices]
    words = {label(token) for text in texts for token in text.split()}
    return tuple(sorted((words | set(COMMON_WORDS) | set(" ".join(keywords).split())) - {""}))


@dataclass(frozen=True)
class Phrasebook:
    """Makes phrases for a set of keywords. A phrase is text for the synthesiser."""

    keywords: tuple[str, ...]
    pronunciations: Mapping[str, Phonemes]
    """of every word that the phrases can hold"""
    set_name: str
    """train, dev or test: whose sentences are used"""
    shares: PhraseShares
    near: Mapping[str, tuple[str, ...]]
    """of every word of a keyword the words that sound like it"""

    def positive(self, keyword: str, *, alone: bool, generator: np.random.Generator) -> str:
        """A phrase with `keyword` in it, once, and with no other keyword.

        Args:
            keyword: one of the keywords.
            alone: the keyword and nothing else.
            generator: where chance comes from.
        """
        expected = self._sounding(self._sound(keyword))
        for _ in range(MAX_TRIES):
            phrase = keyword if alone else self._address(keyword, generator)
            heard = self._sounding(self._sound(phrase))
            if heard == expected and _times(keyword, phrase) == 1:
                return phrase
        raise InputError(f"keyword {keyword!r}: every sentence holds it twice; choose a rarer word")

    def negative(self, generator: np.random.Generator, after: str = "") -> str:
        """A phrase that holds no keyword, not even as part of its sound (`computers`).

        Args:
            generator: where chance comes from.
            after: the phrase before it, if any: the two together hold no keyword either.
        """
        before = self._sound(after)
        for _ in range(MAX_TRIES):
            if generator.random() < self.shares.confusable:
                phrase = self._confusable(generator)
            elif generator.random() < self.shares.salad:
                phrase = salad(generator)
            else:
                phrase = self.ordinary(generator)
            if not self._sounding(before + self._sound(phrase)):
                return phrase
        raise InputError(
            f"keywords {', '.join(self.keywords)}: {MAX_TRIES} sentences in a row hold one of "
            "them; choose longer or rarer words"
        )

    def ordinary(self, generator: np.random.Generator) -> str:
        """A sentence as anybody may say it; it may hold a keyword."""
        if generator.random() < 0.6:
            return self._filled(_one_of(PATTERNS, generator), generator)
        mine = SENTENCE_PARTS[self.set_name]
        sentences = [s for index, s in enumerate(SENTENCES) if index % 5 in mine]
        return _one_of(sentences, generator)

    def _confusable(self, generator: np.random.Generator) -> str:
        keyword = _one_of(self.keywords, generator)
        words = keyword.split()
        said = list(words)
        kind = generator.random()
        if kind < 0.25 and len(words) > 1:
            # a word of the keyword without the others, or all of them in another order
            if kind < 0.15:
                said = [_one_of(words, generator)]
            else:
                said = [words[index] for index in generator.permutation(len(words))]
        else:
            changed = [generator.random() < 0.5 for _ in words]
            changed[generator.integers(len(words))] = True
            for index in np.flatnonzero(changed):
                said[index] = self._instead_of(words[index], generator)
        phrase = " ".join(said)
        return phrase if generator.random() < 0.5 else self._address(phrase, generator)

    def _instead_of(self, word: str, generator: np.random.Generator) -> str:
        phonemes = self.pronunciations[word]
        kind = generator.random()
        if kind < 0.5 * self.shares.made_up:
            return near_word(phonemes, generator)
        if kind < self.shares.made_up:
            return _one_of(parts(phonemes) or (near_word(phonemes, generator),), generator)
        near = self.near[word]  # the nearest come most often
        return near[int(len(near) * generator.random() ** 2)]

    def _address(self, name: str, generator: np.random.Generator) -> str:
        return self._filled(_one_of(ADDRESSES, generator).replace("{name}", name), generator)

    def _filled(self, pattern: str, generator: np.random.Generator) -> str:
        while (slot := re.search(r"\{(\w+)\}", pattern)) is not None:
            choices = COMMANDS if slot.group(1) == "command" else SLOTS[slot.group(1)]
            pattern = pattern[: slot.start()] + _one_of(choices, generator) + pattern[slot.end() :]
        return pattern

    def _sound(self, phrase: str) -> Phonemes:
        sound: list[str] = []
        for token in phrase.split():
            if token.startswith("[["):
                sound += plain(tuple(token.strip("[],").split("|")))
            else:
                sound += plain(self.pronunciations[label(token)])
        return tuple(sound)

    def _sounding(self, sound: Phonemes) -> set[str]:
        """The keywords that `sound` holds."""
        return {keyword for keyword in self.keywords if contains(sound, self._sound(keyword))}


def salad(generator: np.random.Generator) -> str:
    """Common words and made-up ones in random order: every sequence of sounds comes some time."""
    words = [
        random_word(generator)
        if generator.random() < MADE_UP_IN_SALAD
        else _one_of(COMMON_WORDS, generator)
        for _ in range(generator.integers(3, 9))
    ]
    return " ".join(words)


def _times(keyword: str, phrase: str) -> int:
    return len(keywords_in(" ".join(map(label, phrase.split())), [keyword]))


def _one_of(choices: tuple[str, ...] | list[str], generator: np.random.Generator) -> str:
    return choices[int(generator.integers(len(choices)))]
