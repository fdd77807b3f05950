"""Tables of recordings: an scp of sound files, or an archive of wavs."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial

from kws.audio import Channel, Waveform, read_audio
from kws.audio.entries import sound_of
from kws.kaldi.archives import read_archive
from kws.kaldi.reading import FormatError, take
from kws.kaldi.scripts import read_script
from kws.kaldi.specifiers import screen_specifier
from kws.kaldi.streams import opened


def read_waves(
    rspecifier: str,
    *,
    sample_rate: int | None = None,
    allow_commands: bool = False,
    channel: Channel = None,
) -> Iterator[tuple[str, Waveform]]:
    """The waveforms of a table: an scp of sound files (any that libsndfile reads), or an archive.

    Args:
        rspecifier: as for `read_matrices`.
        sample_rate: convert to this rate in Hz; None: keep each file's.
        allow_commands: let files be commands (`sox a.mp3 -r 16k -t wav - |`); those that only
            decode a file (`kws.audio.entries`) need no leave.
        channel: as for `kws.audio.read_audio`, where no command says which.
    """
    specifier = screen_specifier(rspecifier, allow_commands=allow_commands)
    if "ark" in specifier.files:
        for key, content in read_archive(specifier, _content):
            name = f"{rspecifier}: {key}"
            yield (
                key,
                read_audio(
                    io.BytesIO(content), sample_rate=sample_rate, channel=channel, name=name
                ),
            )
        return
    read_at = partial(
        _wave_at, sample_rate=sample_rate, allow_commands=allow_commands, channel=channel
    )
    yield from read_script(specifier, read_at, allow_commands=allow_commands, runs=_runs)


def _runs(name: str) -> bool:
    return name.lstrip().startswith("|") or sound_of(name) is None


def _wave_at(
    name: str, sample_rate: int | None, allow_commands: bool, channel: Channel
) -> Waveform:
    whole = name == "-" or name.endswith(".gz")
    sound = None if whole else sound_of(name, allow_commands=allow_commands)
    if sound is None:
        with opened(name) as stream:
            content = io.BytesIO(stream.read())
            return read_audio(content, sample_rate=sample_rate, channel=channel, name=name)
    if sound.channel is not None:
        channel = sound.channel
    with sound.opened() as file:
        return read_audio(file, sample_rate=sample_rate, channel=channel, name=sound.name)


def _content(stream: io.BufferedReader) -> bytes:
    """The sound at which an archive stands that is read from its beginning."""
    head = bytes(take(stream, 5))
    if head == b"AUDIO":  # kaldiio's: bytes of the length, the length, any sound file
        (num_bytes,) = take(stream, 1)
        return bytes(take(stream, int.from_bytes(take(stream, num_bytes), "little")))
    if head[:4] == b"fLaC":
        raise FormatError("is a FLAC, which does not say where it ends; name it in an scp")
    head += take(stream, 3)
    if head[:4] not in (b"RIFF", b"RIFX"):
        raise FormatError("is not a wav")
    size = int.from_bytes(head[4:], "little" if head[:4] == b"RIFF" else "big")
    return head + take(stream, size)
