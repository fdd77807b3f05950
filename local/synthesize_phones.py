#!/usr/bin/env python3
"""Make a small corpus of synthetic speech with phone transcripts, in TIMIT's form.

local/synthesize_phones.py data/phones
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws.data.synthesis.phones import PhoneCorpusOptions, synthesize_phones


def main(
    out: Annotated[Path, typer.Argument(help="Folder for train, dev and test.")],
    speakers: Annotated[
        int, typer.Option(help="Speakers of train; dev and test have a quarter each.")
    ] = 24,
    utterances: Annotated[int, typer.Option(help="Sentences of each speaker.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same options: same corpus.")] = 0,
    nj: Annotated[int, typer.Option(min=1, max=256, help="Processes at once.")] = 2,
) -> None:
    """Make data dirs OUT/train, OUT/dev and OUT/test of espeak-ng's voices with their phones.

    What a phone recogniser needs, for trying every step without a licensed corpus: `text` holds
    phones of TIMIT's 48 (conf/phones_60_48_39.map) and `ctm` their times. Voices and sentences
    differ between the three. Stops have no closure of their own: cl, vcl and epi do not occur.

    \b
    Examples:
      local/synthesize_phones.py data/phones
      local/synthesize_phones.py data/tiny --speakers 4 --utterances 3
    """
    options = PhoneCorpusOptions(speakers, utterances, seed)
    for name, made in synthesize_phones(out, options, num_processes=nj).items():
        num_phones = sum(len(one.phones) for one in made)
        minutes = sum(one.duration_s for one in made) / 60
        print(
            f"{out / name}: {len(made)} utterances of {options.num_speakers(name)} speakers, "
            f"{num_phones} phones, {minutes:.1f} minutes"
        )


if __name__ == "__main__":
    from kws.cli.main import run_script

    run_script(main)
