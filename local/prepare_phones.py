#!/usr/bin/env python3
"""Make a data dir of phone transcripts from one with phone times, or from words and a lexicon.

local/prepare_phones.py data/train data/train_phones --lexicon lexicon.txt --silence sil
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from kws.data import DataDir, Utterance, Word, read_ctm, read_data_dir
from kws.data.phone_dir import GENDERS, write_phone_dir
from kws.data.phone_map import PhoneMap, read_phone_map
from kws.data.table_file import raise_first, scan_lines, scan_table
from kws.data.writing import refuse_to_overwrite
from kws.errors import InputError

SHORTEST_PAUSE_S = 0.03  # what is shorter is how two labels meet, not silence
_VARIANT = re.compile(r"\(\d+\)$")  # cmudict's second pronunciation: `READ(2)`
_MOST_NAMED = 8


def main(
    source: Annotated[Path, typer.Argument(help="A data dir.")],
    out: Annotated[Path, typer.Argument(help="The data dir to write.")],
    ctm: Annotated[
        Path | None, typer.Option(help="Times of phones, if not those of SOURCE/ctm.")
    ] = None,
    lexicon: Annotated[
        Path | None, typer.Option(help="Words and their phones; SOURCE/text holds words.")
    ] = None,
    phone_map: Annotated[
        Path | None, typer.Option("--map", help="What phones become (conf/phones_60_48_39.map).")
    ] = None,
    column: Annotated[
        int | None, typer.Option(min=2, help="Of the map, from 2; the last if not given.")
    ] = None,
    silence: Annotated[
        str | None, typer.Option(metavar="PHONE", help="Write it for pauses, and at both ends.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out utterances without phones.")
    ] = False,
    allow_commands: Annotated[
        bool, typer.Option("--allow-commands", help="Run the commands that wav.scp holds.")
    ] = False,
) -> None:
    """Write a data dir whose `text` holds phones, and whose `ctm` their times where they are known.

    The phones are those of a CTM, in the order of time, or those that a lexicon (`WORD PHONE ...`
    per line, as Kaldi's lexicon.txt; the first line of a word counts, upper and lower case are the
    same) has for the words of SOURCE/text; then there are no times. --silence fills pauses of 30 ms
    and more in a CTM; of a lexicon's phones it becomes the first and the last. The audio stays
    where it is, speakers and segments stay what they are.

    \b
    Examples:
      local/prepare_phones.py aligned/train data/aligned --ctm phones.ctm --silence sil
      local/prepare_phones.py data/train data/phones --lexicon lexicon.txt --silence SIL
      local/prepare_phones.py raw data/timit --map conf/phones_60_48_39.map --column 2 --silence pau
    """
    if ctm and lexicon:
        raise InputError(
            f"--ctm {ctm} --lexicon {lexicon}: the phones come from one; leave one out"
        )
    if column and not phone_map:
        raise InputError(f"--column {column}: is a column of a map; give --map")
    data = read_data_dir(source, allow_commands=allow_commands)
    refuse_to_overwrite(out, [data])
    folding = read_phone_map(phone_map) if phone_map else None
    if lexicon:
        found = _spelled(data, lexicon, silence)
    else:
        found = _timed(data, read_ctm(ctm) if ctm else dict(data.words), silence)
    if folding:
        found = _folded(found, folding, (column or folding.num_columns) - 1)
    utterances = _with_phones(data, found, skip_bad)
    phones = [word for u in utterances for word in found[u.id]]
    genders = _genders(source)
    write_phone_dir(out, utterances, phones=() if lexicon else phones, genders=genders)
    kinds = len({word.word for word in phones})
    print(f"{out}: {len(utterances)} utterances, {len(phones)} phones of {kinds}")


def _spelled(data: DataDir, path: Path, silence: str | None) -> dict[str, list[Word]]:
    """The phones of the words of every utterance; their times are not known (all 0)."""
    lexicon = _read_lexicon(path)
    edge = [silence] if silence else []
    found: dict[str, list[Word]] = {}
    missing: dict[str, None] = {}
    for utterance in data.utterances:
        words = [word.casefold() for word in utterance.text.split()]
        unknown = [word for word in words if word not in lexicon]
        missing.update(dict.fromkeys(unknown))
        if not unknown:
            phones = [*edge, *(phone for word in words for phone in lexicon[word]), *edge]
            found[utterance.id] = [Word(utterance.id, 0.0, 0.0, phone) for phone in phones]
    _name_some(f"not in {path}", list(missing))
    return found


def _read_lexicon(path: Path) -> dict[str, list[str]]:
    faults: list[str] = []
    lexicon: dict[str, list[str]] = {}
    for line, place in scan_lines(path, faults):
        word, *phones = line.split()
        if line.startswith(";;;"):  # cmudict's comments
            continue
        if not phones:
            faults.append(f"{place}: {word} has no phones; write `{word} PHONE ...`")
        lexicon.setdefault(_VARIANT.sub("", word).casefold(), phones)
    raise_first(faults)
    return lexicon


def _timed(
    data: DataDir, words: dict[str, list[Word]], silence: str | None
) -> dict[str, list[Word]]:
    """The phones of a CTM, pauses filled where they are to be."""
    if not words:
        raise InputError(f"{data.path}: has no times of phones (ctm); give --ctm or --lexicon")
    unknown = sorted(words.keys() - {utterance.id for utterance in data.utterances})
    if unknown:
        raise InputError(f"--ctm: {unknown[0]} is not an utterance of {data.path}")
    found = {}
    for utterance in data.utterances:
        of_utterance = words.get(utterance.id, [])
        if of_utterance and silence:
            of_utterance = _filled(of_utterance, data.duration_s(utterance), silence)
        found[utterance.id] = of_utterance
    return found


def _filled(words: list[Word], duration_s: float, silence: str) -> list[Word]:
    """With silence where there is no phone."""
    name = words[0].utterance
    edges = [Word(name, 0.0, 0.0, ""), *words, Word(name, duration_s, duration_s, "")]
    filled = []
    for before, word in itertools.pairwise(edges):
        if word.start_s - before.end_s >= SHORTEST_PAUSE_S:
            filled.append(Word(name, before.end_s, word.start_s, silence))
        filled.append(word)
    return filled[:-1]


def _folded(
    found: dict[str, list[Word]], phone_map: PhoneMap, column: int
) -> dict[str, list[Word]]:
    if column >= phone_map.num_columns:
        raise InputError(
            f"--column {column + 1}: {phone_map.path} has {phone_map.num_columns} columns"
        )
    table = phone_map.table(column)
    return {
        utterance: [
            replace(word, word=phone)
            for word in words
            if (phone := phone_map.become(table, word.word)) is not None
        ]
        for utterance, words in found.items()
    }


def _with_phones(data: DataDir, found: dict[str, list[Word]], skip_bad: bool) -> list[Utterance]:
    """The utterances that have phones, with these as their text."""
    without = [utterance.id for utterance in data.utterances if not found.get(utterance.id)]
    _name_some("has no phones", without)
    if without and not skip_bad:
        raise InputError(
            f"{data.path}: {len(without)} of {len(data.utterances)} utterances have no phones; "
            "complete what they come from, or leave them out with --skip-bad"
        )
    return [
        replace(utterance, text=" ".join(word.word for word in found[utterance.id]))
        for utterance in data.utterances
        if found.get(utterance.id)
    ]


def _genders(source: Path) -> dict[str, str]:
    path = source / GENDERS
    if not path.exists():
        return {}
    faults: list[str] = []
    genders = {row.key: row.value for row in scan_table(path, faults)}
    raise_first(faults)
    return genders


def _name_some(what: str, names: Iterable[str]) -> None:
    """Tell on standard error what something is true of: the first of them, and how many more."""
    listed = list(names)
    if listed:
        more = f" and {len(listed) - _MOST_NAMED} more" if len(listed) > _MOST_NAMED else ""
        print(f"{what}: {', '.join(listed[:_MOST_NAMED])}{more}", file=sys.stderr)


if __name__ == "__main__":
    from kws.cli.main import run_script

    run_script(main)
