"""The units that a network tells apart, and the unit of every frame.

A unit is a word of a keyword, as in Chen, Parada & Heigold 2014, or one of n equal parts of it.
Words are those of `kws.words.words_of`: "hey-marvin" has two; "Dr. Who" has dr and who.
Unit 0 is filler: everything else.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from kws.errors import InputError
from kws.keyword import Keyword
from kws.words import keyword_names, letters_of, words_of

FILLER = "<filler>"
Times = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


class TimedWord(Protocol):
    """A word and when it is spoken, in seconds from the start of its utterance."""

    @property
    def word(self) -> str: ...
    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...


@dataclass(frozen=True)
class Span:
    """A word that was found from `start_s` to `end_s`."""

    word: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class UnitInventory:
    """The network's outputs: their names, and which of them make up each keyword.

    Words are compared by their letters: keywords are found whatever the case.
    """

    units: tuple[str, ...]
    keywords: tuple[Keyword, ...]
    units_per_word: int = 1

    def units_of_word(self, word: str) -> tuple[int, ...]:
        """The units of `word` in the order of speech; none for a word of no keyword.

        A unit counts as a word too: an alignment may name `computer.1` and `computer.2`.
        """
        if word in self.units:
            return (self.units.index(word),)
        names = _unit_names(letters_of(word), self.units_per_word)
        return tuple(self.units.index(name) for name in names if name in self.units)

    def __contains__(self, word: str) -> bool:
        return bool(self.units_of_word(word))


def units_of(keywords: Iterable[str], units_per_word: int = 1) -> UnitInventory:
    """The inventory of `keywords`; keywords that share a word share its units.

    With `units_per_word` 1 a unit is named as its word, else `computer.1`, `computer.2`, ...

    Args:
        keywords: each one word or several, such as "view glass".
        units_per_word: the number of consecutive units that each word is cut into.

    Raises:
        InputError: no keywords, one without letters, two with the same letters, or fewer than one
            unit per word.
    """
    names = keyword_names(keywords)
    if units_per_word < 1:
        raise InputError(f"units_per_word={units_per_word}: it must be 1 or more")
    units_of_names = [
        [unit for word in words_of(name) for unit in _unit_names(word, units_per_word)]
        for name in names
    ]
    units = list(dict.fromkeys(itertools.chain([FILLER], *units_of_names)))
    return UnitInventory(
        tuple(units),
        tuple(
            Keyword(name, tuple(map(units.index, of_name)))
            for name, of_name in zip(names, units_of_names, strict=True)
        ),
        units_per_word,
    )


def inventory_of(units: Sequence[str], keywords: Sequence[Keyword]) -> UnitInventory:
    """The inventory of a model: its outputs' names and its keywords.

    Raises:
        InputError: the units are not those that `units_of` makes of such keywords.
    """
    names = [keyword.name for keyword in keywords]
    num_words = len(words_of(names[0])) if names else 0
    inventory = units_of(names, len(keywords[0].units) // num_words if num_words else 1)
    if inventory.units != tuple(units):
        raise InputError(
            f"units {list(units)} are not {FILLER} and the words of the keywords {names} in order; "
            "such a model cannot align"
        )
    return inventory


def frame_labels(
    words: Sequence[TimedWord], inventory: UnitInventory, frame_centres_s: Times
) -> Labels:
    """The unit of each frame: the one whose [start, end) holds the frame's centre, else filler.

    A word that is cut into n units is cut into n equally long parts. Words that belong to no
    keyword are filler; where words overlap, the later one in `words` counts.

    Args:
        words: the utterance's words and their times.
        frame_centres_s: (T,) increasing, `FeatureOptions.frame_centre_s` of each frame.

    Returns:
        (T,) indices into `inventory.units`.
    """
    labels = np.zeros(len(frame_centres_s), dtype=np.int64)
    for word in words:
        units = inventory.units_of_word(word.word)
        if units:
            bounds = np.linspace(word.start_s, word.end_s, len(units) + 1)
            frames = np.searchsorted(frame_centres_s, bounds, side="left")
            for unit, first, end in zip(units, frames, frames[1:], strict=False):
                labels[first:end] = unit
    return labels


def _unit_names(word: str, units_per_word: int) -> list[str]:
    if units_per_word == 1:
        return [word]
    return [f"{word}.{i}" for i in range(1, units_per_word + 1)]
