"""Words as people write them: what makes two texts the same, and where keywords are in them."""

from __future__ import annotations

import unicodedata

import pytest

from kws.data import keywords_in
from kws.errors import InputError
from kws.words import (
    APOSTROPHES,
    check_keywords,
    find_letters,
    keyword_names,
    letters_of,
    split_keywords,
    tokens_of,
    words_of,
)

HAN = "\u5c0f\u7231\u540c\u5b66"
NAMASTE = "\u0928\u092e\u0938\u094d\u0924\u0947"  # Hindi, with a virama and a vowel sign


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hey, Marvin!", ["hey", "marvin"]),
        ("hey-marvin", ["hey", "marvin"]),
        ("hey\u2013marvin\u2026", ["hey", "marvin"]),
        ("hey\u00a0marvin", ["hey", "marvin"]),
        ("hey_marvin/2", ["hey", "marvin", "2"]),
        ("dr. who", ["dr", "who"]),
        ("R2D2", ["r2d2"]),
        ("\uff2a\uff41\uff52\uff56\uff49\uff53\uff01", ["jarvis"]),  # full-width
        ("ﬁne", ["fine"]),
        ("STRASSE", ["strasse"]),
        ("Stra\u00dfe", ["strasse"]),
        ("\u0130stanbul I\u0307stanbul i\u0307stanbul", ["istanbul"] * 3),
        ("ku\u0308che", ["k\u00fcche"]),
        (NAMASTE + "\u0964", [NAMASTE]),  # with a danda
        ("com\u200bpu\u00adter \u200fjarvis\ufeff", ["computer", "jarvis"]),
        ("hey \u2764\ufe0f marvin", ["hey", "marvin"]),  # a heart with its variation selector
        ("a \u0301 b", ["a", "b"]),  # an accent on nothing
        (
            "it's <unk>, <noise>computer</noise>",
            ["its", "<unk>", "<noise>", "computer", "</noise>"],
        ),
        ("\uff1cunk\uff1e", ["<unk>"]),
        ("a < b and c > d", ["a", "b", "and", "c", "d"]),
        ("?!", []),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize("apostrophe", sorted(APOSTROPHES), ids=unicodedata.name)
def test_apostrophes_of_every_kind_vanish(apostrophe: str) -> None:
    assert words_of(f"What{apostrophe}s up") == ["whats", "up"]
    assert words_of(f"{apostrophe}jarvis{apostrophe}") == ["jarvis"]
    assert keywords_in(f"what{apostrophe}s up", ["what's up"]) == ["what's up"]


def test_an_apostrophe_that_only_nfkc_brings_vanishes() -> None:
    assert words_of("\u0149 \u2033a\u2033") == ["n", "a"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (f"hey{HAN}2", ["hey", *HAN, "2"]),
        ("\uff78\uff9e\uff70\uff78\uff9e\uff99", ["\u30b0", "\u30fc", "\u30b0", "\u30eb"]),
        ("\u0e27\u0e31\u0e19\u0e14\u0e35", ["\u0e27\u0e31", "\u0e19", "\u0e14\u0e35"]),  # Thai
        ("\u845b\U000e0100\u57ce", ["\u845b", "\u57ce"]),  # an ideographic variation
        (NAMASTE, [NAMASTE]),
        ("view glass", ["view", "glass"]),
    ],
)
def test_tokens_are_characters_where_no_blanks_are_written(text: str, tokens: list[str]) -> None:
    assert tokens_of(text) == tokens


@pytest.mark.parametrize(
    ("keyword", "text", "is_held"),
    [
        ("hey marvin", "Hey-Marvin!", True),
        ("hey marvin", "heymarvin", True),
        ("heymarvin", "hey, marvin", True),
        ("hey marvin", "they marvin", False),
        ("hey marvin", "hey <noise> marvin", False),
        ("view glass", "review glasses", False),
        ("view glass", "view glasses", False),
        ("Dr. Who", "ask dr who now", True),
        ("okay google", "okay. Google it", True),
        ("rock 'n' roll", "rock\u2019n\u2019roll", True),
        (HAN, f"\u6253\u5f00{HAN}\u3002", True),
        (HAN, " ".join(HAN), True),
        (HAN, HAN[:3], False),
        (NAMASTE, f"{NAMASTE} {HAN}", True),
        (NAMASTE, NAMASTE.replace("\u094d", ""), False),  # without the virama another word
        (
            "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
            "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e04\u0e23\u0e31\u0e1a",
            True,
        ),
        ("\u0e14", "\u0e2a\u0e14\u0e35", False),  # a consonant without the vowel sign above it
        ("unk", "<unk>", False),
        ("r2 d2", "R2D2", True),
    ],
)
def test_a_keyword_matches_whole_tokens(keyword: str, text: str, is_held: bool) -> None:
    assert keywords_in(text, [keyword]) == [keyword] * is_held


def test_letters_that_are_no_whole_words_are_found() -> None:
    found = find_letters(tokens_of("a review glasses"), ["jarvis", "view glass"])
    assert found and (found.first, found.end, found.keyword) == (1, 3, "view glass")
    assert find_letters(tokens_of("view <unk> glass"), ["view glass"]) is None


def test_keywords_of_an_option() -> None:
    assert split_keywords(f"view glass,{HAN}\uff0ca\u3001b") == ["view glass", HAN, "a", "b"]
    names = [" View \u200bGlass", "Dr. Who", "WHAT\u2019S up", "\u0130zmir"]
    assert keyword_names(names) == ["view glass", "dr. who", "what\u2019s up", "izmir"]
    assert letters_of("Dr. Who") == "drwho"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["jarvis", "?!"], "keyword '?!': must be words of letters or numbers, as they are spoken"),
        (["<unk>"], "keyword '<unk>': must be words of letters or numbers, as they are spoken"),
        (["jarvis", "jarvis"], "keyword 'jarvis' is given twice; keep one"),
        (
            ["hey marvin", "hey-marvin"],
            "keywords 'hey marvin' and 'hey-marvin' have the same letters: they are one keyword; "
            "keep one",
        ),
    ],
)
def test_keywords_that_no_text_holds_or_that_are_one_are_refused(
    names: list[str], message: str
) -> None:
    with pytest.raises(InputError) as error:
        check_keywords(names)
    assert str(error.value) == message
