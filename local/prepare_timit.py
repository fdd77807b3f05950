#!/usr/bin/env python3
"""Make train, dev and test data dirs of TIMIT, with phone transcripts and their times.

    local/prepare_timit.py /corpora/TIMIT data/timit

Garofolo et al., "TIMIT Acoustic-Phonetic Continuous Speech Corpus", LDC93S1 (1993). The split is
the usual one: the TRAIN folder, the 24 speakers of the core test set (the corpus's testset.doc)
and the 50 dev speakers of Halberstadt (1998); SA sentences, which everybody reads, are left out.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from kws.data import DataDir, Utterance, Word, read_wrd_phn
from kws.data.corpus import AUDIO_SUFFIXES, SPLITS, sort_out_unreadable
from kws.data.phone_dir import write_phone_dir
from kws.data.phone_map import PhoneMap, read_phone_map
from kws.data.table_file import raise_first, scan_table
from kws.data.timit import SAMPLE_RATE, SPEAKER, timit_id, timit_suffix
from kws.errors import InputError

CONF = Path(__file__).parents[1] / "conf"
NUM_OFFICIAL = {"train": 3696, "dev": 400, "test": 192}
TRAINING_COLUMN = 1  # of phones_60_48_39.map
_MOST_NAMED = 8


@dataclass(frozen=True)
class Sentence:
    """One reading of a sentence as the corpus holds it."""

    speaker: str
    name: str
    """`sx127`"""
    in_test_folder: bool
    labels: Path
    recording: Path

    @property
    def id(self) -> str:
        return f"{self.speaker}-{self.name}"


def main(
    corpus: Annotated[Path, typer.Argument(help="The folder that holds TRAIN, or dr1-fvmh0 ...")],
    out: Annotated[Path, typer.Argument(help="Folder for train, dev and test.")],
    dev_speakers: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES|FILE", help="Instead of the official 50: fapb0,madd0 or a list."
        ),
    ] = None,
    test_speakers: Annotated[
        str | None, typer.Option(metavar="NAMES|FILE", help="Instead of the 24 of the core test.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out files that cannot be read.")
    ] = False,
) -> None:
    """Make data dirs OUT/train, OUT/dev and OUT/test of TIMIT or of a part of it.

    Read are the LDC's layout (TRAIN/DR1/FCJF0/SX127.WAV, NIST SPHERE or any other sound file) and
    that of NLTK's sample (dr1-fvmh0/sx26.wav), as they lie on disks: upper or lower case,
    SX127.WAV.wav, SX127.WAV;1, DOS line ends in .PHN. The audio stays where it is.
    `text` and `ctm` hold the 48 phones of conf/phones_60_48_39.map, without the glottal stop q;
    `phones.ctm` holds the corpus's own 61. SA sentences are left out. Where CORPUS/lists holds
    train.txt, dev.txt or test.txt (utterances such as fapb0-si1063), these give the split.

    \b
    Examples:
      local/prepare_timit.py /corpora/TIMIT data/timit
      local/prepare_timit.py nltk_data/corpora/timit data/sample --dev-speakers fapb0,madd0
    """
    if not corpus.is_dir():
        raise InputError(f"{corpus}: no such folder; name the one that holds TIMIT")
    phone_map = read_phone_map(CONF / "phones_60_48_39.map")
    wanted = {
        "dev": _speakers(dev_speakers, "--dev-speakers", "dev_speakers.list"),
        "test": _speakers(test_speakers, "--test-speakers", "test_speakers.list"),
    }
    both = sorted(wanted["dev"] & wanted["test"])
    if both:
        raise InputError(f"{both[0]}: is a speaker of dev and of test; name it for one of them")
    sentences = find_sentences(corpus)
    listed = {} if dev_speakers or test_speakers else _read_lists(corpus, sentences)
    splits: dict[str, list[Sentence]] = {name: [] for name in SPLITS}
    for sentence in sentences:
        split = listed.get(sentence.id) if listed else _split_of(sentence, wanted)
        if split and not sentence.name.startswith("sa"):
            splits[split].append(sentence)
    splits = _readable(splits, skip_bad)
    for name, of_split in splits.items():
        _write(out / name, of_split, phone_map)
        _report(out / name, of_split, NUM_OFFICIAL[name])
        if not listed and name in wanted:
            _report_missing_speakers(out / name, of_split, wanted[name])


def find_sentences(corpus: Path) -> list[Sentence]:
    """The sentences in a corpus that have both labels and a recording, sorted by id.

    Audio and labels may lie in the same folder or in two trees: a sentence is told by its speaker's
    folder and its own name. What lacks its other half is named on standard error.
    """
    labels: dict[str, Path] = {}
    recordings: dict[str, Path] = {}
    for path in sorted(corpus.rglob("*")):
        key = timit_id(path)
        if key is None or not path.is_file():
            continue
        suffix = timit_suffix(path)
        found = labels if suffix == ".phn" else recordings
        if found is recordings and suffix not in AUDIO_SUFFIXES:
            continue
        # some copies hold SA1.WAV (SPHERE) and SA1.WAV.wav (RIFF) side by side: the first counts
        if found.setdefault(key, path).parent != path.parent:
            raise InputError(f"{path}: {key} is {found[key]} as well; name a folder with one copy")
    _name_some("has a recording and no .phn", sorted(recordings.keys() - labels.keys()))
    _name_some("has a .phn and no recording", sorted(labels.keys() - recordings.keys()))
    both = sorted(labels.keys() & recordings.keys())
    if not both:
        raise InputError(
            f"{corpus}: holds no sentence of TIMIT; expected are TRAIN/DR1/FCJF0/SX127.WAV "
            "and .PHN, or dr1-fvmh0/sx26.wav and .phn"
        )
    return [_sentence(corpus, key, labels[key], recordings[key]) for key in both]


def _sentence(corpus: Path, key: str, labels: Path, recording: Path) -> Sentence:
    speaker, _, name = key.partition("-")
    folders = (corpus.resolve().name, *recording.relative_to(corpus).parts[:-1])
    halves = [folder.lower() for folder in folders if folder.lower() in ("train", "test")]
    return Sentence(speaker, name, halves[-1:] == ["test"], labels, recording)


def _split_of(sentence: Sentence, wanted: dict[str, frozenset[str]]) -> str | None:
    """None: of the 94 speakers of the TEST folder that are in neither set."""
    for split, speakers in wanted.items():
        if sentence.speaker in speakers:
            return split
    return None if sentence.in_test_folder else "train"


def _speakers(text: str | None, option: str, official: str) -> frozenset[str]:
    """Speakers of an option's names or file; the official ones when it is not given."""
    if text is None:
        text = str(CONF / "timit" / official)
    names = [name.strip().lower() for name in text.split(",")]
    if not all(map(SPEAKER.fullmatch, names)):
        faults: list[str] = []
        names = [row.key.lower() for row in scan_table(Path(text), faults)]
        raise_first(faults, f"; {option} takes names (fapb0,madd0) or a file with one per line")
    for name in names:
        if not SPEAKER.fullmatch(name):
            raise InputError(f"{option} {text}: {name!r} is not a speaker of TIMIT, such as fapb0")
    return frozenset(names)


