"""Make sound files and data dirs of every odd kind, to try `kws` on, and to report bugs with.

    python tests/make_odd_inputs.py DIR

DIR/README.tsv says for each what it is and what `kws` should make of it: read it (status 0), or
refuse it in one line that names the place, the value, the rule and the remedy (status 2). Never
does it end in a traceback, nor fill the memory. `tests/contracts/test_odd_inputs.py` tries all.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from odd_data import odd_data_dirs
from odd_input import Odd
from odd_sounds import odd_sounds

TABLE = "README.tsv"
HEADS = ("file", "what it is", "command", "status", "its line or note holds", "kws doctor finds")


def make(folder: Path) -> list[Odd]:
    """Write everything into `folder`, and its table; the rows of the table."""
    made = []
    for odd, content in odd_sounds():
        _write(folder / odd.name, content)
        made.append(odd)
    for odd, files in odd_data_dirs():
        for name, content in files.items():
            _write(folder / odd.name / name, content)
        made.append(odd)
    _write(folder / TABLE, table(made).encode())
    return made


def table(rows: list[Odd]) -> str:
    """One line for each, with tabs between: what it is, what to type, and what comes of it."""
    lines = [HEADS]
    for odd in rows:
        is_sound = odd.name.startswith("sounds/")
        command = "kws detect MODEL" if is_sound else "kws data validate"
        command += f" --keywords {shlex.quote(odd.keyword)}" if odd.keyword else ""
        says = "(anything)" if odd.says is None else odd.says or "(nothing)"
        finds = "refuses it" if odd.finds is None or odd.status else odd.finds or "(nothing)"
        row = (odd.name, odd.what, f"{command} {odd.name}", str(odd.status), says)
        lines.append((*row, finds if is_sound else ""))
    return "".join("\t".join(line) + "\n" for line in lines)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tests/make_odd_inputs.py DIR")
    make(Path(sys.argv[1]))
    sys.stdout.write((Path(sys.argv[1]) / TABLE).read_text(encoding="utf-8"))
