"""The order of the fields in the files of each nnet2 component type.

A layout is written like `Dim:int [Stddev:float] (A:int | B:int C:int)`: what stands in brackets
may be left out, of alternatives in parentheses one is there. The older layouts that Kaldi still
reads are such alternatives (nnet-component.cc, the Read functions).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NONLINEARITY = "Dim:int [(ValueSum:vector DerivSum:vector Count:double | Counts:vector)]"
_AFFINE = "LearningRate:float LinearParams:matrix BiasParams:vector "
_CONTEXT = "(Context:ints | LeftContext:int RightContext:int)"
_BLOCKS = "LearningRate:float NumBlocks:int LinearParams:matrix BiasParams:vector"
_TEXTS = {
    "SigmoidComponent": _NONLINEARITY,
    "TanhComponent": _NONLINEARITY,
    "RectifiedLinearComponent": _NONLINEARITY,
    "SoftHingeComponent": _NONLINEARITY,
    "NormalizeComponent": _NONLINEARITY,
    "SoftmaxComponent": _NONLINEARITY,
    "LogSoftmaxComponent": _NONLINEARITY,
    "PowerComponent": "InputDim:int OutputDim:int Power:float",
    "PnormComponent": "InputDim:int OutputDim:int P:float",
    "MaxoutComponent": "InputDim:int OutputDim:int",
    "ScaleComponent": "Dim:int Scale:float",
    "AffineComponent": _AFFINE + "[AvgInput:vector AvgInputCount:float] [IsGradient:flag]",
    "AffineComponentPreconditioned": _AFFINE + "Alpha:float [MaxChange:float]",
    "AffineComponentPreconditionedOnline": _AFFINE
    + "(RankIn:int RankOut:int | Rank:int) [UpdatePeriod:int] NumSamplesHistory:float "
    "Alpha:float MaxChangePerSample:float",
    "BlockAffineComponent": _BLOCKS,
    "BlockAffineComponentPreconditioned": _BLOCKS + " Alpha:float IsGradient:flag",
    "SumGroupComponent": "Sizes:ints",
    "PermuteComponent": "Reorder:ints",
    "DctComponent": "Dim:int DctDim:int Reorder:flag [DctKeepDim:int]",
    "FixedLinearComponent": "CuMatrix:matrix",
    "FixedAffineComponent": "LinearParams:matrix BiasParams:vector",
    "FixedScaleComponent": "Scales:vector",
    "FixedBiasComponent": "Bias:vector",
    "SpliceComponent": f"InputDim:int {_CONTEXT} ConstComponentDim:int",
    "SpliceMaxComponent": f"Dim:int {_CONTEXT}",
    "DropoutComponent": "Dim:int DropoutScale:float DropoutProportion:float",
    "AdditiveNoiseComponent": "Dim:int Stddev:float",
    "Convolutional1dComponent": "LearningRate:float PatchDim:int PatchStep:int PatchStride:int "
    "[AppendedConv:flag] FilterParams:matrix BiasParams:vector [IsGradient:flag]",
    "MaxpoolingComponent": "InputDim:int OutputDim:int PoolSize:int PoolStride:int",
}


@dataclass(frozen=True)
class Layout:
    """What a component's file holds.

    Attributes:
        orders: all allowed orders of tags.
        kinds: the kind of value behind each tag.
    """

    orders: tuple[tuple[str, ...], ...]
    kinds: dict[str, str]

    def after(self, tag: str | None) -> tuple[str | None, ...]:
        """The tags that may follow `tag`; None for the component's begin and its end."""
        steps = [(None, *order, None) for order in self.orders]
        followers = (step[step.index(tag) + 1] for step in steps if tag in step)
        return tuple(dict.fromkeys(followers))


def _layout(text: str) -> Layout:
    orders = [tuple(word.partition(":")[0] for word in words) for words in _orders(text)]
    kinds = dict(re.findall(r"(\w+):(\w+)", text))
    return Layout(tuple(orders), kinds)


def _orders(text: str) -> Iterator[tuple[str, ...]]:
    """The orders that a layout's text allows, the newest first."""
    group = re.search(r"\[([^\[\]]*)\]", text)
    innermost = re.search(r"\(([^()]*)\)", text)
    if innermost is not None:
        for choice in innermost.group(1).split("|"):
            yield from _orders(text[: innermost.start()] + choice + text[innermost.end() :])
    elif group is not None:
        yield from _orders(text[: group.start()] + group.group(1) + text[group.end() :])
        yield from _orders(text[: group.start()] + text[group.end() :])
    else:
        yield tuple(text.split())


LAYOUTS = {name: _layout(text) for name, text in _TEXTS.items()}
