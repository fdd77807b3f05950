"""Kaldi data dirs: `wav.scp`, `text`, `utt2spk`, `spk2utt`, `segments`, and word times in `ctm`.

A relative path in wav.scp is looked for in the data dir first (so that a data dir can be moved
together with its audio), then, as Kaldi does, in the working directory; `FILE.ark:OFFSET` is a
sound in an archive. An entry that ends in `|` is a shell command, in the working directory: where
it only decodes a file, that is read and nothing run (`kws.audio.entries`); any other runs only
where commands are allowed.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from kws.audio import Channel, Header, Waveform, read_audio, read_audio_chunks, read_header
from kws.audio.entries import sound_of, split_offset
from kws.data.ctm import Word, scan_ctm, seconds, words_by_utterance
from kws.data.segments import MAX_OVERSHOOT_S, fit_segments
from kws.data.table_file import Row, raise_first, scan_table
from kws.errors import InputError
from kws.shell import output_of_command

NO_TRANSCRIPT = "<unk>"


@dataclass(frozen=True)
class Utterance:
    """One utterance: a recording or a segment of one, who speaks and what is said."""

    id: str
    speaker: str
    text: str
    """its transcript, `<unk>` where there is none"""
    recording: str
    """the audio file's path, `FILE.ark:OFFSET`, or a command that ends in `|`"""
    start_s: float = 0.0
    end_s: float | None = None
    """None: the end of the recording"""
    recording_id: str = ""
    """the recording's key in wav.scp; the utterance's own id when empty"""
    channel: int | None = None
    """of the recording, from 0; None: that of the data dir"""
    place: str = field(default="", compare=False)
    """where it was read, for error messages: `DIR/wav.scp:3`"""

    @property
    def is_command(self) -> bool:
        return self.recording.endswith("|")

    @property
    def audio(self) -> tuple[object, ...]:
        """What tells whether two utterances are the same audio."""
        sound = sound_of(self.recording)
        if sound is None:
            return self.recording, self.channel or 0, self.start_s, self.end_s
        channel = sound.channel or self.channel or 0
        return Path(sound.path).resolve(), sound.offset, channel, self.start_s, self.end_s

    def error(self, message: str) -> InputError:
        """An error that names the line the utterance was read from, if it was."""
        return InputError(f"{self.place}: {message}" if self.place else message)


@dataclass(frozen=True)
class DataDir:
    """A data dir that was read: its utterances and the word times it has. It holds no audio."""

    path: Path
    utterances: tuple[Utterance, ...]
    words: Mapping[str, list[Word]]
    """word times by utterance id; nothing for an utterance that the ctm does not have"""
    allow_commands: bool = False
    channel: Channel = None
    """of recordings that have several, where neither wav.scp nor segments says which"""

    def duration_s(self, utterance: Utterance) -> float:
        """An utterance's length in seconds, from its segment or the audio file's header.

        Raises:
            InputError: as `load` (the output of a command has to be read for it).
        """
        if utterance.end_s is not None:
            return utterance.end_s - utterance.start_s
        return self.header(utterance).duration_s - utterance.start_s

    def header(self, utterance: Utterance) -> Header:
        """What the recording of an utterance says of itself.

        Raises:
            InputError: as `load`.
        """
        with self.opened(utterance) as (file, channel, name):
            header = read_header(file, name)
        return header if channel is None else replace(header, num_channels=1)

    def load(self, utterance: Utterance, sample_rate: int | None = None) -> Waveform:
        """An utterance's samples; of a segment only its own part of the file is read.

        Args:
            utterance: one of this data dir.
            sample_rate: Hz to convert to; None leaves the recording's.

        Raises:
            InputError: the audio cannot be read, or it is a command and commands are not allowed.
        """
        with self.opened(utterance) as (file, channel, name):
            return read_audio(
                file,
                sample_rate=sample_rate,
                channel=self._channel(utterance, channel, file, name),
                start_s=utterance.start_s,
                end_s=utterance.end_s,
                name=name,
            )

    def chunks(
        self, utterance: Utterance, sample_rate: int, chunk_s: float
    ) -> Iterator[npt.NDArray[np.float32]]:
        """The samples of `load`, chunk by chunk, so that memory stays bounded.

        Args:
            utterance, sample_rate: as for `load`.
            chunk_s: length of a chunk in seconds; the last one may be shorter.
        """
        with self.opened(utterance) as (file, channel, name):
            yield from read_audio_chunks(
                file,
                sample_rate=sample_rate,
                channel=self._channel(utterance, channel, file, name),
                start_s=utterance.start_s,
                end_s=utterance.end_s,
                name=name,
                chunk_s=chunk_s,
            )

    def _channel(
        self, utterance: Utterance, only: int | None, file: BinaryIO, name: str
    ) -> Channel:
        """What is heard: what wav.scp says, or else `segments`, or else the data dir's reader.

        The reader says it of recordings that have several.
        """
        if only is not None:
            return only
        if utterance.channel is not None:
            return utterance.channel
        if self.channel:  # neither none nor the first
            num_channels = read_header(file, name).num_channels
            file.seek(0)
            return None if num_channels == 1 else self.channel
        return self.channel

    @contextmanager
    def opened(self, utterance: Utterance) -> Iterator[tuple[BinaryIO, int | None, str]]:
        """An utterance's recording, a sound file; the only channel that is meant; and its name.

        Errors in the block name the line that the utterance was read from.
        """
        sound = sound_of(utterance.recording, allow_commands=self.allow_commands)
        if sound is None and not self.allow_commands:
            raise InputError(command_fault(utterance.place, utterance.recording))
        output = _output_of(utterance) if sound is None else b""
        with _placed(utterance):
            if sound is None:
                yield io.BytesIO(output), None, utterance.recording
                return
            with sound.opened() as file:
                yield file, sound.channel, sound.name


