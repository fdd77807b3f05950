"""Samples that lie one after the other, as in raw, wav and AU: enough to read them from a pipe."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import soundfile

from kws.audio.plausible import MOST_HEADER_BYTES, check_header
from kws.errors import InputError

_WIDTHS = {"PCM_U8": 1, "PCM_S8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4}
_WIDTHS |= {"FLOAT": 4, "DOUBLE": 8, "ULAW": 1, "ALAW": 1}
_WAV = {(1, 1): "PCM_U8", (1, 2): "PCM_16", (1, 3): "PCM_24", (1, 4): "PCM_32"}
_WAV |= {(3, 4): "FLOAT", (3, 8): "DOUBLE", (6, 1): "ALAW", (7, 1): "ULAW"}
_AU = {1: "ULAW", 2: "PCM_S8", 3: "PCM_16", 4: "PCM_24", 5: "PCM_32", 6: "FLOAT", 7: "DOUBLE"}
_AU |= {27: "ALAW"}
_EXTENSIBLE = 0xFFFE
_OPEN_END = 0x7FFF0000  # programs that write to a pipe give a size of 0, or near 2^31 or 2^32
_LONG_OPEN_END = 1 << 62
Take = Callable[[int], bytes]  # the next bytes of a file; fewer only at its end


@dataclass(frozen=True)
class Layout:
    """How samples lie in bytes.

    Attributes:
        sample_rate: in Hz.
        num_channels: whose samples take turns.
        subtype: libsndfile's name of a sample's encoding.
        endian: LITTLE or BIG.
        num_bytes: of all samples; None: to the end.
    """

    sample_rate: int
    num_channels: int = 1
    subtype: str = "PCM_16"
    endian: str = "LITTLE"
    num_bytes: int | None = None

    @property
    def frame_bytes(self) -> int:
        """Of one sample of each channel."""
        return self.num_channels * _WIDTHS[self.subtype]

    def opened(self, source: io.RawIOBase | io.BytesIO) -> soundfile.SoundFile:
        """What lies so in `source`, as libsndfile reads it."""
        return soundfile.SoundFile(
            source,
            samplerate=self.sample_rate,
            channels=self.num_channels,
            format="RAW",
            subtype=self.subtype,
            endian=self.endian,
        )

    def decode(self, content: bytes) -> npt.NDArray[np.float32]:
        """Whole frames as (S, channels) in [-1, 1]."""
        with self.opened(io.BytesIO(content)) as sound:
            values: npt.NDArray[np.float32] = sound.read(
                len(content) // self.frame_bytes, dtype="float32", always_2d=True
            )
        return values


def read_layout(take: Take, place: str) -> Layout | None:
    """The layout of a wav or AU file, which then stands before its first sample.

    Args:
        take: gives the file's bytes from its beginning on.
        place: the file's name.

    Returns:
        None where it is another file, or its samples do not simply follow one another.

    Raises:
        InputError: a header that ends too early or cannot be meant.
    """
    magic = take(4)
    try:
        if magic in (b"RIFF", b"RIFX", b"RF64"):
            return _wav_layout(take, place, ">" if magic == b"RIFX" else "<")
        if magic in (b".snd", b"dns."):
            return _au_layout(take, place, ">" if magic == b".snd" else "<")
    except struct.error:
        raise InputError(f"{place}: ends within its header; get or convert it again") from None
    return None


def _wav_layout(take: Take, place: str, order: str) -> Layout | None:
    if take(8)[4:] != b"WAVE":
        return None
    layout: Layout | None = None
    long_size: int | None = None
    left = MOST_HEADER_BYTES
    while True:
        head = take(8)
        name, (size,) = head[:4], struct.unpack(f"{order}I", head[4:])
        if name == b"data":
            break
        if size > left:
            raise InputError(
                f"{place}: its header has a chunk {name.decode('latin-1')!r} of {size} bytes, and "
                "no samples before; get or convert it again"
            )
        content = take(size + size % 2)
        left -= 8 + len(content)
        if name == b"fmt ":
            layout = _wav_format(content, place, order)
            if layout is None:
                return None
        elif name == b"ds64":
            (long_size,) = struct.unpack("<Q", content[8:16])
    if layout is None:
        raise InputError(f"{place}: its header does not say the sample rate; convert it again")
    if long_size is not None:
        return replace(layout, num_bytes=_known(long_size, _LONG_OPEN_END))
    return replace(layout, num_bytes=_known(size, _OPEN_END))


def _known(size: int, open_end: int) -> int | None:
    """The size of the samples; None where the writer did not know it."""
    return size if 0 < size < open_end else None


def _wav_format(content: bytes, place: str, order: str) -> Layout | None:
    tag, channels, rate, _, block, bits = struct.unpack(f"{order}HHIIHH", content[:16])
    check_header(place, rate, channels)
    if tag == _EXTENSIBLE:
        (tag,) = struct.unpack(f"{order}H", content[24:26])
    width = block // channels
    is_plain = width * channels == block and 8 * (width - 1) < bits <= 8 * width
    subtype = _WAV.get((tag, width)) if is_plain else None
    endian = "BIG" if order == ">" else "LITTLE"
    return None if subtype is None else Layout(rate, channels, subtype, endian)


def _au_layout(take: Take, place: str, order: str) -> Layout | None:
    offset, size, encoding, rate, channels = struct.unpack(f"{order}5I", take(20))
    check_header(place, rate, channels)
    if not 24 <= offset <= MOST_HEADER_BYTES:
        raise InputError(f"{place}: its header says {offset} bytes before the samples; convert it")
    take(offset - 24)
    subtype = _AU.get(encoding)
    endian = "BIG" if order == ">" else "LITTLE"
    if subtype is None:
        return None
    return Layout(rate, channels, subtype, endian, _known(size, _OPEN_END))
