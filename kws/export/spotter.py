"""A spotter as one ONNX file: the whole chain from samples to confidences."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from kws.errors import InputError
from kws.export.clock import Clock
from kws.export.components import emit_components
from kws.export.edges import Context, Frames, emit_padded
from kws.export.fbank import emit_fbank, emit_frames
from kws.export.graph import DEFAULT_OPSET, FORMAT, FORMAT_VERSION, OPSETS, Graph
from kws.export.scores import emit_confidence, emit_ordered_confidence, emit_smoothing
from kws.export.windows import Windows
from kws.features import Deltas, format_feature_options
from kws.files import atomic_path
from kws.posterior import OrderedConfidence
from kws.spotter import Spotter

logger = logging.getLogger(__name__)


def export_spotter(spotter: Spotter, path: str | Path, *, opset: int = DEFAULT_OPSET) -> None:
    """Write a spotter as one ONNX file, atomically; see `spotter_model`."""
    model = spotter_model(spotter, opset=opset)
    with atomic_path(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def spotter_model(spotter: Spotter, *, opset: int = DEFAULT_OPSET) -> onnx.ModelProto:
    """The ONNX model of a spotter.

    Its inputs are `samples` (N, S) at 16-bit scale, `state` (N, K), zeros for a fresh stream, and
    `flush`, true with the last samples; its outputs `confidences` (N, T, keywords), `smoothed`
    and `posteriors` (N, T, units) of the T frames that are now known, and `next_state`. The
    streams of one call must have had equally many samples.

    Args:
        spotter: the chain.
        opset: version of ONNX's operators.

    Raises:
        InputError: an option that a stream does not allow, a component that has no such form.
    """
    if opset not in OPSETS:
        raise InputError(f"opset {opset}: choose one of {OPSETS[0]} to {OPSETS[-1]}")
    _check_options(spotter)
    graph = Graph()
    outputs = _emit_chain(graph, spotter)
    num_units, num_keywords = len(spotter.units), len(spotter.keywords)
    columns = {"confidences": num_keywords, "smoothed": num_units, "posteriors": num_units}
    for name, value in zip(columns, outputs, strict=True):
        graph.name_output(value, name)
    return graph.model(
        {"samples": ("f", ["N", "S"]), "flush": ("b", [])},
        {name: ("f", ["N", "T", dim]) for name, dim in columns.items()},
        opset,
        _metadata(spotter, graph.state_size),
    )


def _check_options(spotter: Spotter) -> None:
    fbank = spotter.options.fbank
    refused = {
        "cmvn=speaker: a speaker's statistics are not known in a stream; use --cmvn=global": (
            spotter.options.cmvn.cmvn == "speaker"
        ),
        "subtract-mean=true: the mean of a whole utterance is not known in a stream; use "
        "--cmvn=global instead": fbank.subtract_mean,
        "snip-edges=false: edges that are reflected cannot be exported; train with "
        "snip-edges=true": not fbank.snip_edges,
        f"frame-shift={fbank.frame_shift:g} is longer than frame-length={fbank.frame_length:g}: "
        "frames with gaps between them cannot be exported": (
            fbank.window_shift > fbank.window_length
        ),
    }
    for message, holds in refused.items():
        if holds:
            raise InputError(f"{spotter.source}: {message}")
    if fbank.dither > 0:
        logger.warning(
            "%s: dither=%g is noise for training; the exported file adds none",
            spotter.source,
            fbank.dither,
        )


def _emit_chain(graph: Graph, spotter: Spotter) -> tuple[str, str, str]:
    """The nodes of the chain; the names of confidences, smoothed posteriors and posteriors."""
    options = spotter.options
    has_deltas = options.deltas.delta_order > 0
    clock = Clock(graph, 3 if has_deltas else 2)
    flush = graph.op("Cast", "flush", to=TensorProto.INT64)
    flush = graph.reshape(flush, 1)
    batch_size = graph.op("Shape", "samples", start=0, end=1)
    rows, num_frames = emit_frames(graph, options.fbank, clock, "samples")
    rows = emit_fbank(graph, options.fbank, rows)
    value = Windows(graph, batch_size, num_frames).frames(rows, options.fbank.dim)
    frames = Frames(value, num_frames, options.fbank.dim)
    if has_deltas:
        frames = _emit_deltas(graph, clock, spotter, frames, flush, batch_size)
    if spotter.features.cmvn is not None:
        cmvn = spotter.features.cmvn
        centred = graph.op("Sub", frames.value, graph.constant(cmvn.mean.numpy()))
        scaled = graph.op("Mul", centred, graph.constant(cmvn.inverse_stddev.numpy()))
        frames = Frames(scaled, frames.number, frames.dim)
    posteriors, num_before = _emit_network(graph, clock, spotter, frames, flush, batch_size)
    clock.close()
    w_smooth = spotter.smoothing.w_smooth
    value = emit_smoothing(graph, w_smooth, posteriors, num_before)
    smoothed = Frames(value, posteriors.number, posteriors.dim)
    ordered = isinstance(spotter.confidence, OrderedConfidence)
    emit = emit_ordered_confidence if ordered else emit_confidence
    confidences = emit(graph, spotter.keywords, spotter.confidence.w_max, smoothed)
    return confidences, smoothed.value, posteriors.value


def _emit_deltas(
    graph: Graph, clock: Clock, spotter: Spotter, frames: Frames, flush: str, batch_size: str
) -> Frames:
    """Features with their deltas."""
    deltas: Deltas = spotter.features.deltas
    reach, dim = deltas.reach, frames.dim
    scales = np.zeros((len(deltas.scales) + 1, 2 * reach + 1))
    scales[0, reach] = 1
    for order, pairs in enumerate(deltas.scales, start=1):
        for offset, scale in pairs:
            scales[order, reach + offset] = scale

    def body(fed: Frames) -> Frames:
        windows = Windows(graph, batch_size, fed.number)
        around = windows.gather(graph.reshape(fed.value, -1, dim), dim, range(-reach, reach + 1))
        combined = graph.op("Conv", around, graph.constant(scales[:, :, None]))
        wide = dim * len(scales)
        return Frames(windows.frames(combined, wide), fed.number, wide)

    context = Context(reach, reach)
    return emit_padded(graph, clock, 2, frames, flush, context, body)[0]


def _emit_network(
    graph: Graph, clock: Clock, spotter: Spotter, frames: Frames, flush: str, batch_size: str
) -> tuple[Frames, str]:
    """The posteriors, and how many came before, up to what smoothing needs."""
    nnet = spotter.nnet

    def body(fed: Frames) -> Frames:
        windows = Windows(graph, batch_size, fed.number)
        x = graph.reshape(fed.value, -1, fed.dim)
        y = emit_components(graph, windows, nnet.components, x, spotter.source)
        return Frames(windows.frames(y, nnet.output_dim), fed.number, nnet.output_dim)

    context = Context(nnet.left_context, nnet.right_context, spotter.smoothing.w_smooth)
    return emit_padded(graph, clock, 1, frames, flush, context, body)


def _metadata(spotter: Spotter, state_size: int) -> dict[str, str]:
    """The entries of metadata_props."""
    metadata = spotter.metadata
    values = {
        "units": list(spotter.units),
        "keywords": metadata["keywords"],
        "posterior": metadata.get("posterior", {}),
        "thresholds": metadata.get("thresholds", {}),
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
        "state_size": str(state_size),
        "weights": "float32",
    }
