"""A model and its exported file, run in every way."""

import json

import numpy as np
import pytest
from verification_models import SOUND, damage, make_spotter, with_entries

from kws.errors import InputError
from kws.export import export_spotter
from kws.verification import ExportedFile, Verifier
from kws.verification.verify import EXPORTED, FRAMES, STREAMING


@pytest.fixture(scope="module")
def spotter():
    return make_spotter()


@pytest.fixture(scope="module")
def exported(spotter, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "small.onnx"
    export_spotter(spotter, path)
    return path


def verify(spotter, path, threshold=None):
    verifier = Verifier(spotter, ExportedFile(path), threshold, seed=0)
    report = verifier.verify(SOUND, "sound.wav")
    return report, verifier.agrees(report)


@pytest.mark.parametrize(("delta_order", "confidence"), [(0, "ordered"), (1, "chen")])
def test_an_exported_file_agrees_in_every_way(tmp_path, delta_order, confidence):
    spotter = make_spotter(delta_order, confidence)
    export_spotter(spotter, tmp_path / "small.onnx")
    report, agrees = verify(spotter, tmp_path / "small.onnx")
    assert agrees
    assert len(report.events) > 3
    assert {event.keyword for event in report.events} == {"ab", "c"}
    assert len(report.differences) == 11
    # float32 sums in another order are not equal to the last bit: that much the comparison sees
    for difference in report.differences.values():
        assert 0 < difference.posteriors < 1e-5
        assert 0 < difference.smoothed < 1e-5
        assert 0 < difference.confidences < 1e-5


def test_a_damaged_weight_is_found(spotter, exported, tmp_path):
    def change(values):
        values.flat[3] += 0.05
        return values

    damaged = damage(exported, tmp_path / "damaged.onnx", (4, 16), change)
    report, agrees = verify(spotter, damaged)
    assert not agrees
    for way in {*report.differences} - {STREAMING}:
        assert report.differences[way].confidences > 1e-4
        assert report.differences[way].posteriors > 1e-4
    for way in (EXPORTED, FRAMES):
        assert report.differences[way].features < 0.01  # it lies behind these
    assert report.differences[STREAMING].confidences < 1e-5


def test_a_damaged_filter_bank_is_found_in_the_features(spotter, exported, tmp_path):
    # the pre-emphasis
    damaged = damage(exported, tmp_path / "damaged.onnx", (1, 1, 2), lambda taps: taps * [0.9, 1])
    report, agrees = verify(spotter, damaged)
    assert not agrees
    for way in (EXPORTED, FRAMES):
        assert report.differences[way].features > 0.1


def test_a_weight_that_is_no_number_is_found(spotter, exported, tmp_path):
    damaged = damage(exported, tmp_path / "damaged.onnx", (4, 16), lambda values: values * np.nan)
    report, agrees = verify(spotter, damaged)
    assert not agrees
    assert np.isnan(report.differences[EXPORTED].confidences)


def test_a_threshold_for_all_keywords(spotter, exported):
    report, agrees = verify(spotter, exported, threshold=1.0)
    assert agrees
    assert report.events == ()
    bare = spotter.with_thresholds({})
    with pytest.raises(InputError, match=r"its thresholds are .*, the model's \{\}; export"):
        verify(bare, exported)
    assert verify(bare, exported, threshold=1.0)[1]


def test_a_model_without_thresholds(tmp_path):
    bare = make_spotter().with_thresholds({})
    export_spotter(bare, tmp_path / "bare.onnx")
    line = "the model has no thresholds; give --threshold, or solve them with `kws evaluate --dev`"
    with pytest.raises(InputError, match=line):
        verify(bare, tmp_path / "bare.onnx")


@pytest.mark.parametrize(
    ("entries", "line"),
    [
        (
            {"units": '["<filler>", "x", "b", "c"]'},
            r'its units are \["<filler>", "x", "b", "c"\], the model\'s \["<filler>", "a"',
        ),
        (
            {"keywords": '[{"name": "ab", "units": [1]}, {"name": "c", "units": [3]}]'},
            "its units of the keywords are",
        ),
        (
            {"keywords": '[{"name": "ax", "units": [1, 2]}, {"name": "c", "units": [3]}]'},
            r'its keywords are \["ax", "c"\], the model\'s \["ab", "c"\]; export the model again',
        ),
        ({"refractory_s": "2.0"}, r"its refractory_s are 2\.0, the model's 0\.3"),
        (
            {"posterior": '{"w_smooth": 10, "w_max": 40, "confidence": "chen"}'},
            'its confidences are "chen", the model\'s "ordered"; export the model again',
        ),
        ({"frame_shift_s": "0.0100001"}, r"its frame_shift_s are 0\.0100001, the model's 0\.01"),
        ({"frame_offset_s": "0.0125001"}, r"its frame_offset_s are 0\.0125001, the model's"),
        ({"network": "SoftmaxComponent dim=4\n"}, "its network are"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_a_file_of_another_model(spotter, exported, tmp_path, entries, line):
    other = with_entries(exported, tmp_path / "other.onnx", **entries)
    with pytest.raises(InputError, match=line):
        verify(spotter, other)


def test_int8_may_cost_twice_what_its_card_says(spotter, exported, tmp_path):
    card = {"quantization": {"largest_confidence_difference": 0.015}}
    entries = {"weights": "int8", "card": json.dumps(card)}

    def lossy(scale):
        path = damage(exported, tmp_path / "lossy.onnx", (4, 16), lambda values: values * scale)
        return with_entries(path, tmp_path / "int8.onnx", **entries)

    report, agrees = verify(spotter, lossy(1.02))
    assert 1e-4 < report.differences[EXPORTED].confidences < 0.03
    assert agrees
    assert not verify(spotter, lossy(1.5))[1]


def test_int8_whose_card_says_nothing(spotter, exported, tmp_path):
    path = with_entries(exported, tmp_path / "int8.onnx", weights="int8")
    with pytest.raises(InputError, match="its card does not say what weights=int8 cost; export"):
        verify(spotter, path)


def test_a_recording_without_a_frame(spotter, exported):
    verifier = Verifier(spotter, ExportedFile(exported), None, seed=0)
    with pytest.raises(InputError, match=r"short\.wav: 399 samples hold no frame; give a longer"):
        verifier.verify(SOUND[:399], "short.wav")
    assert verifier.agrees(verifier.verify(SOUND[:400], "short.wav"))
