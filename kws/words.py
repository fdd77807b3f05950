"""The words of a text, and the keywords among them: one rule for alignment, training, evaluation.

Words are compared as people mean them, not as they are typed: "Dr. Who", "hey-marvin", "WHAT'S UP"
(with any apostrophe) are "dr who", "hey marvin", "whats up"; full-width letters are letters.
"""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kws.errors import InputError

# those of ASCII, accents, quotation marks, primes, and letters that are written for apostrophes
APOSTROPHES = frozenset(
    "'`\u00b4\u02b9\u02ba\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb\u02ee\u0374\u0384\u055a"
    "\u05f3\u07f4\u07f5\u1fbd\u1fbf\u1fef\u1ffd\u1ffe\u2018\u2019\u201b\u2032\u2035\u275b\u275c"
    "\ua78b\ua78c\uff07\uff40"
)
# marks that nobody sees (variation selectors among them), as Unicode's NFKC_Casefold drops them
_UNSEEN = re.compile("[\u034f\u17b4\u17b5\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# writing without blanks between words: Han, Kana, Thai, Lao, Burmese, Khmer
_UNSPACED = re.compile(
    "[\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff\u3041-\u30ff\u31f0-\u31ff\U0001aff0-\U0001b16f\u0e00-\u0eff"
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f\u1780-\u17ff]"
)
_PLACEHOLDER = re.compile(r"(<[^<>\s]+>)")


@dataclass(frozen=True)
class Match:
    """A keyword in a list of tokens: from token `first` to the one before `end`."""

    first: int
    end: int
    keyword: str


