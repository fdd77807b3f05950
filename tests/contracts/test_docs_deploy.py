"""docs/deploy.md says what is: its Python runs, its fields are all there are, its options exist."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from runtime_level import RATE, bursts, write_level

from kws.cli.event_line import event_entries
from kws.cli.main import run
from kws.runtime import Detector
from kws.runtime.keeping import EventKeeper

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "deploy.md").read_text(encoding="utf-8")
SOUND = bursts(8)


@pytest.fixture(autouse=True)
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_level(tmp_path / "jarvis.onnx")


def block(language: str) -> str:
    (text,) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return str(text)


def fields_of_table(number: int) -> list[str]:
    tables = re.findall(r"\| field \| meaning \|\n\|---\|---\|\n((?:\|.*\n)+)", TEXT)
    cells = [row.split("|")[1] for row in tables[number].splitlines()]
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def test_the_python_example_prints_the_events(capsys: pytest.CaptureFixture[str]) -> None:
    assert len([line for line in block("python").splitlines() if line]) == 5
    exec(block("python"), {"chunks": np.array_split(SOUND, 50)})
    detector = Detector("jarvis.onnx")
    events = detector.process(SOUND)
    assert len(events) > 3
    expected = [f"{event.keyword} {event.confidence}" for event in events]
    assert capsys.readouterr().out.splitlines() == expected


def test_the_fields_of_an_event() -> None:
    detector = Detector("jarvis.onnx")
    event = (detector.process(SOUND) + detector.flush())[0]
    printed = [*event_entries("kitchen.wav", event), "time"]
    assert fields_of_table(0) == printed
    assert re.findall(r"`KWS_(\w+)`", TEXT) == [name.upper() for name in printed]


def test_the_fields_of_a_kept_event(tmp_path: Path) -> None:
    detector = Detector("jarvis.onnx")
    keeper = EventKeeper(tmp_path / "heard", detector.metadata)
    events = detector.process(SOUND[: 4 * RATE])
    keeper.feed(SOUND[: 4 * RATE].astype(np.float32), detector.smoothed)
    # what kws.cli.listen adds
    keeper.keep(events[0], "one", {"time": "", "threshold": 0.4, "near_miss": False})
    (audio,) = keeper.flush()
    kept = json.loads(audio.with_suffix(".json").read_text())
    documented = Counter(fields_of_table(1)) - Counter(["unit", "posterior", "time_s"])
    assert documented == Counter(kept.keys())
    assert set(kept["units"][0]) == {"unit", "posterior", "time_s"}


def test_the_services_command_and_options_exist(capsys: pytest.CaptureFixture[str]) -> None:
    (command,) = re.findall(r"^ExecStart=(.*)$", block("ini").replace(" \\\n", ""), re.MULTILINE)
    words = shlex.split(command)
    assert words[:2] == ["/opt/kws/venv/bin/kws", "listen"]
    assert run(["listen", "--help"]) == 0
    options = capsys.readouterr().out
    assert sum(word.startswith("--") for word in words) == 3
    for word in words[2:]:
        assert not word.startswith("--") or word in options, word


def test_the_service_is_one_of_systemd() -> None:
    unit = configparser.ConfigParser(strict=True, interpolation=None, delimiters="=")
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(block("ini").replace(" \\\n", ""))
    assert unit.sections() == ["Unit", "Service", "Install"]
    assert unit["Service"]["DeviceAllow"] == "char-alsa rw"
    assert "PrivateDevices" not in unit["Service"]
    assert "MemoryDenyWriteExecute" not in unit["Service"]
