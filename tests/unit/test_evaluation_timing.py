"""kws.evaluation.timing: frames and boundaries counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from kws.data import Word
from kws.evaluation.alignment import NIST
from kws.evaluation.timing import TimeErrors, time_errors
from kws.evaluation.token_errors import score_transcripts
from kws.evaluation.transcripts import Transcripts


def timed(**utterances: str) -> Transcripts:
    """Transcripts of `token@end` (from the end before) and `-@end`, where there is nothing."""
    times = {}
    for name, text in utterances.items():
        words, start_s = [], 0.0
        for entry in text.split():
            token, _, end = entry.partition("@")
            if token != "-":
                words.append(Word(name, start_s, float(end), token))
            start_s = float(end)
        times[name] = tuple(words)
    tokens = {name: tuple(word.word for word in words) for name, words in times.items()}
    return Transcripts(Path("made"), tokens, times, {})


def errors_of(reference: Transcripts, hypothesis: Transcripts) -> TimeErrors:
    found = time_errors(score_transcripts(reference, hypothesis, NIST))
    assert found is not None
    return found


def test_by_hand() -> None:
    found = errors_of(
        timed(u="sil@0.1 a@0.2 b@0.3 sil@0.4"), timed(u="sil@0.12 a@0.2 c@0.33 sil@0.4")
    )
    assert (found.utterances, found.frames) == (1, 40)
    # wrong: 2 frames of a, 10 of b, 3 of the last sil
    assert found.correct_frames == 25
    assert found.frame_accuracy == 25 / 40
    np.testing.assert_allclose(found.boundary_errors_s, [0.02, 0.03], atol=1e-12)
    assert found.near_boundaries == 0.5  # 20 ms count as near


def test_gaps_of_the_reference_do_not_count_and_of_the_hypothesis_are_wrong() -> None:
    found = errors_of(timed(u="a@0.1 -@0.2 b@0.3"), timed(u="a@0.05 -@0.1 x@0.2 b@0.3"))
    assert (found.frames, found.correct_frames) == (20, 15)
    longer = errors_of(timed(u="a@0.1"), timed(u="a@0.5"))
    assert (longer.frames, longer.correct_frames) == (10, 10)


def test_boundaries_are_of_correct_tokens_and_never_of_the_first() -> None:
    found = errors_of(timed(u="a@0.1 b@0.2"), timed(u="-@0.05 a@0.1 c@0.2"))
    assert found.boundary_errors_s.tolist() == []
    assert np.isnan(found.near_boundaries)
    early = errors_of(timed(u="a@0.1 b@0.2"), timed(u="x@0.01 a@0.04 b@0.2"))
    np.testing.assert_allclose(early.boundary_errors_s, [-0.06], atol=1e-12)


def test_utterances_are_summed_and_those_without_times_left_out() -> None:
    reference = timed(u="a@0.1", v="a@0.2", w="a@0.3")
    hypothesis = timed(u="a@0.1", v="b@0.2", w="a@0.3")
    times = {name: hypothesis.times[name] for name in ("u", "v")}
    partly = Transcripts(hypothesis.path, hypothesis.tokens, times, {})
    found = errors_of(reference, partly)
    assert (found.utterances, found.frames, found.correct_frames) == (2, 30, 10)


def test_times_of_other_tokens_than_those_that_were_aligned_do_not_count() -> None:
    words = timed(u="one@0.1 two@0.2")
    phones = Transcripts(Path("made"), {"u": ("w", "ah", "n", "t", "uw")}, words.times, {})
    assert time_errors(score_transcripts(phones, phones, NIST)) is None
    assert (
        time_errors(score_transcripts(words, Transcripts(Path("m"), words.tokens, {}, {}), NIST))
        is None
    )
    with pytest.raises(ValueError, match="no frame"):
        _ = TimeErrors(0, 0, 0, np.zeros(0)).frame_accuracy


def test_times_of_any_size_need_no_more_memory() -> None:
    found = errors_of(timed(u="a@0.1 b@1e300"), timed(u="a@0.2 b@1e12"))
    assert (found.frames, found.frames - found.correct_frames) == (100_000_000_000, 10)


@pytest.mark.parametrize("seed", range(3))
def test_frames_are_those_that_a_grid_finds(seed: int) -> None:
    generator = np.random.default_rng(seed)
    sides = []
    for _ in range(2):
        ends = np.unique(generator.integers(1, 100, size=12)) / 37  # no end is a frame's middle
        tokens = generator.choice(["a", "b", "-"], size=len(ends))
        sides.append(" ".join(f"{t}@{end}" for t, end in zip(tokens, ends, strict=True)))
    found = errors_of(timed(u=sides[0]), timed(u=sides[1]))
    heard = [
        [
            next((w.word for w in timed(u=side).times["u"] if w.start_s <= at < w.end_s), None)
            for at in 0.005 + 0.01 * np.arange(400)
        ]
        for side in sides
    ]
    pairs = [(first, second) for first, second in zip(*heard, strict=True) if first is not None]
    assert found.frames == len(pairs)
    assert found.correct_frames == sum(first == second for first, second in pairs)
