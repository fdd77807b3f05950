"""What a training is made of, read from files, and the faults found on the way."""

from __future__ import annotations

import errno
import io
import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_tones import LOUD, data_dir
from training_tones import NETWORK, corpus, options, sources

import kws.data.recordings as recordings_module
from kws.data import Word, read_data_dir, write_ctm
from kws.data.recordings import Marks, Occurrence, load_recordings
from kws.errors import InputError
from kws.evaluation.references import make_reference
from kws.features import FeaturePipeline, parse_feature_options
from kws.hmm import units_of
from kws.kaldi import write_matrix
from kws.nnet import read_network
from kws.training.network import make_nnet
from kws.training.prepare import prepare, settings_of
from kws.training.realign import given_words, phrases_of
from kws.training.training_set import marks_of, read_training_set
from kws.words import letters_of

INVENTORY = units_of(["low", "view glass"])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return corpus(tmp_path / "train", num_each=2)


# Marks


def words(*timed: tuple[str, float, float]) -> list[Word]:
    return [Word("u", start_s, end_s, word) for word, start_s, end_s in timed]


def test_keywords_without_times_may_be_anywhere() -> None:
    marks = marks_of("so low a View glass", (), INVENTORY)
    assert marks == Marks((Occurrence(0, (1,)), Occurrence(1, (2, 3))))
    assert not marks.timed
    assert marks_of("<unk>", (), INVENTORY) == Marks()


def test_keywords_with_times_are_where_their_units_follow_each_other() -> None:
    timed = words(("view", 0.1, 0.4), ("low", 1.0, 1.5), ("view", 2.0, 2.3), ("glass", 2.4, 2.9))
    marks = marks_of("a view low view glass", timed, INVENTORY)
    assert marks.occurrences == (Occurrence(0, (1,), 1.0, 1.5), Occurrence(1, (2, 3), 2.0, 2.9))
    # the lone "view" labels frames all the same, as in Chen 2014
    assert len(marks.words) == 4


def test_words_of_a_keyword_that_others_separate_are_not_the_keyword() -> None:
    apart = words(("view", 1.0, 1.3), ("glass", 1.5, 1.8))
    assert marks_of("view the glass", apart, INVENTORY).occurrences == ()
    assert len(marks_of("view glass", apart, INVENTORY).occurrences) == 1
    # without a transcript the times alone tell
    assert len(marks_of("<unk>", apart, INVENTORY).occurrences) == 1
    far = words(("view", 1.0, 1.3), ("glass", 2.0, 2.3))
    assert marks_of("<unk>", far, INVENTORY).occurrences == ()


def test_words_cut_into_units_are_one_keyword() -> None:
    inventory = units_of(["low"], 2)
    timed = words(("low.1", 1.0, 1.2), ("low.2", 1.2, 1.5))
    assert marks_of("low", timed, inventory).occurrences == (Occurrence(0, (1, 2), 1.0, 1.5),)


def test_of_overlapping_keywords_the_longest_counts() -> None:
    inventory = units_of(["google", "okay google"])
    timed = words(("okay", 1.0, 1.3), ("google", 1.3, 1.8), ("google", 3.0, 3.5))
    expected = (Occurrence(1, (2, 1), 1.0, 1.8), Occurrence(0, (1,), 3.0, 3.5))
    for text in ("okay google google", "<unk>"):
        assert marks_of(text, timed, inventory).occurrences == expected


HAN = "\u5c0f\u7231\u540c\u5b66"


@pytest.mark.parametrize(
    ("text", "held"),
    [
        (f"{HAN}\u3002", [HAN]),
        ("what\u2019s up", ["what's up"]),
        ("hey-marvin", ["hey marvin"]),
        ("\u2018google\u2019", ["google"]),
        ("\uff27\uff4f\uff4f\uff47\uff4c\uff45", ["google"]),
        ("Okay, Google.", ["okay google"]),
        ("dr who, dr. who", ["dr. who", "dr. who"]),
        ("googles, hey <unk> marvin", []),
    ],
)
def test_alignment_training_and_evaluation_find_the_same(text: str, held: list[str]) -> None:
    inventory = units_of(["google", "okay google", "dr. who", "what's up", "hey-marvin", HAN])
    names = [keyword.name for keyword in inventory.keywords]
    letters = [letters_of(name) for name in held]
    aligned = [keyword for _, keyword in phrases_of(text, inventory) if keyword]
    trained = [names[o.keyword] for o in marks_of(text, (), inventory).occurrences]
    whole = Word("u", 0.0, 1.0, text)  # as a CTM may have it
    timed = marks_of(text, given_words({"u": [whole]}, inventory).get("u", ()), inventory)
    evaluated = make_reference("d", "u", 1.0, text, (), names).windows
    assert [letters_of(keyword.name) for keyword in aligned] == letters
    assert [letters_of(name) for name in trained] == letters
    assert [letters_of(names[o.keyword]) for o in timed.occurrences] == letters
    # where a longer keyword holds it, a keyword has a window that is no trial
    said = {k: windows for k, windows in evaluated.items() if windows[0].is_trial}
    assert [letters_of(k) for k, windows in said.items() for _ in windows] == letters


