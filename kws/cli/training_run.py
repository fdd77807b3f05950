"""What the commands that train share: their options, what a terminal shows, how Ctrl-C ends one."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from kws.training.task import Task
    from kws.training.trainer import Progress


def option_lines(config: Path | None, given: Mapping[str, object], command: str) -> tuple[str, str]:
    """The options of the file, those of the command line after them, and where they are from."""
    from kws.config import keys_of
    from kws.errors import InputError
    from kws.files import read_text
    from kws.training.options import TrainOptions

    declared = keys_of(TrainOptions)
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        try:
            declared[name].parse(str(value))
        except ValueError as rule:
            raise InputError(f"--{name} {value}: it {rule}") from None
    lines = "".join(f"--{name}={value}\n" for name, value in given.items())
    if config is None:
        return lines, command
    return f"{read_text(config).rstrip()}\n{lines}", str(config)


def is_trained(exp: Path, settings: Callable[[], Mapping[str, str]], num_epochs: int) -> bool:
    """Whether `exp` holds the model already, which is said; refuses a training with other settings.

    Raises:
        InputError: the checkpoint in `exp` is damaged, or of a training with other settings.
    """
    from kws.training.checkpoint import FILE_NAME, check_settings, read_checkpoint

    checkpoint, final = exp / FILE_NAME, exp / "final.kws"
    if not checkpoint.exists():
        return False
    before = read_checkpoint(checkpoint)
    check_settings(checkpoint, before.settings, settings())
    if before.epoch != num_epochs or not final.exists():
        return False
    print(f"{final}: is trained already; --restart trains it anew")
    return True


def train_and_write(task: Task, exp: Path, num_workers: int = 1) -> None:
    """Train, watched, and write EXP/final.kws; after Ctrl-C exit with 130 instead."""
    from kws.training.checkpoint import FILE_NAME
    from kws.training.trainer import train

    num_epochs = task.train_options.num_epochs
    with Bar(num_epochs) as bar, Interrupt() as interrupt:
        state = train(
            task,
            exp,
            num_workers=num_workers,
            echo=bar.line,
            on_progress=bar.show,
            should_stop=interrupt.is_set,
        )
    if state.epoch < num_epochs:
        place = f"in epoch {state.epoch + 1} of {num_epochs}"
        print(
            f"stopped {place}; the same command continues from {exp / FILE_NAME}", file=sys.stderr
        )
        raise typer.Exit(130)
    final = exp / "final.kws"
    task.write_final(state, final)
    print(f"{final}: written after {state.seconds:.0f} s of training")


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
