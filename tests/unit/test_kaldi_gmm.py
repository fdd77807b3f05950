"""GMM acoustic models as Kaldi's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kws.errors import InputError
from kws.kaldi import (
    DiagGmm,
    GmmModel,
    format_gmm_model,
    format_topology,
    parse_gmm_model,
    read_gmm_model,
    read_transition_model,
    transition_model,
    write_gmm_model,
    write_transition_model,
)

TOPOLOGY = (
    "<Topology>\n<TopologyEntry>\n<ForPhones>\n1 2\n</ForPhones>\n"
    "<State> 0 <PdfClass> 0 <Transition> 0 0.7 <Transition> 1 0.3 </State>\n<State> 1 </State>\n"
    "</TopologyEntry>\n</Topology>\n"
)


@pytest.fixture
def model() -> GmmModel:
    transitions = transition_model(
        TOPOLOGY, ((1, 0, 0), (2, 0, 1)), np.log(np.array([1, 0.7, 0.3, 0.7, 0.3], np.float32))
    )
    random = np.random.default_rng(0)
    pdfs = (
        DiagGmm(
            random.standard_normal(n).astype(np.float32),
            random.dirichlet(np.ones(n)).astype(np.float32),
            random.standard_normal((n, 3)).astype(np.float32),
            random.uniform(0.5, 2, (n, 3)).astype(np.float32),
        )
        for n in (1, 2)
    )
    return GmmModel(transitions, tuple(pdfs))


@pytest.mark.parametrize("text", [False, True])
def test_a_model_is_read_as_it_was_written(tmp_path: Path, model: GmmModel, text: bool) -> None:
    write_gmm_model(tmp_path / "final.mdl", model, text=text)
    back = read_gmm_model(tmp_path / "final.mdl")
    assert back.transitions.tuples == model.transitions.tuples
    assert format_topology(back.transitions) == format_topology(model.transitions)
    for found, expected in zip(back.pdfs, model.pdfs, strict=True):
        for name in ("gconsts", "weights", "means_invvars", "inv_vars"):
            # text has 7 digits
            rtol = 1e-6 if text else 0
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=rtol)
    assert format_gmm_model(back, text=text) == (tmp_path / "final.mdl").read_bytes()


def test_the_text_form(model: GmmModel) -> None:
    pdf = DiagGmm(*(np.array(v, np.float32) for v in ([-1.5], [1], [[0, 2]], [[0.5, 4]])))
    text = format_gmm_model(GmmModel(model.transitions, (pdf,)), text=True).decode()
    _, _, behind = text.partition("</TransitionModel> \n")
    assert behind == (
        "<DIMENSION> 2 <NUMPDFS> 1 <DiagGMM> \n<GCONSTS>  [ -1.5 ]\n<WEIGHTS>  [ 1 ]\n"
        "<MEANS_INVVARS>  [\n  0 2 ]\n<INV_VARS>  [\n  0.5 4 ]\n</DiagGMM> \n"
    )


def test_transitions_stand_alone(tmp_path: Path, model: GmmModel) -> None:
    path = tmp_path / "trans.mdl"
    write_transition_model(path, model.transitions)
    write_gmm_model(tmp_path / "final.mdl", model)
    assert (tmp_path / "final.mdl").read_bytes().startswith(path.read_bytes())
    np.testing.assert_array_equal(
        read_transition_model(path).log_probs, model.transitions.log_probs
    )


def test_a_topology_keeps_all_digits(model: GmmModel) -> None:
    text = format_topology(model.transitions)
    assert (
        text.split() == TOPOLOGY.replace("0.7", "0.699999988").replace("0.3", "0.300000012").split()
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<NUMPDFS> 2", "<NUMPDFS> 3", "expected <DiagGMM> or <DiagGMMBegin>, found the end"),
        ("<NUMPDFS> 2", "<NUMPDFS> 9999999", "expected a count that the file has room for"),
        ("<DIMENSION> 3", "<DIMENSION> 4", "expected Gaussians of 4 values, as many as weights"),
        ("<WEIGHTS>  [ 1 ]", "<WEIGHTS>  [ 0.5 0.5 ]", "expected Gaussians of 3 values"),
        ("<WEIGHTS>  [ 1 ]", "<WEIGHTS>  [ -1 ]", "expected weights from 0 on and variances over"),
        ("<WEIGHTS>  [ 1 ]", "<WEIGHTS>  [ nan ]", "expected weights from 0 on and variances over"),
        ("<DIMENSION>", "<Nnet>", "expected <DIMENSION>"),
    ],
)
def test_a_damaged_model_is_told(model: GmmModel, old: str, new: str, message: str) -> None:
    text = format_gmm_model(model, text=True).decode()
    assert old in text
    with pytest.raises(InputError, match=message):
        parse_gmm_model(text.replace(old, new, 1).encode(), "final.mdl")


def test_a_model_cut_short_is_told(model: GmmModel) -> None:
    content = format_gmm_model(model)
    for length in range(len(content)):
        with pytest.raises(
            InputError, match=r"^final.mdl: byte \d+: expected .*; give a whole GMM of Kaldi$"
        ):
            parse_gmm_model(content[:length], "final.mdl")
    with pytest.raises(InputError, match="the end of the file"):
        parse_gmm_model(content + b"x", "final.mdl")


def test_mixtures_are_as_many_as_outputs(model: GmmModel) -> None:
    content = format_gmm_model(GmmModel(model.transitions, model.pdfs[:1]))
    with pytest.raises(InputError, match="1 mixtures, but the transitions name 2"):
        parse_gmm_model(content, "final.mdl")
