"""The whole chain: any cut of the samples into chunks gives the events of the whole file."""

import itertools

import numpy as np
import pytest
import torch

from kws.features import CmvnStats, FeaturePipeline, parse_feature_options
from kws.nnet import Nnet
from kws.spotter import Spotter
from kws.streaming import run, run_in_chunks

DURATION_S = 8
FEATURES = {
    "global cmvn": "--num-mel-bins=8\n--cmvn=global\n--norm-vars=true\n",
    "edges reflected, deltas": "--num-mel-bins=4\n--snip-edges=false\n--delta-order=1\n",
    "energy, 8 kHz": "--num-mel-bins=7\n--use-energy=true\n--sample-frequency=8000\n",
}
NETWORKS = {
    "one splice": """SpliceComponent input-dim=8 left-context=30 right-context=10
AffineComponent input-dim=328 output-dim=16 param-stddev=0.1 bias-stddev=0.3
RectifiedLinearComponent dim=16
AffineComponent input-dim=16 output-dim=4 param-stddev=0.6 bias-stddev=0.3
SoftmaxComponent dim=4
""",
    "splices with holes": """SpliceComponent input-dim=8 context=-2:0:2
AffineComponent input-dim=24 output-dim=16 param-stddev=0.3 bias-stddev=0.3
RectifiedLinearComponent dim=16
NormalizeComponent dim=16
SpliceComponent input-dim=16 context=-12:-6:0:3
AffineComponent input-dim=64 output-dim=4 param-stddev=0.3 bias-stddev=0.3
SoftmaxComponent dim=4
""",
    "no context": """AffineComponent input-dim=8 output-dim=4 param-stddev=0.5 bias-stddev=0.3
SoftmaxComponent dim=4
""",
}
KEYWORDS = [
    {"name": "two units", "units": [1, 2]},
    {"name": "shared unit", "units": [3, 2]},
    {"name": "one unit", "units": [3]},
]


def make_sound(sample_rate):
    """Noise and a gliding tone whose levels change a few times per second."""
    times = np.arange(DURATION_S * sample_rate) / sample_rate
    level = np.exp(3 * np.sin(2 * np.pi * 0.7 * times) + 2 * np.sin(2 * np.pi * 1.9 * times))
    tone = np.sin(2 * np.pi * 900 * times * (1 + 0.3 * np.sin(2 * np.pi * 0.31 * times)))
    noise = np.random.default_rng(0).standard_normal(len(times))
    return (level * (20 * noise + 50 * tone)).astype(np.float32)


def make_spotter(features, network, confidence):
    options = parse_feature_options(features, "fbank.conf")
    samples = make_sound(options.sample_rate)
    stats = None
    if options.cmvn.cmvn == "global":
        plain = parse_feature_options("--num-mel-bins=8\n", "fbank.conf")
        rows = FeaturePipeline(plain)(torch.from_numpy(samples)[None])
        stats = CmvnStats.zero(plain.dim).accumulate(rows)
    nnet = Nnet.from_config(network, "nnet.config", torch.Generator().manual_seed(2))
    metadata = {
        "units": ["<filler>", "a", "b", "c"],
        "keywords": KEYWORDS,
        "posterior": {"w_smooth": 10, "w_max": 40, "confidence": confidence},
        "refractory_s": 0.3,
    }
    spotter = Spotter.from_parts(options, stats, nnet, metadata)
    confidences, _ = spotter.score_track(samples)
    thresholds = [in_a_gap(track) for track in confidences.T]
    return samples, spotter.with_thresholds(
        {
            keyword.name: {"threshold": threshold}
            for keyword, threshold in zip(spotter.keywords, thresholds, strict=True)
        }
    )


def in_a_gap(track):
    """A threshold as far as possible from every confidence, so that rounding cannot cross it."""
    high = np.sort(track)[round(0.6 * len(track)) : round(0.95 * len(track))]
    widest = np.diff(high).argmax()
    return float(high[widest] + high[widest + 1]) / 2


def times_and_confidences(outputs):
    events = list(itertools.chain.from_iterable(outputs))
    times = [(e.keyword, e.start_frame, e.end_frame, e.peak_s, e.trigger_s) for e in events]
    return times, [e.confidence for e in events]


@pytest.mark.parametrize("confidence", ["chen", "ordered"])
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("features", FEATURES)
def test_random_chunks_give_the_events_of_the_whole_file(features, network, confidence):
    samples, spotter = make_spotter(FEATURES[features], NETWORKS[network], confidence)
    times, confidences = times_and_confidences(run(spotter, samples))
    assert {keyword for keyword, *_ in times} == {keyword["name"] for keyword in KEYWORDS}
    random = np.random.default_rng(7)
    for longest in (300, 5000, 60000):
        sizes = random.integers(0, longest + 1, size=3 * len(samples) // longest)
        sizes[::3] = 0
        chunks = np.split(samples, np.minimum(np.cumsum(sizes), len(samples)))
        chunked_times, chunked_confidences = times_and_confidences(run_in_chunks(spotter, chunks))
        assert chunked_times == times
        # float32 matrix products over chunks of another height
        np.testing.assert_allclose(chunked_confidences, confidences, rtol=0, atol=1e-5)


def test_a_fresh_state_has_forgotten_everything():
    samples, spotter = make_spotter(FEATURES["global cmvn"], NETWORKS["one splice"], "chen")
    first = list(run_in_chunks(spotter, np.array_split(samples, 9)))
    for _ in run_in_chunks(spotter, np.array_split(samples[::-1].copy(), 5)):
        pass
    assert list(run_in_chunks(spotter, np.array_split(samples, 9))) == first


def test_an_event_is_told_before_the_stream_ends():
    samples, spotter = make_spotter(FEATURES["global cmvn"], NETWORKS["one splice"], "chen")
    state, now_s = spotter.init_state(), 0.0
    for chunk in np.array_split(samples, 150):
        events, state = spotter.step(chunk, state)
        now_s += len(chunk) / spotter.sample_rate
        for event in events:
            # 10 frames of right context, a frame of 25 ms and a chunk of 80 ms
            end_s = spotter.options.frame_centre_s(event.end_frame)
            assert 0 <= now_s - end_s <= 0.1 + 0.025 + 0.08 + 1e-9
