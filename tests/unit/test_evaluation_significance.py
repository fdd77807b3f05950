"""kws.evaluation.significance: bootstrap and matched pairs. sc_stats itself: tests/golden."""

from pathlib import Path

import numpy as np
import pytest

from kws.errors import InputError
from kws.evaluation.alignment import NIST, align
from kws.evaluation.significance import bootstrap_interval, compare, segment_errors
from kws.evaluation.token_errors import ScoredTranscripts, score_transcripts
from kws.evaluation.transcripts import Transcripts

LENGTHS = np.random.default_rng(0).integers(5, 40, size=200)


def transcripts(sentences: list[str]) -> Transcripts:
    tokens = {f"u{i:03d}": tuple(text.split()) for i, text in enumerate(sentences)}
    return Transcripts(Path("made"), tokens, {}, {})


def system(error_share: float, seed: int) -> ScoredTranscripts:
    """A recogniser that mistakes a share of the tokens, each on its own."""
    generator = np.random.default_rng(seed)
    heard = [
        " ".join("b" if generator.random() < error_share else "a" for _ in range(length))
        for length in LENGTHS
    ]
    reference = transcripts([" ".join("a" * length) for length in LENGTHS])
    return score_transcripts(reference, transcripts(heard), NIST)


def test_interval_is_that_of_independent_errors() -> None:
    halves = []
    for seed in range(10):
        scored = system(0.2, seed)
        interval, rate = bootstrap_interval(scored), scored.total.rate
        # errors are independent of each other, so the binomial standard error holds
        half = 1.96 * np.sqrt(rate * (1 - rate) / scored.total.tokens)
        assert interval.value == rate
        halves += [(interval.upper - rate) / half, (rate - interval.lower) / half]
    # 200 utterances give the spread to 1 / sqrt(400) = 5 %, the mean of ten to 1.6 %; 3 times that
    assert np.mean(halves) == pytest.approx(1, rel=0.05)


def test_interval_of_one_utterance_is_a_point_and_seeds_repeat() -> None:
    one = score_transcripts(transcripts(["a b c d"]), transcripts(["a b x d"]), NIST)
    interval = bootstrap_interval(one)
    assert (interval.lower, interval.value, interval.upper) == (0.25, 0.25, 0.25)
    scored = system(0.2, seed=1)
    assert bootstrap_interval(scored, seed=3) == bootstrap_interval(scored, seed=3)
    assert bootstrap_interval(scored, seed=3) != bootstrap_interval(scored, seed=4)


def test_draws_without_a_reference_token_are_left_out() -> None:
    scored = score_transcripts(transcripts(["a", "", ""]), transcripts(["b", "", ""]), NIST)
    interval = bootstrap_interval(scored)
    assert (interval.lower, interval.upper) == (1.0, 1.0)


def test_a_clear_difference_is_found_and_no_difference_is_not() -> None:
    good, worse, same = system(0.20, 1), system(0.26, 2), system(0.20, 3)
    clear = compare(good, worse)
    assert clear.difference.lower > 0 and clear.bootstrap_p < 0.01
    assert clear.z > 2.6 and clear.matched_pairs_p < 0.01
    none = compare(good, same)
    assert none.difference.lower < 0 < none.difference.upper
    assert none.bootstrap_p > 0.05 and none.matched_pairs_p > 0.05
    # two-sided, both ways the same
    back = compare(worse, good)
    assert back.z == pytest.approx(-clear.z) and back.segments == clear.segments
    assert back.matched_pairs_p == pytest.approx(clear.matched_pairs_p)
    assert back.difference.upper == pytest.approx(-clear.difference.lower)


def test_p_is_even_for_systems_that_are_equally_good() -> None:
    found = [compare(system(0.2, seed), system(0.2, seed + 100)) for seed in range(20)]
    for of_test in ([f.matched_pairs_p for f in found], [f.bootstrap_p for f in found]):
        # 20 draws of a p that is even: below 0.05 more than 4 times has probability 0.3 %
        assert sum(p < 0.05 for p in of_test) <= 4
        assert 0.3 < np.mean(of_test) < 0.7  # 3 standard errors of the mean of 20


def test_a_system_does_not_differ_from_itself() -> None:
    compared = compare(system(0.2, 1), system(0.2, 1))
    assert (compared.z, compared.bootstrap_p, compared.matched_pairs_p) == (0.0, 1.0, 1.0)
    assert compared.difference.lower == compared.difference.upper == 0.0
    assert compared.segments > 100


@pytest.mark.parametrize(
    ("reference", "first", "second", "segments"),
    [
        ("a b c d e f", "a b c d e f", "a b c d e f", []),
        ("a b c d e f", "x b c d e y", "a b c d e f", [(1, 0), (1, 0)]),
        ("a b c d e f", "x b c y e f", "a b c d e f", [(1, 0), (1, 0)]),
        ("a b c d e f", "x b y d e f", "a b c d e f", [(2, 0)]),  # one right is too few
        ("a b c d e f", "x b c d e f", "a b c y e f", [(1, 0), (0, 1)]),
        ("a b c d e f", "x b c d e f", "a b y d e f", [(1, 1)]),
        ("a b c", "a b x c", "a b c", [(1, 0)]),
        ("a b c", "x b x c", "a b c", [(2, 0)]),
        ("a b c d", "x b x c d", "a b c d", [(2, 0)]),
        ("a b c d", "x b c x d", "a b c d", [(1, 0), (1, 0)]),
        ("a b c", "a b c x x", "a b c", [(2, 0)]),
        ("a b c", "a b c", "a b c x", [(0, 1)]),
        ("a b c", "", "a b", [(3, 1)]),
        ("", "x", "", [(1, 0)]),
    ],
)
def test_segments_by_hand(
    reference: str, first: str, second: str, segments: list[tuple[int, int]]
) -> None:
    alignments = align([(reference.split(), heard.split()) for heard in (first, second)])
    assert segment_errors(*alignments) == segments


def test_references_must_be_the_same() -> None:
    first = score_transcripts(transcripts(["a b"]), transcripts(["a b"]), NIST)
    second = score_transcripts(transcripts(["a c"]), transcripts(["a b"]), NIST)
    with pytest.raises(InputError, match="u000 has another reference"):
        compare(first, second)
