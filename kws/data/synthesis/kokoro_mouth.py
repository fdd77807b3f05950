"""A speaker of Kokoro who can say phrases: English text to phonemes to samples."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kws.audio import read_audio, resample, write_audio
from kws.data.synthesis.espeak import Synthesiser, label
from kws.data.synthesis.kokoro import (
    SAMPLE_RATE,
    SYMBOLS,
    Kokoro,
    KokoroFiles,
    Style,
    read_voice,
)
from kws.data.synthesis.kokoro_speakers import AMERICAN, KokoroSpeaker
from kws.data.synthesis.mouth import SAMPLE_RATE as OUT_RATE
from kws.data.synthesis.mouth import Samples, Spoken
from kws.errors import InputError

SPEEDS = (0.75, 1.3)
ENDS = (".", ".", "!", "?", ",", "")  # which makes another melody each
GAP_S = (0.0, 0.12)  # between a keyword and what is said around it
# espeak-ng's IPA to Kokoro's; the longer ones first
_SYMBOLS = (
    ("d\u0292", "\u02a4"), ("t\u0283", "\u02a7"), ("e\u026a", "A"), ("a\u026a", "I"),
    ("a\u028a", "W"), ("\u0254\u026a", "Y"), ("o\u028a", "O"), ("\u0259\u028a", "Q"),
    ("\u025a", "\u0259\u0279"), ("\u0250", "\u0259"), ("r", "\u0279"), ("x", "k"),
    ("\u00e7", "k"), ("\u026c", "l"), ("\u0289", "u"), (":", "\u02d0"), ("\u0329", ""),
)  # fmt: skip
_AMERICAN = (("\u025c\u02d0", "\u025c\u0279"), ("\u02d0", ""))
# what other speakers of an accent say; chance decides
_VARIANTS = (("\u027e", "t"), ("\u026as", "\u0259s"), ("k\u0259m", "k\u0254m"))
VARIANT_SHARE = 0.25


class KokoroMouth:
    """Says phrases as one speaker does; the manner is drawn anew for each."""

    def __init__(
        self,
        speaker: KokoroSpeaker,
        files: KokoroFiles,
        kokoro: Callable[[], Kokoro],
        clips: Path | None = None,
    ) -> None:
        """
        Args:
            speaker: who speaks.
            files: of Kokoro.
            kokoro: the network, loaded when it is needed.
            clips: a folder that keeps what was said, so that it is not said again.
        """
        self._speaker, self._files, self._kokoro, self._clips = speaker, files, kokoro, clips
        self._synthesiser = Synthesiser()
        self._synthesiser.choose(speaker.accent)

    @functools.cached_property
    def _style(self) -> Style:
        blend = [weight * read_voice(self._files, name) for name, weight in self._speaker.voices]
        return np.asarray(np.sum(blend, axis=0), np.float32)

    def say(self, phrase: str, generator: np.random.Generator) -> Spoken:
        """A phrase by itself; the times of its words are shares of it by their phonemes.

        Raises:
            InputError: it has no phoneme that Kokoro knows.
        """
        tokens = phrase.split()
        words = [self.symbols(label(token), generator) for token in tokens]
        pauses = ["," if token.endswith(",") else "" for token in tokens]
        if not all(words):
            raise InputError(
                f"{phrase!r}: Kokoro cannot say {tokens[words.index('')]!r}; respell it"
            )
        text = " ".join(word + pause for word, pause in zip(words, pauses, strict=True))
        end = ENDS[int(generator.integers(len(ENDS)))]
        speed = round(float(generator.uniform(*SPEEDS)), 2)
        samples = self._said((text.rstrip(",") + end)[:500], speed)
        ends_s = np.cumsum([len(word) for word in words]) / sum(map(len, words))
        bounds_s = np.concatenate(([0.0], ends_s)) * (len(samples) / OUT_RATE)
        spans = zip(tokens, bounds_s[:-1].tolist(), bounds_s[1:].tolist(), strict=True)
        return Spoken(samples, tuple((label(token), start, stop) for token, start, stop in spans))

    def say_with(self, keyword: str, phrase: str, generator: np.random.Generator) -> Spoken:
        """A phrase that holds a keyword, which is said by itself: so its times are exact."""
        before, after = _around(keyword, phrase)
        parts = [part for part in (before, keyword, after) if part]
        pieces: list[Samples] = []
        words: list[tuple[str, float, float]] = []
        length = 0
        for part in parts:
            if pieces:
                pieces.append(np.zeros(round(generator.uniform(*GAP_S) * OUT_RATE), np.float32))
                length += len(pieces[-1])
            spoken = self.say(part, generator)
            words += [
                (word, length / OUT_RATE + start, length / OUT_RATE + end)
                for word, start, end in spoken.words
            ]
            pieces.append(spoken.samples)
            length += len(spoken.samples)
        return Spoken(np.concatenate(pieces), tuple(words))

    def symbols(self, word: str, generator: np.random.Generator) -> str:
        """The phonemes of a word as the speaker may say it, in Kokoro's symbols."""
        said = kokoro_symbols(self._synthesiser.ipa(word), self._speaker.accent)
        for plain, other in _VARIANTS:
            if plain in said and generator.random() < VARIANT_SHARE:
                said = said.replace(plain, other)
        return said

    def _said(self, symbols: str, speed: float) -> Samples:
        """(S,) at 16 kHz, of the clips or by the network."""
        path = None if self._clips is None else self._clips / f"{self._key(symbols, speed)}.flac"
        if path is not None and path.exists():
            return read_audio(path).samples
        samples = self._kokoro().say(symbols, self._style, speed)
        samples = resample(_levelled(samples), SAMPLE_RATE, OUT_RATE)
        if path is not None:
            write_audio(path, samples, OUT_RATE)
            samples = read_audio(path).samples  # as it will be read
        return samples

    def _key(self, symbols: str, speed: float) -> str:
        content = repr((self._files.model_sha256, self._speaker.voices, symbols, speed))
        return hashlib.sha256(content.encode()).hexdigest()[:32]


def kokoro_symbols(ipa: str, accent: str) -> str:
    """espeak-ng's IPA in the symbols that Kokoro was trained on; what it does not know is left out.

    Args:
        ipa: of one word or several.
        accent: the voice of espeak-ng that it is from.
    """
    for theirs, ours in _SYMBOLS + (_AMERICAN if accent in AMERICAN else ()):
        ipa = ipa.replace(theirs, ours)
    return "".join(symbol for symbol in ipa if symbol in SYMBOLS).strip()


def _levelled(samples: npt.NDArray[np.float32]) -> Samples:
    """At half of 16-bit full scale."""
    peak = float(np.abs(samples).max(initial=0))
    return samples * np.float32(16384 / peak) if peak else samples


def _around(keyword: str, phrase: str) -> tuple[str, str]:
    """What stands before and after a keyword in a phrase that holds it once."""
    tokens, words = phrase.split(), keyword.split()
    plain = [label(token) for token in tokens]
    for first in range(len(tokens)):
        if plain[first : first + len(words)] == words:
            return " ".join(tokens[:first]), " ".join(tokens[first + len(words) :])
    raise ValueError(f"{phrase!r} does not hold {keyword!r}")
