"""`kws listen`: keyword events from a microphone."""

from __future__ import annotations

import functools
import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kws.cli.event_line import event_entries
from kws.cli.exported import load_stream
from kws.cli.shared_options import Device, Refractory, TellNested, Threshold

if TYPE_CHECKING:
    import numpy as np

    from kws.audio import Microphone
    from kws.cli.hooks import Hooks
    from kws.cli.meter import Meter
    from kws.detection import Detection
    from kws.runtime import Stream
    from kws.runtime.keeping import EventKeeper
    from kws.runtime.near_misses import NearMisses


def listen(
    model: Annotated[
        Path | None, typer.Argument(metavar="MODEL.onnx", help="What kws export wrote.")
    ] = None,
    device: Device = None,
    channel: Annotated[
        int, typer.Option(metavar="N", min=0, help="Which channel of the device, from 0.")
    ] = 0,
    list_devices: Annotated[
        bool, typer.Option("--list-devices", help="List the input devices and stop.")
    ] = False,
    threshold: Threshold = None,
    refractory_s: Refractory = None,
    tell_nested: TellNested = False,
    on_detection: Annotated[
        str | None,
        typer.Option(
            metavar="CMD",
            help="Run this with the shell at every event: its values are in KWS_KEYWORD, "
            "KWS_CONFIDENCE ..., its JSON line on standard input.",
        ),
    ] = None,
    save_detections: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep the audio of events and near misses, each with a JSON file."
        ),
    ] = None,
    near_miss_threshold: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            min=0,
            max=1,
            help="What a near miss reaches; without it half of each keyword's threshold.",
        ),
    ] = None,
) -> None:
    """Print the keyword events of a microphone, one JSON line each.

    A line has the keys of `kws detect`: file (the device), keyword, start_s, end_s and peak_s
    (seconds since it began to listen) and confidence; time is when the peak was heard. On a
    terminal, a meter on standard error shows the level and how near each keyword is to its
    threshold. Ctrl-C (or SIGTERM) is how listening ends: a summary, and exit status 0. A device
    that fails or vanishes ends it with status 2.

    Examples:
      kws listen --list-devices
      kws listen jarvis.onnx --device headset
      kws listen jarvis.onnx --on-detection 'aplay -q ding.wav' --save-detections heard
    """
    from kws.audio import Microphone, choose_device, input_devices
    from kws.errors import InputError

    if list_devices:
        for entry in input_devices():
            print(
                f"{'*' if entry.is_default else ' '} {entry.number:2d} {entry.name} "
                f"({entry.interface}, {entry.num_channels} channel(s), {entry.sample_rate} Hz)"
            )
        return
    if model is None:
        raise InputError("kws listen: name what kws export wrote, such as jarvis.onnx")
    if near_miss_threshold is not None and save_detections is None:
        raise InputError(
            f"--near-miss-threshold {near_miss_threshold:g}: near misses are kept by "
            "--save-detections DIR; give it too"
        )
    stream = load_stream(model, threshold, refractory_s, tell_nested)
    chosen = choose_device(device)
    # two channels where there are two: some devices give nothing else
    opened = Microphone(chosen, max(channel + 1, min(2, chosen.num_channels)))
    listener = Listener(stream, opened, on_detection)
    if save_detections is not None:
        listener.keep(save_detections, near_miss_threshold)
    with _until_signalled(opened), opened:
        listener.run(channel)


