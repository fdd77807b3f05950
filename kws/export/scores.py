"""Posteriors to confidences: smoothing and both kinds of confidence."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from kws.export.graph import Graph
from kws.export.memory import Memory
from kws.posterior import Keyword

# Frames of a window from which on it pays to have time along the last axis, where onnxruntime
# computes several frames at once: 100 frames take half the time for 8 windows, a sixth for 32
WIDE = 32
# Of a table that saves time: 64 kB, also where there are many units
MOST_VALUES = 2**14
TINY = 1e-38  # what a posterior of 0 is taken for before its logarithm


class Call(enum.Enum):
    """What is known of the calls that a chain is for, beyond ANY in streams long on their way."""

    ANY = "any number of frames, at the beginning and the end as well"
    SEVERAL = "a frame or more"
    KNOWN = "a frame or more of one stream, whose number is known when the file is loaded"
    ONE = "a single frame"


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
        window = _newest(graph, memory, "smoothing", w_smooth, posteriors)
        if w_smooth * dim**2 <= MOST_VALUES:
            matrix = np.tile(np.eye(dim) / w_smooth, (w_smooth, 1))
            means = graph.op("MatMul", window, graph.constant(matrix))
        else:
            frames = graph.reshape(window, -1, w_smooth, dim)
            means = graph.op("ReduceMean", frames, graph.constant([1]), keepdims=0)
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


def _newest(graph: Graph, memory: Memory, part: str, width: int, track: Track) -> str:
    """The last `width` > 1 frames, one after the other, where one is new: (N, width * dim)."""
    frames = memory.move_on(part, (width - 1) * track.dim, track.rows, track.dim)
    return graph.op("Concat", *frames, axis=1)


def _sliding(graph: Graph, memory: Memory, part: str, width: int, track: Track, pool: str) -> str:
    """AveragePool or MaxPool of the last `width` > 1 frames, zeros at the start: (N, T, dim)."""
    size = (width - 1) * track.dim
    known = graph.op("Concat", memory.take(part, size), memory.flat(track.value), axis=1)
    memory.keep(part, graph.slice(known, 1, -size), size)
    if width < WIDE:
        planes = graph.reshape(known, 0, 1, -1, track.dim)  # (N, 1, T + width - 1, dim)
        pooled = graph.op(pool, planes, kernel_shape=[width, 1])
        return graph.op("Squeeze", pooled, graph.constant([1]))
    tracks = graph.op("Transpose", graph.reshape(known, 0, -1, track.dim), perm=[0, 2, 1])
    return graph.op("Transpose", graph.op(pool, tracks, kernel_shape=[width]), perm=[0, 2, 1])


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
        window = _newest(graph, memory, "confidence", w_max, smoothed)
        window = graph.reshape(window, -1, w_max, smoothed.dim)
        largest = graph.op("ReduceMax", window, graph.constant([1]), keepdims=1)
    elif w_max > 1:
        largest = _sliding(graph, memory, "confidence", w_max, smoothed, "MaxPool")
    # the mean of the units' logarithms as a product with a matrix
    weights = np.zeros((smoothed.dim, len(keywords)))
    for column, keyword in enumerate(keywords):
        np.add.at(weights[:, column], list(keyword.units), 1 / len(keyword.units))
    logarithms = graph.op("Log", graph.op("Max", largest, graph.constant(TINY)))
    return graph.op("Exp", graph.op("MatMul", logarithms, graph.constant(weights)))
