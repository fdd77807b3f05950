"""The nodes of the whole chain from samples to confidences.

A stream begins, ends and may be cut anywhere: the nodes that take care of that are more than those
that compute. So the graph holds the chain three times, around the same constants: for anything that
may come, and for a single frame and for several of a stream that is long on its way, where little
needs to be counted. The latter two are there once more, behind constants that a program may set
instead of letting the graph choose in each call; with them there may be a chain for chunks of one
size.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
from onnx import TensorProto

from kws.export.clock import Clock
from kws.export.components import emit_components
from kws.export.edges import Stage, emit_padded, emit_steady
from kws.export.fbank import emit_frames, emit_raw_features, emit_steady_frames
from kws.export.graph import Graph, Shape
from kws.export.memory import Memory
from kws.export.network import ExportedNetwork
from kws.export.ordered import emit_ordered_confidence, has_chunks
from kws.export.quantize import QuantizedAffine
from kws.export.scores import Call, Track, emit_confidence, emit_smoothing
from kws.export.windows import Frames, Windows
from kws.features import Deltas
from kws.nnet import Component
from kws.nnet.components import SpliceComponent
from kws.posterior import OrderedConfidence
from kws.spotter import Spotter

# names of the constants in the file that `kws.runtime` sets
ONLY_STEADY = "only_steady_frames"
ONLY_KNOWN = "only_known_steady_frames"
ONLY_ONE = "only_one_steady_frame"


class Chain:
    """The chain of one spotter.

    Args:
        spotter: what is exported.
        graph: where the nodes go.
        network: in the form in which it is to be exported.
    """

    def __init__(
        self,
        spotter: Spotter,
        graph: Graph,
        network: ExportedNetwork[Component | QuantizedAffine],
    ) -> None:
        self.spotter, self.graph = spotter, graph
        self.network = network
        self.sizes: dict[str, int] = {}  # of the parts of the state
        self.raw = spotter.options.raw
        self.stages = self._stages()

    @property
    def state_size(self) -> int:
        """Values of the state of one stream, K; known after `emit`."""
        return sum(self.sizes.values())

    @property
    def settled_frames(self) -> int:
        """Frames after which the state counts no further."""
        late = sum(stage.right for stage in self.stages)
        return late + self.stages[-1].memory

    def emit(self) -> list[str]:
        """The names of confidences, smoothed posteriors, posteriors and the next state.

        Before anything else is decided, constants choose the steady chains alone: who knows that a
        stream is long on its way sets the first of them in the file's bytes, and the others for
        calls of which more is known; onnxruntime then loads nothing but that chain (`kws.runtime`
        does).
        """
        graph = self.graph
        num_units, num_keywords = len(self.spotter.units), len(self.spotter.keywords)
        columns = (num_keywords, num_units, num_units)
        shapes: list[Shape] = [*([None, None, dim] for dim in columns), [None, None]]

        one, known, several = (
            functools.partial(self._steady, call) for call in (Call.ONE, Call.KNOWN, Call.SEVERAL)
        )

        def one_or(otherwise: Callable[[], list[str]]) -> list[str]:
            return graph.choose(graph.switch(ONLY_ONE), one, otherwise, shapes)

        def steady() -> list[str]:
            if not self.has_known:
                return one_or(several)
            # no deeper: onnxruntime gives wrong names to loops in a branch of a branch of a branch
            return graph.choose(graph.switch(ONLY_KNOWN), lambda: one_or(known), several, shapes)

        return graph.choose(
            graph.switch(ONLY_STEADY), steady, lambda: self._any(columns, shapes), shapes
        )

    @property
    def has_known(self) -> bool:
        """Whether there is a chain of its own for chunks whose size is known."""
        spotter = self.spotter
        is_ordered = isinstance(spotter.confidence, OrderedConfidence)
        return is_ordered and has_chunks(spotter.keywords, spotter.confidence.w_max)

    def _any(self, columns: Sequence[int], shapes: Sequence[Shape]) -> list[str]:
        """The chain that the stream and the number of samples allow."""
        graph, last = self.graph, len(self._settled)
        steady = graph.op(
            "Slice", "state", *map(graph.constant, ([0, last], [1, last + 1], [0, 1]))
        )
        num_samples = graph.op("Shape", "samples", start=1, end=2)
        # the number of samples where a steady chain may take them, else 0: (1, 1)
        fitting = graph.op("Mul", graph.op("Cast", steady, to=TensorProto.INT64), num_samples)
        fitting = graph.op("Where", "flush", graph.constant(0), fitting)
        shift = graph.constant(self.raw.window_shift)
        is_one = graph.op("Equal", fitting, shift)
        # more than one frame, and no sample beside
        beside = graph.op("Mul", graph.op("Mod", fitting, shift), graph.constant(2**32))
        are_several = graph.op("Greater", fitting, graph.op("Max", beside, shift))
        nothing = [graph.constant(np.zeros((0, 0, dim))) for dim in columns]
        nothing.append(graph.constant(np.zeros((0, 0))))
        # onnxruntime prepares constants for branches, but not for branches within branches: the
        # steady chains need that more
        several = graph.choose(
            are_several,
            lambda: self._steady(Call.SEVERAL),
            lambda: [graph.op("Identity", value) for value in nothing],
            shapes,
        )
        return graph.choose(
            is_one,
            lambda: self._steady(Call.ONE),
            lambda: graph.choose(
                are_several,
                lambda: [graph.op("Identity", value) for value in several],
                self._general,
                shapes,
            ),
            shapes,
        )

    def _general(self) -> list[str]:
        """Any number of samples, the beginning and the end of the stream."""
        graph, memory = self.graph, Memory(self.graph, self.sizes)
        clock = Clock(graph, memory, self._settled)
        flush = graph.reshape(graph.op("Cast", "flush", to=TensorProto.INT64), 1)
        rows, number = emit_frames(graph, memory, clock, self.raw)
        # a product with the matrix on the left needs a frame: there is one more, to be dropped
        another = graph.constant(np.zeros((1, 1, self.raw.window_length)))
        rows = graph.op("Concat", rows, another, axis=0)
        features = emit_raw_features(graph, self.raw, rows, is_one=False)
        frames = self._frames(graph.slice(features, 0, 0, -1), number)
        num_before = None
        for stage in self.stages:
            frames = self._prepared(frames, stage)
            frames, num_before = emit_padded(graph, memory, clock, stage, frames, flush)
        clock.close()
        return self._scores(memory, frames, num_before, Call.ANY)

    def _steady(self, call: Call) -> list[str]:
        """Frames of a stream that is long on its way, no sample more or less."""
        graph, memory, is_one = self.graph, Memory(self.graph, self.sizes), call is Call.ONE
        counters = len(self._settled) + 1
        memory.keep("clock", memory.take("clock", counters), counters)
        rows, number = emit_steady_frames(graph, memory, self.raw, is_one)
        frames = self._frames(emit_raw_features(graph, self.raw, rows, is_one), number)
        for stage in self.stages:
            frames = emit_steady(graph, memory, stage, self._prepared(frames, stage))
        return self._scores(memory, frames, None, call)

    def _frames(self, features: str, number: str | None) -> Frames:
        """The features, under a name by which `kws verify` finds them."""
        return Frames(self.graph.rename(features, "features"), number, self.raw.dim)

    def _prepared(self, frames: Frames, stage: Stage) -> Frames:
        """What goes into a stage: into the network the features as it takes them."""
        cmvn, graph = self.spotter.features.cmvn, self.graph
        if stage is not self.stages[-1] or cmvn is None or self.network.normalizes:
            return frames
        rows = graph.op("Sub", frames.rows, graph.constant(cmvn.mean.numpy()))
        rows = graph.op("Mul", rows, graph.constant(cmvn.inverse_stddev.numpy()))
        return dataclasses.replace(frames, rows=rows)

    def _scores(
        self, memory: Memory, frames: Frames, num_before: str | None, call: Call
    ) -> list[str]:
        graph, spotter = self.graph, self.spotter
        value = Windows(graph, memory, "", frames.number).split_rows(frames.rows, frames.dim)
        posteriors = Track(value, frames.number, frames.dim, frames.rows)
        smoothed = emit_smoothing(graph, memory, spotter.smoothing.w_smooth, posteriors, num_before)
        keywords, w_max = spotter.keywords, spotter.confidence.w_max
        if isinstance(spotter.confidence, OrderedConfidence):
            confidences = emit_ordered_confidence(graph, memory, keywords, w_max, smoothed, call)
        else:
            confidences = emit_confidence(graph, memory, keywords, w_max, smoothed)
        return [confidences, smoothed.value, value, memory.close()]

    @property
    def _settled(self) -> dict[str, int]:
        """The counters and where they stand in a stream that is long on its way."""
        left_over = self.raw.window_length - self.raw.window_shift
        return {"left_over": left_over, **{stage.name: stage.settled for stage in self.stages}}

    def _stages(self) -> list[Stage]:
        """Deltas, if there are any, and normalisation with the network."""
        spotter = self.spotter
        stages = []
        deltas = spotter.features.deltas
        if deltas.scales:
            stages.append(_delta_stage(self.graph, deltas))
        nnet, w_smooth = spotter.nnet, spotter.smoothing.w_smooth
        components = self.network.components

        def emit(windows: Windows, rows: str) -> str:
            return emit_components(self.graph, windows, components, rows, spotter.source)

        left, right = nnet.left_context, nnet.right_context
        keeps = 0
        if isinstance(components[0], SpliceComponent):
            keeps = components[0].context[-1] - components[0].context[0]
        stages.append(Stage("network", left, right, nnet.output_dim, emit, w_smooth, keeps))
        return stages


def _delta_stage(graph: Graph, deltas: Deltas) -> Stage:
    """Features with their deltas."""
    reach, dim = deltas.reach, deltas.dim
    scales = np.zeros((len(deltas.scales) + 1, 2 * reach + 1, 1))
    scales[0, reach] = 1
    for order, pairs in enumerate(deltas.scales, start=1):
        for offset, scale in pairs:
            scales[order, reach + offset] = scale

    def emit(windows: Windows, rows: str) -> str:
        around = windows.gather(rows, dim, range(-reach, reach + 1))
        around = graph.reshape(around, -1, 2 * reach + 1, dim)
        combined = graph.op("Conv", around, graph.constant(scales))
        return graph.reshape(combined, -1, dim * len(scales))

    return Stage("deltas", reach, reach, dim * len(scales), emit, keeps=2 * reach)
