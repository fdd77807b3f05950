"""Gaussian mixtures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from kws.hmm import Gmm, Mixture
from kws.hmm.gmm import _shares


def mixture(
    weights: list[float], means: list[list[float]], variances: list[list[float]]
) -> Mixture:
    inv_vars = 1 / np.array(variances, np.float32)
    return Mixture(np.array(weights, np.float32), np.array(means, np.float32) * inv_vars, inv_vars)


@pytest.fixture
def gmm() -> Gmm:
    """Two outputs of two dimensions: one Gaussian, and two."""
    return Gmm(
        [
            mixture([1], [[0, 1]], [[1, 4]]),
            mixture([0.25, 0.75], [[-2, 0], [3, 1]], [[1, 1], [2, 0.5]]),
        ]
    )


def test_log_likelihoods_are_those_of_the_densities(gmm: Gmm) -> None:
    frames = np.random.default_rng(0).standard_normal((5, 2)).astype(np.float32)
    first = multivariate_normal([0, 1], [1, 4]).logpdf(frames)
    second = np.log(
        0.25 * multivariate_normal([-2, 0], [1, 1]).pdf(frames)
        + 0.75 * multivariate_normal([3, 1], [2, 0.5]).pdf(frames)
    )
    found = gmm.log_likelihoods(frames)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.stack([first, second], axis=1), atol=1e-5)  # float32
    by_library = [[gmm.model.log_likelihood(p, f) for p in (0, 1)] for f in frames]
    np.testing.assert_allclose(found, by_library, atol=1e-5)


def test_mixtures_go_in_and_out_unchanged(gmm: Gmm) -> None:
    """To the last bit: a model from a file must train on as the one that was written."""
    random = np.random.default_rng(1)
    values = Mixture(
        random.dirichlet(np.ones(3)).astype(np.float32),
        random.standard_normal((3, 5)).astype(np.float32),
        random.uniform(0.1, 9, (3, 5)).astype(np.float32),
    )
    (back,) = Gmm([values]).mixtures
    for name in ("weights", "means_inv_vars", "inv_vars"):
        np.testing.assert_array_equal(getattr(back, name), getattr(values, name))
    assert (gmm.num_pdfs, gmm.num_gaussians, gmm.dim) == (2, 3, 2)


def test_a_flat_start_has_the_moments_of_all_frames() -> None:
    features = [np.array([[0.0, 1], [2, 1]]), np.array([[4.0, 7]])]
    gmm = Gmm.flat(features, 3)
    assert gmm.num_pdfs == 3
    for of_pdf in gmm.mixtures:
        np.testing.assert_allclose(of_pdf.means_inv_vars / of_pdf.inv_vars, [[2, 3]], rtol=1e-6)
        np.testing.assert_allclose(1 / of_pdf.inv_vars, [[8 / 3, 8]], rtol=1e-6)


def test_one_gaussian_is_estimated_as_mean_and_variance() -> None:
    frames = np.random.default_rng(0).normal([3, -1], [2, 0.5], (400, 2)).astype(np.float32)
    gmm = Gmm.flat([frames * 9], 2)
    pdfs = np.repeat(np.array([0, 1], np.int32), 200)
    updated = gmm.updated(gmm.statistics([(frames[:150], pdfs[:150]), (frames[150:], pdfs[150:])]))
    for pdf, of_pdf in enumerate(updated.mixtures):
        part = frames[pdfs == pdf]
        means = of_pdf.means_inv_vars[0] / of_pdf.inv_vars[0]
        np.testing.assert_allclose(means, part.mean(axis=0), rtol=1e-4)
        np.testing.assert_allclose(1 / of_pdf.inv_vars[0], part.var(axis=0), rtol=1e-3)
    assert gmm.num_gaussians == 2  # the model itself stays


def test_estimates_never_lower_the_likelihood() -> None:
    random = np.random.default_rng(2)
    frames = np.concatenate([random.normal(m, 1, (300, 3)) for m in (-3, 0, 4)]).astype(np.float32)
    pdfs = np.zeros(900, np.int32)
    gmm = Gmm.flat([frames], 1)
    found = []
    for number in range(12):
        statistics = gmm.statistics([(frames, pdfs)])
        found.append(statistics.log_likelihood / statistics.num_frames)
        gmm = gmm.updated(statistics)
        if number == 0:
            gmm = gmm.grown(3, statistics.occupancies, 0.25, random)
    steps = np.diff(found[2:])
    assert (steps > -1e-5).all()  # float32
    assert found[-1] > found[0] + 0.5
    means = np.sort(gmm.mixtures[0].means_inv_vars[:, 0] / gmm.mixtures[0].inv_vars[:, 0])
    np.testing.assert_allclose(means, [-3, 0, 4], atol=0.4)


def test_gaussians_go_where_frames_are_many() -> None:
    """By hand: frames^0.5 are 30, 20, 10 and 0; shares of 30, 20, 15, 10, 10, 10 follow."""
    occupancies = np.array([900.0, 400, 100, 0])
    assert _shares(occupancies, 4, 0.5) == [1, 1, 1, 1]
    assert _shares(occupancies, 5, 0.5) == [2, 1, 1, 1]
    assert _shares(occupancies, 6, 0.5) == [2, 2, 1, 1]
    assert _shares(occupancies, 7, 0.5) == [3, 2, 1, 1]


def test_no_gaussian_has_less_than_20_frames() -> None:
    assert _shares(np.array([100.0, 41, 40]), 100, 0.25) == [4, 2, 1]


def test_a_split_keeps_weight_and_mean(gmm: Gmm) -> None:
    occupancies = np.array([0.0, 1000])
    grown = gmm.grown(4, occupancies, 0.25, np.random.default_rng(0))
    before, after = gmm.mixtures[1], grown.mixtures[1]
    assert [len(m.weights) for m in grown.mixtures] == [1, 3]
    np.testing.assert_allclose(after.weights, [0.25, 0.375, 0.375])
    np.testing.assert_allclose(
        after.means_inv_vars[1:].mean(axis=0), before.means_inv_vars[1], rtol=1e-5
    )
    apart = (after.means_inv_vars[2] - after.means_inv_vars[1]) / after.inv_vars[1]
    deviations = apart * np.sqrt(after.inv_vars[1])
    assert (np.abs(deviations) > 0).all() and (np.abs(deviations) < 0.1).all()
    again = gmm.grown(4, occupancies, 0.25, np.random.default_rng(0)).mixtures[1]
    np.testing.assert_array_equal(again.means_inv_vars, after.means_inv_vars)


def test_a_factor_is_added_to_log_likelihoods(gmm: Gmm) -> None:
    frames = np.zeros((1, 2), np.float32)
    before, after = gmm.log_likelihoods(frames), gmm.weighted([1], 1.5).log_likelihoods(frames)
    np.testing.assert_allclose(after - before, [[0, np.log(1.5)]], atol=1e-6)
