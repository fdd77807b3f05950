"""Samples from a pipe: raw ones, or a sound file as it comes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from kws.audio.channels import Channel, check_channel, choose
from kws.audio.files import converted, read_audio_chunks, read_header, stored
from kws.audio.kinds import HEAD_BYTES, MP3_BYTES, foreign_kind, may_be_mp3, sound_kind
from kws.audio.layouts import Layout, read_layout
from kws.audio.notices import NOTICES
from kws.audio.plausible import check_header
from kws.errors import InputError

Samples = npt.NDArray[np.float32]
_BLOCK_BYTES = 1 << 16
TELL_AFTER_S = 10.0  # that a channel is silent: a stream may have no end


@dataclass(frozen=True)
class Raw:
    """What is known of samples that come without a header, 16-bit little-endian.

    Attributes:
        sample_rate: in Hz; None: that of the model.
        num_channels: whose samples take turns; None: one.
    """

    sample_rate: int | None = None
    num_channels: int | None = None


class _Pipe:
    """A pipe whose first bytes can be looked at before they are read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._waiting = b""

    def peek(self, num_bytes: int) -> bytes:
        """The next bytes, which stay; fewer only at the end."""
        while len(self._waiting) < num_bytes:
            received = self._stream.read(num_bytes - len(self._waiting))
            if not received:
                break
            self._waiting += received
        return self._waiting[:num_bytes]

    def read(self, num_bytes: int) -> bytes:
        """The next bytes; fewer only at the end."""
        if not self._waiting:
            return self._stream.read(num_bytes)
        taken = self.peek(num_bytes)
        self._waiting = self._waiting[len(taken) :]
        return taken


def read_stream_chunks(
    stream: BinaryIO,
    sample_rate: int,
    chunk_s: float,
    *,
    channel: Channel = None,
    raw: Raw = Raw(),
    name: str = "standard input",
) -> Iterator[Samples]:
    """One channel of what comes through a pipe, at the rate given, chunk by chunk.

    A sound file is read as what it is: wav and AU as they come, whatever they say of their
    length; the others are stored to their end first. All else is raw samples.

    Args:
        stream: such as sys.stdin.buffer.
        sample_rate: of the result, in Hz.
        chunk_s: length of what is read at a time, in seconds.
        channel: as for `kws.audio.read_audio`.
        raw: what is known of raw samples; it must not contradict a file's header.
        name: of the stream, for errors.

    Yields:
        (S,) at 16-bit scale

    Raises:
        InputError: what `read_audio` raises, and the stream ends in the middle of a raw sample;
            after the samples before it.
    """
    pipe = _Pipe(stream)
    head = pipe.peek(HEAD_BYTES)
    if may_be_mp3(head):
        head = pipe.peek(MP3_BYTES)
    if foreign := foreign_kind(head):
        raise InputError(
            f"{name}: is {foreign}, which libsndfile does not read; convert it (ffmpeg -i F -f wav "
            "- |)"
        )
    kind, begun = sound_kind(head), bytearray()

    def take(num_bytes: int) -> bytes:
        content = pipe.read(num_bytes)
        begun.extend(content)
        return content

    layout: Layout | None = None
    if kind is None:
        layout = Layout(raw.sample_rate or sample_rate, raw.num_channels or 1)
        check_header(name, layout.sample_rate, layout.num_channels)
    elif kind in ("wav", "AU"):
        layout = read_layout(take, name)
    if layout is None:
        yield from _stored_chunks(pipe, bytes(begun), str(kind), sample_rate, channel, raw, name)
        return
    if kind is not None:
        _check_raw(raw, layout.sample_rate, layout.num_channels, f"{name}: is {kind}")
    check_channel(channel, layout.num_channels, name)
    if channel is None and layout.num_channels > 1:
        NOTICES.add(f"{layout.num_channels} channels, channel 0 is used", name)
    pieces = _pieces(pipe, layout, chunk_s, kind, name)
    samples = choose(pieces, channel, name, tell_after=TELL_AFTER_S * layout.sample_rate)
    yield from converted(samples, layout.sample_rate, sample_rate, name)


def _stored_chunks(
    pipe: _Pipe,
    begun: bytes,
    kind: str,
    sample_rate: int,
    channel: Channel,
    raw: Raw,
    name: str,
) -> Iterator[Samples]:
    """As `read_stream_chunks`, of a file that can only be decoded when all of it is there."""
    NOTICES.add(f"{kind} is read to its end before anything is heard", name)
    with stored(pipe, begun, name) as file:
        header = read_header(file, name)
        _check_raw(raw, header.sample_rate, header.num_channels, f"{name}: is {kind}")
        file.seek(0)
        yield from read_audio_chunks(file, sample_rate=sample_rate, channel=channel, name=name)


def _check_raw(raw: Raw, sample_rate: int, num_channels: int, place: str) -> None:
    """InputError where a file's header says something else than the options."""
    for option, given, said in (
        ("--rate", raw.sample_rate, sample_rate),
        ("--channels", raw.num_channels, num_channels),
    ):
        if given is not None and given != said:
            raise InputError(
                f"{place} whose header says {said}, not {option} {given}; leave {option} out"
            )


def _pieces(
    pipe: _Pipe, layout: Layout, chunk_s: float, kind: str | None, name: str
) -> Iterator[Samples]:
    """The samples that come in a layout: (S, channels) each, in [-1, 1]."""
    frame = layout.frame_bytes
    chunk = frame * max(1, round(chunk_s * layout.sample_rate))
    left: float = math.inf if layout.num_bytes is None else layout.num_bytes
    num_decoded, pending = 0, b""
    while received := pipe.read(int(min(chunk - len(pending), left))):
        pending += received
        left -= len(received)
        if len(pending) == chunk:
            yield layout.decode(pending)
            num_decoded += len(pending)
            pending = b""
    if whole := len(pending) // frame * frame:
        yield layout.decode(pending[:whole])
    if kind is not None:
        _check_end(pipe, left, num_decoded + whole, name)
    elif len(pending) > whole:
        raise InputError(f"{name}: {_cut_sample(layout.num_channels)}")


def _check_end(pipe: _Pipe, left: float, num_decoded: int, name: str) -> None:
    """See to what a file's header says beyond its samples, and to what follows them."""
    if not num_decoded:
        raise InputError(f"{name}: holds no samples; record or convert it again")
    if 0 < left < math.inf:
        NOTICES.add("ends before its header says, what is there is used", name)
    follows = pipe.peek(HEAD_BYTES + 1)
    while pipe.read(_BLOCK_BYTES):  # notes behind the samples: who writes them is not cut off
        pass
    if sound_kind(follows) or sound_kind(follows[1:]):  # a byte may fill up the samples
        raise InputError(
            f"{name}: another sound file follows the first, and is not heard; give one at a time"
        )


def _cut_sample(num_channels: int) -> str:
    if num_channels == 1:
        return (
            "ends in the middle of a 16-bit sample (an odd number of bytes); give raw 16-bit "
            "little-endian mono samples"
        )
    return (
        f"ends in the middle of a frame of {num_channels} 16-bit samples; give raw 16-bit "
        f"little-endian samples of {num_channels} channels (--channels)"
    )
