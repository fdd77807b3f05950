"""Phrases become an utterance: pauses around them, a level, a background."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kws.audio import read_audio
from kws.data.synthesis.mouth import SAMPLE_RATE, Samples, Spoken

EDGE_S = (0.3, 1.5)  # before the first and after the last phrase
PAUSE_S = (0.15, 0.9)  # between phrases
LEVEL_DB = (-32.0, -18.0)  # of speech, re full scale
FLOOR_DB = (-85.0, -60.0)  # of the hiss under utterances without noise, re full scale
GATED_SHARE = 0.15  # of the utterances without noise: not even hiss, as a noise gate leaves them
FULL_SCALE = 32768.0
PEAK = 0.95 * FULL_SCALE


def join(
    phrases: Sequence[Spoken], generator: np.random.Generator
) -> tuple[Samples, list[tuple[str, float, float]]]:
    """Phrases one after the other with silence before, between and after them.

    Returns:
        the samples, and the words with their times in seconds.
    """
    pieces = [_silence(generator.uniform(*EDGE_S))]
    words = []
    length = len(pieces[0])
    for index, phrase in enumerate(phrases):
        if index:
            pieces.append(_silence(generator.uniform(*PAUSE_S)))
            length += len(pieces[-1])
        begin_s = length / SAMPLE_RATE
        words += [(word, begin_s + start, begin_s + end) for word, start, end in phrase.words]
        pieces.append(phrase.samples)
        length += len(phrase.samples)
    pieces.append(_silence(generator.uniform(*EDGE_S)))
    return np.concatenate(pieces), words


class Noises:
    """Recordings of noise to cut pieces from."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._held: dict[Path, Samples] = {}

    def cut(self, num_samples: int, generator: np.random.Generator) -> Samples:
        """A random piece of a random recording, which is repeated where it is too short."""
        path = self._files[int(generator.integers(len(self._files)))]
        if path not in self._held:
            self._held[path] = read_audio(path, sample_rate=SAMPLE_RATE).samples
        noise = self._held[path]
        start = int(generator.integers(len(noise)))
        return np.take(noise, np.arange(start, start + num_samples), mode="wrap")


def finish(
    samples: Samples,
    speech_rms: float,
    *,
    noises: Noises,
    noise_share: float,
    snr_db: tuple[float, float],
    generator: np.random.Generator,
) -> Samples:
    """Give joined phrases a random level and, by chance, a background.

    Args:
        samples: (S,) speech and silence.
        speech_rms: the root mean square of the phrases alone.
        noises: what the background is cut from.
        noise_share: how often there is one, 0 to 1; otherwise there is a faint hiss, or nothing.
        snr_db: the range of the ratio of speech to noise.
        generator: where chance comes from.

    Returns:
        (S,) below the full scale of 16 bits.
    """
    level = FULL_SCALE * _ratio(generator.uniform(*LEVEL_DB))
    samples = samples * np.float32(level / speech_rms)
    if generator.random() < noise_share:
        noise = noises.cut(len(samples), generator)
        noise_rms = level / _ratio(generator.uniform(*snr_db))
        samples = samples + noise * np.float32(noise_rms / rms(noise))
    elif generator.random() >= GATED_SHARE:
        floor = FULL_SCALE * _ratio(generator.uniform(*FLOOR_DB))
        hiss = generator.standard_normal(len(samples), dtype=np.float32)
        samples = samples + hiss * np.float32(floor)
    peak = float(np.abs(samples).max())
    return samples * np.float32(PEAK / peak) if peak > PEAK else samples


def rms(samples: Samples) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def _ratio(decibels: float) -> float:
    return float(10 ** (decibels / 20))


def _silence(duration_s: float) -> Samples:
    return np.zeros(round(duration_s * SAMPLE_RATE), np.float32)
