"""A keyword that ends with its recording, in every way that a detector runs."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch
from evaluation_tones import LOUD, NUM_BINS, RATE, data_dir, loudest_bin, tones
from runtime_level import write_level
from verification_models import make_spotter as random_spotter

from kws.data import read_data_dir
from kws.evaluation.scoring import score
from kws.export import export_spotter
from kws.features import parse_feature_options
from kws.nnet import Nnet
from kws.runtime import Detector, Stream
from kws.runtime import stream as stream_module
from kws.spotter import Spotter
from kws.streaming import run_in_chunks
from kws.verification.exported import ExportedFile
from kws.verification.tracks import batch_track, streaming_track

LATE = 20  # frames
THRESHOLD = 0.5


@pytest.fixture(scope="module")
def spotter() -> Spotter:
    """It knows a tone only 0.2 s after it has begun to be over, as the end of a word."""
    options = parse_feature_options(f"--num-mel-bins={NUM_BINS}\n", "tones.conf")
    nnet = Nnet.from_config(
        f"SpliceComponent input-dim={NUM_BINS} left-context={LATE} right-context=0\n"
        f"AffineComponent input-dim={NUM_BINS * (LATE + 1)} output-dim=2\nSoftmaxComponent dim=2\n",
        "late.config",
        torch.Generator().manual_seed(0),
    )
    column = loudest_bin(500.0, options)
    weight, bias = dict(nnet.named_parameters()).values()
    with torch.no_grad():
        weight.zero_()
        weight[1, column], weight[1, NUM_BINS * LATE + column] = 1.0, -1.0
        bias.copy_(torch.tensor([0.0, -6.0]))
    metadata = {
        "units": ["<filler>", "low"],
        "keywords": [{"name": "low", "units": [1]}],
        "posterior": {"w_smooth": 5, "w_max": 30, "confidence": "chen"},
        "thresholds": {"low": {"threshold": THRESHOLD}},
        "word_times": {"low": {"start_s": -0.05, "end_s": 0.1}},
    }
    return Spotter.from_parts(options, None, nnet, metadata)


@pytest.fixture(scope="module")
def exported(spotter, tmp_path_factory):
    path = tmp_path_factory.mktemp("end") / "late.onnx"
    export_spotter(spotter, path)
    return path


def cut(duration_s: float = 1.5, gated: bool = False) -> np.ndarray:
    """A recording whose last half second is the tone: (S,) whole numbers at 16-bit scale."""
    samples = np.rint(tones(duration_s + 0.01, (duration_s - 0.5, "low", LOUD)))
    samples = samples[: round(duration_s * RATE)]
    if gated:
        samples[: round((duration_s - 0.5) * RATE)] = 0
    return samples.astype(np.float32)


def assert_found(events, duration_s: float) -> None:
    """The one event, none of whose times lies behind the recording's end."""
    (event,) = events
    assert event.keyword == "low"
    times_s = event.start_s, event.trigger_s, event.peak_s, event.end_s
    assert 0 < times_s[0] <= times_s[1] <= times_s[2] <= times_s[3] <= duration_s
    assert event.peak_frame > 100 * duration_s  # the premise: it was heard behind that


@pytest.mark.parametrize("gated", [False, True])
def test_a_model_finds_it_in_any_chunks(spotter, gated):
    samples = cut(gated=gated)
    for cuts in ([], [4000], range(0, len(samples), 160), [len(samples) - 1]):
        events = run_in_chunks(spotter, np.split(samples, cuts))
        assert_found(itertools.chain.from_iterable(events), 1.5)
    assert not list(itertools.chain(*run_in_chunks(spotter, [tones(1.5)])))


