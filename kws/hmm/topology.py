"""Kaldi's topologies of phones, as its file `topo` has them."""

from __future__ import annotations

from collections.abc import Sequence

from kws.errors import InputError


def topology_text(
    phones: Sequence[int],
    silences: Sequence[int] = (),
    *,
    num_states: int = 3,
    num_silence_states: int = 3,
) -> str:
    """The topology that Kaldi's gen_topo.pl writes.

    A phone's states follow one another, each with a loop. Of a silence the states in the middle
    lead to one another, so that it may last long and change; with 3 states that says little.

    Args:
        phones: the numbers of the phones that are no silence.
        silences: those of the silences.
        num_states: of a phone.
        num_silence_states: of a silence.

    Raises:
        InputError: no phones, a phone in both lists, or too few states.
    """
    if not [*phones, *silences]:
        raise InputError("a topology needs phones; the table of phones is empty")
    shared = set(phones) & set(silences)
    if shared:
        raise InputError(f"phone {min(shared)} cannot be a silence and none; name it once")
    if num_states < 1 or num_silence_states < 1:
        raise InputError("a phone needs 1 state or more")
    entries = []
    if phones:
        entries.append(_entry(phones, _row_of_states(num_states)))
    if silences:
        entries.append(_entry(silences, _silence_states(num_silence_states)))
    return "<Topology>\n" + "".join(entries) + "</Topology>\n"


_States = list[list[tuple[int, float]]]  # per state its next states and their probabilities


def _row_of_states(number: int) -> _States:
    return [[(state, 0.75), (state + 1, 0.25)] for state in range(number)]


def _silence_states(number: int) -> _States:
    if number < 3:
        return _row_of_states(number)
    share = 1 / (number - 1)
    first = [(state, share) for state in range(number - 1)]
    middle = [(state, share) for state in range(1, number)]
    return [first, *([middle] * (number - 2)), [(number - 1, 0.75), (number, 0.25)]]


def _entry(phones: Sequence[int], states: _States) -> str:
    lines = ["<TopologyEntry>", "<ForPhones>", " ".join(map(str, phones)), "</ForPhones>"]
    for number, moves in enumerate(states):
        arcs = " ".join(f"<Transition> {target} {share:.15g}" for target, share in moves)
        lines.append(f"<State> {number} <PdfClass> {number} {arcs} </State>")
    lines += [f"<State> {len(states)} </State>", "</TopologyEntry>", ""]
    return "\n".join(lines)
