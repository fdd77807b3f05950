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
from kws.features import Fbank, Mfcc, MfccOptions
from kws.features.mfcc import cepstral_matrix
from kws.streaming import run_in_chunks

# what float32 leaves of log energies after a lifter of up to 12
TOLERANCE = {"atol": 3e-3, "rtol": 1e-5}
CASES = stored_outputs("mfcc")


def speech_like(num_samples: int, batch: int = 1) -> torch.Tensor:
    """Coloured noise with a slow envelope and a DC offset, in whole 16-bit steps: (N, S)."""
    noise = torch.randn(batch, num_samples + 8, generator=torch.Generator().manual_seed(0))
    coloured = noise.unfold(1, 8, 1).sum(dim=-1)[:, :num_samples]
    return (500 * (1 + torch.sin(torch.arange(num_samples) / 3000)) * coloured + 40).round()


def test_all_cases_are_here() -> None:
    assert len(CASES) == 8


@pytest.mark.parametrize(("variant", "expected"), CASES, ids=[str(variant) for variant, _ in CASES])
def test_agrees_with_torchaudio(variant: dict, expected: torch.Tensor) -> None:
    found = Mfcc(MfccOptions(**variant))(stored_input("speech"))[0]
    torch.testing.assert_close(found, expected, **TOLERANCE)


@pytest.mark.parametrize("variant", [variant for variant, _ in CASES], ids=str)
def test_agrees_with_kaldi_native_fbank(variant: dict) -> None:
    samples = speech_like(9000)
    theirs = kaldi_native_fbank.MfccOptions()
    theirs.frame_opts.dither = 0.0
    theirs.energy_floor = 0.0
    theirs.mel_opts.num_bins = 23
    names = {
        "sample_frequency": (theirs.frame_opts, "samp_freq"),
        "frame_length": (theirs.frame_opts, "frame_length_ms"),
        "frame_shift": (theirs.frame_opts, "frame_shift_ms"),
        "num_mel_bins": (theirs.mel_opts, "num_bins"),
        "low_freq": (theirs.mel_opts, "low_freq"),
        "high_freq": (theirs.mel_opts, "high_freq"),
    }
    for name, value in variant.items():
        owner, field = names.get(name, (theirs.frame_opts, name))
        setattr(owner if hasattr(owner, field) else theirs, field, value)
    computer = kaldi_native_fbank.OnlineMfcc(theirs)
    options = MfccOptions(**variant)
    computer.accept_waveform(options.sample_rate, samples[0].tolist())
    computer.input_finished()
    expected = np.stack([computer.get_frame(t) for t in range(computer.num_frames_ready)])
    np.testing.assert_allclose(Mfcc(options)(samples)[0], expected, **TOLERANCE)


@settings(max_examples=20, deadline=None)
@given(
    variant=st.sampled_from([{}, {"snip_edges": False, "use_energy": False, "htk_compat": True}]),
    num_samples=st.one_of(st.integers(0, 900), st.integers(0, 5000)),
    chunks=st.lists(st.one_of(st.just(0), st.integers(0, 40), st.integers(0, 1500)), max_size=12),
)
def test_a_stream_gives_what_the_whole_gives(
    variant: dict, num_samples: int, chunks: list[int]
) -> None:
    samples = speech_like(num_samples, batch=2)
    mfcc = Mfcc(MfccOptions(**variant))
    cuts = np.minimum(np.cumsum([0, *chunks, num_samples]), num_samples)
    pieces = [samples[:, a:b] for a, b in itertools.pairwise(cuts)]
    state, outputs = mfcc.init_state(batch_size=2), []
    for piece in pieces:
        output, state = mfcc.step(piece, state)
        outputs.append(output)
    streamed = torch.cat([*outputs, mfcc.flush(state)], dim=1)
    # blocks of other sizes may add up in another order; the lifter multiplies that by up to 12
    torch.testing.assert_close(streamed, mfcc(samples), atol=3e-4, rtol=1e-5)


def test_streams_run_by_the_protocol_and_refuse_the_mean() -> None:
    mfcc = Mfcc(MfccOptions())
    pieces = list(speech_like(2000).split(333, dim=1))
    streamed = torch.cat(list(run_in_chunks(mfcc, pieces)), dim=1)
    assert streamed.shape == (1, 11, 13)
    with pytest.raises(ConfigError, match="subtract-mean=true"):
        Mfcc(MfccOptions(subtract_mean=True)).init_state()


def test_the_mean_can_be_subtracted_from_the_whole() -> None:
    samples = speech_like(5000, batch=2)
    plain = Mfcc(MfccOptions())(samples)
    found = Mfcc(MfccOptions(subtract_mean=True))(samples)
    torch.testing.assert_close(found, plain - plain.mean(dim=1, keepdim=True), atol=3e-4, rtol=1e-5)


def test_the_transform_is_orthonormal_without_a_lifter() -> None:
    options = MfccOptions(num_ceps=23, cepstral_lifter=0.0, use_energy=False)
    matrix = cepstral_matrix(options)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(23), atol=1e-12)
    # equal energies are all in C0
    np.testing.assert_allclose(np.ones(23) @ matrix, np.sqrt(23) * np.eye(23)[0], atol=1e-12)


def test_the_energy_takes_the_place_of_c0_and_htk_puts_it_last() -> None:
    samples = speech_like(3000)
    plain, htk = (Mfcc(MfccOptions(htk_compat=htk))(samples) for htk in (False, True))
    assert torch.equal(htk, plain.roll(-1, dims=2))
    options = MfccOptions().log_mels
    assert torch.equal(plain[..., 0], Fbank(options)(samples)[..., 0])
    c0, last = (
        Mfcc(MfccOptions(htk_compat=htk, use_energy=False))(samples) for htk in (False, True)
    )
    torch.testing.assert_close(last[..., -1], c0[..., 0] * 2**0.5)
    torch.testing.assert_close(last[..., :-1], c0[..., 1:])


def test_warp_factors_apply_per_example() -> None:
    samples = speech_like(1500, batch=3)
    warps = torch.tensor([0.9, 1.0, 1.1])
    together = Mfcc(MfccOptions())(samples, vtln_warp=warps)
    for n, warp in enumerate(warps.tolist()):
        alone = Mfcc(MfccOptions(vtln_warp=warp))(samples[n : n + 1])[0]
        torch.testing.assert_close(together[n], alone, atol=3e-4, rtol=1e-5)


@pytest.mark.parametrize(
    "variant", [{}, {"use_energy": False, "htk_compat": True, "subtract_mean": True}], ids=str
)
def test_gradients(variant: dict) -> None:
    options = MfccOptions(
        sample_frequency=1000.0,
        frame_length=20.0,
        frame_shift=8.0,
        num_mel_bins=4,
        num_ceps=3,
        **variant,
    )
    mfcc = Mfcc(options).double()
    samples = speech_like(45, batch=2).double().requires_grad_()
    assert torch.autograd.gradcheck(mfcc, (samples,), eps=1e-4)


def test_silence_and_too_short_waveforms() -> None:
    mfcc = Mfcc(MfccOptions())
    silent = torch.zeros(1, 800, requires_grad=True)
    found = mfcc(silent)
    found.sum().backward()
    assert torch.isfinite(found).all()
    assert torch.isfinite(silent.grad).all()
    assert mfcc(torch.zeros(2, 79)).shape == (2, 0, 13)


def test_nothing_of_it_goes_into_a_model_file() -> None:
    assert Mfcc(MfccOptions()).state_dict() == {}
