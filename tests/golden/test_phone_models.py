"""Topologies, trees, GMMs and transition models of the real Kaldi, made again and read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from kws.hmm import topology_text
from kws.hmm.phone_model import PhoneModel
from kws.kaldi import read_int_vectors
from kws.training.phone_models import (
    load_gmm,
    load_phone_model,
    save_gmm,
    save_phone_model,
)

HERE = Path(__file__).parent
MDL, TRAIN = HERE / "mdl", HERE / "train"
Compared = Callable[..., None]


def test_the_topology_is_gen_topos(compared: Compared) -> None:
    text = topology_text([2, 3, 4, 5, 6], [1], num_silence_states=4)
    assert text == (MDL / "topo").read_text()
    compared("topologies")


def test_the_tree_is_gmm_init_monos(tmp_path: Path, compared: Compared) -> None:
    model = PhoneModel((MDL / "topo").read_text())
    assert model.tree_bytes() == (MDL / "tree").read_bytes()
    model.tree.write(False, str(tmp_path / "tree.txt"))
    assert (tmp_path / "tree.txt").read_text() == (MDL / "tree.txt").read_text()
    compared("decision trees", 2)


def test_transitions_are_kaldis(tmp_path: Path, compared: Compared) -> None:
    """Text too: Kaldi's 7 digits of each probability."""
    save_phone_model(tmp_path / "trans.txt", PhoneModel((MDL / "topo").read_text()), text=True)
    assert (tmp_path / "trans.txt").read_bytes() == (MDL / "trans.txt").read_bytes()
    compared("transition models")


def test_a_gmm_passes_through_unchanged(tmp_path: Path, compared: Compared) -> None:
    model, gmm = load_gmm(MDL / "mono.mdl")
    save_gmm(tmp_path / "mono.mdl", model, gmm)
    assert (tmp_path / "mono.mdl").read_bytes() == (MDL / "mono.mdl").read_bytes()
    assert (gmm.num_pdfs, gmm.dim) == (19, 40)
    compared("GMMs")


def test_the_meaning_of_transition_ids(compared: Compared) -> None:
    """As show-transitions prints it."""
    model = load_phone_model(MDL / "mono.mdl")
    names = ["<eps>", "SIL", "a", "b", "c", "d", "e"]
    phone = pdf = 0
    seen = 0
    for line in (MDL / "show-transitions.txt").read_text().splitlines():
        words = line.split()
        if words[0].startswith("Transition-state"):
            phone, pdf = names.index(words[4]), int(words[-1])
        else:
            number = int(words[2])
            assert (model.phone_of[number], model.pdfs[number]) == (phone, pdf)
            assert model.loops[number] == (words[-1] == "[self-loop]")
            assert f"{np.exp(model.log_probs[number]):.6g}" == words[5]
            seen += 1
    assert seen == model.num_transitions == 41
    compared("transition ids", seen)


def test_alignments_become_outputs_as_ali_to_pdf_does(compared: Compared) -> None:
    model = load_phone_model(MDL / "dnn-1.mdl")
    outputs = dict(read_int_vectors(f"ark:{TRAIN}/pdf.txt"))
    for utterance, ids in read_int_vectors(f"ark:{TRAIN}/ali.txt"):
        np.testing.assert_array_equal(model.pdfs[ids], outputs.pop(utterance))
        compared("alignments")
    assert not outputs


def test_transitions_are_trained_as_nnet_train_transitions_does(compared: Compared) -> None:
    before, after = (load_phone_model(MDL / f"dnn-{n}.mdl") for n in (0, 1))
    counts = sum(before.counts(ids) for _, ids in read_int_vectors(f"ark:{TRAIN}/ali.txt"))
    # exact to a float's rounding of the logarithm
    np.testing.assert_allclose(before.updated(counts).log_probs, after.log_probs, atol=2e-7)
    compared("transition probabilities", before.num_transitions)
