"""Keywords in transcripts and among timed words."""

import pytest

from kws.data import Word, keyword_spans, keywords_in

KEYWORDS = ["computer", "view glass", "na na"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("computer", ["computer"]),
        ("Computer, view  GLASS!", ["computer", "view glass"]),
        ("view glass computer view glass", ["view glass", "computer", "view glass"]),
        ("review glasses of the computers", []),
        ("view the glass", []),
        ("na na na", ["na na"]),
        ("na na na na", ["na na", "na na"]),
        ("<unk>", []),
        ("", []),
    ],
)
def test_keywords_in(text: str, found: list[str]) -> None:
    assert keywords_in(text, KEYWORDS) == found


def test_keywords_are_looked_for_independently_and_named_as_given() -> None:
    assert keywords_in("ok google", ["Google", "OK Google"]) == ["OK Google", "Google"]


def test_one_letter_in_two_encodings_is_one_word() -> None:
    composed, decomposed = "k\u00fcche", "ku\u0308che"
    assert keywords_in(decomposed, [composed]) == [composed]


def test_keyword_spans_reach_from_first_word_to_last() -> None:
    words = [
        Word("u", 0.0, 0.5, "the"),
        Word("u", 0.5, 1.0, "View"),
        Word("u", 1.1, 1.5, "glass"),
        Word("u", 2.0, 2.5, "computer"),
    ]
    assert keyword_spans(words, KEYWORDS) == [
        Word("u", 0.5, 1.5, "view glass"),
        Word("u", 2.0, 2.5, "computer"),
    ]


def test_keyword_that_is_one_timed_word() -> None:
    words = [Word("u", 0.0, 0.5, "a"), Word("u", 0.5, 1.5, "view glass")]
    assert keyword_spans(words, KEYWORDS) == [Word("u", 0.5, 1.5, "view glass")]
