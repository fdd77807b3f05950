"""Networks against the outputs of the real Kaldi (tests/golden/nnet2/README.md)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from kaldi_text import load_parameters, read_archive, read_parameters

from kws.nnet import Nnet

GOLDEN = Path(__file__).parent
NNET2 = GOLDEN / "nnet2"
INPUTS = {"convnet": "in108", "ivector": "in45", "normalize.x": "in40x"}
RANDOM = {"dropout", "noise"}
OUTPUTS = sorted(
    path.name for path in NNET2.glob("*.out") if path.name.partition(".")[0] not in RANDOM
)


@pytest.fixture(autouse=True)
def in_golden_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The configs name their matrices relative to the working directory."""
    monkeypatch.chdir(GOLDEN)


def make_nnet(name: str) -> Nnet:
    config = NNET2 / f"{name}.config"
    return Nnet.from_config(config.read_text(), str(config), torch.Generator().manual_seed(0))


def load_nnet(name: str) -> Nnet:
    nnet = make_nnet(name)
    load_parameters(nnet, NNET2 / f"{name}.txt.raw")
    return nnet


def compute(nnet: Nnet, x: np.ndarray, form: str, dtype: torch.dtype) -> np.ndarray:
    with torch.no_grad():
        y = nnet.to(dtype)(torch.from_numpy(x)[None].to(dtype), pad=form != "nopad")[0]
    # nnet-compute floors before it takes the logarithm
    return (y.clamp(min=1e-20).log() if form == "log" else y).double().numpy()


