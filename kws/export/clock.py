"""The counters of a stream: how much of it has come, in the state as in the graph."""

from __future__ import annotations

from onnx import TensorProto

from kws.export.graph import Graph
from kws.export.memory import Memory


class Clock:
    """Counters that all streams of one call share; the state keeps them as floats.

    Besides those that are asked for there is `steady`, the last: 1 when all others have reached
    the values between which an ordinary call finds them, which it then leaves as they are.

    Args:
        graph: where the nodes go.
        memory: the state.
        steady: the values of the counters in a stream that is long on its way.
    """

    def __init__(self, graph: Graph, memory: Memory, steady: dict[str, int]) -> None:
        self._graph, self._memory = graph, memory
        self._steady = steady
        self._before = memory.take("clock", len(steady) + 1)
        row = graph.op("Gather", self._before, graph.constant(0))  # all rows are equal
        row = graph.op("Cast", row, to=TensorProto.INT64)
        sizes = graph.constant([1] * (len(steady) + 1))
        names = [*steady, "steady"]
        self.now = dict(zip(names, graph.ops("Split", len(names), row, sizes), strict=True))
        self._steps: dict[str, str] = {}

    def advance(self, counter: str, step: str) -> None:
        """Say by how much, (1,), a counter grows."""
        self._steps[counter] = step

    def close(self) -> None:
        """Keep the counters, after all have been advanced."""
        graph = self._graph
        agree = [
            graph.equal(graph.add(self.now[counter], self._steps[counter]), value)
            for counter, value in self._steady.items()
        ]
        steady = agree[0]
        for other in agree[1:]:
            steady = graph.mul(steady, other)
        steps = [*(self._steps[counter] for counter in self._steady)]
        row = graph.op("Concat", *steps, graph.sub(steady, self.now["steady"]), axis=0)
        row = graph.op("Cast", row, to=TensorProto.FLOAT)
        self._memory.keep("clock", graph.op("Add", self._before, row), len(steps) + 1)
