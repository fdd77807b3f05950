import io
import json
import subprocess
import sys
import types

import pytest
from runtime_level import bursts, write_level

from kws.audio import NOTICES, write_audio
from kws.cli.main import run as kws
from kws.runtime import Detector

SOUND = bursts(8)
WITHOUT_TORCH = """
import sys, json
if BLOCKED:
    sys.modules["torch"] = None
from kws.cli.main import run
status = run(sys.argv[1:])
print(json.dumps([name for name in ("torch", "onnx") if sys.modules.get(name)]), file=sys.stderr)
sys.exit(status)
"""


@pytest.fixture(autouse=True)
def _first_notice():
    NOTICES.clear()


@pytest.fixture
def model(tmp_path):
    return str(write_level(tmp_path / "level.onnx"))


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "sound.wav"
    write_audio(path, SOUND, 16000)
    return str(path)


def rows_of(text):
    return [json.loads(line) for line in text.splitlines()]


def expected_rows(file, **given):
    return [
        {
            "file": file,
            "keyword": event.keyword,
            "start_s": round(event.start_s, 4),
            "end_s": round(event.end_s, 4),
            "peak_s": round(event.peak_s, 4),
            "confidence": round(event.confidence, 6),
        }
        for event in given["events"]
    ]


def events_of(model, **options):
    detector = Detector(model, **options)
    return detector.process(SOUND) + detector.flush()


def test_events_of_a_file_and_of_standard_input(model, sound, capsys, monkeypatch):
    events = events_of(model)
    assert len(events) > 5
    assert kws(["detect", model, sound]) == 0
    assert rows_of(capsys.readouterr().out) == expected_rows(sound, events=events)
    stream = io.BytesIO(SOUND.astype("<i2").tobytes())
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=stream))
    assert kws(["detect", model, "-"]) == 0
    assert rows_of(capsys.readouterr().out) == expected_rows("-", events=events)


def test_a_threshold_for_all_keywords(model, sound, capsys):
    events = events_of(model, thresholds=0.7)
    assert 0 < len(events) < len(events_of(model))
    assert kws(["detect", "--threshold", "0.7", model, sound]) == 0
    assert rows_of(capsys.readouterr().out) == expected_rows(sound, events=events)


def test_a_refractory_period(model, sound, capsys):
    events = events_of(model, refractory_s=2.5)
    assert 0 < len(events) < len(events_of(model))
    assert kws(["detect", "--refractory-s", "2.5", model, sound]) == 0
    assert rows_of(capsys.readouterr().out) == expected_rows(sound, events=events)


def test_several_files_are_streams_of_their_own(model, sound, tmp_path, capsys):
    missing = str(tmp_path / "missing.wav")
    assert kws(["detect", model, sound, missing, sound]) == 2
    captured = capsys.readouterr()
    assert rows_of(captured.out) == expected_rows(sound, events=events_of(model)) * 2
    assert captured.err == f"{missing}: No such file or directory\n"


def test_mistakes_are_those_of_a_model_file(model, sound, tmp_path, capsys):
    path = str(write_level(tmp_path / "new.onnx", thresholds="{}"))
    assert kws(["detect", path, sound]) == 2
    assert capsys.readouterr().err == (
        f"{path}: the model has no thresholds; give --threshold, or solve them with "
        "`kws evaluate --dev`\n"
    )
    assert kws(["detect", "--threshold", "0.5", path, sound]) == 0
    assert kws(["detect", "--rate", "8000", model, sound]) == 2
    assert kws(["detect", str(tmp_path / "no.onnx"), sound]) == 2
    assert capsys.readouterr().err == (
        "--rate 8000 is for standard input; a sound file tells its own rate\n"
        f"{tmp_path}/no.onnx: No such file or directory\n"
    )


def without_torch(words, *, blocked):
    script = WITHOUT_TORCH.replace("BLOCKED", str(blocked))
    return subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=False
    )


def test_an_exported_file_is_run_without_torch(model, sound):
    rows = expected_rows(sound, events=events_of(model))
    for blocked in (False, True):
        finished = without_torch(["detect", model, sound], blocked=blocked)
        assert (finished.returncode, finished.stderr) == (0, "[]\n")
        assert rows_of(finished.stdout) == rows


def test_an_exported_file_is_shown_without_torch(model):
    finished = without_torch(["info", model], blocked=True)
    assert (finished.returncode, finished.stderr) == (0, "[]\n")
    assert finished.stdout.splitlines() == [
        "exported detector: float32 weights, 0.00 MB",
        "sample rate: 16000 Hz",
        "frames: every 10 ms, the centre of the first at 12.5 ms",
        "latency: 22.5 ms (look-ahead 1 frames)",
        "state: 402 values per stream",
        "network:",
        "",
        "features: --feature-type=fbank",
        "units: <filler>, loud, louder",
        "keyword loud: units loud; threshold 0.4; word times known",
        "keyword shout: units loud, louder; threshold 0.3; word times known",
        'posterior: {"w_smooth": 1, "w_max": 20, "confidence": "chen"}',
        "refractory_s: 0.3",
        "card made: by hand",
    ]


def test_what_was_measured_is_shown_where_it_is_numbers(tmp_path, capsys):
    measured = {"threshold": 0.4, "hours": 2, "fa_per_hour": 0.5, "fa_per_hour_upper": 2.78}
    for changes, shown in (
        ({"miss_rate": 0.125}, ", solved on 2 h: 0.5 false alarms per hour (95 %: below 2.78)"),
        ({"hours": "two", "miss_rate": "few"}, ""),
        ({"hours": None}, ""),
        ({"fa_per_hour": [0]}, ""),
        ({"fa_per_hour_upper": 10**400}, ""),
    ):
        thresholds = json.dumps({"loud": {**measured, **changes}})
        assert kws(["info", str(write_level(tmp_path / "a.onnx", thresholds=thresholds))]) == 0
        lines = capsys.readouterr().out.splitlines()
        misses = ", 12.5 % misses" if changes == {"miss_rate": 0.125} else ""
        assert f"keyword loud: units loud; threshold 0.4{shown}{misses}; word times known" in lines
        assert "keyword shout: units loud, louder; no threshold; word times known" in lines


def test_what_needs_torch_says_so_where_there_is_none(tmp_path, sound):
    finished = without_torch(["detect", str(tmp_path / "a.kws"), sound], blocked=True)
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert finished.stderr == (
        "kws: torch is not installed; this needs the extra train: pip install 'kws[train]' (a model"
        " whose name ends in .onnx is run without it)\n[]\n"
    )


def test_importing_the_runtime_imports_nothing_that_is_slow():
    """torch and the like take a second; what is told is what is loaded, not a time."""
    script = (
        "import sys; import kws.runtime; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    slow = {"torch", "onnx", "scipy", "matplotlib", "rich", "typer", "sounddevice"}
    assert not slow & set(finished.stdout.split())
