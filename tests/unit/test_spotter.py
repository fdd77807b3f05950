import dataclasses
import itertools

import numpy as np
import pytest
import torch

from kws.audio import background
from kws.config import ConfigError
from kws.errors import InputError
from kws.export import export_spotter
from kws.features import CmvnStats, FeaturePipeline, parse_feature_options
from kws.nnet import ModelFile, Nnet, read_model, write_model
from kws.posterior import Confidence, OrderedConfidence
from kws.spotter import Spotter
from kws.streaming import run

OPTIONS = "--num-mel-bins=8\n--cmvn=global\n--norm-vars=true\n"
NETWORK = """SpliceComponent input-dim=8 left-context=6 right-context=3
AffineComponent input-dim=80 output-dim=16 param-stddev=0.2 bias-stddev=0.3
RectifiedLinearComponent dim=16
AffineComponent input-dim=16 output-dim=4 param-stddev=0.6 bias-stddev=0.3
SoftmaxComponent dim=4
"""
METADATA = {
    "units": ["<filler>", "view", "glass", "jarvis"],
    "keywords": [{"name": "view glass", "units": [1, 2]}, {"name": "jarvis", "units": [3]}],
    "posterior": {"w_smooth": 12, "w_max": 40, "confidence": "chen"},
    "refractory_s": 0.4,
    "thresholds": {},
}


def some_sound(duration_s, seed=0):
    """Noise whose level and colour change a few times per second."""
    random = np.random.default_rng(seed)
    num_samples = round(duration_s * 16000)
    times = np.arange(num_samples) / 16000
    level = np.exp(3 * np.sin(2 * np.pi * 0.7 * times) + 2 * np.sin(2 * np.pi * 1.9 * times))
    tone = np.sin(2 * np.pi * 900 * times * (1 + 0.3 * np.sin(2 * np.pi * 0.31 * times)))
    return (level * (20 * random.standard_normal(num_samples) + 50 * tone)).astype(np.float32)


def make_spotter(options=OPTIONS, network=NETWORK, **metadata):
    feature_options = parse_feature_options(options, "fbank.conf")
    stats = None
    if feature_options.cmvn.cmvn == "global":
        plain = parse_feature_options(
            "\n".join(line for line in options.splitlines() if "cmvn" not in line), "fbank.conf"
        )
        features = FeaturePipeline(plain)(torch.from_numpy(some_sound(3, seed=9))[None])
        stats = CmvnStats.zero(plain.dim).accumulate(features)
    nnet = Nnet.from_config(network, "nnet.config", torch.Generator().manual_seed(1))
    return Spotter.from_parts(feature_options, stats, nnet, {**METADATA, **metadata})


def with_some_thresholds(spotter, samples):
    """Thresholds that a tenth of the frames reach."""
    confidences, _ = spotter.score_track(samples)
    return spotter.with_thresholds(
        {
            keyword.name: {"threshold": float(np.quantile(confidences[:, k], 0.9))}
            for k, keyword in enumerate(spotter.keywords)
        }
    )


def test_what_the_metadata_says_is_what_runs():
    spotter = make_spotter()
    assert spotter.units == ("<filler>", "view", "glass", "jarvis")
    assert [(k.name, k.units) for k in spotter.keywords] == [
        ("view glass", (1, 2)),
        ("jarvis", (3,)),
    ]
    assert spotter.smoothing.w_smooth == 12
    assert spotter.confidence.w_max == 40
    assert isinstance(spotter.confidence, Confidence)
    ordered = make_spotter(posterior={"confidence": "ordered"})
    assert isinstance(ordered.confidence, OrderedConfidence)
    assert (ordered.smoothing.w_smooth, ordered.confidence.w_max) == (30, 100)
    detector = spotter.detector({"view glass": 0.5, "jarvis": 0.25})
    assert detector.refractory_frames == 40
    assert detector.w_max == 40
    assert detector.frame_offset_s == 0.0125
    assert detector.frame_shift_s == 0.01


