"""What a synthesised corpus is to hold."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass, replace
from typing import TypeVar

from kws.errors import InputError
from kws.words import APOSTROPHES, check_keywords, split_keywords

A = TypeVar("A", bound="Amounts")
_WORD = re.compile(r"[^\W\d_]+('[^\W\d_]+)*'?")


@dataclass(frozen=True)
class PhraseShares:
    """What the phrases without keyword are; shares from 0 to 1."""

    confusable: float = 0.0
    """part of the phrases that are made to be mistaken for a keyword"""
    made_up: float = 0.0
    """part of the words exchanged in those that are no words but sound like parts of one"""
    salad: float = 0.0
    """part of the others that are words and made-up words in random order"""


@dataclass(frozen=True)
class Amounts:
    """How much is said."""

    num_speakers: int
    positives: int
    """utterances per keyword"""
    negative_hours: float
    """hours of utterances without any keyword, at least"""

    def scaled(self: A, scale: float) -> A:
        """The same on a smaller or larger scale, with 2 speakers and 2 positives at least."""
        return replace(
            self,
            num_speakers=max(2, math.ceil(self.num_speakers * scale)),
            positives=max(2, math.ceil(self.positives * scale)),
            negative_hours=self.negative_hours * scale,
        )


@dataclass(frozen=True)
class Natural(Amounts):
    """The share of a neural synthesiser; what holds no keyword comes beside espeak-ng's."""

    confusable: float
    """part of its phrases without keyword that are made to be mistaken for one"""


@dataclass(frozen=True)
class SetOptions(Amounts):
    """One of the sets train, dev and test."""

    phrases: PhraseShares
    foreign_share: float
    """part of the speakers that have a foreign accent, 0 to 1"""
    noise_share: float
    """part of the utterances that have background noise, 0 to 1"""
    snr_db: tuple[float, float]
    """range of the ratio of speech to background noise"""

    natural: Natural | None = None
    """who says the keywords in place of espeak-ng, and some of what holds none"""

    def __post_init__(self) -> None:
        for name, value in (
            ("speakers", self.num_speakers),
            ("positives", self.positives),
            ("negative hours", self.negative_hours),
        ):
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} {value}: must be greater than 0")


@dataclass(frozen=True)
class CorpusOptions:
    """A corpus: its keywords, its three sets, its noises and rooms."""

    keywords: tuple[str, ...]
    seed: int = 0
    """where all chance comes from"""
    noise_s: float = 40.0
    """seconds of each recording of noise"""
    num_rooms: int = 40
    """room impulse responses"""
    train: SetOptions = SetOptions(
        400, 600, 8.0, PhraseShares(0.3, 0.4, 0.5), 0.25, 0.2, (5.0, 25.0)
    )
    dev: SetOptions = SetOptions(60, 150, 3.0, PhraseShares(0.05), 0.0, 1.0, (10.0, 20.0))
    test: SetOptions = SetOptions(150, 150, 3.0, PhraseShares(0.05), 0.0, 1.0, (10.0, 20.0))

    def with_natural_voices(self, scale: float = 1.0) -> CorpusOptions:
        """With a neural synthesiser's voices for the keywords, on a smaller or larger scale."""
        return replace(
            self,
            train=replace(self.train, natural=Natural(100, 250, 0.2, 0.5).scaled(scale)),
            dev=replace(self.dev, natural=Natural(20, 60, 0.05, 0.1).scaled(scale)),
            test=replace(self.test, natural=Natural(20, 60, 0.05, 0.1).scaled(scale)),
        )

    def set_options(self, name: str) -> SetOptions:
        """Those of the set `train`, `dev` or `test`."""
        return {"train": self.train, "dev": self.dev, "test": self.test}[name]

    def scaled(self, scale: float) -> CorpusOptions:
        """A smaller or larger corpus of the same kind.

        Raises:
            InputError: the scale is not a positive number.
        """
        if not (math.isfinite(scale) and scale > 0):
            raise InputError(f"scale {scale}: must be greater than 0")
        return replace(
            self,
            noise_s=max(4.0, self.noise_s * min(1.0, 4 * scale)),
            num_rooms=max(3, math.ceil(self.num_rooms * scale)),
            train=self.train.scaled(scale),
            dev=self.dev.scaled(scale),
            test=self.test.scaled(scale),
        )


def parse_keywords(text: str) -> tuple[str, ...]:
    """The keywords of a list such as `computer,view glass`, in lower case.

    Raises:
        InputError: a keyword is missing, comes twice (two with the same letters are one), or is
            not made of Latin letters (and apostrophes inside words) that an English voice can say.
    """
    keywords: list[str] = []
    one_apostrophe = dict.fromkeys(map(ord, APOSTROPHES), "'")
    for part in split_keywords(unicodedata.normalize("NFC", text).translate(one_apostrophe)):
        keyword = " ".join(part.lower().split())
        if not keyword:
            raise InputError(
                f"keywords {text!r}: a keyword is missing; write them with one comma between two: "
                '"computer,view glass"'
            )
        for word in keyword.split():
            latin = all(unicodedata.name(c, "").startswith("LATIN") for c in word if c.isalpha())
            if not _WORD.fullmatch(word) or not latin:
                raise InputError(
                    f"keyword {keyword!r}: {word!r} is not a word of Latin letters; write it as it "
                    'is spoken, with blanks between words ("r two d two")'
                )
        if keyword in keywords:
            raise InputError(f"keywords {text!r}: {keyword!r} comes twice; name it once")
        keywords.append(keyword)
    check_keywords(keywords)
    return tuple(keywords)
