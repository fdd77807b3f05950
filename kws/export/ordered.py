"""The confidence that knows the units' order, frame after frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kws.export.graph import Graph, Shape
from kws.export.memory import Memory
from kws.export.ordered_chunk import MOST_UNITS, emit_ordered_chunk
from kws.export.scores import MOST_VALUES, Call, Track
from kws.posterior import Keyword


def emit_ordered_confidence(
    graph: Graph,
    memory: Memory,
    keywords: Sequence[Keyword],
    w_max: int,
    smoothed: Track,
    call: Call,
) -> str:
    """The geometric mean of the units' smoothed posteriors at the best frames that are in order.

    The state holds for every start s of a window and every number i of a keyword's first units
    the best product B[s, i] of them in order since s. A frame with posteriors p makes it

        max(B[s, i], B[s, i - 1] p_i),  B[s, 0] = 1,

    a product with a matrix for the second term; at the oldest start the products of whole
    keywords are what is looked for. The roots are taken of the posteriors: products of those
    themselves would leave the range of float32.

    Args:
        graph: where the nodes go.
        memory: keeps the products of the last w_max - 1 starts.
        keywords: the columns of the result.
        w_max: frames of the window.
        smoothed: (N, T, C).
        call: T is 1 in a single one.

    Returns:
        (N, T, K)
    """
    outputs, columns, ones = _columns(keywords, smoothed.dim)
    values = smoothed.value
    if outputs != list(range(smoothed.dim)):
        values = graph.op("Gather", values, graph.constant(outputs), axis=2)
    exponents = np.zeros(len(outputs))
    follows = np.zeros((len(outputs), len(outputs)))  # from what a unit extends to the unit
    follows[ones, ones] = 1
    for keyword in columns:
        exponents[keyword] = 1 / len(keyword)
        follows[[ones, *keyword[:-1]], keyword] = 1
    ends = np.array([keyword[-1] for keyword in columns])
    roots = graph.op("Pow", values, graph.constant(exponents))  # (N, T, W)
    steps = _Steps(graph, memory, follows, ones, w_max, roots)
    if call is Call.KNOWN:
        assert smoothed.number is not None
        return emit_ordered_chunk(graph, memory, columns, ones, w_max, roots, smoothed.number)
    if w_max == 1:
        oldest = steps.alone()
    elif smoothed.number is None:
        return graph.op("Gather", steps.one(), graph.constant(ends[None]), axis=1)
    else:
        oldest = steps.looped(smoothed.number, call is not Call.ANY)
    return graph.op("Gather", oldest, graph.constant(ends), axis=2)


def has_chunks(keywords: Sequence[Keyword], w_max: int) -> bool:
    """Whether a chunk of known size can be taken as a whole, which is then faster."""
    sizes = [len(keyword.units) for keyword in keywords]
    num_values = (max(sizes) + 1) * (sum(sizes) + 1) ** 2  # of its largest table
    return w_max > 1 and max(sizes) <= MOST_UNITS and num_values <= MOST_VALUES


def _columns(
    keywords: Sequence[Keyword], num_outputs: int
) -> tuple[list[int], list[list[int]], int]:
    """The W columns of products: each unit of each keyword, and one for B[s, 0], which is 1.

    Returns:
        the network's output of each, the columns of each keyword, and that of B[s, 0], where any
        output does: its posterior to the power of 0 is 1
    """
    units = [unit for keyword in keywords for unit in keyword.units]
    if len({*units}) == len(units) == num_outputs - 1:  # the outputs as they are
        (other,) = {*range(num_outputs)} - {*units}
        return list(range(num_outputs)), [list(keyword.units) for keyword in keywords], other
    ends = np.cumsum([len(keyword.units) for keyword in keywords])
    ranges = [
        list(range(end - len(keyword.units), end))
        for end, keyword in zip(ends.tolist(), keywords, strict=True)
    ]
    return [*units, 0], ranges, len(units)


class _Steps:
    """The recursion over the frames of one call.

    Args:
        graph: where the nodes go.
        memory: keeps the products.
        follows: (W, W), 1 from B[s, i - 1] to B[s, i] and from B[s, 0] to itself.
        ones: the column of B[s, 0].
        w_max: frames of the window.
        roots: (N, T, W), the roots of the units' posteriors, and 1.
    """

    def __init__(
        self,
        graph: Graph,
        memory: Memory,
        follows: np.ndarray,
        ones: int,
        w_max: int,
        roots: str,
    ) -> None:
        self.graph, self.memory = graph, memory
        self.ones, self.width, self.num_starts = ones, len(follows), w_max - 1
        self.follows, self.roots = follows, roots

    def alone(self) -> str:
        """Windows of one frame: what begins in it, (N, T, W)."""
        return self.graph.op("Mul", self.roots, self.graph.constant(self.follows[self.ones]))

    def one(self) -> str:
        """A single frame: the products at the oldest start, (N, W)."""
        graph, width = self.graph, self.width
        best = self.memory.take("best", self.num_starts, width)
        matrix = graph.op("Mul", self.roots, graph.constant(self.follows))  # (N, W, W)
        after = graph.op("Max", best, graph.op("MatMul", best, matrix))
        flat = graph.reshape(after, 0, self.num_starts * width)
        oldest, *others = self._split(flat, [width, (self.num_starts - 1) * width])
        begun = graph.op("Gather", matrix, graph.constant(self.ones), axis=1)
        self.memory.keep_pieces("best", [*others, begun])
        return oldest

    def looped(self, number: str, is_steady: bool) -> str:
        """Any number of frames: (N, T, W)."""
        graph = self.graph
        shape: Shape = [None, self.num_starts, self.width]
        best = self.memory.take("best", self.num_starts, self.width)
        if is_steady:
            after, oldest = self._scan(best, shape)
        else:
            # the state begins as zeros, so the column of ones is made anew
            is_one = np.arange(self.width) == self.ones
            best = graph.op("Where", graph.constant(is_one), graph.constant(1.0), best)
            # a Scan over no frame is not possible
            after, oldest = graph.choose(
                graph.op("Greater", number, graph.constant([0])),
                lambda: self._scan(best, shape),
                lambda: [graph.op("Identity", best), graph.op("Identity", self.roots)],
                [shape, [None, None, self.width]],
            )
        self.memory.keep("best", after, self.num_starts, self.width)
        return oldest

    def _scan(self, best: str, shape: Shape) -> list[str]:
        """The products after all frames, and those at the oldest start after each."""
        graph = self.graph
        tall = graph.op("Unsqueeze", self.roots, graph.constant([2]))
        begun = graph.op("Mul", tall, graph.constant(self.follows[self.ones]))
        matrices = self._matrices(tall)
        before, begin, matrix = (graph.new_name(name) for name in ("before", "begin", "matrix"))

        def step() -> dict[str, Shape]:
            after = graph.op("Max", before, graph.op("MatMul", before, matrix))
            oldest, *others = self._split(after, [1, self.num_starts - 1])
            after = graph.op("Concat", *others, begin, axis=1)
            return {after: shape, oldest: [None, 1, self.width]}

        inputs: dict[str, Shape] = {
            before: shape,
            begin: [None, 1, self.width],
            matrix: [None, self.width, self.width],
        }
        after, oldest = graph.ops(
            "Scan",
            2,
            best,
            begun,
            matrices,
            body=graph.body(inputs, step),
            num_scan_inputs=2,
            scan_input_axes=[1, 1],
            scan_output_axes=[1],
        )
        return [after, graph.op("Squeeze", oldest, graph.constant([2]))]

    def _matrices(self, tall: str) -> str:
        """The matrix of each frame, from the roots (N, T, 1, W): (N, T, W, W)."""
        graph, width = self.graph, self.width
        if width**3 > MOST_VALUES:
            return graph.op("Mul", tall, graph.constant(self.follows))
        # a product with a table takes a quarter of the time
        spread = (np.eye(width)[:, None] * self.follows).reshape(width, -1)
        matrices = graph.op("MatMul", self.roots, graph.constant(spread))
        return graph.reshape(matrices, 0, -1, width, width)

    def _split(self, x: str, sizes: Sequence[int]) -> list[str]:
        """`x` in parts along its axis 1; those of size 0 are left out."""
        sizes = [size for size in sizes if size]
        return self.graph.ops("Split", len(sizes), x, self.graph.constant(sizes), axis=1)
