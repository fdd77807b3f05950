"""Sound files: anything libsndfile reads, as mono samples at 16-bit scale."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Protocol, cast

import numpy as np
import numpy.typing as npt
import soundfile

from kws.audio.channels import Channel, check_channel, choose
from kws.audio.kinds import foreign_kind
from kws.audio.layouts import read_layout
from kws.audio.notices import NOTICES
from kws.audio.part import Part
from kws.audio.plausible import MOST_STORED_BYTES, check_header, check_length
from kws.audio.resampling import resample_chunks
from kws.errors import InputError
from kws.files import atomic_path

Samples = npt.NDArray[np.float32]
CHUNK_S = 10.0  # what the network makes of it is much larger than the samples are
_PIECE_VALUES = 1 << 18  # decoded at a time: 1 MiB, 2.7 s of stereo at 48 kHz
_BLOCK_BYTES = 1 << 16
FULL_SCALE = 32768.0  # samples are at the scale of 16-bit integers
_SEEKABLE = {"RAW", "WAV", "WAVEX", "FLAC", "NIST", "AIFF", "AU", "CAF", "RF64", "W64"}
_SUFFIXES = {".wav": "WAV", ".flac": "FLAC"}


class Readable(Protocol):
    """What can be read."""

    def read(self, num_bytes: int, /) -> bytes: ...


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
    channel: Channel = None,
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
        channel: which channel, from 0, or "mean" of all; None: the first, with a notice when there
            are more.
        start_s, end_s: the part to read, in seconds; None: to the end.
        name: how errors call the source; None: its path.

    Raises:
        InputError: missing, no sound file, damaged, empty, no such channel or part, values not
            finite.
    """
    with opened_audio(
        source, sample_rate=sample_rate, channel=channel, start_s=start_s, end_s=end_s, name=name
    ) as (header, pieces):
        samples = np.concatenate(list(pieces))
    return Waveform(samples, header.sample_rate if sample_rate is None else sample_rate)


def read_audio_chunks(
    source: str | Path | BinaryIO,
    *,
    sample_rate: int | None = None,
    channel: Channel = None,
    start_s: float = 0.0,
    end_s: float | None = None,
    name: str | None = None,
    chunk_s: float = CHUNK_S,
) -> Iterator[Samples]:
    """The samples of `read_audio`, chunk by chunk, so that memory stays bounded.

    Args:
        source, sample_rate, channel, start_s, end_s, name: as for `read_audio`.
        chunk_s: length of a chunk in seconds; the last one may be shorter.

    Yields:
        (S,) at 16-bit scale

    Raises:
        InputError: as `read_audio`; of damage, after the samples before it.
    """
    with opened_audio(
        source, sample_rate=sample_rate, channel=channel, start_s=start_s, end_s=end_s, name=name
    ) as (header, pieces):
        yield from regular(pieces, round(chunk_s * (sample_rate or header.sample_rate)))


@contextmanager
def opened_audio(
    source: str | Path | BinaryIO,
    *,
    sample_rate: int | None = None,
    channel: Channel = None,
    start_s: float = 0.0,
    end_s: float | None = None,
    name: str | None = None,
) -> Iterator[tuple[Header, Iterator[Samples]]]:
    """A sound file's header, and the samples of `read_audio` in pieces of any length.

    Args and errors are those of `read_audio`.
    """
    place = _place(source, name)
    with _opened(source, place) as (sound, header):
        check_channel(channel, header.num_channels, place)
        if channel is None and header.num_channels > 1:
            NOTICES.add(f"{header.num_channels} channels, channel 0 is used", place)
        _tell_if_cut(sound, place)
        pieces = _pieces(sound, place, start_s, end_s)
        # one of two who talk in turns is not a silent channel
        is_whole = start_s == 0 and end_s is None
        samples = choose(pieces, channel, place, tell_after=math.inf if is_whole else 0)
        yield header, converted(samples, header.sample_rate, sample_rate, place)


