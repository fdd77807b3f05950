"""Word times of a data dir's keywords: given, from energy, or by a network's Viterbi alignment.

Times are `Word`s by utterance, one per unit: a word, or `computer.1`, `computer.2`, ... where words
are cut. An utterance that holds no keyword has none, and neither has one whose keywords could not
be placed, which is logged: leave those out of training on frames.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from kws.data import DataDir, Utterance, Word, read_wrd_phn
from kws.data.text import keyword_words, keywords_in
from kws.errors import InputError
from kws.hmm import Alignment, Span, UnitInventory, align, inventory_of, place_by_energy
from kws.posterior import Keyword
from kws.spotter import Spotter
from kws.words import find_keywords, split_word, words_of

log = logging.getLogger(__name__)

MIN_WORD_S = 0.2  # no word of a keyword is said faster
SMALLEST_POSTERIOR = 1e-10
Times = Mapping[str, Sequence[Word]]


@dataclass(frozen=True)
class BoundaryMoves:
    """How far the starts and ends of the words in two alignments lie apart."""

    num_boundaries: int
    mean_ms: float
    median_ms: float
    percentile_95_ms: float

    def __str__(self) -> str:
        return (
            f"{self.num_boundaries} boundaries moved by {self.mean_ms:.0f} ms on average, "
            f"{self.median_ms:.0f} ms in the median, {self.percentile_95_ms:.0f} ms at the "
            "95th percentile"
        )


def phrases_of(text: str, inventory: UnitInventory) -> list[tuple[str, Keyword | None]]:
    """A transcript as keywords and the runs of other words between them, in order.

    A phrase is its words (`words_of`) with blanks between.
    """
    owned = [
        (number, token) for number, word in enumerate(words_of(text)) for token in split_word(word)
    ]
    by_name = {keyword.name: keyword for keyword in inventory.keywords}
    phrases: list[tuple[str, Keyword | None]] = []
    done = 0
    for match in find_keywords([token for _, token in owned], by_name):
        phrases += _other_words(owned[done : match.first])
        phrases.append((" ".join(words_of(match.keyword)), by_name[match.keyword]))
        done = match.end
    return phrases + _other_words(owned[done:])


def spoken_keywords(text: str, inventory: UnitInventory) -> list[Keyword]:
    """The keywords in a transcript, in order and without overlap."""
    by_name = {keyword.name: keyword for keyword in inventory.keywords}
    return [by_name[name] for name in keywords_in(text, list(by_name))]


def given_words(words: Times, inventory: UnitInventory) -> dict[str, list[Word]]:
    """The times of the keywords' words out of those of all words, cut into units evenly.

    Times of units (`computer.1`, as `kws align` writes) are taken as they are.
    """
    names = [keyword.name for keyword in inventory.keywords]
    times = {}
    for utterance, of_utterance in words.items():
        units = [word for word in of_utterance if word.word in inventory.units]
        if not (units and inventory.units_per_word > 1):
            found = keyword_words(of_utterance, names)
            units = [unit for word in found for unit in _cut(word, inventory)]
        if units:
            times[utterance] = units
    return times


def words_in_wrd_files(directory: Path, utterances: Iterable[Utterance]) -> dict[str, list[Word]]:
    """The words of DIR/UTTERANCE.wrd (TIMIT's form, at 16 kHz) of those utterances that have one.

    Raises:
        InputError: there is no such file for any of them.
    """
    paths = {u.id: directory / f"{u.id}.wrd" for u in utterances}
    words = {
        utterance: read_wrd_phn(path, utterance=utterance)
        for utterance, path in paths.items()
        if path.exists()
    }
    if not words:
        first = next(iter(paths.values()), directory / "UTTERANCE.wrd")
        raise InputError(f"{directory}: holds no .wrd file of the data dir, such as {first.name}")
    return words


def initial_words(
    data: DataDir, utterances: Sequence[Utterance], inventory: UnitInventory, given: Times
) -> dict[str, list[Word]]:
    """Times before there is a network: those given; from energy where an utterance has none.

    Args:
        data: where the utterances' audio is.
        utterances: those to align.
        inventory: the keywords and their units.
        given: word times by utterance. They count for an utterance when they hold each unit of
            the keywords in its text.
    """
    known = given_words(given, inventory)
    words: dict[str, list[Word]] = {}
    without: list[Utterance] = []
    for utterance in utterances:
        keywords = spoken_keywords(utterance.text, inventory)
        wanted = {inventory.units[unit] for keyword in keywords for unit in keyword.units}
        if not wanted <= {word.word for word in known.get(utterance.id, [])}:
            without.append(utterance)
        elif utterance.id in known:
            words[utterance.id] = known[utterance.id]
    return words | bootstrap_words(data, without, inventory)


def bootstrap_words(
    data: DataDir, utterances: Iterable[Utterance], inventory: UnitInventory
) -> dict[str, list[Word]]:
    """First times from energy alone (`kws.hmm.bootstrap`), the words cut into units evenly."""
    words = {}
    for utterance in utterances:
        phrases = phrases_of(utterance.text, inventory)
        if all(keyword is None for _, keyword in phrases):
            continue
        waveform = data.load(utterance)
        spans = place_by_energy(
            waveform.samples, waveform.sample_rate, [phrase for phrase, _ in phrases]
        )
        in_keyword = [keyword is not None for phrase, keyword in phrases for _ in phrase.split()]
        if not spans:
            log.warning("%s: too short or too even to hold %r", utterance.place, utterance.text)
            continue
        words[utterance.id] = [
            unit
            for span, wanted in zip(spans, in_keyword, strict=True)
            if wanted
            for unit in _cut(_word(utterance.id, span), inventory)
        ]
    return words


def realign(
    spotter: Spotter,
    data: DataDir,
    utterances: Iterable[Utterance],
    *,
    divide_by_priors: bool = False,
) -> dict[str, list[Word]]:
    """New times by Viterbi alignment with a network (Kaldi's realign).

    Args:
        spotter: the network with its features, units and keywords.
        data: where the utterances' audio is.
        utterances: those to align; the ones that hold no keyword are passed over.
        divide_by_priors: take posterior / prior as Kaldi does, the prior being the mean posterior
            over these utterances. Filler's prior is so large that frames at the edges go to
            the words, which grow with every realignment.
    """
    inventory = inventory_of(spotter.units, spotter.keywords)
    shift_s, first_centre_s = spotter.options.frame_shift_s, spotter.options.frame_centre_s(0)
    min_frames = max(1, round(MIN_WORD_S / shift_s / inventory.units_per_word))
    ids: list[str] = []
    spoken: list[list[Keyword]] = []
    posteriors: list[np.ndarray] = []
    for utterance in utterances:
        keywords = spoken_keywords(utterance.text, inventory)
        if not keywords:
            continue
        waveform = data.load(utterance, spotter.sample_rate)
        frames = spotter.posteriors(torch.from_numpy(waveform.samples)[None])[0].cpu().numpy()
        if len(frames) < sum(len(keyword.units) for keyword in keywords):
            log.warning("%s: too short to hold %r", utterance.place, utterance.text)
            continue
        ids.append(utterance.id)
        spoken.append(keywords)
        posteriors.append(np.maximum(frames, SMALLEST_POSTERIOR))
    if not ids:
        return {}
    alignments: list[Alignment] = align(
        [np.log(frames) for frames in posteriors],
        spoken,
        inventory,
        min_frames=min_frames,
        log_priors=np.log(np.concatenate(posteriors).mean(axis=0)) if divide_by_priors else None,
    )
    return {
        utterance: [_word(utterance, span) for span in path.spans(shift_s, first_centre_s)]
        for utterance, path in zip(ids, alignments, strict=True)
    }


def boundary_moves(old: Times, new: Times) -> BoundaryMoves | None:
    """How far the words that both alignments hold have moved; None when they share none.

    The k-th time that an utterance holds a word is compared with the k-th time in the other one.
    """
    old_times, new_times = _numbered(old), _numbered(new)
    moves_ms = [
        1000 * abs(a - b)
        for key in sorted(old_times.keys() & new_times.keys())
        for a, b in zip(old_times[key], new_times[key], strict=True)
    ]
    if not moves_ms:
        return None
    return BoundaryMoves(
        len(moves_ms),
        float(np.mean(moves_ms)),
        float(np.median(moves_ms)),
        float(np.percentile(moves_ms, 95)),
    )


def _numbered(times: Times) -> dict[tuple[str, str, int], tuple[float, float]]:
    """Start and end of each word by utterance, word and its number among equal ones."""
    numbered: dict[tuple[str, str, int], tuple[float, float]] = {}
    for utterance, words in times.items():
        seen: dict[str, int] = {}
        for word in words:
            name = word.word.casefold()
            seen[name] = seen.get(name, 0) + 1
            numbered[utterance, name, seen[name]] = (word.start_s, word.end_s)
    return numbered


def _other_words(owned: Sequence[tuple[int, str]]) -> list[tuple[str, Keyword | None]]:
    """One phrase of tokens, each with the number of its word; none of no tokens."""
    by_word = itertools.groupby(owned, key=lambda pair: pair[0])
    words = ["".join(token for _, token in of_word) for _, of_word in by_word]
    return [(" ".join(words), None)] if words else []


def _cut(word: Word, inventory: UnitInventory) -> list[Word]:
    """The units of a word, equally long; none where it belongs to no keyword."""
    units = inventory.units_of_word(word.word)
    borders = np.linspace(word.start_s, word.end_s, len(units) + 1).tolist()
    return [
        Word(word.utterance, start_s, end_s, inventory.units[unit])
        for unit, start_s, end_s in zip(units, borders, borders[1:], strict=False)
    ]


def _word(utterance: str, span: Span) -> Word:
    return Word(utterance, span.start_s, span.end_s, span.word)
