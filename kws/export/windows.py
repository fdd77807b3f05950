"""Windows of neighbouring frames in a stream: each layer keeps the frames that it reads again."""

from __future__ import annotations

from collections.abc import Sequence

from kws.export.graph import Graph


class Windows:
    """Gathers for every frame of a call the frames at some offsets from it.

    Args:
        graph: where the nodes go.
        batch_size: N, (1,).
        num_frames: frames of this call, T, (1,).
    """

    def __init__(self, graph: Graph, batch_size: str, num_frames: str) -> None:
        self._graph = graph
        self._batch_size = batch_size
        self._num_frames = num_frames
        self._firsts: str | None = None
        self._shapes: dict[int, str] = {}
        self._indices: dict[tuple[int, ...], str] = {}

    def gather(self, x: str, dim: int, offsets: Sequence[int]) -> str:
        """The frames at `offsets`, counted from the frame that makes the largest one the newest.

        Args:
            x: (N * T, dim), the new frames.
            dim: values per frame.
            offsets: growing.

        Returns:
            (N * T, number of offsets, dim)
        """
        graph = self._graph
        span = offsets[-1] - offsets[0]
        frames = graph.op("Reshape", x, self._shape(dim))
        if span:
            buffer = graph.slot(span, dim)
            frames = graph.op("Concat", buffer.before, frames, axis=1)
            graph.keep(buffer, graph.slice(frames, 1, -span))
        index = self._index(tuple(offset - offsets[0] for offset in offsets))
        windows = graph.op("Gather", frames, index, axis=1)  # (N, T, offsets, dim)
        return graph.reshape(windows, -1, len(offsets), dim)

    def frames(self, x: str, dim: int) -> str:
        """(N * T, dim) as (N, T, dim)."""
        return self._graph.op("Reshape", x, self._shape(dim))

    def _shape(self, dim: int) -> str:
        """The shape (N, -1, dim)."""
        if dim not in self._shapes:
            rest = self._graph.constant([-1, dim])
            self._shapes[dim] = self._graph.op("Concat", self._batch_size, rest, axis=0)
        return self._shapes[dim]

    def _index(self, starts: tuple[int, ...]) -> str:
        """(T, number of starts): t + start."""
        graph = self._graph
        if self._firsts is None:
            count = graph.count_from(0, self._num_frames)
            self._firsts = graph.op("Unsqueeze", count, graph.constant([1]))
        if starts not in self._indices:
            self._indices[starts] = graph.op("Add", self._firsts, graph.constant(starts))
        return self._indices[starts]
