"""The files of an event: its audio, and what was measured."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from explain_metadata import metadata

from kws.audio import read_audio
from kws.detection import Detection
from kws.runtime.keeping import AFTER_S, BEFORE_S, RING_S, EventKeeper

RATE = 16000


def event_at(peak_s):
    times_s = peak_s - 0.4, peak_s + 0.2, peak_s, peak_s - 0.1
    frames = (round(100 * time_s) for time_s in times_s)
    return Detection("view glass", *times_s[:3], 0.7, times_s[3], *frames)


def ramp(duration_s):
    """Samples that tell their own place: the value is their number modulo 30000."""
    return (np.arange(round(duration_s * RATE)) % 30000).astype(np.float32)


def smoothed(duration_s, view_s=1.0, glass_s=1.2):
    frames = np.full((round(100 * duration_s), 3), 0.01, np.float32)
    frames[round(100 * view_s), 1] = 0.9
    frames[round(100 * glass_s), 2] = 0.6
    return frames


def feed(keeper, samples, frames, chunk_s=0.08):
    written = []
    step, frame_step = round(chunk_s * RATE), round(chunk_s * 100)
    for i in range(math.ceil(len(samples) / step)):
        part = slice(i * step, (i + 1) * step)
        written += keeper.feed(samples[part], frames[i * frame_step : (i + 1) * frame_step])
    return written


def test_audio_and_description_are_written_when_the_audio_after_has_come(tmp_path):
    keeper = EventKeeper(tmp_path / "new" / "folder", metadata())
    assert feed(keeper, ramp(4.0), smoothed(4.0, 3.5, 3.7)) == []
    keeper.keep(event_at(3.7), "stem", {"threshold": 0.5, "near_miss": False})
    assert keeper.feed(ramp(0.32), smoothed(0.32, 0, 0)[:0]) == []  # to 4.32 s, 0.08 s too few
    (path,) = keeper.feed(ramp(0.16), smoothed(0.16, 0, 0)[:0])
    assert path == tmp_path / "new" / "folder" / "stem.wav"
    waveform = read_audio(path)
    begin, end = round((3.6 - BEFORE_S) * RATE), round((3.9 + AFTER_S) * RATE)
    expected = np.concatenate([ramp(4.0), ramp(0.32), ramp(0.16)])[begin:end]
    np.testing.assert_array_equal(waveform.samples, expected)
    said = json.loads(path.with_suffix(".json").read_text())
    assert said["keyword"] == "view glass"
    assert (said["confidence"], said["threshold"], said["near_miss"]) == (0.7, 0.5, False)
    assert (said["start_s"], said["end_s"], said["peak_s"]) == pytest.approx((3.3, 3.9, 3.7))
    assert said["audio"] == "stem.wav"
    assert said["audio_start_s"] == begin / RATE
    assert said["in_order"] is True
    assert [unit["unit"] for unit in said["units"]] == ["view", "glass"]
    assert [unit["posterior"] for unit in said["units"]] == pytest.approx([0.9, 0.6])
    assert [unit["time_s"] for unit in said["units"]] == pytest.approx([3.5, 3.7])
    assert said["peak_dbfs"] == pytest.approx(20 * math.log10(expected.max() / 32768))


@pytest.mark.parametrize(
    ("known", "begin_s", "end_s"),
    [({}, 1.6, 4.4), ({"start_s": 1.2, "end_s": 3.2}, 1.2, 4.4), ({"end_s": 4.2}, 1.6, 4.7)],
)
def test_the_audio_is_that_of_what_made_the_event_and_of_its_word(tmp_path, known, begin_s, end_s):
    keeper = EventKeeper(tmp_path, metadata())
    feed(keeper, ramp(6.0), smoothed(6.0))
    event = replace(event_at(3.7), start_s=None, end_s=None)
    keeper.keep(replace(event, **known), "stem", {})
    (path,) = keeper.flush()
    np.testing.assert_array_equal(
        read_audio(path).samples, ramp(6.0)[round(begin_s * RATE) : round(end_s * RATE)]
    )
    assert json.loads(path.with_suffix(".json").read_text())["start_s"] == known.get("start_s")


def test_an_event_at_the_beginning_has_the_audio_that_there_is(tmp_path):
    keeper = EventKeeper(tmp_path, metadata())
    feed(keeper, ramp(1.6), smoothed(1.6))
    keeper.keep(event_at(1.2), "early", {})
    (path,) = keeper.flush()  # 1.6 s is before 1.4 + 0.5
    np.testing.assert_array_equal(read_audio(path).samples, ramp(1.6))
    assert json.loads(path.with_suffix(".json").read_text())["audio_start_s"] == 0


def test_after_a_long_stream_the_audio_is_still_the_right_one(tmp_path):
    keeper = EventKeeper(tmp_path, metadata())
    samples, frames = ramp(60.0), smoothed(60.0, 57.0, 57.2)
    feed(keeper, samples, frames)
    keeper.keep(event_at(57.2), "late", {})
    (path,) = keeper.flush()
    begin, end = round(55.1 * RATE), round(57.9 * RATE)
    np.testing.assert_array_equal(read_audio(path).samples, samples[begin:end])
    said = json.loads(path.with_suffix(".json").read_text())
    assert [unit["time_s"] for unit in said["units"]] == pytest.approx([57.0, 57.2])


def test_memory_is_bounded(tmp_path):
    keeper = EventKeeper(tmp_path, metadata())
    feed(keeper, ramp(60.0), smoothed(60.0))
    kept = sum(len(part) for part in keeper._samples._parts)
    assert RING_S * RATE <= kept < (RING_S + 0.1) * RATE


def test_two_events_are_two_pairs_of_files(tmp_path):
    keeper = EventKeeper(tmp_path, metadata())
    feed(keeper, ramp(4.0), smoothed(4.0))
    keeper.keep(event_at(1.2), "a", {})
    keeper.keep(event_at(2.2), "b", {})
    assert [path.name for path in keeper.flush()] == ["a.wav", "b.wav"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.json",
        "a.wav",
        "b.json",
        "b.wav",
    ]


def test_silence_is_null_in_json(tmp_path):
    keeper = EventKeeper(tmp_path, metadata())
    feed(keeper, np.zeros(2 * RATE, np.float32), smoothed(2.0))
    keeper.keep(event_at(1.2), "silent", {})
    (path,) = keeper.flush()
    said = json.loads(path.with_suffix(".json").read_text(), parse_constant=pytest.fail)
    assert said["level_dbfs"] is None


def test_an_event_that_cannot_be_written_is_given_up(tmp_path):
    keeper = EventKeeper(tmp_path / "folder", metadata())
    feed(keeper, ramp(2.0), smoothed(2.0))
    keeper.keep(event_at(1.2), "stem", {})
    (tmp_path / "folder").rmdir()
    (tmp_path / "folder").write_text("in the way")
    with pytest.raises(OSError):
        keeper.flush()
    assert keeper.flush() == []


def test_a_name_that_comes_again_replaces_no_file(tmp_path):
    for peak_s in (1.0, 2.0, 3.0):  # as many runs, under a clock that was put back
        keeper = EventKeeper(tmp_path, metadata())
        feed(keeper, ramp(4.0), smoothed(4.0))
        keeper.keep(event_at(peak_s), "stem", {})
        keeper.flush()
    peaks = {path.name: json.loads(path.read_text())["peak_s"] for path in tmp_path.glob("*.json")}
    assert peaks == {"stem.json": 1.0, "stem-2.json": 2.0, "stem-3.json": 3.0}
    for path in tmp_path.glob("*.json"):
        assert json.loads(path.read_text())["audio"] == path.with_suffix(".wav").name
        assert path.with_suffix(".wav").exists()
