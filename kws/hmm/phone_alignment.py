"""Which state every frame belongs to, of utterances whose phones are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.config import key, positive
from kws.errors import InputError
from kws.hmm.gmm import Gmm
from kws.hmm.graphs import TranscriptGraphs
from kws.hmm.labels import TimedWord
from kws.hmm.packages import kaldi_package
from kws.hmm.phone_model import Floats, Ints, PhoneModel

Times = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AlignOptions:
    """The search of an alignment, with the values of Kaldi's steps/align_si.sh."""

    beam: float = key(
        "paths this much worse than the best are given up", default=10, check=positive
    )
    retry_beam: float = key("as beam, of a second try where none is left", default=40)
    acoustic_scale: float = key("of log-likelihoods", default=0.1, check=positive)


@dataclass(frozen=True)
class PhonePath:
    """An utterance's path.

    Attributes:
        ids: (T,) transition ids.
        log_likelihood: of its frames and transitions, the latter divided by the acoustic scale.
    """

    ids: Ints
    log_likelihood: float


class PhoneAligner:
    """Finds the most likely path through the phones of one utterance after the other."""

    def __init__(self, model: PhoneModel, options: AlignOptions | None = None) -> None:
        self.model = model
        self.options = options or AlignOptions()
        self._graphs = TranscriptGraphs(model)

    def align_gmm(self, phones: Sequence[int], features: Floats, gmm: Gmm) -> PhonePath | None:
        """The path of features (T, D) under a GMM; None: the search found none."""
        khg = kaldi_package("kaldi_hmm_gmm")
        decodable = khg.DecodableAmDiagGmmScaled(
            gmm.model,
            self.model.transitions,
            gmm.checked(features),
            self.options.acoustic_scale,
        )
        return self._align(phones, decodable, len(features))

    def align(self, phones: Sequence[int], log_likelihoods: Floats) -> PhonePath | None:
        """The path under log-likelihoods (T, P) of the outputs: a network's, priors taken off.

        None: the search found none, as in an utterance with fewer frames than states.
        """
        khg = kaldi_package("kaldi_hmm_gmm")
        scaled = self.model.expand(log_likelihoods) * np.float32(self.options.acoustic_scale)
        return self._align(phones, khg.DecodableCtc(scaled), len(log_likelihoods))

    def _align(self, phones: Sequence[int], decodable: Any, num_frames: int) -> PhonePath | None:
        if not phones or not num_frames:
            return None
        khg = kaldi_package("kaldi_hmm_gmm")
        options = self.options
        config = khg.AlignConfig(beam=options.beam, retry_beam=options.retry_beam)
        graph = self._graphs.graph(phones)
        counts = (0, 0, 0, 0.0, 0)
        num_done, _, _, log_likelihood, _, ids, _ = khg.align_utterance_wrapper(
            config, "", options.acoustic_scale, graph, decodable, *counts
        )
        return PhonePath(np.array(ids, np.int32), log_likelihood) if num_done else None


def equal_path(model: PhoneModel, phones: Sequence[int], num_frames: int, seed: int) -> Ints | None:
    """A path that gives the states about equally many frames: the start of training.

    Args:
        seed: of the choice between ways that are equally long.

    Returns:
        (num_frames,) transition ids; None where the phones have more states than that.
    """
    if not phones:
        return None
    kaldifst = kaldi_package("kaldifst")
    found, path = kaldifst.equal_align(TranscriptGraphs(model).graph(phones), num_frames, seed)
    if not found:
        return None
    _, ids, _, _ = kaldifst.get_linear_symbol_sequence(path)
    return np.array(ids, np.int32)


def timed_path(
    model: PhoneModel, phones: Sequence[int], times: Sequence[TimedWord], frame_centres_s: Times
) -> Ints:
    """The path of phones whose times are known (hand labels), their frames shared by their states.

    A frame belongs to the last phone that begins at or before its centre, so that gaps (TIMIT's
    `q`) go to the phone before them and a phone shorter than a frame may have none. Of a phone with
    fewer frames than states the frames get the states at their places; such a path is right for
    the outputs of frames, but a state in it is entered from one that does not lead to it.

    Args:
        phones: their numbers, as long as `times`.
        times: in order.
        frame_centres_s: (T,) increasing.

    Returns:
        (T,) transition ids.

    Raises:
        InputError: no phones.
    """
    if not times:
        raise InputError("an utterance without phones has no states; leave it out")
    starts = np.array([word.start_s for word in times])
    owners = np.maximum(np.searchsorted(starts, frame_centres_s, side="right") - 1, 0)
    ways = {phone: _way_through(model, phone) for phone in set(phones)}
    path = np.zeros(len(frame_centres_s), np.int32)
    for owner, first, count in zip(*_runs(owners), strict=True):
        way = ways[phones[owner]]  # (states, 2)
        states = ((np.arange(count) + 0.5) * len(way) / count).astype(np.int64)
        states[0] = 0  # also of the one frame of a short phone, so that a path tells its phones
        entered = np.diff(states, prepend=-1) > 0
        path[first : first + count] = np.where(entered, way[states, 0], way[states, 1])
    return path


def _way_through(model: PhoneModel, phone: int) -> Ints:
    """Per state of a phone the transition ids of its way on and of its loop: (states, 2)."""
    ids = np.flatnonzero(model.phone_of == phone)
    onward, loops = ids[~model.loops[ids]], ids[model.loops[ids]]
    first_of_state = np.unique(model.pdfs[onward], return_index=True)[1]
    return np.stack([onward[first_of_state], loops], axis=1).astype(np.int32)


def _runs(values: npt.NDArray[np.int64]) -> tuple[list[int], list[int], list[int]]:
    """Of stretches of equal values: the value, the first place and the length."""
    firsts = np.flatnonzero(np.diff(values, prepend=-1))
    lengths = np.diff(firsts, append=len(values))
    return values[firsts].tolist(), firsts.tolist(), lengths.tolist()
