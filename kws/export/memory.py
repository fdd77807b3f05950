"""The state of a stream as one tensor: its parts, taken apart and put together again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import helper

from kws.export.graph import Graph


class Memory:
    """The parts of the state within one branch of the graph, zeros before the first call.

    All branches have the same parts in the same order; `sizes` is filled by the first of them.

    Args:
        graph: where the nodes go.
        sizes: values of each part, by its name, in order.
    """

    def __init__(self, graph: Graph, sizes: dict[str, int]) -> None:
        self._graph = graph
        self._sizes = sizes
        self._parts: dict[str, list[tuple[str, int]]] = {}  # pieces and their sizes
        self._kept: dict[str, Sequence[str]] = {}
        self._split_at = len(graph.nodes)
        self._num_streams: str | None = None
        self._flat_shape: str | None = None
        self._columns: dict[str, str] = {}

    @property
    def num_streams(self) -> str:
        """N, (1,)."""
        if self._num_streams is None:
            self._num_streams = self._graph.op("Shape", "state", start=0, end=1)
        return self._num_streams

    def flat(self, frames: str) -> str:
        """Rows of frames, (N * T, dim) or (N, T, dim), as (N, T * dim)."""
        graph = self._graph
        if self._flat_shape is None:
            shape = graph.op("Concat", self.num_streams, graph.constant([-1]), axis=0)
            self._flat_shape = shape
        return graph.op("Reshape", frames, self._flat_shape)

    def numbers_below(self, number: str) -> str:
        """0, 1, ... below a (1,) integer, as a column: (T, 1)."""
        if number not in self._columns:
            graph = self._graph
            count = graph.count_from(0, number)
            self._columns[number] = graph.op("Unsqueeze", count, graph.constant([1]))
        return self._columns[number]

    def take(self, name: str, *shape: int) -> str:
        """A part of the state, (N, *shape)."""
        (part,) = self.take_pieces(name, [int(np.prod(shape))])
        return part if len(shape) == 1 else self._graph.reshape(part, 0, *shape)

    def take_pieces(self, name: str, sizes: Sequence[int]) -> list[str]:
        """A part of the state in pieces one after the other, (N, size) each."""
        if self._sizes.setdefault(name, sum(sizes)) != sum(sizes):
            raise ValueError(f"part {name} has {self._sizes[name]} values, not {sum(sizes)}")
        if name not in self._parts:
            self._parts[name] = [(self._graph.new_name(name), size) for size in sizes]
        return [piece for piece, _ in self._parts[name]]

    def keep(self, name: str, value: str, *shape: int) -> None:
        """What the call leaves in a part: (N, *shape)."""
        flat = value if len(shape) == 1 else self._graph.reshape(value, 0, self._sizes[name])
        self.keep_pieces(name, [flat])

    def keep_pieces(self, name: str, values: Sequence[str]) -> None:
        """What the call leaves in a part, in pieces (N, any size) one after the other."""
        self._kept[name] = values

    def move_on(self, name: str, size: int, new: str, new_size: int) -> list[str]:
        """Let a part's first values go and new ones in behind, at most as many as it has.

        Args:
            name: of the part.
            size: its values.
            new: (N, new_size)

        Returns:
            the part before in pieces and what is new, one after the other
        """
        pieces = self.take_pieces(name, [n for n in (new_size, size - new_size) if n])
        self.keep_pieces(name, [*pieces[1:], new])
        return [*pieces, new]

    def close(self) -> str:
        """Take the state apart in front of the branch's nodes; the name of the next state."""
        pieces = [piece for name in self._sizes for piece in self._parts[name]]
        sizes = self._graph.constant([size for _, size in pieces])
        split = helper.make_node("Split", ["state", sizes], [name for name, _ in pieces], axis=1)
        self._graph.nodes.insert(self._split_at, split)
        kept = [value for name in self._sizes for value in self._kept[name]]
        return self._graph.op("Concat", *kept, axis=1)
