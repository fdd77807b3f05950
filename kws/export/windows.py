"""Windows of neighbouring frames in a stream: each layer keeps the frames that it reads again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kws.export.graph import Graph
from kws.export.memory import Memory


@dataclass(frozen=True)
class Frames:
    """Frames of one call.

    Attributes:
        rows: (N * T, dim).
        number: T, the name of its value, (1,); None: 1.
        dim: values per frame.
    """

    rows: str
    number: str | None
    dim: int


class Windows:
    """Gathers for every frame of a call the frames at some offsets from it.

    Args:
        graph: where the nodes go.
        memory: where the frames of earlier calls are.
        stage: names the parts of the state.
        number: frames of this call, T; None: 1.
    """

    def __init__(self, graph: Graph, memory: Memory, stage: str, number: str | None) -> None:
        self._graph, self._memory = graph, memory
        self._stage = stage
        self.number = number
        self._num_windows = 0
        self._indices: dict[tuple[int, ...], str] = {}

    def gather(
        self,
        rows: str,
        dim: int,
        offsets: Sequence[int],
        form: Callable[[str], str] = lambda frames: frames,
    ) -> str:
        """The frames at `offsets`, of which the largest is that of the newest frame.

        Args:
            rows: (N * T, dim), the new frames.
            dim: values per frame.
            offsets: growing.
            form: adds a node that changes the form of every value; the state keeps them as they
                were.

        Returns:
            (N * T, number of offsets * dim)
        """
        span = offsets[-1] - offsets[0]
        if span == 0:
            return form(rows)
        self._num_windows += 1
        part = f"{self._stage}{self._num_windows}_"
        starts = tuple(offset - offsets[0] for offset in offsets)
        if self.number is None:
            return self._gather_one(part, rows, dim, starts, form)
        graph = self._graph
        before, new = self._memory.take(part, span * dim), self._memory.flat(rows)
        known = graph.op("Concat", before, new, axis=1)
        self._memory.keep(part, graph.slice(known, 1, -span * dim), span * dim)
        frames = graph.reshape(form(known), 0, -1, dim)
        windows = graph.op("Gather", frames, self._index(starts), axis=1)  # (N, T, offsets, dim)
        return graph.reshape(windows, -1, len(offsets) * dim)

    def _gather_one(
        self,
        part: str,
        new: str,
        dim: int,
        starts: tuple[int, ...],
        form: Callable[[str], str],
    ) -> str:
        """As `gather`, of one frame, whose windows lie flat in the state."""
        graph, span = self._graph, starts[-1]
        known = graph.op("Concat", *self._memory.move_on(part, span * dim, new, dim), axis=1)
        known = form(known)
        if len(starts) == span + 1:
            return known
        frames = graph.reshape(known, -1, span + 1, dim)
        chosen = graph.op("Gather", frames, graph.constant(starts), axis=1)
        return graph.reshape(chosen, -1, len(starts) * dim)

    def split_rows(self, rows: str, dim: int) -> str:
        """(N * T, dim) as (N, T, dim)."""
        graph = self._graph
        if self.number is None:
            return graph.reshape(rows, -1, 1, dim)
        rest = graph.constant([-1, dim])
        shape = graph.op("Concat", self._memory.num_streams, rest, axis=0)
        return graph.op("Reshape", rows, shape)

    def _index(self, starts: tuple[int, ...]) -> str:
        """(T, number of starts): t + start."""
        graph = self._graph
        if starts not in self._indices:
            assert self.number is not None
            first = self._memory.numbers_below(self.number)
            self._indices[starts] = graph.op("Add", first, graph.constant(starts))
        return self._indices[starts]
