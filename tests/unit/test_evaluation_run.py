"""A whole evaluation on tones, counted by hand."""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import json
import math
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from evaluation_tones import (
    FAINT,
    LOUD,
    MIDDLE,
    RATE,
    SOFT,
    data_dir,
    tone_spotter,
    tones,
)

from kws.data import Word, read_data_dir
from kws.errors import InputError
from kws.evaluation import report as report_module
from kws.evaluation.counting import Counts
from kws.evaluation.noise import NoiseMixer
from kws.evaluation.results import worst_false_alarms, worst_misses
from kws.evaluation.run import Evaluation, Material, evaluate, store_thresholds, write_outputs
from kws.evaluation.tables import summary
from kws.nnet import read_model

HOUR = 1 / 3600


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tones")


@pytest.fixture(scope="module")
def dev(folder: Path) -> Path:
    return data_dir(
        folder / "dev",
        {
            "d1": (4.0, [(1.0, "low", LOUD)], "low"),
            "d2": (4.0, [(1.0, "low", MIDDLE)], "low"),
            "d3": (4.0, [(1.0, "high tone", LOUD)], "a high tone"),
            "d4": (6.0, [(1.0, "low", SOFT), (3.0, "high tone", FAINT)], "something else"),
        },
    )


@pytest.fixture(scope="module")
def held_out(folder: Path) -> Path:
    return data_dir(
        folder / "test",
        {
            "hit": (4.0, [(1.0, "low", LOUD)], "low"),
            "miss": (5.0, [(2.0, "low", SOFT)], "low"),
            "twice": (6.0, [(1.0, "low", MIDDLE), (3.0, "low", LOUD)], "now low"),
            "other": (6.0, [(1.0, "high tone", LOUD), (3.0, "low", LOUD)], "high tone"),
            "none": (7.0, [(1.0, "high tone", MIDDLE), (4.0, "high tone", LOUD)], "<unk>"),
        },
    )


@pytest.fixture(scope="module")
def found(dev: Path, held_out: Path) -> Evaluation:
    material = Material((read_data_dir(held_out),), (read_data_dir(dev),))
    return evaluate(tone_spotter(), material, fa_per_hour=1.0)


def test_thresholds_lie_between_the_dev_alarm_and_the_dev_positives(found: Evaluation) -> None:
    low, high = found.solutions
    # alarms at 0.511 and 0.198, positives at 0.807 and 0.984 (see the helper's amplitudes)
    assert low.threshold == pytest.approx((0.511 + 0.807) / 2, abs=0.01)
    assert high.threshold == pytest.approx((0.198 + 0.984) / 2, abs=0.01)
    assert low.counts == Counts(2, 0, pytest.approx(10 * HOUR), 0)
    assert high.counts == Counts(1, 0, pytest.approx(14 * HOUR), 0)
    assert "fewer than the 1 h" in low.note


def test_counts_on_test(found: Evaluation) -> None:
    [result] = found.results[1:]
    points = {point.keyword: point for point in result.points if not point.is_reading}
    assert {name: point.counts for name, point in points.items()} == {
        # misses "miss"; further event in "twice", event in "other"; hours of "other" and "none"
        "low": Counts(3, 1, pytest.approx(13 * HOUR), 2),
        "high tone": Counts(1, 0, pytest.approx(22 * HOUR), 2),
        "pooled": Counts(4, 1, pytest.approx(35 * HOUR), 4),
    }
    assert points["low"].source == "dev-solved"
    assert points["low"].threshold == found.solutions[0].threshold
    assert points["pooled"].threshold is None


def test_the_curve_passes_through_the_operating_points(found: Evaluation) -> None:
    for result in found.results:
        for point in result.points:
            if not point.is_reading and point.threshold is not None:
                counts = result.curves[point.keyword].at(point.threshold)
                assert (counts.misses, counts.false_alarms) == (
                    point.counts.misses,
                    point.counts.false_alarms,
                )


def test_readings_of_the_test_curve(found: Evaluation) -> None:
    readings = [
        (point.source, point.counts.misses, point.counts.false_alarms)
        for point in found.results[1].points
        if point.is_reading and point.keyword == "low"
    ]
    # "hit", "twice" and the alarm of "other" are equally loud; a difference of rounding decides
    assert [misses for _, misses, _ in readings][2] == 0
    assert [source for source, _, _ in readings] == ["curve-at-0", "curve-at-1", "curve-at-5"]
    assert not any(point.is_reading for point in found.results[0].points)  # none on dev