@contextmanager
def _until_signalled(microphone: Microphone) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM end the samples, a second one the program."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # what a shell lets a program in the background ignore, it goes on ignoring
    before = {number: old for number, old in handlers.items() if old is not signal.SIG_IGN}

    def stop(*_: object) -> None:
        for number, handler in before.items():
            signal.signal(number, handler)
        microphone.stop()

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Listener:
    """What is printed, run and written while a microphone is open."""

    def __init__(self, stream: Stream, microphone: Microphone, command: str | None) -> None:
        """Join the parts.

        Args:
            stream: a new one.
            microphone: will be open when it runs.
            command: to run at every event.
        """
        from kws.cli.hooks import Hooks
        from kws.cli.meter import Meter
        from kws.runtime.event_names import EventNames

        self.names = EventNames()
        self.stream, self.microphone = stream, microphone
        self.hooks: Hooks | None = None if command is None else Hooks(command)
        self.keeper: EventKeeper | None = None
        self.near_misses: NearMisses | None = None
        self.meter: Meter = Meter(stream.thresholds)
        self.num_samples = 0
        self.counts = dict.fromkeys(stream.thresholds, 0)
        self.num_near_misses = 0
        self.is_loss_told = False

    def keep(self, folder: Path, near_miss_threshold: float | None) -> None:
        """Keep events and near misses in `folder`."""
        from kws.runtime.keeping import EventKeeper
        from kws.runtime.near_misses import NearMisses

        stream = self.stream
        self.near_misses = NearMisses(
            stream.metadata, stream.thresholds, near_miss_threshold, stream.refractory_s
        )
        self.keeper = EventKeeper(folder, stream.metadata)

    def run(self, channel: int) -> None:
        """Listen until the microphone ends; what came before a fault is searched to its end."""
        from kws.errors import InputError

        device, fault = self.microphone.device, None
        self._say(
            f"listening to {device.name} ({device.sample_rate} Hz) for "
            f"{', '.join(self.counts)}; Ctrl-C ends it"
        )
        with self.meter:
            try:
                for samples in self.microphone.samples(self.stream.sample_rate, channel):
                    self._take(samples, self.stream.process_waveform(samples))
            except InputError as error:
                fault = error
            self._finish()
        self._summarise()
        if fault is not None:
            raise fault

    @property
    def time_s(self) -> float:
        """Of what has been heard, since the beginning."""
        return self.num_samples / self.stream.sample_rate

    def _take(self, samples: np.ndarray, events: Sequence[Detection]) -> None:
        """One chunk and its events."""
        confidences = self.stream.confidences
        self.num_samples += len(samples)
        self.meter.update(self.time_s, samples, confidences)
        near_misses: list[Detection] = []
        if self.near_misses is not None:
            near_misses = self.near_misses.step(confidences, self.stream.smoothed)
        self._tell(samples, events, near_misses)
        if self.hooks is not None:
            self._say(*self.hooks.finished())
        if not self.is_loss_told and (self.microphone.num_overflows or self.microphone.num_lost):
            self.is_loss_told = True
            self._say(f"device {self.microphone.device.name!r}: samples are lost (an overrun)")

    def _finish(self) -> None:
        """The last frames."""
        import numpy as np

        events = self.stream.flush()
        near_misses: list[Detection] = []
        if self.near_misses is not None:
            near_misses = self.near_misses.finish(
                self.stream.confidences, self.stream.smoothed, self.time_s
            )
        self._tell(np.zeros(0, np.float32), events, near_misses)
        if self.keeper is not None:
            self._write(self.keeper.flush)
        if self.hooks is not None:
            self._say(*self.hooks.close())

    def _tell(
        self, samples: np.ndarray, events: Sequence[Detection], near_misses: Sequence[Detection]
    ) -> None:
        """Print, run and keep what has ended with these samples."""
        self.num_near_misses += len(near_misses)
        if self.keeper is not None:
            self._write(functools.partial(self.keeper.feed, samples, self.stream.smoothed))
        for event in (*events, *near_misses):
            entries = self._entries(event)
            is_near_miss = event.confidence < self.stream.thresholds[event.keyword]
            if self.keeper is not None:
                self._keep(self.keeper, event, entries["time"], is_near_miss)
            if is_near_miss:
                continue
            self.counts[event.keyword] += 1
            with self.meter.hidden():
                print(json.dumps(entries), flush=True)
            if self.hooks is not None:
                self._say(*self.hooks.start(entries))

    def _entries(self, event: Detection) -> dict[str, Any]:
        """Of the JSON line; the clock is the user's, the detector knows none."""
        heard = datetime.now(timezone.utc) - timedelta(seconds=self.time_s - event.peak_s)
        time = heard.astimezone().isoformat(timespec="milliseconds")
        return {**event_entries(self.microphone.device.name, event), "time": time}

    def _keep(self, keeper: EventKeeper, event: Detection, time: str, is_near_miss: bool) -> None:
        stem = self.names.name(event.keyword, event.peak_s, datetime.fromisoformat(time))
        stem += "_near-miss" if is_near_miss else ""
        threshold = self.stream.thresholds[event.keyword]
        keeper.keep(event, stem, {"time": time, "threshold": threshold, "near_miss": is_near_miss})

    def _write(self, write: Callable[[], object]) -> None:
        """A full disk costs a file, not the detector."""
        try:
            write()
        except OSError as error:
            self._say(f"--save-detections: {error.filename}: {error.strerror}")

    def _say(self, *lines: str) -> None:
        if lines:
            with self.meter.hidden():
                for line in lines:
                    print(line, file=sys.stderr, flush=True)

    def _summarise(self) -> None:
        events = ", ".join(f"{name}: {count}" for name, count in self.counts.items())
        text = f"heard {self.time_s:.1f} s; events: {events}"
        if self.near_misses is not None:
            text += f"; near misses: {self.num_near_misses}"
        if self.microphone.num_overflows or self.microphone.num_lost:
            text += (
                f"; lost samples: {self.microphone.num_overflows} overrun(s) of the device, "
                f"{self.microphone.lost_s:.2f} s that came while this machine was busy"
            )
        self._say(text)
