from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.features import DeltaOptions, Deltas
from kws.streaming import run_in_chunks


def test_a_ramp_has_slope_1_and_no_curvature_inside() -> None:
    ramp = torch.arange(20.0)[None, :, None]
    deltas = Deltas(DeltaOptions(2, 2), 1)(ramp)
    assert deltas.shape == (1, 20, 3)
    torch.testing.assert_close(deltas[0, 4:16, 0], torch.arange(4.0, 16.0))
    torch.testing.assert_close(deltas[0, 4:16, 1], torch.ones(12))
    torch.testing.assert_close(deltas[0, 4:16, 2], torch.zeros(12), atol=1e-6, rtol=0)


def test_edges_counted_by_hand() -> None:
    # frames 0 0 1 3 3 around frame 0 of [1, 3]: repeated edges; weights -2 -1 0 1 2 over 10
    found = Deltas(DeltaOptions(1, 2), 1)(torch.tensor([[[1.0], [3.0]]]))
    torch.testing.assert_close(found[0, :, 1], torch.tensor([(3 + 6 - 3) / 10, (9 - 3) / 10]))


def test_order_2_is_one_window_of_9_on_the_features() -> None:
    """Not the delta of the edge-repeated deltas: the first frames differ."""
    features = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])[None, :, None]
    once = Deltas(DeltaOptions(1, 2), 1)
    window = torch.tensor([4, 4, 1, -4, -10, -4, 1, 4, 4]) / 100
    # frame 0 sees the impulse one frame ahead: weight window[4 + 1]
    both = Deltas(DeltaOptions(2, 2), 1)(features)[0, :, 2]
    torch.testing.assert_close(both[0], window[5])
    twice = once(once(features)[..., 1:])[..., 1][0]
    assert not torch.allclose(twice[0], both[0])


@settings(max_examples=25, deadline=None)
@given(
    order=st.integers(0, 3),
    width=st.integers(1, 3),
    chunks=st.lists(st.integers(0, 6), max_size=8),
)
def test_a_stream_gives_what_the_whole_gives(order: int, width: int, chunks: list[int]) -> None:
    generator = torch.Generator().manual_seed(sum(chunks))
    features = torch.randn(2, sum(chunks), 3, generator=generator)
    deltas = Deltas(DeltaOptions(order, width), 3)
    state = deltas.init_state(batch_size=2)
    outputs = []
    for piece in features.split(chunks, dim=1) if chunks else []:
        y, state = deltas.step(piece, state)
        outputs.append(y)
    streamed = torch.cat([*outputs, deltas.flush(state)], dim=1)
    assert torch.equal(streamed, deltas(features))
    assert streamed.shape == (2, sum(chunks), 3 * (order + 1))


def test_order_0_delays_nothing() -> None:
    deltas = Deltas(DeltaOptions(0), 2)
    outputs = list(run_in_chunks(deltas, [torch.ones(1, 3, 2)]))
    assert [y.shape[1] for y in outputs] == [3, 0]


@pytest.mark.parametrize("num_frames", [1, 2, 7])
def test_gradients(num_frames: int) -> None:
    features = torch.randn(1, num_frames, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Deltas(DeltaOptions(2, 2), 2), (features,))
