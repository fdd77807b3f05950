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
MAX_WINDOWS = 1000  # of a spectrum: more would only cost time
CLIFF_DB = (
    25.0  # speech falls by less within the 850 Hz that are compared; a resampler by 60 or more
)
HUM_FREQUENCIES = (50, 60)  # Hz
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
    if x.ndim != 1:
        raise _too_short(x.shape, round(FRAME_S * sample_rate))
    measurer = Measurer(sample_rate, len(x))
    measurer.add(x)
    return measurer.measures()


class Measurer:
    """Measures one channel that comes in pieces, so that memory stays bounded.

    Args:
        sample_rate: in Hz.
        num_samples: that will come.
    """

    def __init__(self, sample_rate: int, num_samples: int) -> None:
        self._rate, self._frame = sample_rate, round(FRAME_S * sample_rate)
        self._rest: Floats = np.zeros(0)  # less than a frame
        self._powers: list[Floats] = []  # of frames
        self._still: list[npt.NDArray[np.bool_]] = []
        self._num_samples, self._sum, self._peak = 0, 0.0, 0.0
        self._clipping = Clipping()
        self._short = _Spectra(round(SPECTRUM_S * sample_rate), num_samples)
        num_bins = round(max(HUM_FREQUENCIES) * HUM_HARMONICS * HUM_WINDOW_S) + 12
        self._long = _Spectra(round(HUM_WINDOW_S * sample_rate), num_samples, num_bins)

    def add(self, samples: npt.NDArray[np.floating]) -> None:
        """Take the next samples, (S,) at 16-bit scale."""
        if not len(samples):
            return
        x: Floats = samples.astype(np.float64)
        self._num_samples += len(x)
        self._sum += float(x.sum())
        self._peak = max(self._peak, float(np.abs(x).max()))
        self._clipping.add(x)
        self._short.add(x)
        self._long.add(x)
        x = np.concatenate((self._rest, x))
        end = len(x) // self._frame * self._frame
        frames, self._rest = x[:end].reshape(-1, self._frame), x[end:].copy()
        self._powers.append(frames.var(axis=1))
        self._still.append(np.ptp(frames, axis=1) <= STILL)

    def measures(self) -> Measures:
        """Of all that has come.

        Raises:
            InputError: that is less than one frame of 20 ms.
        """
        if self._num_samples < self._frame:
            raise _too_short((self._num_samples,), self._frame)
        powers, still = np.concatenate(self._powers), np.concatenate(self._still)
        hum = self._hum()
        return Measures(
            duration_s=self._num_samples / self._rate,
            sample_rate=self._rate,
            peak_dbfs=dbfs(self._peak**2),
            level_dbfs=dbfs(float(np.median(powers[_loud(powers)]))),
            noise_floor_dbfs=_noise_floor(powers[~still]),
            clipped_share=self._clipping.num_samples() / self._num_samples,
            dc_offset=self._sum / self._num_samples / FULL_SCALE,
            still_share=_still_share(still),
            bandwidth_hz=None if still.all() else _bandwidth(self._short, self._rate),
            hum_hz=None if hum is None else hum[0],
            hum_dbfs=None if hum is None else hum[1],
        )

    def _hum(self) -> tuple[int, float] | None:
        if self._num_samples < HUM_DURATION_S * self._rate:
            return None
        return _hum(self._long, self._rate)


def _too_short(shape: tuple[int, ...], frame: int) -> InputError:
    return InputError(
        f"audio of shape {shape}: it must be one row of {frame} samples ({FRAME_S:g} s) or more; "
        "give a longer recording"
    )


class Clipping:
    """Clipped samples of what comes in pieces.

    These are the ones at full scale, and those in runs at the largest or the smallest value.
    """

    def __init__(self) -> None:
        self._num_full = 0
        self._tops = (_FlatTops(), _FlatTops())  # of the sound, and of it upside down

    def add(self, x: Floats) -> None:
        """Take the next samples, one or more."""
        self._num_full += int((np.abs(x) >= AT_FULL_SCALE).sum())
        for tops, values in zip(self._tops, (x, -x), strict=True):
            tops.add(values)

    def num_samples(self) -> int:
        """Clipped ones among all that has come."""
        high, low = self._tops
        number = self._num_full + high.num_samples()
        return number if high.extreme == -low.extreme else number + low.num_samples()


class _FlatTops:
    """Samples in runs at the largest value of what comes in pieces."""

    def __init__(self) -> None:
        self.extreme = -math.inf
        self._number = 0  # in runs that have ended
        self._run = 0  # samples of the one that may go on

    def add(self, x: Floats) -> None:
        """Take the next samples, one or more."""
        largest = float(x.max())
        if largest > self.extreme:
            self.extreme, self._number, self._run = largest, 0, 0
        starts, stops = _runs(x == self.extreme)
        lengths = stops - starts
        if len(starts) and starts[0] == 0:
            lengths[0] += self._run
        else:
            self._number += _long_enough(self._run)
        goes_on = len(stops) and stops[-1] == len(x)
        self._run = int(lengths[-1]) if goes_on else 0
        ended = lengths[:-1] if goes_on else lengths
        self._number += int(ended[ended >= FLAT_TOP].sum())

    def num_samples(self) -> int:
        """Beside those at full scale."""
        if not FLAT_TOP_LEVEL <= abs(self.extreme) < AT_FULL_SCALE:
            return 0
        return self._number + _long_enough(self._run)


def _long_enough(run: int) -> int:
    return run if run >= FLAT_TOP else 0


class _Spectra:
    """Power spectra of windows that overlap by half, of what comes in pieces.

    Args:
        length: of a window.
        num_samples: that will come: of very many windows some are left out.
        num_bins: the lowest ones to keep; None: all.
    """

    def __init__(self, length: int, num_samples: int, num_bins: int | None = None) -> None:
        num_windows = max(1, (num_samples - length) // (length // 2) + 1)
        self._step = length // 2 * math.ceil(num_windows / MAX_WINDOWS)
        self.length, self._num_bins = length, num_bins
        self._window = np.hanning(length)
        self._rest: Floats = np.zeros(0)
        self._ahead = 0  # samples of the rest, or to come, before the next window
        self._spectra: list[npt.NDArray[np.float32]] = []

    def add(self, x: Floats) -> None:
        """Take the next samples."""
        x = np.concatenate((self._rest, x))
        while self._ahead + self.length <= len(x):
            part = x[self._ahead : self._ahead + self.length]
            power = np.abs(np.fft.rfft((part - part.mean()) * self._window)) ** 2
            # a sine of amplitude a has a line of (a / 2)^2 (sum of the window)^2, its power is
            # a^2 / 2
            power *= 2 / self._window.sum() ** 2
            self._spectra.append(power[: self._num_bins].astype(np.float32))
            self._ahead += self._step
        passed = min(self._ahead, len(x))
        self._rest = x[passed:].copy()
        self._ahead -= passed

    def values(self) -> npt.NDArray[np.float32]:
        """(windows, bins)"""
        return np.array(self._spectra)


def dbfs(power: float) -> float:
    return 10 * math.log10(power / FULL_SCALE**2) if power > 0 else -math.inf


def _loud(powers: Floats) -> npt.NDArray[np.intp]:
    """The loudest frames."""
    number = max(round(LOUD_S / FRAME_S), round(LOUD_SHARE * len(powers)))
    return np.argsort(powers)[-number:]


def _noise_floor(powers: Floats) -> float | None:
    return dbfs(float(np.percentile(powers, FLOOR_PERCENTILE))) if len(powers) else None


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


def _bandwidth(windows: _Spectra, sample_rate: int) -> float:
    """Where the mean spectrum of the loud windows falls off a cliff and stays down."""
    length, spectra = windows.length, windows.values()
    if not len(spectra):
        return sample_rate / 2
    powers = spectra.sum(axis=1, dtype=np.float64)
    is_loud = powers >= np.percentile(powers, 50)
    mean = spectra.mean(axis=0, dtype=np.float64, where=is_loud[:, None])
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


def _hum(windows: _Spectra, sample_rate: int) -> tuple[int, float] | None:
    """The mains' frequency and the level of their harmonics, if they stand out all the time."""
    # the lower quartile of each bin: a voice has its lines elsewhere most of the time
    spectrum = np.percentile(windows.values(), 25, axis=0)
    bin_hz = sample_rate / windows.length
    found = []
    for base in HUM_FREQUENCIES:
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
