"""What a monophone training is told, and what it tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kws.config import Check, key, non_negative, positive
from kws.hmm.phone_model import Floats, Ints

Paths = Mapping[str, Ints]  # by utterance


@dataclass(frozen=True)
class MonophoneOptions:
    """The options of Kaldi's train_mono.sh, under its names."""

    num_iters: int = key("passes over the data", default=40, check=positive)
    max_iter_inc: int = key("the last pass that adds Gaussians", default=30, check=positive)
    totgauss: int = key("Gaussians that are asked for in all", default=1000, check=positive)
    power: float = key(
        "an output's share of the Gaussians goes with its frames to this power",
        default=0.25,
        check=non_negative,
    )
    realign_iters: tuple[int, ...] = key(
        "the passes that align anew, joined by colons; 0 alone: none",
        default=(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 23, 26, 29, 32, 35, 38),
        check=Check("must be 0 or greater", lambda value: all(x >= 0 for x in value)),
    )
    boost_silence: float = key(
        "factor of the likelihood of silences in alignment", default=1.0, check=positive
    )
    beam: float = key("of the alignments after the first", default=10.0, check=positive)
    seed: int = key("of the directions in which Gaussians are put apart", default=0)


@dataclass(frozen=True)
class PhoneTake:
    """An utterance to train on.

    Attributes:
        utterance: its id.
        phones: the numbers of its phones.
        features: (T, D).
    """

    utterance: str
    phones: Sequence[int]
    features: Floats


@dataclass(frozen=True)
class Pass:
    """What one pass found.

    Attributes:
        number: from 0, the flat start.
        num_gaussians: of the model that it went through the data with.
        log_likelihood: per frame.
        num_frames: those of the utterances that could be aligned.
        aligned: whether it aligned anew.
    """

    number: int
    num_gaussians: int
    log_likelihood: float
    num_frames: int
    aligned: bool
