"""Paths by hand: the states of utterances whose phones have known times."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from kws.errors import InputError
from kws.hmm import PhoneModel, Symbols, TimedWord, timed_path
from kws.hmm.phone_model import Ints

logger = logging.getLogger(__name__)


def hand_paths(
    model: PhoneModel,
    symbols: Symbols,
    times: Mapping[str, Sequence[TimedWord]],
    lengths: Iterable[tuple[str, int]],
    centres_s: Callable[[int], npt.NDArray[np.float64]],
) -> dict[str, Ints]:
    """The transition ids of every utterance that has times.

    Args:
        times: phones by utterance.
        lengths: the utterances and their numbers of frames.
        centres_s: gives the middles of that many frames, in seconds.

    Raises:
        InputError: no utterance has times, or one has a phone that the model does not know.
    """
    paths, missing = {}, []
    for utterance, num_frames in lengths:
        words = times.get(utterance)
        if not words:
            missing.append(utterance)
        elif num_frames:
            ids = symbols.ids([word.word for word in words], utterance)
            paths[utterance] = timed_path(model, ids, words, centres_s(num_frames))
    if not paths:
        raise InputError("no utterance has times; give those of the same utterances")
    if missing:
        logger.warning("%d utterances have no times, %s first; left out", len(missing), missing[0])
    return paths
