"""`kws listen` with a stand-in for PortAudio: the events are those of the file."""

from __future__ import annotations

import io
import json
import re
import signal
import types
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from fake_sounddevice import FakeSounddevice, install
from runtime_level import bursts, write_level

from kws.audio import read_audio, write_audio
from kws.cli import meter
from kws.cli.event_line import event_entries
from kws.cli.main import run as kws
from kws.detection import Detection

DURATION_S = 6


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeSounddevice:
    """A device at the model's rate; at the end of its samples the user ends the program."""
    fake = install(monkeypatch)
    fake.default.device = (3, 1)
    fake.content = bursts(DURATION_S)[:, None] / 32768
    fake.ends = signal.SIGTERM
    return fake


@pytest.fixture
def model(tmp_path):
    return str(write_level(tmp_path / "level.onnx"))


def rows_of(text):
    return [json.loads(line) for line in text.splitlines()]


def without(rows, *names):
    return [{key: value for key, value in row.items() if key not in names} for row in rows]


def events_of_the_file(model, tmp_path, capsys, *options):
    write_audio(tmp_path / "sound.wav", bursts(DURATION_S), 16000)
    assert kws(["detect", *options, model, str(tmp_path / "sound.wav")]) == 0
    return without(rows_of(capsys.readouterr().out), "file")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_events_are_those_of_the_file(fake, model, tmp_path, capsys, number):
    expected = events_of_the_file(model, tmp_path, capsys)
    assert len(expected) > 3
    fake.ends = number
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert kws(["listen", model]) == 0
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    captured = capsys.readouterr()
    rows = rows_of(captured.out)
    assert without(rows, "file", "time") == expected
    assert {row["file"] for row in rows} == {"USB Headset Pro"}
    first, last = captured.err.splitlines()
    assert first == "listening to USB Headset Pro (16000 Hz) for loud, shout; Ctrl-C ends it"
    counts = {name: sum(row["keyword"] == name for row in rows) for name in ("loud", "shout")}
    assert last == f"heard 6.0 s; events: loud: {counts['loud']}, shout: {counts['shout']}"
    assert fake.streams[0].closed


def test_the_clock_time_is_that_of_the_peak(fake, model, capsys):
    before = datetime.now(timezone.utc)
    assert kws(["listen", model]) == 0
    after = datetime.now(timezone.utc)
    for row in rows_of(capsys.readouterr().out):
        time = datetime.fromisoformat(row["time"])
        # the samples come at once: between 0 and 6 s of them have been heard at its report
        assert before - timedelta(seconds=DURATION_S) <= time <= after


