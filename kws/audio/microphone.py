"""Samples of an input device, through PortAudio (the package sounddevice, the extra `mic`)."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.audio.files import FULL_SCALE
from kws.audio.resampling import resample_chunks
from kws.errors import InputError

Samples = npt.NDArray[np.float32]
BLOCK_S = 0.08  # of the device: a good chunk for the detector, and few wake-ups
QUEUE_S = 10.0  # a detector that is late by more loses samples, which are counted
STALL_S = 5.0  # a device that gives nothing for so long is gone: a Bluetooth headset needs some 2 s
LIST_THEM = "`kws listen --list-devices` lists them"


@dataclass(frozen=True)
class InputDevice:
    """A device that gives samples, as PortAudio describes it.

    Attributes:
        number: PortAudio's.
        name: of the device.
        interface: what it is reached through (ALSA, Core Audio, WASAPI ...).
        num_channels: the most that it gives.
        sample_rate: its own, in Hz.
        is_default: whether it is the system's choice.
    """

    number: int
    name: str
    interface: str
    num_channels: int
    sample_rate: int
    is_default: bool

    @property
    def full_name(self) -> str:
        """Its name and its interface: what tells apart one microphone's ways in."""
        return f"{self.name}, {self.interface}"


def input_devices() -> list[InputDevice]:
    """The devices that give samples.

    Raises:
        InputError: there is none, or sounddevice or PortAudio is not installed.
    """
    sounddevice = _sounddevice()
    interfaces = [str(interface["name"]) for interface in sounddevice.query_hostapis()]
    default = sounddevice.default.device[0]
    devices = [
        InputDevice(
            number,
            str(entry["name"]),
            interfaces[entry["hostapi"]],
            int(entry["max_input_channels"]),
            round(entry["default_samplerate"]),
            number == default,
        )
        for number, entry in enumerate(sounddevice.query_devices())
        if entry["max_input_channels"] > 0
    ]
    if not devices:
        raise InputError("there is no input device; connect a microphone, and see that it is on")
    return devices


def choose_device(choice: str | None = None) -> InputDevice:
    """The input device of that number, or the one whose name is or contains `choice`.

    One microphone may be reached through several interfaces under one name: "name, interface" is
    a name too, which stays when numbers change.

    Args:
        choice: a number or (a part of) a name in any case; None: the system's default.

    Raises:
        InputError: there is no such device, or several.
    """
    devices = input_devices()
    if choice is None:
        found = [device for device in devices if device.is_default]
        if not found:
            raise InputError(f"the system has no default input device; give --device: {LIST_THEM}")
        return found[0]
    if choice.isdecimal():
        found = [device for device in devices if device.number == int(choice)]
    else:
        part = choice.casefold()
        found = [d for d in devices if part in (d.name.casefold(), d.full_name.casefold())]
        found = found or [d for d in devices if part in d.name.casefold()]
        found = found or [d for d in devices if part in d.full_name.casefold()]
    if not found:
        raise InputError(f"--device {choice}: there is no such input device; {LIST_THEM}")
    if len(found) > 1:
        names = ", ".join(f"{device.number} {device.full_name!r}" for device in found)
        raise InputError(
            f"--device {choice}: it could be {names}; give the number, or more of its name"
        )
    return found[0]


