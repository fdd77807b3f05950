"""Posteriors to confidences: smoothing and both kinds of confidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from kws.export.edges import Frames
from kws.export.graph import Graph, Shape
from kws.posterior import Keyword

TINY = 1e-38  # what a product of posteriors is taken for when it is 0 in float32


def emit_smoothing(graph: Graph, w_smooth: int, posteriors: Frames, num_before: str) -> str:
    """Mean of each posterior over the last w_smooth frames, fewer at the start of the stream.

    Args:
        graph: where the nodes go.
        w_smooth: frames of the window.
        posteriors: (N, T, C).
        num_before: frames before them, up to w_smooth, (1,).

    Returns:
        (N, T, C)
    """
    if w_smooth == 1:
        return posteriors.value
    past = graph.slot(w_smooth - 1, posteriors.dim)
    known = graph.op("Concat", past.before, posteriors.value, axis=1)
    graph.keep(past, graph.slice(known, 1, 1 - w_smooth))
    planes = graph.op("Unsqueeze", known, graph.constant([1]))  # (N, 1, T + w_smooth - 1, C)
    means = graph.op("AveragePool", planes, kernel_shape=[w_smooth, 1])
    means = graph.op("Squeeze", means, graph.constant([1]))
    first = graph.add(num_before, 1)
    counts = graph.count_from(first, graph.add(first, posteriors.number))
    counts = graph.op("Cast", graph.at_most(counts, w_smooth), to=TensorProto.FLOAT)
    scales = graph.op("Div", graph.constant(float(w_smooth)), counts)
    return graph.op("Mul", means, graph.op("Unsqueeze", scales, graph.constant([1])))


def emit_confidence(graph: Graph, keywords: Sequence[Keyword], w_max: int, smoothed: Frames) -> str:
    """Chen's confidence: the geometric mean of the units' largest smoothed posteriors.

    Args:
        graph: where the nodes go.
        keywords: the columns of the result.
        w_max: frames of the window.
        smoothed: (N, T, C).

    Returns:
        (N, T, K)
    """
    largest, dim = smoothed.value, smoothed.dim
    if w_max > 1:
        past = graph.slot(w_max - 1, dim)
        known = graph.op("Concat", past.before, largest, axis=1)
        graph.keep(past, graph.slice(known, 1, 1 - w_max))
        planes = graph.op("Unsqueeze", known, graph.constant([1]))
        largest = graph.op("MaxPool", planes, kernel_shape=[w_max, 1])
        largest = graph.op("Squeeze", largest, graph.constant([1]))
    # the mean of the units' logarithms as a product with a matrix
    weights = np.zeros((dim, len(keywords)))
    for column, keyword in enumerate(keywords):
        np.add.at(weights[:, column], keyword.units, 1 / len(keyword.units))
    logarithms = graph.op("Log", graph.op("Max", largest, graph.constant(TINY)))
    return graph.op("Exp", graph.op("MatMul", logarithms, graph.constant(weights)))


def emit_ordered_confidence(
    graph: Graph, keywords: Sequence[Keyword], w_max: int, smoothed: Frames
) -> str:
    """The geometric mean of the units' smoothed posteriors at the best frames that are in order.

    The state holds for every start s of a window and every number i of a keyword's first units
    the best product B_i[s] of them in order since s. A frame with posteriors p makes it
    max(B_i[s], B_(i-1)[s] p_i), with B_0 = 1, and the whole keyword's at the oldest start is the
    product looked for.

    Args, Returns: as in `emit_confidence`.
    """
    units = [unit for keyword in keywords for unit in keyword.units]
    sizes = [len(keyword.units) for keyword in keywords]
    ends = np.cumsum(sizes) - 1
    best = graph.slot(len(units), w_max)
    columns = graph.op("Gather", smoothed.value, graph.constant(units), axis=2)
    columns = graph.op("Unsqueeze", columns, graph.constant([3]))  # (N, T, units, 1)
    shapes: dict[str, Shape] = {
        "best_after": [None, len(units), w_max],
        "products": [None, None, len(keywords)],
    }

    def one() -> dict[str, Shape]:
        # no frame shifts nothing and has posteriors of 0: all stays as it was
        zeros, number = graph.constant([0, 0]), smoothed.number
        pads = graph.op("Concat", zeros, graph.sub(0, number), zeros, number, axis=0)
        posteriors = graph.op("ReduceSum", columns, graph.constant([1]), keepdims=0)
        after, product = _ordered_step(graph, ends, best.before, posteriors, pads)
        product = graph.op("Unsqueeze", product, graph.constant([1]))
        return _named(graph, (after, graph.slice(product, 1, 0, number)), shapes)

    def several() -> dict[str, Shape]:
        return _named(graph, _scan(graph, ends, w_max, best.before, columns), shapes)

    many = graph.scalar(graph.op("Greater", smoothed.number, graph.constant([1])))
    branches = {"then_branch": graph.body({}, several), "else_branch": graph.body({}, one)}
    after, products = graph.ops("If", 2, many, **branches)
    graph.keep(best, after)
    roots = graph.op("Log", graph.op("Max", products, graph.constant(TINY)))  # (N, T, K)
    return graph.op("Exp", graph.op("Div", roots, graph.constant(np.array(sizes, float))))


def _named(graph: Graph, values: Sequence[str], shapes: dict[str, Shape]) -> dict[str, Shape]:
    """The values as outputs of a branch."""
    return dict(zip(values, shapes.values(), strict=True))


def _scan(
    graph: Graph, ends: npt.NDArray[np.int64], w_max: int, best: str, columns: str
) -> Sequence[str]:
    """Frame after frame: the best products after them, and (N, T, K)."""
    num_units = int(ends[-1]) + 1
    before, posteriors = graph.new_name("before"), graph.new_name("posteriors")
    pads = graph.constant([0, 0, -1, 0, 0, 1])

    def step() -> dict[str, Shape]:
        after, product = _ordered_step(graph, ends, before, posteriors, pads)
        return {after: [None, num_units, w_max], product: [None, len(ends)]}

    inputs: dict[str, Shape] = {before: [None, num_units, w_max], posteriors: [None, num_units, 1]}
    return graph.ops(
        "Scan",
        2,
        best,
        columns,
        body=graph.body(inputs, step),
        num_scan_inputs=1,
        scan_input_axes=[1],
        scan_output_axes=[1],
    )


def _ordered_step(
    graph: Graph, ends: npt.NDArray[np.int64], best: str, posteriors: str, pads: str
) -> tuple[str, str]:
    """One frame.

    Args:
        graph: where the nodes go.
        ends: the row of the last unit of each keyword.
        best: (N, units, w_max), the products before it.
        posteriors: (N, units, 1), its posteriors.
        pads: let the oldest start leave, and a new one come with nothing since it.

    Returns:
        (N, units, w_max), the products after it, and (N, K), those of the whole keywords.
    """
    num_units = int(ends[-1]) + 1
    before = np.maximum(np.arange(num_units) - 1, 0)
    is_first = np.zeros((num_units, 1), dtype=bool)
    is_first[[0, *(ends[:-1] + 1)]] = True
    shifted = graph.op("Pad", best, pads)
    fewer = graph.op("Gather", shifted, graph.constant(before), axis=1)
    fewer = graph.op("Where", graph.constant(is_first), graph.constant(1.0), fewer)
    after = graph.op("Max", shifted, graph.op("Mul", fewer, posteriors))
    whole = graph.op("Gather", after, graph.constant(ends), axis=1)
    return after, graph.op("Squeeze", graph.slice(whole, 2, 0, 1), graph.constant([2]))
