"""Kaldi's TransitionModel: which phone states share an output, and their transitions.

Nothing here is computed with it: it is the file's form. `kws.hmm` computes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kws.kaldi.printing import Printer, TextPrinter
from kws.kaldi.scanning import Array, Real, Scanner, TextScanner

_NO_CLASS = -1  # the pdf class of a state that emits nothing


@dataclass(frozen=True)
class State:
    """A state of a phone's topology.

    Attributes:
        forward_class, loop_class: the pdf classes; -1 of a state that emits nothing.
        transitions: (next state, probability).
    """

    forward_class: int
    loop_class: int
    transitions: tuple[tuple[int, Real], ...]


@dataclass(frozen=True, eq=False)
class TransitionModel:
    """A TransitionModel as its file holds it.

    Attributes:
        phones: the phones, growing.
        entries: topologies, each a list of states.
        entry_of: for phone 0, 1, ... the index of its entry, -1 without one.
        tuples: (phone, state, forward pdf[, self-loop pdf]) per transition state.
        log_probs: per transition id, from 0, which stands for none.
    """

    phones: tuple[int, ...]
    entries: tuple[tuple[State, ...], ...]
    entry_of: tuple[int, ...]
    tuples: tuple[tuple[int, ...], ...]
    log_probs: Array
    tuples_tag: str = "Triples"

    @property
    def num_pdfs(self) -> int:
        """The number of a network's outputs."""
        return 1 + max((max(row[2:]) for row in self.tuples), default=-1)

    @property
    def num_transitions(self) -> int:
        """The number of transition ids, which count from 1."""
        return max(0, len(self.log_probs) - 1)

    @property
    def is_hmm(self) -> bool:
        """Whether each state has one pdf class for its self-loop and its other transitions."""
        return all(s.forward_class == s.loop_class for entry in self.entries for s in entry)


def read_transitions(scanner: Scanner) -> TransitionModel:
    """Read a TransitionModel, whose first token is `<TransitionModel>`.

    Raises:
        InputError: something else stands there.
    """
    scanner.expect("<TransitionModel>")
    scanner.expect("<Topology>")
    if isinstance(scanner, TextScanner):
        phones, entry_of, entries = _text_topology(scanner)
    else:
        phones, entry_of, entries = _binary_topology(scanner)
        scanner.expect("</Topology>")
    tag = scanner.expect("<Triples>", "<Tuples>")[1:-1]
    width = 3 if tag == "Triples" else 4
    tuples = [tuple(scanner.int32() for _ in range(width)) for _ in range(scanner.count(2 * width))]
    scanner.expect(f"</{tag}>")
    scanner.expect("<LogProbs>")
    log_probs = scanner.vector()
    scanner.expect("</LogProbs>")
    scanner.expect("</TransitionModel>")
    return TransitionModel(phones, entries, entry_of, tuple(tuples), log_probs, tag)


_Topology = tuple[tuple[int, ...], tuple[int, ...], tuple[tuple[State, ...], ...]]


def _binary_topology(scanner: Scanner) -> _Topology:
    phones, entry_of = scanner.ints(), scanner.ints()
    # Kaldi writes -1 before the count where forward and self-loop have classes of their own
    start = scanner.offset
    hmm = scanner.int32() != -1
    if hmm:
        scanner.offset = start
    entries = []
    for _ in range(scanner.count(5)):
        states = []
        for _ in range(scanner.count(10)):
            forward = scanner.int32()
            loop = forward if hmm else scanner.int32()
            moves = [(scanner.int32(), scanner.real()) for _ in range(scanner.count(10))]
            states.append(State(forward, loop, tuple(moves)))
        entries.append(tuple(states))
    return phones, entry_of, tuple(entries)


def _text_topology(scanner: TextScanner) -> _Topology:
    entries: list[tuple[State, ...]] = []
    entry_of: dict[int, int] = {}
    while scanner.expect("<TopologyEntry>", "</Topology>") == "<TopologyEntry>":
        scanner.expect("<ForPhones>")
        start = scanner.skipped(scanner.offset)
        phones = scanner.ints_until("</ForPhones>")
        for phone in phones:
            # the largest phone makes a table: no larger than the file could list
            if not 0 < phone <= len(scanner.content) or phone in entry_of:
                raise scanner.error("phones, each from 1 on and in one entry only", start)
            entry_of[phone] = len(entries)
        entries.append(_text_states(scanner))
    phones = tuple(sorted(entry_of))
    table = tuple(entry_of.get(phone, -1) for phone in range(phones[-1] + 1)) if phones else ()
    return phones, table, tuple(entries)


