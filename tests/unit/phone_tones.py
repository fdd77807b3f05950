"""A language of five phones, each of which sounds through three states: for phone models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.hmm import Span, Symbols, phone_symbols
from kws.training.monophone_options import PhoneTake

FRAME_SHIFT_S = 0.01
SYMBOLS: Symbols = phone_symbols([[*"abcd", "sil"]])
SILENCE = SYMBOLS.numbers["sil"]
DIM = 4
MEANS = 4 * np.random.default_rng(3).standard_normal((6, 3, DIM))  # by phone and state


@dataclass(frozen=True)
class Spoken:
    """One utterance of the language: its phones, when they are spoken, and its features."""

    utterance: str
    phones: tuple[str, ...]
    lengths: tuple[int, ...]
    """frames of each phone, divisible by three"""
    features: npt.NDArray[np.float32]

    @property
    def take(self) -> PhoneTake:
        return PhoneTake(self.utterance, SYMBOLS.ids(self.phones, self.utterance), self.features)

    @property
    def firsts(self) -> list[int]:
        """The first frame of each phone."""
        return [0, *np.cumsum(self.lengths[:-1]).tolist()]

    @property
    def times(self) -> list[Span]:
        """The phones' times, where frame t lies from t to t + 1 times 10 ms."""
        return [
            Span(phone, first * FRAME_SHIFT_S, (first + length) * FRAME_SHIFT_S)
            for phone, first, length in zip(self.phones, self.firsts, self.lengths, strict=True)
        ]


def speak(number: int, seed: int = 0, num_phones: int = 7, noise: float = 1.0) -> list[Spoken]:
    """`number` utterances that begin and end with silence and never repeat a phone."""
    random = np.random.default_rng(seed)
    spoken = []
    for index in range(number):
        phones = ["sil"]
        while len(phones) < num_phones:
            phones += random.choice([phone for phone in "abcd" if phone != phones[-1]])
        phones = [*phones, "sil"]
        lengths = [3 * int(random.integers(1, 5)) for _ in phones]
        rows = [
            MEANS[SYMBOLS.numbers[phone], state] + noise * random.standard_normal((n // 3, DIM))
            for phone, n in zip(phones, lengths, strict=True)
            for state in range(3)
        ]
        features = np.concatenate(rows).astype(np.float32)
        name = f"u{index:02d}"
        spoken.append(Spoken(name, tuple(phones), tuple(lengths), features))
    return spoken
