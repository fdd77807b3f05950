"""Word times of data dirs: given, from energy, and by a network that hears loudness and pitch."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from kws.audio import write_audio
from kws.data import DataDir, Utterance, Word, read_data_dir, write_data_dir
from kws.errors import InputError
from kws.features import FeatureOptions, parse_feature_options
from kws.hmm import UnitInventory, units_of
from kws.nnet import Nnet
from kws.spotter import Spotter
from kws.training.realign import (
    BoundaryMoves,
    bootstrap_words,
    boundary_moves,
    given_words,
    initial_words,
    phrases_of,
    realign,
    spoken_keywords,
    words_in_wrd_files,
)

RATE = 16000
OPTIONS = "--num-mel-bins=4\n--low-freq=100\n--high-freq=4000\n"
NETWORK = """\
AffineComponent input-dim=4 output-dim={units} learning-rate=0.1 param-stddev=0
SoftmaxComponent dim={units}
"""
INVENTORY = units_of(["view glass", "computer"])


def tones(*bursts: tuple[float, float, float], duration_s: float = 3.0) -> np.ndarray:
    """A little noise with tones over it: start s, end s, Hz (0: loud noise instead)."""
    time_s = np.arange(round(duration_s * RATE)) / RATE
    noise = np.random.default_rng(0).standard_normal(len(time_s))
    samples = noise * 3
    for start_s, end_s, hz in bursts:
        wave = np.sin(2 * np.pi * hz * time_s) if hz else noise
        samples += 8000 * wave * ((time_s >= start_s) & (time_s < end_s))
    return samples.astype(np.float32)


def data_dir(path: Path, recordings: dict[str, tuple[str, np.ndarray]]) -> DataDir:
    """A data dir of utterance: (text, samples)."""
    utterances = []
    for name, (text, samples) in recordings.items():
        write_audio(path / f"{name}.wav", samples, RATE)
        utterances.append(Utterance(name, name, text, str(path / f"{name}.wav")))
    write_data_dir(path, utterances)
    return read_data_dir(path)


def hearing(inventory: UnitInventory) -> Spotter:
    """A network that calls unit i (from 1) whatever is loud in mel bin i - 1, else filler."""
    options: FeatureOptions = parse_feature_options(OPTIONS, "test")
    num_units = len(inventory.units)
    nnet = Nnet.from_config(
        NETWORK.format(units=num_units), "test", torch.Generator().manual_seed(0)
    )
    metadata = {
        "units": list(inventory.units),
        "keywords": [{"name": k.name, "units": list(k.units)} for k in inventory.keywords],
    }
    with torch.no_grad():
        linear, bias = dict(nnet.named_parameters()).values()
        linear.zero_()
        for unit in range(1, num_units):
            linear[unit, unit - 1] = 1.0
        bias.zero_()
        bias[0] = 17.0  # between the log energies of silence (about 8) and of tones (about 25)
    return Spotter.from_parts(options, None, nnet, metadata)


def test_phrases_of_a_transcript() -> None:
    inventory = units_of(["google", "okay google", "computer"])
    phrases = [
        (phrase, None if keyword is None else keyword.name)
        for phrase, keyword in phrases_of(
            "Hey, OKAY Google! turn the Computer on. google", inventory
        )
    ]
    assert phrases == [
        ("hey", None),
        ("okay google", "okay google"),
        ("turn the", None),
        ("computer", "computer"),
        ("on", None),
        ("google", "google"),
    ]
    assert [k.name for k in spoken_keywords("google okay computer", inventory)] == [
        "google",
        "computer",
    ]
    assert spoken_keywords("<unk>", inventory) == []


def test_phrases_of_texts_as_people_write_them() -> None:
    han = "\u5c0f\u7231\u540c\u5b66"
    open_it, please = "\u6253\u5f00", "\u5427"
    inventory = units_of(["dr. who", "hey marvin", han])
    text = f"<noise> It\u2019s Dr Who; hey-Marvin: {open_it}{han}{please} \u3002"
    assert [(phrase, k.name if k else "") for phrase, k in phrases_of(text, inventory)] == [
        ("<noise> its", ""),
        ("dr who", "dr. who"),
        ("hey marvin", "hey marvin"),
        (open_it, ""),
        (han, han),
        (please, ""),
    ]


def test_given_words_hold_several_words_of_a_keyword() -> None:
    words = {"a": [Word("a", 1.0, 1.9, "Hey-Marvin"), Word("a", 1.9, 2.4, "it's")]}
    (hey, marvin) = given_words(words, units_of(["hey marvin"]))["a"]
    assert (hey.word, marvin.word) == ("hey", "marvin")
    assert (hey.start_s, hey.end_s) == pytest.approx((1.0, 1.3))
    assert (marvin.start_s, marvin.end_s) == pytest.approx((1.3, 1.9))
    cut = given_words(words, units_of(["hey marvin"], 2))["a"]
    assert [word.word for word in cut] == ["hey.1", "hey.2", "marvin.1", "marvin.2"]
    # parts of words in another number than the inventory's are no words
    other = {"a": [Word("a", 1.0, 1.5, "hey.1"), Word("a", 1.5, 2.0, "hey.2")]}
    assert given_words(other, units_of(["hey"])) == {}


def test_given_words_are_those_of_keywords_cut_into_units() -> None:
    words = {
        "a": [Word("a", 0.0, 0.5, "the"), Word("a", 0.5, 1.1, "Computer")],
        "b": [Word("b", 0.0, 0.5, "hello")],
    }
    assert given_words(words, INVENTORY) == {"a": [Word("a", 0.5, 1.1, "computer")]}
    cut = given_words(words, units_of(["computer"], 2))["a"]
    assert [word.word for word in cut] == ["computer.1", "computer.2"]
    assert [word.start_s for word in cut] == pytest.approx([0.5, 0.8])
    assert given_words({"a": cut}, units_of(["computer"], 2)) == {"a": cut}


def test_energy_places_keywords_and_leaves_out_what_cannot_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = data_dir(
        tmp_path,
        {
            "said": ("say computer", tones((0.5, 0.8, 0), (1.4, 2.0, 0))),
            "silent": ("computer", np.zeros(RATE)),
            "other": ("hello", tones((1.0, 1.5, 500))),
        },
    )
    with caplog.at_level(logging.WARNING):
        words = bootstrap_words(data, data.utterances, INVENTORY)
    assert list(words) == ["said"]
    (word,) = words["said"]
    assert word.word == "computer"
    assert (word.start_s, word.end_s) == pytest.approx((1.4, 2.0), abs=0.0301)
    silent = next(u for u in data.utterances if u.id == "silent")
    assert caplog.messages == [f"{silent.place}: too short or too even to hold 'computer'"]


def test_given_times_come_before_energy(tmp_path: Path) -> None:
    recording = tones((1.4, 2.0, 0))
    data = data_dir(
        tmp_path,
        {
            "given": ("computer", recording),
            "half": ("view glass", recording),
            "not": ("computer", recording),
            "view": ("a view", recording),
        },
    )
    given = {
        "given": [Word("given", 0.1, 0.2, "computer")],
        "half": [Word("half", 0.1, 0.2, "view")],
        "view": [Word("view", 0.3, 0.4, "view")],
    }
    words = initial_words(data, data.utterances, INVENTORY, given)
    assert words["given"] == given["given"]
    assert words["view"] == given["view"]
    assert [word.word for word in words["half"]] == ["view", "glass"]
    assert words["half"][0].start_s == pytest.approx(1.4, abs=0.0301)
    assert words["not"][0].start_s == pytest.approx(1.4, abs=0.0301)


def test_wrd_files(tmp_path: Path) -> None:
    utterances = [Utterance("a", "a", "computer", "a.wav"), Utterance("b", "b", "x", "b.wav")]
    with pytest.raises(InputError, match=r"holds no .wrd file of the data dir, such as a.wrd"):
        words_in_wrd_files(tmp_path, utterances)
    (tmp_path / "a.wrd").write_text("1600 3200 the\n3200 8000 computer\n", encoding="utf-8")
    assert words_in_wrd_files(tmp_path, utterances) == {
        "a": [Word("a", 0.1, 0.2, "the"), Word("a", 0.2, 0.5, "computer")]
    }


@pytest.mark.parametrize("divide_by_priors", [True, False])
def test_a_network_finds_the_words_it_hears(tmp_path: Path, divide_by_priors: bool) -> None:
    spotter = hearing(INVENTORY)  # view 350 Hz, glass 900 Hz, computer 1700 Hz
    data = data_dir(
        tmp_path,
        {
            # the loudest and longest stretch is no keyword: energy would take it
            "one": ("view glass", tones((0.2, 0.9, 3200), (1.5, 1.8, 350), (1.8, 2.3, 900))),
            "two": ("the computer", tones((0.7, 1.3, 1700))),
            "none": ("hello", tones((0.7, 1.3, 1700))),
            "both": (
                "computer view glass",
                tones((0.3, 0.8, 1700), (1.2, 1.5, 350), (1.5, 1.9, 900), (2.2, 2.6, 1700)),
            ),
        },
    )
    words = realign(spotter, data, data.utterances, divide_by_priors=divide_by_priors)
    expected = {
        "one": [("view", 1.5, 1.8), ("glass", 1.8, 2.3)],
        "two": [("computer", 0.7, 1.3)],
        "both": [("computer", 0.3, 0.8), ("view", 1.2, 1.5), ("glass", 1.5, 1.9)],
    }
    assert {name: [w.word for w in found] for name, found in words.items()} == {
        name: [word for word, _, _ in found] for name, found in expected.items()
    }
    for name, found in expected.items():
        times = [time for word in words[name] for time in (word.start_s, word.end_s)]
        # a frame of 25 ms hears a tone that fills a part of it
        assert times == pytest.approx([t for _, *both in found for t in both], abs=0.03)


def test_a_recording_without_frames_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = data_dir(tmp_path, {"short": ("computer", np.ones(100, dtype=np.float32))})
    assert realign(hearing(INVENTORY), data, data.utterances) == {}
    assert caplog.messages == [f"{data.utterances[0].place}: too short to hold 'computer'"]


def test_boundary_moves_counted_by_hand() -> None:
    old = {
        "a": [Word("a", 1.0, 2.0, "view"), Word("a", 2.0, 3.0, "view")],
        "b": [Word("b", 0.0, 1.0, "glass")],
        "c": [Word("c", 0.0, 1.0, "glass")],
    }
    new = {
        "a": [Word("a", 1.1, 2.0, "View"), Word("a", 2.0, 2.9, "view")],
        "b": [Word("b", 0.0, 1.4, "glass")],
        "d": [Word("d", 0.0, 1.0, "glass")],
    }
    moves = boundary_moves(old, new)
    assert moves is not None
    # 100 0, 0 100, 0 400 ms
    assert moves.num_boundaries == 6
    assert moves.mean_ms == pytest.approx(100.0)
    assert moves.median_ms == pytest.approx(50.0)
    assert moves.percentile_95_ms == pytest.approx(325.0)
    assert boundary_moves(old, {}) is None
    assert str(BoundaryMoves(6, 100.0, 50.0, 325.0)) == (
        "6 boundaries moved by 100 ms on average, 50 ms in the median, "
        "325 ms at the 95th percentile"
    )
