import numpy as np
import pytest
import torch

from kws.errors import InputError
from kws.posterior import Smoothing
from kws.streaming import run_in_chunks


def chen_equation_1(posteriors: np.ndarray, w_smooth: int) -> np.ndarray:
    """The paper's formula, frames counted from 1."""
    smoothed = np.zeros_like(posteriors)
    for j in range(1, len(posteriors) + 1):
        h = max(1, j - w_smooth + 1)
        smoothed[j - 1] = posteriors[h - 1 : j].sum(axis=0) / (j - h + 1)
    return smoothed


def test_values_counted_by_hand():
    posteriors = torch.tensor([[[3.0], [1.0], [5.0], [0.0]]])
    smoothed = Smoothing(w_smooth=3)(posteriors)
    assert smoothed[0, :, 0].tolist() == [3, 2, 3, 2]


@pytest.mark.parametrize("w_smooth", [1, 2, 7, 30, 100])
@pytest.mark.parametrize("num_frames", [1, 29, 30, 31, 250])
def test_equals_the_papers_formula(w_smooth, num_frames):
    posteriors = torch.rand(2, num_frames, 3, generator=torch.Generator().manual_seed(1))
    smoothed = Smoothing(w_smooth)(posteriors).numpy()
    for n in range(2):
        expected = chen_equation_1(posteriors[n].double().numpy(), w_smooth)
        # float64 sums of at most 100 numbers below 1, added in another order
        np.testing.assert_allclose(smoothed[n], expected, rtol=0, atol=1e-14)


def test_default_window_is_the_papers():
    assert Smoothing().w_smooth == 30


def test_every_chunking_gives_the_same_bits():
    generator = torch.Generator().manual_seed(2)
    posteriors = torch.rand(3, 200, 4, generator=generator)
    smoothing = Smoothing(30)
    whole = smoothing(posteriors)
    for _ in range(10):
        sizes = []
        while sum(sizes) < 200:
            left = 200 - sum(sizes)
            sizes.append(min(left, int(torch.randint(0, 60, (), generator=generator))))
        parts = list(run_in_chunks(smoothing, posteriors.split(sizes, dim=1)))
        assert torch.equal(torch.cat(parts, dim=1), whole)


def test_a_step_leaves_the_state_it_was_given_alone():
    smoothing = Smoothing(4)
    _, state = smoothing.step(torch.ones(1, 3, 2), smoothing.init_state())
    kept = state.clone()
    first, _ = smoothing.step(torch.zeros(1, 5, 2), state)
    second, _ = smoothing.step(torch.zeros(1, 5, 2), state)
    assert torch.equal(state, kept)
    assert torch.equal(first, second)


def test_an_empty_stream_flushes_to_no_frames():
    smoothing = Smoothing(4)
    assert smoothing.flush(smoothing.init_state()).shape[1] == 0
    y, state = smoothing.step(torch.zeros(1, 0, 2), smoothing.init_state())
    assert y.shape == (1, 0, 2)
    assert smoothing.flush(state).shape == (1, 0, 2)


def test_gradients_pass():
    posteriors = torch.rand(1, 9, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Smoothing(4), posteriors)


def test_a_window_of_no_frames_is_refused():
    with pytest.raises(InputError, match=r"^w_smooth=0: it must be 1 frame or more$"):
        Smoothing(0)
