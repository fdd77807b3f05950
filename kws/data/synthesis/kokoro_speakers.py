"""Who speaks with Kokoro: blends of its voices, disjoint between train, dev and test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# A letter for the language and one for the sex: voices of other languages say English with an
# accent. Dev and test have voices that train never hears.
VOICES: dict[str, tuple[str, ...]] = {
    "dev": ("af_nova", "am_onyx", "bf_lily", "hf_beta", "im_nicola"),
    "test": ("am_liam", "bm_lewis", "ef_dora", "zf_xiaoni", "jf_nezumi"),
}
_TRAIN = """
af_alloy af_aoede af_bella af_heart af_jessica af_kore af_nicole af_river af_sarah af_sky am_adam
am_echo am_eric am_fenrir am_michael am_puck am_santa bf_alice bf_emma bf_isabella bm_daniel
bm_fable bm_george em_alex em_santa ff_siwis hf_alpha hm_omega hm_psi if_sara jf_alpha
jf_gongitsune jf_tebukuro jm_kumo pf_dora pm_alex pm_santa zf_xiaobei zf_xiaoxiao zf_xiaoyi
zm_yunjian zm_yunxi zm_yunxia zm_yunyang
"""
VOICES["train"] = tuple(_TRAIN.split())
AMERICAN, BRITISH = ("gmw/en-US", "gmw/en-US-nyc"), ("gmw/en", "gmw/en-GB-x-rp")
MOST_BLENDED = 3


@dataclass(frozen=True)
class KokoroSpeaker:
    """A speaker: a mean of voices, and the accent whose phonemes are said."""

    id: str
    accent: str
    """of espeak-ng, which tells the phonemes"""
    voices: tuple[tuple[str, float], ...]
    """names and weights, of sum 1"""


def draw_kokoro_speakers(
    set_name: str, num_speakers: int, generator: np.random.Generator
) -> list[KokoroSpeaker]:
    """Speakers of one set: its voices as they are, and blends of two or three of them.

    Args:
        set_name: train, dev or test.
        num_speakers: how many.
        generator: where chance comes from.
    """
    names = VOICES[set_name]
    speakers = []
    order: list[int] = []
    for index in range(num_speakers):
        if not order:
            order = generator.permutation(len(names)).tolist()
        first = order.pop()
        others = [i for i in generator.permutation(len(names)).tolist() if i != first]
        # every voice comes by itself before it is blended
        count = 1 if index < len(names) else int(generator.integers(2, MOST_BLENDED + 1))
        chosen = [names[i] for i in (first, *others[: count - 1])]
        weights = generator.dirichlet(np.ones(count))
        language = chosen[int(weights.argmax())][0]
        accents = {"a": AMERICAN, "b": BRITISH}.get(language, AMERICAN + BRITISH)
        # New York's and received pronunciation are the rarer ones
        accent = accents[int(generator.choice(len(accents), p=_shares(len(accents))))]
        name = f"{set_name}-kokoro{index:03d}-{'-'.join(chosen)}".lower()
        blend = tuple(zip(chosen, (float(weight) for weight in weights), strict=True))
        speakers.append(KokoroSpeaker(name, accent, blend))
    return speakers


def _shares(num_accents: int) -> list[float]:
    return [1.6 / num_accents if i % 2 == 0 else 0.4 / num_accents for i in range(num_accents)]