def test_another_rate_and_the_second_channel(fake, model, tmp_path, capsys):
    times = np.arange(48000 * 3) / 48000
    tone = np.sin(2 * np.pi * 500 * times) * (np.abs(times - 1.5) < 0.5)
    fake.content = np.stack([np.zeros_like(tone), 0.3 * tone], axis=1)
    assert kws(["listen", model, "--device", "built", "--channel", "1"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert [row["keyword"] for row in rows] == ["loud", "shout"]
    assert fake.streams[0].options["channels"] == 2
    # the tone begins at 1 s: half of its level is passed within two frames
    assert rows[0]["start_s"] == pytest.approx(1, abs=0.03)
    assert kws(["listen", model, "--device", "built"]) == 0
    assert capsys.readouterr().out == ""


def test_a_threshold_can_be_given(fake, model, tmp_path, capsys):
    expected = events_of_the_file(model, tmp_path, capsys, "--threshold", "0.7")
    assert kws(["listen", model, "--threshold", "0.7"]) == 0
    assert without(rows_of(capsys.readouterr().out), "file", "time") == expected


def test_a_refractory_period_can_be_given(fake, model, tmp_path, capsys):
    expected = events_of_the_file(model, tmp_path, capsys, "--refractory-s", "2.5")
    assert 0 < len(expected) < len(events_of_the_file(model, tmp_path, capsys))
    assert kws(["listen", model, "--refractory-s", "2.5"]) == 0
    assert without(rows_of(capsys.readouterr().out), "file", "time") == expected


def test_devices_are_listed_without_a_model(fake, capsys):
    assert kws(["listen", "--list-devices"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "   0 Built-in Microphone (FakeAudio, 2 channel(s), 48000 Hz)",
        "   2 USB Headset (FakeAudio, 1 channel(s), 44100 Hz)",
        "*  3 USB Headset Pro (FakeAudio, 1 channel(s), 16000 Hz)",
    ]


def test_a_command_runs_at_every_event(fake, model, tmp_path, capsys):
    command = f"cat >> {tmp_path}/heard; sleep 0.01"
    fake.content = fake.content[: 3 * 16000]  # at most 4 may run at once
    assert kws(["listen", model, "--on-detection", command]) == 0
    captured = capsys.readouterr()
    rows = rows_of(captured.out)
    heard = rows_of((tmp_path / "heard").read_text())
    skipped = captured.err.count("not run for")
    assert len(rows) == len(heard) + skipped
    assert all(row in rows for row in heard)
    assert heard


def test_events_and_near_misses_are_kept(fake, model, tmp_path, capsys):
    options = ["--save-detections", str(tmp_path / "kept"), "--threshold", "0.7"]
    assert kws(["listen", model, *options, "--near-miss-threshold", "0.2"]) == 0
    captured = capsys.readouterr()
    rows = rows_of(captured.out)
    descriptions = [json.loads(path.read_text()) for path in (tmp_path / "kept").glob("*.json")]
    kept = [said for said in descriptions if not said["near_miss"]]
    missed = [said for said in descriptions if said["near_miss"]]
    assert sorted(said["time"] for said in kept) == sorted(row["time"] for row in rows)
    assert missed
    assert all(0.2 <= said["confidence"] < 0.7 == said["threshold"] for said in missed)
    assert f"near misses: {len(missed)}" in captured.err.splitlines()[-1]
    for said in descriptions:
        waveform = read_audio(tmp_path / "kept" / said["audio"])
        assert waveform.duration_s == pytest.approx(said["duration_s"])
        pattern = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}_(loud|shout)(_near-miss)?\.wav"
        assert re.fullmatch(pattern, said["audio"])
        # the audio is that of the event: its loudest sample is in it
        begin = round(said["audio_start_s"] * 16000)
        part = bursts(DURATION_S)[begin : begin + len(waveform.samples)]
        np.testing.assert_array_equal(waveform.samples, part)
        assert said["audio_start_s"] <= said["start_s"] < said["end_s"]


def test_a_clock_that_is_put_back_replaces_and_mixes_no_files(fake, model, tmp_path, monkeypatch):
    class PutBack(datetime):
        """Goes back by an hour whenever it is read."""

        num_read = 0

        @classmethod
        def now(cls, tz=None):
            cls.num_read += 1
            return START - cls.num_read * timedelta(hours=1)

    folder = tmp_path / "kept"
    monkeypatch.setattr("kws.cli.listen.datetime", PutBack)
    num_kept = 0
    for _ in range(2):
        PutBack.num_read = 0
        before = set(folder.glob("*.json"))
        assert kws(["listen", model, "--save-detections", str(folder)]) == 0
        new = sorted(set(folder.glob("*.json")) - before)
        peaks = [json.loads(path.read_text())["peak_s"] for path in new]
        assert len(peaks) > 3
        assert peaks == sorted(peaks)
        num_kept += len(peaks)
    assert len(list(folder.glob("*.wav"))) == len(list(folder.glob("*.json"))) == num_kept


def test_a_file_that_cannot_be_written_does_not_end_the_listening(fake, model, tmp_path, capsys):
    folder = tmp_path / "kept"

    def in_the_way():
        folder.rmdir()
        folder.write_text("in the way")
        return len(fake.devices)

    fake.overflow_at = Removed(in_the_way)
    assert kws(["listen", model, "--save-detections", str(folder)]) == 0
    captured = capsys.readouterr()
    assert len(rows_of(captured.out)) > 3
    lines = captured.err.splitlines()
    assert f"--save-detections: {folder}: File exists" in lines
    assert lines[-1].startswith("heard 6.0 s; events: ")


START = datetime(2026, 10, 25, 2, 30, tzinfo=timezone.utc)


class Removed(set):
    """Asked for the first block, it does something first."""

    def __init__(self, action):
        super().__init__()
        self.action = action

    def __contains__(self, number):
        if number == 0:
            self.action()
        return False


def test_overruns_are_told_once_and_counted(fake, model, capsys):
    fake.overflow_at = {3, 4}
    assert kws(["listen", model]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines.count("device 'USB Headset Pro': samples are lost (an overrun)") == 1
    assert lines[-1].endswith(
        "; lost samples: 2 overrun(s) of the device, 0.00 s that came while this machine was busy"
    )


def test_a_device_that_vanishes_is_one_line_after_its_events(fake, model, tmp_path, capsys):
    expected = events_of_the_file(model, tmp_path, capsys)
    fake.ends = "gone"
    assert kws(["listen", model]) == 2
    captured = capsys.readouterr()
    assert without(rows_of(captured.out), "file", "time") == expected
    assert captured.err.splitlines()[1].startswith("heard 6.0 s; ")
    assert captured.err.splitlines()[2:] == [
        "device 'USB Headset Pro': has gone; connect it again, or choose another one with --device"
    ]


def test_what_is_ignored_in_the_background_stays_ignored(fake, model, capsys):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert kws(["listen", model]) == 0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_on_a_terminal_the_meter_gives_way_to_what_is_printed(fake, model, capsys, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(meter, "sys", types.SimpleNamespace(stderr=terminal))
    monkeypatch.setenv("TERM", "xterm")
    fake.overflow_at = {3}
    assert kws(["listen", model]) == 0
    captured = capsys.readouterr()
    assert len(rows_of(captured.out)) > 3
    drawn = terminal.getvalue()
    assert "dBFS" in drawn
    assert "of 0.400" in drawn
    # it is off before each line (event, notice), and at the end
    assert drawn.count("\x1b[?25h") == 1 + len(rows_of(captured.out)) + 1


def test_detect_and_listen_name_the_same_keys():
    event = Detection("jarvis", 1.00004, 2.0, 1.5, 0.1234567, 1.2, 100, 200, 150, 120)
    assert event_entries("x.wav", event) == {
        "file": "x.wav",
        "keyword": "jarvis",
        "start_s": 1.0,
        "end_s": 2.0,
        "peak_s": 1.5,
        "confidence": 0.123457,
    }
    unknown = event_entries("x.wav", replace(event, start_s=None, end_s=None))
    assert json.loads(json.dumps(unknown))["start_s"] is None
    assert unknown.keys() == event_entries("x.wav", event).keys()
