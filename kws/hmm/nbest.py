"""The N best sequences of words in a lattice, each once.

A lattice of frames holds a sequence of words many times over, with its borders here and there; to
determinise it would take exponential time. The search is A* over pairs of a state and the words so
far, led by the exact cost from a state to the end: the first arrival at an end with given words is
their cheapest path, and no path dearer than the last one asked for is looked at.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_END = -1  # the state behind all final ones


@dataclass(frozen=True)
class _Lattice:
    """States from 0; per state its arcs as (next state, word or 0, cost)."""

    start: int
    arcs: Sequence[Sequence[tuple[int, int, float]]]


def n_best_words(lattice: Any, number: int) -> Iterator[tuple[float, tuple[int, ...]]]:
    """The `number` cheapest sequences of words and their costs, the cheapest first.

    Args:
        lattice: kaldifst's, without cycles; fewer come where it holds fewer.
    """
    graph = _read(lattice)
    to_end = _costs_to_end(graph)
    words = _Words()
    order = itertools.count()  # of arrival, for equal costs
    queue = [(to_end[graph.start], next(order), 0.0, graph.start, 0)]
    seen: set[tuple[int, int]] = set()
    while queue and number > 0:
        total, _, cost, state, said = heapq.heappop(queue)
        if (state, said) in seen:
            continue
        seen.add((state, said))
        if state == _END:
            number -= 1
            yield total, words.all(said)
            continue
        for target, word, step in graph.arcs[state]:
            rest = 0.0 if target == _END else to_end[target]
            if rest < math.inf:
                then = words.after(said, word) if word else said
                heapq.heappush(queue, (cost + step + rest, next(order), cost + step, target, then))


class _Words:
    """Sequences of words as numbers: 0 is the empty one."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, int], int] = {}
        self._steps: list[tuple[int, int]] = [(0, 0)]  # the sequence before, and the last word

    def after(self, said: int, word: int) -> int:
        if (said, word) not in self._numbers:
            self._numbers[said, word] = len(self._steps)
            self._steps.append((said, word))
        return self._numbers[said, word]

    def all(self, said: int) -> tuple[int, ...]:
        found = []
        while said:
            said, word = self._steps[said]
            found.append(word)
        return tuple(reversed(found))


def _read(lattice: Any) -> _Lattice:
    """The text form is the way to a lattice's arcs from Python."""
    arcs: list[list[tuple[int, int, float]]] = [[] for _ in range(lattice.num_states)]
    for line in lattice.to_str(show_weight_one=True).splitlines():
        fields = line.split()
        if len(fields) <= 2:  # a final state
            arcs[int(fields[0])].append((_END, 0, _sum(fields[1:])))
        else:
            arcs[int(fields[0])].append((int(fields[1]), int(fields[3]), _sum(fields[4:])))
    return _Lattice(lattice.start, arcs)


def _sum(weight: Sequence[str]) -> float:
    """A lattice's weight, `graph,acoustic`, as one cost."""
    return sum(float(part) for text in weight for part in text.split(","))


def _costs_to_end(graph: _Lattice) -> list[float]:
    """Of each state, the cost of the cheapest way to an end."""
    costs = [math.inf] * len(graph.arcs)
    for state in reversed(_in_order(graph)):
        costs[state] = min(
            (step + (0.0 if t == _END else costs[t]) for t, _, step in graph.arcs[state]),
            default=math.inf,
        )
    return costs


def _in_order(graph: _Lattice) -> list[int]:
    """The states, each before those that it leads to."""
    entries = [0] * len(graph.arcs)
    for arcs in graph.arcs:
        for target, _, _ in arcs:
            if target != _END:
                entries[target] += 1
    order = [state for state, number in enumerate(entries) if number == 0]
    for state in order:  # it grows as states have all their entries
        for target, _, _ in graph.arcs[state]:
            if target != _END:
                entries[target] -= 1
                if entries[target] == 0:
                    order.append(target)
    return order
