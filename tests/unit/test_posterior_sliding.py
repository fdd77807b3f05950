import pytest
import torch

from kws.posterior.sliding import extend, sliding_reduce


@pytest.mark.parametrize("width", range(1, 18))
def test_windows_are_joined_in_order(width):
    """Joining 2 x 2 matrices does not commute: a wrong order or an overlap would show."""
    generator = torch.Generator().manual_seed(width)
    matrices = torch.randn(2, 2, 20 + width - 1, generator=generator, dtype=torch.float64)
    result = sliding_reduce(matrices, width, lambda a, b: torch.einsum("ijt,jkt->ikt", a, b))
    assert result.shape == (2, 2, 20)
    for t in range(20):
        expected = torch.eye(2, dtype=torch.float64)
        for i in range(t, t + width):
            expected = expected @ matrices[..., i]
        # float64 products of at most 17 matrices, grouped otherwise
        torch.testing.assert_close(result[..., t], expected, rtol=1e-12, atol=1e-12)


def test_the_past_stands_in_front_of_the_chunk():
    first = torch.arange(1.0, 4.0).reshape(1, 3, 1)
    padded, history = extend(first, None, 5)
    assert padded.flatten().tolist() == [0, 0, 0, 0, 1, 2, 3]
    assert history.flatten().tolist() == [1, 2, 3]
    padded, history = extend(torch.tensor([4.0, 5.0]).reshape(1, 2, 1), history, 5)
    assert padded.flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert history.flatten().tolist() == [2, 3, 4, 5]


def test_a_history_does_not_keep_its_block_alive():
    _, history = extend(torch.zeros(1, 6000, 1), None, 5)
    assert history.untyped_storage().nbytes() == 4 * 4
