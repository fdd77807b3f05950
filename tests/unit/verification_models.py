"""A small model for the tests of `kws verify`, and its exported file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from runtime_level import bursts

from kws.features import CmvnStats, FeaturePipeline, parse_feature_options
from kws.nnet import Nnet
from kws.spotter import Spotter

SOUND = bursts(6).astype(np.float32)
OUTPUTS = ("confidences", "smoothed", "posteriors", "next_state")
METADATA = {
    "units": ["<filler>", "a", "b", "c"],
    "keywords": [{"name": "ab", "units": [1, 2]}, {"name": "c", "units": [3]}],
    "posterior": {"w_smooth": 10, "w_max": 40, "confidence": "ordered"},
    "refractory_s": 0.3,
}


def make_spotter(delta_order: int = 0, confidence: str = "ordered", bins: int = 8) -> Spotter:
    """A random network whose thresholds give events in SOUND, far from every confidence."""
    lines = f"--num-mel-bins={bins}\n--delta-order={delta_order}\n"
    options = parse_feature_options(f"{lines}--cmvn=global\n--norm-vars=true\n", "fbank.conf")
    plain = parse_feature_options(lines, "fbank.conf")
    rows = FeaturePipeline(plain)(torch.from_numpy(SOUND)[None])
    network = f"""SpliceComponent input-dim={plain.dim} left-context=9 right-context=5
AffineComponent input-dim={15 * plain.dim} output-dim=16 param-stddev=0.1 bias-stddev=0.3
RectifiedLinearComponent dim=16
AffineComponent input-dim=16 output-dim=4 param-stddev=0.6 bias-stddev=0.3
SoftmaxComponent dim=4
"""
    nnet = Nnet.from_config(network, "nnet.config", torch.Generator().manual_seed(3))
    metadata = {**METADATA, "posterior": {**METADATA["posterior"], "confidence": confidence}}
    stats = CmvnStats.zero(plain.dim).accumulate(rows)
    spotter = Spotter.from_parts(options, stats, nnet, metadata)
    confidences, _ = spotter.score_track(SOUND)
    names = [keyword.name for keyword in spotter.keywords]
    return spotter.with_thresholds(
        {
            name: {"threshold": in_a_gap(track)}
            for name, track in zip(names, confidences.T, strict=True)
        }
    )


def in_a_gap(track: np.ndarray) -> float:
    """A threshold as far as possible from every confidence, so that rounding cannot cross it."""
    high = np.sort(track)[round(0.6 * len(track)) : round(0.95 * len(track))]
    widest = np.diff(high).argmax()
    return float(high[widest] + high[widest + 1]) / 2


def damage(
    path: Path,
    out: Path,
    shape: tuple[int, ...],
    change: Callable,
    branch: Sequence[tuple[int, str]] = (),
) -> Path:
    """Write an exported file in which the constants of one shape have been changed.

    Args:
        path: what was exported.
        out: the file to write.
        shape: of the constants, or transposed; tables of 0 and 1 stay as they are.
        change: from the old values to the new ones.
        branch: where, as of `spoil`; as it is, everywhere.
    """
    model = onnx.load(path)
    found = [
        constant
        for constant in _constants(_branch(model.graph, branch), shape)
        if not np.isin(numpy_helper.to_array(constant), (0, 1)).all()
    ]
    assert found
    for constant in found:
        old = numpy_helper.to_array(constant)
        values = change(old.copy()).astype(old.dtype)
        constant.CopyFrom(numpy_helper.from_array(values, constant.name))
    out.write_bytes(model.SerializeToString())
    return out


def spoil(
    path: Path, out: Path, branch: Sequence[tuple[int, str]], output: str = "confidences"
) -> Path:
    """Write an exported file in which one output of one chain is a twentieth too small.

    Args:
        path: what was exported.
        out: the file to write.
        branch: the way to the chain: at each level, which of the graph's `If`s, and its branch.
        output: which.
    """
    model = onnx.load(path)
    graph = _branch(model.graph, branch)
    value = graph.output[OUTPUTS.index(output)]
    graph.initializer.append(numpy_helper.from_array(np.float32(0.95), "spoilt_by"))
    graph.node.append(helper.make_node("Mul", [value.name, "spoilt_by"], ["spoilt"]))
    value.name = "spoilt"
    out.write_bytes(model.SerializeToString())
    return out


def with_entries(path: Path, out: Path, **entries: str) -> Path:
    """Write an exported file with other metadata entries."""
    model = onnx.load(path)
    for entry in model.metadata_props:
        entry.value = entries.get(entry.key, entry.value)
    out.write_bytes(model.SerializeToString())
    return out


def _branch(graph: onnx.GraphProto, branch: Sequence[tuple[int, str]]) -> onnx.GraphProto:
    for i, name in branch:
        choices = [node for node in graph.node if node.op_type == "If"]
        (graph,) = (a.g for a in choices[i].attribute if a.name == f"{name}_branch")
    return graph


def _constants(graph: onnx.GraphProto, shape: tuple[int, ...]) -> list[onnx.TensorProto]:
    """Those of a graph and its branches."""
    found = [constant for constant in graph.initializer if sorted(constant.dims) == sorted(shape)]
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                found += _constants(attribute.g, shape)
    return found
