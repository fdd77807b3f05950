"""N-gram language models: estimated with Witten-Bell smoothing, written and read as ARPA files."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from kws.errors import InputError

SENTENCE_START, SENTENCE_END = "<s>", "</s>"
_NEVER = -99.0  # the log10 that an ARPA file gives to what is never predicted: <s>
_MOST = 1000.0  # of a log10, up or down: a graph's costs are floats

Ngram = tuple[str, ...]


@dataclass(frozen=True)
class NgramModel:
    """A back-off n-gram model.

    Attributes:
        order: 2 of a bigram.
        log_probs: log10 of a word's probability after its history, by history and word.
        backoffs: log10 of a history's weight, for words that are not in `log_probs` after it.
    """

    order: int
    log_probs: Mapping[Ngram, float]
    backoffs: Mapping[Ngram, float]

    @cached_property
    def histories(self) -> tuple[Ngram, ...]:
        """The histories after which a word has a probability of its own; the empty one first."""
        return tuple(sorted({ngram[:-1] for ngram in self.log_probs}, key=lambda h: (len(h), h)))

    def known_history(self, words: Ngram) -> Ngram:
        """The longest end of `words` that is one of the histories."""
        words = words[max(0, len(words) - self.order + 1) :]
        return next(words[i:] for i in range(len(words) + 1) if words[i:] in self._history_set)

    @cached_property
    def _history_set(self) -> frozenset[Ngram]:
        return frozenset(self.histories)

    def log_prob(self, word: str, history: Ngram) -> float:
        """log10 of the probability of `word` after `history`; KeyError: the word is unknown."""
        weight = 0.0
        history = self.known_history(history)
        while (*history, word) not in self.log_probs:
            if not history:
                raise KeyError(word)
            weight += self.backoffs[history]
            history = self.known_history(history[1:])
        return weight + self.log_probs[(*history, word)]


def estimate_ngrams(sentences: Iterable[Sequence[str]], order: int = 2) -> NgramModel:
    """An n-gram model of sentences, with interpolated Witten-Bell smoothing.

    p(w|h) = (c(h w) + T(h) p(w|h')) / (c(h) + T(h)): c counts, T(h) is the number of different
    words after h, h' is h without its first word; the last resort is 1 over the number of words.
    Witten & Bell 1991; Chen & Goodman 1998, 2.4. What IRSTLM does by default.

    Raises:
        InputError: no sentences, an order below 1, or a word that the model keeps for itself.
    """
    if order < 1:
        raise InputError(f"an n-gram order of {order}: it must be 1 or more")
    counts: defaultdict[Ngram, Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        if {SENTENCE_START, SENTENCE_END} & set(sentence):
            raise InputError("a sentence holds <s> or </s>, which are added to it; take them out")
        words = (SENTENCE_START, *sentence, SENTENCE_END)
        for end in range(1, len(words)):
            for length in range(min(order, end + 1)):
                counts[words[end - length : end]][words[end]] += 1
    if not counts:
        raise InputError("no sentences to estimate a language model of; give transcripts")
    return _smoothed(counts, order)


def _smoothed(counts: Mapping[Ngram, Counter[str]], order: int) -> NgramModel:
    probs: dict[Ngram, float] = {}
    backoffs: dict[Ngram, float] = {}
    num_words = len(counts[()])
    for history in sorted(counts, key=lambda h: (len(h), h)):
        following = counts[history]
        total, types = sum(following.values()), len(following)
        for word, count in following.items():
            lower = probs[(*history[1:], word)] if history else 1 / num_words
            probs[(*history, word)] = (count + types * lower) / (total + types)
        if history:
            backoffs[history] = math.log10(types / (total + types))
    log_probs = {ngram: math.log10(prob) for ngram, prob in probs.items()}
    return NgramModel(order, log_probs, backoffs)


def perplexity(model: NgramModel, sentences: Iterable[Sequence[str]]) -> tuple[float, int]:
    """The perplexity per word, ends of sentences counted, and how many words are unknown.

    Unknown words are left out of it, as SRILM does.

    Raises:
        InputError: no sentences.
    """
    total, num_words, num_unknown = 0.0, 0, 0
    for sentence in sentences:
        words = (SENTENCE_START, *sentence, SENTENCE_END)
        for end in range(1, len(words)):
            try:
                total += model.log_prob(words[end], words[:end])
                num_words += 1
            except KeyError:
                num_unknown += 1
    if not num_words:
        raise InputError("no words to compute a perplexity of; give transcripts")
    return float(10 ** (-total / num_words)), num_unknown


def format_arpa(model: NgramModel) -> str:
    """The model as the text of an ARPA file."""
    by_order: defaultdict[int, dict[Ngram, float]] = defaultdict(dict)
    by_order[1][(SENTENCE_START,)] = _NEVER
    for ngram, log_prob in model.log_probs.items():
        by_order[len(ngram)][ngram] = log_prob
    orders = range(1, model.order + 1)
    lines = ["\\data\\", *(f"ngram {n}={len(by_order[n])}" for n in orders), ""]
    for n in orders:
        lines.append(f"\\{n}-grams:")
        for ngram, log_prob in sorted(by_order[n].items()):
            line = f"{log_prob:.6f}\t{' '.join(ngram)}"
            lines.append(
                f"{line}\t{model.backoffs[ngram]:.6f}" if ngram in model.backoffs else line
            )
        lines.append("")
    return "\n".join([*lines, "\\end\\", ""])


def parse_arpa(text: str, source: str) -> NgramModel:
    """The model in the text of an ARPA file.

    Raises:
        InputError: names the line and what is wrong with it.
    """
    log_probs: dict[Ngram, float] = {}
    backoffs: dict[Ngram, float] = {}
    order = 0
    ended = False
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if line.startswith("\\"):
            ended = words[0] == "\\end\\"
            if words[0].endswith("-grams:"):
                order += 1
                if words[0] != f"\\{order}-grams:":
                    raise InputError(f"{source}:{number}: {words[0]}: expected \\{order}-grams:")
        elif words and order and not ended:
            ngram, log_prob, backoff = _entry(words, order, f"{source}:{number}")
            if ngram != (SENTENCE_START,):
                log_probs[ngram] = log_prob
            if backoff is not None:
                backoffs[ngram] = backoff
    if not (ended and log_probs):
        raise InputError(f"{source}: is no whole ARPA file (\\data\\ ... \\1-grams: ... \\end\\)")
    return _checked(NgramModel(order, log_probs, backoffs), source)


def _entry(words: Sequence[str], order: int, place: str) -> tuple[Ngram, float, float | None]:
    """An n-gram's words, its log10 and its back-off weight's."""
    ngram = tuple(words[1 : order + 1])
    try:
        numbers = [float(word) for word in (words[0], *words[order + 1 :])]
    except ValueError:
        numbers = []
    if (
        len(ngram) != order
        or not 1 <= len(numbers) <= 2
        or not all(abs(x) < _MOST for x in numbers)
    ):
        raise InputError(
            f"{place}: is not `log10 {' '.join(['WORD'] * order)} [back-off]`; write the ARPA file "
            "again"
        )
    return ngram, numbers[0], numbers[1] if len(numbers) == 2 else None


def _checked(model: NgramModel, source: str) -> NgramModel:
    """The model with 1 as the weight of histories that give none, if its n-grams hang together."""
    for ngram in model.log_probs:
        if (ngram[-1],) not in model.log_probs:
            raise InputError(f"{source}: {' '.join(ngram)!r}: {ngram[-1]!r} is no 1-gram; add it")
    backoffs = {h: model.backoffs.get(h, 0.0) for h in model.histories if h}
    return NgramModel(model.order, model.log_probs, backoffs)
