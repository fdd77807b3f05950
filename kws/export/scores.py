"""Posteriors to confidences: smoothing and both kinds of confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from kws.export.graph import Graph
from kws.export.memory import Memory
from kws.posterior import Keyword

TINY = 1e-38  # what a posterior of 0 is taken for before its logarithm


@dataclass(frozen=True)
class Track:
    """Values of the frames of one call.

    Attributes:
        value: (N, T, dim).
        number: T, the name of its value, (1,); None: 1.
        dim: values per frame.
        rows: (N, dim) where T is 1.
    """

    value: str
    number: str | None
    dim: int
    rows: str


def emit_smoothing(
    graph: Graph, memory: Memory, w_smooth: int, posteriors: Track, num_before: str | None
) -> Track:
    """Mean of each posterior over the last w_smooth frames, fewer at the start of the stream.

    Args:
        graph: where the nodes go.
        memory: keeps the last w_smooth - 1 frames.
        w_smooth: frames of the window.
        posteriors: (N, T, C).
        num_before: frames before them, up to w_smooth, (1,); None: as many.

    Returns:
        (N, T, C)
    """
    number, dim = posteriors.number, posteriors.dim
    if w_smooth == 1:
        return Track(graph.op("Identity", posteriors.value), number, dim, posteriors.rows)
    if number is None:
        means = _newest(graph, memory, "smoothing", w_smooth, posteriors, "Mean")
        return Track(graph.op("Unsqueeze", means, graph.constant([1])), None, dim, means)
    means = _sliding(graph, memory, "smoothing", w_smooth, posteriors, "AveragePool")
    if num_before is not None:
        first = graph.add(num_before, 1)
        counts = graph.count_from(first, graph.add(first, number))
        counts = graph.op("Cast", graph.at_most(counts, w_smooth), to=TensorProto.FLOAT)
        scales = graph.op("Div", graph.constant(float(w_smooth)), counts)
        scales = graph.op("Unsqueeze", scales, graph.constant([1]))
        means = graph.op("Mul", means, scales)
    return Track(means, number, dim, means)


def _newest(
    graph: Graph, memory: Memory, part: str, width: int, track: Track, reduction: str
) -> str:
    """Mean or Max of the last `width` > 1 frames where one is new: (N, dim)."""
    dim = track.dim
    frames = memory.move_on(part, (width - 1) * dim, track.rows, dim)
    window = graph.op("Concat", *frames, axis=1)
    window = graph.reshape(window, -1, width, dim)
    return graph.op(f"Reduce{reduction}", window, graph.constant([1]), keepdims=0)


def _sliding(graph: Graph, memory: Memory, part: str, width: int, track: Track, pool: str) -> str:
    """AveragePool or MaxPool of the last `width` > 1 frames, zeros at the start: (N, T, dim)."""
    size = (width - 1) * track.dim
    known = graph.op("Concat", memory.take(part, size), memory.flat(track.value), axis=1)
    memory.keep(part, graph.slice(known, 1, -size), size)
    planes = graph.reshape(known, 0, 1, -1, track.dim)  # (N, 1, T + width - 1, dim)
    pooled = graph.op(pool, planes, kernel_shape=[width, 1])
    return graph.op("Squeeze", pooled, graph.constant([1]))


def emit_confidence(
    graph: Graph, memory: Memory, keywords: Sequence[Keyword], w_max: int, smoothed: Track
) -> str:
    """Chen's confidence: the geometric mean of the units' largest smoothed posteriors.

    Args:
        graph: where the nodes go.
        memory: keeps the last w_max - 1 frames.
        keywords: the columns of the result.
        w_max: frames of the window.
        smoothed: (N, T, C).

    Returns:
        (N, T, K)
    """
    largest = smoothed.value
    if w_max > 1 and smoothed.number is None:
        newest = _newest(graph, memory, "confidence", w_max, smoothed, "Max")
        largest = graph.op("Unsqueeze", newest, graph.constant([1]))
    elif w_max > 1:
        largest = _sliding(graph, memory, "confidence", w_max, smoothed, "MaxPool")
    # the mean of the units' logarithms as a product with a matrix
    weights = np.zeros((smoothed.dim, len(keywords)))
    for column, keyword in enumerate(keywords):
        np.add.at(weights[:, column], list(keyword.units), 1 / len(keyword.units))
    logarithms = graph.op("Log", graph.op("Max", largest, graph.constant(TINY)))
    return graph.op("Exp", graph.op("MatMul", logarithms, graph.constant(weights)))
