"""What can be measured about audio without knowing what is said in it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from kws.audio.files import FULL_SCALE
from kws.errors import InputError

Floats = npt.NDArray[np.float64]
FRAME_S = 0.02
LOUD_S = 0.5  # a keyword has at least so much loud sound
LOUD_SHARE = 0.05  # and long recordings so much of it
FLOOR_PERCENTILE = 10  # speech has pauses: a tenth of the frames hears the room alone
STILL = 2.0  # the values of a still frame span at most that much: zeros, or one bit that toggles
GAP_FRAMES = 3  # 60 ms; a stop's closure is shorter, and never still where air reaches a microphone
AT_FULL_SCALE = 0.999 * FULL_SCALE
FLAT_TOP = 4  # equal samples in a row at the largest value: rare in sound, common when cut off
FLAT_TOP_LEVEL = 0.1 * FULL_SCALE
SPECTRUM_S = 0.064  # window of the mean spectrum: bins of 16 Hz
MAX_WINDOWS = 4000  # of a spectrum: more would only cost time
CLIFF_DB = (
    25.0  # speech falls by less within the 850 Hz that are compared; a resampler by 60 or more
)
HUM_WINDOW_S = 0.5
HUM_DURATION_S = 2.0  # shorter recordings cannot tell hum from a voice
HUM_PROMINENCE_DB = 12.0
HUM_HARMONICS = 6
MIN_HUM_HARMONICS = 2


@dataclass(frozen=True)
class Measures:
    """Levels are in dB relative to full scale (dBFS): a square wave of full scale has 0.

    Attributes:
        duration_s: in seconds.
        sample_rate: in Hz.
        peak_dbfs: the largest sample; minus infinity when all are zero.
        level_dbfs: median of the loudest 20 ms frames, which are 0.5 s or 5 % of all: how loud
            the speech is, if there is any; minus infinity when nothing changes.
        noise_floor_dbfs: what 10 % of the frames fall below, digital silence left out; None when
            all of it is silent.
        clipped_share: of the samples, those at full scale or in flat tops.
        dc_offset: mean of the samples as a share of full scale.
        still_share: of the time between the first and the last sound, that in gaps of 60 ms or
            more in which nothing changes.
        bandwidth_hz: where the spectrum ends in a cliff, half of the sample rate if it has none;
            None for silence.
        hum_hz: 50 or 60 when the mains are heard, else None.
        hum_dbfs: level of its first harmonics; None without hum.
    """

    duration_s: float
    sample_rate: int
    peak_dbfs: float
    level_dbfs: float
    noise_floor_dbfs: float | None
    clipped_share: float
    dc_offset: float
    still_share: float
    bandwidth_hz: float | None
    hum_hz: int | None
    hum_dbfs: float | None

    @property
    def snr_db(self) -> float | None:
        """Level above noise floor; None when there is no noise to be heard."""
        return None if self.noise_floor_dbfs is None else self.level_dbfs - self.noise_floor_dbfs

    def entries(self) -> dict[str, float | None]:
        """All of them by name, for JSON: None for what is infinite."""
        values = {**asdict(self), "snr_db": self.snr_db}
        return {
            name: value if value is not None and math.isfinite(value) else None
            for name, value in values.items()
        }


def measure(samples: npt.ArrayLike, sample_rate: int) -> Measures:
    """Measure one channel.

    Args:
        samples: (S,) at 16-bit scale.
        sample_rate: in Hz.

    Raises:
        InputError: less than one frame of 20 ms, or not one row.
    """
    x: Floats = np.asarray(samples, dtype=np.float64)
    frame = round(FRAME_S * sample_rate)
    if x.ndim != 1 or len(x) < frame:
        raise InputError(
            f"audio of shape {x.shape}: it must be one row of {frame} samples ({FRAME_S:g} s) or "
            "more; give a longer recording"
        )
    frames = x[: len(x) // frame * frame].reshape(-1, frame)  # (T, frame)
    powers = frames.var(axis=1)
    still = np.ptp(frames, axis=1) <= STILL
    loud = _loud(powers)
    hum = _hum(x, sample_rate)
    return Measures(
        duration_s=len(x) / sample_rate,
        sample_rate=sample_rate,
        peak_dbfs=dbfs(float(np.abs(x).max()) ** 2),
        level_dbfs=dbfs(float(np.median(powers[loud]))),
        noise_floor_dbfs=_noise_floor(powers[~still]),
        clipped_share=clipped_share(x),
        dc_offset=float(x.mean()) / FULL_SCALE,
        still_share=_still_share(still),
        bandwidth_hz=None if still.all() else _bandwidth(x, sample_rate),
        hum_hz=None if hum is None else hum[0],
        hum_dbfs=None if hum is None else hum[1],
    )


def dbfs(power: float) -> float:
    return 10 * math.log10(power / FULL_SCALE**2) if power > 0 else -math.inf


def _loud(powers: Floats) -> npt.NDArray[np.intp]:
    """The loudest frames."""
    number = max(round(LOUD_S / FRAME_S), round(LOUD_SHARE * len(powers)))
    return np.argsort(powers)[-number:]


def _noise_floor(powers: Floats) -> float | None:
    return dbfs(float(np.percentile(powers, FLOOR_PERCENTILE))) if len(powers) else None


def clipped_share(x: Floats) -> float:
    """Samples at full scale, and those in runs at the largest or the smallest value."""
    clipped = np.abs(x) >= AT_FULL_SCALE
    for extreme in (x.max(), x.min()):
        if abs(extreme) >= FLAT_TOP_LEVEL:
            starts, stops = _runs(x == extreme)
            for start, stop in zip(starts, stops, strict=True):
                clipped[start:stop] |= stop - start >= FLAT_TOP
    return float(clipped.mean())


def _still_share(still: npt.NDArray[np.bool_]) -> float:
    """Of the frames from the first to the last that is not still, those in still gaps."""
    sounding = np.flatnonzero(~still)
    if not len(sounding):
        return 0.0
    inner = still[sounding[0] : sounding[-1] + 1]
    starts, stops = _runs(inner)
    lengths = stops - starts
    return float(lengths[lengths >= GAP_FRAMES].sum() / len(inner))


def _runs(flags: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Where runs of True start, and where they stop (exclusive)."""
    edges = np.diff(np.concatenate(([0], flags.astype(np.int8), [0])))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _spectra(x: Floats, length: int) -> Floats:
    """Power spectra of windows that overlap by half: (windows, length // 2 + 1)."""
    starts = np.arange(0, len(x) - length + 1, length // 2)
    starts = starts[:: math.ceil(len(starts) / MAX_WINDOWS)]
    window = np.hanning(length)
    parts = [x[start : start + length] for start in starts]
    spectra = [np.abs(np.fft.rfft((part - part.mean()) * window)) ** 2 for part in parts]
    # a sine of amplitude a has a line of (a / 2)^2 (sum of the window)^2, its power is a^2 / 2
    scaled: Floats = np.array(spectra) * (2 / window.sum() ** 2)
    return scaled


def _bandwidth(x: Floats, sample_rate: int) -> float:
    """Where the mean spectrum of the loud windows falls off a cliff and stays down."""
    length = round(SPECTRUM_S * sample_rate)
    if len(x) < length:
        return sample_rate / 2
    spectra = _spectra(x, length)
    powers = spectra.sum(axis=1)
    mean = spectra[powers >= np.percentile(powers, 50)].mean(axis=0)
    bin_hz = sample_rate / length
    # what is below a tenth of the smallest step cannot be told from rounding
    decibels = 10 * np.log10(np.maximum(mean, 0.01 / length))
    best, edge_hz = CLIFF_DB, sample_rate / 2
    for f in np.arange(1500.0, sample_rate / 2 - 500, 50):
        below = decibels[round((f - 600) / bin_hz) : round((f - 100) / bin_hz)].mean()
        above = decibels[round((f + 250) / bin_hz) : -2].max()
        if below - above > best:
            best, edge_hz = below - above, float(f)
    return edge_hz


def _hum(x: Floats, sample_rate: int) -> tuple[int, float] | None:
    """The mains' frequency and the level of their harmonics, if they stand out all the time."""
    if len(x) < HUM_DURATION_S * sample_rate:
        return None
    length = round(HUM_WINDOW_S * sample_rate)
    # the lower quartile of each bin: a voice has its lines elsewhere most of the time
    spectrum = np.percentile(_spectra(x, length), 25, axis=0)
    bin_hz = sample_rate / length
    found = []
    for base in (50, 60):
        lines = []
        for harmonic in range(1, HUM_HARMONICS + 1):
            centre = round(base * harmonic / bin_hz)
            line = spectrum[centre - 1 : centre + 2].max()
            near = np.concatenate(
                (spectrum[centre - 9 : centre - 3], spectrum[centre + 4 : centre + 10])
            )
            if line > np.median(near) * 10 ** (HUM_PROMINENCE_DB / 10):
                lines.append(float(line))
        if len(lines) >= MIN_HUM_HARMONICS:
            found.append((base, dbfs(sum(lines))))
    return max(found, key=lambda pair: pair[1], default=None)
