"""How each component type is written as ONNX operators: one function per type, in one table."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeGuard

import numpy as np
import torch

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
    DctComponent,
    DropoutComponent,
    FixedAffineComponent,
    FixedBiasComponent,
    FixedLinearComponent,
    FixedScaleComponent,
    LogSoftmaxComponent,
    MaxoutComponent,
    MaxpoolingComponent,
    NormalizeComponent,
    PermuteComponent,
    PnormComponent,
    PowerComponent,
    RectifiedLinearComponent,
    ScaleComponent,
    SigmoidComponent,
    SoftHingeComponent,
    SoftmaxComponent,
    SpliceComponent,
    SpliceMaxComponent,
    SumGroupComponent,
    TanhComponent,
)
from kws.nnet.components.convolutional import POOLING_FLOOR
from kws.nnet.components.nonlinearity import PROBABILITY_FLOOR

_Exported = Component | QuantizedAffine
# from the component and its input (N * T, input_dim) to its output (N * T, output_dim)
Emitter = Callable[[Graph, Windows, Any, str], str]


def emit_components(
    graph: Graph,
    windows: Windows,
    components: Sequence[_Exported],
    x: str,
    source: str,
) -> str:
    """The network's components one after the other: (N * T, input_dim) -> (N * T, output_dim).

    Raises:
        InputError: a component type that has no emitter.
    """
    is_quantized = False  # x is an input in steps, as the next component takes it
    for before, component, following in _neighbours(components):
        name = type(component).__name__
        if type(component) not in EMITTERS:
            raise InputError(f"{source}: {name} cannot be exported; make the network without it")
        if isinstance(component, QuantizedAffine) and is_quantized:
            x, is_quantized = _integer_product(graph, component, x), False
        elif _is_plain_splice(component) and _has_integer_input(following):
            # each frame once, and not in each window
            steps = functools.partial(_steps, graph, following)
            x = windows.gather(x, component.input_dim, component.context, steps)
            is_quantized = True
        elif (
            isinstance(component, RectifiedLinearComponent)
            and _has_integer_input(before)
            and not _has_integer_input(following)
        ):
            # onnxruntime would join a Relu with the product, as one of floats, and turn all
            # weights into floats in every call
            x = graph.op("Max", x, graph.constant(0.0))
        else:
            x = EMITTERS[type(component)](graph, windows, component, x)
    return x


def _neighbours(
    components: Sequence[_Exported],
) -> Iterator[tuple[_Exported | None, _Exported, _Exported | None]]:
    """Every component with the one before it and the one after it."""
    return zip([None, *components], components, [*components[1:], None], strict=False)


def _is_plain_splice(component: _Exported) -> TypeGuard[SpliceComponent]:
    return isinstance(component, SpliceComponent) and not component.const_component_dim


def _has_integer_input(component: _Exported | None) -> TypeGuard[QuantizedAffine]:
    return isinstance(component, QuantizedAffine) and component.has_integer_input


def _affine(
    graph: Graph, windows: Windows, component: AffineComponent | FixedAffineComponent, x: str
) -> str:
    weight = graph.constant(component.weight.detach().numpy())
    return graph.op("Gemm", x, weight, graph.constant(component.bias.detach().numpy()), transB=1)


def _quantized_affine(graph: Graph, windows: Windows, component: QuantizedAffine, x: str) -> str:
    if component.has_integer_input:
        return _integer_product(graph, component, _steps(graph, component, x))
    weight = graph.scaled(component.weights, component.weight_scales)
    return graph.op("Gemm", x, weight, graph.constant(component.affine.bias.detach().numpy()))


def _steps(graph: Graph, component: QuantizedAffine, x: str) -> str:
    """The component's input in steps."""
    scale, zero = _input_steps(graph, component)
    return graph.op("QuantizeLinear", x, scale, zero)


def _integer_product(graph: Graph, component: QuantizedAffine, steps: str) -> str:
    # the standard form of it, which onnxruntime turns into one integer product
    x = graph.op("DequantizeLinear", steps, *_input_steps(graph, component))
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


def _input_steps(graph: Graph, component: QuantizedAffine) -> tuple[str, str]:
    """The scale and the zero of the component's input."""
    return graph.constant(component.input_scale), graph.constant(np.uint8(component.zero_point))


