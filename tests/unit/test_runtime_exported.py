"""The runtime on what `kws export` writes, against the chain that was exported."""

import itertools

import numpy as np
import pytest
import torch
from runtime_level import bursts

from kws.export import export_spotter
from kws.features import CmvnStats, FeaturePipeline, parse_feature_options
from kws.nnet import Nnet
from kws.runtime import Detector, Stream, process_batch
from kws.spotter import Spotter
from kws.streaming import run

NETWORK = """SpliceComponent input-dim=16 left-context=9 right-context=5
AffineComponent input-dim=240 output-dim=16 param-stddev=0.1 bias-stddev=0.3
RectifiedLinearComponent dim=16
AffineComponent input-dim=16 output-dim=4 param-stddev=0.6 bias-stddev=0.3
SoftmaxComponent dim=4
"""
METADATA = {
    "units": ["<filler>", "a", "b", "c"],
    "keywords": [{"name": "ab", "units": [1, 2]}, {"name": "c", "units": [3]}],
    "posterior": {"w_smooth": 10, "w_max": 40, "confidence": "ordered"},
    "refractory_s": 0.3,
}
SOUND = bursts(6)


def in_a_gap(track):
    """A threshold as far as possible from every confidence, so that rounding cannot cross it."""
    high = np.sort(track)[round(0.6 * len(track)) : round(0.95 * len(track))]
    widest = np.diff(high).argmax()
    return float(high[widest] + high[widest + 1]) / 2


@pytest.fixture(scope="module")
def spotter():
    options = parse_feature_options(
        "--num-mel-bins=8\n--delta-order=1\n--cmvn=global\n--norm-vars=true\n", "fbank.conf"
    )
    plain = parse_feature_options("--num-mel-bins=8\n--delta-order=1\n", "fbank.conf")
    rows = FeaturePipeline(plain)(torch.from_numpy(SOUND.astype(np.float32))[None])
    stats = CmvnStats.zero(plain.dim).accumulate(rows)
    nnet = Nnet.from_config(NETWORK, "nnet.config", torch.Generator().manual_seed(3))
    bare = Spotter.from_parts(options, stats, nnet, METADATA)
    confidences, _ = bare.score_track(SOUND)
    names = [keyword.name for keyword in bare.keywords]
    return bare.with_thresholds(
        {
            name: {"threshold": in_a_gap(track)}
            for name, track in zip(names, confidences.T, strict=True)
        }
    )


def test_its_look_ahead_is_the_chains(spotter, exported):
    deltas = spotter.options.deltas
    look_ahead = spotter.nnet.right_context + deltas.delta_order * deltas.delta_window
    assert exported.model.look_ahead_frames() == look_ahead == 7


@pytest.fixture(scope="module")
def exported(spotter, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "small.onnx"
    export_spotter(spotter, path)
    return Detector(path)


def times(events):
    return [(e.keyword, e.start_frame, e.end_frame, e.peak_s, e.trigger_s) for e in events]


@pytest.mark.parametrize("longest", [160, 2000, 100000])
def test_confidences_and_events_are_those_of_the_spotter(spotter, exported, longest):
    expected = list(itertools.chain.from_iterable(run(spotter, SOUND)))
    assert {event.keyword for event in expected} == {"ab", "c"}
    confidences, smoothed = spotter.score_track(SOUND)
    stream, events, frames = exported.stream(), [], []
    cuts = np.cumsum(np.random.default_rng(1).integers(0, longest, 2 * len(SOUND) // longest))
    for chunk in [*np.split(SOUND, cuts[cuts < len(SOUND)]), None]:
        events += stream.flush() if chunk is None else stream.process(chunk)
        frames.append((stream.confidences, stream.smoothed))
    assert times(events) == times(expected)
    # float32 in another order of sums: 1e-4 is what a deployed detector is held to
    for mine, theirs in zip(
        map(np.concatenate, zip(*frames, strict=True)), (confidences, smoothed), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-4)


def test_streams_share_a_call_from_settled_frames_on(exported, monkeypatch):
    settled = exported.metadata.settled_frames
    assert settled is not None
    ages = (settled, settled + 1, settled + 77)
    streams = [exported.stream() for _ in ages]
    alone = [exported.stream() for _ in ages]
    for age, *pair in zip(ages, streams, alone, strict=True):
        for stream in pair:
            stream.process(bursts(3, seed=age)[: 400 + 160 * (age - 1) + age % 160])
    rows = []
    call = exported.model.run
    monkeypatch.setattr(
        exported.model,
        "run",
        lambda samples, state, **settled: (
            rows.append(len(samples)) or call(samples, state, **settled)
        ),
    )
    for chunk in np.array_split(SOUND, 40):
        rows.clear()
        process_batch(streams, [chunk] * 3)
        assert 3 in rows or sorted(rows) == [1, 2]  # one of them completes a frame more
        together = [stream.confidences for stream in streams]
        for stream, confidences in zip(alone, together, strict=True):
            stream.process(chunk)
            # float32: a product of matrices depends on their height
            np.testing.assert_allclose(stream.confidences, confidences, rtol=0, atol=1e-6)


def test_a_reset_detector_is_a_new_one(exported):
    def outputs(stream):
        events, frames = [], []
        for chunk in np.array_split(SOUND, 70):
            events += stream.process(chunk)
            frames.append(stream.confidences)
        events += stream.flush()
        return events, np.concatenate([*frames, stream.confidences]).tobytes()

    expected = outputs(Stream(exported.model))
    exported.process(bursts(2, seed=8)[:12345])
    exported.reset()
    assert outputs(exported) == expected
