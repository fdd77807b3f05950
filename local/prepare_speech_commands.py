#!/usr/bin/env python3
"""Make train, dev, test and noise data dirs of Google Speech Commands.

    local/prepare_speech_commands.py speech_commands_v0.02 data/speech_commands

Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition" (2018).
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from kws.data import DataDir, Utterance
from kws.data.corpus import SPLITS, find_recordings, id_part, sort_out_unreadable, write_splits
from kws.data.table_file import raise_first, scan_table
from kws.errors import InputError

MAX_NUM_WAVS_PER_CLASS = 2**27 - 1
DEV_PERCENTAGE = 10.0
TEST_PERCENTAGE = 10.0
NOISE_FOLDER = "_background_noise_"
_MOST_NAMED = 8
LISTS = {"dev": "validation_list.txt", "test": "testing_list.txt"}


def main(
    corpus: Annotated[Path, typer.Argument(help="The folder that holds a folder per word.")],
    out: Annotated[Path, typer.Argument(help="Folder for train, dev, test and noise.")],
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out files that cannot be read.")
    ] = False,
) -> None:
    """Make data dirs OUT/train, OUT/dev, OUT/test and OUT/noise of Google Speech Commands.

    An utterance's text is its word, so that any of the words can be the keywords and the others
    are negatives. validation_list.txt and testing_list.txt give the split where the corpus has
    them, otherwise the hash rule of the data set's README does. The audio stays where it is.

    \b
    Examples:
      local/prepare_speech_commands.py speech_commands_v0.02 data/speech_commands
    """
    if not corpus.is_dir():
        raise InputError(f"{corpus}: no such folder; name the unpacked corpus")
    words = [
        path for path in sorted(corpus.iterdir()) if path.is_dir() and path.name[0] not in "._"
    ]
    if not words:
        raise InputError(f"{corpus}: holds no folder of a word (yes, no, ...)")
    listed = _read_lists(corpus)
    splits: dict[str, list[Utterance]] = {name: [] for name in SPLITS}
    for folder in words:
        for path in find_recordings(folder)[0]:
            splits[_split_of(path, corpus, listed)].append(_utterance(path, folder.name))
    splits["noise"] = []
    if (corpus / NOISE_FOLDER).is_dir():
        splits["noise"] = [
            Utterance(id_part(path.stem), id_part(path.stem), "<noise>", str(path))
            for path in find_recordings(corpus / NOISE_FOLDER)[0]
        ]
    splits = _readable(out, splits, skip_bad)
    write_splits(out, splits)
    for name, utterances in splits.items():
        if not utterances:
            print(f"{out / name}: not written, there is no recording for it")
            continue
        texts = {utterance.text for utterance in utterances}
        speakers = {utterance.speaker for utterance in utterances}
        print(
            f"{out / name}: {len(utterances)} utterances of {len(speakers)} speakers, "
            f"{len(texts)} words"
        )
        missing = [folder.name for folder in words if folder.name not in texts]
        if missing and name in SPLITS:
            more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
            listed_words = ", ".join(missing[:_MOST_NAMED])
            print(f"{out / name}: warning: no recording of {listed_words}{more} fell into it")


def which_set(name: str) -> str:
    """The split of a file by the rule of the data set's README.

    The SHA-1 of the name without what follows `_nohash_` (that is, of the speaker) decides, so
    that a speaker's takes stay together and the split is stable when files are added.

    Args:
        name: the file's name without folders.
    """
    speaker = re.sub(r"_nohash_.*$", "", name)
    digest = int(hashlib.sha1(speaker.encode()).hexdigest(), 16)
    percentage = (digest % (MAX_NUM_WAVS_PER_CLASS + 1)) * (100.0 / MAX_NUM_WAVS_PER_CLASS)
    if percentage < DEV_PERCENTAGE:
        return "dev"
    return "test" if percentage < DEV_PERCENTAGE + TEST_PERCENTAGE else "train"


def _read_lists(corpus: Path) -> dict[str, str] | None:
    """`word/name` (without suffix) -> split; None when the corpus has no lists."""
    paths = {split: corpus / name for split, name in LISTS.items()}
    missing = [path for path in paths.values() if not path.exists()]
    if len(missing) == len(paths):
        return None
    if missing:
        raise InputError(f"{missing[0]}: no such file; both lists are needed, or none of them")
    faults: list[str] = []
    listed: dict[str, str] = {}
    for split, path in paths.items():
        for row in scan_table(path, faults):
            if listed.setdefault(str(Path(row.key).with_suffix("")), split) != split:
                faults.append(f"{row.place}: {row.key} is in both lists; keep one")
    raise_first(faults)
    return listed


def _split_of(path: Path, corpus: Path, listed: dict[str, str] | None) -> str:
    if listed is None:
        return which_set(path.name)
    return listed.get(path.relative_to(corpus).with_suffix("").as_posix(), "train")


def _utterance(path: Path, word: str) -> Utterance:
    """Speaker first in the id, as Kaldi likes it: `0a196374-eight-0`."""
    speaker, nohash, take = path.stem.partition("_nohash_")
    parts = [speaker, word, take] if nohash else [path.stem, word]
    return Utterance("-".join(map(id_part, parts)), id_part(speaker), word, str(path))


def _readable(
    out: Path, splits: dict[str, list[Utterance]], skip_bad: bool
) -> dict[str, list[Utterance]]:
    """The splits without recordings whose header cannot be read."""
    good = {}
    faults: list[str] = []
    for name, utterances in splits.items():
        data = DataDir(out / name, tuple(utterances), {})
        good[name], of_split = sort_out_unreadable(utterances, data.duration_s)
        faults += of_split
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults and not skip_bad:
        raise InputError(
            f"{len(faults)} recordings cannot be read; mend or remove them, or leave them out with "
            "--skip-bad"
        )
    return good


if __name__ == "__main__":
    from kws.cli.main import run_script

    run_script(main)
