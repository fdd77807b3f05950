"""Kaldi's files as model files: transition models, priors, statistics, damage."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import InputError
from kws.kaldi import format_kaldi_model, parse_kaldi_model, read_transition_model
from kws.kaldi.conversion import (
    kaldi_model_of,
    model_file_of,
    priors_of,
    read_any_model,
    read_priors,
    transitions_of,
    with_priors,
    with_transitions,
)
from kws.nnet import ModelFile, Nnet, write_model

GOLDEN = Path(__file__).parents[1] / "golden"
MDL = GOLDEN / "mdl" / "dnn-1.mdl"


def ours(num_outputs: int = 19, **metadata: Any) -> ModelFile:
    """A model that this program made."""
    text = f"AffineComponent input-dim=4 output-dim={num_outputs}\nSoftmaxComponent "
    nnet = Nnet.from_config(
        f"{text}dim={num_outputs}", "n.config", torch.Generator().manual_seed(1)
    )
    return ModelFile(nnet.config_text(), metadata=metadata, tensors=nnet.tensors())


def test_any_model_is_read_by_its_content(tmp_path: Path) -> None:
    write_model(tmp_path / "a.mdl", ours(card={"made_by": "a test"}))
    assert read_any_model(tmp_path / "a.mdl").metadata["card"] == {"made_by": "a test"}
    (tmp_path / "b.kws").write_bytes(MDL.read_bytes())
    assert read_any_model(tmp_path / "b.kws").metadata["pdfs"] == 19
    with pytest.raises(InputError, match=r"no\.kws: No such file or directory; name a file"):
        read_any_model(tmp_path / "no.kws")
    with pytest.raises(InputError, match="Is a directory"):
        read_any_model(tmp_path)


def test_a_model_of_ours_becomes_an_acoustic_model() -> None:
    transitions = read_transition_model(MDL)
    priors = [0.01] * 18 + [0.82]
    file = with_priors(with_transitions(ours(), transitions, "t.mdl"), priors, "p.vec")
    assert file.metadata == {"pdfs": 19, "priors": priors}
    content = format_kaldi_model(kaldi_model_of(file, "a.kws"))
    model = parse_kaldi_model(content, "a.mdl")
    assert model.transitions is not None and model.priors is not None
    assert model.transitions.tuples == transitions.tuples
    np.testing.assert_array_equal(model.priors, np.array(priors, dtype=np.float32))
    again = model_file_of(model, "a.mdl")
    assert again.network == file.network
    for name, tensor in file.tensors.items():
        assert torch.equal(again.tensors[name], tensor)


def test_a_detector_stays_one_beside_its_transition_model() -> None:
    keywords = [{"name": "a", "units": [1]}]
    file = with_transitions(ours(keywords=keywords), read_transition_model(MDL), "t.mdl")
    assert file.metadata == {"keywords": keywords}


def test_a_raw_network_has_no_pdfs() -> None:
    file = read_any_model(GOLDEN / "nnet2" / "dnn.raw")
    assert (file.metadata, transitions_of(file, "a"), priors_of(file, "a")) == ({}, None, None)
    assert kaldi_model_of(file, "a").transitions is None


@pytest.mark.parametrize(
    "content", [b"\0BFV \x04\x02\0\0\0\0\0\0\x3f\0\0\x80\x3e", b" [ 0.5 0.25 ]\n"]
)
def test_priors_are_read_from_a_vector(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "p").write_bytes(content)
    assert read_priors(tmp_path / "p") == [0.5, 0.25]
    (tmp_path / "p").write_bytes(content + b"x")
    with pytest.raises(InputError, match=r"byte \d+: expected the end of the file"):
        read_priors(tmp_path / "p")


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        ([0.5] * 18, "18 priors, but the network has 19 outputs"),
        ([0.5] * 18 + [0.0], "prior 18 is 0.0; priors are greater than 0"),
        ([float("nan")] * 19, "prior 0 is nan; priors are greater than 0"),
        ([0.5] * 18 + ["x"], "prior 18 is x; priors are greater than 0"),
        (0.5, "priors that are no list, but the network has 19 outputs"),
    ],
)
def test_priors_must_be_one_per_output(priors: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        priors_of(ours(priors=priors), "a.kws")
    assert str(caught.value) == f"a.kws: {message}"


def test_the_pdfs_must_be_the_outputs() -> None:
    with pytest.raises(InputError) as caught:
        with_transitions(ours(7), read_transition_model(MDL), "t.mdl")
    assert str(caught.value) == (
        "t.mdl: its transition model has 19 pdfs, but the network 7 outputs; give the one that "
        "the network was trained with"
    )


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("kaldi.transitions", torch.zeros(9, dtype=torch.uint8), "kaldi.transitions: byte 0: exp"),
        ("kaldi.1.Count", torch.zeros(3), "tensor kaldi.1.Count: is no statistics of a component"),
        ("kaldi.1.ValueSum", torch.tensor(0.0), "tensor kaldi.1.ValueSum: is no statistics"),
    ],
)
def test_what_is_kept_for_kaldi_may_be_damaged(name: str, tensor: Any, message: str) -> None:
    file = dataclasses.replace(ours(), tensors={**ours().tensors, name: tensor})
    with pytest.raises(InputError) as caught:
        kaldi_model_of(file, "a.kws")
    assert str(caught.value).startswith(f"a.kws: {message}")
    assert "nnet2" not in str(caught.value)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([MDL, GOLDEN / "nnet2" / "pnorm.raw", GOLDEN / "nnet2" / "sigmoid-tanh.raw"]),
    st.lists(st.tuples(st.integers(0, 2500), st.binary(min_size=1, max_size=4)), max_size=3),
)
def test_damaged_files_are_models_or_told_in_one_line(
    path: Path, edits: list[tuple[int, bytes]]
) -> None:
    content = path.read_bytes()
    for place, other in edits:  # sizes and dimensions stand in the beginning
        content = content[:place] + other + content[place + len(other) :]
    try:
        file = model_file_of(parse_kaldi_model(content, "a.mdl"), "a.mdl")
    except InputError as error:
        assert "\n" not in str(error)
        assert str(error).startswith("a.mdl: ")
    else:
        # no more than twice what the file holds: its values, and their indexes or sums
        assert sum(tensor.nbytes for tensor in file.tensors.values()) < 2 * len(content)
        assert kaldi_model_of(file, "a.kws").components