class _Kept(dict[int, str]):
    """What becomes of a character, for `str.translate`; looked up once each."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if character in APOSTROPHES or category == "Cf" or _UNSEEN.match(character):
            kept = ""
        else:
            kept = character if category[0] in "LNM" else " "
        self[code] = kept
        return kept


_KEPT = _Kept()
_NO_APOSTROPHES = dict.fromkeys(map(ord, APOSTROPHES), "")


def words_of(text: str) -> list[str]:
    """The words of a text for comparison, letters, numbers and their marks only.

    NFKC, case folded (a Turkish İ is an i). Apostrophes of every kind vanish, and so does what
    cannot be seen (zero-width and direction characters, soft hyphens); blanks, hyphens and all
    other punctuation and symbols separate words. `<unk>`, `<noise>` and the like stay as they are.
    """
    # apostrophes first: NFKC makes a blank and an accent of U+00B4; U+0149 has one only after it
    folded = unicodedata.normalize("NFKC", text.translate(_NO_APOSTROPHES)).casefold()
    folded = unicodedata.normalize("NFKC", folded).replace("i\u0307", "i")
    words: list[str] = []
    for number, part in enumerate(_PLACEHOLDER.split(folded)):
        words += [part] if number % 2 else map(_without_stray_marks, part.translate(_KEPT).split())
    return [word for word in words if word]


def tokens_of(text: str) -> list[str]:
    """What a keyword matches whole: the words of a text.

    Han, Kana, Thai, Lao, Khmer and Burmese are written without blanks: there each character with
    its marks is a token of its own.
    """
    return [token for word in words_of(text) for token in split_word(word)]


def split_word(word: str) -> list[str]:
    """The tokens of one of `words_of`."""
    if word.isascii():
        return [word]
    tokens: list[str] = []
    was_unspaced = True
    for character in word:
        is_unspaced = _UNSPACED.match(character) is not None
        if tokens and _is_mark(character):
            tokens[-1] += character
            continue
        if is_unspaced or was_unspaced:
            tokens.append(character)
        else:
            tokens[-1] += character
        was_unspaced = is_unspaced
    return tokens


@functools.lru_cache(maxsize=4096)
def letters_of(keyword: str) -> str:
    """The letters of a keyword in one row: what makes two ways of writing the same keyword."""
    return "".join(words_of(keyword))


def find_keywords(tokens: Sequence[str], keywords: Iterable[str]) -> list[Match]:
    """The keywords among `tokens_of` a text, in the order of their beginnings.

    A keyword matches consecutive whole tokens whose letters in a row are its own: "hey marvin" is
    in "hey-marvin" and in "heymarvin", "view glass" is not in "review glasses". Where keywords
    overlap the longest counts, as in the events of a detector: "okay google" is no "google".

    Args:
        tokens: of one text; `<unk>` and the like match nothing, and what stands around them is
            not consecutive.
        keywords: as they are to be returned.
    """
    places = _places(tokens, keywords)
    if not places:
        return []
    token_at = {border: token for token, border in enumerate(_borders(tokens))}
    return without_overlap(
        Match(token_at[start], token_at[end], keyword)
        for start, end, keyword in places
        if start in token_at and end in token_at
    )


def without_overlap(matches: Iterable[Match]) -> list[Match]:
    """Of matches that overlap the one with most letters, then the first; ordered by beginning."""
    taken: set[int] = set()
    kept = []
    for match in sorted(matches, key=lambda match: (-len(letters_of(match.keyword)), match.first)):
        tokens = range(match.first, match.end)
        if taken.isdisjoint(tokens):
            taken.update(tokens)
            kept.append(match)
    return sorted(kept, key=lambda match: match.first)


def find_letters(tokens: Sequence[str], keywords: Iterable[str]) -> Match | None:
    """The first tokens that hold the letters of a keyword, as whole tokens or not; or None."""
    places = _places(tokens, keywords)
    if not places:
        return None
    start, end, keyword = places[0]
    borders = _borders(tokens)
    first = sum(border <= start for border in borders) - 1
    return Match(first, sum(border < end for border in borders), keyword)


def split_keywords(text: str) -> list[str]:
    """The keywords of an option such as `computer,view glass`; commas of Han writing count too."""
    return re.split("[,\uff0c\u3001]", text)


def keyword_names(keywords: Iterable[str]) -> list[str]:
    """Keywords as they are called in a model and in its events: case folded, single blanks.

    Raises:
        InputError: none, or what `check_keywords` refuses.
    """
    names = [
        " ".join(
            "".join(
                c
                for c in unicodedata.normalize("NFC", keyword).casefold().replace("i\u0307", "i")
                if unicodedata.category(c) != "Cf"
            ).split()
        )
        for keyword in keywords
    ]
    if not names or "" in names:
        raise InputError(f"keywords {names}: give one or more, none of them empty")
    check_keywords(names)
    return names


def check_keywords(names: Iterable[str]) -> None:
    """InputError for a keyword that no text can hold, and for two that are one.

    Args:
        names: as they were given.
    """
    known: dict[str, str] = {}
    for name in names:
        letters = letters_of(name)
        if not letters or "<" in letters:
            raise InputError(
                f"keyword {name!r}: must be words of letters or numbers, as they are spoken"
            )
        other = known.get(letters)
        if other == name:
            raise InputError(f"keyword {name!r} is given twice; keep one")
        if other is not None:
            raise InputError(
                f"keywords {other!r} and {name!r} have the same letters: they are one keyword; "
                "keep one"
            )
        known[letters] = name


def _places(tokens: Sequence[str], keywords: Iterable[str]) -> list[tuple[int, int, str]]:
    """Where a keyword's letters stand among those of all tokens: (start, end, keyword)."""
    row = "".join(tokens)
    places = []
    for keyword in keywords:
        letters = letters_of(keyword)
        start = row.find(letters) if letters else -1
        while start >= 0:
            places.append((start, start + len(letters), keyword))
            start = row.find(letters, start + 1)
    return places


def _borders(tokens: Sequence[str]) -> list[int]:
    """How many letters stand before each token, and before the end."""
    return list(itertools.accumulate(map(len, tokens), initial=0))


def _without_stray_marks(word: str) -> str:
    """`word` without the marks at its beginning: those of a separator, such as an emoji's."""
    return "".join(itertools.dropwhile(_is_mark, word))


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"
