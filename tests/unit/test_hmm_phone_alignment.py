"""Paths through phones that are known."""

from __future__ import annotations

import numpy as np
import phone_tones
import pytest
from phone_tones import SYMBOLS

from kws.errors import InputError
from kws.hmm import (
    AlignOptions,
    Gmm,
    Mixture,
    PhoneAligner,
    PhoneModel,
    Span,
    equal_path,
    timed_path,
    topology_text,
)

PHONES = [1, 2, 1]


@pytest.fixture(scope="module")
def model() -> PhoneModel:
    return PhoneModel(topology_text([1, 2]))


def pdfs(model: PhoneModel, path: np.ndarray) -> list[int]:
    found: list[int] = model.pdfs[path].tolist()
    return found


def test_likelihoods_decide_where_phones_lie(model: PhoneModel) -> None:
    states = [0, 0, 1, 2, 2, 2, 3, 4, 4, 5, 0, 1, 1, 1, 2]
    log_likelihoods = np.full((15, 6), -50.0)
    log_likelihoods[np.arange(15), states] = -1
    found = PhoneAligner(model).align(PHONES, log_likelihoods)
    assert found is not None
    assert pdfs(model, found.ids) == states
    assert model.segments(found.ids) == [(1, 0, 6), (2, 6, 10), (1, 10, 15)]
    # 9 states are left with probability 0.25 and 6 loops taken with 0.75, both scaled by 0.1, and
    # all of it divided by the acoustic scale of 0.1
    transitions = 9 * np.log(0.25) + 6 * np.log(0.75)
    assert found.log_likelihood == pytest.approx(-15 + transitions, abs=1e-3)  # float32


def test_a_gmm_aligns_as_its_likelihoods_do(model: PhoneModel) -> None:
    random = np.random.default_rng(0)
    gmm = Gmm(
        Mixture(np.ones(1), 3 * random.standard_normal((1, 2)), np.ones((1, 2))) for _ in range(6)
    )
    features = 3 * random.standard_normal((40, 2)).astype(np.float32)
    aligner = PhoneAligner(model, AlignOptions(beam=100, retry_beam=400))
    by_gmm = aligner.align_gmm(PHONES, features, gmm)
    by_matrix = aligner.align(PHONES, gmm.log_likelihoods(features))
    assert by_gmm is not None and by_matrix is not None
    np.testing.assert_array_equal(by_gmm.ids, by_matrix.ids)
    assert by_gmm.log_likelihood == pytest.approx(by_matrix.log_likelihood, rel=1e-5)


def test_known_boundaries_are_found() -> None:
    """States that sound apart by four deviations: at most one frame off."""
    model = PhoneModel(topology_text([1, 2, 3, 4], [5]))
    aligner = PhoneAligner(model)
    means = phone_tones.MEANS[1:].reshape(15, phone_tones.DIM)  # of the model's outputs, in order
    for spoken in phone_tones.speak(10, seed=5):
        distances = spoken.features[:, None] - means  # (T, 15, D)
        found = aligner.align(spoken.take.phones, -0.5 * (distances**2).sum(axis=2))
        assert found is not None
        firsts = [first for _, first, _ in model.segments(found.ids)]
        assert np.abs(np.subtract(firsts, spoken.firsts)).max() <= 1


def test_what_does_not_fit_has_no_path(model: PhoneModel) -> None:
    aligner = PhoneAligner(model)
    assert aligner.align(PHONES, np.zeros((8, 6))) is None
    assert aligner.align(PHONES, np.zeros((0, 6))) is None
    assert aligner.align([], np.zeros((8, 6))) is None
    assert aligner.align(PHONES, np.zeros((9, 6))) is not None
    with pytest.raises(InputError, match="5 columns, but the model has 6 outputs"):
        aligner.align(PHONES, np.zeros((9, 5)))


def test_equal_paths_share_the_frames(model: PhoneModel) -> None:
    path = equal_path(model, PHONES, 27, seed=0)
    assert path is not None
    assert pdfs(model, path) == np.repeat([0, 1, 2, 3, 4, 5, 0, 1, 2], 3).tolist()
    longer = equal_path(model, PHONES, 31, seed=0)
    assert longer is not None
    lengths = np.bincount(np.cumsum(np.diff(pdfs(model, longer), prepend=0) != 0))
    assert len(longer) == 31 and set(lengths) <= {3, 4}
    assert equal_path(model, PHONES, 8, seed=0) is None
    assert equal_path(model, [], 8, seed=0) is None


def centres(number: int) -> np.ndarray:
    return 0.005 + 0.01 * np.arange(number)


def test_times_become_states(model: PhoneModel) -> None:
    times = [Span("a", 0, 0.06), Span("b", 0.06, 0.1), Span("a", 0.1, 0.13)]
    path = timed_path(model, PHONES, times, centres(13))
    assert pdfs(model, path) == [0, 0, 1, 1, 2, 2, 3, 4, 4, 5, 0, 1, 2]
    assert model.segments(path) == [(1, 0, 6), (2, 6, 10), (1, 10, 13)]
    # the way on stands before the loops
    assert model.loops[path].tolist() == [False, True] * 3 + [False, False, True] + [False] * 4


def test_gaps_belong_to_the_phone_before_and_edges_to_the_nearest(model: PhoneModel) -> None:
    times = [Span("a", 0.02, 0.04), Span("b", 0.06, 0.09)]
    path = timed_path(model, [1, 2], times, centres(12))
    assert model.segments(path) == [(1, 0, 6), (2, 6, 12)]


def test_short_phones_keep_their_frames(model: PhoneModel) -> None:
    """Two frames take the first and the last state, one the first; none at all is possible."""
    times = [Span("a", 0, 0.02), Span("b", 0.02, 0.03), Span("a", 0.03, 0.031), Span("b", 0.031, 1)]
    path = timed_path(model, [1, 2, 1, 2], times, centres(6))
    assert pdfs(model, path) == [0, 2, 3, 3, 4, 5]
    assert model.segments(path) == [(1, 0, 2), (2, 2, 3), (2, 3, 6)]


def test_hand_times_of_the_language_are_found_again() -> None:
    model = PhoneModel(topology_text([1, 2, 3, 4], [5]))
    for spoken in phone_tones.speak(5):
        ids = SYMBOLS.ids(spoken.phones, "test")
        path = timed_path(model, ids, spoken.times, centres(len(spoken.features)))
        firsts = [first for _, first, _ in model.segments(path)]
        assert firsts == spoken.firsts


def test_no_phones_have_no_times(model: PhoneModel) -> None:
    with pytest.raises(InputError, match="without phones"):
        timed_path(model, [], [], centres(3))
