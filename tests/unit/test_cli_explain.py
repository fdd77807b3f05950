"""`kws explain`: what is printed, as text, as JSON and as a picture."""

from __future__ import annotations

import builtins
import json
import sys

import pytest
from runtime_level import bursts, write_level

from kws.audio import NOTICES, write_audio
from kws.cli.main import run as kws


@pytest.fixture(autouse=True)
def _first_notice():
    NOTICES.clear()


@pytest.fixture
def model(tmp_path):
    return str(write_level(tmp_path / "level.onnx"))


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "sound.wav"
    write_audio(path, bursts(3), 16000)
    return str(path)


def events_of(model, sound, capsys, *options):
    assert kws(["detect", *options, model, sound]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_verdict_and_a_table_per_keyword(model, sound, capsys):
    events = events_of(model, sound, capsys)
    assert kws(["explain", model, sound]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    audio, loud, shout = captured.out.split("\n\n")
    assert audio.startswith(f"{sound}: 3.0 s at 16000 Hz, level ")
    first = next(event for event in events if event["keyword"] == "loud")
    assert loud.startswith(
        f"loud fired: at {first['peak_s']:.2f} s with confidence {first['confidence']:.3f}"
    )
    assert [line.split()[0] for line in shout.splitlines()[1:]] == [
        "unit",
        "loud",
        "louder",
        "confidence",
    ]
    assert "; units " in shout
    assert "; units " not in loud  # it has one only


def test_json_holds_the_same_as_detect(model, sound, capsys):
    events = events_of(model, sound, capsys)
    assert kws(["explain", model, sound, "--json"]) == 0
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert told["file"] == sound
    assert told["findings"] == []
    assert {"level_dbfs", "clipped_share", "noise_floor_dbfs", "snr_db", "sample_rate"} <= set(told)
    for report in told["keywords"]:
        expected = [e["confidence"] for e in events if e["keyword"] == report["keyword"]]
        assert [e["confidence"] for e in report["events"]] == pytest.approx(expected, abs=1e-6)
        assert report["reason"] == "fired"


@pytest.mark.parametrize("name", ["shout", "Shout!"])
def test_one_keyword_and_another_threshold(model, sound, capsys, name):
    command = ["explain", model, sound, "--json", "--keyword", name, "--threshold", "0.99"]
    assert kws(command) == 0
    (report,) = json.loads(capsys.readouterr().out)["keywords"]
    assert (report["keyword"], report["threshold"], report["events"]) == ("shout", 0.99, [])
    assert report["verdict"].startswith("shout did not fire: ")


def test_what_is_wrong_with_the_audio_is_told(model, tmp_path, capsys):
    path = tmp_path / "quiet.wav"
    write_audio(path, bursts(3) / 100, 16000)
    assert kws(["explain", model, str(path)]) == 0
    out = capsys.readouterr().out
    assert "\n- too quiet: " in out
    assert "; the audio may be why: too quiet: " in out


def test_the_picture_is_drawn_where_it_is_told(model, sound, tmp_path, capsys):
    path = tmp_path / "why.png"
    assert kws(["explain", model, sound, "--out", str(path)]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().err == ""


def test_without_matplotlib_there_is_a_notice_and_the_rest(
    model, sound, tmp_path, capsys, monkeypatch
):
    original = builtins.__import__

    def import_or_fail(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "kws.runtime.picture", raising=False)
    monkeypatch.setattr(builtins, "__import__", import_or_fail)
    path = tmp_path / "why.png"
    assert kws(["explain", model, sound, "--out", str(path)]) == 0
    captured = capsys.readouterr()
    assert captured.err == (
        f"{path}: no picture: it needs matplotlib; install it with `pip install matplotlib`\n"
    )
    assert "loud fired: " in captured.out
    assert not path.exists()