def converted(
    pieces: Iterable[Samples], from_rate: int, to_rate: int | None, place: str
) -> Iterator[Samples]:
    """Pieces of one channel as the rest of the program wants them, with notices.

    Args:
        pieces: (S,) each, in [-1, 1].
        from_rate, to_rate: in Hz; None: the same.
        place: where they come from.

    Yields:
        (S,) each, at 16-bit scale

    Raises:
        InputError: values that are not finite, after the samples before them.
    """
    samples = _at_full_scale(pieces, place)
    if to_rate is None or to_rate == from_rate:
        return samples
    NOTICES.add(f"{from_rate} Hz converted to {to_rate} Hz", place)
    return resample_chunks(samples, from_rate, to_rate)


def regular(pieces: Iterable[Samples], length: int) -> Iterator[Samples]:
    """Chunks of `length` samples, but for the last one, before what `pieces` may raise."""
    waiting: list[Samples] = []
    missing, fault = length, None
    try:
        for piece in pieces:
            rest = piece
            while len(rest):
                part, rest = rest[:missing], rest[missing:]
                waiting.append(part)
                missing -= len(part)
                if not missing:
                    yield np.concatenate(waiting)
                    waiting, missing = [], length
    except InputError as error:
        fault = error
    if waiting:
        yield np.concatenate(waiting)
    if fault is not None:
        raise fault


def read_pieces(
    source: str | Path | BinaryIO, *, name: str | None = None
) -> Iterator[tuple[Samples, int]]:
    """All channels of a sound file to its end, piece by piece, nothing converted.

    Args:
        source, name: as for `read_audio`.

    Yields:
        (S, channels) samples at 16-bit scale and the sample rate in Hz

    Raises:
        InputError: as `read_audio`, when the piece is reached.
    """
    place = _place(source, name)
    with _opened(source, place) as (sound, header):
        _tell_if_cut(sound, place)
        for piece in _at_full_scale(_pieces(sound, place, 0.0, None), place):
            yield piece, header.sample_rate


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
    with _opened(source, _place(source, name)) as (_, header):
        return header


def duration_s(path: str | Path) -> float:
    """The length of a sound file in seconds, from its header."""
    return read_header(path).duration_s


def num_channels(path: str | Path) -> int:
    """How many channels a sound file has."""
    return read_header(path).num_channels


def _place(source: str | Path | BinaryIO, name: str | None) -> str:
    return name or (str(source) if isinstance(source, str | Path) else "audio stream")


@contextmanager
def _opened(source: str | Path | BinaryIO, place: str) -> Iterator[tuple[Any, Header]]:
    with seekable(source, place) as stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        sound = _sound(stream, place)
        if sound.frames == 0:
            with sound:
                sound = _with_open_end(stream, place)
        with sound:
            header = Header(int(sound.frames), int(sound.samplerate), int(sound.channels))
            check_header(place, header.sample_rate, header.num_channels)
            check_length(place, header.num_samples, size)
            if header.num_samples <= 0:
                raise InputError(f"{place}: holds no samples; record or convert it again")
            yield sound, header


@contextmanager
def seekable(source: str | Path | BinaryIO, place: str) -> Iterator[BinaryIO]:
    """A file that can be read from any place: what comes from a pipe is stored until then.

    Raises:
        InputError: it cannot be opened, or is too much to be stored.
    """
    with ExitStack() as stack:
        if isinstance(source, str | Path):
            try:
                stream: BinaryIO = stack.enter_context(Path(source).open("rb"))
            except OSError as error:
                raise InputError(f"{place}: {error.strerror}") from None
        else:
            stream = source
        yield stream if stream.seekable() else stack.enter_context(stored(stream, b"", place))


@contextmanager
def stored(stream: Readable, begun: bytes, place: str) -> Iterator[BinaryIO]:
    """The rest of a pipe, in a file without a name.

    Args:
        stream: is read to its end.
        begun: what has been read of it.
        place: its name.

    Raises:
        InputError: it is too long, or the disk is full.
    """
    with TemporaryFile() as file:
        num_bytes, content = 0, begun or stream.read(_BLOCK_BYTES)
        while content:
            num_bytes += len(content)
            if num_bytes > MOST_STORED_BYTES:
                raise InputError(
                    f"{place}: is longer than {MOST_STORED_BYTES} bytes, of which nothing can be "
                    "heard before its end; give it as wav, or as a file"
                )
            try:
                file.write(content)
                file.flush()
            except OSError as error:
                raise InputError(f"{place}: cannot be stored: {error.strerror}") from None
            content = stream.read(_BLOCK_BYTES)
        file.seek(0)
        yield cast(BinaryIO, file)