@contextmanager
def _placed(utterance: Utterance) -> Iterator[None]:
    """Let errors of reading audio name the line that the utterance was read from."""
    try:
        yield
    except InputError as error:
        raise utterance.error(str(error)) from None
    except OSError as error:
        raise utterance.error(f"{utterance.recording}: {error.strerror}") from None


def command_fault(place: str, command: str) -> str:
    """The message for a command that may not run."""
    return f"{place}: `{command}` is a command; it runs only with --allow-commands"


def read_data_dir(
    path: str | Path,
    *,
    allow_commands: bool = False,
    max_overshoot_s: float | None = MAX_OVERSHOOT_S,
    channel: Channel = None,
) -> DataDir:
    """Read a data dir's tables.

    Without a file `text` every transcript is `<unk>`; without `utt2spk` every utterance is a
    speaker of its own. spk2utt, which only repeats utt2spk, is not read.

    Args:
        path: the directory.
        allow_commands: let wav.scp hold commands that have to be run.
        max_overshoot_s: fit segments to their recordings (`kws.data.segments.fit_segments`); None:
            they are taken as they stand.
        channel: of recordings that have several, as for `kws.audio.read_audio`, where neither
            wav.scp nor segments says which.

    Raises:
        InputError: the first fault (of those that `kws data validate` lists) that leaves open what
            the tables mean, or no segment lies in its recording. The order of lines is not looked
            at, nor the audio, but for the headers where there are segments.
    """
    faults: list[str] = []
    data, _ = scan_data_dir(Path(path), faults, allow_commands=allow_commands)
    raise_first(faults, f"; `kws data validate {path}` lists them")
    data = replace(data, channel=channel)
    if max_overshoot_s is None or not (data.path / "segments").exists():
        return data
    return fit_segments(data, max_overshoot_s)


