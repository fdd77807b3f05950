"""The audio of a training set, mapped from a file, and what is known of the words in it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile, gettempdir

import numpy as np
import numpy.typing as npt

from kws.data.ctm import Word
from kws.data.data_dir import DataDir, Utterance
from kws.errors import InputError
from kws.files import named

INT16_MAX = 32767
BATCH_SIZE = 16  # utterances decoded before they are written: all of them would fill the memory


@dataclass(frozen=True)
class Occurrence:
    """A keyword spoken in an utterance; without times it may be anywhere in it."""

    keyword: int
    units: tuple[int, ...]
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True)
class Marks:
    """What is known of an utterance: the keywords in it, and its words' times (if any)."""

    occurrences: tuple[Occurrence, ...] = ()
    words: tuple[Word, ...] = ()

    @property
    def timed(self) -> bool:
        """Whether the times of all its keywords are known."""
        return all(occurrence.start_s is not None for occurrence in self.occurrences)

    def moved(self, shift_s: float, speed: float = 1.0) -> Marks:
        """The marks after the audio was moved and then sped up: t becomes (t + shift) / speed."""

        def at(time_s: float) -> float:
            return (time_s + shift_s) / speed

        return Marks(
            tuple(
                occurrence
                if occurrence.start_s is None or occurrence.end_s is None
                else replace(occurrence, start_s=at(occurrence.start_s), end_s=at(occurrence.end_s))
                for occurrence in self.occurrences
            ),
            tuple(replace(w, start_s=at(w.start_s), end_s=at(w.end_s)) for w in self.words),
        )


@dataclass(frozen=True)
class Recordings:
    """Utterances, 16-bit, one after the other (workers share it without a copy).

    Attributes:
        ids: of the utterances.
        samples: (S,), mapped from a file without a name: memory holds what was read of late.
        bounds: (N, 2) where each utterance begins, and where it ends.
        sample_rate: in Hz.
    """

    ids: tuple[str, ...]
    samples: npt.NDArray[np.int16]
    bounds: npt.NDArray[np.int64]
    sample_rate: int

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> npt.NDArray[np.int16]:
        """(S,) samples of one utterance, a view."""
        begin, end = self.bounds[index]
        return self.samples[begin:end]

    def subset(self, indices: Sequence[int]) -> Recordings:
        """Some of the utterances, without a copy."""
        ids = tuple(self.ids[i] for i in indices)
        return replace(self, ids=ids, bounds=self.bounds[list(indices)])

    def duration_s(self, index: int) -> float:
        begin, end = self.bounds[index]
        return float(end - begin) / self.sample_rate

    @property
    def hours(self) -> float:
        return float((self.bounds[:, 1] - self.bounds[:, 0]).sum()) / self.sample_rate / 3600


def recordings_of(
    ids: Sequence[str], audio: Sequence[npt.NDArray[np.int16]], sample_rate: int
) -> Recordings:
    """`Recordings` of utterances' samples, in memory."""
    samples = np.concatenate([np.zeros(0, np.int16), *audio])
    return Recordings(tuple(ids), samples, _bounds([len(one) for one in audio]), sample_rate)


def _bounds(lengths: Sequence[int]) -> npt.NDArray[np.int64]:
    ends = np.cumsum(lengths, dtype=np.int64)
    return np.stack([ends - lengths, ends], axis=1)


def load_recordings(
    dirs: Sequence[DataDir],
    sample_rate: int,
    num_threads: int = 1,
    directory: Path | None = None,
) -> Recordings:
    """Read the audio of data dirs into a file without a name, which is mapped.

    Args:
        dirs: data dirs without an utterance in common.
        sample_rate: Hz; other recordings are converted.
        num_threads: files decoded at a time; the result does not depend on it.
        directory: on the disk that takes the audio, 2 bytes a sample, until training ends; None:
            that of the system's temporary files.

    Raises:
        InputError: a recording cannot be read, two utterances have the same id, or there are none.
    """
    owners: dict[str, DataDir] = {}
    for data in dirs:
        for utterance in data.utterances:
            if utterance.id in owners:
                raise InputError(
                    f"{utterance.place}: utterance {utterance.id} is also in "
                    f"{owners[utterance.id].path}; give it once, or another id"
                )
            owners[utterance.id] = data
    entries = [(data, utterance) for data in dirs for utterance in data.utterances]
    if not entries:
        raise InputError(f"{', '.join(str(data.path) for data in dirs)}: no utterances")

    def load(entry: tuple[DataDir, Utterance]) -> npt.NDArray[np.int16]:
        data, utterance = entry
        samples = data.load(utterance, sample_rate).samples
        return np.rint(samples).clip(-INT16_MAX - 1, INT16_MAX).astype(np.int16)

    place = directory or Path(gettempdir())
    place.mkdir(parents=True, exist_ok=True)
    lengths: list[int] = []
    with (
        named(place),
        TemporaryFile(dir=place) as file,
        ThreadPoolExecutor(max(1, num_threads)) as pool,
    ):
        for first in range(0, len(entries), BATCH_SIZE):
            for samples in pool.map(load, entries[first : first + BATCH_SIZE]):
                file.write(samples.tobytes())
                lengths.append(len(samples))
        file.flush()
        mapped = np.memmap(file, np.int16, "r", shape=(sum(lengths),))
    ids = tuple(utterance.id for _, utterance in entries)
    return Recordings(ids, np.asarray(mapped), _bounds(lengths), sample_rate)
