"""`kws detect`: keyword events in sound files or in a stream."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kws.cli.event_line import event_entries
from kws.cli.shared_options import ChannelOption, Refractory, TellNested, Threshold

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from kws.audio import Channel, Raw
    from kws.detection import Detection
    from kws.runtime import Model, Stream
    from kws.streaming import Stage

    Search = Stage[np.ndarray, list[Detection], Any]

STREAM_CHUNK_S = 0.08


def detect(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL", help="A keyword model: EXP/final.kws, or the file of kws export."
        ),
    ],
    files: Annotated[
        list[str], typer.Argument(metavar="FILE|-", help="Sound files, or standard input.")
    ],
    threshold: Threshold = None,
    refractory_s: Refractory = None,
    tell_nested: TellNested = False,
    rate: Annotated[
        int | None,
        typer.Option(
            metavar="R",
            min=1,
            help="Sample rate of raw samples on standard input; without it the model's.",
        ),
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Channels of raw samples on standard input; without it one."
        ),
    ] = None,
    channel: ChannelOption = None,
) -> None:
    """Print the keyword events of sound files, one JSON line each.

    A line has the keys file, keyword, start_s, end_s (of the word; null where the model does not
    know), peak_s and confidence; times are seconds from the start of the file. The name - stands
    for standard input, whose events are printed as soon as they are known: a wav or AU file as it
    comes, another sound file when it has ended, or raw 16-bit little-endian samples. A file that
    cannot be read is told on standard error; the others are still searched, and the exit status is
    2. A model whose name ends in .onnx runs without PyTorch.

    Of keywords inside one another ("stop", "stop music") one event is told, the longest; one that
    a longer one begins with waits for that, at most as long as `kws info MODEL` says.

    Examples:
      kws detect exp/default/final.kws recording.wav
      kws detect --threshold 0.6 exp/default/final.kws *.flac | jq -r .keyword
      kws detect --refractory-s 3 exp/default/final.kws recording.wav
      arecord -t raw -f S16_LE -r 16000 -c 1 | kws detect jarvis.onnx -
    """
    from kws.audio import Raw, read_audio_chunks
    from kws.detection import check_refractory
    from kws.errors import InputError

    if refractory_s is not None:
        check_refractory(refractory_s)
    load = _load_exported if model.suffix.lower() == ".onnx" else _load_spotter
    search, sample_rate = load(model, threshold, refractory_s, tell_nested)
    for option, value in (("--rate", rate), ("--channels", channels)):
        if value is not None and "-" not in files:
            raise InputError(
                f"{option} {value} is for standard input; a sound file tells its own {option[2:]}"
            )
    failed = False
    for name in files:
        try:
            if name == "-":
                chunks = _stream(sample_rate, channel, Raw(rate, channels))
            else:
                chunks = read_audio_chunks(name, sample_rate=sample_rate, channel=channel)
            for event in _events(search, chunks):
                print(json.dumps(event_entries(name, event)), flush=True)
        except InputError as error:
            print(error, file=sys.stderr)
            failed = True
    if failed:
        raise typer.Exit(2)


def _load_spotter(
    path: Path, threshold: float | None, refractory_s: float | None, tell_nested: bool
) -> tuple[Search, int]:
    """The chain of a model file and its sample rate."""
    from kws.spotter import Spotter

    spotter = Spotter.load(path)
    if threshold is not None:
        entries = {keyword.name: {"threshold": threshold} for keyword in spotter.keywords}
        spotter = spotter.with_thresholds(entries)
    elif not spotter.has_thresholds:
        raise _no_thresholds(path)
    if refractory_s is not None:
        spotter = spotter.with_refractory(refractory_s)
    spotter.tell_nested = tell_nested
    return spotter, spotter.sample_rate


def _load_exported(
    path: Path, threshold: float | None, refractory_s: float | None, tell_nested: bool
) -> tuple[Search, int]:
    """The same of an exported file; nothing here imports torch."""
    from kws.runtime import Model

    model = Model.load(path)
    if threshold is None and not model.metadata.has_thresholds:
        raise _no_thresholds(path)
    return Exported(model, threshold, refractory_s, tell_nested), model.metadata.sample_rate


def _no_thresholds(path: Path) -> Exception:
    from kws.errors import InputError

    return InputError(
        f"{path}: the model has no thresholds; give --threshold, or solve them with "
        "`kws evaluate --dev`"
    )


class Exported:
    """A loaded exported file as a `Stage`; the state is a stream."""

    def __init__(
        self,
        model: Model,
        threshold: float | None,
        refractory_s: float | None,
        tell_nested: bool,
    ) -> None:
        self.model = model
        self.options = threshold, refractory_s, tell_nested

    def init_state(self) -> Stream:
        """A new stream."""
        from kws.runtime import Stream

        return Stream(self.model, *self.options)

    def step(self, samples: np.ndarray, stream: Stream) -> tuple[list[Detection], Stream]:
        """The events that end in the next samples."""
        return stream.process_waveform(samples), stream

    def flush(self, stream: Stream) -> list[Detection]:
        """The events that end with the stream."""
        return stream.flush()


def _stream(sample_rate: int, channel: Channel, raw: Raw) -> Iterator[np.ndarray]:
    """Standard input's samples at the model's rate, as they come."""
    from kws.audio import read_stream_chunks
    from kws.errors import InputError

    if sys.stdin is None:
        raise InputError("standard input is closed; give it samples, or name a file")
    return read_stream_chunks(
        sys.stdin.buffer, sample_rate, STREAM_CHUNK_S, channel=channel, raw=raw
    )


def _events(search: Search, chunks: Iterator[np.ndarray]) -> Iterator[Detection]:
    """The events of a stream; what came before a fault in it is searched to its end."""
    from kws.errors import InputError

    fault = None
    state = search.init_state()
    try:
        for chunk in chunks:
            events, state = search.step(chunk, state)
            yield from events
    except InputError as error:
        fault = error
    yield from search.flush(state)
    if fault is not None:
        raise fault
