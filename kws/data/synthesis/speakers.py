"""Who speaks: accents, voice variants and manners, disjoint between train, dev and test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kws.data.synthesis.espeak import Manner, Phonemes

ENGLISH_ACCENTS = (
    "gmw/en",
    "gmw/en-US",
    "gmw/en-US-nyc",
    "gmw/en-GB-scotland",
    "gmw/en-GB-x-gbclan",
    "gmw/en-GB-x-gbcwmd",
    "gmw/en-GB-x-rp",
    "gmw/en-029",
)
# Other languages' voices say English phonemes as far as they have them: foreign accents.
FOREIGN_ACCENTS = (
    "gmw/de",
    "gmw/nl",
    "gmw/af",
    "gmq/sv",
    "gmq/nb",
    "gmq/da",
    "roa/fr",
    "roa/es",
    "roa/it",
    "roa/pt-BR",
    "inc/hi",
    "dra/ta",
    "cel/cy",
    "trk/tr",
    "grk/el",
    "zlw/pl",
    "zlw/cs",
    "poz/id",
    "roa/ro",
    "urj/hu",
    "urj/fi",
    "zls/hr",
    "eu",
    "sem/mt",
    "bnt/sw",
    "inc/bn",
    "cel/ga",
)

# A variant belongs to one set, near-copies of it (f4/linda, Hugo/Henrique, iven..iven4) to the
# same. Left out: Demonic, Lee, Marco, UniRobot, ian, kaukovalta, norbert and Alicia, whose words a
# template matcher took for other words a third of the time; "Mr serious", whose name has a blank;
# and `fast`, which is the plain voice.
_TRAIN = """
Alex Andrea Andy AnxiousAndy Denis Diogo Gene Gene2 Henrique Hugo Jacky Mike Nguyen RicishayMax
RicishayMax2 RicishayMax3 Tweaky adam anika anikaRobot announcer aunty belinda benjamin boris caleb
croak f2 f4 f5 grandpa gustave iven iven2 iven3 iven4 klatt klatt2 klatt4 linda m1 m4 m5 m7 marcelo
max michel miguel mike2 pablo quincy robosoft robosoft2 robosoft3 robosoft4 robosoft5 robosoft6
robosoft7 robosoft8 sandro shelby steph steph2 steph3 travis whisperf zac
"""
_DEV = "Annie Michael Mario klatt5 edward edward2 f1 m2 m8 john victor"
_TEST = """
Reed Storm antonio david ed f3 grandma klatt3 klatt6 m3 m6 paul pedro rob robert whisper
"""
VARIANTS: dict[str, tuple[str, ...]] = {
    "train": tuple(_TRAIN.split()),
    "dev": tuple(_DEV.split()),
    "test": tuple(_TEST.split()),
}
RARE = frozenset({"whisper", "whisperf", "caleb", "zac"})  # whispered or childlike


@dataclass(frozen=True)
class Speaker:
    """A synthetic speaker."""

    id: str
    accent: str
    variant: str
    manner: Manner
    tract: float
    """the vocal tract's length re the variant's: formants, pitch and tempo go with its inverse"""

    @property
    def voice(self) -> str:
        return f"{self.accent}+{self.variant}"

    @property
    def is_foreign(self) -> bool:
        return self.accent not in ENGLISH_ACCENTS


def draw_speakers(
    set_name: str, num_speakers: int, *, foreign_share: float, generator: np.random.Generator
) -> list[Speaker]:
    """Speakers of one set: every variant comes before any comes again.

    Args:
        set_name: train, dev or test.
        num_speakers: how many.
        foreign_share: part of them with another language's voice, 0 to 1.
        generator: where chance comes from.
    """
    pool: list[str] = []
    speakers = []
    for index in range(num_speakers):
        if not pool:
            pool = _shuffled(VARIANTS[set_name], generator)
        variant = pool.pop()
        foreign = generator.random() < foreign_share
        accents = FOREIGN_ACCENTS if foreign else ENGLISH_ACCENTS
        accent = accents[generator.integers(len(accents))]
        manner = Manner(
            rate=int(generator.integers(110, 211)),
            pitch=int(generator.integers(25, 81)),
            pitch_range=int(generator.integers(20, 91)),
            word_gap=int(generator.choice((0, 0, 0, 1, 2, 4))),
        )
        name = f"{set_name}{index:04d}-{accent.rpartition('/')[2]}-{variant}".lower()
        speakers.append(
            Speaker(name, accent, variant, manner, tract=float(generator.uniform(0.9, 1.12)))
        )
    return speakers


def _shuffled(variants: tuple[str, ...], generator: np.random.Generator) -> list[str]:
    """All variants in random order, the rare ones only every other time."""
    chosen = [v for v in variants if v not in RARE or generator.random() < 0.5]
    return [chosen[index] for index in generator.permutation(len(chosen))]


# What a voice that lacks an English phoneme says instead: the first alternative that it has whole.
SUBSTITUTES: dict[str, tuple[str, ...]] = {
    "I": ("I", "i", "i:"),
    "I2": ("I2", "I", "i", "i:"),
    "I#": ("I", "i", "i:"),
    "i": ("i", "i:", "I"),
    "i:": ("i:", "i", "I"),
    "E": ("E", "e", "e:"),
    "a": ("a", "&", "a:", "A"),
    "aa": ("aa", "a:", "a", "A:", "A"),
    "A:": ("A:", "a:", "A", "a"),
    "0": ("0", "O", "o", "A", "a"),
    "O": ("O", "o", "0"),
    "O:": ("O:", "o:", "O", "o"),
    "O2": ("O2", "O", "o", "0"),
    "V": ("V", "a", "A", "@"),
    "U": ("U", "u", "u:"),
    "u:": ("u:", "u", "U"),
    "3:": ("3:", "@ r", "W", "Y", "E r", "e r"),
    "3": ("3", "@ r", "E r", "e r", "a r"),
    "@": ("@", "@-", "a", "E", "e"),
    "@2": ("@2", "@", "a", "e"),
    "@-": ("@-", "@", ""),
    "a#": ("a#", "@", "a"),
    "@L": ("@L", "@ l", "E l", "e l"),
    "oU": ("oU", "o:", "o", "O"),
    "eI": ("eI", "E I", "e:", "e i", "e", "E"),
    "aI": ("aI", "a I", "a i", "a j"),
    "aU": ("aU", "a U", "a u", "a w"),
    "OI": ("OI", "O I", "O i", "o i", "o j"),
    "e@": ("e@", "E r", "e r", "e: r"),
    "i@": ("i@", "i @", "i: a", "i a"),
    "i@3": ("i@3", "i @ r", "i: r", "i r"),
    "o@": ("o@", "O: r", "O r", "o r"),
    "O@": ("O@", "O: r", "O r", "o r"),
    "A@": ("A@", "A: r", "A r", "a: r", "a r"),
    "U@": ("U@", "U r", "u r", "u: r"),
    "aI3": ("aI3", "aI @ r", "a I @", "a j a r", "a i a r", "a j e r"),
    "aI@": ("aI@", "aI @", "a I @", "a j a", "a i a"),
    "T": ("T", "t", "s"),
    "D": ("D", "d", "z"),
    "S": ("S", "s"),
    "Z": ("Z", "z", "S"),
    "tS": ("tS", "t S", "t s"),
    "dZ": ("dZ", "d Z", "tS", "t S", "d z"),
    "N": ("N", "n g", "n"),
    "n-": ("@ n", "E n", "e n"),
    "t#": ("t",),
    "t2": ("t",),
    "r-": ("r", "R", "R2", "*"),
    "r": ("r", "R", "R2", "*"),
    "h": ("h", "x", "H", ""),
    "w": ("w", "v", "u"),
    "v": ("v", "b", "f"),
    "z": ("z", "s"),
    "j": ("j", "i"),
    "b": ("b", "p"),
    "d": ("d", "t"),
    "g": ("g", "Q", "k"),
    "?": ("?", ""),
    "f": ("f", "p"),
    **{plain: (plain,) for plain in ("p", "t", "k", "m", "n", "l", "s")},
}
CANDIDATES = tuple(
    sorted({part for ways in SUBSTITUTES.values() for way in ways for part in way.split()})
)


def in_accent(phonemes: Phonemes, known: frozenset[str]) -> Phonemes | None:
    """English phonemes as a voice says them that has the phonemes `known`; None where it cannot."""
    said: list[str] = []
    for phoneme in phonemes:
        plain = phoneme.lstrip("',%=")
        stress = phoneme[: len(phoneme) - len(plain)]
        ways = SUBSTITUTES.get(plain, (plain,))
        way = next((way.split() for way in ways if known.issuperset(way.split())), None)
        if way is None:
            return None
        if way:
            said += [stress + way[0], *way[1:]]
    return tuple(said)