def _text_states(scanner: TextScanner) -> tuple[State, ...]:
    states: list[State] = []
    while scanner.expect("<State>", "</TopologyEntry>") == "<State>":
        start = scanner.skipped(scanner.offset)
        if scanner.int32() != len(states):
            raise scanner.error(f"state {len(states)}", start)
        forward = loop = _NO_CLASS
        moves: list[tuple[int, Real]] = []
        tags = ("<PdfClass>", "<ForwardPdfClass>", "<SelfLoopPdfClass>", "<Transition>")
        while (tag := scanner.expect(*tags, "</State>")) != "</State>":
            if tag == "<PdfClass>":
                forward = loop = scanner.int32()
            elif tag == "<ForwardPdfClass>":
                forward = scanner.int32()
            elif tag == "<SelfLoopPdfClass>":
                loop = scanner.int32()
            else:
                moves.append((scanner.int32(), scanner.real()))
        states.append(State(forward, loop, tuple(moves)))
    return tuple(states)


def transition_model(
    topology: str, tuples: tuple[tuple[int, int, int], ...], log_probs: Array
) -> TransitionModel:
    """A TransitionModel of a topology's text and what was computed from it.

    Args:
        topology: as Kaldi's file `topo` has it.
        tuples: phone, state and pdf per transition state.
        log_probs: (I + 1,) per transition id, from 0.
    """
    scanner = TextScanner(topology.encode("latin-1"), "topo", "a whole topology of Kaldi")
    scanner.expect("<Topology>")
    phones, entry_of, entries = _text_topology(scanner)
    return TransitionModel(phones, entries, entry_of, tuples, log_probs)


def format_topology(model: TransitionModel) -> str:
    """The topology as Kaldi's file `topo` has it, with all digits."""
    printer = _ExactPrinter()
    printer.token("<Topology>")
    printer.newline()
    _write_text_topology(model, printer)
    printer.token("</Topology>")
    printer.newline()
    return printer.content().decode("latin-1")


class _ExactPrinter(TextPrinter):
    def real(self, value: Real) -> None:
        self._parts.append(f"{value:.9g} ")


def write_transitions(model: TransitionModel, printer: Printer) -> None:
    """Write a TransitionModel as Kaldi does."""
    printer.token("<TransitionModel>")
    printer.newline()
    printer.token("<Topology>")
    printer.newline()
    (_write_binary_topology if printer.binary else _write_text_topology)(model, printer)
    printer.token("</Topology>")
    printer.newline()
    printer.token(f"<{model.tuples_tag}>")
    printer.int32(len(model.tuples))
    printer.newline()
    for row in model.tuples:
        for value in row:
            printer.int32(value)
        printer.newline()
    printer.token(f"</{model.tuples_tag}>")
    printer.newline()
    printer.token("<LogProbs>")
    printer.newline()
    printer.array(model.log_probs)
    printer.token("</LogProbs>")
    printer.newline()
    printer.token("</TransitionModel>")
    printer.newline()


def _write_binary_topology(model: TransitionModel, printer: Printer) -> None:
    printer.ints(model.phones)
    printer.ints(model.entry_of)
    if not model.is_hmm:
        printer.int32(-1)
    printer.int32(len(model.entries))
    for entry in model.entries:
        printer.int32(len(entry))
        for state in entry:
            printer.int32(state.forward_class)
            if not model.is_hmm:
                printer.int32(state.loop_class)
            printer.int32(len(state.transitions))
            for target, probability in state.transitions:
                printer.int32(target)
                printer.real(probability)


def _write_text_topology(model: TransitionModel, printer: Printer) -> None:
    for index, entry in enumerate(model.entries):
        printer.token("<TopologyEntry>")
        printer.newline()
        printer.token("<ForPhones>")
        printer.newline()
        for phone, entry_index in enumerate(model.entry_of):
            if entry_index == index:
                printer.int32(phone)
        printer.newline()
        printer.token("</ForPhones>")
        printer.newline()
        for number, state in enumerate(entry):
            _write_text_state(model, number, state, printer)
        printer.token("</TopologyEntry>")
        printer.newline()


def _write_text_state(model: TransitionModel, number: int, state: State, printer: Printer) -> None:
    printer.token("<State>")
    printer.int32(number)
    if state.forward_class != _NO_CLASS:
        if model.is_hmm:
            printer.token("<PdfClass>")
            printer.int32(state.forward_class)
        else:
            printer.token("<ForwardPdfClass>")
            printer.int32(state.forward_class)
            printer.token("<SelfLoopPdfClass>")
            printer.int32(state.loop_class)
    for target, probability in state.transitions:
        printer.token("<Transition>")
        printer.int32(target)
        printer.real(np.float32(probability))
    printer.token("</State>")
    printer.newline()