def _sound(stream: BinaryIO, place: str) -> Any:
    try:
        return soundfile.SoundFile(Part(stream))
    except soundfile.LibsndfileError as error:
        raise InputError(f"{place}: {_found(stream, error)}") from None


def _found(stream: BinaryIO, error: soundfile.LibsndfileError) -> str:
    """What a file that libsndfile refuses is instead."""
    stream.seek(0)
    start = stream.read(1024)
    if not start:
        return "is empty (0 bytes); record or convert it again"
    if start.startswith(b"NIST_1A") and b"shorten" in start:
        return (
            "is SPHERE compressed by shorten, which libsndfile does not read; convert it "
            "(sph2pipe -f wav F.sph F.wav), or write `sph2pipe -f wav F.sph |` for it into wav.scp "
            "and give --allow-commands"
        )
    if kind := foreign_kind(start):
        return f"is {kind}, which libsndfile does not read; convert it (ffmpeg -i F F.wav)"
    start = start[:256]
    printable = sum(byte in b"\t\n\r" or 32 <= byte < 127 or byte >= 128 for byte in start)
    if printable == len(start):
        head = start.split(b"\n")[0][:30].decode("utf-8", "replace")
        return f"is text ({head!r} ...), not a sound file; give a wav, FLAC, Opus, MP3 or SPHERE"
    reason = str(error.error_string).rstrip(".")
    return f"is no sound file that libsndfile reads ({reason}); convert it to wav or FLAC"


def _pieces(sound: Any, place: str, start_s: float, end_s: float | None) -> Iterator[Samples]:
    """The samples of an open file from `start_s` to `end_s`: (S, channels) each, in [-1, 1]."""
    rate, frames = int(sound.samplerate), int(sound.frames)
    start = round(start_s * rate)
    stop = frames if end_s is None else min(round(end_s * rate), frames)
    if not 0 <= start < stop:
        end = "its end" if end_s is None else f"{end_s:g} s"
        raise InputError(
            f"{place}: the part from {start_s:g} s to {end} is empty or outside: the recording is "
            f"{frames / rate:.3f} s long"
        )
    length = max(1, min(rate, _PIECE_VALUES // int(sound.channels)))
    position = 0
    try:
        if start and sound.format in _SEEKABLE:
            sound.seek(start)
            position = start
        # lossy formats are decoded from their beginning: seeking in them is not exact
        while position < stop:
            wanted = min(length, stop - position)
            values = sound.read(wanted, dtype="float32", always_2d=True)  # (S, channels)
            if position + len(values) > start:
                yield values[max(0, start - position) :]
            position += len(values)
            if len(values) < wanted:
                break
    except soundfile.LibsndfileError as error:
        reason = str(error.error_string).rstrip(".")
        raise InputError(f"{place}: is damaged ({reason}); get or convert it again") from None
    if position < stop:
        raise InputError(
            f"{place}: is damaged: {position} samples can be read, its header says {frames}; "
            "get or convert it again"
        )


def _at_full_scale(pieces: Iterable[Samples], place: str) -> Iterator[Samples]:
    """Pieces of sound in [-1, 1] at 16-bit scale; InputError where a value is not finite."""
    is_loud = False
    for piece in pieces:
        samples = piece * np.float32(FULL_SCALE)
        peak = float(np.abs(samples).max(initial=0.0))  # NaN when any sample is
        if not math.isfinite(peak):
            raise InputError(
                f"{place}: holds samples that are not finite (NaN or infinite); write it again "
                "from its source"
            )
        if peak > FULL_SCALE and not is_loud:
            NOTICES.add("samples beyond full scale, taken as they are", place)
            is_loud = True
        yield samples


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


def _with_open_end(stream: BinaryIO, place: str) -> Any:
    """The wav in `stream` with a data size of 0, as a pipe may leave it, read to the end."""
    stream.seek(0)
    layout = read_layout(stream.read, place)
    if layout is None or layout.num_bytes is not None:
        stream.seek(0)
        return _sound(stream, place)
    return layout.opened(Part(stream))
