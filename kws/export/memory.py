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
        self._parts: dict[str, str] = {}
        self._kept: dict[str, Sequence[str]] = {}
        self._split_at = len(graph.nodes)
        self._num_streams: str | None = None

    @property
    def num_streams(self) -> str:
        """N, (1,)."""
        if self._num_streams is None:
            self._num_streams = self._graph.op("Shape", "state", start=0, end=1)
        return self._num_streams

    def take(self, name: str, *shape: int) -> str:
        """A part of the state, (N, *shape)."""
        size = int(np.prod(shape))
        if self._sizes.setdefault(name, size) != size:
            raise ValueError(f"part {name} has {self._sizes[name]} values, not {size}")
        self._parts[name] = part = self._graph.new_name(name)
        return part if len(shape) == 1 else self._graph.reshape(part, 0, *shape)

    def keep(self, name: str, value: str, *shape: int) -> None:
        """What the call leaves in a part: (N, *shape)."""
        flat = value if len(shape) == 1 else self._graph.reshape(value, 0, self._sizes[name])
        self.keep_pieces(name, [flat])

    def keep_pieces(self, name: str, values: Sequence[str]) -> None:
        """What the call leaves in a part, in pieces (N, any size) one after the other."""
        self._kept[name] = values

    def close(self) -> str:
        """Take the state apart in front of the branch's nodes; the name of the next state."""
        sizes = self._graph.constant(list(self._sizes.values()))
        parts = [self._parts[name] for name in self._sizes]
        split = helper.make_node("Split", ["state", sizes], parts, axis=1)
        self._graph.nodes.insert(self._split_at, split)
        kept = [value for name in self._sizes for value in self._kept[name]]
        return self._graph.op("Concat", *kept, axis=1)
