"""What a terminal shows of a training, and how Ctrl-C ends one."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kws.training.trainer import Progress


class Interrupt:
    """Ctrl-C once ends the training after the job in hand; twice ends it at once."""

    def __init__(self) -> None:
        self._set = False

    def __enter__(self) -> Interrupt:
        self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *error: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def is_set(self) -> bool:
        return self._set

    def _handle(self, number: int, frame: object) -> None:
        if self._set:
            raise KeyboardInterrupt
        self._set = True


class Bar:
    """A progress bar over an epoch, on a terminal only; lines are printed in any case."""

    def __init__(self, num_epochs: int) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("loss {task.fields[loss]:.4f}, {task.fields[rate]:,.0f} frames/s"),
            TimeRemainingColumn(),
            transient=True,
            disable=not sys.stdout.isatty(),
        )
        self._bar = self._progress.add_task(
            "", total=num_epochs, epoch=0, epochs=num_epochs, loss=float("nan"), rate=0.0
        )

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def line(self, text: str) -> None:
        if self._progress.disable:
            print(text, flush=True)
        else:
            self._progress.console.print(text, highlight=False, markup=False)

    def show(self, progress: Progress) -> None:
        self._progress.update(
            self._bar,
            completed=progress.epoch - 1 + progress.share,
            epoch=progress.epoch,
            loss=progress.loss,
            rate=progress.frames_per_s,
        )