def inputs_and_outputs(file_name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    stem = file_name.removesuffix(".out").removesuffix(".log").removesuffix(".nopad")
    inputs = read_archive(NNET2 / f"{INPUTS.get(stem, 'in40')}.txt")
    expected = read_archive(NNET2 / file_name)
    assert expected
    skipped = inputs.keys() - expected.keys()
    # without padding nnet-compute skips what is shorter than the context
    assert not skipped or file_name.endswith(".nopad.out")
    return [(inputs[key], expected[key]) for key in expected]


def test_all_outputs_are_here() -> None:
    assert len(OUTPUTS) == 28


@pytest.mark.parametrize("file_name", OUTPUTS)
def test_output_is_kaldis(file_name: str) -> None:
    name, *rest = file_name.removesuffix(".out").split(".")
    nnet = load_nnet(name)
    ends_in_softmax = nnet.config_text().rstrip().rpartition("\n")[2].startswith("Softmax")
    form = rest[0] if rest else ""
    for x, expected in inputs_and_outputs(file_name):
        y = compute(nnet, x, form, torch.float64)
        assert y.shape == expected.shape
        # twice what the README found between Kaldi's float32 and exact computation
        if ends_in_softmax:
            bound = 2.8e-6 * np.abs(expected)
        else:
            bound = 1.24e-4 * (0.001 + np.abs(expected))
        assert (np.abs(y - expected) <= bound).all()


@pytest.mark.parametrize(
    "name", ["dnn", "convnet", "conv-append", "multisplice", "sigmoid-tanh", "pnorm"]
)
def test_single_precision_is_kaldis(name: str) -> None:
    nnet = load_nnet(name)
    for x, expected in inputs_and_outputs(f"{name}.out"):
        y = compute(nnet, x, "", torch.float32)
        # both sides round sums of a few hundred products to 24 bits, in different orders
        np.testing.assert_allclose(y, expected, rtol=2e-5, atol=3e-7)


@pytest.mark.parametrize("name", ["dnn", "convnet", "multisplice"])
def test_stream_is_kaldis(name: str) -> None:
    nnet = load_nnet(name).double()
    for x, expected in inputs_and_outputs(f"{name}.out"):
        state, parts = nnet.init_state(), []
        with torch.no_grad():
            for frame in torch.from_numpy(x)[None].split(1, dim=1):
                y, state = nnet.step(frame, state)
                parts.append(y)
            parts.append(nnet.flush(state))
        y = torch.cat(parts, dim=1)[0].numpy()
        assert y.shape == expected.shape
        assert (np.abs(y - expected) <= 2.8e-6 * np.abs(expected)).all()  # as for the whole file


def test_utterances_shorter_than_the_context_give_no_frames_without_padding() -> None:
    x = read_archive(NNET2 / "in40.txt")["s1"]
    assert compute(load_nnet("dnn"), x, "nopad", torch.float32).shape == (0, 19)


def test_log_probabilities_are_the_logarithm_of_the_output() -> None:
    nnet = load_nnet("dnn").double()
    for x, expected in inputs_and_outputs("dnn.log.out"):
        with torch.no_grad():
            y = nnet.log_probabilities(torch.from_numpy(x)[None])[0].numpy()
        assert (np.abs(y - expected) <= 2.8e-6 * np.abs(expected)).all()  # as for the output


@pytest.mark.parametrize("name", ["affine-matrix", "conv-append"])
def test_matrix_files_give_the_initial_parameters(name: str) -> None:
    nnet = make_nnet(name)
    named = [c for c in nnet.components if getattr(c, "matrix", None) is not None]
    golden = [arrays for _, arrays in read_parameters(NNET2 / f"{name}.txt.raw") if arrays]
    assert len(named) == 1
    for parameter, values in golden[0].items():
        drawn = getattr(named[0], parameter).detach().numpy()
        # both are float32 roundings of 7 digits
        np.testing.assert_allclose(drawn, values.reshape(drawn.shape), rtol=2e-7)


@pytest.mark.parametrize("name", ["pnorm", "maxout-fixed"])
def test_files_give_the_fixed_values(name: str) -> None:
    nnet = make_nnet(name)
    golden = read_parameters(NNET2 / f"{name}.txt.raw")
    fixed = [n for n, (type_name, _) in enumerate(golden) if type_name.startswith("Fixed")]
    assert fixed
    for index in fixed:
        for key, values in golden[index][1].items():
            tensor = nnet.components[index].state_dict()[key].numpy()
            # both are float32 roundings of 7 digits
            np.testing.assert_allclose(tensor, values.reshape(tensor.shape), rtol=2e-7)


def test_dropout_multiplies_by_kaldis_two_factors(compared: Callable[..., None]) -> None:
    x = read_archive(NNET2 / "in40.txt")["c54"]
    kaldi = read_archive(NNET2 / "dropout.out")["c54"] / x
    nnet = make_nnet("dropout").double()
    y = nnet(torch.from_numpy(x)[None], generator=torch.Generator().manual_seed(1))[0].numpy() / x
    low, high = 0.3, (1 - 0.4 * 0.3) / (1 - 0.4)
    for ratio in (kaldi, y):
        is_low = ratio < 0.5
        # the quotient of two numbers of 7 digits
        np.testing.assert_allclose(ratio, np.where(is_low, low, high), rtol=1e-6)
        # 2160 draws: five standard deviations of a proportion of 0.4
        assert abs(is_low.mean() - 0.4) < 5 * np.sqrt(0.4 * 0.6 / is_low.size)
    compared("outputs of networks that draw, their distribution")


def test_noise_is_uniform_between_zero_and_stddev(compared: Callable[..., None]) -> None:
    x = read_archive(NNET2 / "in40.txt")["c54"]
    kaldi = read_archive(NNET2 / "noise.out")["c54"] - x
    nnet = make_nnet("noise").double()
    y = nnet(torch.from_numpy(x)[None], generator=torch.Generator().manual_seed(1))[0].numpy() - x
    for noise in (kaldi, y):
        assert noise.min() >= -1e-6 and noise.max() <= 0.8 + 1e-6  # rounding to 7 digits
        # 2160 draws: five standard deviations of their mean; of a quarter being below 0.2
        assert abs(noise.mean() - 0.4) < 5 * 0.8 / np.sqrt(12 * noise.size)
        assert abs((noise < 0.2).mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / noise.size)
    compared("outputs of networks that draw, their distribution")
