"""Kaldi's networks as ours and back: every type, old layouts, what cannot be a network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.config import ConfigLine, parse_config
from kws.errors import InputError
from kws.kaldi.layouts import LAYOUTS
from kws.kaldi.networks import NO_FILE, components_of, network_of, statistics_of
from kws.kaldi.nnet2 import (
    KaldiComponent,
    KaldiModel,
    format_kaldi_model,
    parse_kaldi_model,
)
from kws.nnet import COMPONENTS, Component, Nnet

FILES = Path(__file__).parents[1] / "contracts" / "files"
# two components of the largest size that may follow from a number, and a few small tensors
MAX_VALUES = 2 * 2**22 + 2**10


def read(body: str) -> KaldiModel:
    """A text file of one component."""
    content = f"<Nnet> <NumComponents> 1 <Components> {body} </Components> </Nnet> "
    return parse_kaldi_model(content.encode(), "a.raw")


def as_config(nnet: Nnet) -> str:
    return nnet.config_text().strip()


def again(nnet: Nnet, **options: Any) -> Nnet:
    """The network through Kaldi's binary file."""
    content = format_kaldi_model(KaldiModel(components_of(nnet, **options)))
    return network_of(parse_kaldi_model(content, "a.raw"), "a.raw")


@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_every_type_comes_back_from_kaldis_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FILES)
    (line,) = parse_config(COMPONENTS[name].example, "net.config")
    nnet = Nnet.from_lines([line], torch.Generator().manual_seed(1))
    copy = again(nnet)
    assert copy.tensors().keys() == nnet.tensors().keys()
    for key, tensor in nnet.tensors().items():
        assert torch.equal(copy.tensors()[key], tensor)
    x = torch.randn(1, 80, nnet.input_dim, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert torch.equal(copy(x), nnet(x))


@pytest.mark.parametrize(
    "line",
    [
        "AffineComponent input-dim=3 output-dim=2 learning-rate=0.012",
        "AffineComponentPreconditioned input-dim=3 output-dim=2 learning-rate=0.0123456789 "
        "alpha=0.3 max-change=10",
        "AffineComponentPreconditionedOnline input-dim=3 output-dim=2 alpha=3 rank-in=9 rank-out=6 "
        "update-period=3 num-samples-history=1500 max-change-per-sample=0.06",
        "BlockAffineComponentPreconditioned input-dim=20 output-dim=16 num-blocks=4 alpha=3",
        "Convolutional1dComponent input-dim=120 output-dim=90 patch-dim=6 patch-step=2 "
        "patch-stride=40",
        "Convolutional1dComponent input-dim=12 output-dim=6 learning-rate=0 patch-dim=3 "
        "patch-step=1 patch-stride=4 appended-conv=true",
        "DctComponent dim=12 dct-dim=4 reorder=false",
        "DctComponent dim=12 dct-dim=4 reorder=true dct-keep-dim=3",
        "DropoutComponent dim=5 dropout-proportion=0.2 dropout-scale=0.1",
        "SpliceComponent input-dim=4 left-context=2 right-context=1 const-component-dim=1",
        "SpliceComponent input-dim=4 context=-3:-1:0:2",
        "SpliceMaxComponent dim=4 left-context=0 right-context=0",
        "PnormComponent input-dim=6 output-dim=3 p=inf",
        "ScaleComponent dim=5 scale=-1e-20",
        "SumGroupComponent sizes=3:1:2",
    ],
)
def test_keys_survive_both_ways(line: str) -> None:
    nnet = Nnet.from_config(line, "net.config", torch.Generator().manual_seed(1))
    copy = as_config(again(nnet))
    # floats of Kaldi have 24 bits: the only digits that are lost
    assert copy == as_config(nnet).replace("0.0123456789", "0.012345679")


def test_filters_keep_their_order() -> None:
    """Weights are their index: a transposed filter would give other sums."""
    line = (
        "Convolutional1dComponent input-dim=8 output-dim=6 patch-dim=2 patch-step=1 patch-stride=4"
    )
    nnet = Nnet.from_config(line, "net.config", torch.Generator())
    with torch.no_grad():
        nnet.components[0].weight.copy_(torch.arange(8.0).reshape(2, 4))
        nnet.components[0].bias.copy_(torch.tensor([0.5, 0.25]))
    (component,) = components_of(nnet)
    assert component.get("FilterParams").tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert component.get("BiasParams").tolist() == [0.5, 0.25]
    x = torch.arange(1.0, 9.0).reshape(1, 1, 8)
    with torch.no_grad():
        y = again(nnet)(x)[0, 0]
    # filter 0 at position 0: 0 x1 + 1 x2 + 2 x5 + 3 x6 with x = 1 .. 8; patch slow, filter fast
    assert y[0].item() == 0 * 1 + 1 * 2 + 2 * 5 + 3 * 6 + 0.5
    assert y[1].item() == 4 * 1 + 5 * 2 + 6 * 5 + 7 * 6 + 0.25
    assert y[2].item() == 0 * 2 + 1 * 3 + 2 * 6 + 3 * 7 + 0.5


@pytest.mark.parametrize(
    ("body", "config"),
    [
        (
            "<SpliceComponent> <InputDim> 3 <LeftContext> 4 <RightContext> 0 "
            "<ConstComponentDim> 1 </SpliceComponent>",
            "SpliceComponent input-dim=3 left-context=4 right-context=0 const-component-dim=1",
        ),
        (
            "<SpliceMaxComponent> <Dim> 3 <LeftContext> 1 <RightContext> 2 </SpliceMaxComponent>",
            "SpliceMaxComponent dim=3 left-context=1 right-context=2",
        ),
        (
            "<AffineComponent> <LearningRate> 0.02 <LinearParams> [ \n 1 2 3 \n 4 5 6 ] "
            "<BiasParams> [ 7 8 ] <AvgInput> [ 1 1 1 ] <AvgInputCount> 5 <IsGradient> F "
            "</AffineComponent>",
            "AffineComponent input-dim=3 output-dim=2 learning-rate=0.02",
        ),
        (
            "<AffineComponentPreconditioned> <LearningRate> 0.02 <LinearParams> [ 1 2 ] "
            "<BiasParams> [ 7 ] <Alpha> 0.5 </AffineComponentPreconditioned>",
            "AffineComponentPreconditioned input-dim=2 output-dim=1 learning-rate=0.02 alpha=0.5",
        ),
        (
            "<AffineComponentPreconditionedOnline> <LearningRate> 0.02 <LinearParams> [ 1 2 ] "
            "<BiasParams> [ 7 ] <Rank> 7 <NumSamplesHistory> 1000 <Alpha> 2 "
            "<MaxChangePerSample> 0.2 </AffineComponentPreconditionedOnline>",
            "AffineComponentPreconditionedOnline input-dim=2 output-dim=1 learning-rate=0.02 "
            "alpha=2 rank-in=7 rank-out=7 num-samples-history=1000 max-change-per-sample=0.2",
        ),
        (
            "<Convolutional1dComponent> <LearningRate> 0.02 <PatchDim> 2 <PatchStep> 1 "
            "<PatchStride> 3 <FilterParams> [ 1 2 ] <BiasParams> [ 7 ] </Convolutional1dComponent>",
            "Convolutional1dComponent input-dim=3 output-dim=2 learning-rate=0.02 patch-dim=2 "
            "patch-step=1 patch-stride=3",
        ),
        (
            "<DctComponent> <Dim> 12 <DctDim> 4 <Reorder> T </DctComponent>",
            "DctComponent dim=12 dct-dim=4 reorder=true",
        ),
        ("<SoftmaxComponent> <Dim> 3 </SoftmaxComponent>", "SoftmaxComponent dim=3"),
        (
            "<SoftmaxComponent> <Dim> 3 <Counts> [ 1 2 4 ] </SoftmaxComponent>",
            "SoftmaxComponent dim=3",
        ),
    ],
)
def test_old_layouts_are_read_and_become_the_newest(body: str, config: str) -> None:
    model = read(body)
    nnet = network_of(model, "a.raw")
    assert as_config(nnet) == config
    written = components_of(nnet, statistics_of(model))
    assert [tag for tag, _ in written[0].fields] == list(newest(written[0].type))
    assert as_config(network_of(KaldiModel(written), "b.raw")) == config


def newest(name: str) -> tuple[str, ...]:
    """The tags that Kaldi 5.5 writes, from its binary files (tests/golden/nnet2/*.raw)."""
    for path in sorted((Path(__file__).parents[1] / "golden" / "nnet2").glob("*.raw")):
        for component in parse_kaldi_model(path.read_bytes(), path.name).components:
            if component.type == name:
                return tuple(tag for tag, _ in component.fields)
    # the one type that is in no golden
    assert name == "AffineComponentPreconditioned"
    return ("LearningRate", "LinearParams", "BiasParams", "Alpha", "MaxChange")


def test_every_type_but_one_is_in_a_golden() -> None:
    for name in LAYOUTS:
        assert newest(name)


def test_statistics_of_nonlinearities_are_kept() -> None:
    sums = np.array([1.5, 2.5, 1e30], dtype=np.float32)
    fields = (("Dim", 3), ("ValueSum", sums), ("DerivSum", 2 * sums), ("Count", np.float64(1 / 3)))
    model = KaldiModel((KaldiComponent("TanhComponent", fields),))
    statistics = statistics_of(model)
    assert statistics.keys() == {"0.ValueSum", "0.DerivSum", "0.Count"}
    written = components_of(network_of(model, "a.raw"), statistics)
    assert format_kaldi_model(KaldiModel(written)) == format_kaldi_model(model)
    (without,) = components_of(network_of(model, "a.raw"))
    assert (without.get("ValueSum").size, without.get("Count")) == (0, 0)


def test_the_counts_of_an_old_softmax_are_its_sums() -> None:
    """As Kaldi reads them (NonlinearComponent::Read)."""
    body = "<SoftmaxComponent> <Dim> 3 <Counts> [ 1 2 4 ] </SoftmaxComponent>"
    statistics = statistics_of(read(body))
    assert statistics["0.ValueSum"].tolist() == [1, 2, 4]
    assert statistics["0.DerivSum"].tolist() == [1, 2, 4]
    assert statistics["0.Count"].item() == 7


def test_values_without_a_file_are_said_to_be_so() -> None:
    nnet = network_of(
        read(
            "<FixedAffineComponent> <LinearParams> [ 1 2 ] <BiasParams> [ 3 ] "
            "</FixedAffineComponent>"
        ),
        "a.raw",
    )
    assert as_config(nnet) == f"FixedAffineComponent matrix={NO_FILE}"
    with torch.no_grad():
        assert nnet(torch.tensor([[[10.0, 100.0]]])).item() == 213
    # the config alone cannot make such a network again, and says so
    with pytest.raises(InputError, match=f"matrix={NO_FILE}: No such file"):
        Nnet.from_config(nnet.config_text(), "a.config", torch.Generator())


def test_permutations_and_doubles() -> None:
    nnet = network_of(read("<PermuteComponent> <Reorder> [ 2 0 1 ] </PermuteComponent>"), "a.raw")
    x = torch.tensor([[[10.0, 20.0, 30.0]]])
    assert nnet(x).tolist() == [[[20.0, 30.0, 10.0]]]  # y[reorder[i]] = x[i]
    values = np.array([1.0, 1 / 3])
    fixed = KaldiModel((KaldiComponent("FixedScaleComponent", (("Scales", values),)),))
    with torch.no_grad():
        y = network_of(fixed, "a.raw")(torch.ones(1, 1, 2))[0, 0].numpy()
    np.testing.assert_array_equal(y, values.astype(np.float32))


AFFINE = (
    "<AffineComponent> <LearningRate> 0.02 <LinearParams> {} <BiasParams> {} </AffineComponent>"
)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (AFFINE.format("[ 1 2 ]", "[ 1 2 ]"), "tensor nnet.0.bias is (2,), its network needs (1,)"),
        (AFFINE.format("[ 1 nan ]", "[ 1 ]"), "tensor nnet.0.weight holds values that are not fin"),
        (AFFINE.format("[ ]", "[ ]"), "component 0: AffineComponent: input-dim=0: input-dim must"),
        (
            "<TanhComponent> <Dim> 0 </TanhComponent>",
            "component 0: TanhComponent: dim=0: dim must be greater than 0",
        ),
        (
            "<TanhComponent> <Dim> 2147483647 </TanhComponent>",
            "component 0: TanhComponent: Dim is 2147483647, more than 4194304",
        ),
        (
            "<MaxoutComponent> <InputDim> 0 <OutputDim> 4194304 </MaxoutComponent>",
            "component 0: MaxoutComponent: InputDim is 0; give a whole model",
        ),
        (
            "<PermuteComponent> <Reorder> [ 0 2 2 ] </PermuteComponent>",
            "component 0: PermuteComponent: Reorder does not hold each of 0 to 2 once",
        ),
        (
            "<PowerComponent> <InputDim> 2 <OutputDim> 3 <Power> 2 </PowerComponent>",
            "component 0: PowerComponent: its InputDim is not its OutputDim",
        ),
        (
            "<DctComponent> <Dim> 4096 <DctDim> 4096 <Reorder> T </DctComponent>",
            "component 0: DctComponent: DctDim is 4096, more than 2048",
        ),
        (
            "<SumGroupComponent> <Sizes> [ 4000000 4000000 ] </SumGroupComponent>",
            "component 0: SumGroupComponent: the sum of Sizes is 8000000, more than 4194304",
        ),
        (
            "<Convolutional1dComponent> <LearningRate> 1 <PatchDim> 0 <PatchStep> 1 <PatchStride> "
            "3 <FilterParams> [ 1 2 ] <BiasParams> [ 7 ] </Convolutional1dComponent>",
            "component 0: Convolutional1dComponent: PatchDim 0, PatchStep 1, PatchStride 3 cannot",
        ),
        (
            "<SpliceComponent> <InputDim> 3 <Context> [ 1 2 ] <ConstComponentDim> 0 "
            "</SpliceComponent>",
            "component 0: SpliceComponent: context=1:2 must reach from 0 or less to 0 or more",
        ),
        (
            "<SpliceComponent> <InputDim> 3 <Context> [ 0 2147483647 ] <ConstComponentDim> 0 "
            "</SpliceComponent>",
            "component 0: SpliceComponent: context=0:2147483647: context must lie between",
        ),
    ],
)
def test_what_cannot_be_is_told_in_one_line(body: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        network_of(read(body), "a.raw")
    assert str(caught.value).startswith(f"a.raw: {message}")
    assert "\n" not in str(caught.value)


def test_components_that_do_not_fit_are_named() -> None:
    fields = (("Dim", 3),)
    model = KaldiModel(
        (KaldiComponent("TanhComponent", fields), KaldiComponent("TanhComponent", (("Dim", 4),)))
    )
    with pytest.raises(InputError) as caught:
        network_of(model, "a.raw")
    assert str(caught.value) == (
        "a.raw: component 1: TanhComponent: its input has 4 values, but TanhComponent at a.raw: "
        "component 0 gives 3; make them equal"
    )


def test_a_type_that_kaldi_has_not_is_named() -> None:
    class LstmComponent(Component):
        def setup(self, line: ConfigLine) -> None:
            self.input_dim = self.output_dim = 3

    nnet = Nnet([LstmComponent(ConfigLine("LstmComponent", (), "net.config:1"), None)])
    with pytest.raises(InputError) as caught:
        components_of(nnet)
    assert str(caught.value) == (
        "component 0: Kaldi's nnet2 has no LstmComponent; use another network"
    )


_INTS = st.sampled_from([-(2**31), -1, 0, 1, 2, 3, 4, 6, 12, 2048, 2**22, 2**22 + 1, 2**31 - 1])
_FLOATS = st.sampled_from([0.1, 0.0, -1.0, np.nan, np.inf, 1e300])
_SIZES = st.integers(0, 5)


def _filled(*shape: int) -> np.ndarray:
    size = int(np.prod(shape))
    return np.linspace(-1, 1, size, dtype=np.float32).reshape(shape if size else [0] * len(shape))


_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int": _INTS,
    "float": _FLOATS.map(np.float64),
    "double": _FLOATS.map(np.float64),
    "flag": st.booleans(),
    "vector": st.builds(_filled, _SIZES),
    "matrix": st.builds(_filled, _SIZES, _SIZES),
    "ints": st.one_of(st.lists(_INTS, max_size=4).map(tuple), st.permutations(range(4)).map(tuple)),
}


@st.composite
def foreign_components(draw: st.DrawFn) -> KaldiComponent:
    """A component that a file may hold: the right tags, any values."""
    name = draw(st.sampled_from(sorted(LAYOUTS)))
    layout = LAYOUTS[name]
    order = draw(st.sampled_from(layout.orders))
    return KaldiComponent(name, tuple((tag, draw(_VALUES[layout.kinds[tag]])) for tag in order))


@settings(max_examples=500, deadline=None)
@given(st.lists(foreign_components(), min_size=1, max_size=2))
def test_foreign_models_are_networks_or_told_in_one_line(components: list[KaldiComponent]) -> None:
    model = KaldiModel(tuple(components))
    try:
        nnet = network_of(model, "a.raw")
    except InputError as error:
        assert "\n" not in str(error)
        assert str(error).startswith("a.raw: ")
        return
    sizes = [tensor.numel() for tensor in (*nnet.parameters(), *nnet.buffers())]
    assert sum(sizes) < MAX_VALUES
    written = KaldiModel(components_of(nnet, statistics_of(model)))
    assert as_config(network_of(written, "b.raw")) == as_config(nnet)
    assert sys.getsizeof(format_kaldi_model(written)) < 100_000
