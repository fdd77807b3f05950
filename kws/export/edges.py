"""A stage that looks at neighbouring frames: the first and the last frame are repeated for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kws.export.clock import Clock
from kws.export.graph import Graph


@dataclass(frozen=True)
class Frames:
    """Frames of this call.

    Attributes:
        value: (N, T, D).
        number: T, (1,).
        dim: D.
    """

    value: str
    number: str
    dim: int


@dataclass(frozen=True)
class Context:
    """How far a stage looks.

    Attributes:
        left, right: frames of the past and of the future that an output depends on.
        memory: how many outputs the count of earlier ones need to tell apart.
    """

    left: int
    right: int
    memory: int = 0


def emit_padded(
    graph: Graph,
    clock: Clock,
    counter: int,
    frames: Frames,
    flush: str,
    context: Context,
    body: Callable[[Frames], Frames],
) -> tuple[Frames, str]:
    """Run a stage over the stream as over a whole recording whose edge frames are repeated.

    `left` copies of the first frame are fed before it, `right` copies of the last at the end; the
    stage keeps its own buffers, which begin as zeros, and what it gives before it has been fed
    left + right frames is dropped.

    Args:
        graph: where the nodes go.
        clock: its counter number `counter` holds the frames fed, up to left + right + memory.
        counter: see `clock`.
        frames: the new frames.
        flush: 1 at the end of the stream, else 0, (1,).
        context: how far the stage looks.
        body: the stage: frames fed to as many outputs, each `right` frames late.

    Returns:
        the outputs, and the number of outputs before them up to `memory`, (1,).
    """
    fed = clock.counters[counter]
    warm = context.left + context.right
    some_before = graph.at_most(fed, 1)
    some_after = graph.at_most(graph.add(fed, frames.number), 1)
    in_front = graph.mul(graph.sub(some_after, some_before), context.left)
    behind = graph.mul(graph.op("Mul", flush, some_after), context.right)
    number = graph.add(frames.number, in_front, behind)
    clock.advance(graph.op("Min", number, graph.sub(warm + context.memory, fed)))
    outputs = body(Frames(_repeated(graph, frames, in_front, behind), number, frames.dim))
    known = graph.at_most(graph.at_least(graph.add(fed, number, -warm), 0), number)
    value = graph.slice(outputs.value, 1, graph.sub(number, known))
    return Frames(value, known, outputs.dim), graph.at_least(graph.add(fed, -warm), 0)


def _repeated(graph: Graph, frames: Frames, in_front: str, behind: str) -> str:
    """The frames with copies of the first in front and of the last, kept in the state, behind."""
    last = graph.slot(1, frames.dim)
    known = graph.op("Concat", last.before, frames.value, axis=1)
    graph.keep(last, graph.slice(known, 1, -1))
    stop = graph.add(frames.number, behind, 1)
    index = graph.count_from(graph.sub(1, in_front), stop)
    index = graph.at_most(graph.at_least(index, 1), frames.number)
    return graph.op("Gather", known, index, axis=1)
