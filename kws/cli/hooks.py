"""The user's command that runs at every detection, beside the detector."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from kws.shell import start_command

MAX_RUNNING = 4  # a command that hangs must not fill the machine
PATIENCE_S = 5.0  # for those that still run at the end


class Hooks:
    """Runs a shell command per event without waiting for it.

    The event is in its environment (`KWS_KEYWORD`, `KWS_CONFIDENCE`, ...: every key of the JSON
    line in capitals, empty for null) and, as JSON, on its standard input. What it prints goes to
    standard error: standard output belongs to the events.
    """

    def __init__(self, command: str) -> None:
        """Name the command.

        Args:
            command: for /bin/sh.
        """
        self._command = command
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, entries: Mapping[str, Any]) -> list[str]:
        """Run it for one event, unless too many are running.

        Args:
            entries: of the event's JSON line.

        Returns:
            what went wrong, a line each, of this one and of those that have ended since.
        """
        told = self.finished()
        if len(self._running) >= MAX_RUNNING:
            told.append(
                f"--on-detection: {MAX_RUNNING} commands are still running; not run for "
                f"{entries['keyword']!r} at {entries['peak_s']:.2f} s"
            )
            return told
        variables = {
            f"KWS_{key.upper()}": "" if value is None else str(value)
            for key, value in entries.items()
        }
        try:
            process = start_command(
                self._command,
                stdin=subprocess.PIPE,
                stdout=2,
                variables=variables,
                own_session=True,  # Ctrl-C ends the listening, not what it has started
            )
        except OSError as error:
            return [*told, f"--on-detection: cannot run a shell ({error.strerror})"]
        self._running.append(process)
        if process.stdin is not None:
            # a line is far smaller than a pipe's buffer: writing it never waits
            with suppress(BrokenPipeError), process.stdin as pipe:
                pipe.write(json.dumps(entries).encode() + b"\n")
        return told

    def finished(self) -> list[str]:
        """What to tell of the commands that have ended since."""
        ended = [process for process in self._running if process.poll() is not None]
        self._running = [process for process in self._running if process not in ended]
        return [
            f"--on-detection: the command ended with status {process.returncode}"
            for process in ended
            if process.returncode
        ]

    def close(self) -> list[str]:
        """Give those that run a few seconds to end; what to tell of all."""
        told = self.finished()
        deadline = time.monotonic() + PATIENCE_S
        while self._running and time.monotonic() < deadline:
            time.sleep(0.02)
            told += self.finished()
        if self._running:
            told.append(f"--on-detection: {len(self._running)} command(s) go on running")
        return told
