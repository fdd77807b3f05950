"""Weights of 8 bits: the ranges of activations from calibration audio, and what they cost.

Activations are quantised with ranges fixed beforehand, not with those of each call: what a frame
gives must not depend on the chunk that it comes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from kws.audio import background
from kws.detection import Detection
from kws.errors import InputError
from kws.export.network import ExportedNetwork, exported_network
from kws.inference import onnxruntime
from kws.nnet import Component
from kws.nnet.components import AffineComponent
from kws.spotter import BLOCK_S, Spotter

Samples = Sequence[npt.NDArray[np.float32]]
# Two products of a sum must fit into 16 bits: CPUs without integer dot products add such pairs,
# and saturate. Values up to twice the range are still represented.
ACTIVATION_LEVELS = 127
WEIGHT_LEVELS = 127
# Weights of an affine transform from which on integer products are faster, for one frame as well
# as for 8 (on a CPU with VNNI: twice as fast at 200,000, equal at 50,000, slower at 16,000)
LEAST_INTEGER = 2**15
OUTSIDE = 1e-3  # part of the values that may lie outside the range, on each side
SILENCE_S = 1.0  # of zeros, whose logarithms lie far below all that a microphone gives
_MAX_VALUES = 200_000  # per recording and layer, from which ranges are taken


@dataclass(frozen=True, eq=False)
class QuantizedAffine:
    """An affine transform whose weights have 8 bits, and its input where that is faster.

    Attributes:
        affine: the transform.
        low, high: the range of its input; 0 lies in it.
    """

    affine: AffineComponent
    low: float
    high: float

    @property
    def has_integer_input(self) -> bool:
        """Whether its input has 8 bits as well."""
        return self.affine.weight.numel() >= LEAST_INTEGER

    @property
    def input_scale(self) -> float:
        """What one step of the quantised input stands for."""
        return (self.high - self.low) / ACTIVATION_LEVELS

    @property
    def zero_point(self) -> int:
        """The quantised input that stands for 0."""
        return round(-self.low / self.input_scale)

    @property
    def weight_scales(self) -> npt.NDArray[np.float32]:
        """What one step of the quantised weights of each output stands for."""
        largest = self.affine.weight.detach().abs().amax(dim=1).clamp_min(1e-30)
        return (largest / WEIGHT_LEVELS).numpy()

    @property
    def weights(self) -> npt.NDArray[np.int8]:
        """(inputs, outputs)"""
        scaled = self.affine.weight.detach().numpy() / self.weight_scales[:, None]
        return np.rint(scaled).astype(np.int8).T

    @property
    def biases(self) -> npt.NDArray[np.int32]:
        """In steps of the product of both scales."""
        limits = np.iinfo(np.int32)
        scales = self.weight_scales.astype(np.float64) * self.input_scale
        scaled = self.affine.bias.detach().numpy() / scales
        return np.rint(scaled).clip(limits.min, limits.max).astype(np.int32)


def quantized_network(
    spotter: Spotter, recordings: Samples
) -> ExportedNetwork[Component | QuantizedAffine]:
    """The network as it is exported, its affine transforms quantised.

    The ranges are those of the calibration audio and of digital silence, which a muted microphone
    or a noise gate gives and recordings for calibration may not hold.

    Args:
        spotter: the chain.
        recordings: calibration audio, each (S,) at 16-bit scale and the spotter's rate.

    Raises:
        InputError: there is nothing to quantise, or no audio of a frame or longer.
    """
    network = exported_network(spotter)
    components = zip(spotter.nnet.components, network.components, strict=True)
    affine: dict[nn.Module, AffineComponent] = {
        own: form for own, form in components if isinstance(form, AffineComponent)
    }
    if not affine:
        raise InputError(
            f"{spotter.source}: --int8: the network has no affine component; export it without"
        )
    observed: dict[nn.Module, list[Tensor]] = {own: [] for own in affine}

    def observe(component: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0]
        if affine[component] is not component:
            values = _before_cmvn(spotter, values)
        values = values.reshape(-1)
        observed[component].append(values[:: 1 + len(values) // _MAX_VALUES].clone())

    hooks = [own.register_forward_pre_hook(observe) for own in affine]
    try:
        for samples in recordings:
            spotter.posteriors(torch.as_tensor(samples, dtype=torch.float32)[None])
        if not all(observed.values()):
            raise InputError("--calibration: no recording has a frame of samples; give longer ones")
        spotter.posteriors(torch.zeros(1, round(SILENCE_S * spotter.sample_rate)))
    finally:
        for hook in hooks:
            hook.remove()
    ranges = {form: _range(observed[own]) for own, form in affine.items()}
    return ExportedNetwork(
        [
            QuantizedAffine(form, *ranges[form]) if isinstance(form, AffineComponent) else form
            for form in network.components
        ],
        network.normalizes,
    )


def _before_cmvn(spotter: Spotter, features: Tensor) -> Tensor:
    """Spliced features as they were before their normalisation, which is in the weights."""
    cmvn = spotter.features.cmvn
    assert cmvn is not None
    copies = features.shape[-1] // len(cmvn.mean)
    return features / cmvn.inverse_stddev.repeat(copies) + cmvn.mean.repeat(copies)


def _range(observed: Sequence[Tensor]) -> tuple[float, float]:
    """Of nearly all values, and of all of the last ones, those of silence."""
    *heard, silence = observed
    values = np.sort(torch.cat(heard).numpy())
    outside = int(OUTSIDE * len(values))
    low = min(0.0, float(values[outside]), float(silence.min()))
    high = max(0.0, float(values[-1 - outside]), float(silence.max()))
    return (low, high) if high > low else (0.0, 1.0)


def measure_loss(spotter: Spotter, content: bytes, recordings: Samples) -> dict[str, Any]:
    """What an exported file differs by from its model.

    Args:
        spotter: the model.
        content: of the file.
        recordings: each (S,) at 16-bit scale.

    Returns:
        the largest and the mean difference of the confidences, and where the model has thresholds
        the number of its events and of those that only one of the two has.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    thresholds = spotter.thresholds if spotter.has_thresholds else None
    largest, total, num_values, num_events, num_different = 0.0, 0.0, 0, 0, 0
    for samples in recordings:
        expected = spotter.score_track(samples)
        behind = background(samples, spotter.sample_rate)
        block = round(BLOCK_S * spotter.sample_rate)
        found = _run(session, np.concatenate((samples, behind)), block)
        differences = np.abs(expected[0] - found[0])
        largest = max(largest, float(differences.max(initial=0.0)))
        total += float(differences.sum())
        num_values += differences.size
        if thresholds is not None:
            detector, duration_s = spotter.detector(thresholds), len(samples) / spotter.sample_rate
            ours, theirs = (
                detector.finish(track, detector.init_state(), duration_s)
                for track in (expected, found)
            )
            num_events += len(ours)
            num_different += only_in_first(ours, theirs) + only_in_first(theirs, ours)
    loss: dict[str, Any] = {
        "largest_confidence_difference": largest,
        "mean_confidence_difference": total / max(1, num_values),
    }
    if thresholds is not None:
        loss |= {"events": num_events, "events_that_differ": num_different}
    return loss


def _run(
    session: Any, samples: npt.NDArray[np.float32], block: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Confidences and smoothed posteriors of a recording by the exported file."""
    size = next(value.shape[1] for value in session.get_inputs() if value.name == "state")
    state, parts = np.zeros((1, size), np.float32), []
    for start in range(0, max(1, len(samples)), block):
        chunk = np.asarray(samples[None, start : start + block], np.float32)
        flush = np.array(start + block >= len(samples))
        confidences, smoothed, state = session.run(
            ["confidences", "smoothed", "next_state"],
            {"samples": chunk, "state": state, "flush": flush},
        )
        parts.append((confidences[0], smoothed[0]))
    return np.concatenate([c for c, _ in parts]), np.concatenate([s for _, s in parts])


def only_in_first(first: Sequence[Detection], second: Sequence[Detection]) -> int:
    """Events that overlap none of the same keyword in the other."""
    return sum(
        not any(
            e.keyword == o.keyword and e.start_frame <= o.end_frame and o.start_frame <= e.end_frame
            for o in second
        )
        for e in first
    )
