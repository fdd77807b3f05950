"""Every fault of a data dir, named by file, line, value and rule."""

from __future__ import annotations

import codecs
import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kws.data.ctm import Word
from kws.data.data_dir import DataDir, Utterance, scan_data_dir
from kws.data.table_file import Row, scan_table
from kws.errors import InputError

TIME_TOLERANCE_S = 0.01
"""times are often written with two decimals: so much may they lie beyond the end"""
_PIECE_S = 600.0


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
    path: str | Path, *, allow_commands: bool = False, with_audio: bool = True
) -> Findings:
    """Look a data dir through.

    Checked are: the form of every line and its end, repeated keys, utterances that one table has
    and another one lacks, sorting by bytes (`LC_ALL=C sort`, which Kaldi's programs rely on),
    spk2utt as the inverse of utt2spk, segments and word times against the length of the audio, and
    that every recording can be read to its end.

    Args:
        path: the data dir.
        allow_commands: run the commands that wav.scp holds; without it each one is a fault.
        with_audio: read all audio; without it only the tables are looked at.
    """
    path = Path(path)
    faults: list[str] = []
    data, placed_words = scan_data_dir(path, faults, allow_commands=allow_commands)
    if not path.is_dir():
        return Findings(faults, [], 0, 0, None)
    notes = [
        f"{path}: no {name}; {consequence}"
        for name, consequence in (
            ("text", "every transcript counts as <unk>"),
            ("utt2spk", "every utterance counts as a speaker of its own"),
            ("spk2utt", "Kaldi's programs ask for it (utils/utt2spk_to_spk2utt.pl makes it)"),
        )
        if not (path / name).exists()
    ]
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
    by_speaker = sorted((u.speaker, u.id) for u in data.utterances)
    if [utterance_id for _, utterance_id in by_speaker] != sorted(u.id for u in data.utterances):
        notes.append(
            f"{path}/utt2spk: sorted by speaker its utterances come in another order; some Kaldi "
            "programs want utterance ids that begin with the speaker"
        )
    hours = _inspect_audio(data, placed_words, faults, notes) if with_audio else None
    num_speakers = len({utterance.speaker for utterance in data.utterances})
    return Findings(faults, notes, len(data.utterances), num_speakers, hours)


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


def _inspect_audio(
    data: DataDir, placed_words: list[tuple[Word, str]], faults: list[str], notes: list[str]
) -> float:
    """Read every recording; returns the hours of the utterances whose recording can be read."""
    recordings: dict[str, Utterance] = {}
    for utterance in data.utterances:
        recordings.setdefault(utterance.recording, utterance)
    lengths: dict[str, float] = {}
    rates: Counter[int] = Counter()
    for utterance in recordings.values():
        if utterance.is_command and not data.allow_commands:
            continue  # the scan has named it
        try:
            length_s, rate = read_through(data, utterance)
        except InputError as error:
            faults.append(str(error))
        else:
            lengths[utterance.recording] = length_s
            rates[rate] += 1
    if len(rates) > 1:
        counts = ", ".join(f"{count} at {rate} Hz" for rate, count in sorted(rates.items()))
        notes.append(f"{data.path}/wav.scp: sample rates are mixed: {counts}")
    heard = [utterance for utterance in data.utterances if utterance.recording in lengths]
    durations: dict[str, float] = {}
    for utterance in heard:
        length_s = lengths[utterance.recording]
        if max(utterance.start_s, utterance.end_s or 0) > length_s + TIME_TOLERANCE_S:
            faults.append(
                f"{utterance.place}: {utterance.id} ends at {utterance.end_s or length_s:g} s, but "
                f"its recording is {length_s:g} s long"
            )
        else:
            durations[utterance.id] = (utterance.end_s or length_s) - utterance.start_s
    faults += _word_range_faults(placed_words, durations)
    return sum(durations.values()) / 3600


def read_through(data: DataDir, utterance: Utterance) -> tuple[float, int]:
    """Read a whole recording to its end, a long one piece by piece.

    Returns:
        its length in seconds and its sample rate in Hz.

    Raises:
        InputError: it cannot be read.
    """
    whole = dataclasses.replace(utterance, start_s=0.0, end_s=None)
    if utterance.is_command:
        waveform = data.load(whole)
        return waveform.duration_s, waveform.sample_rate
    length_s = data.duration_s(whole)
    start_s = 0.0
    while start_s + _PIECE_S < length_s:
        data.load(dataclasses.replace(whole, start_s=start_s, end_s=start_s + _PIECE_S))
        start_s += _PIECE_S
    rate = data.load(dataclasses.replace(whole, start_s=start_s)).sample_rate
    return length_s, rate


def _word_range_faults(
    placed_words: list[tuple[Word, str]], durations: Mapping[str, float]
) -> list[str]:
    return [
        f"{place}: {word.word} ends at {word.end_s:g} s, but {word.utterance} is "
        f"{durations[word.utterance]:g} s long"
        for word, place in placed_words
        if word.utterance in durations and word.end_s > durations[word.utterance] + TIME_TOLERANCE_S
    ]
