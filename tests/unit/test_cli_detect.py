import io
import itertools
import json
import logging
import types

import numpy as np
import pytest
import torch

from kws.audio import NOTICES, resample, write_audio
from kws.cli.main import run as kws
from kws.features import parse_feature_options
from kws.nnet import ModelFile, Nnet, write_model
from kws.spotter import Spotter
from kws.streaming import run

NETWORK = """SpliceComponent input-dim=8 left-context=6 right-context=3
AffineComponent input-dim=80 output-dim=16 param-stddev=0.2 bias-stddev=0.3
RectifiedLinearComponent dim=16
AffineComponent input-dim=16 output-dim=3 param-stddev=0.6 bias-stddev=0.3
SoftmaxComponent dim=3
"""
METADATA = {
    "units": ["<filler>", "jarvis", "computer"],
    "keywords": [{"name": "jarvis", "units": [1]}, {"name": "computer", "units": [2]}],
    "posterior": {"w_smooth": 10, "w_max": 30, "confidence": "chen"},
    "refractory_s": 0.3,
}


def some_sound(duration_s, sample_rate=16000):
    """A gliding tone in noise; only energy below 4 kHz, so that 8 kHz sampling loses nothing."""
    times = np.arange(round(duration_s * sample_rate)) / sample_rate
    level = np.exp(3 * np.sin(2 * np.pi * 0.7 * times) + 2 * np.sin(2 * np.pi * 1.9 * times))
    tone = np.sin(2 * np.pi * 900 * times * (1 + 0.3 * np.sin(2 * np.pi * 0.31 * times)))
    hum = np.random.default_rng(1).standard_normal(len(times))
    return np.round(level * (3 * hum + 60 * tone)).astype(np.float32)


def in_a_gap(track):
    """A threshold as far as possible from every confidence, so that rounding cannot cross it."""
    high = np.sort(track)[round(0.6 * len(track)) : round(0.95 * len(track))]
    widest = np.diff(high).argmax()
    return float(high[widest] + high[widest + 1]) / 2


@pytest.fixture(autouse=True)
def _first_notice():
    NOTICES.clear()


@pytest.fixture(scope="module")
def spotter():
    options = parse_feature_options("--num-mel-bins=8\n--high-freq=3700\n", "fbank.conf")
    nnet = Nnet.from_config(NETWORK, "nnet.config", torch.Generator().manual_seed(4))
    without = Spotter.from_parts(options, None, nnet, METADATA)
    confidences, _ = without.score_track(some_sound(8))
    names = [keyword.name for keyword in without.keywords]
    # an event's times are those of its units
    known = without.with_word_times({name: {"start_s": 0, "end_s": 0} for name in names})
    return known.with_thresholds(
        {
            name: {"threshold": in_a_gap(track)}
            for name, track in zip(names, confidences.T, strict=True)
        }
    )


@pytest.fixture
def model(spotter, tmp_path):
    path = tmp_path / "final.kws"
    spotter.save(path)
    return str(path)


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "sound.wav"
    write_audio(path, some_sound(8), 16000)
    return str(path)


def rows_of(text):
    return [json.loads(line) for line in text.splitlines()]


def without_file(rows):
    return [{key: value for key, value in row.items() if key != "file"} for row in rows]


def give(monkeypatch, stream):
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=stream))


def raw_bytes(samples):
    return samples.astype("<i2").tobytes()


def test_events_of_a_file_as_json_lines(spotter, model, sound, capsys):
    assert kws(["detect", model, sound]) == 0
    captured = capsys.readouterr()
    rows = rows_of(captured.out)
    events = list(itertools.chain.from_iterable(run(spotter, some_sound(8))))
    assert {event.keyword for event in events} == {"jarvis", "computer"}
    assert [list(row) for row in rows] == [
        ["file", "keyword", "start_s", "end_s", "peak_s", "confidence"]
    ] * len(events)
    for row, event in zip(rows, events, strict=True):
        assert row["file"] == sound
        assert row["keyword"] == event.keyword
        for name in ("start_s", "end_s", "peak_s"):
            assert row[name] == pytest.approx(getattr(event, name), abs=5e-5)
        assert row["confidence"] == pytest.approx(event.confidence, abs=1e-5)
    assert captured.err == ""


