"""What a training leaves behind to read: EXP/train.log and the TensorBoard files."""

from __future__ import annotations

import io
import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from kws.files import named

_PREFIX = "events.out.tfevents."


class TrainLog:
    """Appends lines with a time stamp to EXP/train.log and values to EXP/tensorboard.

    TensorBoard's own writer would do it in a thread, which tells of a full disk by a traceback.
    """

    def __init__(self, directory: Path, first_epoch: int, echo: Callable[[str], None]) -> None:
        """Begin a file for TensorBoard.

        Args:
            directory: of the experiment.
            first_epoch: values of this and later epochs that are there already are from a run
                that was interrupted; they are dropped.
            echo: gets every line too.
        """
        self._echo = echo
        self._lines = directory / "train.log"
        folder = directory / "tensorboard"
        name = f"{_begun(folder):010d}.{socket.gethostname()}.{os.getpid()}.{time.time_ns()}"
        self._events = folder / f"{_PREFIX}{name}"
        directory.mkdir(parents=True, exist_ok=True)
        self._events.parent.mkdir(exist_ok=True)
        begin = SessionLog(status=SessionLog.START)
        self._add_events(
            Event(file_version="brain.Event:2"), Event(step=first_epoch, session_log=begin)
        )

    def line(self, text: str) -> None:
        """Write one line."""
        _append(self._lines, f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n".encode())
        self._echo(text)

    def values(self, values: Mapping[str, float], epoch: int) -> None:
        """Write the values of an epoch, by names such as `dev/loss`."""
        entries = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._add_events(Event(step=epoch, summary=Summary(value=entries)))

    def _add_events(self, *events: Event) -> None:
        content = io.BytesIO()
        records = RecordWriter(content)
        for event in events:
            event.wall_time = time.time()
            records.write(event.SerializeToString())
        _append(self._events, content.getvalue())


def _begun(folder: Path) -> int:
    """The second that names a new file: TensorBoard reads the files in the order of their names.

    Where the clock was put back since the run that is continued, it is later than the clock.
    """
    starts = (path.name.removeprefix(_PREFIX)[:10] for path in folder.glob(f"{_PREFIX}*"))
    return max([int(time.time()), *(int(start) + 1 for start in starts if start.isdecimal())])


def _append(path: Path, content: bytes) -> None:
    with named(path), path.open("ab") as file:
        file.write(content)
