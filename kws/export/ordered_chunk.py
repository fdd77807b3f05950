"""The ordered confidence of a chunk of one stream whose number of frames is known at load.

In a chunk of T frames let A[d, i] be the best product of d units in order, the last of them unit i
of a keyword, after each of the frames. The chunk makes

    max over d >= 0 of B[s, i - d] A[d, i],  A[0, i] = 1,

of the products B[s, i] of `kws.export.ordered` at the starts s before it. At the starts in it the
same holds with frames and units backwards, for the units from a keyword's first one on. A[d] is the
largest so far of p_i A[d - 1, i - 1], where the units of level d lie d - 1 frames ahead: so the
number of nodes grows with the units of the longest keyword, and not with the frames. Everything
that depends on T alone, such as the indices, is computed when the file is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from kws.export.graph import Graph
from kws.export.memory import Memory

MOST_UNITS = 6  # of a keyword: with more of them frame after frame is faster
_Integers = npt.NDArray[np.int64]


def emit_ordered_chunk(
    graph: Graph,
    memory: Memory,
    keywords: Sequence[Sequence[int]],
    ones: int,
    w_max: int,
    roots: str,
    number: str,
) -> str:
    """The confidences of T frames, 0 < T < w_max, of one stream.

    Args:
        graph: where the nodes go.
        memory: keeps the products of the last w_max - 1 starts.
        keywords: the columns of each keyword's units, at most MOST_UNITS.
        ones: the column of B[s, 0].
        w_max: frames of the window, 2 or more.
        roots: (1, T, W), the roots of the units' posteriors, and 1.
        number: T, (1,).

    Returns:
        (1, T, K)
    """
    table = _Table(graph, keywords, ones, memory.numbers_below(number), number)
    products = table.products(roots, w_max - 1)
    size = (w_max - 1) * table.width
    before = memory.take("best", size)
    # the starts that leave the window frame after frame, and what the keywords lack since
    index = graph.op("Add", graph.mul(table.frames, table.width), graph.constant(table.chains()))
    oldest = graph.op("Gather", before, index, axis=1)  # (1, T, K * (L + 1))
    lacking = graph.op("Gather", products, table.places(table.to_end(), table.frames), axis=0)
    whole = graph.op("Mul", oldest, lacking)
    whole = graph.reshape(whole, 1, -1, len(keywords), table.longest + 1)
    # the other starts; the matrix has a block for every d
    factors = graph.op("Gather", products, table.places(table.by_end(), table.last), axis=0)
    matrix = graph.op("Mul", graph.constant(table.sources()), factors)
    others = graph.slice(before, 1, graph.mul(number, table.width))
    others = graph.op("MatMul", graph.reshape(others, -1, table.width), matrix)
    others = graph.reshape(others, -1, table.longest + 1, table.width)
    others = graph.op("ReduceMax", others, graph.constant([1]), keepdims=0)
    # the starts in the chunk
    index = table.places(table.begun(), table.frames_backwards)
    begun = graph.op("Gather", products, index, axis=0)
    memory.keep_pieces("best", [graph.reshape(x, 1, -1) for x in (others, begun)])
    return graph.op("ReduceMax", whole, graph.constant([3]), keepdims=0)


class _Table:
    """The products A of a chunk, all in one row, and where in it which one lies.

    Level after level has the units that follow each unit but a keyword's last one (U of them,
    forwards), then those up to each unit (U, backwards), T frames of each: A[d] after frame t lies
    in place t - d + 1. Behind them are T ones and T zeros.

    Args:
        graph, keywords, ones, number: as in `emit_ordered_chunk`.
        frames: 0, 1, ... below `number`, (T, 1).
    """

    def __init__(
        self,
        graph: Graph,
        keywords: Sequence[Sequence[int]],
        ones: int,
        frames: str,
        number: str,
    ) -> None:
        self.graph, self.keywords, self.ones, self.number = graph, keywords, ones, number
        self.longest = max(map(len, keywords))  # L
        self.num_units = sum(map(len, keywords))  # U
        self.width = self.num_units + 1
        self._firsts = np.cumsum([0, *map(len, keywords)]).tolist()
        self._rows = 2 * self.num_units * self.longest
        self.last = graph.sub(number, 1)
        self.frames = frames
        self.frames_backwards = graph.op("Sub", self.last, self.frames)

    def products(self, roots: str, most: int) -> str:
        """The row, of at most `most` frames: ((2 U L + 2) T,)."""
        graph = self.graph
        units = self._shifted(roots)
        rows = graph.op("Gather", units, graph.constant(self._units()), axis=0)
        levels = graph.ops("Split", self.longest, rows, graph.constant([1] * self.longest), axis=0)
        products: list[str] = []
        for level in levels:
            extended = graph.op("Mul", level, products[-1]) if products else level
            # along the last axis onnxruntime computes several frames at once
            largest = graph.op("MaxPool", extended, kernel_shape=[most], pads=[most - 1, 0])
            products.append(largest)
        shape = graph.op("Concat", graph.constant([1, 2]), self.number, axis=0)
        constants = graph.op("Expand", graph.constant(np.array([[[1.0], [0.0]]])), shape)
        return graph.reshape(graph.op("Concat", *products, constants, axis=1), -1)

    def _shifted(self, roots: str) -> str:
        """For each column the frames from d - 1 on, then 0, and these backwards: (W * 2 * L, T)."""
        graph = self.graph
        steps = graph.constant(np.arange(self.longest)[:, None])
        row = graph.reshape(self.frames, 1, -1)
        onwards = graph.op("Add", row, steps)
        sources = graph.op("Concat", onwards, graph.op("Sub", self.last, onwards), axis=0)
        matrix = graph.op("Equal", self.frames, graph.reshape(sources, 1, -1))
        matrix = graph.op("Cast", matrix, to=TensorProto.FLOAT)  # (T, 2 * L * T)
        columns = graph.op("Transpose", roots, perm=[0, 2, 1])
        shifted = graph.op("MatMul", columns, matrix)
        return graph.reshape(shifted, self.width * 2 * self.longest, -1)

    def _units(self) -> _Integers:
        """The rows of `_shifted` for all levels: (L, 2 * U); any for what there is not."""
        rows = np.zeros((self.longest, 2 * self.num_units), np.int64)
        for level in range(self.longest):
            for keyword, first in zip(self.keywords, self._firsts, strict=False):
                for unit in range(len(keyword)):
                    if unit + level < len(keyword):
                        column = keyword[unit + level]
                        rows[level, first + unit] = 2 * self.longest * column + level
                    if unit >= level:
                        column = keyword[unit - level]
                        row = 2 * self.longest * column + self.longest + level
                        rows[level, self.num_units + first + unit] = row
        return rows

    def places(self, entries: _Integers, frame: str) -> str:
        """Where entries lie after a frame.

        Args:
            entries: (..., 2), a row's number and its d, from 0.
            frame: its number, (1,), or (T, 1) for all; the entries are then a row of numbers.
        """
        graph = self.graph
        rows, since = (graph.constant(entries[..., i]) for i in range(2))
        place = graph.op("Sub", frame, since)
        known = graph.op("Add", graph.mul(rows, self.number), place)
        nothing = graph.mul(self.number, self._rows + 1)
        return graph.op("Where", graph.op("Less", place, graph.constant([0])), nothing, known)

    def _entry(self, num_units: int, column: int) -> tuple[int, int]:
        """Row and d - 1 of a product of `num_units` units."""
        if num_units == 0:
            return self._rows, 0  # 1
        return 2 * self.num_units * (num_units - 1) + column, num_units - 1

    @property
    def _nothing(self) -> tuple[int, int]:
        return self._rows + 1, 0

    def chains(self) -> _Integers:
        """The columns of B of each keyword from 0 units to all of them: (K * (L + 1),)."""
        chains = [
            [self.ones, *keyword, *[self.ones] * (self.longest - len(keyword))]
            for keyword in self.keywords
        ]
        return np.array(chains).ravel()

    def to_end(self) -> _Integers:
        """What each of `chains` lacks to a whole keyword: (K * (L + 1), 2)."""
        entries = []
        for keyword, first in zip(self.keywords, self._firsts, strict=False):
            size = len(keyword)
            entries += [self._entry(size - unit, first + unit) for unit in range(size + 1)]
            entries += [self._nothing] * (self.longest - size)
        return np.array(entries)

    def by_end(self) -> _Integers:
        """For every d and every column of B the product that leads to it: ((L + 1) * W, 2)."""
        entries = np.empty((self.longest + 1, self.width, 2), np.int64)
        entries[:] = self._nothing
        entries[0] = self._entry(0, 0)
        for keyword, first in zip(self.keywords, self._firsts, strict=False):
            for unit, column in enumerate(keyword):
                for d in range(1, unit + 2):
                    entries[d, column] = self._entry(d, first + unit + 1 - d)
        return entries.reshape(-1, 2)

    def sources(self) -> npt.NDArray[np.float64]:
        """1 from what a product extends to what it leads to: (W, (L + 1) * W)."""
        matrix = np.zeros((self.width, self.longest + 1, self.width))
        matrix[:, 0] = np.eye(self.width)
        for keyword in self.keywords:
            chain = [self.ones, *keyword]
            for unit, column in enumerate(keyword, start=1):
                for d in range(1, unit + 1):
                    matrix[chain[unit - d], d, column] = 1
        return matrix.reshape(self.width, -1)

    def begun(self) -> _Integers:
        """The products from a keyword's first unit on, backwards, by columns of B: (W, 2)."""
        entries = np.empty((self.width, 2), np.int64)
        entries[self.ones] = self._entry(0, 0)
        for keyword, first in zip(self.keywords, self._firsts, strict=False):
            for unit, column in enumerate(keyword):
                entries[column] = self._entry(unit + 1, self.num_units + first + unit)
        return entries
