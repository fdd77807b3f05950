"""Phone sets folded into smaller ones (TIMIT: 61 phones, 48 to train with, 39 to score)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kws.data.table_file import raise_first, scan_lines
from kws.errors import InputError


@dataclass(frozen=True)
class PhoneMap:
    """A table of phones: each row a phone and what it becomes in every smaller set.

    Lee and Hon, "Speaker-independent phone recognition using hidden Markov models" (1989) for
    TIMIT's. A row of one phone alone says that it is deleted (TIMIT's glottal stop `q`).
    """

    path: Path
    rows: tuple[tuple[str, ...], ...]

    @property
    def num_columns(self) -> int:
        return max(len(row) for row in self.rows)

    def phones(self, column: int = -1) -> tuple[str, ...]:
        """The phones of a column's set, sorted."""
        return tuple(sorted({row[column] for row in self.rows if len(row) > 1}))

    def table(self, column: int = -1) -> dict[str, str | None]:
        """What every phone of this column's set and of those before becomes; None: it is deleted.

        Args:
            column: 0 is the first set; -1 the last and smallest.

        Raises:
            InputError: a phone would become two different ones.
        """
        column %= self.num_columns
        found: dict[str, str | None] = {}
        for row in self.rows:
            target = row[column] if len(row) > 1 else None
            for phone in row[: column + 1]:
                if found.setdefault(phone, target) != target:
                    raise InputError(
                        f"{self.path}: {phone} becomes {found[phone] or 'nothing'} as well as "
                        f"{target or 'nothing'} in column {column + 1}; keep one"
                    )
        return found

    def fold(self, phones: Iterable[str], column: int = -1) -> list[str]:
        """`phones` in the set of `column`, the deleted ones left out.

        Raises:
            InputError: a phone that the map does not know.
        """
        table = self.table(column)
        folded = (self.become(table, phone) for phone in phones)
        return [phone for phone in folded if phone is not None]

    def become(self, table: dict[str, str | None], phone: str) -> str | None:
        """What `phone` becomes by `table` (this map's).

        Raises:
            InputError: the map does not know it.
        """
        if phone not in table:
            raise InputError(f"{self.path}: has no line for the phone {phone!r}; add one")
        return table[phone]


def read_phone_map(path: str | Path) -> PhoneMap:
    """Read a phone map: a phone and what it becomes per line (Kaldi's phones.60-48-39.map).

    Raises:
        InputError: the file cannot be read, lines have different numbers of columns, a phone stands
            on two lines or becomes two different ones.
    """
    path = Path(path)
    faults: list[str] = []
    rows: dict[str, tuple[str, ...]] = {}
    num_columns = 1
    for line, place in scan_lines(path, faults):
        row = tuple(line.split())
        if row[0] in rows:
            faults.append(f"{place}: {row[0]} has a line already; keep one")
        elif len(row) > 1 and num_columns > 1 and len(row) != num_columns:
            faults.append(f"{place}: {len(row)} columns; the lines before have {num_columns}")
        else:
            rows[row[0]] = row
            num_columns = max(num_columns, len(row))
    if not faults and num_columns == 1:
        faults.append(f"{path}: no phone becomes another; write `PHONE WHAT_IT_BECOMES` per line")
    raise_first(faults)
    phone_map = PhoneMap(path, tuple(rows.values()))
    for column in range(num_columns):
        phone_map.table(column)
    return phone_map
