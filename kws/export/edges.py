"""A stage that looks at neighbouring frames: the first and the last frame are repeated for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kws.export.clock import Clock
from kws.export.graph import Graph
from kws.export.memory import Memory
from kws.export.windows import Frames, Windows


@dataclass(frozen=True)
class Stage:
    """A stage that turns frames into as many others.

    Attributes:
        name: of its counter and its parts of the state.
        left, right: frames of the past and of the future that an output depends on.
        dim: values per output frame.
        emit: adds its nodes: from (N * T, values per input frame) to (N * T, dim), each output
            `right` frames late; the windows keep what it needs of earlier calls.
        memory: up to how many outputs those given before are counted.
        keeps: frames of its input that its first window keeps, the latest among them.
    """

    name: str
    left: int
    right: int
    dim: int
    emit: Callable[[Windows, str], str]
    memory: int = 0
    keeps: int = 0

    @property
    def warm(self) -> int:
        """Frames to feed before the first output that counts."""
        return self.left + self.right

    @property
    def settled(self) -> int:
        """Where its counter of frames fed stops."""
        return self.warm + self.memory


def emit_steady(graph: Graph, memory: Memory, stage: Stage, frames: Frames) -> Frames:
    """A stage in a stream that is long on its way and goes on; see `emit_padded`."""
    windows = Windows(graph, memory, stage.name, frames.number)
    rows = stage.emit(windows, frames.rows)
    if not stage.keeps:
        memory.take(f"{stage.name}_last", frames.dim)
        last = frames.rows
        if frames.number is not None:
            last = graph.slice(windows.split_rows(last, frames.dim), 1, -1)
            last = graph.reshape(last, -1, frames.dim)
        memory.keep(f"{stage.name}_last", last, frames.dim)
    return Frames(rows, frames.number, stage.dim)


def emit_padded(
    graph: Graph, memory: Memory, clock: Clock, stage: Stage, frames: Frames, flush: str
) -> tuple[Frames, str]:
    """A stage over the stream, as over a whole recording whose edge frames are repeated.

    `left` copies of the first frame are fed before it, `right` copies of the last at the end; the
    stage keeps its own buffers, which begin as zeros, and what it gives before it has been fed
    left + right frames is dropped.

    Args:
        graph: where the nodes go.
        memory: keeps the last frame, if the stage does not.
        clock: its counter of the stage's name holds the frames fed, up to `settled`.
        stage: the stage.
        frames: the new frames.
        flush: 1 at the end of the stream, else 0, (1,).

    Returns:
        the outputs, and the number of outputs before them up to `stage.memory`, (1,).
    """
    fed, number = clock.now[stage.name], frames.number
    assert number is not None
    some_before = graph.at_most(fed, 1)
    some_after = graph.at_most(graph.add(fed, number), 1)
    in_front = graph.mul(graph.sub(some_after, some_before), stage.left)
    behind = graph.mul(graph.mul(flush, some_after), stage.right)
    total = graph.add(number, in_front, behind)
    clock.advance(stage.name, graph.op("Min", total, graph.sub(stage.settled, fed)))

    shape = Windows(graph, memory, stage.name, number).split_rows
    if stage.keeps:
        last = memory.take(f"{stage.name}1_", stage.keeps * frames.dim)
        last = graph.reshape(graph.slice(last, 1, -frames.dim), 0, 1, frames.dim)
    else:
        last = memory.take(f"{stage.name}_last", 1, frames.dim)
    known = graph.op("Concat", last, shape(frames.rows, frames.dim), axis=1)
    if not stage.keeps:
        memory.keep(f"{stage.name}_last", graph.slice(known, 1, -1), 1, frames.dim)
    index = graph.count_from(graph.sub(1, in_front), graph.add(number, behind, 1))
    index = graph.at_most(graph.at_least(index, 1), number)
    rows = graph.reshape(graph.op("Gather", known, index, axis=1), -1, frames.dim)

    outputs = shape(stage.emit(Windows(graph, memory, stage.name, total), rows), stage.dim)
    valid = graph.at_most(graph.at_least(graph.add(fed, total, -stage.warm), 0), total)
    outputs = graph.slice(outputs, 1, graph.sub(total, valid))
    before = graph.at_least(graph.add(fed, -stage.warm), 0)
    return Frames(graph.reshape(outputs, -1, stage.dim), valid, stage.dim), before
