"""Mistakes with microphones, and with what explains their recordings."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest
from fake_sounddevice import PortAudioError, install
from mistakes_world import Case, World
from runtime_level import METADATA, write_level

LIST_THEM = "`kws listen --list-devices` lists them"
CASES = [
    Case(
        "no model to listen with", "listen", "kws listen: name what kws export wrote, such as ..."
    ),
    Case("a model that is missing", "listen no.onnx", "no.onnx: No such file or directory"),
    Case(
        "a model that was not exported",
        "listen final.kws",
        "final.kws: not an ONNX file that onnxruntime ... loads (...); give what `kws export` "
        "writes",
    ),
    Case(
        "a model without thresholds",
        "listen new.onnx",
        "new.onnx: the model has no thresholds; give --threshold, or solve them with `kws evaluate "
        "--dev` and export it again",
    ),
    Case(
        "a device that is not there",
        "listen level.onnx --device webcam",
        f"--device webcam: there is no such input device; {LIST_THEM}",
    ),
    Case(
        "a device without inputs",
        "listen level.onnx --device 1",
        f"--device 1: there is no such input device; {LIST_THEM}",
    ),
    Case(
        "a name of several devices",
        "listen level.onnx --device usb",
        "--device usb: it could be 2 'USB Headset, FakeAudio', 3 'USB Headset Pro, FakeAudio'; "
        "give the number, or more of its name",
    ),
    Case(
        "a channel that is not there",
        "listen level.onnx --channel 2",
        "device 'Built-in Microphone': channel 2: it has 2 channel(s), counted from 0",
    ),
    Case(
        "a negative channel",
        "listen level.onnx --channel -1",
        "kws listen: Invalid value for '--channel': ... (see kws listen --help)",
    ),
    Case(
        "a negative refractory period",
        "listen level.onnx --refractory-s -1",
        "refractory_s=-1.0: it must lie between 0 and 86400 s, a day",
    ),
    Case(
        "a threshold beyond 1",
        "listen level.onnx --threshold 1.5",
        "kws listen: Invalid value for '--threshold': ... (see kws listen --help)",
    ),
    Case(
        "near misses that nothing keeps",
        "listen level.onnx --near-miss-threshold 0.2",
        "--near-miss-threshold 0.2: near misses are kept by --save-detections DIR; give it too",
    ),
    Case(
        "near misses above the threshold",
        "listen level.onnx --near-miss-threshold 0.35 --save-detections heard",
        "near-miss threshold 0.35: it must be above 0 and below the threshold of 'shout', 0.3",
    ),
    Case(
        "a file for the folder of detections",
        "listen level.onnx --save-detections net.config",
        "net.config: is a file; name a directory",
    ),
    Case(
        "a folder of detections below a file",
        "listen level.onnx --save-detections net.config/heard",
        "net.config/heard: Not a directory",
    ),
    Case(
        "a recording and a device",
        "doctor sound.wav --device 2",
        "--device is for a device; leave it out, or the file sound.wav",
    ),
    Case(
        "a recording and a duration",
        "doctor sound.wav --seconds 3",
        "--seconds is for a device; leave it out, or the file sound.wav",
    ),
    Case(
        "no time to record",
        "doctor --seconds 0",
        "kws doctor: Invalid value for '--seconds': ... (see kws doctor --help)",
    ),
    Case("no recording", "doctor no.wav", "no.wav: No such file or directory"),
    Case(
        "text for a recording",
        "doctor net.config",
        "net.config: is text (...), not a sound file; give a wav, FLAC, Opus, MP3 or SPHERE",
    ),
    Case(
        "a device to examine that is not there",
        "doctor --device webcam",
        f"--device webcam: there is no such input device; {LIST_THEM}",
    ),
    Case(
        "too little to examine",
        "doctor short.wav",
        "short.wav: audio of shape (100,): it must be one row of 320 samples (0.02 s) or more; "
        "give a longer recording",
        prepare=lambda f: cut(f, 100),
    ),
    Case(
        "too little to explain",
        "explain level.onnx short.wav",
        "short.wav: audio of shape (100,): it must be one row of 320 samples (0.02 s) or more; "
        "give a longer recording",
        prepare=lambda f: cut(f, 100),
    ),
    Case("nothing to explain", "explain level.onnx no.wav", "no.wav: No such file or directory"),
    Case(
        "a keyword to explain that the model lacks",
        "explain level.onnx sound.wav --keyword jarvis",
        "--keyword 'jarvis': the keywords of level.onnx are 'loud', 'shout'",
    ),
    Case(
        "an explanation without thresholds",
        "explain new.onnx sound.wav",
        "new.onnx: the model has no thresholds; give --threshold, or solve them with `kws evaluate "
        "--dev` and export it again",
    ),
    Case(
        "a picture of an unknown kind",
        "explain level.onnx sound.wav --out why.txt",
        "why.txt: suffix '.txt' is not one of .png, .pdf, .svg; use one",
    ),
    Case(
        "a picture in a folder that is a file",
        "explain level.onnx sound.wav --out net.config/why.png",
        "net.config: is a file; name a directory",
    ),
]


def cut(folder: Path, num_samples: int) -> None:
    content = (folder / "sound.wav").read_bytes()
    (folder / "short.wav").write_bytes(content[: 44 + 2 * num_samples])


@pytest.fixture
def models(world: World) -> World:
    write_level(world.folder / "level.onnx")
    write_level(world.folder / "new.onnx", thresholds="{}")
    return world


@pytest.mark.parametrize("case", CASES, ids=str)
def test_listen(case: Case, models: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = install(monkeypatch)
    notices = (
        ("short.wav: ends before its header says, what is there is used...",)
        if "short.wav" in case.command
        else ()
    )
    models.check(dataclasses.replace(case, notices=notices))
    assert fake.streams == []  # no mistake opens a device


def test_a_device_in_use(models: World, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch).failure = PortAudioError(
        "Error opening InputStream: Device unavailable [PaErrorCode -9985]"
    )
    line = (
        "device 'Built-in Microphone, FakeAudio': cannot be opened (Device unavailable "
        f"[PaErrorCode -9985]); close the program that uses it, or choose another one: {LIST_THEM}"
    )
    for command in ("listen level.onnx", "doctor"):
        models.check(Case("", command, line))


def test_no_sounddevice(models: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)  # importing it fails
    line = "a microphone needs the package sounddevice; install it with `pip install sounddevice`"
    for command in ("listen level.onnx", "listen --list-devices", "doctor"):
        models.check(Case("", command, line))


def test_no_device(models: World, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch).devices = []
    line = "there is no input device; connect a microphone, and see that it is on"
    for command in ("listen level.onnx", "listen --list-devices", "doctor"):
        models.check(Case("", command, line))


def test_the_models_are_what_the_cases_take_them_for(models: World) -> None:
    assert '"loud": {"threshold": 0.4}, "shout": {"threshold": 0.3}' in METADATA["thresholds"]
