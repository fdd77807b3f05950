"""Keywords, confusable phrases, sentences: what they may and may not hold."""

import numpy as np
import pytest

from kws.data import keywords_in
from kws.data.synthesis import CorpusOptions, SetOptions, parse_keywords
from kws.data.synthesis.confusables import (
    contains,
    near_word,
    near_words,
    parts,
    plain,
    sound_distance,
)
from kws.data.synthesis.espeak import label
from kws.data.synthesis.options import PhraseShares
from kws.data.synthesis.phrases import Phrasebook
from kws.data.synthesis.sentences import ADDRESSES, COMMANDS, PATTERNS, SENTENCES, SLOTS
from kws.data.synthesis.speakers import VARIANTS, draw_speakers
from kws.data.synthesis.survey import survey
from kws.errors import InputError

KEYWORDS = ("computer", "jarvis", "view glass")


@pytest.fixture(scope="module")
def known():
    return survey(KEYWORDS)


def test_sound_distance_by_hand():
    assert sound_distance(("k", "a", "t"), ("k", "a", "t")) == 0
    assert sound_distance(("k", "a", "t"), ("g", "a", "t")) == 0.5  # voiced for unvoiced
    assert sound_distance(("k", "a", "t"), ("k", "i:", "t")) == 0.5  # vowel for vowel
    assert sound_distance(("k", "a", "t"), ("m", "a", "t")) == 1
    assert sound_distance(("k", "a", "t"), ("a", "t", "s")) == 2
    assert sound_distance((), ("a", "t")) == 2


def test_contains_looks_for_neighbours():
    assert contains(("r", "I", "v", "j", "u:"), ("v", "j", "u:"))
    assert not contains(("v", "I", "j", "u:"), ("v", "j", "u:"))
    assert not contains(("v",), ("v", "j"))


def test_near_words_are_near_and_never_the_same_sound(known):
    near = near_words("computer", known.pronunciations, at_most=10)
    assert near[0] == "commuter"
    assert "compute" in near
    assert "computer" not in near
    assert near_words("view", known.pronunciations, at_most=3)[0] == "few"
    homophones = {"sea": ("s", "'i:"), "see": ("s", "'i:"), "tea": ("t", "'i:")}
    assert near_words("sea", homophones, at_most=5) == ("tea",)


def test_parts_and_near_words_made_of_phonemes():
    phonemes = ("dZ", "'A@", "v", "I", "s")
    assert parts(phonemes) == (
        "[[dZ|'A@]]",
        "[[dZ|'A@|v]]",
        "[[I|s]]",
        "[[v|I|s]]",
    )
    generator = np.random.default_rng(0)
    for _ in range(50):
        made = tuple(near_word(phonemes, generator)[2:-2].split("|"))
        changed = [a != b for a, b in zip(plain(made), plain(phonemes), strict=True)]
        assert sum(changed) == 2


@pytest.mark.parametrize("set_name", ["train", "dev", "test"])
def test_negative_phrases_hold_no_keyword_by_text_or_sound(known, set_name):
    book = known.phrasebook(KEYWORDS, set_name, PhraseShares(0.5, 0.4, 0.5))
    generator = np.random.default_rng(1)
    phrases = [book.negative(generator) for _ in range(400)]
    text = [" ".join(label(token) for token in phrase.split()) for phrase in phrases]
    assert not any(keywords_in(phrase, KEYWORDS) for phrase in text)
    joined = " ".join(text)
    for near in ("commuter", "glass", "view"):
        assert near in joined
    assert "computers" not in joined
    assert len(set(phrases)) > 300
    assert joined.count("<unk>") > 20
    book = known.phrasebook(KEYWORDS, set_name, PhraseShares(0.5))
    assert not any("[[" in book.negative(generator) for _ in range(100))


def test_salads_mix_common_and_made_up_words_without_keywords(known):
    book = known.phrasebook(KEYWORDS, "train", PhraseShares(salad=1.0))
    generator = np.random.default_rng(5)
    words = [word for _ in range(500) for word in book.negative(generator).split()]
    made_up = [word for word in words if word.startswith("[[")]
    assert 0.25 < len(made_up) / len(words) < 0.35
    assert len(set(made_up)) > 0.7 * len(made_up)
    common = {word for word in words if not word.startswith("[[")}
    assert len(common) > 600
    assert not {"computer", "jarvis"} & common


def test_two_negative_phrases_make_no_keyword_together():
    keywords = ("view glass",)
    book = survey(keywords).phrasebook(keywords, "train", PhraseShares(1.0))
    generator = np.random.default_rng(0)
    following = [book.negative(generator, after="a nice view") for _ in range(300)]
    assert not any(phrase.startswith("glass") for phrase in following)
    assert any(book.negative(generator).startswith("glass") for _ in range(300))


