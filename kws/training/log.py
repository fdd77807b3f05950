"""What a training leaves behind to read: EXP/train.log and the TensorBoard files."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from torch.utils.tensorboard import SummaryWriter


class TrainLog:
    """Appends lines with a time stamp to EXP/train.log and values to EXP/tensorboard."""

    def __init__(self, directory: Path, first_epoch: int, echo: Callable[[str], None]) -> None:
        """Open both.

        Args:
            directory: of the experiment.
            first_epoch: values of this and later epochs that are there already are from a run
                that was interrupted; they are dropped.
            echo: gets every line too.
        """
        self._echo = echo
        directory.mkdir(parents=True, exist_ok=True)
        self._file = (directory / "train.log").open("a", encoding="utf-8")
        self._writer = SummaryWriter(str(directory / "tensorboard"), purge_step=first_epoch)

    def __enter__(self) -> TrainLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        self._writer.close()

    def line(self, text: str) -> None:
        """Write one line."""
        self._file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
        self._file.flush()
        self._echo(text)

    def values(self, values: Mapping[str, float], epoch: int) -> None:
        """Write the values of an epoch, by names such as `dev/loss`."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()
