"""Where words lie beside their tones, measured and used."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_tones import LOUD, data_dir, tone_spotter, tones
from training_tones import corpus, options, sources

from kws.data import Word, read_data_dir
from kws.export import export_spotter
from kws.hmm import units_of
from kws.nnet import read_model
from kws.runtime import Detector
from kws.spotter import Spotter
from kws.streaming import run, run_in_chunks
from kws.training.prepare import prepare
from kws.training.trainer import train
from kws.training.training_set import TrainingSet, read_training_set
from kws.training.word_times import LEAST_WORDS, measure_word_times

EARLY_S, LONGER_S = 0.35, 0.2  # the word begins before its tone and ends before the tone's end
NUM = 12


def words_set(path: Path, shifts_s: list[float], *, times: bool = True) -> TrainingSet:
    """Utterances with a tone that is heard late in its word; the word is moved by `shifts_s`."""
    utterances, words = {}, []
    for i, shift_s in enumerate(shifts_s):
        start_s = 0.6 + 0.1 * i
        utterances[f"u{i}"] = (3.0, [(start_s, "low", LOUD)], "low")
        span = start_s - EARLY_S + shift_s, start_s + 0.5 - LONGER_S + shift_s
        words.append(Word(f"u{i}", *span, "low"))
    folder = data_dir(path, utterances, words if times else [])
    return read_training_set(
        [read_data_dir(folder)], units_of(["low", "high tone"], 1), 16000, times={}
    )


def test_offsets_bring_events_to_their_words(tmp_path):
    shifts_s = [0.04 * (-1) ** i for i in range(NUM)]
    data = words_set(tmp_path / "data", shifts_s)
    word_times = measure_word_times(tone_spotter(), [data])
    assert word_times.keys() == {"low"}  # the other keyword is never said
    assert (word_times["low"]["words"], word_times["low"]["within"]) == (NUM, NUM)
    thresholds = {"low": {"threshold": 0.5}, "high tone": {"threshold": 0.5}}
    spotter = tone_spotter().with_thresholds(thresholds).with_word_times(word_times)
    export_spotter(spotter, tmp_path / "tones.onnx")
    spotter.save(tmp_path / "tones.kws")
    sound = tones(3.0, (1.2, "low", LOUD), (2.1, "high tone", LOUD))
    exported = Detector(tmp_path / "tones.onnx")
    for events in (
        list(itertools.chain(*run(spotter, sound))),
        list(itertools.chain(*run(Spotter.load(tmp_path / "tones.kws"), sound))),
        exported.process(np.rint(sound).astype(np.int16)) + exported.flush(),
    ):
        known, unknown = events
        assert known.start_s == pytest.approx(1.2 - EARLY_S, abs=0.06)
        assert known.end_s == pytest.approx(1.7 - LONGER_S, abs=0.06)
        assert (unknown.keyword, unknown.start_s, unknown.end_s) == ("high tone", None, None)


def test_words_end_no_later_than_what_is_heard_of_them(tmp_path):
    """Wherever the recording ends: a stream that tells an event cannot know that it is the end."""
    data = words_set(tmp_path / "data", [0.15] * NUM)  # each ends 0.13 s after its event
    spotter = tone_spotter({"low": 0.5, "high tone": 0.5})
    word_times = measure_word_times(spotter, [data])
    assert 0 < word_times["low"]["end_s"] <= spotter.look_ahead_s
    late = spotter.with_word_times(word_times)
    export_spotter(late, tmp_path / "tones.onnx")
    exported = Detector(tmp_path / "tones.onnx")
    sound = tones(2.0, (0.6, "low", LOUD))
    ends = range(16000, 22000, 500)
    for num_samples in ends:
        part = sound[:num_samples]
        chunks = np.split(part, range(160, num_samples, 160))
        (event,) = itertools.chain(*run_in_chunks(late, chunks))
        assert event.end_s is not None
        assert event.end_s <= num_samples / 16000
        (other,) = exported.process(np.rint(part).astype(np.int16)) + exported.flush()
        assert other.end_s == pytest.approx(event.end_s, abs=1e-9)


@pytest.mark.parametrize("case", ["few", "untimed", "astray"])
def test_what_does_not_tell_leaves_times_unknown(tmp_path, case):
    shifts_s = {"few": [0.0] * (LEAST_WORDS - 1), "astray": [-0.2, 0.0, 0.2] * 4}
    times = case != "untimed"
    data = words_set(tmp_path / "data", shifts_s.get(case, [0.0] * NUM), times=times)
    assert measure_word_times(tone_spotter(), [data]) == {}


def test_a_network_that_overflows_leaves_times_unknown(tmp_path):
    data = words_set(tmp_path / "data", [0.0] * NUM)
    spotter = tone_spotter()
    with torch.no_grad():
        for parameter in spotter.nnet.parameters():
            parameter.fill_(float("nan"))
    assert measure_word_times(spotter, [data]) == {}


def test_the_first_set_with_enough_words_counts(tmp_path):
    few = words_set(tmp_path / "few", [0.0] * (LEAST_WORDS - 1))
    early = words_set(tmp_path / "early", [-0.2] * NUM)
    late = words_set(tmp_path / "late", [0.0] * NUM)
    spotter = tone_spotter()
    expected = measure_word_times(spotter, [early])
    assert measure_word_times(spotter, [few, early, late]) == expected
    assert measure_word_times(spotter, [late])["low"]["start_s"] == pytest.approx(
        expected["low"]["start_s"] + 0.2, abs=0.011
    )


@pytest.mark.parametrize("times", [True, False])
def test_a_training_ends_with_it(tmp_path, times):
    given = sources(
        tmp_path,
        corpus(tmp_path / "train", times=times),
        dev_data=(str(corpus(tmp_path / "dev", times=times, first_s=0.35)),),
    )
    lines = () if times else ("--objective=max-pool",)
    task = prepare(given, options("--num-epochs=12", *lines))
    task.write_final(train(task, tmp_path, num_workers=0), tmp_path / "final.kws")
    word_times = read_model(tmp_path / "final.kws").metadata["word_times"]
    if not times:
        assert word_times == {}
        return
    assert word_times["low"]["words"] == 6, json.dumps(word_times)
    spotter = Spotter.load(tmp_path / "final.kws").with_thresholds({"low": {"threshold": 0.3}})
    (event,) = itertools.chain(*run(spotter, tones(2.5, (1.0, "low", LOUD))))
    assert event.start_s == pytest.approx(1.0, abs=0.15)
    assert event.end_s == pytest.approx(1.5, abs=0.15)
