"""Networks out of the real Kaldi's own files: their sizes, their outputs, the way back.

The files and the commands that made them are in tests/golden/{nnet2,mdl,train}/README.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from kaldi_text import read_archive
from rounding import float32_tolerance

from kws.cli.main import run as kws
from kws.kaldi import format_kaldi_model, read_kaldi_model
from kws.kaldi.conversion import kaldi_model_of, read_any_model
from kws.kaldi.networks import network_of
from kws.nnet import Nnet, read_model, write_model

GOLDEN = Path(__file__).parent
GMM = "mono.mdl"
MODELS = [p for p in sorted(GOLDEN.glob("*/*")) if p.suffix in (".raw", ".mdl") and p.name != GMM]
INFOS = [*sorted((GOLDEN / "nnet2").glob("*.info")), *sorted((GOLDEN / "mdl").glob("*.info"))]
INPUTS = {"convnet": "in108", "ivector": "in45", "normalize.x": "in40x"}
RANDOM = {"dropout", "noise"}
FLAGS = {
    "nodiv": [],
    "log": ["--apply-log"],
    "nopad": ["--no-pad-input"],
    "am": ["--divide-by-priors", "--apply-log"],
}
OUTPUTS = sorted(
    path
    for path in (*(GOLDEN / "nnet2").glob("*.out"), *(GOLDEN / "mdl").glob("*.out"))
    if path.name.partition(".")[0] not in RANDOM
)
CONFIGS = sorted((GOLDEN / "nnet2").glob("*.config"))


def test_all_files_are_here() -> None:
    assert (len(MODELS), len(INFOS), len(OUTPUTS), len(CONFIGS)) == (67, 22, 30, 20)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.name)
def test_a_model_comes_back_from_a_kws_byte_for_byte(
    path: Path, tmp_path: Path, compared: Callable[..., None]
) -> None:
    write_model(tmp_path / "0.kws", read_any_model(path))
    model = kaldi_model_of(read_model(tmp_path / "0.kws"), str(path))
    assert format_kaldi_model(model, text=".txt." in path.name) == path.read_bytes()
    compared("nnet2 model files copied to a .kws and back, byte for byte")


@pytest.mark.parametrize("path", INFOS, ids=lambda path: path.name)
def test_sizes_are_kaldis(path: Path, compared: Callable[..., None]) -> None:
    """raw-nnet-info and nnet-am-info tell the same of every component."""
    text = path.read_text()
    suffix = ".raw" if path.parent.name == "nnet2" else ".mdl"
    nnet = network_of(read_kaldi_model(path.with_suffix(suffix)), str(path))
    blocks = [c for c in nnet.components if type(c).__name__.startswith("BlockAffine")]
    kaldis = {name: int(number) for name, number in re.findall(r"^([\w-]+) (\d+)$", text, re.M)}
    assert kaldis == {
        "num-components": len(nnet.components),
        "num-updatable-components": sum(c.num_parameters > 0 for c in nnet.components),
        "left-context": nnet.left_context,
        "right-context": nnet.right_context,
        "input-dim": nnet.input_dim,
        "output-dim": nnet.output_dim,
        # Kaldi forgets the biases of these
        "parameter-dim": nnet.num_parameters - sum(c.output_dim for c in blocks),
    }
    lines = re.findall(r"^component (\d+) : (\w+), (.*)$", text, re.M)
    assert len(lines) == len(nnet.components)
    for component, (_, name, values) in zip(nnet.components, lines, strict=True):
        assert type(component).__name__ == name
        dims = re.findall(r"\b(?:\w+-)?dim ?= ?(\d+)", values)[:2]
        assert {int(dim) for dim in dims} == {component.input_dim, component.output_dim}
    compared("info files of models")


def parts_of(path: Path) -> tuple[Path, str, Path]:
    """The model, the form and the input that a golden output was made of."""
    stem, _, form = path.name.removesuffix(".out").partition(".")
    inputs = INPUTS.get(f"{stem}.{form}" if form == "x" else stem, "in40")
    suffix = ".raw" if path.parent.name == "nnet2" else ".mdl"
    return path.with_name(stem + suffix), form, GOLDEN / "nnet2" / f"{inputs}.txt"


def functions_of(form: str, priors: torch.Tensor) -> list[Callable[[torch.Tensor], torch.Tensor]]:
    """What nnet-compute or nnet-am-compute does to the network's output, one after the other."""

    def divided(y: torch.Tensor) -> torch.Tensor:
        y = y / priors.to(y.dtype)
        return y / y.sum(dim=-1, keepdim=True)

    def logarithm(y: torch.Tensor) -> torch.Tensor:
        return y.clamp_min(1e-20).log()

    return [*[divided] * (form == "am"), *[logarithm] * (form in ("am", "log"))]