def scan_data_dir(
    path: Path, faults: list[str], *, allow_commands: bool
) -> tuple[DataDir, list[tuple[Word, str]]]:
    """Read a data dir as far as it can be read; what is wrong goes to `faults`, one line each.

    Returns:
        the data dir and its ctm's words with their places.
    """
    if not path.is_dir():
        faults.append(f"{path}: no such directory; name a data dir (one that holds wav.scp)")
        return DataDir(path, (), {}, allow_commands), []
    recordings = {row.key: row for row in scan_table(path / "wav.scp", faults)}
    for row in recordings.values():
        if not row.value:
            faults.append(f"{row.place}: {row.key} has no file; write `{row.key} PATH`")
        elif sound_of(row.value) is None and not allow_commands:
            faults.append(command_fault(row.place, row.value))
    if (path / "segments").exists():
        utterances = _scan_segments(path, recordings, faults)
    else:
        utterances = {
            row.key: Utterance(row.key, row.key, NO_TRANSCRIPT, row.value, place=row.place)
            for row in recordings.values()
        }
    texts = _scan_side_table(path / "text", utterances, faults)
    speakers = _scan_side_table(path / "utt2spk", utterances, faults)
    for row in speakers.values():
        if not row.value or " " in row.value or "\t" in row.value:
            faults.append(f"{row.place}: {row.value!r} is not a speaker; write one word")
    placed_words = scan_ctm(path / "ctm", faults) if (path / "ctm").exists() else []
    for word, place in placed_words:
        if word.utterance not in utterances:
            faults.append(f"{place}: {word.utterance} is not an utterance of {path}")
    data = DataDir(
        path,
        tuple(
            Utterance(
                id=u.id,
                speaker=speakers[u.id].value if u.id in speakers else u.id,
                text=texts[u.id].value if u.id in texts else NO_TRANSCRIPT,
                recording=_resolved(path, u.recording),
                start_s=u.start_s,
                end_s=u.end_s,
                recording_id=u.recording_id,
                channel=u.channel,
                place=u.place,
            )
            for u in utterances.values()
        ),
        words_by_utterance(word for word, _ in placed_words),
        allow_commands,
    )
    return data, placed_words


def _scan_segments(
    path: Path, recordings: Mapping[str, Row], faults: list[str]
) -> dict[str, Utterance]:
    utterances = {}
    for row in scan_table(path / "segments", faults):
        fields = row.value.split()
        if len(fields) not in (3, 4):
            faults.append(
                f"{row.place}: {1 + len(fields)} fields; a line is "
                "`utterance recording start end [channel]`"
            )
            continue
        recording_id, (start_s, end_s) = fields[0], map(seconds, fields[1:3])
        if recording_id not in recordings:
            faults.append(f"{row.place}: recording {recording_id} is not in wav.scp")
        elif start_s is None or end_s is None or start_s < 0:
            faults.append(f"{row.place}: {' '.join(fields[1:3])} are not times; write seconds")
        elif end_s != -1 and start_s >= end_s:
            faults.append(f"{row.place}: start {fields[1]} is not before end {fields[2]}")
        elif len(fields) == 4 and not re.fullmatch("[0-9]{1,9}", fields[3]):
            faults.append(f"{row.place}: {fields[3]} is not a channel; the first is 0, then 1 ...")
        else:
            utterances[row.key] = Utterance(
                id=row.key,
                speaker=row.key,
                text=NO_TRANSCRIPT,
                recording=recordings[recording_id].value,
                start_s=start_s,
                end_s=None if end_s == -1 else end_s,
                recording_id=recording_id,
                channel=int(fields[3]) if len(fields) == 4 else None,
                place=row.place,
            )
    return utterances


def _scan_side_table(
    path: Path, utterances: Mapping[str, Utterance], faults: list[str]
) -> dict[str, Row]:
    """A table with one line per utterance; nothing when there is no such file."""
    if not path.exists():
        return {}
    rows = {row.key: row for row in scan_table(path, faults)}
    for row in rows.values():
        if row.key not in utterances:
            faults.append(f"{row.place}: {row.key} is not an utterance of {path.parent}")
    for utterance in utterances.values():
        if utterance.id not in rows:
            faults.append(f"{utterance.place}: {utterance.id} has no line in {path.name}; add one")
    return rows


def _resolved(data_dir: Path, recording: str) -> str:
    if recording.endswith("|"):
        return recording
    inside = str(data_dir / recording)
    for name in (inside, recording):
        if Path(name).exists():
            return name
    archives = (name for name in (inside, recording) if Path(split_offset(name)[0]).exists())
    return next(archives, inside)


def _output_of(utterance: Utterance) -> bytes:
    command = utterance.recording.removesuffix("|")
    done = output_of_command(command)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise utterance.error(
            f"`{command.strip()}` failed with exit status {done.returncode}"
            + (f": {said[-1]}" if said else "")
        )
    return done.stdout
