"""Networks: joining, padding, streaming and resizing."""

from __future__ import annotations

import logging
import random
from pathlib import Path

import pytest
import torch
from torch import Tensor

from kws.config import ConfigError, parse_config
from kws.errors import InputError
from kws.nnet import Nnet, resize_output
from kws.nnet.components import UpdatableComponent

CONF = Path(__file__).parents[2] / "conf"
NETWORKS = sorted(path.stem for path in CONF.glob("*.config"))
SMALL = """
SpliceComponent input-dim=2 left-context=2 right-context=1
AffineComponent input-dim=8 output-dim=3
RectifiedLinearComponent dim=3
SpliceComponent input-dim=3 context=-3:0:2
AffineComponent input-dim=9 output-dim=4
SoftmaxComponent dim=4
"""


def make(text: str, seed: int = 0) -> Nnet:
    return Nnet.from_config(text, "net.config", torch.Generator().manual_seed(seed))


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def stream(nnet: Nnet, chunks: list[Tensor]) -> list[Tensor]:
    state, parts = nnet.init_state(), []
    with torch.no_grad():
        for chunk in chunks:
            y, state = nnet.step(chunk, state)
            parts.append(y)
        return [*parts, nnet.flush(state)]


def test_context_is_the_sum_of_the_components() -> None:
    nnet = make(SMALL)
    assert (nnet.left_context, nnet.right_context) == (5, 3)
    assert (nnet.input_dim, nnet.output_dim) == (2, 4)
    assert nnet.num_parameters == 8 * 3 + 3 + 9 * 4 + 4
    assert nnet.num_multiplies == 8 * 3 + 9 * 4


def test_padding_repeats_the_edges_of_the_input_only() -> None:
    nnet = make(SMALL).double()
    x = noise(2, 7, 2)
    padded = torch.cat([x[:, :1]] * 5 + [x] + [x[:, -1:]] * 3, dim=1)
    assert nnet(x).shape == (2, 7, 4)
    torch.testing.assert_close(nnet(x), nnet(padded, pad=False), rtol=0, atol=0)


@pytest.mark.parametrize("num_frames", [0, 1, 8])
def test_too_short_input_has_no_unpadded_output(num_frames: int) -> None:
    assert make(SMALL).double()(noise(2, num_frames, 2), pad=False).shape == (2, 0, 4)


def test_inner_frames_do_not_depend_on_padding() -> None:
    nnet = make(SMALL).double()
    x = noise(1, 20, 2)
    # matrix products of another size may round differently
    torch.testing.assert_close(nnet(x, pad=False), nnet(x)[:, 5:-3], rtol=1e-12, atol=0)


def test_empty_input_gives_empty_output() -> None:
    assert make(SMALL).double()(noise(3, 0, 2)).shape == (3, 0, 4)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("num_frames", [1, 7, 200])
def test_networks_of_conf_stream_as_they_score(name: str, num_frames: int) -> None:
    nnet = make((CONF / f"{name}.config").read_text()).double()
    x = noise(2, num_frames, 40)
    draw = random.Random(num_frames)
    cuts = sorted(draw.choices(range(num_frames + 1), k=12))
    lengths = [b - a for a, b in zip([0, *cuts], [*cuts, num_frames], strict=True)]
    lengths = [0, *lengths[:6], 0, *lengths[6:]]
    with torch.no_grad():
        whole = nnet(x)
    parts = stream(nnet, list(x.split(lengths, dim=1)))
    # matrix products of other sizes may round differently in the last of 53 bits
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-10, atol=1e-12)


def test_stream_gives_each_frame_as_soon_as_its_future_is_known() -> None:
    parts = stream(make(SMALL).double(), list(noise(1, 6, 2).split(1, dim=1)))
    assert [part.shape[1] for part in parts] == [0, 0, 0, 1, 1, 1, 3]


def test_stream_without_frames_ends_without_frames() -> None:
    nnet = make(SMALL).double()
    assert [p.shape for p in stream(nnet, [])] == [(1, 0, 4)]
    assert [p.shape for p in stream(nnet, [noise(3, 0, 2)] * 2)] == [(3, 0, 4)] * 3


def test_state_is_a_value() -> None:
    nnet = make(SMALL).double()
    x = noise(1, 30, 2)
    with torch.no_grad():
        _, state = nnet.step(x[:, :10], nnet.init_state())
        kept = [buffer.clone() for buffer in (state.last, *state.buffers)]
        first, _ = nnet.step(x[:, 10:20], state)
        nnet.step(x[:, 20:], state)
        nnet.flush(state)
        again, _ = nnet.step(x[:, 10:20], state)
    assert torch.equal(first, again)
    assert all(map(torch.equal, kept, (state.last, *state.buffers)))


