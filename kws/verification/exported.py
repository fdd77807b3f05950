"""An exported file's tracks, its inner features included."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from kws.audio import background
from kws.detection import Detection, Detector
from kws.errors import InputError
from kws.features import parse_feature_options
from kws.inference import onnxruntime
from kws.runtime import Metadata, Model, Scores
from kws.verification.comparison import Track

Array = npt.NDArray[np.float32]
MARK = "features"  # what the exporter's names of the fbank's values begin with
OUTPUT = "inner_features"


class ExportedFile:
    """An exported file as any program may call it, with its inner features.

    The numbers come from the file as it is; the features from a copy in memory to which an output
    has been added, run beside it on the same inputs.
    """

    def __init__(self, path: str | Path) -> None:
        """Read an exported file.

        Raises:
            InputError: it is not usable, or has no features inside.
        """
        self.path = Path(path)
        self._model = Model.load(path)
        options = parse_feature_options(self.metadata.features, str(path))
        self._probe = _session(with_features(onnx.load(path), options.raw.dim, str(path)))

    @property
    def metadata(self) -> Metadata:
        """What the file says about itself."""
        return self._model.metadata

    @property
    def source(self) -> str:
        """Its name, for messages."""
        return self._model.source

    def track(self, chunks: Iterable[Array], detector: Detector) -> Track:
        """What the file itself makes of chunks of any length.

        Args:
            chunks: (S,) each, at 16-bit scale; background follows the last one.
            detector: the way from its confidences to events.
        """
        features: list[Array] = []
        outputs: list[Scores] = []
        events: list[Detection] = []
        state, events_state = self._model.init_state(), detector.init_state()
        chunks = list(chunks)

        def run(chunk: Array, flush: bool) -> tuple[Array, Array]:
            nonlocal state
            values = {"samples": chunk[None], "state": state, "flush": np.array(flush)}
            features.extend(self._probe.run([OUTPUT], values))
            outputs.append(self._model.run(chunk[None], state, flush))
            state = outputs[-1].next_state
            return outputs[-1].confidences[0], outputs[-1].smoothed[0]

        for chunk in chunks:
            frames = run(chunk, False)
            found, events_state = detector.step(frames, events_state)
            events += found
        samples, rate = np.concatenate(chunks), self.metadata.sample_rate
        frames = run(background(samples, rate), True)
        events += detector.finish(frames, events_state, len(samples) / rate)
        return Track(
            np.concatenate(features),
            np.concatenate([scores.posteriors[0] for scores in outputs]),
            np.concatenate([scores.smoothed[0] for scores in outputs]),
            np.concatenate([scores.confidences[0] for scores in outputs]),
            tuple(events),
        )


def with_features(model: onnx.ModelProto, dim: int, source: str) -> onnx.ModelProto:
    """A copy of an exported model with its inner features as one more output, (N * T, D).

    They are in whichever branch is taken; the branches beside it give none.

    Args:
        model: what `kws export` writes.
        dim: D, of the filter bank's features.
        source: the file's name, for error messages.

    Raises:
        InputError: there are no features in it.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    name = _Exposure(dim).expose(copy.graph)
    if name is None:
        raise InputError(f"{source}: has no value named {MARK}... inside; export the model again")
    copy.graph.node.append(helper.make_node("Identity", [name], [OUTPUT]))
    copy.graph.output.append(_value(OUTPUT, dim))
    return copy


class _Exposure:
    """Brings features out of the branches in which they are computed.

    Args:
        dim: values per frame.
    """

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._num_names = 0

    def expose(self, graph: onnx.GraphProto) -> str | None:
        """The name that has a graph's features, None if nothing has; changes it in place."""
        found = []
        for node in graph.node:
            found += [output for output in node.output if output.startswith(MARK)]
            branches = [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]
            exposed = [self.expose(branch) for branch in branches]
            if any(exposed):
                for branch, name in zip(branches, exposed, strict=True):
                    branch.output.append(_value(name or self._nothing(branch), self._dim))
                node.output.append(self._new_name())
                found.append(node.output[-1])
        if len(found) < 2:
            return found[0] if found else None
        joined = self._new_name()
        graph.node.append(helper.make_node("Concat", found, [joined], axis=0))
        return joined

    def _nothing(self, graph: onnx.GraphProto) -> str:
        """An empty constant in a branch that has no features."""
        name = self._new_name()
        value = numpy_helper.from_array(np.zeros((0, self._dim), np.float32))
        graph.node.append(helper.make_node("Constant", [], [name], value=value))
        return name

    def _new_name(self) -> str:
        self._num_names += 1
        return f"{OUTPUT}{self._num_names}"


def _value(name: str, dim: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, dim])


def _session(model: onnx.ModelProto) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    content = model.SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