def test_worst_cases(found: Evaluation) -> None:
    result = found.results[1]
    [miss] = worst_misses(result, "low")
    assert miss.track.utterance.id == "miss"
    assert miss.confidence == pytest.approx(0.511, abs=0.005)
    assert 2.0 < miss.peak_s < 3.0
    alarms = worst_false_alarms(result, "low")
    assert [alarm.track.utterance.id for alarm in alarms if not alarm.is_near] != []
    assert {alarm.track.utterance.id for alarm in alarms if not alarm.is_near} == {"twice", "other"}
    [first, *_] = [alarm for alarm in alarms if alarm.track.utterance.id == "twice"]
    assert 3.0 < first.peak_s < 3.6  # the second one in time is the one too many


def test_with_times_words_are_counted_and_latencies_known(folder: Path) -> None:
    heard = [(2.0, "low", LOUD), (10.0, "low", FAINT), (20.0, "low", LOUD)]
    words = [Word("stream", 2.0, 2.5, "low"), Word("stream", 10.0, 10.5, "low")]
    stream = data_dir(folder / "stream", {"stream": (36.0, heard, "low low")}, words)
    spotter = tone_spotter({"low": 0.6, "high tone": 0.6})
    [result] = evaluate(spotter, Material((read_data_dir(stream),))).results
    low = result.points[0]
    assert low.counts == Counts(2, 1, pytest.approx((36 - 3) * HOUR), 1)
    assert low.source == "stored"
    assert low.latencies is not None
    # it triggers as soon as 60 % of 5 frames are in the tone: some 0.45 s before the tone's end;
    # the frame's own second half of 12.5 ms passes before that is known
    assert low.latencies.median_s == pytest.approx(-0.45, abs=0.03)
    [event] = [hit for _, j in result.judgements if j.keyword == "low" for _, hit in j.hits]
    assert low.latencies.median_s == pytest.approx(event.trigger_s - 2.5 + 0.0125)


def test_each_data_dir_is_counted_too(dev: Path, held_out: Path) -> None:
    spotter = tone_spotter()
    dirs = (read_data_dir(dev), read_data_dir(held_out))
    [result] = evaluate(spotter, Material(dirs), threshold=0.6).results
    low = {p.set_name: p.counts for p in result.points if p.keyword == "low" and not p.is_reading}
    assert set(low) == {"test", f"test:{dev}", f"test:{held_out}"}
    both = low[f"test:{dev}"] + low[f"test:{held_out}"]
    assert low["test"] == dataclasses.replace(both, hours=pytest.approx(both.hours))


def test_noise_makes_a_second_result(dev: Path, held_out: Path) -> None:
    mixer = NoiseMixer([np.full(RATE, 3.0, dtype=np.float32)], RATE, snr_db=10, seed=0)
    material = Material((read_data_dir(held_out),), (read_data_dir(dev),), mixer, mixer)
    results = evaluate(tone_spotter(), material, num_threads=2).results
    assert [(r.scored.name, r.scored.condition) for r in results] == [
        ("dev", "noise 10 dB"),
        ("test", "clean"),
        ("test", "noise 10 dB"),
    ]
    clean, noisy = (
        result.scored.parts(result.scored.tracks[0], [(0, 10**9)])[0] for result in results[1:]
    )
    np.testing.assert_allclose(clean, tones(4.0, (1.0, "low", LOUD)), atol=0.51)  # 16 bit
    assert np.ptp(noisy - clean) < 0.01 < np.abs(noisy - clean).min()  # a constant was added


def test_the_result_does_not_depend_on_the_number_of_threads(dev: Path, held_out: Path) -> None:
    material = Material((read_data_dir(held_out), read_data_dir(dev)))
    one, two = (
        evaluate(tone_spotter(), material, threshold=0.5, num_threads=n).results[0] for n in (1, 2)
    )
    assert one.points == two.points


def test_nothing_is_solved_without_dev_thresholds(held_out: Path) -> None:
    with pytest.raises(InputError, match="no thresholds; solve them with --dev"):
        evaluate(tone_spotter(), Material((read_data_dir(held_out),)))


