"""The counters of a stream: how much of it has come, in the state as in the graph."""

from __future__ import annotations

from kws.export.graph import Graph


class Clock:
    """Counters that all streams of one call share; they are kept as floats in the state.

    Args:
        graph: where the nodes go.
        num_counters: how many counters there are.
    """

    def __init__(self, graph: Graph, num_counters: int) -> None:
        self._graph = graph
        self._slot = graph.slot(num_counters)
        row = graph.op("Gather", self._slot.before, graph.constant(0))  # all rows are equal
        row = graph.op("Cast", row, to=7)
        sizes = graph.constant([1] * num_counters)
        self.counters = graph.ops("Split", num_counters, row, sizes) if num_counters > 1 else [row]
        self._steps: list[str] = []

    def advance(self, step: str) -> None:
        """Say by how much, (1,), the next of the counters grows."""
        self._steps.append(step)

    def close(self) -> None:
        """Keep the counters, after all have been advanced."""
        graph = self._graph
        steps = self._steps
        row = steps[0] if len(steps) == 1 else graph.op("Concat", *steps, axis=0)
        row = graph.op("Cast", row, to=1)
        graph.keep(self._slot, graph.op("Add", self._slot.before, row))
