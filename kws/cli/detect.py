"""`kws detect`: keyword events in sound files or in a stream."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from kws.detection import Detection
    from kws.spotter import Spotter

STREAM_CHUNK_S = 0.08


def detect(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A keyword model, such as EXP/final.kws.")
    ],
    files: Annotated[
        list[str], typer.Argument(metavar="FILE|-", help="Sound files, or standard input.")
    ],
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            min=0,
            max=1,
            help="Threshold of every keyword, in place of those of the model.",
        ),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(
            metavar="R",
            min=1,
            help="Sample rate of what standard input holds; without it the model's.",
        ),
    ] = None,
) -> None:
    """Print the keyword events of sound files, one JSON line each.

    A line has the keys file, keyword, start_s, end_s, peak_s and confidence; times are seconds
    from the start of the file. The name - stands for standard input: raw 16-bit little-endian
    mono, whose events are printed as soon as they are known. A file that cannot be read is told
    on standard error; the others are still searched, and the exit status is 2.

    Examples:
      kws detect exp/default/final.kws recording.wav
      kws detect --threshold 0.6 exp/default/final.kws *.flac | jq -r .keyword
      arecord -t raw -f S16_LE -r 16000 -c 1 | kws detect exp/default/final.kws -
    """
    from kws.errors import InputError
    from kws.spotter import Spotter

    spotter = Spotter.load(model)
    if threshold is not None:
        entries = {keyword.name: {"threshold": threshold} for keyword in spotter.keywords}
        spotter = spotter.with_thresholds(entries)
    elif not spotter.has_thresholds:
        raise InputError(
            f"{model}: the model has no thresholds; give --threshold, or solve them with "
            "`kws evaluate --dev`"
        )
    if rate is not None and "-" not in files:
        raise InputError(f"--rate {rate} is for standard input; a sound file tells its own rate")
    failed = False
    for name in files:
        try:
            chunks = _stream(spotter, rate) if name == "-" else _blocks(spotter, name)
            for event in _events(spotter, chunks):
                print(_json_line(name, event), flush=True)
        except InputError as error:
            print(error, file=sys.stderr)
            failed = True
    if failed:
        raise typer.Exit(2)


def _blocks(spotter: Spotter, path: str) -> Iterator[np.ndarray]:
    """A sound file's samples at the model's rate, in bounded blocks."""
    from kws.audio import read_audio
    from kws.errors import InputError
    from kws.spotter import BLOCK_S

    try:
        samples = read_audio(path, sample_rate=spotter.sample_rate).samples
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    block = round(BLOCK_S * spotter.sample_rate)
    for start in range(0, len(samples), block):
        yield samples[start : start + block]


def _stream(spotter: Spotter, rate: int | None) -> Iterator[np.ndarray]:
    """Standard input's samples at the model's rate, as they come."""
    from kws.audio import read_raw_chunks, resample_chunks
    from kws.errors import InputError

    if sys.stdin is None:
        raise InputError("standard input is closed; give it samples, or name a file")
    rate = rate or spotter.sample_rate
    chunks = read_raw_chunks(sys.stdin.buffer, rate, STREAM_CHUNK_S)
    return (
        chunks
        if rate == spotter.sample_rate
        else resample_chunks(chunks, rate, spotter.sample_rate)
    )


def _events(spotter: Spotter, chunks: Iterator[np.ndarray]) -> Iterator[Detection]:
    """The events of a stream; what came before a fault in it is searched to its end."""
    from kws.errors import InputError

    fault = None
    state = spotter.init_state()
    try:
        for chunk in chunks:
            events, state = spotter.step(chunk, state)
            yield from events
    except InputError as error:
        fault = error
    yield from spotter.flush(state)
    if fault is not None:
        raise fault


def _json_line(file: str, event: Detection) -> str:
    return json.dumps(
        {
            "file": file,
            "keyword": event.keyword,
            "start_s": round(event.start_s, 4),
            "end_s": round(event.end_s, 4),
            "peak_s": round(event.peak_s, 4),
            "confidence": round(event.confidence, 6),
        }
    )
