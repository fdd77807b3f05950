import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import InputError
from kws.posterior import Confidence, Keyword, OrderedConfidence
from kws.streaming import run_in_chunks


def chen_equation_2(smoothed: np.ndarray, units: tuple[int, ...], w_max: int) -> np.ndarray:
    """The paper's formula, frames counted from 1."""
    confidences = np.zeros(len(smoothed))
    for j in range(1, len(smoothed) + 1):
        h = max(1, j - w_max + 1)
        product = math.prod(smoothed[h - 1 : j, unit].max() for unit in units)
        confidences[j - 1] = product ** (1 / len(units))
    return confidences


def best_in_order(smoothed: np.ndarray, units: tuple[int, ...], w_max: int) -> np.ndarray:
    """Every choice of frames k_1 < ... < k_n, tried one by one."""
    confidences = np.zeros(len(smoothed))
    for j in range(len(smoothed)):
        window = smoothed[max(0, j - w_max + 1) : j + 1]
        choices = itertools.combinations(range(len(window)), len(units))
        products = [
            math.prod(window[k, unit] for k, unit in zip(ks, units, strict=True)) for ks in choices
        ]
        confidences[j] = max(products, default=0.0) ** (1 / len(units))
    return confidences


REFERENCES = {Confidence: chen_equation_2, OrderedConfidence: best_in_order}


@pytest.mark.parametrize("kind", REFERENCES)
@settings(max_examples=60, deadline=None)
@given(
    units=st.lists(st.integers(0, 3), min_size=1, max_size=3),
    w_max=st.integers(1, 9),
    num_frames=st.integers(0, 14),
    seed=st.integers(0, 2**31),
)
def test_equals_the_formula_tried_out(kind, units, w_max, num_frames, seed):
    smoothed = np.random.default_rng(seed).random((num_frames, 4)) ** 3
    keyword = Keyword("word", tuple(units))
    confidences = kind([keyword], w_max)(torch.from_numpy(smoothed)[None])
    assert confidences.shape == (1, num_frames, 1)
    expected = REFERENCES[kind](smoothed, keyword.units, w_max)
    # float64: products of at most three numbers and one root
    np.testing.assert_allclose(confidences[0, :, 0].numpy(), expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("kind", REFERENCES)
def test_default_window_is_the_papers(kind):
    smoothed = torch.zeros(1, 201, 2)
    smoothed[0, 50, 1] = 0.75
    confidence = kind([Keyword("word", (1,))])
    assert confidence.w_max == 100
    expected = [0.0] * 50 + [0.75] * 100 + [0.0] * 51
    assert confidence(smoothed)[0, :, 0].tolist() == expected


@pytest.mark.parametrize("kind", REFERENCES)
def test_every_chunking_gives_the_same_bits(kind):
    generator = torch.Generator().manual_seed(3)
    smoothed = torch.rand(2, 300, 6, generator=generator, dtype=torch.float64) ** 4
    keywords = [
        Keyword("one", (1,)),
        Keyword("two", (2, 1)),
        Keyword("three", (1, 2, 3)),
        Keyword("five", (1, 2, 3, 4, 5)),
    ]
    confidence = kind(keywords, 37)
    whole = confidence(smoothed)
    for _ in range(8):
        sizes = []
        while sum(sizes) < 300:
            left = 300 - sum(sizes)
            sizes.append(min(left, int(torch.randint(0, 50, (), generator=generator))))
        parts = list(run_in_chunks(confidence, smoothed.split(sizes, dim=1)))
        assert torch.equal(torch.cat(parts, dim=1), whole)


def two_words(first: int, second: int) -> torch.Tensor:
    """Smoothed posteriors in which unit `first` peaks half a second before unit `second`."""
    frames = torch.arange(200, dtype=torch.float64)
    smoothed = torch.full((1, 200, 3), 0.01, dtype=torch.float64)
    smoothed[0, :, first] += 0.9 * torch.exp(-(((frames - 60) / 10) ** 2))
    smoothed[0, :, second] += 0.9 * torch.exp(-(((frames - 110) / 10) ** 2))
    return smoothed


def test_google_okay_fires_okay_google_only_where_order_does_not_count():
    okay_google = [Keyword("okay google", (1, 2))]
    in_order, reversed_order = two_words(1, 2), two_words(2, 1)
    assert Confidence(okay_google)(in_order).max() > 0.9
    assert Confidence(okay_google)(reversed_order).max() > 0.9
    assert OrderedConfidence(okay_google)(in_order).max() > 0.9
    assert OrderedConfidence(okay_google)(reversed_order).max() < 0.15


def test_order_can_only_lower_the_confidence():
    smoothed = torch.rand(1, 150, 4, generator=torch.Generator().manual_seed(4))
    keywords = [Keyword("a", (1, 2)), Keyword("b", (3, 2, 1)), Keyword("c", (2,))]
    free, ordered = Confidence(keywords, 20)(smoothed), OrderedConfidence(keywords, 20)(smoothed)
    assert (ordered <= free + 1e-15).all()
    assert (ordered < free).any()
    assert torch.equal(ordered[..., 2], free[..., 2])


def test_keywords_may_share_units_and_streams_keep_apart():
    smoothed = torch.zeros(2, 5, 3)
    smoothed[0, 2, 1] = 0.5
    smoothed[1, 3, 2] = 0.25
    confidences = Confidence([Keyword("a", (1,)), Keyword("b", (2,)), Keyword("c", (1,))])(smoothed)
    assert confidences[0, -1].tolist() == [0.5, 0, 0.5]
    assert confidences[1, -1].tolist() == [0, 0.25, 0]


@pytest.mark.parametrize("kind", REFERENCES)
def test_an_empty_stream_flushes_to_no_frames(kind):
    confidence = kind([Keyword("a", (1,)), Keyword("b", (1, 2))], 10)
    assert confidence.flush(confidence.init_state()).shape == (1, 0, 2)
    y, state = confidence.step(torch.zeros(3, 0, 3), confidence.init_state())
    assert y.shape == (3, 0, 2)
    assert confidence.flush(state).shape == (3, 0, 2)


def test_mistakes_are_told():
    with pytest.raises(InputError, match=r"^w_max=0: it must be 1 frame or more$"):
        Confidence([], 0)
    with pytest.raises(InputError, match=r"^keyword 'x': units \[\] must be one or more outputs"):
        Keyword("x", ())
    with pytest.raises(InputError, match=r"^keyword 'x': units \[1, -1\] must be"):
        Keyword("x", (1, -1))