# Data


def test_a_ctm_comes_before_the_data_dirs_own(data: Path) -> None:
    times = {"train-low0": [Word("train-low0", 0.7, 0.9, "LOW")]}
    found = read_training_set((read_data_dir(data),), units_of(["low"]), 16000, times=times)
    by_id = dict(zip(found.recordings.ids, found.marks, strict=True))
    assert by_id["train-low0"].occurrences == (Occurrence(0, (1,), 0.7, 0.9),)
    assert by_id["train-low1"].occurrences[0].start_s == pytest.approx(0.4)
    assert by_id["train-noise1"] == Marks()


def test_recordings_do_not_depend_on_the_number_of_threads(data: Path) -> None:
    one, four = (load_recordings([read_data_dir(data)], 16000, n) for n in (1, 4))
    assert one.ids == four.ids
    np.testing.assert_array_equal(one.samples, four.samples)
    assert one.duration_s(0) == 2.0


def test_recordings_are_mapped_from_a_file_without_a_name(tmp_path: Path, data: Path) -> None:
    folder = tmp_path / "new/exp"
    found = load_recordings([read_data_dir(data)], 16000, directory=folder)
    assert list(folder.iterdir()) == []
    base = found.samples.base
    assert isinstance(base, np.memmap) and not found.samples.flags.writeable
    some = found.subset([2, 0])
    assert np.shares_memory(some.samples, found.samples)
    assert (some.ids, len(some)) == ((found.ids[2], found.ids[0]), 2)
    np.testing.assert_array_equal(some[1], found[0])
    assert some.hours == pytest.approx((found.duration_s(2) + found.duration_s(0)) / 3600)


