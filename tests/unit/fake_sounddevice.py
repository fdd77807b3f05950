"""A stand-in for the package sounddevice: devices of a list, samples that a test gives."""

from __future__ import annotations

import os
import sys
import threading
import types
from typing import Any

import numpy as np
import pytest

DEVICES = [
    ("Built-in Microphone", 2, 48000.0),
    ("Built-in Output", 0, 48000.0),
    ("USB Headset", 1, 44100.0),
    ("USB Headset Pro", 1, 16000.0),
]
INTERFACES = ["FakeAudio", "FakePulse"]


class PortAudioError(Exception):
    """As sounddevice's."""


class FakeSounddevice(types.ModuleType):
    """The module; `content` is what every stream gives, (S, channels) in [-1, 1].

    Attributes:
        content: the samples.
        reached_by: the number of a device's interface, where it is not the first.
        ends: how a stream ends: "gone" (the device vanishes), "stall" (it gives nothing more), or
            the number of the signal that the user sends then.
        failure: what opening raises, if anything.
        overflow_at: the blocks that PortAudio flags with lost samples before them.
        streams: all that were opened.
    """

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.devices = DEVICES
        self.default = types.SimpleNamespace(device=(0, 1))
        self.reached_by: dict[int, int] = {}
        self.content = np.zeros((0, 1))
        self.ends: str | int = "gone"
        self.failure: Exception | None = None
        self.overflow_at: set[int] = set()
        self.streams: list[FakeStream] = []

    def query_devices(self) -> list[dict[str, Any]]:
        names = ("name", "max_input_channels", "default_samplerate")
        return [
            {**dict(zip(names, row, strict=True)), "hostapi": self.reached_by.get(number, 0)}
            for number, row in enumerate(self.devices)
        ]

    def query_hostapis(self) -> list[dict[str, Any]]:
        return [{"name": name} for name in INTERFACES]

    def InputStream(self, **options: Any) -> FakeStream:  # noqa: N802 - the package's name
        if self.failure is not None:
            raise self.failure
        self.streams.append(FakeStream(self, options))
        return self.streams[-1]


class FakeStream:
    """Gives its content to the callback from a thread of its own, in one buffer used again."""

    def __init__(self, module: FakeSounddevice, options: dict[str, Any]) -> None:
        self.module, self.options = module, options
        self.closed = False
        self.thread = threading.Thread(target=self._play)

    def start(self) -> None:
        self.thread.start()

    def _play(self) -> None:
        size = self.options["blocksize"]
        content = self.module.content[:, : self.options["channels"]].astype(np.float32)
        buffer = np.empty((size, content.shape[1]), np.float32)
        for number, start in enumerate(range(0, len(content), size)):
            block = content[start : start + size]
            buffer[: len(block)] = block
            flags = types.SimpleNamespace(input_overflow=number in self.module.overflow_at)
            self.options["callback"](buffer[: len(block)], len(block), None, flags)
            buffer[:] = np.nan  # PortAudio's memory is not ours after the call
        if self.module.ends == "gone":
            self.options["finished_callback"]()
        elif isinstance(self.module.ends, int):
            os.kill(os.getpid(), self.module.ends)

    def abort(self) -> None:
        self.thread.join()

    def close(self) -> None:
        self.closed = True


def install(monkeypatch: pytest.MonkeyPatch) -> FakeSounddevice:
    """Let `import sounddevice` find the stand-in."""
    fake = FakeSounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake
