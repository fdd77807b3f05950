"""Sound files: anything libsndfile reads, as mono samples at 16-bit scale."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from kws.audio.notices import NOTICES
from kws.audio.resampling import resample
from kws.errors import InputError
from kws.files import atomic_path

Samples = npt.NDArray[np.float32]
PIECE_S = 10.0  # of a long file in memory: stereo at 48 kHz takes 4 MB
FULL_SCALE = 32768.0  # samples are at the scale of 16-bit integers
_SEEKABLE = {"WAV", "WAVEX", "FLAC", "NIST", "AIFF", "AU", "CAF", "RF64", "W64"}
_TOO_LARGE = "samples beyond full scale, taken as they are"
_SUFFIXES = {".wav": "WAV", ".flac": "FLAC"}


@dataclass(frozen=True, eq=False)
class Waveform:
    """Mono samples at 16-bit scale (full scale is 32768) and their rate.

    Args:
        samples: (S,) float32.
        sample_rate: in Hz.
    """

    samples: Samples
    sample_rate: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True)
class Header:
    """What a sound file says of itself."""

    num_samples: int  # of each channel
    sample_rate: int  # in Hz
    num_channels: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate


def read_audio(
    source: str | Path | BinaryIO,
    *,
    sample_rate: int | None = None,
    channel: int | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
    name: str | None = None,
) -> Waveform:
    """Read a sound file or a part of it.

    What has to be converted (the rate, channels beyond the first, a file that ends early) is told
    in one warning per kind.

    Args:
        source: a path or an open binary file.
        sample_rate: convert to this rate in Hz; None: keep the file's.
        channel: which channel, from 0; None: the first, with a notice when there are more.
        start_s, end_s: the part to read, in seconds; None: to the end.
        name: how errors call the source; None: its path.

    Raises:
        InputError: missing, no sound file, damaged, empty, no such channel or part, values not
            finite.
    """
    place = _place(source, name)
    with _opened(source, place) as sound:
        rate = int(sound.samplerate)
        check_channel(channel, int(sound.channels), place)
        if channel is None and sound.channels > 1:
            NOTICES.add(f"{sound.channels} channels, channel 0 is used", place)
        _tell_if_cut(sound, place)
        samples = _read(sound, place, channel or 0, start_s, end_s)
    if _finite_peak(samples, place) > FULL_SCALE:
        NOTICES.add(_TOO_LARGE, place)
    if sample_rate is not None and sample_rate != rate:
        NOTICES.add(f"{rate} Hz converted to {sample_rate} Hz", place)
        samples, rate = resample(samples, rate, sample_rate), sample_rate
    return Waveform(samples, rate)


def read_pieces(
    source: str | Path | BinaryIO, *, name: str | None = None
) -> Iterator[tuple[Samples, int]]:
    """All channels of a sound file to its end, piece by piece, nothing converted.

    Args:
        source, name: as for `read_audio`.

    Yields:
        (S, channels) samples at 16-bit scale, of 10 s but for the last piece, and the sample rate
        in Hz.

    Raises:
        InputError: as `read_audio`, when the piece is reached.
    """
    place, peak = _place(source, name), 0.0
    with _opened(source, place) as sound:
        _tell_if_cut(sound, place)
        rate, left = int(sound.samplerate), int(sound.frames)
        while left:
            values = _decoded(sound, min(left, round(PIECE_S * rate)), place)
            left -= len(values)
            values *= np.float32(FULL_SCALE)
            peak = max(peak, _finite_peak(values, place))
            yield values, rate
    if peak > FULL_SCALE:
        NOTICES.add(_TOO_LARGE, place)


def write_audio(path: str | Path, samples: npt.ArrayLike, sample_rate: int) -> None:
    """Write mono samples at 16-bit scale as 16-bit wav or FLAC, by the suffix, atomically.

    Args:
        path: its suffix is .wav or .flac.
        samples: (S,); values beyond 16 bits are clipped.
        sample_rate: in Hz.
    """
    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES:
        raise InputError(f"{path}: suffix {path.suffix!r} is not one of .wav, .flac; use one")
    values = np.asarray(samples, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise InputError(f"{path}: samples to write must be one row of finite numbers")
    integers = np.clip(np.rint(values), -32768, 32767).astype(np.int16)
    encoded = io.BytesIO()  # a full disk then is an OSError, which libsndfile would not name
    soundfile.write(encoded, integers, sample_rate, "PCM_16", format=_SUFFIXES[path.suffix.lower()])
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded.getvalue())


def read_header(source: str | Path | BinaryIO, name: str | None = None) -> Header:
    """The header of a sound file.

    Args:
        source, name: as for `read_audio`.

    Raises:
        InputError: missing, no sound file, empty.
    """
    with _opened(source, _place(source, name)) as sound:
        return Header(int(sound.frames), int(sound.samplerate), int(sound.channels))


def duration_s(path: str | Path) -> float:
    """The length of a sound file in seconds, from its header."""
    return read_header(path).duration_s


def num_channels(path: str | Path) -> int:
    """How many channels a sound file has."""
    return read_header(path).num_channels


def _place(source: str | Path | BinaryIO, name: str | None) -> str:
    return name or (str(source) if isinstance(source, str | Path) else "audio stream")


@contextmanager
def _opened(source: str | Path | BinaryIO, place: str) -> Iterator[Any]:
    with _binary(source, place) as stream:
        sound = _sound(stream, place)
        if sound.frames == 0:
            with sound:
                sound = _sound(_with_open_end(stream), place)
        with sound:
            if sound.frames == 0:
                raise InputError(f"{place}: holds no samples; record or convert it again")
            yield sound


@contextmanager
def _binary(source: str | Path | BinaryIO, place: str) -> Iterator[BinaryIO]:
    if not isinstance(source, str | Path):
        yield source if source.seekable() else io.BytesIO(source.read())
        return
    try:
        stream = Path(source).open("rb")  # noqa: SIM115 - closed below; only opening may fail so
    except OSError as error:
        raise InputError(f"{place}: {error.strerror}") from None
    with stream:
        yield stream


def _sound(stream: BinaryIO, place: str) -> Any:
    try:
        return soundfile.SoundFile(stream)
    except soundfile.LibsndfileError as error:
        raise InputError(f"{place}: {_found(stream, error)}") from None


def _found(stream: BinaryIO, error: soundfile.LibsndfileError) -> str:
    """What a file that libsndfile refuses is instead."""
    stream.seek(0)
    start = stream.read(256)
    if not start:
        return "is empty (0 bytes); record or convert it again"
    if start.startswith(b"NIST_1A") and b"embedded-shorten" in start + stream.read(1024):
        return (
            "is SPHERE compressed by shorten, which libsndfile does not read; convert it "
            "(sph2pipe -f wav F.sph F.wav), or write `sph2pipe -f wav F.sph |` for it into wav.scp "
            "and give --allow-commands"
        )
    printable = sum(byte in b"\t\n\r" or 32 <= byte < 127 or byte >= 128 for byte in start)
    if printable == len(start):
        head = start.split(b"\n")[0][:30].decode("utf-8", "replace")
        return f"is text ({head!r} ...), not a sound file; give a wav, FLAC, Opus, MP3 or SPHERE"
    reason = str(error.error_string).rstrip(".")
    return f"is no sound file that libsndfile reads ({reason}); convert it to wav or FLAC"


def _read(sound: Any, place: str, channel: int, start_s: float, end_s: float | None) -> Samples:
    rate, frames = int(sound.samplerate), int(sound.frames)
    start = round(start_s * rate)
    stop = frames if end_s is None else min(round(end_s * rate), frames)
    if not 0 <= start < stop:
        end = "its end" if end_s is None else f"{end_s:g} s"
        raise InputError(
            f"{place}: the part from {start_s:g} s to {end} is empty or outside: the recording is "
            f"{frames / rate:.3f} s long"
        )
    first = start if sound.format in _SEEKABLE else 0
    # lossy formats are decoded from their beginning: seeking in them is not exact
    values = _decoded(sound, stop - first, place, first)
    return np.ascontiguousarray(values[start - first :, channel]) * np.float32(FULL_SCALE)


def _decoded(sound: Any, num_samples: int, place: str, first: int = 0) -> Samples:
    """The next samples (S, channels) of an open file, or those from `first` on."""
    try:
        if first:
            sound.seek(first)
        values: Samples = sound.read(num_samples, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).rstrip(".")
        raise InputError(f"{place}: is damaged ({reason}); get or convert it again") from None
    if len(values) < num_samples:
        raise InputError(
            f"{place}: is damaged: {len(values)} samples can be read where its header says "
            f"{num_samples}; get or convert it again"
        )
    return values


def check_channel(channel: int | None, num_channels: int, place: str) -> None:
    """InputError where a channel is asked for that there is not."""
    if channel is not None and not 0 <= channel < num_channels:
        raise InputError(
            f"{place}: channel={channel}: it has {num_channels} channel(s), counted from 0"
        )


def _finite_peak(samples: Samples, place: str) -> float:
    """The largest absolute value; InputError where one is not finite."""
    peak = float(np.abs(samples).max()) if samples.size else 0.0  # NaN when any sample is
    if not math.isfinite(peak):
        raise InputError(
            f"{place}: holds samples that are not finite (NaN or infinite); write it again from "
            "its source"
        )
    return peak


def _tell_if_cut(sound: Any, place: str) -> None:
    if "(should be" in str(sound.extra_info) and _ends_early(str(sound.extra_info)):
        NOTICES.add("ends before its header says, what is there is used", place)


def _ends_early(log: str) -> bool:
    """Whether libsndfile found less audio than a plausible header says.

    A program that writes to a pipe does not know the size: it writes one near 2^31 or 2^32.
    """
    for line in log.splitlines():
        if line.startswith("data :") and "(should be" in line:
            said, real = (int(part) for part in line[6:].rstrip(") ").split("(should be"))
            return real < said < 0x7FFF0000
    return False


def _with_open_end(stream: BinaryIO) -> BinaryIO:
    """The wav in `stream` with a data size of 0, as a pipe may leave it, made "to the end"."""
    stream.seek(0)
    content = bytearray(stream.read())
    position = 12
    while content[:4] == b"RIFF" and position + 8 < len(content):
        size = int.from_bytes(content[position + 4 : position + 8], "little")
        if content[position : position + 4] == b"data":
            if size == 0:
                content[position + 4 : position + 8] = b"\xff\xff\xff\xff"
            break
        position += 8 + size + size % 2
    return io.BytesIO(bytes(content))
