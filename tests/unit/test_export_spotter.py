from __future__ import annotations

import json
import logging
from pathlib import Path

import onnx
import pytest
import torch

from kws.config import key
from kws.errors import InputError
from kws.export import export_spotter, spotter_model
from kws.features import parse_feature_options
from kws.nnet import Nnet
from kws.nnet.components import TanhComponent
from kws.spotter import Spotter

NETWORK = """SpliceComponent input-dim={dim} left-context=2 right-context=3
AffineComponent input-dim={spliced} output-dim=3 bias-stddev=0
SoftmaxComponent dim=3
"""


def make_spotter(features: str = "--num-mel-bins=8\n", **metadata: object) -> Spotter:
    options = parse_feature_options(features, "fbank.conf")
    text = NETWORK.format(dim=options.dim, spliced=6 * options.dim)
    nnet = Nnet.from_config(text, "nnet.config", torch.Generator().manual_seed(0))
    entries: dict[str, object] = {
        "units": ["<filler>", "view", "glass"],
        "keywords": [{"name": "view glass", "units": [1, 2]}],
    }
    return Spotter.from_parts(options, None, nnet, entries | metadata)


def entries_of(model: onnx.ModelProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}


def shape_of(value: onnx.ValueInfoProto) -> list[str | int]:
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


def test_the_file_says_what_it_takes_and_gives() -> None:
    graph = spotter_model(make_spotter()).graph
    state_size = shape_of(graph.input[1])[1]
    assert {value.name: shape_of(value) for value in graph.input} == {
        "samples": ["N", "S"],
        "state": ["N", state_size],
        "flush": [],
    }
    assert {value.name: shape_of(value) for value in graph.output} == {
        "confidences": ["N", "T", 1],
        "smoothed": ["N", "T", 3],
        "posteriors": ["N", "T", 3],
        "next_state": ["N", state_size],
    }


def test_metadata_holds_all_that_a_detector_needs() -> None:
    thresholds = {"view glass": {"threshold": 0.4, "fa_per_hour": 0.5}}
    spotter = make_spotter(thresholds=thresholds, refractory_s=0.7, card={"seed": 3})
    model = spotter_model(spotter)
    entries = entries_of(model)
    texts = {name: entries.pop(name) for name in ("network", "features", "state_size")}
    assert {name: json.loads(value) for name, value in entries.items() if value[0] in "[{"} == {
        "units": ["<filler>", "view", "glass"],
        "keywords": [{"name": "view glass", "units": [1, 2]}],
        "posterior": {"w_smooth": 30, "w_max": 100, "confidence": "chen"},
        "thresholds": thresholds,
        "card": {"seed": 3},
        "word_times": {},
    }
    assert {name: value for name, value in entries.items() if value[0] not in "[{"} == {
        "format": "kws-onnx",
        "format_version": "1",
        "sample_rate": "16000",
        "frame_shift_s": "0.01",
        "frame_offset_s": "0.0125",  # half of a frame of 25 ms
        "refractory_s": "0.7",
        "settled_frames": "33",  # 3 of right context, then 30 to be smoothed
        "weights": "float32",
    }
    assert texts == {
        "network": spotter.nnet.config_text(),
        "features": "--feature-type=fbank\n--num-mel-bins=8\n",
        "state_size": str(shape_of(model.graph.input[1])[1]),
    }


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (
            "--cmvn=speaker",
            "cmvn=speaker: a speaker's statistics are not known in a stream; use --cmvn=global",
        ),
        (
            "--subtract-mean=true",
            "subtract-mean=true: the mean of a whole utterance is not known in a stream; "
            "use --cmvn=global instead",
        ),
        (
            "--snip-edges=false",
            "snip-edges=false: edges that are reflected cannot be exported; train with "
            "snip-edges=true",
        ),
        (
            "--frame-shift=30",
            "frame-shift=30 is longer than frame-length=25: frames with gaps between them cannot "
            "be exported",
        ),
    ],
)
def test_options_that_a_stream_does_not_allow(features: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        spotter_model(make_spotter(f"--num-mel-bins=8\n{features}\n"))
    assert str(caught.value) == f"model: {message}"


def test_dither_is_told_to_be_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        spotter_model(make_spotter("--num-mel-bins=8\n--dither=1\n"))
    assert caplog.messages == ["model: dither=1 is noise for training; the exported file adds none"]


def test_a_component_without_a_form_in_onnx_is_named() -> None:
    class OddComponent(TanhComponent):
        dim: int = key("values", default=3)

    spotter = make_spotter()
    spotter.nnet.components[2].__class__ = OddComponent
    with pytest.raises(InputError) as caught:
        spotter_model(spotter)
    assert str(caught.value) == (
        "model: OddComponent cannot be exported; make the network without it"
    )


@pytest.mark.parametrize("opset", [0, 17, 22])
def test_an_opset_that_is_not_supported(opset: int) -> None:
    with pytest.raises(InputError, match=f"^opset {opset}: choose one of 18 to 21$"):
        spotter_model(make_spotter(), opset=opset)


def test_the_same_model_makes_the_same_file(tmp_path: Path) -> None:
    assert export_spotter(make_spotter(), tmp_path / "a.onnx") is None
    export_spotter(make_spotter(), tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "b.onnx"]
