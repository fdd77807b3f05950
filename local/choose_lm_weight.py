#!/usr/bin/env python3
"""Choose the language model's weight that gives the fewest errors on a development set.

local/choose_lm_weight.py data/dev exp/dnn/decode_dev
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws.data.phone_map import read_phone_map
from kws.errors import InputError
from kws.evaluation.alignment import WEIGHTS
from kws.evaluation.token_errors import ErrorCounts, score_transcripts
from kws.evaluation.transcripts import read_transcripts
from kws.files import write_text

CHOSEN = "lm_weight"


def main(
    ref: Annotated[Path, typer.Argument(help="What was said: a data dir, or a text.")],
    decoded: Annotated[Path, typer.Argument(help="What `kws decode` has written.")],
    phone_map: Annotated[
        Path | None, typer.Option("--map", help="Fold phones into the map's last column first.")
    ] = None,
    weights: Annotated[
        str, typer.Option(metavar="nist|levenshtein", help="Align as sclite, or as compute-wer.")
    ] = "levenshtein",
) -> None:
    """Print the error rate of every DECODED/lmN and write the best N to DECODED/lm_weight.

    Of equally good ones the middle is taken. Choose on a development set alone; decode a test set
    with what was chosen.

    \b
    Example:
      local/choose_lm_weight.py data/dev exp/dnn/decode_dev --map conf/phones_60_48_39.map
    """
    if weights not in WEIGHTS:
        raise InputError(f"--weights {weights}: is not one; write {' or '.join(WEIGHTS)}")
    folding = read_phone_map(phone_map) if phone_map else None
    reference = read_transcripts(ref)
    counts: dict[str, ErrorCounts] = {}
    for name in _names(decoded):
        hypothesis = read_transcripts(decoded / f"lm{name}" / "text")
        scored = score_transcripts(reference, hypothesis, WEIGHTS[weights], phone_map=folding)
        counts[name] = scored.total
    fewest = min(found.errors for found in counts.values())
    best = [name for name, found in counts.items() if found.errors == fewest]
    chosen = best[(len(best) - 1) // 2]
    for name, found in counts.items():
        mark = "  chosen" if name == chosen else ""
        rate = f"{100 * found.rate:.1f} % ({found.errors} of {found.tokens})"
        print(f"{decoded}: language model {name}: {rate}{mark}")
    write_text(decoded / CHOSEN, f"{chosen}\n")


def _names(decoded: Path) -> list[str]:
    """The weights that were decoded with, growing."""
    names = [path.parent.name[2:] for path in decoded.glob("lm*/text")]
    if not names:
        raise InputError(f"{decoded}: holds no lm*/text; it is what `kws decode` writes")
    try:
        return sorted(names, key=float)
    except ValueError:
        raise InputError(f"{decoded}: holds a folder lm* that is no weight's; remove it") from None


if __name__ == "__main__":
    from kws.cli.main import run_script

    run_script(main)
