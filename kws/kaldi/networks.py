"""Kaldi's nnet2 networks as networks of this program, and back.

A component's file becomes a config line and tensors. What a network here has no use for is the
statistics of the nonlinearities (`statistics_of`), the average input and the gradient flag of old
files, and the order of tags of older layouts: the last two are not kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kws.config import ConfigLine
from kws.errors import InputError
from kws.kaldi.layouts import LAYOUTS
from kws.kaldi.nnet2 import KaldiComponent, KaldiModel
from kws.nnet import Component, Nnet

# what a line that names a file says when the values came without one
NO_FILE = "kept-in-the-model"
_FILE_KEYS = {
    "FixedLinearComponent": "matrix",
    "FixedAffineComponent": "matrix",
    "FixedScaleComponent": "scales",
    "FixedBiasComponent": "bias",
}
_TENSORS = {
    "LinearParams": "weight",
    "FilterParams": "weight",
    "CuMatrix": "weight",
    "BiasParams": "bias",
    "Scales": "factors",
    "Bias": "offsets",
}
_STATISTICS: dict[str, Any] = {
    "ValueSum": np.zeros(0, np.float32),
    "DerivSum": np.zeros(0, np.float32),
    "Count": np.float64(0),
}
# of old files, without a meaning for a network that is not in training
_DROPPED = {"Counts", "AvgInput", "AvgInputCount", "IsGradient"}
# beyond these a size is damage: what follows from it is made although no file holds it
MAX_DIM = 2**22
MAX_DCT_DIM = 2**11
_DIMS = {"Dim", "InputDim", "OutputDim", "PoolStride", "PatchStride", "PatchDim"}


def network_of(model: KaldiModel, source: str) -> Nnet:
    """The network in a file of Kaldi.

    Args:
        model: what the file holds.
        source: its name, for messages.

    Raises:
        InputError: the components contradict themselves or each other, or a parameter is not
            finite.
    """
    lines, tensors = [], {}
    for index, component in enumerate(model.components):
        lines.append(_line(component, f"{source}: component {index}"))
        for name, values in _tensors(component).items():
            tensors[f"nnet.{index}.{name}"] = values
    nnet = Nnet.from_lines(lines, None, tensors)
    nnet.load_tensors(tensors, source)
    return nnet


def statistics_of(model: KaldiModel) -> dict[str, Tensor]:
    """What the nonlinearities counted, by `INDEX.TAG`; of those that ever counted."""
    statistics: dict[str, Tensor] = {}
    for index, component in enumerate(model.components):
        fields = {tag: component.get(tag) for tag in _STATISTICS}
        if (counts := component.get("Counts")) is not None:  # the softmax of old files
            fields = {"ValueSum": counts, "DerivSum": counts, "Count": counts.sum()}
        if any(np.size(value) for value in fields.values() if isinstance(value, np.ndarray)):
            for tag, value in fields.items():
                dtype = _STATISTICS[tag].dtype
                statistics[f"{index}.{tag}"] = torch.from_numpy(np.array(value, dtype))
    return statistics


def components_of(
    nnet: Nnet, statistics: Mapping[str, Tensor] | None = None
) -> tuple[KaldiComponent, ...]:
    """A network as Kaldi's file holds it, in the newest layout.

    Args:
        nnet: the network.
        statistics: as `statistics_of` gives them; without them none were counted, as in a network
            that Kaldi has just made.

    Raises:
        InputError: Kaldi's nnet2 has no such component.
    """
    return tuple(
        _component(index, component, statistics or {})
        for index, component in enumerate(nnet.components)
    )


def _line(component: KaldiComponent, place: str) -> ConfigLine:
    """The config line of a component."""
    words: dict[str, str] = {}
    skipped = {*_TENSORS, *_STATISTICS, *_DROPPED}
    for tag, value in component.fields:
        if tag not in skipped and not isinstance(value, np.ndarray):
            words[_dashed(tag)] = _text(value)
    line = ConfigLine(component.type, (), place)
    _check_sizes(component, line)
    if component.type in _FILE_KEYS:
        words[_FILE_KEYS[component.type]] = NO_FILE
    if component.type in _ADJUSTMENTS:
        _ADJUSTMENTS[component.type](component, words, line)
    return ConfigLine(component.type, tuple(f"{k}={v}" for k, v in words.items()), place)


def _check_sizes(component: KaldiComponent, line: ConfigLine) -> None:
    sizes = [(tag, value) for tag, value in component.fields if tag in _DIMS]
    sizes += [("the sum of Sizes", sum(component.get("Sizes", ())))]
    for name, value in sizes:
        if value > MAX_DIM:
            raise line.error(f"{name} is {value}, more than {MAX_DIM}; give a whole model")
    if component.get("InputDim", 1) == 0:  # as a key it would ask for the default
        raise line.error("InputDim is 0; give a whole model")
    if component.get("DctDim", 0) > MAX_DCT_DIM:
        dim = component.get("DctDim")
        raise line.error(f"DctDim is {dim}, more than {MAX_DCT_DIM}; give a whole model")


def _adjust_affine(component: KaldiComponent, words: dict[str, str], _: ConfigLine) -> None:
    rows, columns = component.get("LinearParams").shape
    words["input-dim"] = str(columns * component.get("NumBlocks", 1))
    words["output-dim"] = str(rows)
    if "rank" in words:
        words["rank-in"] = words["rank-out"] = words.pop("rank")


def _adjust_convolution(component: KaldiComponent, words: dict[str, str], line: ConfigLine) -> None:
    size, step, stride = (component.get(f"Patch{name}") for name in ("Dim", "Step", "Stride"))
    if size <= 0 or step <= 0 or stride < size:
        raise line.error(f"PatchDim {size}, PatchStep {step}, PatchStride {stride} cannot be")
    num_filters, num_weights = component.get("FilterParams").shape
    words["input-dim"] = str(num_weights // size * stride)
    words["output-dim"] = str(num_filters * ((stride - size) // step + 1))


def _adjust_splice(component: KaldiComponent, words: dict[str, str], _: ConfigLine) -> None:
    context = component.get("Context", ())
    is_whole = len(context) > 0 and all(b == a + 1 for a, b in pairwise(context))
    if is_whole and context[0] <= 0 <= context[-1]:
        del words["context"]
        words["left-context"], words["right-context"] = str(-context[0]), str(context[-1])


def _adjust_permutation(component: KaldiComponent, words: dict[str, str], line: ConfigLine) -> None:
    reorder = component.get("Reorder")
    if sorted(reorder) != list(range(len(reorder))):
        raise line.error(f"Reorder does not hold each of 0 to {len(reorder) - 1} once")
    del words["reorder"]
    words["dim"] = str(len(reorder))


def _adjust_power(component: KaldiComponent, words: dict[str, str], line: ConfigLine) -> None:
    if component.get("InputDim") != component.get("OutputDim"):
        raise line.error("its InputDim is not its OutputDim; give a whole model")
    del words["output-dim"]


def _adjust_dct(component: KaldiComponent, words: dict[str, str], _: ConfigLine) -> None:
    if component.get("DctKeepDim") == component.get("DctDim"):
        del words["dct-keep-dim"]


_ADJUSTMENTS = {
    "AffineComponent": _adjust_affine,
    "AffineComponentPreconditioned": _adjust_affine,
    "AffineComponentPreconditionedOnline": _adjust_affine,
    "BlockAffineComponent": _adjust_affine,
    "BlockAffineComponentPreconditioned": _adjust_affine,
    "Convolutional1dComponent": _adjust_convolution,
    "SpliceComponent": _adjust_splice,
    "SpliceMaxComponent": _adjust_splice,
    "PermuteComponent": _adjust_permutation,
    "PowerComponent": _adjust_power,
    "DctComponent": _adjust_dct,
}


def _tensors(component: KaldiComponent) -> dict[str, Tensor]:
    """The tensors of a component by the names that it gives them here."""
    if component.type == "PermuteComponent":
        return {"reorder": torch.tensor(component.get("Reorder"), dtype=torch.int64)}
    with np.errstate(over="ignore"):  # a double beyond float becomes inf, which is refused
        return {
            _TENSORS[tag]: torch.from_numpy(np.array(value, dtype=np.float32))
            for tag, value in component.fields
            if tag in _TENSORS
        }


def _component(
    index: int, component: Component, statistics: Mapping[str, Tensor]
) -> KaldiComponent:
    name = type(component).__name__
    if name not in LAYOUTS:
        raise InputError(f"component {index}: Kaldi's nnet2 has no {name}; use another network")
    layout = LAYOUTS[name]
    # the newest order stands first; nothing writes the average input any more
    order = next(order for order in layout.orders if "AvgInput" not in order)
    fields = []
    for tag in order:
        if tag in _STATISTICS:
            counted = statistics.get(f"{index}.{tag}")
            value = _STATISTICS[tag] if counted is None else counted.numpy()[()]
        else:
            value = _value(component, tag, layout.kinds[tag])
        fields.append((tag, value))
    return KaldiComponent(name, tuple(fields))


def _value(component: Component, tag: str, kind: str) -> Any:
    """What a component's file holds behind `tag`."""
    if tag in _TENSORS or (kind == "ints" and tag == "Reorder"):
        tensor: Tensor = getattr(component, _TENSORS.get(tag, "reorder")).detach().cpu()
        return tuple(tensor.tolist()) if kind == "ints" else tensor.float().numpy()
    if tag == "IsGradient":
        return False
    if tag == "DctKeepDim":
        return component.output_dim // (component.input_dim // component.key_value("dct_dim"))
    value = getattr(component, _dashed(tag).replace("-", "_"))
    with np.errstate(over="ignore"):  # a float of Kaldi's is inf then, as where Kaldi reads it
        return np.float32(value) if kind == "float" else value


def _text(value: Any) -> str:
    """A field's value as a config line has it; floats with as many digits as tell them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return ":".join(map(str, value))
    with np.errstate(over="ignore"):
        return str(np.float32(value))


def _dashed(tag: str) -> str:
    """`DctKeepDim` as `dct-keep-dim`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", tag).lower()