def test_an_evaluation_counts_it_at_every_threshold(spotter, tmp_path):
    data_dir(tmp_path / "data", {"cut": (1.5, [(1.0, "low", LOUD)], "low")})
    scored = score(spotter, [read_data_dir(tmp_path / "data")], name="test")
    ((_, judgement),) = scored.judgements(spotter.thresholds)
    assert not judgement.missed
    assert_found([event for _, event in judgement.hits], 1.5)
    assert scored.curves()["low"].at(THRESHOLD).misses == 0


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("chunk", [160, 1280, 1000, 77777])
def test_the_runtime_finds_it_in_any_chunks_and_types(spotter, exported, chunk, gated):
    samples = cut(3.5, gated)
    (expected,) = itertools.chain.from_iterable(run_in_chunks(spotter, [samples]))
    for values in (samples.astype(np.int16), samples / 32768, samples.astype(np.float64) / 32768):
        detector = Detector(exported)
        events = []
        for start in range(0, len(values), chunk):
            events += detector.process(values[start : start + chunk])
        events += detector.flush()
        assert_found(events, 3.5)
        assert events[0].end_frame == expected.end_frame
        assert events[0].confidence == pytest.approx(expected.confidence, abs=1e-4)


@pytest.mark.parametrize("chunk", [160, 800])
def test_an_event_that_is_open_at_the_end_ends_there(tmp_path, chunk):
    detector = Detector(write_level(tmp_path / "level.onnx"))
    samples = np.repeat(np.array([0, 9000], np.int16), (2 * RATE, RATE // 8))
    for start in range(0, len(samples), chunk):
        assert not detector.process(samples[start : start + chunk])
    events = detector.flush()
    assert {event.keyword for event in events} == {"loud", "shout"}
    # the frames behind the end are loud: the only quiet part that is known lies 2 s before
    assert {event.end_s for event in events if event.end_frame > 212} == {len(samples) / RATE}


def test_a_stream_that_is_begun_again_knows_nothing_of_the_one_before(exported):
    detector = Detector(exported)
    for _ in range(2):
        detector.process((1000 * np.ones(3 * RATE)).astype(np.int16))
        detector.reset()
        assert not detector.process(cut().astype(np.int16))
        assert_found(detector.flush(), 1.5)


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    path = tmp_path_factory.mktemp("end") / "random.onnx"
    export_spotter(random_spotter(), path)
    return path


def test_what_is_heard_behind_the_end_does_not_depend_on_the_chunks(steady, monkeypatch):
    heard = []
    monkeypatch.setattr(
        stream_module, "background", lambda x, rate: heard.append(x.copy()) or x[:0]
    )
    samples = np.random.default_rng(0).integers(-9000, 9000, 7 * RATE + 123).astype(np.int16)
    easy = []
    take = Stream._take
    monkeypatch.setattr(Stream, "_take", lambda *args: easy.append(1) or take(*args))
    for chunk in (160, 320, 1280, 5120, 1111, 30000):
        detector = Detector(steady)
        for start in range(0, len(samples), chunk):
            detector.process(samples[start : start + chunk])
        detector.flush()
        np.testing.assert_array_equal(heard[-1], samples[-2 * RATE :].astype(np.float32))
    assert len(easy) > 600  # the premise: most went the shortest way


def test_a_stream_keeps_no_more_than_it_needs(steady):
    detector = Detector(steady)
    for chunk in (160, 1280, 5120):
        for _ in range(30 * RATE // chunk):
            detector.process(np.ones(chunk, np.int16))
        assert len(detector._heard) <= 4 * (8 * RATE + chunk)
        assert detector._buffer.recent.num_samples > 0


def test_verification_hears_it_too(spotter, exported):
    samples = cut()
    detector = spotter.detector(spotter.thresholds)
    chunks = np.split(samples, [100, 9000])
    file = ExportedFile(exported)
    tracks = [
        batch_track(spotter, samples, detector),
        streaming_track(spotter, chunks, detector),
        file.track(chunks, detector),
    ]
    for track in tracks:
        assert_found(track.events, 1.5)
        assert len(track.features) == len(track.posteriors) == len(track.confidences) == 198
        np.testing.assert_allclose(track.confidences, tracks[0].confidences, rtol=0, atol=1e-4)


def test_an_export_of_8_bits_is_measured_with_it(spotter, tmp_path):
    export_spotter(spotter, tmp_path / "small.onnx", calibration=[cut()])
    card = Detector(tmp_path / "small.onnx").metadata.card
    loss = card["quantization"]
    assert (loss["events"], loss["events_that_differ"]) == (1, 0), json.dumps(loss)
