"""Units and frame labels, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kws.errors import InputError
from kws.hmm import FILLER, Span, frame_labels, inventory_of, units_of
from kws.posterior import Keyword

CENTRES_S = (160 * np.arange(10) + 200) / 16000  # Kaldi's frames of 25 ms every 10 ms


def test_a_unit_is_a_word_and_words_are_shared() -> None:
    inventory = units_of(["Okay Google", "view  glass", "google glass"])
    assert inventory.units == (FILLER, "okay", "google", "view", "glass")
    assert inventory.keywords == (
        Keyword("okay google", (1, 2)),
        Keyword("view glass", (3, 4)),
        Keyword("google glass", (2, 4)),
    )


def test_words_are_cut_into_units() -> None:
    inventory = units_of(["computer", "view glass"], units_per_word=2)
    assert inventory.units == (
        FILLER,
        *("computer.1", "computer.2", "view.1", "view.2", "glass.1", "glass.2"),
    )
    assert inventory.keywords[1] == Keyword("view glass", (3, 4, 5, 6))
    assert inventory.units_of_word("Glass") == (5, 6)
    assert inventory.units_of_word("glass.2") == (6,)
    assert inventory.units_of_word("glasses") == ()
    assert "computer" in inventory
    assert "commuter" not in inventory


def test_words_are_those_of_every_text() -> None:
    han = "\u5c0f\u7231\u540c\u5b66"
    inventory = units_of(["Dr. Who", "hey-marvin", "what\u2019s up", han])
    words = ["dr", "who", "hey", "marvin", "whats", "up", han]
    assert inventory.units == (FILLER, *words)
    assert inventory.keywords[0] == Keyword("dr. who", (1, 2))
    assert inventory.units_of_word("Who?") == (2,)
    assert inventory.units_of_word("What's") == (5,)
    assert inventory_of(inventory.units, inventory.keywords) == inventory


def test_accents_are_compared_in_one_form() -> None:
    assert units_of(["Caf\u00e9"]).units_of_word("cafe\u0301") == (1,)


def test_a_frame_has_the_label_of_the_word_around_its_centre() -> None:
    inventory = units_of(["view glass"])
    words = [Span("view", 0.0225, 0.0425), Span("the", 0.0425, 0.06), Span("GLASS", 0.06, 0.0826)]
    # centres: .0125 .0225 .0325 .0425 .0525 .0625 .0725 .0825 .0925 .1025
    expected = [0, 1, 1, 0, 0, 2, 2, 2, 0, 0]
    assert frame_labels(words, inventory, CENTRES_S).tolist() == expected


def test_the_parts_of_a_word_are_equally_long() -> None:
    inventory = units_of(["computer"], units_per_word=3)
    labels = frame_labels([Span("computer", 0.02, 0.08)], inventory, CENTRES_S)
    assert labels.tolist() == [0, 1, 1, 2, 2, 3, 3, 0, 0, 0]
    parts = [Span("computer.1", 0.02, 0.03), Span("computer.2", 0.03, 0.08)]
    assert frame_labels(parts, inventory, CENTRES_S).tolist() == [0, 1, 2, 2, 2, 2, 2, 0, 0, 0]


def test_words_outside_the_frames_and_no_frames() -> None:
    inventory = units_of(["computer"])
    words = [Span("computer", -1.0, 0.02), Span("computer", 0.1, 9.0)]
    assert frame_labels(words, inventory, CENTRES_S).tolist() == [1, *[0] * 8, 1]
    assert frame_labels(words, inventory, np.zeros(0)).shape == (0,)
    assert frame_labels([], inventory, CENTRES_S).tolist() == [0] * 10


def test_the_inventory_of_a_model() -> None:
    for inventory in (units_of(["computer", "view glass"]), units_of(["view glass"], 3)):
        assert inventory_of(inventory.units, inventory.keywords) == inventory
    with pytest.raises(InputError, match="such a model cannot align"):
        inventory_of([FILLER, "a"], [Keyword("b", (1,))])


@pytest.mark.parametrize(
    ("keywords", "units_per_word", "message"),
    [
        ([], 1, "keywords []: give one or more, none of them empty"),
        (["computer", " "], 1, "keywords ['computer', '']: give one or more, none of them empty"),
        (["View Glass", "view glass"], 1, "keyword 'view glass' is given twice; keep one"),
        (["?!"], 1, "keyword '?!': must be words of letters or numbers, as they are spoken"),
        (
            ["Hey-Marvin", "hey marvin"],
            1,
            "keywords 'hey-marvin' and 'hey marvin' have the same letters: they are one keyword; "
            "keep one",
        ),
        (["computer"], 0, "units_per_word=0: it must be 1 or more"),
    ],
)
def test_mistakes_are_told(keywords: list[str], units_per_word: int, message: str) -> None:
    with pytest.raises(InputError) as error:
        units_of(keywords, units_per_word)
    assert str(error.value) == message
