"""N-grams: counted by hand, and against the chain rule."""

from __future__ import annotations

import itertools
import math

import pytest

from kws.errors import InputError
from kws.hmm import NgramModel, estimate_ngrams, format_arpa, parse_arpa, perplexity
from kws.hmm.ngram import SENTENCE_END, SENTENCE_START

SENTENCES = [["a", "b"], ["a", "a"], ["b"]]


def test_witten_bell_by_hand() -> None:
    """8 words: a 3, b 2, </s> 3; after a: a 1, b 1, </s> 1; after <s>: a 2, b 1; after b: </s>."""
    model = estimate_ngrams(SENTENCES)
    a, end = (3 + 1) / (8 + 3), (3 + 1) / (8 + 3)
    assert 10 ** model.log_probs[("a",)] == pytest.approx(a)
    assert 10 ** model.log_probs[("a", "a")] == pytest.approx((1 + 3 * a) / (3 + 3))
    assert 10 ** model.log_probs[("b", SENTENCE_END)] == pytest.approx((2 + 1 * end) / (2 + 1))
    assert 10 ** model.backoffs[("b",)] == pytest.approx(1 / 3)
    assert 10 ** model.log_prob("a", ("b",)) == pytest.approx(a / 3)
    with pytest.raises(KeyError):
        model.log_prob("q", ("b",))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_sum_to_one_after_every_history(order: int) -> None:
    model = estimate_ngrams(SENTENCES, order)
    words = ("a", "b", SENTENCE_END)
    for length in range(4):
        for history in itertools.product((SENTENCE_START, "a", "b"), repeat=length):
            total = sum(10 ** model.log_prob(word, history) for word in words)
            assert total == pytest.approx(1, abs=1e-12), history


def test_perplexity_by_hand() -> None:
    model = estimate_ngrams([["a"]], order=1)  # a and </s>, each 1 of 2: smoothed it stays so
    assert perplexity(model, [["a", "a"]]) == (pytest.approx(2), 0)
    value, num_unknown = perplexity(model, [["a", "q"]])
    assert (value, num_unknown) == (pytest.approx(2), 1)


def test_more_context_fits_the_training_text_better() -> None:
    values = [perplexity(estimate_ngrams(SENTENCES, order), SENTENCES)[0] for order in (1, 2, 3)]
    assert values[0] > values[1] > values[2]


@pytest.mark.parametrize("order", [1, 2, 3])
def test_an_arpa_file_gives_the_model_back(order: int) -> None:
    model = estimate_ngrams(SENTENCES, order)
    back = parse_arpa(format_arpa(model), "lm.arpa")
    assert back.order == order
    assert back.log_probs.keys() == model.log_probs.keys()
    assert back.backoffs.keys() == model.backoffs.keys()
    for ngram, log_prob in model.log_probs.items():
        assert back.log_probs[ngram] == pytest.approx(log_prob, abs=1e-6)  # six digits


def test_the_form_of_an_arpa_file() -> None:
    lines = format_arpa(estimate_ngrams([["a"]])).splitlines()
    assert lines[:6] == ["\\data\\", "ngram 1=3", "ngram 2=2", "", "\\1-grams:", "-0.301030\t</s>"]
    assert lines[6].startswith("-99.000000\t<s>\t")
    assert lines[-2:] == ["", "\\end\\"]


def test_a_foreign_arpa_file_is_read() -> None:
    """Without back-off weights, with blanks for tabs, with text before its data."""
    text = (
        "made by hand\n\\data\\\nngram 1=3\nngram 2=1\n\n\\1-grams:\n-99 <s>\n-0.3 a -0.5\n"
        "-0.4 </s>\n\n\\2-grams:\n-0.1 a </s>\n\\end\\\n"
    )
    model = parse_arpa(text, "lm.arpa")
    assert model == NgramModel(
        2, {("a",): -0.3, (SENTENCE_END,): -0.4, ("a", SENTENCE_END): -0.1}, {("a",): -0.5}
    )
    assert model.log_prob("a", ("a",)) == pytest.approx(-0.8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no whole ARPA file"),
        ("\\1-grams:\n-1 a\n", "no whole ARPA file"),
        ("\\2-grams:\n-1 a b\n\\end\\\n", "lm:1: .2-grams:: expected .1-grams:"),
        ("\\1-grams:\nx a\n\\end\\\n", "lm:2: is not `log10 WORD"),
        ("\\1-grams:\n-1 a -1 -1\n\\end\\\n", "lm:2: is not"),
        ("\\1-grams:\nnan a\n\\end\\\n", "lm:2: is not"),
        ("\\1-grams:\n-1e55 a\n\\end\\\n", "lm:2: is not"),
        ("\\1-grams:\n-1 a\n\\2-grams:\n-1 a b\n\\end\\\n", "lm: 'a b': 'b' is no 1-gram"),
    ],
)
def test_another_file_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_arpa(text, "lm")


def test_nothing_to_count_is_refused() -> None:
    with pytest.raises(InputError, match="no sentences"):
        estimate_ngrams([])
    with pytest.raises(InputError, match="order of 0"):
        estimate_ngrams([["a"]], 0)
    with pytest.raises(InputError, match="<s> or </s>"):
        estimate_ngrams([["<s>", "a"]])
    with pytest.raises(InputError, match="no words"):
        perplexity(estimate_ngrams([["a"]]), [])
    assert math.isfinite(perplexity(estimate_ngrams([[]]), [[]])[0])
