"""Phone models between files and objects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from phone_tones import SYMBOLS

from kws.errors import InputError
from kws.hmm import Gmm, PhoneModel, Symbols, topology_text, write_symbols
from kws.hmm.packages import kaldi_package
from kws.kaldi import write_transition_model
from kws.training.phone_models import (
    kaldi_transitions,
    load_gmm,
    load_phone_model,
    load_symbols,
    save_gmm,
    save_phone_model,
)


@pytest.fixture(scope="module")
def model() -> PhoneModel:
    model = PhoneModel(topology_text([1, 2, 3, 4], [5]))
    return model.updated(np.arange(model.num_transitions + 1) * 11.0)


@pytest.mark.parametrize("text", [False, True])
def test_a_gmm_comes_back(tmp_path: Path, model: PhoneModel, text: bool) -> None:
    features = np.random.default_rng(0).standard_normal((50, 3))
    gmm = Gmm.flat([features], model.num_pdfs)
    path = tmp_path / "final.mdl"
    save_gmm(path, model, gmm, text=text)
    again, mixtures = load_gmm(path)
    tolerance = 1e-5 if text else 0  # text has 7 digits
    np.testing.assert_allclose(again.log_probs, model.log_probs, atol=tolerance)
    np.testing.assert_allclose(
        mixtures.log_likelihoods(features), gmm.log_likelihoods(features), atol=10 * tolerance
    )
    assert again.tuples == model.tuples
    assert load_phone_model(path).tuples == model.tuples


def test_transitions_come_back_to_the_last_bit(tmp_path: Path, model: PhoneModel) -> None:
    save_phone_model(tmp_path / "a.mdl", model)
    again = load_phone_model(tmp_path / "a.mdl")
    save_phone_model(tmp_path / "b.mdl", again)
    assert (tmp_path / "a.mdl").read_bytes() == (tmp_path / "b.mdl").read_bytes()
    assert again.topology.split() == model.topology.split()
    np.testing.assert_array_equal(again.log_probs, model.log_probs)


def test_outputs_that_a_tree_shares_are_refused(tmp_path: Path, model: PhoneModel) -> None:
    transitions = kaldi_transitions(model)
    shared = (*transitions.tuples[:-1], (*transitions.tuples[-1][:2], 0))
    write_transition_model(tmp_path / "tri.mdl", replace(transitions, tuples=shared))
    with pytest.raises(InputError, match=r"tri.mdl: its outputs are shared by a decision tree"):
        load_phone_model(tmp_path / "tri.mdl")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.5, -1e9])
def test_probabilities_that_are_none_are_refused(
    tmp_path: Path, model: PhoneModel, value: float
) -> None:
    transitions = kaldi_transitions(model)
    log_probs = transitions.log_probs.copy()
    log_probs[3] = value
    write_transition_model(tmp_path / "a.mdl", replace(transitions, log_probs=log_probs))
    with pytest.raises(InputError, match="transition probabilities must lie over 0, up to 1"):
        load_phone_model(tmp_path / "a.mdl")


def test_a_topology_that_leads_nowhere_is_refused(tmp_path: Path, model: PhoneModel) -> None:
    save_phone_model(tmp_path / "a.mdl", model, text=True)
    text = (tmp_path / "a.mdl").read_text()
    (tmp_path / "a.mdl").write_text(text.replace("<Transition> 3 ", "<Transition> 7 ", 1))
    with pytest.raises(InputError, match=r"a.mdl: a topology that cannot be used \("):
        load_phone_model(tmp_path / "a.mdl")


def test_the_table_beside_a_model_has_its_phones(tmp_path: Path, model: PhoneModel) -> None:
    write_symbols(tmp_path / "phones.txt", SYMBOLS)
    assert load_symbols(tmp_path / "final.mdl", model) == SYMBOLS
    assert load_symbols(tmp_path, model) == SYMBOLS
    write_symbols(tmp_path / "phones.txt", Symbols(("<eps>", "a", "b", "#0")))
    with pytest.raises(InputError, match=r"phones.txt: has 2 phones, but those of the model are 5"):
        load_symbols(tmp_path, model)


def test_a_package_that_is_missing_is_told_in_one_line() -> None:
    with pytest.raises(InputError) as raised:
        kaldi_package("kaldi_that_nobody_has")
    assert str(raised.value) == (
        "kaldi_that_nobody_has is not installed; this needs the extra hmm: pip install 'kws[hmm]'"
    )
