"""How each component type is written as ONNX operators: one function per type, in one table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kws.errors import InputError
from kws.export.graph import Graph
from kws.export.quantize import QuantizedAffine
from kws.export.windows import Windows
from kws.nnet import Component
from kws.nnet.components import (
    AdditiveNoiseComponent,
    AffineComponent,
    AffineComponentPreconditioned,
    AffineComponentPreconditionedOnline,
    BlockAffineComponent,
    BlockAffineComponentPreconditioned,
    Convolutional1dComponent,
    DropoutComponent,
    LogSoftmaxComponent,
    MaxpoolingComponent,
    NormalizeComponent,
    RectifiedLinearComponent,
    SigmoidComponent,
    SoftmaxComponent,
    SpliceComponent,
    SpliceMaxComponent,
    TanhComponent,
)
from kws.nnet.components.convolutional import POOLING_FLOOR
from kws.nnet.components.nonlinearity import PROBABILITY_FLOOR

# from the component and its input (N * T, input_dim) to its output (N * T, output_dim)
Emitter = Callable[[Graph, Windows, Any, str], str]


def emit_components(
    graph: Graph,
    windows: Windows,
    components: Sequence[Component | QuantizedAffine],
    x: str,
    source: str,
) -> str:
    """The network's components one after the other: (N * T, input_dim) -> (N * T, output_dim).

    Raises:
        InputError: a component type that has no emitter.
    """
    for component in components:
        name = type(component).__name__
        if type(component) not in EMITTERS:
            raise InputError(f"{source}: {name} cannot be exported; make the network without it")
        x = EMITTERS[type(component)](graph, windows, component, x)
    return x


def _affine(graph: Graph, windows: Windows, component: AffineComponent, x: str) -> str:
    weight = graph.constant(component.weight.detach().numpy())
    return graph.op("Gemm", x, weight, graph.constant(component.bias.detach().numpy()), transB=1)


def _quantized_affine(graph: Graph, windows: Windows, component: QuantizedAffine, x: str) -> str:
    # the standard form of it, which onnxruntime turns into one integer product
    scale = graph.constant(component.input_scale)
    zero = graph.constant(np.uint8(component.zero_point))
    steps = graph.op("QuantizeLinear", x, scale, zero)
    x = graph.op("DequantizeLinear", steps, scale, zero)
    scales = component.weight_scales
    weight = graph.op(
        "DequantizeLinear",
        graph.constant(component.weights),
        graph.constant(scales),
        graph.constant(np.zeros(len(scales), np.int8)),
        axis=1,
    )
    bias = graph.op(
        "DequantizeLinear",
        graph.constant(component.biases),
        graph.constant(scales * np.float32(component.input_scale)),
        graph.constant(np.zeros(len(scales), np.int32)),
        axis=0,
    )
    return graph.op("Gemm", x, weight, bias)


def _block_affine(graph: Graph, windows: Windows, component: BlockAffineComponent, x: str) -> str:
    # a convolution over one position, whose groups of channels are the blocks
    x = graph.reshape(x, -1, component.input_dim, 1)
    weight = graph.constant(component.weight.detach().numpy()[:, :, None])
    bias = graph.constant(component.bias.detach().numpy())
    y = graph.op("Conv", x, weight, bias, group=component.num_blocks)
    return graph.reshape(y, -1, component.output_dim)


def _convolution(
    graph: Graph, windows: Windows, component: Convolutional1dComponent, x: str
) -> str:
    channels, stride = component.num_channels, component.patch_stride
    if component.appended_conv:
        x = graph.op("Transpose", graph.reshape(x, -1, stride, channels), perm=[0, 2, 1])
    else:
        x = graph.reshape(x, -1, channels, stride)
    weight = component.weight.detach().numpy().reshape(-1, channels, component.patch_dim)
    bias = graph.constant(component.bias.detach().numpy())
    y = graph.op("Conv", x, graph.constant(weight), bias, strides=[component.patch_step])
    y = graph.op("Transpose", y, perm=[0, 2, 1])  # (N * T, patches, filters)
    return graph.reshape(y, -1, component.output_dim)


def _maxpooling(graph: Graph, windows: Windows, component: MaxpoolingComponent, x: str) -> str:
    size, stride = component.pool_size, component.pool_stride
    pools = graph.reshape(x, -1, component.output_dim // stride, size, stride)
    y = graph.op("ReduceMax", pools, graph.constant([2]), keepdims=0)
    y = graph.reshape(y, -1, component.output_dim)
    return graph.op("Max", y, graph.constant(POOLING_FLOOR))


def _sigmoid(graph: Graph, windows: Windows, component: SigmoidComponent, x: str) -> str:
    return graph.op("Sigmoid", x)


def _tanh(graph: Graph, windows: Windows, component: TanhComponent, x: str) -> str:
    return graph.op("Tanh", x)


def _relu(graph: Graph, windows: Windows, component: RectifiedLinearComponent, x: str) -> str:
    return graph.op("Relu", x)


def _normalize(graph: Graph, windows: Windows, component: NormalizeComponent, x: str) -> str:
    # x / ||x||; the floor below a root mean square of 2^-33 is left out: only 0 stays 0
    y = graph.op("LpNormalization", x, axis=-1, p=2)
    return graph.op("Mul", y, graph.constant(math.sqrt(component.dim)))


def _softmax(graph: Graph, windows: Windows, component: SoftmaxComponent, x: str) -> str:
    return graph.op("Softmax", x, axis=-1)  # its floor of 1e-20 is as good as 0 here


def _log_softmax(graph: Graph, windows: Windows, component: LogSoftmaxComponent, x: str) -> str:
    y = graph.op("LogSoftmax", x, axis=-1)
    return graph.op("Max", y, graph.constant(math.log(PROBABILITY_FLOOR)))


def _dropout(graph: Graph, windows: Windows, component: DropoutComponent, x: str) -> str:
    return x  # its mean


def _noise(graph: Graph, windows: Windows, component: AdditiveNoiseComponent, x: str) -> str:
    return graph.op("Add", x, graph.constant(0.5 * component.stddev))  # its mean


def _splice(graph: Graph, windows: Windows, component: SpliceComponent, x: str) -> str:
    rows = windows.gather(x, component.input_dim, component.context)
    spliced = component.input_dim - component.const_component_dim
    if spliced == component.input_dim:
        return rows
    frames = graph.reshape(rows, -1, len(component.context), component.input_dim)
    varying = graph.slice(frames, 2, 0, spliced)
    once = graph.slice(graph.slice(frames, 1, 0, 1), 2, spliced)
    columns = [
        graph.reshape(part, -1, size)
        for part, size in (
            (varying, spliced * len(component.context)),
            (once, component.const_component_dim),
        )
    ]
    return graph.op("Concat", *columns, axis=1)


def _splice_max(graph: Graph, windows: Windows, component: SpliceMaxComponent, x: str) -> str:
    rows = windows.gather(x, component.dim, component.context)
    frames = graph.reshape(rows, -1, len(component.context), component.dim)
    return graph.op("ReduceMax", frames, graph.constant([1]), keepdims=0)


EMITTERS: dict[type[Component | QuantizedAffine], Emitter] = {
    AdditiveNoiseComponent: _noise,
    AffineComponent: _affine,
    AffineComponentPreconditioned: _affine,
    AffineComponentPreconditionedOnline: _affine,
    BlockAffineComponent: _block_affine,
    BlockAffineComponentPreconditioned: _block_affine,
    Convolutional1dComponent: _convolution,
    DropoutComponent: _dropout,
    LogSoftmaxComponent: _log_softmax,
    MaxpoolingComponent: _maxpooling,
    NormalizeComponent: _normalize,
    QuantizedAffine: _quantized_affine,
    RectifiedLinearComponent: _relu,
    SigmoidComponent: _sigmoid,
    SoftmaxComponent: _softmax,
    SpliceComponent: _splice,
    SpliceMaxComponent: _splice_max,
    TanhComponent: _tanh,
}
