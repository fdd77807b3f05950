"""A sound server of a test's own: PulseAudio with a null sink, whose monitor is the microphone."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RATE = 48000  # of the sink: neither the model's nor what PortAudio opens ALSA's pulse with
SINK = "kws_test"
ASOUNDRC = """pcm.!default { type pulse }
ctl.!default { type pulse }
"""
PROGRAMS = ("pulseaudio", "pactl", "pacat")


def missing() -> str | None:
    """What is not installed, or None."""
    for name in PROGRAMS:
        if shutil.which(name) is None:
            return f"{name} is not installed (apt install pulseaudio pulseaudio-utils)"
    plugins = [
        Path("/usr/lib").glob(f"{folder}alsa-lib/libasound_module_pcm_pulse.so")
        for folder in ("*/", "")
    ]
    if not any(found for glob in plugins for found in glob):
        return "ALSA has no PulseAudio plugin (apt install libasound2-plugins)"
    try:
        import sounddevice  # noqa: F401
    except ImportError:
        return "sounddevice is not installed (pip install sounddevice)"
    except OSError:
        return "PortAudio is not installed (apt install libportaudio2)"
    return None


class Pulse:
    """A running server.

    Attributes:
        environment: of programs that shall use it.
        process: the server's.
    """

    def __init__(self, folder: Path) -> None:
        self.environment = environment_of(folder)
        self.log = folder / "log"
        socket = folder / "native"
        modules = (
            f"module-native-protocol-unix socket={socket}",
            f"module-null-sink sink_name={SINK} rate={RATE} channels=1 format=s16le",
        )
        command = ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"]
        command += ["--disallow-exit", "--log-target=stderr"]
        command += [word for module in modules for word in ("-L", module)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait(self) -> None:
        """Until it answers."""
        for _ in range(100):
            if self.process.poll() is not None:
                break
            asked = subprocess.run(
                ["pactl", "list", "short", "sources"],
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if f"{SINK}.monitor" in asked.stdout:
                return
            time.sleep(0.1)
        raise RuntimeError(f"pulseaudio does not run: {self.log.read_text(errors='replace')}")

    def play(self, path: Path) -> None:
        """Play a sound file to its end."""
        subprocess.run(
            ["pacat", "--playback", "--device", SINK, "--file-format=wav", str(path)],
            env=self.environment,
            check=True,
            timeout=120,
        )


def environment_of(folder: Path) -> dict[str, str]:
    """The environment that leads ALSA and PulseAudio to the server in `folder` alone."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PULSE_", "DBUS_", "DISPLAY", "XDG_", "ALSA_"))
    }
    return kept | {
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "PULSE_SERVER": f"unix:{folder / 'native'}",
        "PULSE_SOURCE": f"{SINK}.monitor",
        "OMP_NUM_THREADS": "1",
    }


@contextmanager
def running(folder: Path) -> Iterator[Pulse]:
    """A server whose files are in `folder`, until the block ends.

    The folder's path must be short: a socket's name has 107 characters at most.
    """
    folder.chmod(0o700)
    (folder / ".asoundrc").write_text(ASOUNDRC)
    pulse = Pulse(folder)
    try:
        pulse.wait()
        yield pulse
    finally:
        pulse.process.kill()
        pulse.process.wait()
