"""Background noises by recipe: what training mixes in, and other ones for dev and test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]  # (S,)
Sum = npt.NDArray[np.float64]
Maker = Callable[[int, int, np.random.Generator], Samples]

LEVEL = 3000.0  # the noises' root mean square, at 16-bit scale


def coloured(
    num_samples: int, generator: np.random.Generator, exponent: float, *, low_hz: float = 0.001
) -> Samples:
    """Noise whose power falls as 1 / f^exponent: 0 white, 1 pink, 2 brown.

    Args:
        num_samples: S.
        generator: where chance comes from.
        exponent: of the frequency.
        low_hz: part of the sample rate below which the power stays flat.
    """
    spectrum = np.fft.rfft(generator.standard_normal(num_samples))
    frequency = np.maximum(np.fft.rfftfreq(num_samples), low_hz)
    return _levelled(np.fft.irfft(spectrum * frequency ** (-exponent / 2), num_samples))


def white(num_samples: int, sample_rate: int, generator: np.random.Generator) -> Samples:
    """The hiss of a microphone amplifier."""
    return coloured(num_samples, generator, 0)


def pink(num_samples: int, sample_rate: int, generator: np.random.Generator) -> Samples:
    """Equal power per octave, as many rooms sound."""
    return coloured(num_samples, generator, 1)


def brown(num_samples: int, sample_rate: int, generator: np.random.Generator) -> Samples:
    """The rumble of distant traffic."""
    return coloured(num_samples, generator, 2)


def hum(num_samples: int, sample_rate: int, generator: np.random.Generator) -> Samples:
    """Mains hum: 50 or 60 Hz and its harmonics, with a little hiss."""
    time_s = np.arange(num_samples) / sample_rate
    base_hz = generator.choice((50.0, 60.0))
    total = 0.02 * generator.standard_normal(num_samples)
    for harmonic in range(1, 21):
        strength = generator.uniform(0.2, 1) / harmonic
        total += strength * np.sin(2 * np.pi * (base_hz * harmonic * time_s + generator.random()))
    return _levelled(total)


def fan(num_samples: int, sample_rate: int, generator: np.random.Generator) -> Samples:
    """Air moved by blades: coloured noise that swells with each blade, and the motor's tones."""
    time_s = np.arange(num_samples) / sample_rate
    blade_hz = generator.uniform(20, 90)
    swell = 1 + generator.uniform(0.1, 0.4) * np.sin(2 * np.pi * blade_hz * time_s)
    air = coloured(num_samples, generator, generator.uniform(0.8, 1.6)) / LEVEL
    motor = sum(
        np.sin(2 * np.pi * (blade_hz * k * time_s + generator.random())) / k for k in (2, 4, 6, 8)
    )
    return _levelled(air * swell + generator.uniform(0.05, 0.3) * motor)


def keyboard(num_samples: int, sample_rate: int, generator: np.random.Generator) -> Samples:
    """Typing: bursts of short, ringing clicks."""
    total = 0.003 * generator.standard_normal(num_samples)
    at_s = 0.0
    while (at := int(at_s * sample_rate)) < num_samples:
        click = _ring(sample_rate, generator.uniform(1200, 4500), 0.012, generator)
        _add(total, at, click * generator.uniform(0.3, 1))
        _add(total, at + int(0.07 * sample_rate), click * generator.uniform(0.05, 0.3))
        at_s += generator.exponential(0.15) + (generator.random() < 0.1) * generator.uniform(0.3, 2)
    return _levelled(total)


def music(num_samples: int, sample_rate: int, generator: np.random.Generator) -> Samples:
    """Chords and a melody of plucked tones."""
    total = np.zeros(num_samples)
    scale = np.array((0, 2, 4, 5, 7, 9, 11))
    beat_s = generator.uniform(0.18, 0.45)
    for beat in range(int(num_samples / sample_rate / beat_s) + 1):
        at = int(beat * beat_s * sample_rate)
        notes = [int(generator.choice(scale)) + 12 * int(generator.integers(0, 3))]
        if beat % 4 == 0:
            root = int(generator.integers(0, 7))
            notes += [int(scale[(root + third) % 7]) - 12 for third in (0, 2, 4)]
        for note in notes:
            length = int(generator.uniform(0.3, 1.2) * sample_rate)
            time_s = np.arange(length) / sample_rate
            pitch_hz = 220 * 2 ** (note / 12)
            overtones = range(1, min(7, int(0.45 * sample_rate / pitch_hz) + 1))
            tone = sum(np.sin(2 * np.pi * pitch_hz * k * time_s) / k**1.5 for k in overtones)
            fade = np.minimum(1, np.arange(length)[::-1] / (0.05 * sample_rate))
            _add(total, at, np.asarray(tone) * fade * np.exp(-time_s * generator.uniform(1.5, 5)))
    return _levelled(total)


