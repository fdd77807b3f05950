"""A keyword inside a longer one, from the model to every command: one event, the longest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from evaluation_tones import LOUD, data_dir, tone_spotter, tones

from kws.audio import write_audio
from kws.cli.main import run
from kws.export import export_spotter
from kws.runtime import Detector
from kws.spotter import Spotter

NAMES = ("low", "low high")
SOUND = [(1.0, "low", LOUD), (3.0, "low", LOUD), (3.55, "high tone", LOUD)]  # low; low high
EXPECTED = ["low", "low high"]
SINGLY = ["low", "low", "low high"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """model.kws, model.onnx, sound.wav and a data dir of the sound."""
    folder = tmp_path_factory.mktemp("nested")
    tone = tone_spotter()
    keywords = [
        {"name": name, "units": units} for name, units in zip(NAMES, ([1], [1, 2]), strict=True)
    ]
    metadata = {
        **tone.metadata,
        "keywords": keywords,
        "posterior": {"w_smooth": 5, "w_max": 120, "confidence": "ordered"},
        "thresholds": {name: {"threshold": 0.5} for name in NAMES},
    }
    spotter = Spotter.from_parts(tone.options, tone.stats, tone.nnet, metadata)
    spotter.save(folder / "model.kws")
    export_spotter(spotter, folder / "model.onnx")
    write_audio(folder / "sound.wav", tones(6.0, *SOUND), 16000)
    data_dir(folder / "data", {"u": (6.0, SOUND, "low low high")}, [])
    return folder


@pytest.mark.parametrize("model", ["model.kws", "model.onnx"])
@pytest.mark.parametrize(("options", "expected"), [((), EXPECTED), (("--tell-nested",), SINGLY)])
def test_kws_detect(folder, model, options, expected, capsys):
    command = ["detect", str(folder / model), str(folder / "sound.wav"), *options]
    assert run(command) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["keyword"] for line in lines] == expected


@pytest.mark.parametrize("chunk", [160, 1280, 7])
def test_a_stream_tells_them_in_any_chunks(folder, chunk):
    samples = np.rint(tones(6.0, *SOUND)).astype(np.int16)
    for options, expected in (({}, EXPECTED), ({"tell_nested": True}, SINGLY)):
        detector = Detector(folder / "model.onnx", **options).stream()
        events = []
        for start in range(0, len(samples), chunk):
            events += detector.process(samples[start : start + chunk])
        events += detector.flush()
        assert [event.keyword for event in events] == expected


def test_kws_verify_sees_one_detector(folder, capsys):
    files = [str(folder / name) for name in ("model.kws", "model.onnx", "sound.wav")]
    assert run(["verify", *files]) == 0
    assert "2 event(s)" in capsys.readouterr().out


@pytest.mark.parametrize("model", ["model.kws", "model.onnx"])
def test_kws_info_says_how_long_it_waits(folder, model, capsys):
    assert run(["info", str(folder / model)]) == 0
    lines = capsys.readouterr().out.splitlines()
    (low,) = [line for line in lines if line.startswith("keyword low:")]
    assert low.endswith(
        "; no event inside 'low high': waits for 'low high' until at most 1.2 s after its trigger"
    )
    (longer,) = [line for line in lines if line.startswith("keyword low high:")]
    assert "inside" not in longer


def test_kws_evaluate_counts_the_events_that_are_told(folder, tmp_path):
    command = ["evaluate", "--model", str(folder / "model.kws"), "--test", str(folder / "data")]
    assert run([*command, "--out", str(tmp_path / "eval")]) == 0
    points = (tmp_path / "eval" / "operating_points.csv").read_text().splitlines()
    header = points[0].split(",")
    rows = [dict(zip(header, line.split(","), strict=True)) for line in points[1:]]
    stored = {row["keyword"]: row for row in rows if row["threshold_source"] == "stored"}
    for name in NAMES:
        assert (stored[name]["misses"], stored[name]["false_alarms"]) == ("0", "0"), stored[name]


def test_kws_explain_tells_what_was_not_told(folder, tmp_path, capsys):
    write_audio(tmp_path / "longer.wav", tones(5.0, *SOUND[1:]), 16000)
    command = ["explain", str(folder / "model.onnx"), str(tmp_path / "longer.wav"), "--json"]
    assert run(command) == 0
    low, longer = json.loads(capsys.readouterr().out)["keywords"]
    assert (low["reason"], longer["reason"]) == ("nested", "fired")
    assert low["verdict"].startswith("low did not fire: it lies inside a longer keyword that fired")
    assert (len(low["events"]), len(low["nested"])) == (0, 1)
    assert run(["explain", str(folder / "model.onnx"), str(folder / "sound.wav"), "--json"]) == 0
    low, longer = json.loads(capsys.readouterr().out)["keywords"]
    assert (low["reason"], longer["reason"]) == ("fired", "fired")
    assert low["verdict"].endswith(": inside a longer keyword")
