from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from kws.config import parse_config
from kws.detection import Detection
from kws.errors import InputError
from kws.export import quantized_model, spotter_model
from kws.export.quantize import (
    QuantizedAffine,
    measure_loss,
    only_in_first,
    quantized_network,
)
from kws.features import parse_feature_options
from kws.inference import onnxruntime
from kws.nnet import Component, Nnet
from kws.nnet.components import AffineComponent
from kws.runtime.steady import ONLY_KNOWN, ONLY_ONE, ONLY_STEADY, _with_true
from kws.spotter import Spotter

NETWORK = """SpliceComponent input-dim=8 left-context=5 right-context=2
AffineComponent input-dim=64 output-dim=512 param-stddev=0.02 bias-stddev=0.3
RectifiedLinearComponent dim=512
AffineComponent input-dim=512 output-dim=96 param-stddev=0.04 bias-stddev=0.3
RectifiedLinearComponent dim=96
AffineComponent input-dim=96 output-dim=3 param-stddev=0.2 bias-stddev=0
SoftmaxComponent dim=3
"""  # the first two products are large enough for integers, the last is not


def make_spotter(network: str = NETWORK) -> Spotter:
    options = parse_feature_options("--num-mel-bins=8\n", "fbank.conf")
    nnet = Nnet.from_config(network, "nnet.config", torch.Generator().manual_seed(0))
    metadata = {
        "units": ["<filler>", "view", "glass"],
        "keywords": [{"name": "view glass", "units": [1, 2]}],
        "posterior": {"w_smooth": 5, "w_max": 30, "confidence": "ordered"},
        "thresholds": {"view glass": {"threshold": 0.04}},
        "card": {"seed": 7},
    }
    return Spotter.from_parts(options, None, nnet, metadata)