def test_state_remembers_no_more_than_the_context() -> None:
    nnet = make(SMALL).double()
    _, state = nnet.step(noise(1, 10_000, 2), nnet.init_state())
    for tensor in (state.last, *state.buffers):
        assert tensor.untyped_storage().nbytes() <= 8 * 3 * 5
    assert [buffer.shape[1] for buffer in state.buffers] == [3, 0, 0, 5, 0, 0]


def test_log_probabilities_have_no_floor() -> None:
    nnet = make("AffineComponent input-dim=1 output-dim=2 param-stddev=0\nSoftmaxComponent dim=2")
    with torch.no_grad():
        nnet.components[0].bias.copy_(torch.tensor([0.0, -200.0]))
    x = torch.zeros(1, 1, 1)
    assert nnet.log_probabilities(x).tolist() == [[[0.0, -200.0]]]
    assert nnet(x).tolist() == [[[1.0, pytest.approx(1e-20)]]]  # 1e-20 as a float32


@pytest.mark.parametrize("name", ["tdnn", "cnn_one_fpool3", "deep_kws"])
@pytest.mark.parametrize("every", [1, 2, 3, 4])
@pytest.mark.parametrize("num_frames", [1, 4, 9])
def test_some_frames_are_those_of_all(name: str, every: int, num_frames: int) -> None:
    nnet = make((CONF / f"{name}.config").read_text())
    x = noise(2, nnet.left_context + num_frames + nnet.right_context, nnet.input_dim)
    x = x.float()
    some = nnet.log_probabilities(x, pad=False, every=every)
    # single precision: a matrix product of other rows may round otherwise
    expected = nnet.log_probabilities(x, pad=False)[:, ::every]
    assert torch.allclose(some, expected, rtol=0, atol=1e-5)


def test_frames_that_no_output_needs_are_not_computed() -> None:
    nnet = make((CONF / "tdnn.config").read_text())
    rows: list[int] = []
    for component in nnet.components:
        if isinstance(component, UpdatableComponent):
            component.register_forward_pre_hook(lambda _, inputs: rows.append(inputs[0].shape[1]))
    x = torch.zeros(1, nnet.left_context + 400 + nnet.right_context, nnet.input_dim)
    nnet.log_probabilities(x, pad=False, every=4)
    assert rows[-1] == 100
    assert rows[0] < 0.6 * (400 + nnet.left_context + nnet.right_context)


def test_log_probabilities_need_a_softmax() -> None:
    with pytest.raises(InputError) as caught:
        make("AffineComponent input-dim=1 output-dim=2").log_probabilities(torch.zeros(1, 1, 1))
    assert str(caught.value) == (
        "the network does not end in a SoftmaxComponent; append one to learn"
    )


def test_wrong_width_is_told() -> None:
    nnet = make(SMALL)
    message = (
        "the network reads 2 values per frame, its input has 3; "
        "give it the features it was made for"
    )
    for call in (lambda x: nnet(x), lambda x: nnet.step(x, nnet.init_state())):
        with pytest.raises(InputError) as caught:
            call(torch.zeros(1, 4, 3))
        assert str(caught.value) == message


def test_neighbours_must_agree() -> None:
    with pytest.raises(ConfigError) as caught:
        make("# comment\nAffineComponent input-dim=4 output-dim=3\n\nSoftmaxComponent dim=5")
    assert str(caught.value) == (
        "net.config:4: SoftmaxComponent: its input has 5 values, but AffineComponent at "
        "net.config:2 gives 3; make them equal"
    )


def test_empty_config_is_a_network_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        nnet = make("# nothing\n")
    assert caplog.messages == ["the network's config holds no component"]
    assert (nnet.input_dim, nnet.output_dim, nnet.config_text()) == (0, 0, "")


def test_generator_reaches_what_draws() -> None:
    nnet = make("DropoutComponent dim=100\nSoftmaxComponent dim=100")
    x = torch.randn(1, 3, 100, generator=torch.Generator().manual_seed(0))
    assert torch.equal(nnet(x), nnet(x))
    drawn = nnet(x, generator=torch.Generator().manual_seed(1))
    assert not torch.equal(drawn, nnet(x))
    assert torch.equal(drawn, nnet(x, generator=torch.Generator().manual_seed(1)))


