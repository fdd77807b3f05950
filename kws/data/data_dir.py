"""Kaldi data dirs: `wav.scp`, `text`, `utt2spk`, `spk2utt`, `segments`, and word times in `ctm`.

A relative path in wav.scp is looked for in the data dir first (so that a data dir can be moved
together with its audio), then, as Kaldi does, in the working directory. An entry that ends in `|`
is a shell command; it runs only where commands are allowed, in the working directory.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kws.audio import Waveform, duration_s, read_audio
from kws.data.ctm import Word, scan_ctm, seconds, words_by_utterance
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
    """the audio file's path, or a command that ends in `|`"""
    start_s: float = 0.0
    end_s: float | None = None
    """None: the end of the recording"""
    recording_id: str = ""
    """the recording's key in wav.scp; the utterance's own id when empty"""
    place: str = field(default="", compare=False)
    """where it was read, for error messages: `DIR/wav.scp:3`"""

    @property
    def is_command(self) -> bool:
        return self.recording.endswith("|")

    @property
    def audio(self) -> tuple[str, float, float | None]:
        """What tells whether two utterances are the same audio."""
        path = self.recording if self.is_command else str(Path(self.recording).resolve())
        return path, self.start_s, self.end_s

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

    def duration_s(self, utterance: Utterance) -> float:
        """An utterance's length in seconds, from its segment or the audio file's header.

        Raises:
            InputError: as `load` (the output of a command has to be read for it).
        """
        if utterance.end_s is not None:
            return utterance.end_s - utterance.start_s
        if utterance.is_command:
            return self.load(utterance).duration_s
        with _placed(utterance):
            return duration_s(utterance.recording) - utterance.start_s

    def load(self, utterance: Utterance, sample_rate: int | None = None) -> Waveform:
        """An utterance's samples; of a segment only its own part of the file is read.

        Args:
            utterance: one of this data dir.
            sample_rate: Hz to convert to; None leaves the recording's.

        Raises:
            InputError: the audio cannot be read, or it is a command and commands are not allowed.
        """
        source: str | io.BytesIO = utterance.recording
        if utterance.is_command:
            if not self.allow_commands:
                raise InputError(command_fault(utterance.place, utterance.recording))
            source = io.BytesIO(_output_of(utterance))
        with _placed(utterance):
            return read_audio(
                source,
                sample_rate=sample_rate,
                start_s=utterance.start_s,
                end_s=utterance.end_s,
                name=utterance.recording,
            )


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


def read_data_dir(path: str | Path, *, allow_commands: bool = False) -> DataDir:
    """Read a data dir's tables.

    Without a file `text` every transcript is `<unk>`; without `utt2spk` every utterance is a
    speaker of its own. spk2utt, which only repeats utt2spk, is not read.

    Args:
        path: the directory.
        allow_commands: let wav.scp hold commands.

    Raises:
        InputError: the first fault (of those that `kws data validate` lists) that leaves open what
            the tables mean. The order of lines and the audio are not looked at.
    """
    faults: list[str] = []
    data, _ = scan_data_dir(Path(path), faults, allow_commands=allow_commands)
    raise_first(faults, f"; `kws data validate {path}` lists them")
    return data


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
        elif row.value.endswith("|") and not allow_commands:
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
        if len(fields) != 3:
            faults.append(
                f"{row.place}: {1 + len(fields)} fields; a line is `utterance recording start end`"
            )
            continue
        recording_id, (start_s, end_s) = fields[0], map(seconds, fields[1:])
        if recording_id not in recordings:
            faults.append(f"{row.place}: recording {recording_id} is not in wav.scp")
        elif start_s is None or end_s is None or start_s < 0:
            faults.append(f"{row.place}: {' '.join(fields[1:])} are not times; write seconds")
        elif end_s != -1 and start_s >= end_s:
            faults.append(f"{row.place}: start {fields[1]} is not before end {fields[2]}")
        else:
            utterances[row.key] = Utterance(
                id=row.key,
                speaker=row.key,
                text=NO_TRANSCRIPT,
                recording=recordings[recording_id].value,
                start_s=start_s,
                end_s=None if end_s == -1 else end_s,
                recording_id=recording_id,
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
    inside = data_dir / recording
    return recording if not inside.exists() and Path(recording).exists() else str(inside)


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
