from __future__ import annotations

import itertools

import kaldi_native_fbank
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchaudio_reference import stored_input, stored_outputs

from kws.config import ConfigError
from kws.features import Fbank, FbankOptions
from kws.features import fbank as fbank_module
from kws.streaming import run_in_chunks


def speech_like(num_samples: int, seed: int = 0, batch: int = 1) -> torch.Tensor:
    """Coloured noise with a slow envelope and a DC offset, in whole 16-bit steps: (N, S)."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(batch, num_samples + 8, generator=generator)
    coloured = noise.unfold(1, 8, 1).sum(dim=-1)[:, :num_samples]
    envelope = 1 + torch.sin(torch.arange(num_samples) / 3000)
    return (500 * envelope * coloured + 40).round()


CASES = stored_outputs("fbank")
WARP = {"vtln_warp": 1.1}
NOT_IN_KALDI_NATIVE_FBANK = {"use_power", "vtln_warp"}
NATIVE = [options for options, _ in CASES if not NOT_IN_KALDI_NATIVE_FBANK & options.keys()]


def test_all_cases_are_here() -> None:
    assert (len(CASES), len(NATIVE)) == (9, 7)
    assert WARP in [options for options, _ in CASES]


@pytest.mark.parametrize(("variant", "expected"), CASES, ids=[str(variant) for variant, _ in CASES])
def test_agrees_with_torchaudio(variant: dict, expected: torch.Tensor) -> None:
    found = Fbank(FbankOptions(**variant))(stored_input("speech"))[0]
    # both compute in float32: rounding of its FFT
    torch.testing.assert_close(found, expected, atol=5e-4, rtol=1e-5)


@pytest.mark.parametrize("variant", NATIVE, ids=str)
def test_agrees_with_kaldi_native_fbank(variant: dict) -> None:
    samples = speech_like(9000)
    theirs = kaldi_native_fbank.FbankOptions()
    theirs.frame_opts.dither = 0.0
    theirs.energy_floor = 0.0
    theirs.mel_opts.num_bins = 23
    names = {
        "sample_frequency": (theirs.frame_opts, "samp_freq"),
        "frame_length": (theirs.frame_opts, "frame_length_ms"),
        "frame_shift": (theirs.frame_opts, "frame_shift_ms"),
        "preemphasis_coefficient": (theirs.frame_opts, "preemph_coeff"),
        "num_mel_bins": (theirs.mel_opts, "num_bins"),
        "low_freq": (theirs.mel_opts, "low_freq"),
        "high_freq": (theirs.mel_opts, "high_freq"),
    }
    for name, value in variant.items():
        owner, field = names.get(name, (theirs.frame_opts, name))
        setattr(owner if hasattr(owner, field) else theirs, field, value)
    computer = kaldi_native_fbank.OnlineFbank(theirs)
    options = FbankOptions(**variant)
    computer.accept_waveform(options.sample_rate, samples[0].tolist())
    computer.input_finished()
    expected = np.stack([computer.get_frame(t) for t in range(computer.num_frames_ready)])
    np.testing.assert_allclose(Fbank(options)(samples)[0], expected, atol=5e-4, rtol=1e-5)


STREAMED = [
    {},
    {"snip_edges": False},
    {"snip_edges": False, "frame_length": 32.0, "frame_shift": 4.0},
    {"snip_edges": False, "frame_length": 10.0, "frame_shift": 25.0},
    {"frame_length": 10.0, "frame_shift": 25.0, "use_energy": True},
]


@settings(max_examples=25, deadline=None)
@given(
    variant=st.sampled_from(STREAMED),
    num_samples=st.one_of(st.integers(0, 900), st.integers(0, 5000)),
    chunks=st.lists(st.one_of(st.just(0), st.integers(0, 40), st.integers(0, 1500)), max_size=12),
)
def test_a_stream_gives_what_the_whole_gives(
    variant: dict, num_samples: int, chunks: list[int]
) -> None:
    samples = speech_like(num_samples)
    fbank = Fbank(FbankOptions(**variant))
    cuts = np.minimum(np.cumsum([0, *chunks, num_samples]), num_samples)
    pieces = [samples[:, a:b] for a, b in itertools.pairwise(cuts)]
    streamed = torch.cat(list(run_in_chunks(fbank, pieces)), dim=1)
    # blocks of other sizes may add up in another order
    torch.testing.assert_close(streamed, fbank(samples), atol=2e-5, rtol=1e-5)


def test_the_state_is_a_value() -> None:
    fbank = Fbank(FbankOptions(snip_edges=False))
    samples = speech_like(2000)
    _, state = fbank.step(samples[:, :700], fbank.init_state())
    first, _ = fbank.step(samples[:, 700:], state)
    again, _ = fbank.step(samples[:, 700:], state)
    assert torch.equal(first, again)


def test_streams_of_a_batch_are_independent() -> None:
    fbank = Fbank(FbankOptions(snip_edges=False))
    samples = speech_like(2000, batch=3)
    pieces = list(samples.split(333, dim=1))
    state = fbank.init_state(batch_size=3)
    outputs = []
    for piece in pieces:
        y, state = fbank.step(piece, state)
        outputs.append(y)
    streamed = torch.cat([*outputs, fbank.flush(state)], dim=1)
    for n in range(3):
        alone = fbank(samples[n : n + 1])[0]
        torch.testing.assert_close(streamed[n], alone, atol=2e-5, rtol=1e-5)


def test_a_stream_cannot_subtract_the_mean() -> None:
    with pytest.raises(ConfigError, match="subtract-mean=true"):
        Fbank(FbankOptions(subtract_mean=True)).init_state()


@pytest.mark.parametrize(("batch", "num_samples"), [(1, 200_000), (7, 20_000), (70, 1_000)])
def test_blocks_do_not_show(batch: int, num_samples: int) -> None:
    fbank = Fbank(FbankOptions())
    samples = speech_like(num_samples, batch=batch)
    together = fbank(samples)
    shift, length = 160, 400
    for n, t in ((0, 0), (batch - 1, together.shape[1] - 1), (batch // 2, together.shape[1] // 2)):
        alone = fbank(samples[n : n + 1, t * shift : t * shift + length])[0, 0]
        torch.testing.assert_close(together[n, t], alone, atol=2e-5, rtol=1e-5)


def test_warp_factors_apply_per_example() -> None:
    samples = speech_like(5000, batch=4)
    samples[2] = stored_input("speech")
    warps = torch.tensor([0.9, 1.0, 1.1, 0.9])
    together = Fbank(FbankOptions())(samples, vtln_warp=warps)
    for n, warp in enumerate(warps.tolist()):
        alone = Fbank(FbankOptions(vtln_warp=warp))(samples[n : n + 1])[0]
        torch.testing.assert_close(together[n], alone, atol=2e-5, rtol=1e-5)
    expected = next(output for options, output in CASES if options == WARP)
    torch.testing.assert_close(together[2], expected, atol=5e-4, rtol=1e-5)


def test_mel_weights_are_made_once_per_warp(monkeypatch: pytest.MonkeyPatch) -> None:
    fbank_module._mel_weights.cache_clear()
    fbank = Fbank(FbankOptions())
    warps = torch.tensor([0.9, 1.1, 1.1, 0.9])
    for _ in range(3):
        fbank(speech_like(800, batch=4), vtln_warp=warps)
    assert fbank_module._mel_weights.cache_info().misses == 3  # 1, 0.9 and 1.1


def test_dither_needs_a_generator_and_repeats() -> None:
    samples = torch.zeros(1, 4000)
    fbank = Fbank(FbankOptions(dither=1.0))
    quiet = fbank(samples)
    assert torch.equal(quiet, torch.full_like(quiet, np.log(np.finfo(np.float32).eps)))
    noisy = [fbank(samples, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(noisy[0], noisy[1])
    assert not torch.equal(noisy[0], noisy[2])
    # white noise of variance 1 with pre-emphasis: no bin near the floor
    assert noisy[0].min() > -5


@pytest.mark.parametrize(
    "variant",
    [{}, {"use_energy": True}, {"use_power": False}, {"snip_edges": False, "subtract_mean": True}],
    ids=str,
)
def test_gradients(variant: dict) -> None:
    options = FbankOptions(
        sample_frequency=1000.0, frame_length=20.0, frame_shift=8.0, num_mel_bins=3, **variant
    )
    fbank = Fbank(options).double()
    samples = speech_like(45, batch=2).double().requires_grad_()
    assert torch.autograd.gradcheck(fbank, (samples,), eps=1e-4)


def test_what_inference_left_in_the_cache_can_be_trained_through() -> None:
    fbank_module._mel_weights.cache_clear()
    fbank_module._precise_window.cache_clear()
    warps = torch.tensor([0.93])
    for dtype in (torch.float32, torch.float64):
        fbank = Fbank(FbankOptions()).to(dtype)
        samples = speech_like(800).to(dtype)
        with torch.inference_mode():
            fbank(samples, vtln_warp=warps)
        samples.requires_grad_()
        fbank(samples, vtln_warp=warps).sum().backward()
        assert float(samples.grad.abs().max()) > 0


def test_silence_has_finite_gradients() -> None:
    for use_power in (True, False):
        samples = torch.zeros(1, 800, requires_grad=True)
        Fbank(FbankOptions(use_power=use_power))(samples).sum().backward()
        assert torch.isfinite(samples.grad).all()


def test_frames_of_a_wide_span_are_as_exact_as_others() -> None:
    """A loud tone and nothing else but rounding: bins lie 100 dB below the loudest."""
    time_s = torch.arange(16000) / 16000
    tone = (30000 * torch.sin(2 * torch.pi * 1700 * time_s)).round()[None]
    exact = Fbank(FbankOptions(num_mel_bins=40)).double()(tone.double())
    assert float((exact.amax(dim=2) - exact.amin(dim=2)).min()) > 17
    samples = tone.requires_grad_()
    single = Fbank(FbankOptions(num_mel_bins=40))(samples)
    # 6e-5 is what is left to float32
    assert float((single.detach() - exact).abs().max()) < 1e-4
    single.sum().backward()
    assert torch.isfinite(samples.grad).all()


@pytest.mark.parametrize("snip_edges", [True, False])
def test_too_short_waveforms_have_no_frames(snip_edges: bool) -> None:
    fbank = Fbank(FbankOptions(snip_edges=snip_edges, num_mel_bins=40))
    for num_samples in (0, 79):
        assert fbank(torch.zeros(2, num_samples)).shape == (2, 0, 40)


def test_nothing_of_it_goes_into_a_model_file() -> None:
    assert Fbank(FbankOptions()).state_dict() == {}
