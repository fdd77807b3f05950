"""What a keyword can be mistaken for: words that sound like it, its parts, and near-words.

Near-words and parts are made of phonemes, so that they exist for any keyword: `[[k|@|m|p]]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kws.data.synthesis.espeak import Phonemes, is_vowel

# One sound in espeak-ng's notation can have several names, by stress and accent.
_SAME = {"I2": "I", "I#": "I", "i": "i:", "@2": "@", "@-": "@", "a#": "@", "3": "@", "O2": "0"}
_SAME |= {"t#": "t", "t2": "t", "r-": "r", "A@": "A:", "aa": "a", "O@": "O:", "o@": "O:"}
_PAIRS = ("pb", "td", "kg", "fv", "sz", "mn", "TD", "SZ", "lr")
_ALIKE = {frozenset(pair) for pair in _PAIRS} | {frozenset(("tS", "dZ")), frozenset("TD")}
_ALIKE |= {frozenset(pair) for pair in (("I", "i:"), ("U", "u:"), ("0", "O:"), ("V", "@"))}

CLOSE = 0.55  # the distance, per phoneme of the keyword, up to which a word counts as near
CONSONANTS = (*"pbtdkgfvszSmnlrwh", "tS", "dZ")
VOWELS = ("i:", "I", "E", "a", "V", "0", "O:", "U", "u:", "eI", "aI", "oU")


def plain(phonemes: Phonemes) -> Phonemes:
    """Phonemes without stress marks, one name per sound."""
    bare = (phoneme.lstrip("',%=") for phoneme in phonemes)
    return tuple(_SAME.get(phoneme, phoneme) for phoneme in bare if phoneme)


def sound_distance(a: Phonemes, b: Phonemes) -> float:
    """Edit distance between plain phonemes.

    Leaving out or adding a phoneme costs 1, exchanging two similar ones (of one pair such as p/b,
    or two vowels) 0.5, exchanging others 1.
    """
    previous = np.arange(len(b) + 1, dtype=float)
    for first in a:
        current = np.empty(len(b) + 1)
        current[0] = previous[0] + 1
        for column, second in enumerate(b, 1):
            current[column] = min(
                previous[column] + 1,
                current[column - 1] + 1,
                previous[column - 1] + _exchange_cost(first, second),
            )
        previous = current
    return float(previous[-1])


def _exchange_cost(first: str, second: str) -> float:
    if first == second:
        return 0.0
    alike = frozenset((first, second)) in _ALIKE or (is_vowel(first) and is_vowel(second))
    return 0.5 if alike else 1.0


def contains(phonemes: Phonemes, part: Phonemes) -> bool:
    """Whether the plain phonemes `part` occur in `phonemes` side by side."""
    return any(
        phonemes[first : first + len(part)] == part
        for first in range(len(phonemes) - len(part) + 1)
    )


def near_words(
    word: str, pronunciations: Mapping[str, Phonemes], *, at_most: int
) -> tuple[str, ...]:
    """The words that sound most like `word`, the nearest first, and those that rhyme with it.

    Args:
        word: one of `pronunciations`.
        pronunciations: phonemes of the words to choose from.
        at_most: how many to return.
    """
    target = plain(pronunciations[word])
    rhyme = _rhyme(pronunciations[word])
    ranked = []
    for other, phonemes in pronunciations.items():
        sound = plain(phonemes)
        if sound == target or abs(len(sound) - len(target)) > 3:
            continue
        distance = sound_distance(target, sound) / len(target)
        if len(rhyme) > 1 and _rhyme(phonemes) == rhyme:
            distance = min(distance, CLOSE)
        ranked.append((distance, other))
    ranked.sort()
    near = [other for distance, other in ranked if distance <= CLOSE]
    return tuple(near[:at_most] if len(near) >= 5 else [other for _, other in ranked[:5]])


def _rhyme(phonemes: Phonemes) -> Phonemes:
    """From the last stressed vowel on, plain."""
    stressed = [i for i, phoneme in enumerate(phonemes) if phoneme.startswith("'")]
    return plain(phonemes[stressed[-1] :]) if stressed else ()


def spelled(phonemes: Sequence[str]) -> str:
    """Phonemes as a word that the synthesiser says."""
    return "[[" + "|".join(phonemes) + "]]"


def parts(phonemes: Phonemes) -> tuple[str, ...]:
    """The beginnings and ends of a word, of 2 phonemes up to 70 % of it, as words to say."""
    longest = int(0.7 * len(phonemes))
    lengths = range(2, longest + 1)
    cuts = [phonemes[:length] for length in lengths] + [phonemes[-length:] for length in lengths]
    return tuple(spelled(cut) for cut in cuts if any(is_vowel(phoneme) for phoneme in cut))


def near_word(phonemes: Phonemes, generator: np.random.Generator) -> str:
    """A word that differs from `phonemes` in two (of fewer than four, in one) of its phonemes."""
    changed = list(phonemes)
    count = 2 if len(phonemes) >= 4 else 1
    for index in generator.choice(len(phonemes), size=count, replace=False):
        bare = changed[index].lstrip("',%=")
        stress = changed[index][: len(changed[index]) - len(bare)]
        pool = VOWELS if is_vowel(bare) else CONSONANTS
        unlike = [
            p for p in pool if _exchange_cost(*plain((p, bare))) > (0 if is_vowel(p) else 0.5)
        ]
        changed[index] = stress + unlike[generator.integers(len(unlike))]
    return spelled(changed)


def random_word(generator: np.random.Generator) -> str:
    """A word of one to three random syllables, the first of them stressed."""
    phonemes: list[str] = []
    for syllable in range(generator.integers(1, 4)):
        stress = "" if syllable else "'"
        phonemes.append(CONSONANTS[generator.integers(len(CONSONANTS))])
        phonemes.append(stress + VOWELS[generator.integers(len(VOWELS))])
        if generator.random() < 0.4:
            phonemes.append(CONSONANTS[generator.integers(len(CONSONANTS))])
    return spelled(phonemes)