def make_sound(duration_s: float = 3.0, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    level = np.repeat(random.uniform(1, 1000, round(10 * duration_s)), 1600)
    return (level * random.standard_normal(len(level))).astype(np.float32)


def affine(weight: list[list[float]], bias: list[float]) -> AffineComponent:
    text = f"AffineComponent input-dim={len(weight[0])} output-dim={len(weight)}"
    (line,) = parse_config(text, "net.config")
    component = Component.from_line(line, None)
    assert isinstance(component, AffineComponent)
    with torch.no_grad():
        component.weight.copy_(torch.tensor(weight))
        component.bias.copy_(torch.tensor(bias))
    return component


def test_numbers_of_8_bits_counted_by_hand() -> None:
    # steps of 2 from -20 to 234; weights in steps of 0.5 and 1
    component = affine([[63.5, -10.0], [127.0, 3.4]], [4.0, -7.0])
    quantized = QuantizedAffine(component, -20.0, 234.0)
    assert quantized.input_scale == 2.0
    assert quantized.zero_point == 10
    np.testing.assert_allclose(quantized.weight_scales, [0.5, 1.0])
    np.testing.assert_array_equal(quantized.weights, [[127, 127], [-20, 3]])
    np.testing.assert_array_equal(quantized.biases, [4, -4])  # 4 / (0.5 2), -3.5 to even


def test_an_output_without_weights_divides_by_nothing() -> None:
    quantized = QuantizedAffine(affine([[0.0, 0.0]], [1e30]), 0.0, 1.0)
    np.testing.assert_array_equal(quantized.weights, [[0], [0]])
    np.testing.assert_array_equal(quantized.biases, [2**31 - 1])


def test_ranges_are_those_of_the_calibration_audio() -> None:
    spotter, sound = make_spotter(), make_sound()
    first, second = (
        component
        for component in quantized_network(spotter, [sound, sound[:0], sound[:5000]]).components
        if isinstance(component, QuantizedAffine) and component.affine.output_dim > 3
    )
    features = spotter.features(torch.from_numpy(sound)[None]).numpy()
    # log energies of a loud sound are above 0; those of digital silence belong to the range too
    assert first.low == pytest.approx(np.log(2.0**-23))
    # all but a thousandth lies within
    assert 0.9 * features.max() < first.high <= features.max()
    assert second.low == 0.0 < second.high
    louder = quantized_network(spotter, [8 * sound]).components[1]
    assert isinstance(louder, QuantizedAffine)
    assert louder.high == pytest.approx(first.high + np.log(64), abs=0.2)


def test_the_card_tells_the_loss_that_is_there() -> None:
    spotter, sounds = make_spotter(), [make_sound(seed=1), make_sound(2.0, seed=2)]
    model, loss = quantized_model(spotter, sounds)
    content = model.SerializeToString()
    entries = {entry.key: entry.value for entry in model.metadata_props}
    assert entries["weights"] == "int8"
    assert json.loads(entries["card"]) == {"seed": 7, "quantization": loss}
    assert spotter.metadata["card"] == {"seed": 7}
    assert loss["calibration_s"] == 5.0
    assert loss.items() >= measure_loss(spotter, content, sounds).items()
    # coarse, but the same detector: 0 would mean that nothing was quantised
    assert 1e-5 < loss["mean_confidence_difference"] < loss["largest_confidence_difference"] < 0.05
    assert loss["events"] == 2
    assert loss["events_that_differ"] == 0  # the largest difference is 0.002


def test_digital_silence_costs_no_more_than_sound() -> None:
    spotter, sound = make_spotter(), make_sound(4.0, seed=5)
    gated = sound.reshape(-1, 1600).copy()
    gated[::3] = 0.0  # a noise gate
    model, loss = quantized_model(spotter, [make_sound(), sound])
    gated_loss = measure_loss(spotter, model.SerializeToString(), [gated.ravel()])
    largest = "largest_confidence_difference"
    assert gated_loss[largest] < 3 * loss[largest]


def test_a_float_file_has_no_loss() -> None:
    spotter = make_spotter()
    loss = measure_loss(spotter, spotter_model(spotter).SerializeToString(), [make_sound()])
    assert loss["largest_confidence_difference"] < 1e-5  # float32 sums in another order
    assert loss["events_that_differ"] == 0


@pytest.mark.parametrize(
    "nonlinearity", ["RectifiedLinear", "Sigmoid", "Tanh", "SoftHinge", "Normalize", "Pnorm"]
)
@pytest.mark.parametrize("num_outputs", [16, 96], ids=["floats behind it", "integers behind it"])
@pytest.mark.parametrize("is_one", [False, True])
def test_integer_products_stay_integers(
    nonlinearity: str, num_outputs: int, is_one: bool, tmp_path: Path
) -> None:
    dims = "input-dim=1536 output-dim=512" if nonlinearity == "Pnorm" else "dim=512"
    width = 1536 if nonlinearity == "Pnorm" else 512
    network = f"""SpliceComponent input-dim=8 left-context=5 right-context=2
AffineComponent input-dim=64 output-dim={width} param-stddev=0.02 bias-stddev=0.3
{nonlinearity}Component {dims}
AffineComponent input-dim=512 output-dim={num_outputs} param-stddev=0.04 bias-stddev=0.3
AffineComponent input-dim={num_outputs} output-dim=3 param-stddev=0.2 bias-stddev=0
SoftmaxComponent dim=3
"""
    model, _ = quantized_model(make_spotter(network), [make_sound(0.5)])
    # the chain that a program with chunks of one size loads
    content = _with_true(
        model.SerializeToString(), ONLY_STEADY, ONLY_KNOWN, *([ONLY_ONE] if is_one else [])
    )
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 4
    options.add_free_dimension_override_by_name("N", 1)
    options.add_free_dimension_override_by_name("S", 160 if is_one else 1280)
    onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    nodes = onnx.load(tmp_path / "optimized.onnx").graph.node
    kinds = [node.op_type for node in nodes]
    assert kinds.count("QGemm") == (2 if num_outputs == 96 else 1)
    assert not {"DequantizeLinear", "Cast"} & set(kinds)  # of weights, in every call


def test_weights_take_a_quarter() -> None:
    spotter = make_spotter()
    whole = len(spotter_model(spotter).SerializeToString())
    small = len(quantized_model(spotter, [make_sound()])[0].SerializeToString())
    num_weights = 64 * 512 + 512 * 96 + 96 * 3
    assert whole - small > 2.5 * num_weights  # each copy of the chain adds scales and nodes


def test_what_a_frame_gives_does_not_depend_on_its_chunk() -> None:
    sound = make_sound(1.5, seed=3)
    model, _ = quantized_model(make_spotter(), [make_sound()])
    session = onnxruntime.InferenceSession(model.SerializeToString())
    size = session.get_inputs()[1].shape[1]
    tracks = []
    for chunk in (1280, 160, 5000, 24000):
        state, parts = np.zeros((1, size), np.float32), []
        for start in range(0, len(sound), chunk):
            values = {
                "samples": sound[None, start : start + chunk],
                "state": state,
                "flush": np.array(False),
            }
            _, _, posteriors, state = session.run(None, values)
            parts.append(posteriors[0])
        tracks.append(np.concatenate(parts))
    for track in tracks[1:]:
        # a feature that rounding moves to the next step of 8 bits moves a posterior by this
        np.testing.assert_allclose(track, tracks[0], rtol=0, atol=0.01)
        assert np.median(np.abs(track - tracks[0])) < 1e-6


def test_nothing_to_quantise() -> None:
    network = "SpliceComponent input-dim=8 context=0\nSigmoidComponent dim=8\n"
    spotter = make_spotter(NETWORK)
    spotter.nnet = Nnet.from_config(network, "nnet.config", torch.Generator())
    with pytest.raises(InputError, match="no affine component; export it without"):
        quantized_network(spotter, [make_sound()])


def test_no_audio() -> None:
    for recordings in ([], [np.zeros(399, np.float32)]):
        with pytest.raises(InputError, match="no recording has a frame of samples"):
            quantized_network(make_spotter(), recordings)


def test_events_that_only_one_file_has_counted_by_hand() -> None:
    def event(keyword: str, start_s: float, end_s: float) -> Detection:
        start, end = round(100 * start_s), round(100 * end_s)
        return Detection(keyword, start_s, end_s, end_s, 0.9, start_s, start, end, end, start)

    ours = [event("view", 1.0, 1.5), event("view", 3.0, 3.5), event("glass", 5.0, 5.5)]
    theirs = [event("view", 1.4, 1.9), event("glass", 3.0, 3.5), event("glass", 5.5, 6.0)]
    assert only_in_first(ours, theirs) == 1  # "view" at 3 s
    assert only_in_first(theirs, ours) == 1  # "glass" at 3 s
