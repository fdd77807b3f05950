"""The microphone for real: PulseAudio plays a recording, `kws listen` hears it by PortAudio."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pulse
import pytest
from runtime_level import write_level

from kws.audio import read_audio, write_audio
from kws.cli.main import run as kws

REASON = pulse.missing()
pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no microphone test: {REASON}")
RATE = 16000
# of bursts of tones, whose levels leave "loud" (threshold 0.4) and "shout" (0.3) no doubt: a
# quiet one (0.2 and 0.04), a medium one (0.5 and 0.25), loud ones (0.7 and 0.5 and above)
LEVELS = (300, 2500, 1000, 4000, 250, 6000)
SPACING_S = 0.9


@pytest.fixture(scope="module")
def server() -> Iterator[pulse.Pulse]:
    with (
        tempfile.TemporaryDirectory(prefix="kws") as folder,
        pulse.running(Path(folder)) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a model that spots loud tones, and a recording of some."""
    folder = tmp_path_factory.mktemp("pulse")
    write_level(folder / "level.onnx")
    times = np.arange(round(SPACING_S * RATE)) / RATE
    envelope = np.clip(np.sin(np.pi * np.clip((times - 0.3) / 0.5, 0, 1)) * 2, 0, 1)
    # the mean of a rectified sine is 2 / pi of its amplitude
    burst = envelope * np.pi / 2 * np.sin(2 * np.pi * 700 * times)
    samples = np.concatenate([level * burst for level in LEVELS] + [np.zeros(RATE // 2)])
    write_audio(folder / "sound.wav", samples, RATE)
    return folder


class Listening:
    """A `kws listen` that is ready to hear."""

    def __init__(self, server: pulse.Pulse, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from kws.cli.main import main; main()", "listen", *words],
            env=server.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            restore_signals=True,
        )
        assert self.process.stderr is not None
        self.first = self.process.stderr.readline()

    def end(self, number: int | None) -> tuple[list[dict[str, object]], list[str]]:
        """Its events and the other lines; a signal ends it."""
        if number is not None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return [json.loads(line) for line in out.splitlines()], err.splitlines()


def events_of_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    assert kws(["detect", str(folder / "level.onnx"), str(folder / "sound.wav")]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_events_are_those_of_the_file(
    server: pulse.Pulse, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = events_of_the_file(folder, capsys)
    assert [row["keyword"] for row in expected].count("loud") == 4
    assert [row["keyword"] for row in expected].count("shout") == 3
    kept, ran = folder / "kept", folder / "ran"
    listening = Listening(
        server,
        *(str(folder / "level.onnx"), "--device", "default"),
        *("--save-detections", str(kept), "--on-detection", f"cat >> {ran}"),
    )
    assert listening.first.startswith("listening to default (44100 Hz) for loud, shout; ")
    server.play(folder / "sound.wav")
    heard, lines = listening.end(signal.SIGTERM)
    assert listening.process.returncode == 0, lines
    assert [row["keyword"] for row in heard] == [row["keyword"] for row in expected]
    assert "; events: loud: 4, shout: 3; near misses: " in lines[-1]
    assert "lost" not in lines[-1]
    # two conversions (16 to 48 kHz by PulseAudio, 48 to 44.1 by it too, to 16 by ours) leave a
    # tone of 700 Hz what it is, but frames begin elsewhere in the burst: of its highest point,
    # 250 ms long, a frame sees all the same
    for told, row in zip(heard, expected, strict=True):
        assert told["confidence"] == pytest.approx(row["confidence"], abs=0.01)
    # the distance of events in time: a frame of rounding at each end, and the conversions' delay
    # of some ms changes nothing
    for name in ("start_s", "end_s"):
        delays = np.array([told[name] for told in heard]) - [row[name] for row in expected]
        assert np.ptp(delays) <= 0.025, delays
    check_kept(kept, heard)
    ran_for = [json.loads(line) for line in ran.read_text().splitlines()]
    assert sorted(row["time"] for row in ran_for) == sorted(row["time"] for row in heard)


def check_kept(kept: Path, heard: list[dict[str, object]]) -> None:
    """What `--save-detections` has left of the events that were told."""
    descriptions = [json.loads(path.read_text()) for path in kept.glob("*.json")]
    events = {said["time"]: said for said in descriptions if not said["near_miss"]}
    assert len(descriptions) - len(events) >= 1  # the medium burst is no "shout", but nearly
    assert set(events) == {row["time"] for row in heard}
    for row in heard:
        said = events[row["time"]]
        begin = round((said["start_s"] - said["audio_start_s"]) * RATE)
        end = round((said["end_s"] - said["audio_start_s"]) * RATE)
        loud = read_audio(kept / said["audio"]).samples[begin:end]
        assert np.abs(loud).mean() > 500, said  # the burst itself is in the file


def test_the_doctor_finds_the_monitor_of_a_sink_that_plays_nothing_silent(
    server: pulse.Pulse,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from kws.cli.main import main; main()", "doctor", "--seconds", "1"],
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "- silent: zeros only: " in done.stdout


def test_a_server_that_dies_is_told_in_a_line(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="kws") as place, pulse.running(Path(place)) as server:
        listening = Listening(server, str(folder / "level.onnx"))
        timer = threading.Timer(1.0, server.process.kill)
        timer.start()
        heard, lines = listening.end(None)
    assert (heard, listening.process.returncode) == ([], 2)
    assert lines[-2].startswith("heard ")  # before it PortAudio may say something of its own
    assert lines[-1].startswith("device 'default': has g")  # gone, or given no samples
    assert lines[-1].endswith("connect it again, or choose another one with --device")
