"""Every component type is exported, and gives what its torch form gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from example_lines import example_line
from exported_chain import ExportedChain, make_sound, make_spotter, whole

from kws.config import parse_config
from kws.export import spotter_model
from kws.export.components import EMITTERS, emit_components
from kws.export.graph import DEFAULT_OPSET, Graph
from kws.export.memory import Memory
from kws.export.windows import Windows
from kws.inference import onnxruntime
from kws.nnet import COMPONENTS, Component

NAMES = sorted(name for name, cls in COMPONENTS.items() if cls.__module__.startswith("kws."))
CONFIGS = sorted((Path(__file__).parents[2] / "conf").glob("*.config"))
NUM_FRAMES = 7
# what the example lines leave out
OTHER_KEYS = [
    *(f"PnormComponent input-dim=12 output-dim=3 p={p}" for p in ("0", "0.5", "1", "40", "inf")),
    "DctComponent dim=12 dct-dim=4 reorder=true dct-keep-dim=2",
    "DctComponent dim=12 dct-dim=4 reorder=false dct-keep-dim=3",
    *(f"PowerComponent dim=5 power={power}" for power in ("0", "0.5", "1", "2")),
]


def make(name: str) -> Component:
    return Component.from_line(example_line(name), torch.Generator().manual_seed(1))


def exported(component: Component, is_one: bool) -> tuple[onnxruntime.InferenceSession, int]:
    """The component alone, for one stream of rows; the size of its state."""
    graph, sizes = Graph(), {}
    memory = Memory(graph, sizes)
    number = None if is_one else graph.op("Shape", "rows", start=0, end=1)
    memory.keep("other", memory.take("other", 1), 1)  # a state is never empty
    rows = emit_components(graph, Windows(graph, memory, "x", number), [component], "rows", "it")
    following = memory.close()
    size = sum(sizes.values())
    model = graph.model(
        {"rows": ("f", ["T", component.input_dim]), "state": ("f", [1, size])},
        {"y": (rows, ["T", component.output_dim]), "next": (following, [1, size])},
        DEFAULT_OPSET,
        {},
    )
    return onnxruntime.InferenceSession(model.SerializeToString()), size


@pytest.mark.parametrize("name", NAMES)
def test_a_component_has_an_emitter(name: str) -> None:
    assert COMPONENTS[name] in EMITTERS


@pytest.mark.parametrize("is_one", [True, False], ids=["one frame", "several frames"])
@pytest.mark.parametrize("name", NAMES)
def test_a_component_gives_what_torch_gives(name: str, is_one: bool) -> None:
    check_export(make(name), is_one)


@pytest.mark.parametrize("keys", OTHER_KEYS)
def test_a_component_with_other_keys_gives_what_torch_gives(keys: str) -> None:
    (line,) = parse_config(keys, "net.config")
    check_export(Component.from_line(line, torch.Generator().manual_seed(1)), is_one=False)


def check_export(component: Component, is_one: bool) -> None:
    """Compare the two forms of a component, on noise and on a frame of zeros."""
    x = torch.randn(
        (1, component.span + NUM_FRAMES, component.input_dim),
        generator=torch.Generator().manual_seed(2),
    )
    x[0, -1] = 0.0
    with torch.no_grad():
        expected = component(x)[0].numpy()
    session, size = exported(component, is_one)
    state, parts = np.zeros((1, size), np.float32), []
    chunks = np.split(x[0].numpy(), x.shape[1]) if is_one else [x[0, :4].numpy(), x[0, 4:].numpy()]
    for chunk in chunks:
        y, state = session.run(None, {"rows": chunk, "state": state})
        parts.append(y)
    found = np.concatenate(parts)[component.span :]
    # float32 sums of up to 1640 terms in another order
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("confidence", ["chen", "ordered"])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_a_network_of_conf_gives_what_the_spotter_gives(config: Path, confidence: str) -> None:
    features = "--num-mel-bins=40\n--high-freq=-400\n--cmvn=global\n--norm-vars=true\n"
    spotter = make_spotter(features, config.read_text(encoding="utf-8"), confidence, w_max=100)
    model = spotter_model(spotter)
    assert {node.domain for node in nodes_of(model.graph)} == {""}
    samples = make_sound(3.7)
    expected = whole(spotter, samples)
    assert np.ptp(expected.confidences) > 0.05
    sizes = [400, *[160] * 110, 1280, 320, 0, 1, 159, *[1280] * 9]
    found = ExportedChain(model).run(samples[None], sizes)
    for ours, theirs in zip(found, expected, strict=True):
        # what the issue of export asks for; seen is 1e-5
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


def nodes_of(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """All nodes, those of branches and loops too."""
    inside = [
        node
        for outer in graph.node
        for attribute in outer.attribute
        if attribute.type == onnx.AttributeProto.GRAPH
        for node in nodes_of(attribute.g)
    ]
    return [*graph.node, *inside]
