"""Tables of recordings: an scp of sound files, or an archive of wavs."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial

from kws.audio import Waveform, read_audio
from kws.kaldi.archives import read_archive
from kws.kaldi.reading import FormatError, take
from kws.kaldi.scripts import read_script, split_offset
from kws.kaldi.specifiers import is_command, screen_specifier
from kws.kaldi.streams import opened


def read_waves(
    rspecifier: str, *, sample_rate: int | None = None, allow_commands: bool = False
) -> Iterator[tuple[str, Waveform]]:
    """The waveforms of a table: an scp of sound files (any that libsndfile reads), or an archive.

    Args:
        rspecifier: as for `read_matrices`.
        sample_rate: convert to this rate in Hz; None: keep each file's.
        allow_commands: let files be commands (`sox a.mp3 -t wav - |`).
    """
    specifier = screen_specifier(rspecifier, allow_commands=allow_commands)
    if "ark" in specifier.files:
        for key, content in read_archive(specifier, _riff):
            name = f"{rspecifier}: {key}"
            yield key, read_audio(io.BytesIO(content), sample_rate=sample_rate, name=name)
        return
    read_at = partial(_wave_at, sample_rate=sample_rate)
    yield from read_script(specifier, read_at, allow_commands=allow_commands)


def _wave_at(name: str, sample_rate: int | None) -> Waveform:
    path, offset = split_offset(name)
    if offset is None and not is_command(name) and name != "-" and not name.endswith(".gz"):
        return read_audio(path, sample_rate=sample_rate)
    with opened(path, offset) as stream:
        content = stream.read() if offset is None else _riff(stream)
    return read_audio(io.BytesIO(content), sample_rate=sample_rate, name=name)


def _riff(stream: io.BufferedReader) -> bytes:
    """The RIFF file at which `stream` stands."""
    head = bytes(take(stream, 8))
    if head[:4] not in (b"RIFF", b"RIFX"):
        raise FormatError("is not a wav")
    size = int.from_bytes(head[4:], "little" if head[:4] == b"RIFF" else "big")
    return head + take(stream, size)
