"""The graphs to search: for a known transcript, and HCLG for all that can be said (kaldifst).

A word here is a phone, so that the lexicon L maps every phone to itself; H, C and G are as in
Kaldi's mkgraph.sh: HCLG = H min(det(C det(L G))), with `#0` on the back-off arcs of G.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kws.hmm.ngram import SENTENCE_END, SENTENCE_START, NgramModel
from kws.hmm.packages import kaldi_package
from kws.hmm.phone_model import PhoneModel
from kws.hmm.symbols import BACKOFF, Symbols

TRANSITION_SCALE = 1.0
SELF_LOOP_SCALE = 0.1  # Kaldi's, in training and decoding

Fst = Any  # kaldifst's StdVectorFst


class TranscriptGraphs:
    """Makes the graph of one transcript after the other."""

    def __init__(self, model: PhoneModel) -> None:
        khg = kaldi_package("kaldi_hmm_gmm")
        options = khg.TrainingGraphCompilerOptions(
            transition_scale=TRANSITION_SCALE, self_loop_scale=SELF_LOOP_SCALE
        )
        self._model = model  # the compiler only points to it
        self._lexicon = lexicon_fst(model.transitions.phones)
        self._compiler = khg.TrainingGraphCompiler(
            model.transitions, model.tree, self._lexicon, [], options
        )

    def graph(self, phones: Sequence[int]) -> Fst:
        """The graph of the paths through `phones`, one after the other."""
        return self._compiler.compile_graph_from_text(list(phones))


def lexicon_fst(phones: Sequence[int], backoff: int | None = None) -> Fst:
    """L: every phone stands for itself; `backoff`, the number of `#0`, too where it is given."""
    kaldifst = kaldi_package("kaldifst")
    fst = _one_state()
    for label in [*phones, *([] if backoff is None else [backoff])]:
        fst.add_arc(0, kaldifst.StdArc(label, label, 0.0, 0))
    kaldifst.arcsort(fst, sort_type="olabel")
    return fst


def grammar_fst(ngrams: NgramModel, symbols: Symbols) -> Fst:
    """G: an n-gram model as Kaldi's arpa2fst makes it, a state per history that goes on.

    Raises:
        InputError: the model has a word that is not in the table.
    """
    kaldifst = kaldi_package("kaldifst")
    fst = kaldifst.StdVectorFst()
    states = {history: fst.add_state() for history in ngrams.histories}
    fst.start = states[ngrams.known_history((SENTENCE_START,))]
    for ngram, log_prob in ngrams.log_probs.items():
        history, word = ngram[:-1], ngram[-1]
        cost = -log_prob * math.log(10)
        if word == SENTENCE_END:
            fst.set_final(states[history], cost)
        elif word != SENTENCE_START:
            (label,) = symbols.ids([word], "the language model")
            target = states[ngrams.known_history(ngram)]
            fst.add_arc(states[history], kaldifst.StdArc(label, label, cost, target))
    backoff = symbols.numbers[BACKOFF]
    for history, state in states.items():
        if history:
            cost = -ngrams.backoffs[history] * math.log(10)
            target = states[ngrams.known_history(history[1:])]
            fst.add_arc(state, kaldifst.StdArc(backoff, 0, cost, target))
    kaldifst.connect(fst)
    kaldifst.arcsort(fst, sort_type="ilabel")
    return fst


def decoding_graph(model: PhoneModel, grammar: Fst, symbols: Symbols) -> Fst:
    """HCLG: transition ids in, phones out."""
    kaldifst, khg = kaldi_package("kaldifst"), kaldi_package("kaldi_hmm_gmm")
    backoff = symbols.numbers[BACKOFF]
    phones = model.transitions.phones
    graph = kaldifst.compose(lexicon_fst(phones, backoff), grammar)
    kaldifst.determinize_star(graph, use_log=True)
    kaldifst.minimize_encoded(graph)
    kaldifst.arcsort(graph, sort_type="ilabel")
    graph, in_context = kaldifst.compose_context([backoff], 1, 0, graph)
    kaldifst.arcsort(graph, sort_type="ilabel")
    config = khg.HTransducerConfig(transition_scale=TRANSITION_SCALE)
    states, helpers = khg.get_h_transducer(in_context, model.tree, model.transitions, config)
    kaldifst.arcsort(states, sort_type="olabel")
    graph = kaldifst.compose(states, graph)
    kaldifst.determinize_star(graph, use_log=True)
    graph = _without_inputs(graph, set(helpers))
    kaldifst.minimize_encoded(graph)
    return khg.add_self_loops(
        self_loop_scale=SELF_LOOP_SCALE,
        disambig_syms=[],
        reorder=True,
        trans_model=model.transitions,
        ifst=graph,
    )


def _one_state() -> Fst:
    kaldifst = kaldi_package("kaldifst")
    fst = kaldifst.StdVectorFst()
    fst.start = fst.add_state()
    fst.set_final(0, 0.0)
    return fst


def _without_inputs(graph: Fst, labels: set[int]) -> Fst:
    """The graph with `labels` on its input side taken for nothing (Kaldi's fstrmsymbols)."""
    kaldifst = kaldi_package("kaldifst")
    copy = kaldifst.StdVectorFst()
    for _ in range(graph.num_states):
        copy.add_state()
    copy.start = graph.start
    for state in range(graph.num_states):
        final = graph.final(state).value
        if final != math.inf:
            copy.set_final(state, final)
        for arc in kaldifst.ArcIterator(graph, state):
            label = 0 if arc.ilabel in labels else arc.ilabel
            arc = kaldifst.StdArc(label, arc.olabel, arc.weight, arc.nextstate)
            copy.add_arc(state, arc)
    return copy
