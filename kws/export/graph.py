"""A small builder of ONNX graphs that carry the state of a stream in one tensor."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

FORMAT = "kws-onnx"
FORMAT_VERSION = "1"
OPSETS = range(18, 22)  # in these all operators used here mean the same
DEFAULT_OPSET = 18
Shape = Sequence[int | str | None]
_NP_TO_ONNX = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "b": TensorProto.BOOL}


@dataclass(frozen=True)
class Slot:
    """A part of the state: what the calls before left, and the place of what this call leaves.

    Attributes:
        before: the name of its value, (N, *shape).
        shape: of one stream.
    """

    before: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Values of one stream."""
        return int(np.prod(self.shape))


class Graph:
    """Nodes, constants and state slots of one graph under construction.

    Values are referred to by their names. A node's only output gets a name of its own.
    """

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._tensors: list[onnx.TensorProto] = []
        self._slots: list[tuple[Slot, str]] = []
        self._kept: dict[str, str] = {}
        self._counter = 0

    def op(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of one output and return that output's name; an input of "" is left out."""
        (output,) = self.ops(op_type, 1, *inputs, **attributes)
        return output

    def ops(self, op_type: str, num_outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node and return the names of its outputs."""
        outputs = [self.new_name(op_type) for _ in range(num_outputs)]
        self._nodes.append(helper.make_node(op_type, inputs, outputs, **attributes))
        return outputs

    def scalar(self, x: str) -> str:
        """A (1,) value as one of shape ()."""
        return self.op("Squeeze", x, self.constant([0]))

    def add(self, *terms: str | int) -> str:
        """The sum of (1,) integers."""
        return functools.reduce(lambda a, b: self.op("Add", a, b), map(self._integer, terms))

    def sub(self, a: str | int, b: str | int) -> str:
        """a - b of (1,) integers."""
        return self.op("Sub", self._integer(a), self._integer(b))

    def mul(self, a: str | int, b: str | int) -> str:
        """a * b of (1,) integers."""
        return self.op("Mul", self._integer(a), self._integer(b))

    def at_least(self, a: str, least: int) -> str:
        """max(a, least) of (1,) integers."""
        return self.op("Max", a, self._integer(least))

    def at_most(self, a: str, most: str | int) -> str:
        """min(a, most) of (1,) integers."""
        return self.op("Min", a, self._integer(most))

    def count_from(self, start: str | int, stop: str, step: int = 1) -> str:
        """start, start + step, ... below stop, of (1,) integers."""
        first = self.scalar(start) if isinstance(start, str) else self.constant(start)
        return self.op("Range", first, self.scalar(stop), self.constant(step))

    def _integer(self, value: str | int) -> str:
        return value if isinstance(value, str) else self.constant([value])

    def new_name(self, stem: str) -> str:
        """A name that no other value has."""
        self._counter += 1
        return f"{stem}_{self._counter}"

    def constant(self, value: npt.ArrayLike) -> str:
        """The name of a constant: float32, int64 or bool; equal ones are stored once."""
        array = np.asarray(value)
        dtype = {"f": np.float32, "i": np.int64, "b": np.bool_, "u": np.uint8}[array.dtype.kind]
        array = np.ascontiguousarray(array.astype(array.dtype if array.itemsize == 1 else dtype))
        key = (array.dtype.str, np.shape(value), array.tobytes())
        if key not in self._constants:
            self._constants[key] = self.new_name("constant")
            tensor = numpy_helper.from_array(array.reshape(np.shape(value)), self._constants[key])
            self._tensors.append(tensor)
        return self._constants[key]

    def slot(self, *shape: int) -> Slot:
        """A part of the state that is (N, *shape), zeros before the first call."""
        slot = Slot(self.new_name("state"), shape)
        self._slots.append((slot, self.new_name("part")))
        return slot

    def keep(self, slot: Slot, value: str) -> None:
        """Say what the call leaves in a slot: `value`, (N, *shape)."""
        self._kept[slot.before] = value

    def body(
        self, inputs: Mapping[str, Shape], emit: Callable[[], Mapping[str, Shape]]
    ) -> onnx.GraphProto:
        """The graph of one step of a loop; its constants belong to the whole.

        Args:
            inputs: names, free to use in `emit`, and shapes.
            emit: adds the nodes; returns the names and shapes of the outputs.
        """
        outside, self._nodes = self._nodes, []
        outputs = emit()
        inside, self._nodes = self._nodes, outside
        ins, outs = (
            [_value(name, "f", shape) for name, shape in part.items()] for part in (inputs, outputs)
        )
        return helper.make_graph(inside, self.new_name("body"), ins, outs)

    def name_output(self, value: str, name: str) -> None:
        """Give a value, too, the name of an output of the graph."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))

    def reshape(self, x: str, *shape: int) -> str:
        """`x` in another shape; -1 is what remains, 0 as it was."""
        return self.op("Reshape", x, self.constant(np.array(shape)))

    def slice(self, x: str, axis: int, start: str | int, end: str | int | None = None) -> str:
        """Part of `x` along one axis; numbers or names of (1,) values, to the end without `end`."""
        begin = start if isinstance(start, str) else self.constant([start])
        stop = end if isinstance(end, str) else self.constant([2**62 if end is None else end])
        return self.op("Slice", x, begin, stop, self.constant([axis]))

    def model(
        self,
        inputs: Mapping[str, tuple[str, Shape]],
        outputs: Mapping[str, tuple[str, Shape]],
        opset: int,
        metadata: Mapping[str, str],
    ) -> onnx.ModelProto:
        """The finished model.

        Args:
            inputs, outputs: element type ("f" or "b") and shape of each; `state` and
                `next_state` are added here.
            opset: the version of the operators.
            metadata: the entries of metadata_props.
        """
        size = self.state_size
        state, next_state = (_value(n, "f", ["N", size]) for n in ("state", "next_state"))
        first, last = self._state_nodes()
        graph = helper.make_graph(
            [*first, *self._nodes, *last],
            "kws",
            [
                *(_value(name, *kind) for name, kind in inputs.items() if name != "flush"),
                state,
                *(_value(name, *kind) for name, kind in inputs.items() if name == "flush"),
            ],
            [*(_value(name, *kind) for name, kind in outputs.items()), next_state],
            self._tensors,
        )
        opsets = [helper.make_opsetid("", opset)]
        # the oldest form that holds the opset: older readers understand it
        ir_version = helper.find_min_ir_version_for(opsets)
        model = helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)
        model.producer_name = "kws"
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        return model

    @property
    def state_size(self) -> int:
        """Values of the state of one stream, K."""
        return sum(slot.size for slot, _ in self._slots)

    def _state_nodes(self) -> tuple[list[onnx.NodeProto], list[onnx.NodeProto]]:
        """The nodes that take the state apart, and those that put the next one together."""
        sizes = self.constant([slot.size for slot, _ in self._slots])
        first = [helper.make_node("Split", ["state", sizes], [p for _, p in self._slots], axis=1)]
        kept = []
        last: list[onnx.NodeProto] = []
        for slot, part in self._slots:
            value = self._kept[slot.before]
            flat = value
            if len(slot.shape) > 1:
                shape = self.constant([0, *slot.shape])
                first.append(helper.make_node("Reshape", [part, shape], [slot.before]))
                flat = self.new_name("flat")
                shape = self.constant([0, slot.size])
                last.append(helper.make_node("Reshape", [value, shape], [flat]))
            else:
                first.append(helper.make_node("Identity", [part], [slot.before]))
            kept.append(flat)
        last.append(helper.make_node("Concat", kept, ["next_state"], axis=1))
        return first, last


def _value(name: str, kind: str, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, _NP_TO_ONNX[kind], shape)
