"""One long recording of many utterances: everything stands where the word times say."""

from pathlib import Path

import numpy as np
import pytest

from kws.audio import Waveform, write_audio
from kws.cli.main import run
from kws.data import Utterance, Word, keyword_spans, read_data_dir, write_data_dir
from kws.data.long_recording import draw_order, join_recordings
from kws.data.validation import validate
from kws.errors import InputError

RATE = 1000


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def burst(first: int, last: int, num_samples: int = 500) -> Waveform:
    """Silence with a burst from `first` to `last`: a word whose place can be measured."""
    samples = np.zeros(num_samples, dtype=np.float32)
    samples[first:last] = 10000.0
    return Waveform(samples, RATE)


def test_bursts_stand_where_the_words_say() -> None:
    recordings = [("a", burst(100, 200)), ("b", burst(300, 350)), ("a", burst(100, 200))]
    words = {"a": [Word("a", 0.1, 0.2, "x")], "b": [Word("b", 0.3, 0.35, "y")]}
    samples, placed = join_recordings(recordings, words, gap_s=0.4, generator=rng())
    spoken = [word for word in placed if word.word != "<gap>"]
    assert [word.word for word in spoken] == ["x", "y", "x"]
    expected = np.zeros(len(samples), dtype=bool)
    for word in spoken:
        expected[round(word.start_s * RATE) : round(word.end_s * RATE)] = True
    np.testing.assert_array_equal(samples > 5000, expected)
    gaps = [word for word in placed if word.word == "<gap>"]
    assert len(gaps) == 4
    assert all(0.2 - 1e-3 <= gap.end_s - gap.start_s <= 0.6 + 1e-3 for gap in gaps)
    assert len(samples) == 1500 + sum(round((gap.end_s - gap.start_s) * RATE) for gap in gaps)
    assert placed == sorted(placed, key=lambda word: word.start_s)
    assert {word.utterance for word in placed} == {"joined"}
    assert np.abs(samples[: round(gaps[0].end_s * RATE)]).max() > 0  # no digital silence


def test_edges_are_faded_and_the_source_is_left_alone() -> None:
    waveform = Waveform(np.full(100, 1000.0, dtype=np.float32), RATE)
    samples, placed = join_recordings([("a", waveform)], {}, gap_s=0.1, generator=rng())
    inside = samples[round(placed[0].end_s * RATE) :][:100]
    np.testing.assert_allclose(inside[:6], [100, 300, 500, 700, 900, 1000])
    np.testing.assert_allclose(inside[94:], [1000, 900, 700, 500, 300, 100])
    assert (waveform.samples == 1000).all()


def test_same_seed_same_recording() -> None:
    recordings = [("a", burst(1, 2)), ("b", burst(3, 4))]
    results = [
        join_recordings(recordings, {}, gap_s=0.1, generator=rng(seed))[0] for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(results[0], results[1])
    assert len(results[0]) != len(results[2]) or (results[0] != results[2]).any()


def test_refuses_nothing_and_mixed_rates() -> None:
    with pytest.raises(InputError, match="no utterance to join"):
        join_recordings([], {}, gap_s=1.0, generator=rng())
    mixed = [("a", burst(1, 2)), ("b", Waveform(np.zeros(10, dtype=np.float32), 2000))]
    with pytest.raises(InputError, match="b: its sample rate is 2000 Hz"):
        join_recordings(mixed, {}, gap_s=1.0, generator=rng())


def test_order_is_random_complete_and_within_the_room() -> None:
    lengths = [2.0] * 20
    everything = draw_order(lengths, gap_s=1.0, max_duration_s=None, generator=rng())
    assert sorted(everything) == list(range(20)) and everything != sorted(everything)
    # 1.5 s before the first and 2 + 1.5 s for each: three fit into 12 s
    some = draw_order(lengths, gap_s=1.0, max_duration_s=12.0, generator=rng())
    assert some == everything[:3]
    with pytest.raises(InputError, match="no room for an utterance of 2 s"):
        draw_order(lengths, gap_s=1.0, max_duration_s=4.9, generator=rng())


def test_command_writes_a_data_dir(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "stream"
    utterances = []
    for name, text in (("u1", "view glass"), ("u2", "<unk>"), ("u3", "the computer")):
        audio = source / f"{name}.wav"
        write_audio(audio, np.full(RATE, 1000.0), RATE)
        utterances.append(Utterance(name, name, text, str(audio)))
    times = [Word("u3", 0.25, 0.5, "the"), Word("u3", 0.5, 0.75, "computer")]
    write_data_dir(source, utterances, ctm=times)
    command = ["data", "join", str(source), str(out), "--gap", "0.5", "--seed", "4"]
    assert run(command) == 0
    assert validate(out) == []
    data = read_data_dir(out)
    (utterance,) = data.utterances
    assert (utterance.id, (out / "wav.scp").read_text()) == ("stream", "stream audio/stream.flac\n")
    words = data.words["stream"]
    assert utterance.text == " ".join(word.word for word in words)
    assert sorted(utterance.text.split()) == sorted(
        ["view", "glass", "<unk>", "the", "computer"] + ["<gap>"] * 4
    )
    spans = {span.word: span for span in keyword_spans(words, ["computer", "view glass"])}
    assert spans["view glass"].end_s - spans["view glass"].start_s == pytest.approx(1.0)
    assert spans["computer"].end_s - spans["computer"].start_s == pytest.approx(0.25)
    samples = data.load(utterance).samples
    for span in spans.values():
        middle = round((span.start_s + span.end_s) / 2 * RATE)
        assert samples[middle] == 1000
    again = tmp_path / "again" / "stream"
    assert run([*command[:3], str(again), *command[4:]]) == 0
    assert (again / "audio/stream.flac").read_bytes() == (out / "audio/stream.flac").read_bytes()
    assert (again / "ctm").read_text() == (out / "ctm").read_text()
