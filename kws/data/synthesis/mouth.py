"""A speaker who can say phrases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.audio import resample
from kws.data.synthesis.confusables import spelled
from kws.data.synthesis.espeak import Phonemes, Synthesiser, label
from kws.data.synthesis.speakers import Speaker, in_accent

SAMPLE_RATE = 16000

Samples = npt.NDArray[np.float32]  # (S,) at 16-bit scale


@dataclass(frozen=True)
class Spoken:
    """A phrase as samples at 16 kHz, and its words: label, start and end in seconds."""

    samples: Samples
    words: tuple[tuple[str, float, float], ...]


class Mouth:
    """Says phrases as one speaker does."""

    def __init__(
        self,
        speaker: Speaker,
        pronunciations: Mapping[str, Phonemes],
        known_phonemes: frozenset[str],
    ) -> None:
        """
        Args:
            speaker: who speaks.
            pronunciations: of the words of all phrases.
            known_phonemes: those that the speaker's accent has.
        """
        self._speaker = speaker
        self._pronunciations = pronunciations
        self._known_phonemes = known_phonemes
        self._synthesiser = Synthesiser()
        self._synthesiser.choose(speaker.voice, speaker.manner)

    def say(self, phrase: str) -> Spoken:
        """A phrase with the exact times of its words.

        Raises:
            RuntimeError: the synthesiser left a word out.
        """
        tokens = phrase.split()
        speech = self._synthesiser.say(" ".join(self._written(token) for token in tokens))
        if len(speech.words) != len(tokens):
            raise RuntimeError(f"{self._speaker.voice} left out words of {phrase!r}")
        # played at another rate than it was made at, it comes from a longer or shorter tract
        rate = round(speech.sample_rate / self._speaker.tract)
        words = zip(tokens, speech.words, strict=True)
        return Spoken(
            resample(speech.samples.astype(np.float32), rate, SAMPLE_RATE),
            tuple((label(token), word.start / rate, word.end / rate) for token, word in words),
        )

    def _written(self, token: str) -> str:
        """A token as the speaker's voice has to be given it."""
        in_phonemes = token.startswith("[[")
        if not in_phonemes and not self._speaker.is_foreign:
            return token
        bare, comma = (token[:-1], ",") if token.endswith(",") else (token, "")
        english = tuple(bare[2:-2].split("|")) if in_phonemes else self._pronunciations[label(bare)]
        phonemes = in_accent(english, self._known_phonemes)
        if not phonemes:
            raise RuntimeError(f"{self._speaker.voice} cannot say {token!r}")
        return spelled(phonemes) + comma