@cache
def network_and_functions(path: Path) -> tuple[Nnet, list[Callable[[torch.Tensor], torch.Tensor]]]:
    """What a golden output was computed by."""
    model, form, _ = parts_of(path)
    file = read_any_model(model)
    nnet = Nnet.from_tensors(file.network, str(model), file.tensors)
    return nnet, functions_of(form, torch.tensor(file.metadata.get("priors", [])))


@cache
def tolerances(path: Path) -> dict[str, np.ndarray]:
    """By how much any float32 computation may differ from each utterance's golden output."""
    nnet, functions = network_and_functions(path)
    _, form, source = parts_of(path)
    inputs = read_archive(source)
    bounds = {}
    for key, expected in read_archive(path).items():
        x = torch.from_numpy(inputs[key])
        bound = float32_tolerance(nnet, x, form != "nopad", *functions).numpy()
        bounds[key] = bound + 5e-7 * np.abs(expected)  # Kaldi's text has 7 digits
    return bounds


def assert_kaldis(y: np.ndarray, expected: np.ndarray, tolerance: np.ndarray) -> None:
    assert y.shape == expected.shape == tolerance.shape
    excess = np.abs(y - expected) - tolerance
    assert (excess <= 0).all(), (np.unravel_index(excess.argmax(), y.shape), excess.max())


@pytest.mark.parametrize("path", OUTPUTS, ids=lambda path: path.name)
def test_a_wrong_value_is_noticed(path: Path) -> None:
    for key, expected in read_archive(path).items():
        tolerance, largest = tolerances(path)[key], np.abs(expected).max()
        assert tolerance.max() < 1e-4 * largest  # whichever value is wrong by that
        one_wrong = expected.copy()
        one_wrong[np.unravel_index(tolerance.argmax(), tolerance.shape)] += 1e-4 * largest
        for wrong in (one_wrong, expected * (1 + 1e-4), expected[:, ::-1]):
            with pytest.raises(AssertionError):
                assert_kaldis(wrong, expected, tolerance)


@pytest.mark.parametrize("path", OUTPUTS, ids=lambda path: path.name)
def test_posteriors_are_kaldis(
    path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, compared: Callable[..., None]
) -> None:
    """`kws posteriors` on Kaldi's binary file is nnet-compute or nnet-am-compute."""
    model, form, source = parts_of(path)
    target = tmp_path / "post.txt"
    flags = FLAGS.get(form.removeprefix("am."), [])
    assert kws(["posteriors", *flags, str(model), f"ark,t:{source}", f"ark,t:{target}"]) == 0
    expected, outputs = read_archive(path), read_archive(target)
    assert list(outputs) == list(expected)
    for key, output in outputs.items():
        assert_kaldis(output, expected[key], tolerances(path)[key])
    left_out = [key for key in read_archive(source) if key not in expected]
    messages = [record.getMessage() for record in caplog.records]
    assert [message.partition(":")[0] for message in messages[:-1]] == left_out
    written = f"{len(left_out)} utterance(s) left out, {len(expected)} written"
    assert messages[-1:] == ([f"ark,t:{source}: {written}"] if left_out else [])
    compared("outputs of networks, whole utterances")


