"""What corpus preparation shares: finding recordings, splitting them, writing train/dev/test."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from kws.data.data_dir import Utterance
from kws.data.writing import write_data_dir
from kws.errors import InputError

SPLITS = ("train", "dev", "test")
TABLES = ("wav.scp", "segments", "text", "utt2spk", "spk2utt", "ctm")
_READABLE = "wav flac ogg oga opus mp3 sph nist aiff aif aifc au snd caf w64 rf64"
# what libsndfile cannot read is to be named as such, not to be passed over
_UNREADABLE = "m4a mp4 aac wma amr webm 3gp ape wv mka"
AUDIO_SUFFIXES = frozenset("." + name for name in f"{_READABLE} {_UNREADABLE}".split())


def find_recordings(folder: str | Path) -> tuple[list[Path], list[Path]]:
    """The recordings in a folder and in the folders within it, told by their names' suffix.

    Hidden files and folders are passed over.

    Returns:
        (recordings, other files), each sorted.

    Raises:
        InputError: there is no such folder or no recording in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name one that holds recordings")
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    ]
    recordings = [path for path in files if path.suffix.lower() in AUDIO_SUFFIXES]
    if not recordings:
        raise InputError(
            f"{folder}: there is no recording in it; files named .wav, .flac, .opus, .mp3 ... count"
        )
    return recordings, [path for path in files if path.suffix.lower() not in AUDIO_SUFFIXES]


def content_hash(path: Path) -> str:
    """The sha256 of a file's bytes (64 hex digits)."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def split_of(key: str, *, dev: float, test: float) -> str:
    """`train`, `dev` or `test`, drawn by the hash of a key: it depends on nothing else.

    Args:
        key: what must not be torn apart: a speaker, or the content of a file without a speaker.
        dev: share of the keys that go to dev, 0 to 1.
        test: share of the keys that go to test.

    Raises:
        InputError: the shares leave nothing for train.
    """
    if not (dev >= 0 and test >= 0 and dev + test < 1):
        raise InputError(
            f"--dev {dev:g} --test {test:g}: shares must be 0 or more and leave something for train"
        )
    place = int(hashlib.sha256(key.encode()).hexdigest()[:16], 16) / 2**64
    return "test" if place < test else "dev" if place < test + dev else "train"


def id_part(text: str) -> str:
    """`text` with what does not belong into an utterance id replaced by `_`."""
    return re.sub(r"[^\w.+-]+", "_", text)


def sort_out_unreadable(
    utterances: Iterable[Utterance], read: Callable[[Utterance], object]
) -> tuple[list[Utterance], list[str]]:
    """Try every recording.

    Args:
        utterances: the ones to try.
        read: raises InputError where a recording cannot be used.

    Returns:
        the utterances that can be read, and one line for each of the others.
    """
    good, faults = [], []
    for utterance in utterances:
        try:
            # what cannot stand on a line of wav.scp is as unusable as what cannot be read
            if re.search(r"[\r\n]|\s$|[\ud800-\udfff]", utterance.recording):
                raise InputError(
                    f"{utterance.recording!r}: wav.scp cannot hold the name; rename the file"
                )
            read(utterance)
        except InputError as error:
            faults.append(str(error))
        else:
            good.append(utterance)
    return good, faults


def write_splits(out: Path, splits: Mapping[str, Iterable[Utterance]]) -> None:
    """Write `out/NAME` for each split; for an empty one, tables of an earlier run are removed."""
    for name, utterances in splits.items():
        of_split = list(utterances)
        if of_split:
            write_data_dir(out / name, of_split)
        else:
            for table in TABLES:
                (out / name / table).unlink(missing_ok=True)
