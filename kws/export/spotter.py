"""A spotter as one ONNX file: the whole chain from samples to confidences."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import onnx

from kws.detection import check_refractory, check_threshold
from kws.errors import InputError
from kws.export.chain import Chain
from kws.export.graph import DEFAULT_OPSET, OPSETS, Graph, Shape
from kws.export.network import ExportedNetwork, exported_network
from kws.export.quantize import (
    QuantizedAffine,
    Samples,
    measure_loss,
    quantized_network,
)
from kws.features import format_feature_options
from kws.files import atomic_path
from kws.nnet import Component
from kws.posterior import OrderedConfidence
from kws.spotter import Spotter

FORMAT = "kws-onnx"
FORMAT_VERSION = "1"
logger = logging.getLogger(__name__)


def export_spotter(
    spotter: Spotter,
    path: str | Path,
    *,
    opset: int = DEFAULT_OPSET,
    calibration: Samples | None = None,
) -> dict[str, Any] | None:
    """Write a spotter as one ONNX file, atomically; see `spotter_model`.

    Returns:
        with `calibration` what the weights of 8 bits cost, as the file's card has it.
    """
    if calibration is None:
        model = spotter_model(spotter, opset=opset)
        loss = None
    else:
        model, loss = quantized_model(spotter, calibration, opset=opset)
    with atomic_path(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
    return loss


def quantized_model(
    spotter: Spotter, calibration: Samples, *, opset: int = DEFAULT_OPSET
) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """The ONNX model of a spotter with weights of 8 bits, and what they cost on `calibration`.

    Args:
        spotter: the chain.
        calibration: audio as it will be heard, each (S,) at 16-bit scale and the spotter's rate:
            it tells the ranges of the activations.
        opset: version of ONNX's operators.

    Raises:
        InputError: as `spotter_model`; nothing to quantise, or no audio.
    """
    network = quantized_network(spotter, calibration)
    model = spotter_model(spotter, opset=opset, network=network)
    loss = {
        "weights": "int8",
        "activations": "uint8",
        "calibration_s": round(sum(map(len, calibration)) / spotter.sample_rate, 3),
        **measure_loss(spotter, model.SerializeToString(), calibration),
    }
    card = {**spotter.metadata.get("card", {}), "quantization": loss}
    for entry in model.metadata_props:
        if entry.key == "card":
            entry.value = json.dumps(card, allow_nan=False)
        elif entry.key == "weights":
            entry.value = "int8"
    return model, loss


def spotter_model(
    spotter: Spotter,
    *,
    opset: int = DEFAULT_OPSET,
    network: ExportedNetwork[Component | QuantizedAffine] | None = None,
) -> onnx.ModelProto:
    """The ONNX model of a spotter.

    Its inputs are `samples` (N, S) at 16-bit scale, `state` (N, K), zeros for a fresh stream, and
    `flush`, true with the last samples; its outputs `confidences` (N, T, keywords), `smoothed`
    and `posteriors` (N, T, units) of the T frames that are now known, and `next_state`. The
    streams of one call must have had equally many samples.

    Args:
        spotter: the chain.
        opset: version of ONNX's operators.
        network: in another form; None: as it is.

    Raises:
        InputError: an option that a stream does not allow, a component that has no such form, a
            threshold or refractory period that no detector takes.
    """
    if opset not in OPSETS:
        raise InputError(f"opset {opset}: choose one of {OPSETS[0]} to {OPSETS[-1]}")
    _check_options(spotter)
    graph = Graph()
    chain = Chain(spotter, graph, exported_network(spotter) if network is None else network)
    values = chain.emit()
    num_units, num_keywords = len(spotter.units), len(spotter.keywords)
    columns = {"confidences": num_keywords, "smoothed": num_units, "posteriors": num_units}
    shapes: dict[str, Shape] = {name: ["N", "T", dim] for name, dim in columns.items()}
    state_shape: Shape = ["N", chain.state_size]
    shapes["next_state"] = state_shape
    return graph.model(
        {"samples": ("f", ["N", "S"]), "state": ("f", state_shape), "flush": ("b", [])},
        {name: (value, shape) for value, (name, shape) in zip(values, shapes.items(), strict=True)},
        opset,
        _metadata(spotter, chain),
    )


def _check_options(spotter: Spotter) -> None:
    raw, cmvn_fault = spotter.options.raw, spotter.options.cmvn.stream_fault
    refused = {
        cmvn_fault or "": cmvn_fault is not None,
        "subtract-mean=true: the mean of a whole utterance is not known in a stream; use "
        "--cmvn=global instead": raw.subtract_mean,
        "snip-edges=false: edges that are reflected cannot be exported; train with "
        "snip-edges=true": not raw.snip_edges,
        f"frame-shift={raw.frame_shift:g} is longer than frame-length={raw.frame_length:g}: "
        "frames with gaps between them cannot be exported": (raw.window_shift > raw.window_length),
    }
    for message, holds in refused.items():
        if holds:
            raise InputError(f"{spotter.source}: {message}")
    for name, threshold in spotter.thresholds.items():
        check_threshold(name, threshold)
    check_refractory(spotter.refractory_s)
    if raw.dither > 0:
        logger.warning(
            "%s: dither=%g is noise for training; the exported file adds none",
            spotter.source,
            raw.dither,
        )


def _metadata(spotter: Spotter, chain: Chain) -> dict[str, str]:
    """The entries of metadata_props."""
    metadata = spotter.metadata
    ordered = isinstance(spotter.confidence, OrderedConfidence)
    values = {
        "units": list(spotter.units),
        "keywords": metadata["keywords"],
        "posterior": {
            "w_smooth": spotter.smoothing.w_smooth,
            "w_max": spotter.confidence.w_max,
            "confidence": "ordered" if ordered else "chen",
        },
        "thresholds": metadata.get("thresholds", {}),
        "word_times": metadata.get("word_times", {}),
        "card": metadata.get("card", {}),
    }
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "sample_rate": str(spotter.sample_rate),
        "frame_shift_s": repr(spotter.options.frame_shift_s),
        "frame_offset_s": repr(spotter.options.frame_centre_s(0)),
        "refractory_s": repr(spotter.refractory_s),
        **{name: json.dumps(value, allow_nan=False) for name, value in values.items()},
        "network": spotter.nnet.config_text(),
        "features": format_feature_options(spotter.options),
        "state_size": str(chain.state_size),
        "settled_frames": str(chain.settled_frames),
        "weights": "float32",
    }
