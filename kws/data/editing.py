"""Data dirs out of data dirs: a part of one, several in one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from kws.data.data_dir import DataDir, Utterance
from kws.data.licences import copy_licences
from kws.data.table_file import raise_first, scan_table
from kws.data.writing import refuse_to_overwrite, write_data_dir
from kws.errors import InputError


def subset(data: DataDir, utt_list: str | Path) -> DataDir:
    """The utterances of `data` that a list names, with their word times.

    Args:
        data: the whole.
        utt_list: a text file, one utterance id at the beginning of each line, in any order.

    Raises:
        InputError: the list is unreadable, empty or names an utterance that `data` does not have.
    """
    faults: list[str] = []
    rows = scan_table(Path(utt_list), faults)
    known = {utterance.id for utterance in data.utterances}
    faults += [
        f"{row.place}: {row.key} is not an utterance of {data.path}; remove it from the list"
        for row in rows
        if row.key not in known
    ]
    raise_first(faults)
    wanted = {row.key for row in rows}
    return dataclasses.replace(
        data,
        utterances=tuple(u for u in data.utterances if u.id in wanted),
        words={key: words for key, words in data.words.items() if key in wanted},
    )


def combine(parts: Sequence[DataDir]) -> DataDir:
    """The utterances and word times of several data dirs in one.

    An utterance that several of them hold with the same content comes once.

    Args:
        parts: at least one; the result has the path of the first.

    Raises:
        InputError: an utterance id stands for different content in two of them.
    """
    owner: dict[str, tuple[DataDir, Utterance]] = {}
    for part in parts:
        for utterance in part.utterances:
            other, known = owner.setdefault(utterance.id, (part, utterance))
            difference = _difference((other, known), (part, utterance))
            if difference:
                raise InputError(
                    f"{utterance.place}: {utterance.id} has another {difference} than at "
                    f"{known.place}; rename one of the two"
                )
    return dataclasses.replace(
        parts[0],
        utterances=tuple(utterance for _, utterance in owner.values()),
        words={key: words for part in parts for key, words in part.words.items()},
        allow_commands=any(part.allow_commands for part in parts),
    )


def _difference(one: tuple[DataDir, Utterance], two: tuple[DataDir, Utterance]) -> str:
    """What two utterances of the same id differ in; empty when they are the same."""
    (data_1, u1), (data_2, u2) = one, two
    if u1.recording != u2.recording and (
        u1.is_command
        or u2.is_command
        or Path(u1.recording).resolve() != Path(u2.recording).resolve()
    ):
        return f"recording ({u2.recording}, not {u1.recording})"
    if (u1.start_s, u1.end_s) != (u2.start_s, u2.end_s):
        return f"segment ({u2.start_s:g} to {u2.end_s}, not {u1.start_s:g} to {u1.end_s})"
    if u1.channel != u2.channel:
        return f"channel ({u2.channel}, not {u1.channel})"
    if u1.speaker != u2.speaker:
        return f"speaker ({u2.speaker}, not {u1.speaker})"
    if u1.text != u2.text:
        return f"text ({u2.text!r}, not {u1.text!r})"
    return "" if data_1.words.get(u1.id) == data_2.words.get(u2.id) else "ctm"


def write_copy(out: str | Path, data: DataDir, sources: Sequence[DataDir]) -> None:
    """Write the tables and licences of `data` to another directory; audio stays where it is.

    Args:
        out: the directory to write.
        data: what to write.
        sources: the data dirs it was made of.

    Raises:
        InputError: `out` is one of the sources, which would be overwritten.
    """
    refuse_to_overwrite(out, sources)
    words = [word for of_utterance in data.words.values() for word in of_utterance]
    write_data_dir(out, data.utterances, ctm=words)
    copy_licences(out, sources)