def test_score_track_is_the_stages_one_after_the_other():
    spotter = make_spotter()
    samples = some_sound(70)  # more than two blocks
    confidences, smoothed = spotter.score_track(samples)
    with torch.no_grad():
        heard = np.concatenate((samples, background(samples, 16000)))
        posteriors = spotter.nnet(spotter.features(torch.from_numpy(heard)[None]))
        expected_smoothed = spotter.smoothing(posteriors)
        expected = spotter.confidence(expected_smoothed)
    assert confidences.shape == (6998 + 50, 2)
    assert confidences.dtype == smoothed.dtype == np.float64
    # float32 matrix products over blocks of another height
    np.testing.assert_allclose(smoothed, expected_smoothed[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(confidences, expected[0], rtol=0, atol=1e-5)


def test_posteriors_of_a_batch_are_those_of_each():
    spotter = make_spotter()
    samples = torch.from_numpy(np.stack([some_sound(2, seed) for seed in range(3)]))
    posteriors = spotter.posteriors(samples)
    assert posteriors.shape == (3, 198, 4)
    assert not posteriors.requires_grad
    # the rows of a softmax
    torch.testing.assert_close(posteriors.sum(dim=-1), torch.ones(3, 198))
    for n in range(3):
        torch.testing.assert_close(posteriors[n], spotter.posteriors(samples[n : n + 1])[0])


def test_events_are_the_detectors_on_the_score_track():
    samples = some_sound(20)
    spotter = with_some_thresholds(make_spotter(), samples)
    events = list(itertools.chain.from_iterable(run(spotter, samples)))
    detector = spotter.detector(spotter.thresholds)
    expected = list(itertools.chain.from_iterable(run(detector, spotter.score_track(samples))))
    assert {event.keyword for event in events} == {"view glass", "jarvis"}
    assert [(e.keyword, e.start_frame, e.end_frame, e.peak_s) for e in events] == [
        (e.keyword, e.start_frame, e.end_frame, e.peak_s) for e in expected
    ]
    for event in events:
        assert (event.start_s, event.end_s) == (None, None)
        assert 0 <= event.start_frame <= event.trigger_frame <= event.peak_frame <= event.end_frame
        assert event.confidence >= spotter.thresholds[event.keyword]


def test_streams_do_not_hear_each_other():
    samples = some_sound(10)
    spotter = with_some_thresholds(make_spotter(), samples)
    alone = run(spotter, samples)
    state = spotter.init_state()
    other = spotter.init_state()
    events = []
    for chunk in np.array_split(samples, 7):
        found, state = spotter.step(chunk, state)
        events += found
        _, other = spotter.step(some_sound(0.3, seed=5), other)
    events += spotter.flush(state)
    assert [(e.keyword, e.peak_s) for e in events] == [
        (e.keyword, e.peak_s) for e in itertools.chain.from_iterable(alone)
    ]


@pytest.mark.parametrize("num_samples", [0, 1, 399, 400])
def test_a_stream_too_short_for_a_frame_has_no_event(num_samples):
    spotter = make_spotter(thresholds={"view glass": {"threshold": 1}, "jarvis": {"threshold": 1}})
    samples = np.zeros(num_samples, np.float32)
    assert list(itertools.chain.from_iterable(run(spotter, samples))) == []
    confidences, smoothed = spotter.score_track(samples)
    num_frames = int(num_samples >= 400)
    assert confidences.shape == (num_frames, 2)
    assert smoothed.shape == (num_frames, 4)


def test_a_saved_spotter_is_the_same_one(tmp_path):
    samples = some_sound(5)
    spotter = with_some_thresholds(make_spotter(card={"seed": 3}), samples)
    spotter.save(tmp_path / "final.kws")
    loaded = Spotter.load(tmp_path / "final.kws")
    assert loaded.metadata == spotter.metadata
    assert loaded.thresholds == spotter.thresholds
    assert loaded.options == spotter.options
    for again, first in zip(loaded.score_track(samples), spotter.score_track(samples), strict=True):
        np.testing.assert_array_equal(again, first)


def test_what_a_model_holds_for_kaldi_stays_in_it(tmp_path):
    made = make_spotter()
    kaldis = {
        "kaldi.transitions": torch.arange(5, dtype=torch.uint8),
        "kaldi.1.ValueSum": torch.tensor([0.5, 0.25]),
    }
    file = made.to_model_file()
    write_model(
        tmp_path / "final.kws", dataclasses.replace(file, tensors={**file.tensors, **kaldis})
    )
    entries = {"view glass": {"threshold": 0.5}, "jarvis": {"threshold": 0.25}}
    Spotter.load(tmp_path / "final.kws").with_thresholds(entries).save(tmp_path / "new.kws")
    tensors = read_model(tmp_path / "new.kws").tensors
    assert tensors.keys() == {*file.tensors, *kaldis}
    for name, value in kaldis.items():
        assert tensors[name].dtype == value.dtype
        assert torch.equal(tensors[name], value)


def test_other_thresholds_leave_the_first_spotter_alone():
    spotter = make_spotter()
    entries = {"view glass": {"threshold": 0.5, "hours": 2.0}, "jarvis": {"threshold": 0.25}}
    other = spotter.with_thresholds(entries)
    assert other.has_thresholds
    assert other.thresholds == {"view glass": 0.5, "jarvis": 0.25}
    assert other.metadata["thresholds"] == entries
    assert not spotter.has_thresholds
    assert spotter.metadata["thresholds"] == {}


def test_without_thresholds_there_are_scores_but_no_events():
    spotter = make_spotter(thresholds={"jarvis": {"threshold": 0.5}})
    assert not spotter.has_thresholds
    assert len(spotter.score_track(some_sound(1))[0]) == 98 + 50
    with pytest.raises(InputError, match=r"^model: keyword 'view glass' has no threshold; solve"):
        spotter.init_state()


def test_a_threshold_that_no_detector_takes_can_be_solved_anew(tmp_path):
    path = tmp_path / "old.kws"
    entries = {"view glass": {"threshold": 0.5}, "jarvis": {"threshold": 1.0000000000000002}}
    make_spotter(thresholds=entries).save(path)
    spotter = Spotter.load(path)
    message = r"^threshold 1\.0000000000000002 of 'jarvis': it must lie between 0 and 1; give "
    for use in (spotter.init_state, lambda: export_spotter(spotter, tmp_path / "old.onnx")):
        with pytest.raises(InputError, match=message):
            use()
    assert not (tmp_path / "old.onnx").exists()
    solved = spotter.with_thresholds({**entries, "jarvis": {"threshold": 1.0}})
    assert solved.init_state().detector.num_frames == 0


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"units": []}, "model: its metadata has no units; a keyword model is what `kws train` m"),
        ({"keywords": []}, "model: its metadata has no keywords; a keyword model is what"),
        (
            {"units": ["<filler>", "a"]},
            "model: the network has 4 outputs, but the metadata 2 units; make them equal",
        ),
        (
            {"keywords": [{"name": "a", "units": [1, 4]}]},
            "model: keyword 'a': there is no unit 4; they are 0 to 3",
        ),
        (
            {"posterior": {"confidence": "best"}},
            "model: confidence 'best': it must be one of chen, ordered",
        ),
        ({"posterior": {"w_smooth": 0}}, "w_smooth=0: it must be 1 frame or more"),
        ({"thresholds": {"b": {"threshold": 1}}}, None),
    ],
)
def test_metadata_that_does_not_fit_is_told(metadata, message):
    if message is None:
        assert not make_spotter(**metadata).has_thresholds
        return
    with pytest.raises(InputError) as error:
        make_spotter(**metadata)
    assert str(error.value).startswith(message)


def test_features_of_another_width_are_told():
    with pytest.raises(
        InputError, match=r"^model: the network reads 8 values per frame, but the f"
    ):
        make_spotter(options="--num-mel-bins=9\n")


def test_what_a_stream_cannot_know_is_refused_by_name():
    spotter = make_spotter(options="--num-mel-bins=8\n--cmvn=speaker\n")
    with pytest.raises(ConfigError, match="cmvn=speaker"):
        spotter.score_track(some_sound(1))


def test_a_network_alone_is_not_a_keyword_model(tmp_path):
    nnet = Nnet.from_config(NETWORK, "nnet.config", torch.Generator())
    write_model(tmp_path / "0.kws", ModelFile(nnet.config_text(), tensors=nnet.tensors()))
    with pytest.raises(InputError, match=r"0\.kws: holds a network without features and keywords"):
        Spotter.load(tmp_path / "0.kws")
