"""Noise mixed into what is evaluated, the same in every run."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from kws.data import DataDir
from kws.data.augmentation import FULL_SCALE, active_level_db
from kws.errors import InputError

Samples = npt.NDArray[np.float32]
LEVELS = ("active", "mean")


class NoiseMixer:
    """Adds recordings of noise at a fixed signal-to-noise ratio.

    The levels of speech and of noise are mean powers, by `level`: "active", of their active frames
    (20 ms, at most 20 dB below the loudest), so that the silence around a word does not count as
    speech; "mean", of whole files, as many toolkits measure. An utterance that is zero throughout
    gets the noise at the level at which it was recorded.
    """

    def __init__(
        self,
        noises: Sequence[Samples],
        sample_rate: int,
        *,
        snr_db: float,
        seed: int,
        level: str = "active",
    ) -> None:
        """Keep the noises that can be heard.

        Args:
            noises: recordings, (S,) each at 16-bit scale and `sample_rate`.
            sample_rate: Hz.
            snr_db: level of the speech over that of the noise.
            seed: draws which noise an utterance gets, and which part of it.
            level: one of `LEVELS`.

        Raises:
            InputError: all noises are silent, `snr_db` is not finite, or there is no such level.
        """
        if level not in LEVELS:
            raise InputError(f"--snr-level {level}: it must be one of {', '.join(LEVELS)}")
        self.level = level
        self.sample_rate = sample_rate
        levels = [self._level_db(noise) for noise in noises]
        if not math.isfinite(snr_db):
            raise InputError(f"--snr-db {snr_db:g}: it must be a finite number")
        audible = [i for i, level in enumerate(levels) if level > -math.inf]
        if not audible:
            raise InputError("noise: there is no recording that is not zero throughout; add one")
        self.snr_db = snr_db
        self.seed = seed
        self._noises = [noises[i] for i in audible]
        self._levels_db = [levels[i] for i in audible]

    @classmethod
    def of_dirs(
        cls,
        dirs: Sequence[DataDir],
        sample_rate: int,
        *,
        snr_db: float,
        seed: int,
        level: str = "active",
    ) -> NoiseMixer:
        """A mixer of all recordings of data dirs.

        Raises:
            InputError: one cannot be read, or there is none to hear.
        """
        noises = [data.load(u, sample_rate).samples for data in dirs for u in data.utterances]
        return cls(noises, sample_rate, snr_db=snr_db, seed=seed, level=level)

    def mix(self, samples: Samples, name: str) -> Samples:
        """An utterance with noise; not clipped.

        Noises follow one another, each from a random place on, until the utterance is over; each
        is scaled to `snr_db` below the speech by itself.

        Args:
            samples: (S,) at 16-bit scale.
            name: of the utterance; with the seed it decides what is drawn, whatever else is
                evaluated.
        """
        digest = hashlib.sha256(f"{self.seed} {name}".encode()).digest()
        generator = np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))
        speech_db = self._level_db(samples)
        noise = np.empty_like(samples)
        begin = 0
        while begin < len(samples):
            i = int(generator.integers(len(self._noises)))
            offset = int(generator.integers(len(self._noises[i])))
            source = self._noises[i]
            if len(source) > len(samples) - begin:  # a part that is not cut off, where there is one
                offset = int(generator.integers(len(source) - (len(samples) - begin) + 1))
            part = source[offset : offset + len(samples) - begin]
            gain_db = speech_db - self.snr_db - self._levels_db[i] if speech_db > -math.inf else 0.0
            noise[begin : begin + len(part)] = part * np.float32(10 ** (gain_db / 20))
            begin += len(part)
        return samples + noise

    def _level_db(self, samples: Samples) -> float:
        if self.level == "active":
            return active_level_db(torch.from_numpy(samples), self.sample_rate)
        power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
        return 10 * math.log10(power / FULL_SCALE**2) if power > 0 else -math.inf
