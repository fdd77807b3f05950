"""Graphs and the search through them, against all paths tried one by one."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from kws.errors import InputError
from kws.hmm import (
    Decoder,
    DecodingOptions,
    NgramModel,
    PhoneModel,
    Symbols,
    decoding_graph,
    estimate_ngrams,
    grammar_fst,
    phone_symbols,
    topology_text,
)
from kws.hmm.packages import kaldi_package

SYMBOLS = phone_symbols([["a", "b"]])
SENTENCES = [["a", "b"], ["b", "a", "b"], ["a"]]
WIDE = DecodingOptions(beam=1000, lattice_beam=1000, acoustic_scale=0.5)
LOOP_COST, LEAVE_COST = -0.1 * math.log(0.75), -0.1 * math.log(0.25)  # self-loop scale 0.1


@pytest.fixture(scope="module")
def model() -> PhoneModel:
    return PhoneModel(topology_text([1, 2]))


@pytest.fixture(scope="module")
def ngrams() -> NgramModel:
    return estimate_ngrams(SENTENCES, 2)


def decoder(model: PhoneModel, ngrams: NgramModel, options: DecodingOptions = WIDE) -> Decoder:
    graph = decoding_graph(model, grammar_fst(ngrams, SYMBOLS), SYMBOLS)
    return Decoder(graph, model, options)


def grammar_cost(ngrams: NgramModel, words: tuple[str, ...]) -> float:
    sentence = ("<s>", *words, "</s>")
    log_probs = (ngrams.log_prob(sentence[i], sentence[:i]) for i in range(1, len(sentence)))
    return -math.log(10) * sum(log_probs)


def best_cost(words: tuple[str, ...], costs: np.ndarray) -> float:
    """The least cost of `words` over all ways to share out the frames (Viterbi, by hand)."""
    pdfs = [3 * (SYMBOLS.numbers[word] - 1) + state for word in words for state in range(3)]
    best = np.full(len(pdfs), np.inf)
    for t, row in enumerate(costs):
        entered = np.concatenate([[0.0 if t == 0 else np.inf], best[:-1]]) + LEAVE_COST
        best = np.minimum(best + LOOP_COST, entered) + row[pdfs]
    return float(best[-1])


def all_costs(ngrams: NgramModel, costs: np.ndarray) -> list[tuple[float, tuple[int, ...]]]:
    """Every sequence of phones that fits into the frames, the best one first."""
    found = []
    for length in range(1, len(costs) // 3 + 1):
        for words in itertools.product("ab", repeat=length):
            total = grammar_cost(ngrams, words) + best_cost(words, costs)
            found.append((total, tuple(SYMBOLS.ids(words, "test"))))
    return sorted(found)


def test_the_graph_of_one_phone_by_hand() -> None:
    """p(a) is (2 + 2/2) / (3 + 2), that of the end (1 + 1) / (3 + 2): see Witten-Bell."""
    model = PhoneModel(topology_text([1]))
    symbols = phone_symbols([["a"]])
    unigram = estimate_ngrams([["a", "a"]], order=1)
    grammar = grammar_fst(unigram, symbols)
    assert grammar.num_states == 1
    decoder = Decoder(decoding_graph(model, grammar, symbols), model, WIDE)
    for num_frames in (3, 4, 5):
        lattice = decoder.decode(np.zeros((num_frames, 3)))
        assert lattice is not None
        path = lattice.best(1.0)
        cost = -math.log(3 / 5) - math.log(2 / 5) + 3 * LEAVE_COST + (num_frames - 3) * LOOP_COST
        assert path.words == (1,)
        assert path.cost == pytest.approx(cost, abs=1e-3)  # weights are rounded when minimised
        assert [p for p, _, _ in model.segments(path.ids)] == [1]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("lm_weight", [1.0, 4.0])
def test_the_best_path_is_the_best_of_all(model: PhoneModel, order: int, lm_weight: float) -> None:
    ngrams = estimate_ngrams(SENTENCES, order)
    searched = decoder(model, ngrams)
    for seed in range(5):
        log_likelihoods = 3 * np.random.default_rng(seed).standard_normal((13, 6))
        lattice = searched.decode(log_likelihoods)
        assert lattice is not None
        expected = all_costs(ngrams, -log_likelihoods / lm_weight)
        best = lattice.best(lm_weight)
        assert best.words == expected[0][1]
        assert best.cost == pytest.approx(expected[0][0], abs=0.01)  # see above
        assert [phone for phone, _, _ in model.segments(best.ids)] == list(best.words)
        assert len(best.ids) == 13


def test_the_n_best_are_the_n_best_of_all(model: PhoneModel, ngrams: NgramModel) -> None:
    log_likelihoods = 2 * np.random.default_rng(7).standard_normal((12, 6))
    lattice = decoder(model, ngrams).decode(log_likelihoods)
    assert lattice is not None
    expected = all_costs(ngrams, -log_likelihoods / 2)[:6]
    found = lattice.n_best(6, 2.0)
    assert [path.words for path in found] == [words for _, words in expected]
    np.testing.assert_allclose([p.cost for p in found], [c for c, _ in expected], atol=0.01)
    assert len(lattice.n_best(10**6, 2.0)) == len(all_costs(ngrams, -log_likelihoods))
    assert len(lattice.n_best(1, 2.0)) == 1


def test_borders_here_and_there_do_not_hinder_the_n_best(
    model: PhoneModel, ngrams: NgramModel
) -> None:
    """A lattice that holds each sequence thousands of times; to determinise it takes hours."""
    random = np.random.default_rng(0)
    lattice = decoder(model, ngrams, DecodingOptions()).decode(random.standard_normal((300, 6)))
    assert lattice is not None
    found = lattice.n_best(50, 5.0)
    costs = [path.cost for path in found]
    assert len({path.words for path in found}) == 50
    assert costs == sorted(costs)
    assert found[0].words == lattice.best(5.0).words


def test_the_weight_of_the_language_model_decides(model: PhoneModel, ngrams: NgramModel) -> None:
    """Frames say b b, which the sentences never do."""
    log_likelihoods = np.zeros((6, 6))
    log_likelihoods[np.arange(6), [3, 4, 5, 3, 4, 5]] = 5
    lattice = decoder(model, ngrams).decode(log_likelihoods)
    assert lattice is not None
    assert lattice.best(1.0).words == (2, 2)
    assert lattice.best(30.0).words != (2, 2)


def test_a_narrow_beam_finds_the_same_where_it_is_clear(
    model: PhoneModel, ngrams: NgramModel
) -> None:
    log_likelihoods = np.zeros((12, 6))
    log_likelihoods[np.arange(12), [0, 1, 2, 2, 3, 3, 4, 5, 0, 1, 1, 2]] = 40
    lattice = decoder(model, ngrams, DecodingOptions()).decode(log_likelihoods)
    assert lattice is not None
    best = lattice.best(10)
    assert model.segments(best.ids) == [(1, 0, 4), (2, 4, 8), (1, 8, 12)]


def test_too_few_frames_have_no_path(model: PhoneModel, ngrams: NgramModel) -> None:
    searched = decoder(model, ngrams)
    assert searched.decode(np.zeros((2, 6))) is None
    assert searched.decode(np.zeros((0, 6))) is None


def test_a_matrix_of_another_model_is_told(model: PhoneModel, ngrams: NgramModel) -> None:
    with pytest.raises(InputError, match="a matrix of 7 columns, but the model has 6 outputs"):
        decoder(model, ngrams).decode(np.zeros((5, 7)))
    lattice = decoder(model, ngrams).decode(np.zeros((5, 6)))
    assert lattice is not None
    with pytest.raises(InputError, match="weight of 0: it must be over 0"):
        lattice.best(0)


def test_a_graph_of_another_model_is_told(model: PhoneModel, ngrams: NgramModel) -> None:
    graph = decoding_graph(model, grammar_fst(ngrams, SYMBOLS), SYMBOLS)
    with pytest.raises(InputError, match="the graph has transition ids up to 12 and phones up to"):
        Decoder(graph, PhoneModel(topology_text([1])))


def test_the_grammar_weighs_sentences_as_the_model(ngrams: NgramModel) -> None:
    """The states of a bigram: one per phone, <s> and the empty history."""
    kaldifst = kaldi_package("kaldifst")
    grammar = grammar_fst(ngrams, SYMBOLS)
    assert grammar.num_states == 4
    lexicon = kaldifst.StdVectorFst()  # lets the back-off pass
    lexicon.start = lexicon.add_state()
    lexicon.set_final(0, 0.0)
    for label in (1, 2):
        lexicon.add_arc(0, kaldifst.StdArc(label, label, 0.0, 0))
    lexicon.add_arc(0, kaldifst.StdArc(0, SYMBOLS.numbers["#0"], 0.0, 0))
    kaldifst.arcsort(lexicon, sort_type="olabel")
    passed = kaldifst.compose(lexicon, grammar)
    kaldifst.arcsort(passed, sort_type="ilabel")
    for words in (("a",), ("b", "a", "b"), ("b", "b"), ("a", "a", "b")):
        sentence = kaldifst.make_linear_acceptor(SYMBOLS.ids(words, "test"))
        best = kaldifst.shortest_path(kaldifst.compose(sentence, passed))
        _, _, _, weight = kaldifst.get_linear_symbol_sequence(best)
        # a way that backs off stands open where the model would not take it, as in Kaldi
        likeliest = 0.0
        for history, word in itertools.pairwise(("<s>", *words, "</s>")):
            backed_off = ngrams.backoffs[(history,)] + ngrams.log_probs[(word,)]
            likeliest += max(backed_off, ngrams.log_probs.get((history, word), -math.inf))
        assert weight.value == pytest.approx(-math.log(10) * likeliest, abs=1e-4)  # float32


def test_a_phone_that_the_table_lacks_is_told(ngrams: NgramModel) -> None:
    with pytest.raises(InputError, match="the language model: 'b' is not one of the 1 phones"):
        grammar_fst(ngrams, Symbols(("<eps>", "a", "#0")))