def rain(num_samples: int, sample_rate: int, generator: np.random.Generator) -> Samples:
    """Many small drops on a light patter."""
    total: Sum = 0.3 * coloured(num_samples, generator, 0.5).astype(np.float64) / LEVEL
    for at in generator.integers(0, num_samples, size=int(60 * num_samples / sample_rate)):
        drop = _ring(sample_rate, generator.uniform(1500, 7000), 0.004, generator)
        _add(total, int(at), drop * generator.exponential(1.5))
    return _levelled(total)


def engine(num_samples: int, sample_rate: int, generator: np.random.Generator) -> Samples:
    """A motor whose speed wanders, heard from inside."""
    wander = np.cumsum(coloured(num_samples, generator, 2, low_hz=2e-5) / LEVEL)
    wander = wander / np.abs(wander).max()
    phase = np.cumsum(generator.uniform(25, 60) * (1 + 0.3 * wander)) / sample_rate
    pulses = sum(np.sin(2 * np.pi * k * phase + k * k) / k**0.7 for k in range(1, 13))
    return _levelled(np.asarray(pulses) + 1.2 * coloured(num_samples, generator, 1.5) / LEVEL)


def bursts(num_samples: int, sample_rate: int, generator: np.random.Generator) -> Samples:
    """Knocks, slams and gusts over a quiet floor."""
    total: Sum = 0.15 * coloured(num_samples, generator, 1.2).astype(np.float64) / LEVEL
    at_s = float(generator.exponential(0.5))
    while (at := int(at_s * sample_rate)) < num_samples:
        length = int(generator.uniform(0.05, 0.8) * sample_rate)
        shape = (
            np.hanning(length) if generator.random() < 0.4 else np.exp(-np.linspace(0, 7, length))
        )
        burst = coloured(length, generator, generator.uniform(0, 2)) / LEVEL
        _add(total, at, burst * shape * generator.uniform(0.5, 3))
        at_s += float(generator.exponential(1.0))
    return _levelled(total)


# What training hears, and what dev and test are made with: the same world, but other kinds too.
MAKERS: dict[str, dict[str, Maker]] = {
    "train": {
        "white": white,
        "pink": pink,
        "brown": brown,
        "hum": hum,
        "fan": fan,
        "keyboard": keyboard,
        "music": music,
    },
    "dev": {"white": white, "pink": pink, "fan": fan, "rain": rain},
    "test": {"white": white, "pink": pink, "music": music, "engine": engine, "bursts": bursts},
}


def mix_of_voices(voices: list[Samples]) -> Samples:
    """Babble: several people at once, each as loud as the other.

    Args:
        voices: (S,) each, speech without long pauses.
    """
    return _levelled(np.sum([_levelled(voice) for voice in voices], axis=0))


def _ring(sample_rate: int, pitch_hz: float, decay_s: float, generator: np.random.Generator) -> Sum:
    time_s = np.arange(int(5 * decay_s * sample_rate)) / sample_rate
    body = np.sin(2 * np.pi * pitch_hz * time_s) + 0.7 * generator.standard_normal(len(time_s))
    return np.asarray(body * np.exp(-time_s / decay_s))


def _add(total: Sum, at: int, sound: Sum) -> None:
    end = min(len(total), at + len(sound))
    if at < end:
        total[at:end] += sound[: end - at]


def _levelled(samples: npt.NDArray[np.floating]) -> Samples:
    return np.asarray(samples * (LEVEL / np.sqrt(np.mean(np.square(samples)))), dtype=np.float32)
