"""What a training learns from: data dirs, their audio, and what is known of the keywords in it."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from kws.data import NO_TRANSCRIPT, DataDir, Word
from kws.data.recordings import Marks, Occurrence, Recordings, load_recordings
from kws.data.text import note_on_letters
from kws.errors import InputError
from kws.features import CmvnStats, FeatureOptions, FeaturePipeline
from kws.features.options import CmvnOptions
from kws.hmm import UnitInventory, frame_labels
from kws.training.realign import Times, bootstrap_words, given_words, spoken_keywords
from kws.words import Match, without_overlap

MAX_PAUSE_S = 0.5  # between two words of a keyword

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingSet:
    """Data dirs, their audio and their marks, utterance by utterance in the same order."""

    dirs: tuple[DataDir, ...]
    recordings: Recordings
    marks: tuple[Marks, ...]

    def remarked(self, times: Times, inventory: UnitInventory) -> TrainingSet:
        """The set with other word times for those utterances that `times` has."""
        utterances = [utterance for data in self.dirs for utterance in data.utterances]
        marks = tuple(
            marks_of(utterance.text, times[utterance.id], inventory)
            if utterance.id in times
            else old
            for utterance, old in zip(utterances, self.marks, strict=True)
        )
        return replace(self, marks=marks)

    def only_timed(self) -> TrainingSet:
        """The set without the keywords whose times are not known, which is logged.

        Raises:
            InputError: no keyword's time is known.
        """
        utterances = [utterance for data in self.dirs for utterance in data.utterances]
        kept = [i for i, marks in enumerate(self.marks) if marks.timed]
        if len(kept) == len(self.marks):
            return self
        first = next(u for u, marks in zip(utterances, self.marks, strict=True) if not marks.timed)
        num_untimed = len(self.marks) - len(kept)
        if not any(self.marks[i].occurrences for i in kept):
            raise InputError(
                f"{first.place}: the time of the keyword in {first.id} is not known, nor that "
                f"of {num_untimed - 1} others; find them with `kws align` and give its CTM "
                "with --ali, let --realign-epochs find them, or train with --objective max-pool"
            )
        log.warning(
            "%s: %d utterances, such as %s, are left out: their keyword's time is not known",
            " ".join(str(data.path) for data in self.dirs),
            num_untimed,
            first.id,
        )
        ids = {self.recordings.ids[i] for i in kept}
        dirs = tuple(
            replace(data, utterances=tuple(u for u in data.utterances if u.id in ids))
            for data in self.dirs
        )
        return TrainingSet(dirs, self.recordings.subset(kept), tuple(self.marks[i] for i in kept))

    @property
    def times(self) -> dict[str, list[Word]]:
        """The word times of all utterances that have any."""
        return {
            identity: list(marks.words)
            for identity, marks in zip(self.recordings.ids, self.marks, strict=True)
            if marks.words
        }


def read_training_set(
    dirs: tuple[DataDir, ...],
    inventory: UnitInventory,
    sample_rate: int,
    *,
    times: Times,
    num_threads: int = 1,
    directory: Path | None = None,
) -> TrainingSet:
    """Read the audio of data dirs, and what is known of the keywords in it.

    Args:
        dirs: the data dirs.
        inventory: the keywords and their units.
        sample_rate: Hz, of the features.
        times: word times by utterance; they come before those of a data dir's own `ctm`.
        num_threads: files decoded at a time.
        directory: on the disk that takes the audio, as for `load_recordings`.

    Raises:
        InputError: a fault in the audio, or an utterance in two of them.
    """
    recordings = load_recordings(dirs, sample_rate, num_threads, directory)
    marks = []
    for data in dirs:
        known = given_words({**data.words, **times}, inventory)
        marks += [
            marks_of(utterance.text, known.get(utterance.id, ()), inventory)
            for utterance in data.utterances
        ]
    _check_times(dirs, recordings, marks)
    return TrainingSet(dirs, recordings, tuple(marks))


def _check_times(dirs: Sequence[DataDir], recordings: Recordings, marks: Sequence[Marks]) -> None:
    """InputError where a word begins after its utterance's end (counted from elsewhere?)."""
    utterances = [utterance for data in dirs for utterance in data.utterances]
    for i, utterance in enumerate(utterances):
        for word in marks[i].words:
            if word.start_s >= recordings.duration_s(i):
                raise utterance.error(
                    f"{word.word} begins at {word.start_s:g} s, but {utterance.id} is "
                    f"{recordings.duration_s(i):g} s long; word times count from the beginning of "
                    "the utterance"
                )