def test_tensors_make_the_network_again() -> None:
    nnet = make(SMALL, seed=1)
    tensors = {**nnet.tensors(), "cmvn.stats": torch.zeros(2, 3)}
    assert sorted(tensors) == [
        "cmvn.stats",
        "nnet.1.bias",
        "nnet.1.weight",
        "nnet.4.bias",
        "nnet.4.weight",
    ]
    again = Nnet.from_tensors(nnet.config_text(), "m.kws", tensors)
    x = noise(1, 9, 2).float()
    assert torch.equal(again(x), nnet(x))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("nnet.1.bias", None, "tensor nnet.1.bias is missing, its network needs (3,)"),
        ("nnet.1.bias", (4,), "tensor nnet.1.bias is (4,), its network needs (3,)"),
        ("nnet.2.bias", (3,), "tensor nnet.2.bias is (3,), its network needs none"),
    ],
)
def test_foreign_tensors_are_refused(
    name: str, value: tuple[int, ...] | None, message: str
) -> None:
    nnet = make(SMALL)
    tensors = nnet.tensors()
    if value is None:
        del tensors[name]
    else:
        tensors[name] = torch.zeros(value)
    with pytest.raises(InputError) as caught:
        Nnet.from_tensors(nnet.config_text(), "m.kws", tensors)
    assert str(caught.value) == f"m.kws: {message}; make the model again"


def test_output_is_resized() -> None:
    lines = resize_output(parse_config(SMALL, "net.config"), 9)
    assert [line.text for line in lines[-2:]] == [
        "AffineComponent input-dim=9 output-dim=9",
        "SoftmaxComponent dim=9",
    ]
    assert [line.text for line in lines[:-2]] == [
        line.text for line in parse_config(SMALL, "net.config")[:-2]
    ]
    assert Nnet.from_lines(lines, torch.Generator()).output_dim == 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "AffineComponent input-dim=4 matrix=x output-dim=3",
            "net.config:1: AffineComponent: matrix fixes its outputs; it cannot be given 9",
        ),
        (
            "AffineComponent input-dim=4 output-dim=4\nSpliceComponent input-dim=4 context=0",
            "net.config:2: SpliceComponent: no dim to set to 9 outputs; end the network in a "
            "softmax",
        ),
        (
            "SoftmaxComponent dim=4",
            "the network has no component with parameters; it cannot be given outputs",
        ),
        ("Foo dim=4", "net.config:1: Foo: no such component type; `kws describe` lists them"),
    ],
)
def test_output_that_cannot_be_resized(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        resize_output(parse_config(text, "net.config"), 9)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "context", "parameters", "multiplies"),
    [
        # Chen 2014: 40 x 41 inputs, 3 layers of 128
        ("deep_kws", (30, 10), 1640 * 128 + 2 * 128**2 + 128 * 4 + 3 * 128 + 4, 243200),
        ("dnn_normalize", (30, 10), 1640 * 128 + 2 * 128**2 + 128 * 4 + 3 * 128 + 4, 243200),
        # Sainath & Parada 2015: the convolution has 13.8K and 456.2K, 47.6K and 428.5K
        ("cnn_one_fpool3", (23, 8), 54170, 456192 + 19008 + 4096 + 16384 + 512),
        ("cnn_one_fstride4", (23, 8), 122654, 428544 + 53568 + 4096 + 16384 + 512),
    ],
)
def test_networks_of_the_papers(
    name: str, context: tuple[int, int], parameters: int, multiplies: int
) -> None:
    nnet = make((CONF / f"{name}.config").read_text())
    assert (nnet.left_context, nnet.right_context) == context
    assert (nnet.num_parameters, nnet.num_multiplies) == (parameters, multiplies)


def test_tdnn_sees_a_second_and_a_half_with_few_parameters() -> None:
    nnet = make((CONF / "tdnn.config").read_text())
    num_frames = nnet.left_context + 1 + nnet.right_context
    assert 1.4 <= 0.01 * num_frames + 0.015 <= 1.6
    assert nnet.left_context > 4 * nnet.right_context
    assert nnet.num_parameters < 150_000


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_conf_start_well(name: str) -> None:
    """Freshly drawn, each layer neither dies nor explodes: the output is not yet sure."""
    nnet = make((CONF / f"{name}.config").read_text())
    with torch.no_grad():
        y = nnet(noise(1, 200, 40).float())
    assert nnet.output_dim == 4
    assert float(y.mean(dim=(0, 1)).max()) < 0.7
    assert float(y.std(dim=1).mean()) > 0.01
