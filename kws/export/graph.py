"""A small builder of ONNX graphs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSETS = range(18, 22)  # in these all operators used here mean the same
DEFAULT_OPSET = 18
Shape = Sequence[int | str | None]
_ELEMENTS = {"f": TensorProto.FLOAT, "b": TensorProto.BOOL}
_STORED = {"f": np.float32, "i": np.int64, "b": np.bool_}
_KEPT = ("|i1", "|u1", "<i4")  # types of their own
# a constant of the whole graph costs time at each call of a branch, a copy only costs space
_SHARED_SIZE = 512
_Constants = dict[tuple[str, tuple[int, ...], bytes], onnx.TensorProto]


class Graph:
    """Nodes and constants of one graph under construction.

    Values are referred to by their names. A node's only output gets a name of its own.
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self._shared: _Constants = {}
        self._own: _Constants = {}  # of the branch whose nodes these are
        self._prepared: dict[tuple[str, ...], onnx.NodeProto] = {}  # of the whole graph
        self._num_names = 0

    def op(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of one output and return that output's name."""
        (output,) = self.ops(op_type, 1, *inputs, **attributes)
        return output

    def ops(self, op_type: str, num_outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node and return the names of its outputs."""
        outputs = [self.new_name(op_type) for _ in range(num_outputs)]
        self.nodes.append(helper.make_node(op_type, inputs, outputs, **attributes))
        return outputs

    def new_name(self, stem: str) -> str:
        """A name that no other value has."""
        self._num_names += 1
        return f"{stem}{self._num_names}"

    def rename(self, value: str, stem: str) -> str:
        """Let the latest node's output have a name that begins with `stem`; that name."""
        (output,) = self.nodes[-1].output
        if output != value:
            raise ValueError(f"{value} is not the output of the latest node, {output} is")
        name = self.new_name(stem)
        self.nodes[-1].output[0] = name
        return name

    def constant(self, value: npt.ArrayLike, *, is_shared: bool = False) -> str:
        """The name of a constant: float32, int64, bool, or integers of fewer bits as they are.

        Equal ones are stored once, small ones once in each branch unless `is_shared`.
        """
        array = np.asarray(value)
        if array.dtype.str not in _KEPT:
            array = array.astype(_STORED[array.dtype.kind])
        key = (array.dtype.str, array.shape, array.tobytes())
        constants = self._shared if is_shared or array.size >= _SHARED_SIZE else self._own
        if key not in constants:
            constants[key] = numpy_helper.from_array(array.copy(), self.new_name("c"))
        return constants[key].name

    def rows(self, table: npt.ArrayLike, index: npt.ArrayLike) -> str:
        """Rows of a constant; the file holds each once, and they are chosen when it is loaded."""
        inputs = self.constant(table, is_shared=True), self.constant(index, is_shared=True)
        return self._prepare("Gather", *inputs, axis=0)

    def scaled(self, steps: npt.NDArray[np.int8], scales: npt.ArrayLike) -> str:
        """A float constant that the file holds in steps, with the scales of its columns."""
        numbers = self.constant(steps, is_shared=True)
        numbers = self._prepare("Cast", numbers, to=TensorProto.FLOAT)
        return self._prepare("Mul", numbers, self.constant(scales, is_shared=True))

    def _prepare(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """A node of the whole graph that has constants as inputs: it runs when it is loaded."""
        key = op_type, *inputs
        if key not in self._prepared:
            output = self.new_name(op_type)
            self._prepared[key] = helper.make_node(op_type, inputs, [output], **attributes)
        return str(self._prepared[key].output[0])

    def switch(self, name: str) -> str:
        """A constant of the whole graph, false, of this very name: meant to be found and set."""
        array = np.array([False])
        self._shared[array.dtype.str, array.shape, name.encode()] = numpy_helper.from_array(
            array, name
        )
        return name

    def reshape(self, x: str, *shape: int) -> str:
        """`x` in another shape; -1 is what remains, 0 as it was."""
        return self.op("Reshape", x, self.constant(np.array(shape)))

    def slice(self, x: str, axis: int, start: str | int, end: str | int | None = None) -> str:
        """Part of `x` along one axis; numbers or names of (1,) values, to the end without `end`."""
        stop = 2**62 if end is None else end
        return self.op("Slice", x, self.integer(start), self.integer(stop), self.constant([axis]))

    def integer(self, value: str | int) -> str:
        """The name of a (1,) integer, or of the constant that a number is."""
        return value if isinstance(value, str) else self.constant([value])

    def add(self, *terms: str | int) -> str:
        """The sum of (1,) integers."""
        return functools.reduce(lambda a, b: self.op("Add", a, b), map(self.integer, terms))

    def sub(self, a: str | int, b: str | int) -> str:
        """a - b of (1,) integers."""
        return self.op("Sub", self.integer(a), self.integer(b))

    def mul(self, a: str | int, b: str | int) -> str:
        """a * b of (1,) integers."""
        return self.op("Mul", self.integer(a), self.integer(b))

    def at_least(self, a: str, least: int) -> str:
        """max(a, least) of integers."""
        return self.op("Max", a, self.integer(least))

    def at_most(self, a: str, most: str | int) -> str:
        """min(a, most) of integers."""
        return self.op("Min", a, self.integer(most))

    def equal(self, a: str, b: str | int) -> str:
        """Whether two (1,) integers are equal: 1 or 0."""
        return self.op("Cast", self.op("Equal", a, self.integer(b)), to=TensorProto.INT64)

    def count_from(self, start: str | int, stop: str, step: int = 1) -> str:
        """start, start + step, ... below stop, of (1,) integers."""
        first = self._scalar(start) if isinstance(start, str) else self.constant(start)
        return self.op("Range", first, self._scalar(stop), self.constant(step))

    def _scalar(self, x: str) -> str:
        return self.op("Squeeze", x, self.constant([0]))

    def body(
        self, inputs: Mapping[str, Shape], emit: Callable[[], Mapping[str, Shape]]
    ) -> onnx.GraphProto:
        """The graph of a branch or of one step of a loop; its large constants belong to the whole.

        Args:
            inputs: names, which `emit` uses, and shapes.
            emit: adds the nodes; returns the names and shapes of the outputs.
        """
        outside, self.nodes, self._own = (self.nodes, self._own), [], {}
        outputs = emit()
        nodes, constants = self.nodes, list(self._own.values())
        self.nodes, self._own = outside
        ins, outs = (
            [_value(name, "f", shape) for name, shape in part.items()] for part in (inputs, outputs)
        )
        return helper.make_graph(nodes, self.new_name("body"), ins, outs, constants)

    def choose(
        self,
        condition: str,
        then: Callable[[], Sequence[str]],
        otherwise: Callable[[], Sequence[str]],
        shapes: Sequence[Shape],
    ) -> list[str]:
        """What one of two branches gives.

        Args:
            condition: a bool of one element.
            then, otherwise: add the nodes of a branch; return the names of its outputs.
            shapes: of the outputs.
        """
        then_branch, else_branch = (
            self.body({}, functools.partial(_with_shapes, emit, shapes))
            for emit in (then, otherwise)
        )
        return self.ops(
            "If", len(shapes), condition, then_branch=then_branch, else_branch=else_branch
        )

    def model(
        self,
        inputs: Mapping[str, tuple[str, Shape]],
        outputs: Mapping[str, tuple[str, Shape]],
        opset: int,
        metadata: Mapping[str, str],
    ) -> onnx.ModelProto:
        """The finished model.

        Args:
            inputs: element type ("f" or "b") and shape of each.
            outputs: the name of the value that becomes the output, and its shape.
            opset: the version of the operators.
            metadata: the entries of metadata_props.
        """
        named = [helper.make_node("Identity", [v], [name]) for name, (v, _) in outputs.items()]
        graph = helper.make_graph(
            [*self._prepared.values(), *self.nodes, *named],
            "kws",
            [_value(name, *kind) for name, kind in inputs.items()],
            [_value(name, "f", shape) for name, (_, shape) in outputs.items()],
            [*self._shared.values(), *self._own.values()],
        )
        opsets = [helper.make_opsetid("", opset)]
        # the oldest form that holds the opset: older readers understand it
        ir_version = helper.find_min_ir_version_for(opsets)
        model = helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)
        model.producer_name = "kws"
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        return model


def _with_shapes(emit: Callable[[], Sequence[str]], shapes: Sequence[Shape]) -> dict[str, Shape]:
    return dict(zip(emit(), shapes, strict=True))


def _value(name: str, kind: str, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, _ELEMENTS[kind], shape)
