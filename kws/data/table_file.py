"""Kaldi's text tables (`wav.scp`, `text`, ...): one key per line, then its value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kws.errors import InputError
from kws.files import decoded, raw_lines


@dataclass(frozen=True)
class Row:
    """One line of a table: its key, what follows it, and where it stands (`DIR/text:5`)."""

    key: str
    value: str
    place: str


def scan_lines(path: Path, faults: list[str]) -> list[tuple[str, str]]:
    """The lines of a UTF-8 text file with their places; what is wrong goes to `faults`.

    Args:
        path: the file.
        faults: one line is added per fault (no file, empty, blank line, not UTF-8).

    Returns:
        (line, place) of the lines that can be used.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        faults.append(f"{path}: {error.strerror}")
        return []
    if not content:
        faults.append(f"{path}: the file is empty; remove it or write its lines")
    lines = []
    for raw, place in raw_lines(content.removesuffix(b"\n"), path):
        try:
            line = decoded(raw, place)
        except InputError as error:
            faults.append(str(error))
            continue
        if line.strip(" \t"):
            lines.append((line.strip(" \t"), place))
        elif content:
            faults.append(f"{place}: the line is blank; remove it")
    return lines


def scan_table(path: Path, faults: list[str]) -> list[Row]:
    """The rows of a table in the order of the file; of a repeated key the first row counts.

    Args:
        path: the table.
        faults: one line is added per fault.
    """
    rows: dict[str, Row] = {}
    for line, place in scan_lines(path, faults):
        key, *value = re.split(r"[ \t]+", line, maxsplit=1)
        if key in rows:
            line_number = rows[key].place.rpartition(":")[2]
            faults.append(f"{place}: {key} stands on line {line_number} already; keep one")
        else:
            rows[key] = Row(key, value[0] if value else "", place)
    return list(rows.values())


def raise_first(faults: list[str], remedy: str = "") -> None:
    """Raise InputError with the first of `faults`, if there is one, and how many more there are."""
    if faults:
        more = f" (and {len(faults) - 1} more{remedy})" if len(faults) > 1 else ""
        raise InputError(faults[0] + more)