def test_standard_input_gives_the_same_events(model, sound, capsys, monkeypatch):
    assert kws(["detect", model, sound]) == 0
    expected = rows_of(capsys.readouterr().out)
    give(monkeypatch, io.BytesIO(raw_bytes(some_sound(8))))
    assert kws(["detect", model, "-"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert {row["file"] for row in rows} == {"-"}
    for row, other in zip(rows, expected, strict=True):
        # float32 matrix products over chunks of another height
        assert row.pop("confidence") == pytest.approx(other.pop("confidence"), abs=1e-5)
    assert without_file(rows) == without_file(expected)


def test_an_event_is_printed_before_the_stream_goes_on(spotter, model, capsys, monkeypatch):
    """Each read of standard input sees what has been printed by then."""
    printed = []

    class Stream(io.BytesIO):
        def read(self, size=-1):
            now_s = self.tell() / 2 / 16000
            printed.extend((now_s, row) for row in rows_of(capsys.readouterr().out))
            return super().read(size)

    give(monkeypatch, Stream(raw_bytes(some_sound(8))))
    assert kws(["detect", model, "-"]) == 0
    assert len(printed) > 5
    for now_s, row in printed[:-1]:
        # 3 frames of right context, half a frame of 25 ms and a chunk of 80 ms
        assert 0 <= now_s - row["end_s"] <= 0.03 + 0.0125 + 0.08 + 1e-9


def test_other_rates_of_standard_input_are_converted(spotter, model, capsys, monkeypatch):
    samples = some_sound(8, 48000)
    give(monkeypatch, io.BytesIO(raw_bytes(samples)))
    assert kws(["detect", "--rate", "48000", model, "-"]) == 0
    rows = rows_of(capsys.readouterr().out)
    events = itertools.chain.from_iterable(run(spotter, resample(samples, 48000, 16000)))
    expected = [(event.keyword, round(event.peak_s, 4)) for event in events]
    assert len(expected) > 5
    assert [(row["keyword"], row["peak_s"]) for row in rows] == expected


def test_a_threshold_for_all_keywords(model, sound, capsys):
    assert kws(["detect", "--threshold", "1", model, sound]) == 0
    assert capsys.readouterr().out == ""
    assert kws(["detect", "--threshold", "0", model, sound]) == 0
    # below the threshold never: each keyword fires once
    rows = rows_of(capsys.readouterr().out)
    assert sorted(row["keyword"] for row in rows) == ["computer", "jarvis"]


def test_a_refractory_period(model, spotter, sound, capsys):
    assert kws(["detect", "--refractory-s", "2.5", model, sound]) == 0
    rows = rows_of(capsys.readouterr().out)
    few, many = (
        list(itertools.chain.from_iterable(run(chain, some_sound(8))))
        for chain in (spotter.with_refractory(2.5), spotter)
    )
    assert [row["start_s"] for row in rows] == [round(event.start_s, 4) for event in few]
    assert 0 < len(few) < len(many)


def test_a_model_without_thresholds(spotter, sound, tmp_path, capsys):
    path = str(tmp_path / "new.kws")
    spotter.with_thresholds({}).save(path)
    assert kws(["detect", path, sound]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f"{path}: the model has no thresholds; give --threshold, or solve them with "
        "`kws evaluate --dev`\n"
    )
    assert kws(["detect", "--threshold", "0.3", path, sound]) == 0
    spotter.with_thresholds({"jarvis": {"threshold": 0.5}}).save(path)
    assert kws(["detect", path, sound]) == 2


def test_a_bad_file_does_not_stop_the_others(model, sound, tmp_path, capsys):
    text = tmp_path / "text.wav"
    text.write_text("not a sound\n")
    empty = tmp_path / "empty.wav"
    empty.write_bytes(b"")
    missing = str(tmp_path / "missing.wav")
    assert kws(["detect", model, str(text), missing, sound, str(tmp_path), str(empty)]) == 2
    captured = capsys.readouterr()
    assert {row["file"] for row in rows_of(captured.out)} == {sound}
    lines = captured.err.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith(f"{text}: is text ")
    assert lines[1] == f"{missing}: No such file or directory"
    assert lines[2] == f"{tmp_path}: Is a directory"
    assert lines[3].startswith(f"{empty}: is empty")


def test_a_byte_too_many_is_told_after_the_events(model, sound, capsys, monkeypatch):
    assert kws(["detect", model, sound]) == 0
    expected = rows_of(capsys.readouterr().out)
    give(monkeypatch, io.BytesIO(raw_bytes(some_sound(8)) + b"x"))
    assert kws(["detect", model, "-"]) == 2
    captured = capsys.readouterr()
    assert len(rows_of(captured.out)) == len(expected)
    assert captured.err.startswith("standard input: ends in the middle of a 16-bit sample")
    assert captured.err.count("\n") == 1


def test_an_empty_standard_input_has_no_events(model, capsys, monkeypatch):
    give(monkeypatch, io.BytesIO(b""))
    assert kws(["detect", model, "-"]) == 0
    assert capsys.readouterr().out == ""


def test_a_closed_standard_input_is_told(model, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    assert kws(["detect", model, "-"]) == 2
    message = "standard input is closed; give it samples, or name a file\n"
    assert capsys.readouterr().err == message


def test_stereo_and_other_rates_are_converted_with_a_notice(model, sound, tmp_path, capsys, caplog):
    import soundfile

    samples = some_sound(8, 44100) / 32768
    path = str(tmp_path / "stereo.wav")
    soundfile.write(path, np.stack([samples, 0 * samples], axis=1), 44100)
    with caplog.at_level(logging.WARNING):
        assert kws(["detect", model, path, path, sound]) == 0
    assert {row["file"] for row in rows_of(capsys.readouterr().out)} == {path, sound}
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: 2 channels, channel 0 is used (further files like it are not named)",
        f"{path}: 44100 Hz converted to 16000 Hz (further files like it are not named)",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["MODEL"], "kws detect: Missing"),
        (["--threshold", "1.5", "MODEL", "SOUND"], "kws detect: Invalid value for '--threshold'"),
        (["--rate", "0", "MODEL", "-"], "kws detect: Invalid value for '--rate'"),
        (["--rate", "8000", "MODEL", "SOUND"], "--rate 8000 is for standard input; a sound file"),
        (["SOUND", "SOUND"], "SOUND: not a kws model, or damaged"),
        (["NETWORK", "SOUND"], "NETWORK: holds a network without features and keywords"),
        (["no.kws", "SOUND"], "no.kws: No such file or directory"),
    ],
)
def test_mistakes_are_told_in_one_line(words, message, model, sound, tmp_path, capsys):
    nnet = Nnet.from_config(NETWORK, "nnet.config", torch.Generator())
    network = str(tmp_path / "0.kws")
    write_model(network, ModelFile(nnet.config_text(), tensors=nnet.tensors()))
    names = {"MODEL": model, "SOUND": sound, "NETWORK": network}
    assert kws(["detect", *(names.get(word, word) for word in words)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    for name, value in names.items():
        message = message.replace(name, value)
    assert captured.err.startswith(message)
    assert captured.err.count("\n") == 1
