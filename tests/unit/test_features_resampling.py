from __future__ import annotations

import pytest
import torch
from torchaudio_reference import stored_input, stored_outputs

from kws.features import resample_as_kaldi


def noise(num_samples: int, batch: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return 1000 * torch.randn(batch, num_samples, generator=generator)


CASES = stored_outputs("resample")


def test_all_cases_are_here() -> None:
    rates = [[16000, 8000], [8000, 16000], [44100, 16000], [11025, 16000]]
    assert [given for given, _ in CASES] == rates


@pytest.mark.parametrize(("rates", "expected"), CASES, ids=[str(rates) for rates, _ in CASES])
def test_agrees_with_torchaudio(rates: tuple[int, int], expected: torch.Tensor) -> None:
    from_rate, to_rate = rates
    found = resample_as_kaldi(stored_input("noise").double(), from_rate, to_rate)
    assert found.shape == expected.shape == (2, -(-1000 * to_rate // from_rate))
    # samples of about 1000, times the rounding of the weights to float32 as Kaldi has them
    torch.testing.assert_close(found, expected.double(), atol=1e-3, rtol=0)


def test_a_low_tone_keeps_its_shape() -> None:
    seconds = torch.arange(16000) / 16000
    tone = 1000 * torch.sin(2 * torch.pi * 440 * seconds)[None]
    down = resample_as_kaldi(tone, 16000, 8000)
    # away from the edges; the window of 6 zeros lets the gain ripple by about a thousandth
    torch.testing.assert_close(down[:, 50:-50], tone[:, ::2][:, 50:-50], atol=3, rtol=0)
    up = resample_as_kaldi(down, 8000, 16000)
    torch.testing.assert_close(up[:, 100:-100], tone[:, 100:-100], atol=6, rtol=0)


@pytest.mark.parametrize("num_samples", [0, 1, 2, 7])
def test_short_waveforms(num_samples: int) -> None:
    for from_rate, to_rate in ((16000, 8000), (8000, 16000), (44100, 16000)):
        found = resample_as_kaldi(noise(num_samples), from_rate, to_rate)
        assert found.shape == (1, -(-num_samples * to_rate // from_rate))
        assert torch.isfinite(found).all()


def test_blocks_do_not_show() -> None:
    samples = noise(300_000)
    whole = resample_as_kaldi(samples, 48000, 16000)
    part = resample_as_kaldi(samples[:, 195_000:225_000], 48000, 16000)
    assert torch.equal(whole[:, 65_100:74_900], part[:, 100:9_900])


def test_the_same_rate_changes_nothing_and_gradients_pass() -> None:
    samples = noise(40).double().requires_grad_()
    assert resample_as_kaldi(samples, 8000, 8000) is samples
    assert torch.autograd.gradcheck(lambda x: resample_as_kaldi(x, 44100, 16000), (samples,))
