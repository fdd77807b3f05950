"""Keywords in transcripts and among timed words."""

from pathlib import Path

import pytest

from kws.data import DataDir, Utterance, Word, keyword_spans, keywords_in
from kws.data.text import keyword_words, note_on_letters

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


def test_the_longest_keyword_counts_and_is_named_as_given() -> None:
    assert keywords_in("ok google google", ["Google", "OK Google"]) == ["OK Google", "Google"]
    # of equally long ones the first; the longer one even where it begins later
    assert keywords_in("a b c", ["a b", "b c"]) == ["a b"]
    assert keywords_in("stop music now", ["stop music", "music now please", "music now"]) == [
        "stop music"
    ]
    assert keywords_in("ok music now please", ["ok music", "music now please"]) == [
        "music now please"
    ]


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
    words = [Word("u", 0.0, 0.5, "a"), Word("u", 0.5, 1.5, "View-Glass,")]
    assert keyword_spans(words, KEYWORDS) == [Word("u", 0.5, 1.5, "view glass")]


def test_timed_words_hold_the_longest_keyword_and_parts_of_words_none() -> None:
    words = [Word("u", 0.0, 0.5, "okay"), Word("u", 0.5, 1.0, "google")]
    assert keyword_spans(words, ["google", "okay google"]) == [Word("u", 0.0, 1.0, "okay google")]
    parts = [Word("u", 0.0, 0.5, "google.1"), Word("u", 0.5, 1.0, "google.2")]
    assert keyword_spans(parts, ["google"]) == []


def test_the_words_of_keywords_among_timed_words() -> None:
    han = "\u5c0f\u7231\u540c\u5b66"
    words = [
        Word("u", 0.0, 0.5, "the"),
        Word("u", 0.5, 1.0, "View"),
        Word("u", 1.0, 1.9, "hey-marvin"),
        Word("u", 2.0, 2.4, "heymarvin"),
        Word("u", 3.0, 3.5, han[:2]),
        Word("u", 3.5, 4.0, han[2:] + "\u3002"),
        Word("u", 5.0, 6.0, "hey"),
    ]
    found = keyword_words(words, ["view glass", "hey marvin", han])
    assert [(w.utterance, w.word) for w in found] == [
        ("u", word) for word in ("view", "hey", "marvin", "hey", "marvin", han, "hey")
    ]
    times = [time for word in found for time in (word.start_s, word.end_s)]
    assert times == pytest.approx(
        [0.5, 1.0, 1.0, 1.3, 1.3, 1.9, 2.0, 2.4 - 0.4 * 6 / 9, 2.4 - 0.4 * 6 / 9, 2.4, 3, 4, 5, 6]
    )
    assert keyword_words([], ["hey marvin"]) == []


def test_texts_with_a_keywords_letters_are_counted_and_shown(tmp_path: Path) -> None:
    texts = ["l'ordinateur", "review glasses", "view glass, computers", "hello", "<unk>"]
    data = DataDir(
        tmp_path, tuple(Utterance(f"u{i}", "s", text, "") for i, text in enumerate(texts)), {}
    )
    told = "2 texts hold the letters of a keyword, but not as whole words, and count as without it"
    assert note_on_letters([data], ["view glass", "ordinateur"]) == (
        f"{tmp_path}/text: {told} (u0 first: \"l'ordinateur\" holds 'ordinateur')"
    )
    long = DataDir(tmp_path, (Utterance("a", "s", "so " * 30 + texts[1] + " so" * 30, ""),), {})
    assert "(a first: 'review glasses' holds" in (note_on_letters([long], ["view glass"]) or "")
    assert note_on_letters([data], ["jarvis"]) is None