@pytest.mark.parametrize("path", OUTPUTS, ids=lambda path: path.name)
def test_random_chunks_give_kaldis_outputs(path: Path, compared: Callable[..., None]) -> None:
    nnet, functions = network_and_functions(path)
    _, form, source = parts_of(path)
    random = np.random.default_rng(len(path.name))
    inputs = read_archive(source)
    for key, expected in read_archive(path).items():
        y = in_chunks(nnet, torch.from_numpy(inputs[key]).float(), random)
        if form == "nopad":
            y = y[nnet.left_context : len(y) - nnet.right_context]
        for function in functions:
            y = function(y)
        assert_kaldis(y.numpy(), expected, tolerances(path)[key])
    compared("outputs of networks, random chunks")


@torch.no_grad()
def in_chunks(nnet: Nnet, x: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    """The outputs for x, (T, D), taken in chunks of 0 to 12 frames."""
    state, parts, start = nnet.init_state(), [], 0
    while start < len(x):
        size = int(random.integers(0, 13))
        y, state = nnet.step(x[None, start : start + size], state)
        parts.append(y)
        start += size
    return torch.cat([*parts, nnet.flush(state)], dim=1)[0]


@pytest.mark.parametrize(("name", "offset"), [("dropout", 0.0), ("noise", 0.4)])
def test_networks_that_draw_give_their_mean(name: str, offset: float, tmp_path: Path) -> None:
    """Kaldi draws even when it computes: its outputs lie around these (test_nnet2_outputs.py)."""
    source, target = GOLDEN / "nnet2" / "in40.txt", tmp_path / "post.txt"
    model = GOLDEN / "nnet2" / f"{name}.raw"
    assert kws(["posteriors", str(model), f"ark,t:{source}", f"ark,t:{target}"]) == 0
    inputs, outputs = read_archive(source), read_archive(target)
    assert list(outputs) == list(inputs)
    for key, output in outputs.items():
        # text of 7 digits on both sides, values up to 5
        np.testing.assert_allclose(output, inputs[key] + offset, rtol=0, atol=2e-6)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_new_network_is_what_kaldi_makes_of_the_config(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compared: Callable[..., None]
) -> None:
    """nnet-init writes the same but for the numbers that it draws."""
    monkeypatch.chdir(GOLDEN)  # the configs name their matrices from here
    assert kws(["init", str(path), str(tmp_path / "0.kws")]) == 0
    assert kws(["copy", str(tmp_path / "0.kws"), str(tmp_path / "0.raw")]) == 0
    ours = read_kaldi_model(tmp_path / "0.raw").components
    kaldis = read_kaldi_model(path.with_suffix(".raw")).components
    assert [component.type for component in ours] == [component.type for component in kaldis]
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    for line, our, kaldi in zip(lines, ours, kaldis, strict=True):
        is_drawn = ("Affine" in our.type or "Conv" in our.type) and "matrix=" not in line
        for (our_tag, value), (tag, expected) in zip(our.fields, kaldi.fields, strict=True):
            assert our_tag == tag
            assert np.shape(value) == np.shape(expected)
            assert getattr(value, "dtype", type(value)) == getattr(expected, "dtype", type(value))
            if not (is_drawn and np.ndim(value)) and tag != "Reorder":
                np.testing.assert_array_equal(value, expected)
    compared("networks made of configs, all but what is drawn")


def test_priors_are_those_that_kaldi_adjusted() -> None:
    file = read_any_model(GOLDEN / "mdl" / "dnn-1.mdl")
    priors = np.array(file.metadata["priors"])
    # alignment counts over their sum, floored at 5e-6 and normalised again; float32
    assert priors.min() == pytest.approx(4.999975e-06, rel=1e-6)
    assert priors.sum() == pytest.approx(1.0, abs=1e-6)
    assert "priors" not in read_any_model(GOLDEN / "mdl" / "dnn-0.mdl").metadata
