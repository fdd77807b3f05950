from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.config import ConfigError
from kws.errors import InputError
from kws.features import CmvnStats, FeaturePipeline, apply_cmvn, parse_feature_options
from kws.streaming import run_in_chunks

LINES = "--num-mel-bins=10\n--delta-order=2\n--snip-edges=false\n"
PLAIN = parse_feature_options(LINES, "x")
GLOBAL = parse_feature_options(LINES + "--cmvn=global\n--norm-vars=true", "x")
SPEAKER = parse_feature_options(LINES + "--cmvn=speaker", "x")
UTTERANCE = parse_feature_options(LINES + "--cmvn=utterance\n--norm-vars=true\n--skip-dims=4", "x")
MFCC = parse_feature_options("--feature-type=mfcc\n--delta-order=2\n--cmvn=global", "x")


def noise(num_samples: int, batch: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return (1000 * torch.randn(batch, num_samples, generator=generator)).round()


def statistics() -> CmvnStats:
    return CmvnStats.zero(30).accumulate(FeaturePipeline(PLAIN)(noise(20_000)))


def test_is_fbank_then_deltas_then_cmvn() -> None:
    samples, stats = noise(5000, batch=2), statistics()
    pipeline = FeaturePipeline(GLOBAL, stats)
    step_by_step = apply_cmvn(pipeline.deltas(pipeline.raw(samples)), stats, norm_vars=True)
    found = pipeline(samples)
    assert found.shape == (2, 31, GLOBAL.dim)
    torch.testing.assert_close(found, step_by_step)
    torch.testing.assert_close(pipeline.from_raw(pipeline.raw(samples)), found)


@settings(max_examples=20, deadline=None)
@given(chunks=st.lists(st.one_of(st.just(0), st.integers(0, 2000)), max_size=8))
def test_a_stream_gives_what_the_whole_gives(chunks: list[int]) -> None:
    pipeline = FeaturePipeline(GLOBAL, statistics())
    samples = noise(sum(chunks))
    cuts = np.cumsum([0, *chunks])
    pieces = [samples[:, a:b] for a, b in itertools.pairwise(cuts)]
    streamed = torch.cat(list(run_in_chunks(pipeline, pieces)), dim=1)
    # blocks of other sizes may add up in another order
    torch.testing.assert_close(streamed, pipeline(samples), atol=1e-4, rtol=1e-4)


def test_a_batch_of_streams() -> None:
    pipeline = FeaturePipeline(GLOBAL, statistics())
    samples = noise(3000, batch=3)
    first, state = pipeline.step(samples[:, :1234], pipeline.init_state(batch_size=3))
    second, state = pipeline.step(samples[:, 1234:], state)
    streamed = torch.cat([first, second, pipeline.flush(state)], dim=1)
    torch.testing.assert_close(streamed, pipeline(samples), atol=1e-4, rtol=1e-4)
    assert pipeline.flush(pipeline.init_state(batch_size=3)).shape == (3, 0, 30)


def test_each_example_has_its_speakers_statistics() -> None:
    samples = noise(3000, batch=2)
    pipeline = FeaturePipeline(SPEAKER)
    plain = FeaturePipeline(PLAIN)(samples)
    speakers = [CmvnStats.zero(30).accumulate(plain[n]) for n in range(2)]
    found = pipeline(samples, speaker_stats=speakers)
    torch.testing.assert_close(found.mean(dim=1), torch.zeros(2, 30), atol=1e-4, rtol=0)
    with pytest.raises(InputError, match="cmvn=speaker: speaker statistics are missing"):
        pipeline(samples)
    with pytest.raises(ConfigError, match="cmvn=speaker: a speaker's statistics are not known"):
        pipeline.init_state()


def test_each_utterance_has_its_own_statistics() -> None:
    samples = noise(3000, batch=2)
    pipeline, plain = FeaturePipeline(UTTERANCE), FeaturePipeline(PLAIN)(samples)
    found = pipeline(samples)
    for n in range(2):
        stats = CmvnStats.of(plain[n])
        expected = apply_cmvn(plain[n], stats, norm_vars=True, skip_dims=[4])
        torch.testing.assert_close(found[n], expected)
    assert torch.equal(found[..., 4], plain[..., 4])
    assert pipeline(samples[:, :50]).shape == (2, 0, 30)
    with pytest.raises(ConfigError, match="cmvn=utterance: an utterance's statistics are not kno"):
        pipeline.init_state()
    with pytest.raises(InputError, match="cmvn=utterance: speaker statistics are given"):
        pipeline(samples, speaker_stats=[statistics()] * 2)


@pytest.mark.parametrize("size", [77, 160, 1000])
def test_a_stream_of_mfcc_gives_what_the_whole_gives(size: int) -> None:
    plain = parse_feature_options("--feature-type=mfcc\n--delta-order=2", "x")
    stats = CmvnStats.zero(39).accumulate(FeaturePipeline(plain)(noise(20_000)))
    pipeline, samples = FeaturePipeline(MFCC, stats), noise(5000)
    streamed = torch.cat(list(run_in_chunks(pipeline, samples.split(size, dim=1))), dim=1)
    assert streamed.shape == (1, 29, MFCC.dim)
    # blocks of other sizes may add up in another order; the lifter multiplies that by up to 12
    torch.testing.assert_close(streamed, pipeline(samples), atol=5e-4, rtol=1e-4)


def test_statistics_must_fit_the_options() -> None:
    with pytest.raises(InputError, match="cmvn=global: the statistics are missing"):
        FeaturePipeline(GLOBAL)
    with pytest.raises(InputError, match="cmvn=none: takes no global statistics"):
        FeaturePipeline(PLAIN, statistics())
    with pytest.raises(InputError, match="of 10 columns do not fit features of 30"):
        FeaturePipeline(GLOBAL, CmvnStats.zero(10))
    with pytest.raises(InputError, match="cmvn=none: speaker statistics are given"):
        FeaturePipeline(PLAIN)(noise(500), speaker_stats=[statistics()])


def test_gradients_reach_the_samples() -> None:
    samples = noise(2000).requires_grad_()
    FeaturePipeline(GLOBAL, statistics())(samples).square().sum().backward()
    assert float(samples.grad.abs().max()) > 0