def _read_lists(corpus: Path, sentences: list[Sentence]) -> dict[str, str]:
    """Utterance -> split by the corpus's own lists; empty when it has none."""
    faults: list[str] = []
    listed: dict[str, str] = {}
    known = {sentence.id for sentence in sentences}
    for split in SPLITS:
        path = corpus / "lists" / f"{split}.txt"
        for row in scan_table(path, faults) if path.exists() else ():
            if row.key not in known:
                faults.append(f"{row.place}: {row.key} is not a sentence in {corpus}")
            elif listed.setdefault(row.key, split) != split:
                faults.append(f"{row.place}: {row.key} is in {listed[row.key]}.txt as well")
    raise_first(faults)
    if listed:
        print(f"{corpus / 'lists'}: give the split, not the official lists of speakers")
    return listed


def _readable(splits: dict[str, list[Sentence]], skip_bad: bool) -> dict[str, list[Sentence]]:
    """The splits without recordings whose header cannot be read."""
    good: dict[str, list[Sentence]] = {}
    faults: list[str] = []
    for name, of_split in splits.items():
        utterances = [Utterance(s.id, s.speaker, "", str(s.recording)) for s in of_split]
        data = DataDir(Path(name), tuple(utterances), {})
        readable, of_faults = sort_out_unreadable(utterances, data.duration_s)
        ids = {utterance.id for utterance in readable}
        good[name] = [sentence for sentence in of_split if sentence.id in ids]
        faults += of_faults
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults and not skip_bad:
        raise InputError(
            f"{len(faults)} recordings cannot be read; mend or remove them, or leave them out with "
            "--skip-bad"
        )
    return good


def _write(path: Path, sentences: list[Sentence], phone_map: PhoneMap) -> None:
    table = phone_map.table(TRAINING_COLUMN)
    utterances: list[Utterance] = []
    labels: list[Word] = []
    phones: list[Word] = []
    for sentence in sentences:
        of_sentence = read_wrd_phn(sentence.labels, SAMPLE_RATE, utterance=sentence.id)
        folded = [(label, phone_map.become(table, label.word)) for label in of_sentence]
        kept = [replace(label, word=phone) for label, phone in folded if phone is not None]
        text = " ".join(phone.word for phone in kept)
        utterances.append(
            Utterance(sentence.id, sentence.speaker, text, str(sentence.recording.absolute()))
        )
        labels += of_sentence
        phones += kept
    genders = {sentence.speaker: sentence.speaker[0] for sentence in sentences}
    write_phone_dir(path, utterances, phones=phones, labels=labels, genders=genders)


def _report(path: Path, sentences: list[Sentence], num_official: int) -> None:
    speakers = {sentence.speaker for sentence in sentences}
    line = f"{path}: {len(sentences)} utterances of {len(speakers)} speakers"
    if len(sentences) != num_official:
        line += f" (the whole corpus has {num_official})"
    print(line if sentences else f"{path}: not written, there is no sentence for it")


def _report_missing_speakers(path: Path, sentences: list[Sentence], wanted: frozenset[str]) -> None:
    missing = sorted(wanted - {sentence.speaker for sentence in sentences})
    _name_some(f"is a speaker of {path.name} and not in the corpus", missing)


def _name_some(what: str, names: list[str]) -> None:
    """Tell on standard error how many names something is true of, and the first of them."""
    if names:
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        print(f"{what}: {', '.join(names[:_MOST_NAMED])}{more}", file=sys.stderr)


if __name__ == "__main__":
    from kws.cli.main import run_script

    run_script(main)