def test_dev_needs_other_speech(folder: Path, held_out: Path) -> None:
    only = data_dir(folder / "only", {"p": (2.0, [(1.0, "low", LOUD)], "low")})
    with pytest.raises(InputError, match="no audio without 'low'"):
        evaluate(tone_spotter(), Material((read_data_dir(held_out),), (read_data_dir(only),)))


def test_the_same_audio_in_two_roles_is_told(
    held_out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = read_data_dir(held_out)
    found = evaluate(tone_spotter(), Material((data, data), (data,)))
    assert "5 recordings are in --dev and in --test" in found.warnings[0]
    assert "5 recordings are in --test more than once" in found.warnings[1]
    assert caplog.messages == list(found.warnings)


def test_texts_with_a_keywords_letters_alone_are_told(
    folder: Path, held_out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    slow = data_dir(folder / "slow", {"s": (2.0, [], "slowly"), "l": (2.0, [], "low")})
    found = evaluate(
        tone_spotter(), Material((read_data_dir(slow),), (read_data_dir(held_out),)), threshold=None
    )
    assert found.warnings == (
        f"{slow}/text: 1 texts hold the letters of a keyword, but not as whole words, and count as "
        "without it (s first: 'slowly' holds 'low')",
    )
    assert caplog.messages == list(found.warnings)


def test_storing_keeps_everything_else_of_the_model(found: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "final.kws"
    spotter = tone_spotter()
    spotter.others["kaldi.transitions"] = torch.arange(5, dtype=torch.uint8)
    spotter.save(path)
    before = read_model(path)
    store_thresholds(path, found, ["data/dev"])
    after = read_model(path)
    assert (after.network, after.features) == (before.network, before.features)
    assert after.tensors.keys() == before.tensors.keys() >= {"kaldi.transitions"}
    assert all((after.tensors[name] == before.tensors[name]).all() for name in before.tensors)
    assert after.metadata["units"] == before.metadata["units"]
    assert after.metadata["card"]["licence"] == "none"
    entry = after.metadata["thresholds"]["low"]
    assert entry["threshold"] == found.solutions[0].threshold
    assert entry["fa_per_hour_upper"] == pytest.approx(-math.log(0.05) / (10 * HOUR))
    assert entry["solved_on"] == ["data/dev"]
    points = after.metadata["card"]["operating_points"]
    assert [(p["set"], p["keyword"], p["misses"]) for p in points] == [
        *(("dev", "low", 0), ("dev", "high tone", 0)),
        *(("test", "low", 1), ("test", "high tone", 0)),
    ]


class Page(HTMLParser):
    """The sources of pictures and sounds, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sources: dict[str, list[str]] = {"img": [], "audio": []}
        self.links: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "src":
                self.sources[tag].append(value or "")
            elif name == "href":
                self.links.append(value or "")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def content(source: str, kind: str) -> bytes:
    head, _, data = source.partition(",")
    assert head == f"data:{kind};base64"
    return base64.b64decode(data, validate=True)


@pytest.fixture(scope="module")
def outputs(found: Evaluation, folder: Path) -> Path:
    out = folder / "out"
    files = write_outputs(out, found, {"model": "<b>&'\"final.kws"})
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in files)
    return out


def test_the_csv(outputs: Path) -> None:
    rows = list(csv.DictReader((outputs / "operating_points.csv").read_text().splitlines()))
    [low] = [
        row
        for row in rows
        if (row["keyword"], row["set"], row["threshold_source"]) == ("low", "test", "dev-solved")
    ]
    assert (low["positives"], low["misses"], low["false_alarms"]) == ("3", "1", "2")
    assert float(low["miss_rate"]) == pytest.approx(1 / 3, abs=1e-6)
    assert float(low["fa_per_hour"]) == pytest.approx(2 / (13 * HOUR), rel=1e-5)
    assert float(low["fa_per_hour_lower"]) == pytest.approx(0.2422 / (13 * HOUR), rel=1e-3)
    assert float(low["fa_per_hour_upper"]) == pytest.approx(7.2247 / (13 * HOUR), rel=1e-3)
    assert low["latency_median_s"] == "undefined"
    assert {row["set"] for row in rows} == {"dev", "test"}


def test_the_events(outputs: Path) -> None:
    lines = (outputs / "events.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    on_test = [
        (event["utterance"], event["keyword"], event["verdict"])
        for event in events
        if event["set"] == "test"
    ]
    assert sorted(on_test) == [
        ("hit", "low", "hit"),
        ("none", "high tone", "false alarm"),
        ("none", "high tone", "false alarm"),
        ("other", "high tone", "hit"),
        ("other", "low", "false alarm"),
        ("twice", "low", "false alarm"),
        ("twice", "low", "hit"),
    ]
    assert Path(events[0]["file"]).exists()


def test_the_report_stands_alone(outputs: Path) -> None:
    page = Page((outputs / "report.html").read_text(encoding="utf-8"))
    assert page.links == []
    for source in page.sources["img"]:
        assert content(source, "image/png").startswith(b"\x89PNG")
    assert len(page.sources["img"]) == 2
    assert "<b>&'\"final.kws" in page.texts  # the name as it is, and not as a tag


def test_the_report_lets_one_hear_the_cases(outputs: Path, found: Evaluation) -> None:
    page = Page((outputs / "report.html").read_text(encoding="utf-8"))
    clips = [content(source, "audio/flac") for source in page.sources["audio"]]
    cases = [
        case
        for result in found.results
        for keyword in ("low", "high tone")
        for worst in (worst_misses, worst_false_alarms)
        for case in worst(result, keyword)
    ]
    assert len(clips) == len(cases) > 5
    for clip, case in zip(clips, cases, strict=True):
        samples, rate = soundfile.read(io.BytesIO(clip), dtype="int16")
        assert rate == RATE
        if case.confidence > 0.5:
            begin = max(0, case.peak_s - 2.5)
            at_peak = round((case.peak_s - begin) * RATE)
            assert np.abs(samples[at_peak - 800 : at_peak + 800]).max() > 500


def test_a_large_report_leaves_sounds_out(
    found: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_module, "MAX_AUDIO_BYTES", 100_000)
    write_outputs(tmp_path, found, {})
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert sum(map(len, page.sources["audio"])) < 101_000
    assert page.sources["audio"]
    assert "left out: the report is large" in page.texts


def test_pictures_can_be_read(outputs: Path) -> None:
    from matplotlib.image import imread

    for name in ("det.png", "confidences.png"):
        pixels = imread(outputs / name)
        assert pixels.shape[0] > 300
        assert pixels[..., :3].min() < 0.2 < 0.9 < pixels[..., :3].mean()  # dark lines on white


def test_undefined_rates_are_words(folder: Path, tmp_path: Path) -> None:
    quiet = data_dir(folder / "quiet", {"q": (3.0, [], "nothing")})
    spoken = data_dir(folder / "spoken", {"s": (3.0, [(1.0, "low", LOUD)], "low")})
    spotter = tone_spotter({"low": 0.6, "high tone": 0.6})
    for directory, column in ((quiet, "miss_rate"), (spoken, "fa_per_hour")):
        found = evaluate(spotter, Material((read_data_dir(directory),)))
        write_outputs(tmp_path, found, {})
        text = (tmp_path / "operating_points.csv").read_text()
        low = next(row for row in csv.DictReader(text.splitlines()) if row["keyword"] == "low")
        assert low[column] == low[f"{column}_lower"] == low[f"{column}_upper"] == "undefined"
        assert "undefined" in low["note"]
        assert "undefined" in summary(found.results[0].points)
        assert "nan" not in text
        assert "inf" not in text


def test_audio_too_short_for_a_frame(folder: Path, tmp_path: Path) -> None:
    """A keyword in it is missed; where all is too short nothing was evaluated."""
    short = data_dir(folder / "short", {"s": (0.01, [], "low"), "t": (1.0, [], "other")})
    found = evaluate(tone_spotter(), Material((read_data_dir(short),)), threshold=0.5)
    write_outputs(tmp_path, found, {})
    low = found.results[0].points[0]
    assert low.counts == Counts(1, 1, pytest.approx(1.0 * HOUR), 0)
    shorter = data_dir(folder / "shorter", {"u": (0.01, [], "low")})
    with pytest.raises(InputError, match=r"shorter: no recording is as long as a frame; give"):
        evaluate(tone_spotter(), Material((read_data_dir(shorter),)), threshold=0.5)
