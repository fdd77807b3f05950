"""Licence texts that go with data wherever its tables are copied."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kws.data.data_dir import DataDir
from kws.files import atomic_path

PATTERNS = ("LICEN[SC]E*", "COPYING*")


def licence_files(data: DataDir) -> list[str]:
    """The names of the licence texts in a data dir: its files LICENSE*, LICENCE* and COPYING*."""
    return sorted({path.name for pattern in PATTERNS for path in data.path.glob(pattern)})


def copy_licences(out: str | Path, sources: Sequence[DataDir]) -> None:
    """Copy the licence texts of `sources` to `out`, named after the source when they are several.

    `LICENSE.txt` of the data dir `esc10` becomes `LICENSE.esc10.txt`.
    """
    for source in sources:
        for name in licence_files(source):
            path = source.path / name
            label = source.path.resolve().name
            if len(sources) > 1 and label not in name:
                name = f"{path.stem}.{label}{path.suffix}"
            with atomic_path(Path(out) / name) as temporary:
                temporary.write_bytes(path.read_bytes())
