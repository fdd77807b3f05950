"""Room impulse responses by recipe: a direct sound, early reflections and a decaying tail."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def room_response(sample_rate: int, generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """A random small to middle-sized room, heard by one microphone.

    The direct sound is followed by 6 to 20 single reflections within 40 ms and by noise that
    decays by 60 dB in the reverberation time (0.15 to 0.8 s; the part above 2 kHz in 60 % of it,
    as air and soft surfaces take the treble first). The direct sound lies between -5 and +12 dB
    re all that follows.

    Args:
        sample_rate: Hz.
        generator: where chance comes from.

    Returns:
        (S,) at 16-bit scale; the direct sound is the first and largest sample.
    """
    reverberation_s = generator.uniform(0.15, 0.8)
    num_samples = int(reverberation_s * sample_rate)
    time_s = np.arange(num_samples) / sample_rate
    low, high = _split(generator.standard_normal(num_samples), sample_rate, at_hz=2000)
    tail = low * 10 ** (-3 * time_s / reverberation_s)
    tail += high * 10 ** (-3 * time_s / (0.6 * reverberation_s))
    first = int(generator.uniform(0.002, 0.008) * sample_rate)
    tail *= np.clip((np.arange(num_samples) - first) / (0.02 * sample_rate), 0, 1)  # it builds up
    response = tail / np.sqrt(np.sum(np.square(tail)))
    for _ in range(generator.integers(6, 21)):
        at_s = generator.uniform(first / sample_rate, 0.04)
        sign = generator.choice((-1.0, 1.0))
        response[int(at_s * sample_rate)] += (
            sign * generator.uniform(0.1, 0.6) * 10 ** (-at_s / 0.04)
        )
    energy = float(np.sum(np.square(response)))
    response[0] = np.sqrt(energy * 10 ** (generator.uniform(-5, 12) / 10))
    response[0] = max(response[0], 1.05 * np.abs(response[1:]).max())
    return np.asarray(response * (30000 / response[0]), dtype=np.float32)


def _split(
    samples: npt.NDArray[np.float64], sample_rate: int, *, at_hz: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    spectrum = np.fft.rfft(samples)
    is_low = np.fft.rfftfreq(len(samples), 1 / sample_rate) < at_hz
    low = np.fft.irfft(np.where(is_low, spectrum, 0), len(samples))
    return low, samples - low