def warn_of_shared_audio(train: TrainingSet, dev: TrainingSet) -> None:
    """A notice when dev holds recordings that are trained on."""
    trained = {utterance.audio for data in train.dirs for utterance in data.utterances}
    shared = [u for data in dev.dirs for u in data.utterances if u.audio in trained]
    if shared:
        log.warning(
            "%d recordings are in --data and in --dev-data (%s): the dev loss is that of what was "
            "learnt",
            len(shared),
            shared[0].recording,
        )


def marks_of(text: str, words: Sequence[Word], inventory: UnitInventory) -> Marks:
    """The keywords in an utterance: at the times of `words`, or, without them, only that they are.

    Args:
        text: its transcript.
        words: the times of its units, in the order of time; none when they are not known.
        inventory: the keywords and their units.
    """
    numbers = {keyword.name: number for number, keyword in enumerate(inventory.keywords)}
    spoken = spoken_keywords(text, inventory)
    if not words:
        return Marks(tuple(Occurrence(numbers[k.name], k.units) for k in spoken))
    candidates = inventory.keywords if text == NO_TRANSCRIPT else spoken
    units = [unit for word in words for unit in inventory.units_of_word(word.word)[:1]]
    matches = without_overlap(
        Match(first, end, keyword.name)
        for keyword in candidates
        for first, end in enumerate(range(len(keyword.units), len(units) + 1))
        if tuple(units[first:end]) == keyword.units and _adjacent(words[first:end])
    )
    found = (
        Occurrence(
            number := numbers[match.keyword],
            inventory.keywords[number].units,
            words[match.first].start_s,
            words[match.end - 1].end_s,
        )
        for match in matches
    )
    return Marks(tuple(found), tuple(words))


def _adjacent(words: Sequence[Word]) -> bool:
    """Whether they can be one keyword: other words, which are not among them, may lie between."""
    return all(b.start_s - a.end_s <= MAX_PAUSE_S for a, b in itertools.pairwise(words))


def with_all_times(training_set: TrainingSet, inventory: UnitInventory) -> TrainingSet:
    """The set with times from energy for the keywords that have none (`kws.hmm.bootstrap`)."""
    times: dict[str, list[Word]] = {}
    untimed = {
        identity
        for identity, marks in zip(training_set.recordings.ids, training_set.marks, strict=True)
        if not marks.timed
    }
    for data in training_set.dirs:
        times |= bootstrap_words(data, [u for u in data.utterances if u.id in untimed], inventory)
    return training_set.remarked(times, inventory)


def check_keywords(training_set: TrainingSet, inventory: UnitInventory, names: str) -> None:
    """InputError when a keyword is never spoken, and a notice when everything is a keyword."""
    spoken = {o.keyword for marks in training_set.marks for o in marks.occurrences}
    for number, keyword in enumerate(inventory.keywords):
        if number not in spoken:
            note = note_on_letters(training_set.dirs, [keyword.name])
            raise InputError(
                f"{names}: no utterance's text holds the keyword {keyword.name!r}; give data "
                "dirs that do" + (f" ({note})" if note else "")
            )
    if all(marks.occurrences for marks in training_set.marks):
        log.warning(
            "%s: every utterance holds a keyword; add other speech with --data, or the model "
            "will take all speech for keywords",
            names,
        )


def compute_stats(recordings: Recordings, options: FeatureOptions) -> CmvnStats:
    """The statistics that global CMVN needs, of the recordings as they are."""
    pipeline = FeaturePipeline(replace(options, cmvn=CmvnOptions()))
    stats = CmvnStats.zero(options.dim)
    with torch.inference_mode():
        for i in range(len(recordings)):
            samples = torch.from_numpy(recordings[i].astype("float32"))
            stats = stats.accumulate(pipeline(samples[None]))
    return stats


def label_frames(
    words: Sequence[Word], centres_s: npt.NDArray[np.float64], *, inventory: UnitInventory
) -> npt.NDArray[np.int64]:
    """`kws.hmm.frame_labels` as a `Labeller`, once the inventory is bound."""
    return frame_labels(words, inventory, centres_s)
