"""Every fault of a data dir, named by file, line, value and rule."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from kws.audio import Channel
from kws.audio.entries import sound_of
from kws.data.audio_check import inspect_audio
from kws.data.ctm import Word
from kws.data.data_dir import DataDir, scan_data_dir
from kws.data.segments import MAX_OVERSHOOT_S
from kws.data.table_file import Row, scan_table


@dataclass(frozen=True)
class Findings:
    """What the inspection of a data dir brought: faults to mend, and notes that may matter."""

    faults: list[str]
    notes: list[str]
    num_utterances: int
    num_speakers: int
    hours: float | None
    """of speech; None when the audio was not read"""


def validate(path: str | Path, *, allow_commands: bool = False) -> list[str]:
    """Every fault of a data dir, one line each: file and line, value, rule.

    Args:
        path: the data dir.
        allow_commands: run the commands that wav.scp holds; without it each one is a fault.
    """
    return inspect_data_dir(path, allow_commands=allow_commands).faults


def inspect_data_dir(
    path: str | Path,
    *,
    allow_commands: bool = False,
    max_overshoot_s: float = MAX_OVERSHOOT_S,
    with_audio: bool = True,
    channel: Channel = None,
) -> Findings:
    """Look a data dir through.

    Checked are: the form of every line and its end, repeated keys, utterances that one table has
    and another one lacks, sorting by bytes (`LC_ALL=C sort`, which Kaldi's programs rely on),
    spk2utt as the inverse of utt2spk, segments and word times against the length of the audio,
    that every recording can be read to its end, and that most of them hold sound.

    Args:
        path: the data dir.
        allow_commands: run the commands that wav.scp holds; without it each one that does more
            than to decode a file is a fault.
        max_overshoot_s: a segment that ends less than that beyond its recording is cut.
        with_audio: read all audio; without it only the tables are looked at.
        channel: the one that is to hold sound, where neither wav.scp nor segments says which.
    """
    path = Path(path)
    faults: list[str] = []
    data, placed_words = scan_data_dir(path, faults, allow_commands=allow_commands)
    if not path.is_dir():
        return Findings(faults, [], 0, 0, None)
    notes = _notes_on_tables(data)
    # the scan has named what is wrong with single lines; here only their order counts
    tables = {
        name: scan_table(path / name, [])
        for name in ("wav.scp", "segments", "text", "utt2spk", "spk2utt")
        if (path / name).exists()
    }
    faults += [fault for name in (*tables, "ctm") for fault in _editor_faults(path / name)]
    for rows in tables.values():
        faults += _order_faults((row.key, row.place) for row in rows)
    faults += _ctm_order_faults(placed_words)
    if "segments" in tables:
        used = {utterance.recording_id for utterance in data.utterances}
        faults += [
            f"{row.place}: recording {row.key} has no line in segments; add one or remove it"
            for row in tables["wav.scp"]
            if row.key not in used
        ]
    if "spk2utt" in tables:
        scan_table(path / "spk2utt", faults)
        faults += _spk2utt_faults(tables["spk2utt"], tables.get("utt2spk", []), data)
    hours = None
    if with_audio:
        data = replace(data, channel=channel)
        hours = inspect_audio(data, placed_words, max_overshoot_s, faults, notes)
    num_speakers = len({utterance.speaker for utterance in data.utterances})
    return Findings(faults, notes, len(data.utterances), num_speakers, hours)


def _notes_on_tables(data: DataDir) -> list[str]:
    """What is no fault of the tables and may matter."""
    path = data.path
    notes = [
        f"{path}: no {name}; {consequence}"
        for name, consequence in (
            ("text", "every transcript counts as <unk>"),
            ("utt2spk", "every utterance counts as a speaker of its own"),
            ("spk2utt", "Kaldi's programs ask for it (utils/utt2spk_to_spk2utt.pl makes it)"),
        )
        if not (path / name).exists()
    ]
    entries = {utterance.recording for utterance in data.utterances}
    decoders = [entry for entry in entries if entry.endswith("|") and sound_of(entry) is not None]
    if decoders:
        notes.append(
            f"{path}/wav.scp: {len(decoders)} of {len(entries)} recordings: commands that only "
            "decode a file, which is read without running them"
        )
    by_speaker = sorted((u.speaker, u.id) for u in data.utterances)
    if [utterance_id for _, utterance_id in by_speaker] != sorted(u.id for u in data.utterances):
        notes.append(
            f"{path}/utt2spk: sorted by speaker its utterances come in another order; some Kaldi "
            "programs want utterance ids that begin with the speaker"
        )
    return notes


def _editor_faults(path: Path) -> list[str]:
    """What is passed over here, but stays in keys and values that Kaldi's scripts read."""
    content = path.read_bytes() if path.exists() else b""
    faults = []
    if content.startswith(codecs.BOM_UTF8):
        faults.append(f"{path}:1: the file begins with a byte order mark; remove it")
    before, carriage_return, _ = content.partition(b"\r\n")
    if carriage_return:
        number = before.count(b"\n") + 1
        faults.append(
            f"{path}:{number}: the line ends in a carriage return; convert the file (dos2unix)"
        )
    return faults


def _order_faults(keys: Iterable[tuple[str, str]]) -> list[str]:
    faults = []
    before = ""
    for key, place in keys:
        if key < before:  # code points sort as UTF-8 bytes do
            faults.append(f"{place}: {key} comes after {before}; sort the file (LC_ALL=C sort)")
        before = key
    return faults


def _ctm_order_faults(placed_words: list[tuple[Word, str]]) -> list[str]:
    faults = []
    before: Word | None = None
    for word, place in placed_words:
        if before and (word.utterance, word.start_s) < (before.utterance, before.start_s):
            faults.append(
                f"{place}: {word.utterance} {word.start_s:g} comes after {before.utterance} "
                f"{before.start_s:g}; sort the file by utterance and start (LC_ALL=C sort -k1,1 "
                "-k3,3n)"
            )
        before = word
    return faults


def _spk2utt_faults(spk2utt: list[Row], utt2spk: list[Row], data: DataDir) -> list[str]:
    faults = []
    speakers = {utterance.id: utterance.speaker for utterance in data.utterances}
    places = {row.key: row.place for row in utt2spk}
    listed: set[str] = set()
    for row in spk2utt:
        for utterance in row.value.split():
            if utterance not in speakers:
                faults.append(f"{row.place}: {utterance} is not an utterance of {data.path}")
            elif speakers[utterance] != row.key:
                faults.append(
                    f"{row.place}: {utterance} stands under {row.key}, but its speaker is "
                    f"{speakers[utterance]} ({places.get(utterance, 'there is no utt2spk')})"
                )
            elif utterance in listed:
                faults.append(f"{row.place}: {utterance} stands twice under {row.key}; keep one")
            listed.add(utterance)
        if not row.value:
            faults.append(f"{row.place}: speaker {row.key} has no utterance; remove the line")
    faults += [
        f"{places.get(utterance.id, utterance.place)}: {utterance.id} is not in spk2utt, which is "
        "to be the inverse of utt2spk"
        for utterance in data.utterances
        if utterance.id not in listed
    ]
    return faults
