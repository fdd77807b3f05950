"""Search for what was said: HCLG and log-likelihoods in, phones with their frames out.

The search (kaldi-decoder's) leaves a lattice. Its costs are then weighed anew: the best path under
another weight of the language model, or the N best, need no second search.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from kws.config import key, positive
from kws.errors import InputError
from kws.hmm.graphs import Fst
from kws.hmm.nbest import n_best_words
from kws.hmm.packages import kaldi_package
from kws.hmm.phone_model import Floats, Ints, PhoneModel


@dataclass(frozen=True)
class DecodingOptions:
    """The search, with the values of Kaldi's steps/decode.sh."""

    beam: float = key(
        "paths this much worse than the best are given up", default=13, check=positive
    )
    lattice_beam: float = key(
        "paths this much worse than the best are left out of the lattice", default=6, check=positive
    )
    acoustic_scale: float = key(
        "of log-likelihoods, in the search", default=0.083333, check=positive
    )


@dataclass(frozen=True)
class DecodedPath:
    """One path through a lattice.

    Attributes:
        ids: (T,) transition ids; none of a path of the N best but the first.
        words: the numbers of what was said.
        cost: minus the log-likelihood of graph (language model and transitions) and frames, the
            latter divided by the weight of the language model.
    """

    ids: Ints
    words: tuple[int, ...]
    cost: float


class Decoder:
    """Decodes one utterance after the other."""

    def __init__(
        self, graph: Fst, model: PhoneModel, options: DecodingOptions | None = None
    ) -> None:
        """
        Args:
            graph: HCLG, made for `model`.

        Raises:
            InputError: the graph has a transition id or a phone that the model does not have.
        """
        self.options = options or DecodingOptions()
        self._graph, self._model = graph, model  # the searches only point to the graph
        largest_id, largest_phone = _largest_labels(graph)
        if largest_id > model.num_transitions or largest_phone > max(model.transitions.phones):
            raise InputError(
                f"the graph has transition ids up to {largest_id} and phones up to "
                f"{largest_phone}, but the model's end at {model.num_transitions} and "
                f"{max(model.transitions.phones)}; give the graph that was made for this model"
            )

    def decode(self, log_likelihoods: Floats) -> DecodedLattice | None:
        """Search the graph.

        Args:
            log_likelihoods: (T, P) of the outputs: a GMM's, or a network's log posteriors with
                the log priors taken off.

        Returns:
            the lattice; None: no path reaches an end of the graph (a beam that is too small, or
            fewer frames than any path has).

        Raises:
            InputError: P is not the model's number of outputs.
        """
        package = kaldi_package("kaldi_decoder")
        scaled = self._model.expand(log_likelihoods) * np.float32(self.options.acoustic_scale)
        if not len(scaled):
            return None
        config = package.LatticeSimpleDecoderConfig(
            beam=self.options.beam, lattice_beam=self.options.lattice_beam
        )
        decoder = package.LatticeSimpleDecoder(self._graph, config)
        if not decoder.decode(package.DecodableCtc(scaled)):
            return None
        if decoder.final_relative_cost() == math.inf:
            return None
        found, lattice = decoder.get_raw_lattice()
        return DecodedLattice(lattice, self.options.acoustic_scale) if found else None


class DecodedLattice:
    """The paths through an utterance that are worth a look (kaldifst's Lattice)."""

    def __init__(self, lattice: Any, acoustic_scale: float) -> None:
        self._lattice, self._acoustic_scale = lattice, acoustic_scale

    def best(self, lm_weight: float) -> DecodedPath:
        """The best path where log-likelihoods are divided by `lm_weight` (Kaldi's LMWT)."""
        kaldifst = kaldi_package("kaldifst")
        best = kaldifst.shortest_path(self._weighed(lm_weight))
        _, ids, words, weight = kaldifst.get_linear_symbol_sequence(best)
        cost = weight.value1 + weight.value2
        return DecodedPath(np.array(ids, np.int32), tuple(words), cost)

    def n_best(self, number: int, lm_weight: float) -> list[DecodedPath]:
        """The paths of the `number` best sequences of words, each once; the best one first.

        Fewer where the lattice holds fewer.
        """
        best = self.best(lm_weight)
        found = [best]
        if number <= 1:
            return found
        # one more than asked for: rounding may put another first where two are equally good
        for cost, words in n_best_words(self._weighed(lm_weight), number + 1):
            if words != best.words:
                found.append(DecodedPath(np.zeros(0, np.int32), words, cost))
        return found[:number]

    def _weighed(self, lm_weight: float) -> Any:
        kaldifst = kaldi_package("kaldifst")
        if not lm_weight > 0:
            raise InputError(f"a language model's weight of {lm_weight:g}: it must be over 0")
        lattice = kaldifst.Lattice(self._lattice)
        scale = 1 / (self._acoustic_scale * lm_weight)
        kaldifst.scale_lattice(kaldifst.lattice_scale(1.0, scale), lattice)
        return lattice


def _largest_labels(graph: Fst) -> tuple[int, int]:
    """The largest transition id and the largest phone."""
    kaldifst = kaldi_package("kaldifst")
    arcs = (kaldifst.ArcIterator(graph, state) for state in range(graph.num_states))
    labels = [(arc.ilabel, arc.olabel) for of_state in arcs for arc in of_state]
    ids, phones = zip(*labels, strict=True) if labels else ((0,), (0,))
    return max(ids), max(phones)