def test_positive_phrases_hold_their_keyword_once_and_no_other(known):
    book = known.phrasebook(KEYWORDS, "train", PhraseShares(0.5))
    generator = np.random.default_rng(2)
    for keyword in KEYWORDS:
        assert book.positive(keyword, alone=True, generator=generator) == keyword
        carriers = [book.positive(keyword, alone=False, generator=generator) for _ in range(60)]
        assert all(keywords_in(carrier, KEYWORDS) == [keyword] for carrier in carriers)
        assert len(set(carriers)) > 40
        assert sum(carrier.startswith(keyword) for carrier in carriers) >= 3
        assert sum(carrier.endswith(keyword) for carrier in carriers) >= 3


def test_sets_have_sentences_of_their_own(known):
    spoken = {}
    for name in ("train", "dev", "test"):
        book = known.phrasebook(KEYWORDS, name, PhraseShares())
        generator = np.random.default_rng(3)
        spoken[name] = {book.ordinary(generator) for _ in range(1500)} & set(SENTENCES)
        assert len(spoken[name]) > 20
    assert not spoken["train"] & spoken["test"]
    assert not spoken["dev"] & (spoken["train"] | spoken["test"])


def test_keyword_in_every_sentence_is_refused():
    pronunciations = {"stop": ("s", "t", "'0", "p")}
    pronunciations |= {
        token: ("s", "t", "'0", "p")
        for text in (*SENTENCES, *COMMANDS, *PATTERNS, *ADDRESSES, *sum(SLOTS.values(), ()))
        for token in (label(token) for token in text.split())
    }
    book = Phrasebook(("stop",), pronunciations, "train", PhraseShares(), {})
    with pytest.raises(InputError, match="choose longer or rarer words"):
        book.negative(np.random.default_rng(0))


def test_keyword_inside_another_can_be_said():
    keywords = ("glass", "view glass")
    book = survey(keywords).phrasebook(keywords, "train", PhraseShares(0.5))
    generator = np.random.default_rng(0)
    phrase = book.positive("view glass", alone=False, generator=generator)
    assert keywords_in(phrase, keywords) == ["view glass"]  # the longest one counts
    assert keywords_in(phrase, ["glass"]) == ["glass"]


def test_embedded_text_is_plain_and_plentiful():
    assert len(SENTENCES) > 250
    assert len(set(SENTENCES)) == len(SENTENCES)
    for text in (*SENTENCES, *sum(SLOTS.values(), ())):
        assert all(character.islower() or character in " ,'" for character in text), text
    for pattern in (*COMMANDS, *ADDRESSES, *PATTERNS):
        assert pattern.format_map(dict.fromkeys((*SLOTS, "name", "command"), "x"))


def test_voices_of_the_sets_are_disjoint():
    all_variants = [variant for variants in VARIANTS.values() for variant in variants]
    assert len(set(all_variants)) == len(all_variants) > 90
    voices = {}
    for name in VARIANTS:
        generator = np.random.default_rng(0)
        speakers = draw_speakers(name, 200, foreign_share=0.25, generator=generator)
        assert len({speaker.id for speaker in speakers}) == 200
        assert 20 < sum(speaker.is_foreign for speaker in speakers) < 80
        voices[name] = {speaker.variant for speaker in speakers}
        assert voices[name] == set(VARIANTS[name])  # all come
    assert not voices["train"] & (voices["dev"] | voices["test"])
    assert not voices["dev"] & voices["test"]


def test_parse_keywords():
    assert parse_keywords("Computer, view   glass,OK Zoë,o\u2019clock") == (
        "computer",
        "view glass",
        "ok zoë",
        "o'clock",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a keyword is missing"),
        (" ", "a keyword is missing"),
        ("computer,,jarvis", "a keyword is missing"),
        ("computer,", "a keyword is missing"),
        ("r2d2", "'r2d2' is not a word of Latin letters"),
        ("hey-siri", "'hey-siri' is not a word of Latin letters"),
        ("!!!", "'!!!' is not a word of Latin letters"),
        ("你好", "is not a word of Latin letters"),
        ("<unk>", "'<unk>' is not a word of Latin letters"),
        ("stop,STOP", "'stop' comes twice"),
        ("view glass,viewglass", "'view glass' and 'viewglass' have the same letters"),
    ],
)
def test_wrong_keywords_are_told(text, message):
    with pytest.raises(InputError, match=message) as caught:
        parse_keywords(text)
    assert "\n" not in str(caught.value)


def test_scaled_options():
    small = CorpusOptions(("stop",)).scaled(0.01)
    assert (small.train.num_speakers, small.train.positives) == (4, 6)
    assert (small.dev.num_speakers, small.dev.positives) == (2, 2)
    assert small.test.negative_hours == pytest.approx(0.03)
    for scale in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="must be greater than 0"):
            CorpusOptions(("stop",)).scaled(scale)
    with pytest.raises(InputError, match="negative hours nan"):
        SetOptions(1, 1, float("nan"), PhraseShares(), 0.5, 0.5, (1.0, 2.0))
