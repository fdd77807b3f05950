"""Viterbi alignment over filler - keyword - filler - keyword - ... - filler.

The hidden Markov model has one row of states: each unit is `min_frames` states that must be passed
one after the other, the last of which repeats; a filler state before, between and after the
keywords repeats and may be left out. Moves cost nothing: the frames alone decide (Kaldi's
transition probabilities change paths little, and the network's posteriors are far sharper).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.errors import InputError
from kws.hmm.labels import Labels, Span, UnitInventory
from kws.keyword import Keyword

Floats = npt.NDArray[np.floating]
BLOCK = 64  # utterances of like length that share one pass over time


@dataclass(frozen=True)
class Alignment:
    """One utterance's path: the unit of every frame, and where each unit of its keywords lies."""

    labels: Labels  # (T,)
    units: tuple[tuple[str, int, int], ...]  # name, first frame, the frame after the last

    def spans(self, frame_shift_s: float, first_centre_s: float) -> list[Span]:
        """The units in seconds: a border lies midway between two frames' centres.

        `frame_labels` of these spans gives `labels` back.

        Args:
            frame_shift_s: from one frame's centre to the next one's.
            first_centre_s: of the first frame.
        """
        origin_s = first_centre_s - frame_shift_s / 2
        return [
            Span(unit, max(0.0, origin_s + first * frame_shift_s), origin_s + end * frame_shift_s)
            for unit, first, end in self.units
        ]


def align(
    log_posteriors: Sequence[Floats],
    keywords: Sequence[Sequence[Keyword]],
    inventory: UnitInventory,
    *,
    min_frames: int = 5,
    log_priors: Floats | None = None,
) -> list[Alignment]:
    """The best path of every utterance through its keywords.

    Args:
        log_posteriors: per utterance (T, C), natural logarithms.
        keywords: per utterance the keywords in it, in the order of speech; none: all filler.
        inventory: the units, C of them.
        min_frames: the least number of frames of a unit (fewer where an utterance is too short).
        log_priors: (C,), subtracted from the posteriors (Kaldi's pseudo-likelihood); None: not.

    Returns:
        per utterance its alignment.

    Raises:
        InputError: an utterance has fewer frames than its keywords have units.
    """
    groups: dict[tuple[tuple[Keyword, ...], int], list[int]] = defaultdict(list)
    for index, (frames, spoken) in enumerate(zip(log_posteriors, keywords, strict=True)):
        num_units = sum(len(keyword.units) for keyword in spoken)
        if len(frames) < num_units:
            raise InputError(
                f"an utterance of {len(frames)} frames cannot hold the {num_units} units of "
                f"{', '.join(k.name for k in spoken)!r}; leave it out"
            )
        least = min(min_frames, len(frames) // num_units) if num_units else 1
        groups[tuple(spoken), least].append(index)
    alignments: dict[int, Alignment] = {}
    for (spoken, least), members in groups.items():
        row = _StateRow.of(spoken, least)
        members.sort(key=lambda index: len(log_posteriors[index]))
        for block in _blocks(members):
            paths = _best_paths([log_posteriors[index] for index in block], row, log_priors)
            for index, path in zip(block, paths, strict=True):
                alignments[index] = Alignment(row.units[path], _units(path, row, inventory))
    return [alignments[index] for index in range(len(log_posteriors))]


@dataclass(frozen=True)
class _StateRow:
    """The states from left to right; the first and the last are fillers that may be left out."""

    units: Labels  # (S,)
    positions: Labels  # (S,) which unit in the order of speech, -1 in filler
    repeats: npt.NDArray[np.bool_]  # (S,) may follow itself
    optional: npt.NDArray[np.bool_]  # (S,) may be jumped over

    @classmethod
    def of(cls, keywords: Sequence[Keyword], min_frames: int) -> _StateRow:
        states: list[tuple[int, int, bool]] = [(0, -1, True)]
        position = 0
        for keyword in keywords:
            for unit in keyword.units:
                states += [(unit, position, False)] * (min_frames - 1) + [(unit, position, True)]
                position += 1
            states.append((0, -1, True))
        units, positions, repeats = (np.array(column) for column in zip(*states, strict=True))
        return cls(units, positions, repeats, positions < 0)


def _best_paths(
    log_posteriors: Sequence[Floats], row: _StateRow, log_priors: Floats | None
) -> Iterator[Labels]:
    """Per utterance its states, (T,)."""
    lengths = np.array([len(frames) for frames in log_posteriors])
    num_states = len(row.units)
    values = np.zeros((max(1, lengths.max()), len(lengths), num_states))  # (T, N, S)
    for n, frames in enumerate(log_posteriors):
        likelihoods = frames if log_priors is None else frames - log_priors
        values[: lengths[n], n] = likelihoods[:, row.units]
    moves = np.zeros(values.shape, dtype=np.int8)  # states moved on from the previous frame
    best = np.where(_first_states(row), values[0], -np.inf)  # (N, S)
    last = best.copy()
    from_before = np.full((3, *best.shape), -np.inf)  # by 0, 1 and 2 states
    jump = np.concatenate([[False, False], row.optional[1:-1]])[:num_states]
    for t in range(1, len(values)):
        from_before[0] = np.where(row.repeats, best, -np.inf)
        from_before[1, :, 1:] = best[:, :-1]
        from_before[2, :, 2:] = np.where(jump[2:], best[:, :-2], -np.inf)
        moves[t] = from_before.argmax(axis=0)
        best = from_before.max(axis=0) + values[t]
        last[lengths > t] = best[lengths > t]
    state = np.where(_last_states(row), last, -np.inf).argmax(axis=1)  # (N,)
    paths = np.zeros(values.shape[:2], dtype=np.int64)  # (T, N)
    utterances = np.arange(len(lengths))
    for t in range(len(values) - 1, -1, -1):
        paths[t] = state
        state = np.where(t < lengths, state - moves[t, utterances, state], state)
    return (paths[: lengths[n], n] for n in utterances)


def _first_states(row: _StateRow) -> npt.NDArray[np.bool_]:
    return np.arange(len(row.units)) <= 1


def _last_states(row: _StateRow) -> npt.NDArray[np.bool_]:
    return np.arange(len(row.units)) >= len(row.units) - 2


def _units(
    path: Labels, row: _StateRow, inventory: UnitInventory
) -> tuple[tuple[str, int, int], ...]:
    """The units on a path in the order of speech: a unit's states follow one another."""
    columns = np.unique(row.positions[path], return_index=True, return_counts=True)
    return tuple(
        (inventory.units[row.units[path[first]]], int(first), int(first + count))
        for position, first, count in zip(*columns, strict=True)
        if position >= 0
    )


def _blocks(members: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(members), BLOCK):
        yield members[start : start + BLOCK]