class Microphone:
    """An input device that is open: its samples at its own rate, or converted to another.

    PortAudio's thread puts blocks into a bounded queue, whose reader takes them; what comes
    while it is full is lost and counted.

        with Microphone(choose_device()) as microphone:
            for chunk in microphone.samples(16000):
                ...
    """

    def __init__(self, device: InputDevice, num_channels: int = 1) -> None:
        """Name what will be opened.

        Args:
            device: what `choose_device` found.
            num_channels: how many to open, the first ones.

        Raises:
            InputError: the device has fewer channels.
        """
        if not 1 <= num_channels <= device.num_channels:
            raise InputError(
                f"device {device.name!r}: channel {num_channels - 1}: it has "
                f"{device.num_channels} channel(s), counted from 0"
            )
        self.device = device
        self.num_channels = num_channels
        self.num_overflows = 0  # times that PortAudio said that it lost samples, before us
        self.num_lost = 0  # samples (of each channel) that did not fit into our queue
        self._blocks: queue.SimpleQueue[Samples | None] = queue.SimpleQueue()
        self._stopped = False
        self._stream: Any = None

    def __enter__(self) -> Microphone:
        sounddevice = _sounddevice()
        try:
            with _quiet_libraries():
                self._stream = sounddevice.InputStream(
                    samplerate=self.device.sample_rate,
                    blocksize=round(BLOCK_S * self.device.sample_rate),
                    device=self.device.number,
                    channels=self.num_channels,
                    dtype="float32",
                    latency="high",
                    callback=self._take,
                    finished_callback=lambda: self._blocks.put(None),
                )
                self._stream.start()
        except sounddevice.PortAudioError as error:
            reason = str(error.args[0]).partition(": ")[2] or str(error.args[0])
            raise InputError(
                f"device {self.device.full_name!r}: cannot be opened ({reason}); close the program "
                f"that uses it, or choose another one: {LIST_THEM}"
            ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # a device that has gone cannot be closed properly: that was told already
        with suppress(_sounddevice().PortAudioError), _quiet_libraries():
            self._stream.abort()
            self._stream.close()

    def stop(self) -> None:
        """End the samples after those that are already here; a signal handler may call it."""
        self._stopped = True
        self._blocks.put(None)

    @property
    def lost_s(self) -> float:
        """The audio that the reader was too late for, in seconds."""
        return self.num_lost / self.device.sample_rate

    def blocks(self) -> Iterator[Samples]:
        """All channels at the device's own rate, until `stop`.

        Yields:
            (S, num_channels) at 16-bit scale

        Raises:
            InputError: the device has stopped by itself, gives nothing any more, or no numbers.
        """
        while True:
            try:
                block = self._blocks.get(timeout=STALL_S)
            except queue.Empty:
                raise InputError(
                    f"device {self.device.name!r}: has given no samples for {STALL_S:g} s; connect "
                    "it again, or choose another one with --device"
                ) from None
            if block is not None:
                if not np.isfinite(block).all():  # the detector would never recover from one
                    raise InputError(
                        f"device {self.device.name!r}: gave samples that are not finite (NaN or "
                        "infinite); its driver is faulty: choose another one with --device"
                    )
                yield block * np.float32(FULL_SCALE)
            elif self._stopped:
                return
            else:
                raise InputError(
                    f"device {self.device.name!r}: has gone; connect it again, or choose another "
                    "one with --device"
                )

    def samples(self, sample_rate: int, channel: int = 0) -> Iterator[Samples]:
        """One channel at the rate given, until `stop`.

        Args:
            sample_rate: in Hz.
            channel: of those that are open, from 0.

        Yields:
            (S,) at 16-bit scale

        Raises:
            InputError: as `blocks`, after the samples before.
        """
        chunks = (np.ascontiguousarray(block[:, channel]) for block in self.blocks())
        if sample_rate == self.device.sample_rate:
            return chunks
        return resample_chunks(chunks, self.device.sample_rate, sample_rate)

    def record(self, duration_s: float) -> Samples:
        """The next `duration_s` of all channels at the device's own rate.

        Returns:
            (S, num_channels) at 16-bit scale
        """
        parts: list[Samples] = []
        missing = round(duration_s * self.device.sample_rate)
        blocks = self.blocks()
        while missing > 0:
            parts.append(next(blocks)[:missing])
            missing -= len(parts[-1])
        return np.concatenate(parts)

    def _take(self, block: Samples, num_frames: int, time: Any, status: Any) -> None:
        """Called by PortAudio's thread: it must neither wait nor raise."""
        self.num_overflows += bool(status.input_overflow)
        if self._blocks.qsize() < QUEUE_S / BLOCK_S:
            self._blocks.put(block.copy())  # PortAudio uses its memory again
        else:
            self.num_lost += num_frames


def _sounddevice() -> Any:
    """The package, which loads PortAudio."""
    try:
        import sounddevice
    except ImportError:
        raise InputError(
            "a microphone needs the package sounddevice; install it with `pip install sounddevice`"
        ) from None
    except OSError:
        raise InputError(
            "a microphone needs PortAudio, which is not installed; on Debian and Raspberry Pi OS "
            "`apt install libportaudio2`"
        ) from None
    return sounddevice


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep off standard error what ALSA and PortAudio write there: the error says it."""
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