def _linear(
    graph: Graph,
    windows: Windows,
    component: DctComponent | FixedLinearComponent | SumGroupComponent,
    x: str,
) -> str:
    # what it makes of each unit vector is a row of the matrix
    with torch.no_grad():
        matrix = component(torch.eye(component.input_dim)[None])[0].numpy()
    return graph.op("MatMul", x, graph.constant(matrix))


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


def _maxout(graph: Graph, windows: Windows, component: MaxoutComponent, x: str) -> str:
    groups = graph.reshape(x, -1, component.output_dim, component.input_dim // component.output_dim)
    y = graph.op("ReduceMax", groups, graph.constant([2]), keepdims=0)
    return graph.op("Max", y, graph.constant(POOLING_FLOOR))


def _pnorm(graph: Graph, windows: Windows, component: PnormComponent, x: str) -> str:
    x = graph.reshape(x, -1, component.output_dim, component.input_dim // component.output_dim)
    axes, p = graph.constant([2]), component.p
    if p in (1.0, 2.0):
        return graph.op(f"ReduceL{p:g}", x, axes, keepdims=0)
    magnitude = graph.op("Abs", x)
    if p == 0.0:
        return graph.op("ReduceSum", graph.op("Sign", magnitude), axes, keepdims=0)
    if math.isinf(p):
        return graph.op("ReduceMax", magnitude, axes, keepdims=0)
    largest = graph.op("ReduceMax", magnitude, axes, keepdims=1)
    # no power overflows, nothing is divided by 0
    largest = graph.op("Max", largest, graph.constant(np.finfo(np.float32).tiny))
    powers = graph.op("Pow", graph.op("Div", magnitude, largest), graph.constant(p))
    norm = graph.op("ReduceSum", powers, axes, keepdims=1)
    y = graph.op("Mul", largest, graph.op("Pow", norm, graph.constant(1.0 / p)))
    return graph.reshape(y, -1, component.output_dim)


def _permute(graph: Graph, windows: Windows, component: PermuteComponent, x: str) -> str:
    return graph.op("Gather", x, graph.constant(component.sources.numpy()), axis=1)


def _scale(graph: Graph, windows: Windows, component: ScaleComponent, x: str) -> str:
    return graph.op("Mul", x, graph.constant(component.scale))


def _fixed_scale(graph: Graph, windows: Windows, component: FixedScaleComponent, x: str) -> str:
    return graph.op("Mul", x, graph.constant(component.factors.numpy()))


def _fixed_bias(graph: Graph, windows: Windows, component: FixedBiasComponent, x: str) -> str:
    return graph.op("Add", x, graph.constant(component.offsets.numpy()))


def _power(graph: Graph, windows: Windows, component: PowerComponent, x: str) -> str:
    return graph.op("Pow", graph.op("Abs", x), graph.constant(component.power))


def _soft_hinge(graph: Graph, windows: Windows, component: SoftHingeComponent, x: str) -> str:
    return graph.op("Softplus", x)


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


EMITTERS: dict[type[_Exported], Emitter] = {
    AdditiveNoiseComponent: _noise,
    AffineComponent: _affine,
    AffineComponentPreconditioned: _affine,
    AffineComponentPreconditionedOnline: _affine,
    BlockAffineComponent: _block_affine,
    BlockAffineComponentPreconditioned: _block_affine,
    Convolutional1dComponent: _convolution,
    DctComponent: _linear,
    DropoutComponent: _dropout,
    FixedAffineComponent: _affine,
    FixedBiasComponent: _fixed_bias,
    FixedLinearComponent: _linear,
    FixedScaleComponent: _fixed_scale,
    LogSoftmaxComponent: _log_softmax,
    MaxoutComponent: _maxout,
    MaxpoolingComponent: _maxpooling,
    NormalizeComponent: _normalize,
    PermuteComponent: _permute,
    PnormComponent: _pnorm,
    PowerComponent: _power,
    QuantizedAffine: _quantized_affine,
    RectifiedLinearComponent: _relu,
    ScaleComponent: _scale,
    SigmoidComponent: _sigmoid,
    SoftHingeComponent: _soft_hinge,
    SoftmaxComponent: _softmax,
    SpliceComponent: _splice,
    SpliceMaxComponent: _splice_max,
    SumGroupComponent: _linear,
    TanhComponent: _tanh,
}
