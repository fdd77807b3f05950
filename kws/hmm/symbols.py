"""Kaldi's symbol tables: phones.txt and words.txt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kws.errors import InputError
from kws.files import read_text, write_text

EPSILON = "<eps>"
BACKOFF = "#0"  # Kaldi's disambiguation symbol of a language model's back-off


@dataclass(frozen=True)
class Symbols:
    """Names and their numbers: the number of a name is its place in `names`; 0 is `<eps>`."""

    names: tuple[str, ...]

    @property
    def phones(self) -> tuple[str, ...]:
        """The names that stand for phones: neither `<eps>` nor `#0`, `#1`, ..."""
        return tuple(name for name in self.names[1:] if not name.startswith("#"))

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The numbers by name."""
        return {name: number for number, name in enumerate(self.names)}

    def ids(self, names: Iterable[str], place: str) -> list[int]:
        """The numbers of phones; `place` says in an error where they come from.

        Raises:
            InputError: a name is no phone of the table.
        """
        found = []
        for name in names:
            number = self.numbers.get(name, 0)
            if number == 0 or name.startswith("#"):
                raise InputError(
                    f"{place}: {name!r} is not one of the {len(self.phones)} phones of the model; "
                    "use the phones it was trained on"
                )
            found.append(number)
        return found


def phone_symbols(transcripts: Iterable[Sequence[str]]) -> Symbols:
    """The table of the phones that occur, sorted, with `<eps>` before and `#0` behind them.

    Raises:
        InputError: no phones, or one that Kaldi's tables cannot hold.
    """
    phones = sorted({phone for transcript in transcripts for phone in transcript})
    if not phones:
        raise InputError("the transcripts hold no phones; a text with phones is needed")
    kept = [phone for phone in phones if phone in (EPSILON, "<s>", "</s>") or phone[0] == "#"]
    if kept:
        raise InputError(f"{kept[0]!r} cannot be a phone: Kaldi keeps it for itself; rename it")
    return Symbols((EPSILON, *phones, BACKOFF))


def read_symbols(path: str | Path) -> Symbols:
    """Read a phones.txt or words.txt, `name number` per line.

    Raises:
        InputError: it cannot be read, or the numbers are not 0, 1, 2, ... with `<eps>` as 0.
    """
    names: list[str] = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or words[1] != str(len(names)) or words[0] in names:
            raise InputError(
                f"{path}:{number}: {line!r}: expected a new name and {len(names)}; a table of "
                "symbols numbers its names 0, 1, 2, ..."
            )
        names.append(words[0])
    if not names or names[0] != EPSILON:
        raise InputError(f"{path}: does not begin with `{EPSILON} 0`; give Kaldi's phones.txt")
    return Symbols(tuple(names))


def write_symbols(path: str | Path, symbols: Symbols) -> None:
    """Write a table as Kaldi's phones.txt."""
    write_text(path, "".join(f"{name} {i}\n" for i, name in enumerate(symbols.names)))
