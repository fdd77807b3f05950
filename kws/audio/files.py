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
FULL_SCALE = 32768.0  # samples are at the scale of 16-bit integers
_SEEKABLE = {"WAV", "WAVEX", "FLAC", "NIST", "AIFF", "AU", "CAF", "RF64", "W64"}
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
    place = name or (str(source) if isinstance(source, str | Path) else "audio stream")
    with _opened(source, place) as sound:
        rate = int(sound.samplerate)
        if channel is not None and not 0 <= channel < sound.channels:
            raise InputError(
                f"{place}: channel={channel}: it has {sound.channels} channel(s), counted from 0"
            )
        if channel is None and sound.channels > 1:
            NOTICES.add(f"{sound.channels} channels, channel 0 is used", place)
        if "(should be" in str(sound.extra_info) and _ends_early(str(sound.extra_info)):
            NOTICES.add("ends before its header says, what is there is used", place)
        samples = _read(sound, place, channel or 0, start_s, end_s)
    peak = float(np.abs(samples).max()) if samples.size else 0.0  # NaN when any sample is
    if not math.isfinite(peak):
        raise InputError(
            f"{place}: holds samples that are not finite (NaN or infinite); write it again from "
            "its source"
        )
    if peak > FULL_SCALE:
        NOTICES.add("samples beyond full scale, taken as they are", place)
    if sample_rate is not None and sample_rate != rate:
        NOTICES.add(f"{rate} Hz converted to {sample_rate} Hz", place)
        samples, rate = resample(samples, rate, sample_rate), sample_rate
    return Waveform(samples, rate)


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


def duration_s(path: str | Path) -> float:
    """The length of a sound file in seconds, from its header."""
    with _opened(path, str(path)) as sound:
        return int(sound.frames) / int(sound.samplerate)


def num_channels(path: str | Path) -> int:
    """How many channels a sound file has."""
    with _opened(path, str(path)) as sound:
        return int(sound.channels)


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
    try:
        if start and sound.format in _SEEKABLE:
            sound.seek(start)
            stop, start = stop - start, 0
        # lossy formats are decoded from their beginning: seeking in them is not exact
        values = sound.read(stop, dtype="float32", always_2d=True)  # (S, channels)
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).rstrip(".")
        raise InputError(f"{place}: is damaged ({reason}); get or convert it again") from None
    if len(values) < stop:
        raise InputError(
            f"{place}: is damaged: {len(values)} samples can be read, its header says {frames}; "
            "get or convert it again"
        )
    return np.ascontiguousarray(values[start:, channel]) * np.float32(FULL_SCALE)


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