def test_a_disk_too_small_for_the_audio_is_named(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, content: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(recordings_module, "TemporaryFile", lambda **_: Full())
    with pytest.raises(OSError, match="No space left on device") as caught:
        load_recordings([read_data_dir(data)], 16000, directory=tmp_path)
    assert caught.value.filename == str(tmp_path)


def test_an_utterance_in_two_data_dirs_is_refused(tmp_path: Path, data: Path) -> None:
    with pytest.raises(InputError, match=r"wav\.scp:1: utterance train-low0 is also in"):
        prepare(replace(sources(tmp_path, data), data=(str(data), str(data))), options())


def test_a_keyword_that_nobody_says_is_named(tmp_path: Path, data: Path) -> None:
    with pytest.raises(InputError, match=r"train: no utterance's text holds the keyword 'jarvis'"):
        prepare(replace(sources(tmp_path, data), keywords=("low", "jarvis")), options())


def test_a_keyword_whose_letters_alone_are_there_is_shown(tmp_path: Path, data: Path) -> None:
    with pytest.raises(InputError) as error:
        prepare(replace(sources(tmp_path, data), keywords=("low", "lo")), options())
    assert str(error.value) == (
        f"{data}: no utterance's text holds the keyword 'lo'; give data dirs that do ({data}/text: "
        "2 texts hold the letters of a keyword, but not as whole words, and count as without it "
        "(train-low0 first: 'so Low, then' holds 'lo'))"
    )


def test_texts_with_the_letters_alone_are_warned_of(
    tmp_path: Path, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (data / "text").write_text((data / "text").read_text().replace("<unk>", "slowly"))
    with caplog.at_level(logging.WARNING):
        prepare(sources(tmp_path, data), options())
    assert caplog.messages[1:] == [  # the first is about the network
        f"{data}/text: 1 texts hold the letters of a keyword, but not as whole words, and count as "
        "without it (train-noise0 first: 'slowly' holds 'low')"
    ]


def test_positives_alone_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = data_dir(
        tmp_path / "p", {"a": (1.0, [(0.2, "low", LOUD)], "low")}, [Word("a", 0.2, 0.7, "low")]
    )
    with caplog.at_level(logging.WARNING):
        prepare(sources(tmp_path, data), options())
    assert "every utterance holds a keyword" in caplog.text


def test_cross_entropy_needs_times_and_says_where_from(tmp_path: Path) -> None:
    data = corpus(tmp_path / "train", times=False, num_each=2)
    with pytest.raises(InputError) as error:
        prepare(sources(tmp_path, data), options())
    assert str(error.value) == (
        f"{data}/wav.scp:1: the time of the keyword in train-low0 is not known, nor that of 1 "
        "others; find them with `kws align` and give its CTM with --ali, let --realign-epochs "
        "find them, or train with --objective max-pool"
    )
    ctm = tmp_path / "ali.ctm"
    write_ctm(ctm, [Word("train-low1", 0.4, 0.9, "low")])
    task = prepare(replace(sources(tmp_path, data), ali=(str(ctm),)), options())
    assert "train-low0" not in task.train.recordings.ids
    assert len(task.train.marks) == len(task.train.recordings) == 3
    assert prepare(sources(tmp_path, data), options("--objective=max-pool")).train.marks[0]


def test_realignment_begins_with_energy(tmp_path: Path) -> None:
    data = corpus(tmp_path / "train", times=False, num_each=2)
    task = prepare(sources(tmp_path, data), options("--realign-epochs=2"))
    (occurrence,) = task.train.marks[task.train.recordings.ids.index("train-low0")].occurrences
    assert occurrence.start_s is not None
    # the tone is from 0.3 to 0.8 s, and the words before and after the keyword share it
    assert 0.2 < occurrence.start_s < 0.8
    assert task.train.times["train-low0"][0].start_s == occurrence.start_s


# Network and features


def test_the_network_gets_one_output_per_unit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = tmp_path / "n.config"
    config.write_text(NETWORK)
    features = parse_feature_options("--num-mel-bins=10\n", "f")
    with caplog.at_level(logging.WARNING):
        nnet = make_nnet(read_network(config), features, INVENTORY, 0)
    assert nnet.output_dim == 4
    assert caplog.text == ""
    with caplog.at_level(logging.WARNING):
        assert make_nnet(read_network(config), features, units_of(["low"]), 0).output_dim == 2
    assert "n.config:5: `AffineComponent` gets 2 outputs: filler and the units low" in caplog.text
    same = make_nnet(read_network(config), features, INVENTORY, 0)
    other = make_nnet(read_network(config), features, INVENTORY, 1)
    first = [torch.equal(a, b) for a, b in zip(nnet.parameters(), same.parameters(), strict=True)]
    assert all(first)
    assert not torch.equal(next(nnet.parameters()), next(other.parameters()))


def test_features_of_another_width_are_refused(tmp_path: Path, data: Path) -> None:
    given = sources(tmp_path, data)
    Path(given.features).write_text("--num-mel-bins=12\n")
    with pytest.raises(
        InputError, match=r"nnet\.config:1: input-dim=10, but the features have 12 columns"
    ):
        prepare(given, options())


def test_speaker_cmvn_is_refused(tmp_path: Path, data: Path) -> None:
    given = sources(tmp_path, data)
    Path(given.features).write_text("--num-mel-bins=10\n--cmvn=speaker\n")
    with pytest.raises(InputError, match=r"fbank\.conf: cmvn=speaker: .*--cmvn=global"):
        prepare(given, options())


def test_global_cmvn_takes_the_training_data_or_a_file(tmp_path: Path, data: Path) -> None:
    given = sources(tmp_path, data)
    task = prepare(given, options())
    assert task.stats is not None
    recordings = task.train.recordings
    pipeline = FeaturePipeline(task.features, task.stats)
    frames = torch.cat(
        [
            pipeline(torch.from_numpy(recordings[i].astype(np.float32))[None])[0]
            for i in range(len(recordings))
        ]
    )
    # float32 sums over some 700 frames of a size around 1
    torch.testing.assert_close(frames.mean(dim=0), torch.zeros(10), atol=1e-4, rtol=0)
    torch.testing.assert_close(frames.std(dim=0), torch.ones(10), atol=1e-2, rtol=0)
    stats = np.zeros((2, 11))
    stats[0], stats[1, :10] = 3.0, 7.0
    stats[0, 10] = 3.0
    write_matrix(tmp_path / "cmvn", stats)
    task = prepare(replace(given, cmvn_stats=str(tmp_path / "cmvn")), options())
    assert task.stats is not None
    assert task.stats.count == 3.0
    assert task.stats.sums.tolist() == [3.0] * 10


def test_select_best_needs_a_dev_set(tmp_path: Path, data: Path) -> None:
    with pytest.raises(InputError, match="--select=best needs a dev set"):
        prepare(sources(tmp_path, data), options("--select=best"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="has the device that the message is about")
def test_a_missing_cuda_device_is_said(tmp_path: Path, data: Path) -> None:
    with pytest.raises(InputError, match="--device cuda: this machine has no CUDA device"):
        prepare(sources(tmp_path, data, device="cuda"), options())


def test_settings_hold_whatever_decides_the_result(tmp_path: Path, data: Path) -> None:
    given = sources(tmp_path, data)
    settings = settings_of(given, options())
    assert settings == settings_of(given, options("--checkpoint-minutes=7"))
    assert settings != settings_of(given, options("--seed=7"))
    assert settings["--num-epochs"] == "4"
    Path(given.network).write_text(NETWORK.replace("proportion=0.1", "proportion=0.2"))
    assert settings != settings_of(given, options())
    text = (data / "text").read_text()
    before = settings_of(given, options())
    (data / "text").write_text(text.replace("so Low", "so low"))
    assert before["--data"] != settings_of(given, options())["--data"]
