"""Reading transcripts: Kaldi's text, NIST's .trn and .ctm, TIMIT's .phn, data dirs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kws.data import Word, read_ctm, read_data_dir, read_wrd_phn
from kws.data.phone_map import PhoneMap
from kws.data.segments import MAX_OVERSHOOT_S, fit_segments
from kws.data.table_file import raise_first, scan_lines, scan_table
from kws.data.timit import SAMPLE_RATE, timit_id, timit_suffix
from kws.errors import InputError

_TRN = re.compile(r"(.*?)\(([^()\s]+)\)")


@dataclass(frozen=True)
class Transcripts:
    """What is said in each utterance, by a person or by a recogniser."""

    path: Path
    tokens: Mapping[str, tuple[str, ...]]
    """words or phones by utterance"""
    times: Mapping[str, tuple[Word, ...]]
    """the same with their times, of the utterances that have them"""
    speakers: Mapping[str, str]
    """by utterance, as far as they are known"""
    omits_silent: bool = False
    """a form that has no line for an utterance without tokens (CTM)"""

    def folded(self, phone_map: PhoneMap) -> Transcripts:
        """In the map's last and smallest set; phones that it deletes are left out.

        Raises:
            InputError: a phone that the map does not know.
        """
        table = phone_map.table()
        tokens, times = {}, {}
        for utterance, of_utterance in self.tokens.items():
            folded = (self._become(phone_map, table, utterance, token) for token in of_utterance)
            tokens[utterance] = tuple(token for token in folded if token is not None)
        for utterance, words in self.times.items():
            pairs = [(w, self._become(phone_map, table, utterance, w.word)) for w in words]
            times[utterance] = tuple(replace(w, word=phone) for w, phone in pairs if phone)
        return replace(self, tokens=tokens, times=times)

    def _become(
        self, phone_map: PhoneMap, table: dict[str, str | None], utterance: str, token: str
    ) -> str | None:
        if token not in table:
            raise InputError(
                f"{self.path}: {utterance}: {token!r} is not a phone of {phone_map.path}; add a "
                "line for it, or name the map of these phones"
            )
        return table[token]


def read_transcripts(path: str | Path) -> Transcripts:
    """Read transcripts in the form that their name tells.

    A data dir (its `text`, and the times of its `ctm`), a folder of .phn files, NAME.trn, NAME.ctm
    (or a file named ctm), NAME.phn or NAME.wrd; any other file is Kaldi's text, lines of
    `UTTERANCE TOKEN ...`.

    Raises:
        InputError: it cannot be read or has another form.
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path)
    suffix = path.suffix.lower() or f".{path.name.lower()}"
    if suffix == ".trn":
        return Transcripts(path, _read_trn(path), {}, {})
    if suffix == ".ctm":
        return _timed(path, read_ctm(path))
    if suffix in (".phn", ".wrd"):
        return _timed(path, {path.stem: read_wrd_phn(path, SAMPLE_RATE)})
    faults: list[str] = []
    tokens = {row.key: tuple(row.value.split()) for row in scan_table(path, faults)}
    raise_first(faults)
    return Transcripts(path, tokens, {}, {})


def read_speakers(path: str | Path) -> dict[str, str]:
    """The speakers of a table utt2spk.

    Raises:
        InputError: it cannot be read, or a line is not `UTTERANCE SPEAKER`.
    """
    faults: list[str] = []
    rows = scan_table(Path(path), faults)
    for row in rows:
        if len(row.value.split()) != 1:
            faults.append(f"{row.place}: {row.value!r} is not a speaker; write one word")
    raise_first(faults)
    return {row.key: row.value for row in rows}


def speaker_of(utterance: str) -> str:
    """The speaker that an utterance's id begins with, up to its first `-` or `_` (as sclite)."""
    return re.split(r"[-_]", utterance, maxsplit=1)[0]


def _timed(path: Path, words: Mapping[str, list[Word]]) -> Transcripts:
    times = {utterance: tuple(of_utterance) for utterance, of_utterance in words.items()}
    tokens = {utterance: tuple(w.word for w in of) for utterance, of in times.items()}
    return Transcripts(path, tokens, times, {}, omits_silent=True)


def _read_folder(path: Path) -> Transcripts:
    if (path / "wav.scp").exists():
        if not (path / "text").exists():
            raise InputError(
                f"{path / 'text'}: no such file; transcripts of a data dir stand there"
            )
        data = read_data_dir(path, allow_commands=True, max_overshoot_s=None)
        if (path / "segments").exists():
            # those that were left out where the audio was read have no transcript to compare;
            # of a command's output the length is not known: it is not run for that
            data = fit_segments(replace(data, allow_commands=False), MAX_OVERSHOOT_S)
        return Transcripts(
            path,
            {u.id: tuple(u.text.split()) for u in data.utterances},
            {utterance: tuple(words) for utterance, words in data.words.items()},
            {u.id: u.speaker for u in data.utterances},
        )
    labels: dict[str, list[Word]] = {}
    for file in sorted(path.rglob("*")):
        if timit_suffix(file) == ".phn" and file.is_file():
            utterance = timit_id(file) or file.stem
            if utterance in labels:
                raise InputError(f"{file}: there is another .phn file of {utterance}; keep one")
            labels[utterance] = read_wrd_phn(file, SAMPLE_RATE, utterance=utterance)
    if not labels:
        raise InputError(f"{path}: is neither a data dir (wav.scp, text) nor holds .phn files")
    return _timed(path, labels)


def _read_trn(path: Path) -> dict[str, tuple[str, ...]]:
    faults: list[str] = []
    tokens: dict[str, tuple[str, ...]] = {}
    for line, place in scan_lines(path, faults):
        match = _TRN.fullmatch(line)
        if line.startswith(";;"):
            continue
        if match is None:
            faults.append(f"{place}: {line!r} does not end in an utterance id: `a b c (ID)`")
        elif match[2] in tokens:
            faults.append(f"{place}: ({match[2]}) stands on another line already; keep one")
        elif "{" in match[1].split():
            faults.append(f"{place}: alternatives {{ a / b }} are not read; write one of them")
        else:
            tokens[match[2]] = tuple(match[1].split())
    raise_first(faults)
    return tokens
