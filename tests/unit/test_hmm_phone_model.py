"""Topologies and phone models."""

from __future__ import annotations

import numpy as np
import pytest

from kws.errors import InputError
from kws.hmm import PhoneModel, topology_text


@pytest.fixture(scope="module")
def model() -> PhoneModel:
    """Phones 1 and 2, and 3 as silence."""
    return PhoneModel(topology_text([1, 2], [3]))


def test_a_topology_of_three_states() -> None:
    text = topology_text([1, 2])
    assert text.splitlines()[1:6] == [
        "<TopologyEntry>",
        "<ForPhones>",
        "1 2",
        "</ForPhones>",
        "<State> 0 <PdfClass> 0 <Transition> 0 0.75 <Transition> 1 0.25 </State>",
    ]
    assert "<State> 3 </State>" in text


def test_the_middle_states_of_a_silence_lead_to_one_another() -> None:
    lines = topology_text([], [1], num_silence_states=5).splitlines()
    states = [line for line in lines if "<PdfClass>" in line]
    assert states[0].count("<Transition>") == 4  # itself and the middle
    for state in states[1:4]:
        assert [f"<Transition> {t} 0.25" in state for t in (0, 1, 4)] == [False, True, True]
    assert states[4].endswith("<Transition> 4 0.75 <Transition> 5 0.25 </State>")


def test_silence_of_two_states_is_a_row() -> None:
    assert topology_text([], [1], num_silence_states=2) == topology_text([1], num_states=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(([], []), "needs phones"), (([1], [1]), "phone 1 cannot be")],
)
def test_topologies_that_cannot_be(arguments: tuple[list[int], list[int]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        topology_text(*arguments)
    with pytest.raises(InputError, match="1 state or more"):
        topology_text([1], num_states=0)


def test_every_state_has_an_output(model: PhoneModel) -> None:
    assert model.num_pdfs == 9
    assert model.tuples == tuple((1 + i // 3, i % 3, i) for i in range(9))
    assert model.pdfs[0] == -1 and set(model.pdfs[1:]) == set(range(9))
    # the id that leaves a phone's first state begins it; of a silence so does any way on from there
    assert model.starts.sum() == 3
    assert [model.phone_of[i] for i in np.flatnonzero(model.starts)] == [1, 2, 3]


def test_a_path_tells_its_phones(model: PhoneModel) -> None:
    ids = {(p, s, loop): i for i, (p, s, loop) in enumerate(_meaning(model))}
    path = [ids[1, 0, False], ids[1, 0, True], ids[1, 1, False], ids[1, 2, False]]
    path += [ids[2, 0, False], ids[2, 1, False], ids[2, 1, True], ids[2, 2, False]]
    assert model.segments(np.array(path, np.int32)) == [(1, 0, 4), (2, 4, 8)]


def _meaning(model: PhoneModel) -> list[tuple[int, int, bool]]:
    """Phone, state and whether it is a loop, of every id (silence: the last one wins)."""
    pairs = zip(model.phone_of, model.pdfs, model.loops, strict=True)
    return [(int(phone), int(pdf) % 3, bool(loop)) for phone, pdf, loop in pairs]


def test_the_update_is_the_share_of_counts(model: PhoneModel) -> None:
    counts = np.zeros(model.num_transitions + 1)
    counts[1:3] = 60, 40  # stays, goes on
    counts[3:5] = 1, 2  # less than 5 together: as before
    probs = np.exp(model.updated(counts).log_probs)
    np.testing.assert_allclose(probs[1:3], [0.6, 0.4], rtol=1e-6)  # float32
    np.testing.assert_allclose(probs[3:5], [0.75, 0.25], rtol=1e-6)
    assert np.exp(model.log_probs[1]) == pytest.approx(0.75)  # the model itself stays


def test_no_share_falls_under_a_hundredth(model: PhoneModel) -> None:
    counts = np.zeros(model.num_transitions + 1)
    counts[1] = 1000
    probs = np.exp(model.updated(counts).log_probs[1:3])
    assert probs[1] == pytest.approx(0.01, rel=0.02)
    assert probs.sum() == pytest.approx(1, abs=1e-5)  # float32 logarithms


def test_probabilities_make_the_same_model(model: PhoneModel) -> None:
    counts = np.arange(model.num_transitions + 1) * 7.0 + 3
    updated = model.updated(counts)
    again = PhoneModel(updated.topology, updated.log_probs)
    assert again.transitions.log_probs == updated.transitions.log_probs
    assert again.transitions.non_self_loop_log_probs == updated.transitions.non_self_loop_log_probs
    states = np.array(updated.transitions.non_self_loop_log_probs[1:])
    loops = updated.log_probs[updated.loops]
    np.testing.assert_allclose(np.exp(states) + np.exp(loops), 1, rtol=1e-6)


def test_likelihoods_of_outputs_become_those_of_ids(model: PhoneModel) -> None:
    values = np.arange(18, dtype=np.float32).reshape(2, 9)
    expanded = model.expand(values)
    assert expanded.shape == (2, model.num_transitions)
    np.testing.assert_array_equal(expanded[1], 9 + model.pdfs[1:])
    with pytest.raises(InputError, match=r"8 columns, but the model has 9 outputs"):
        model.expand(values[:, :8])


def test_what_is_no_model_is_told(model: PhoneModel) -> None:
    with pytest.raises(InputError, match="3 transition probabilities, but the topology has"):
        PhoneModel(model.topology, np.zeros(3))
    with pytest.raises(InputError, match="a topology that cannot be used"):
        PhoneModel(model.topology.replace("<Transition> 3 0.25", "<Transition> 9 0.25"))
