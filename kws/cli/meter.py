"""The live display of `kws listen`: how loud it is, and how near each keyword is."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from kws.audio import FULL_SCALE

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

WIDTH = 30  # characters of a bar
LOWEST_DBFS = -70.0
REDRAW_S = 0.1
HOLD_S = 1.0  # a peak is shown for so long


class Meter:
    """A line for the level and one per keyword, on standard error if that is a terminal."""

    def __init__(self, thresholds: Mapping[str, float]) -> None:
        """Make a meter; `with meter:` shows it.

        Args:
            thresholds: of every keyword, in the order of the confidences' columns.
        """
        self._live: Live | None = None
        self._thresholds = dict(thresholds)
        self._held = dict.fromkeys(thresholds, (0.0, -math.inf))  # value, when
        self._level = (-math.inf, -math.inf)
        self._drawn_s = -math.inf

    def __enter__(self) -> Meter:
        if sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                console=Console(file=sys.stderr),
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Take it off the terminal while the block prints."""
        if self._live is not None:
            self._live.stop()
        yield
        if self._live is not None:
            self._live.start()

    def update(self, time_s: float, samples: np.ndarray, confidences: np.ndarray) -> None:
        """Show what has come.

        Args:
            time_s: of the stream.
            samples: (S,) at 16-bit scale.
            confidences: (T, keywords).
        """
        if self._live is None:
            return
        if len(samples):
            self._level = _held(self._level, level_dbfs(samples), time_s)
        if len(confidences):
            for name, value in zip(self._held, confidences.max(axis=0).tolist(), strict=True):
                self._held[name] = _held(self._held[name], value, time_s)
        if time_s - self._drawn_s >= REDRAW_S:
            self._drawn_s = time_s
            self._live.update(self.drawing(), refresh=True)

    def drawing(self) -> Text:
        """The lines as they stand."""
        from rich.text import Text

        width = max(map(len, ("level", *self._thresholds)))
        level = self._level[0]
        said = f"{level:6.1f} dBFS" if math.isfinite(level) else "    no signal"
        lines = [
            Text(f"{'level':{width}} {_bar(1 - max(level, LOWEST_DBFS) / LOWEST_DBFS)} {said}")
        ]
        for name, (value, _) in self._held.items():
            threshold = self._thresholds[name]
            text = f"{name:{width}} {_bar(value, threshold)} {value:6.3f} of {threshold:.3f}"
            lines.append(Text(text, style="bold green" if value >= threshold else ""))
        return Text("\n").join(lines)


def level_dbfs(samples: np.ndarray) -> float:
    """Power of samples at 16-bit scale relative to full scale; minus infinity for zeros."""
    power = float(np.square(samples, dtype=np.float64).mean())
    return 10 * math.log10(power / FULL_SCALE**2) if power > 0 else -math.inf


def _held(held: tuple[float, float], value: float, time_s: float) -> tuple[float, float]:
    """The value and its time, or those that are larger and not too old."""
    return held if held[0] > value and time_s - held[1] < HOLD_S else (value, time_s)


def _bar(share: float, mark: float | None = None) -> str:
    """A bar of WIDTH characters, with a mark where the threshold is."""
    filled = round(min(max(share, 0.0), 1.0) * WIDTH)
    bar = "#" * filled + "." * (WIDTH - filled)
    if mark is None:
        return f"[{bar}]"
    position = min(round(mark * WIDTH), WIDTH - 1)
    return f"[{bar[:position]}|{bar[position + 1 :]}]"
