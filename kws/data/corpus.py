"""What corpus preparation shares: finding recordings, splitting them, writing train/dev/test."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from kws.data.data_dir import Utterance
from kws.data.writing import write_data_dir
from kws.errors import InputError

SPLITS = ("train", "dev", "test")
FEW = 20  # keys: of so many a draw leaves hardly a split empty (0.85 ** 20 = 4 %)
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
    place = _place(key)
    return "test" if place < test else "dev" if place < test + dev else "train"


def draw_splits(groups: Mapping[str, Iterable[str]], *, dev: float, test: float) -> dict[str, str]:
    """The split of every key, so that each group has its share in each split.

    Groups of 20 keys and more are drawn as `split_of` draws, so that their keys stay where they are
    when others are added. Fewer, or those whose draw leaves a split empty, are shared out by rank:
    three keys are one each for train, dev and test. A key of several groups is in one split; the
    smallest group is drawn first.

    Args:
        groups: the keys of each keyword, and of what is none.
        dev: share of the keys that go to dev, 0 to 1; above 0 it is one key at least, if there are
            as many keys as splits. Fewer keys go to train, then dev, then test.
        test: share of the keys that go to test.

    Raises:
        InputError: the shares leave nothing for train.
    """
    shares = {"train": 1 - dev - test, "dev": dev, "test": test}
    used = [name for name in SPLITS if shares[name] > 0]
    splits: dict[str, str] = {}
    for keys in sorted((sorted(set(keys), key=_place) for keys in groups.values()), key=len):
        drawn = {key: splits.get(key) or split_of(key, dev=dev, test=test) for key in keys}
        if len(keys) < FEW or set(drawn.values()) != set(used):
            wanted = {name: shares[name] * len(keys) for name in used}
            drawn = _by_rank(keys, {key: splits[key] for key in keys if key in splits}, wanted)
        splits |= drawn
    return splits


def _by_rank(
    keys: Sequence[str], known: Mapping[str, str], wanted: Mapping[str, float]
) -> dict[str, str]:
    """The split of every key: those that are known, and the others so that no split is empty.

    Args:
        keys: in their order; the first go to the last split, as `split_of` has it.
        known: the splits of some of them.
        wanted: how many keys each split is to have.
    """
    before = Counter(known.values())
    numbers = before.copy()
    free = [key for key in keys if key not in known]
    for _ in free:
        below = {name: wanted[name] - numbers[name] for name in wanted}
        neediest = max(wanted, key=lambda name: below[name] if numbers[name] else math.inf)
        numbers[neediest] += 1
    places = [name for name in reversed(SPLITS) for _ in range(numbers[name] - before[name])]
    return {**known, **dict(zip(free, places, strict=True))}


def _place(key: str) -> float:
    """Where a key lies between 0 and 1."""
    return int(hashlib.sha256(key.encode()).hexdigest()[:16], 16) / 2**64


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
