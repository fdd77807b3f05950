"""Mistakes in detection and evaluation."""

from __future__ import annotations

import io
import types

import pytest
from mistakes_world import Case, World

EVALUATE = "evaluate --model final.kws --out out"
RESULTS = ("confidences.png", "det.png", "events.jsonl", "operating_points.csv", "report.html")
MADE = tuple(f"new/{name}" for name in RESULTS)
CASES = [
    Case(
        "a model without thresholds",
        "detect new.kws sound.wav",
        "new.kws: the model has no thresholds; give --threshold, or solve them "
        "with `kws evaluate --dev`",
    ),
    Case(
        "a threshold beyond 1",
        "detect --threshold 2 final.kws sound.wav",
        "kws detect: Invalid value for '--threshold': ... (see kws detect --help)",
    ),
    Case(
        "a threshold that is no number",
        "detect --threshold nan final.kws sound.wav",
        "kws detect: Invalid value for '--threshold': ... (see kws detect --help)",
    ),
    *(
        Case(
            f"a refractory period of {period} s",
            f"detect --refractory-s {period} final.kws sound.wav sound.wav",
            f"refractory_s={float(period)}: it must lie between 0 and 86400 s, a day",
        )
        for period in ("-1", "100000", "nan", "inf")
    ),
    Case(
        "a byte too many",
        "detect final.kws -",
        "standard input: ends in the middle of a 16-bit sample (an odd number of "
        "bytes); give raw 16-bit little-endian mono samples",
    ),
    Case(
        "a rate of 0",
        "detect --rate 0 final.kws -",
        "kws detect: Invalid value for '--rate': ... (see kws detect --help)",
    ),
    Case(
        "a rate in words",
        "detect --rate 16k final.kws -",
        "kws detect: Invalid value for '--rate': ... (see kws detect --help)",
    ),
    Case(
        "a rate for a file",
        "detect --rate 8000 final.kws sound.wav",
        "--rate 8000 is for standard input; a sound file tells its own rate",
    ),
    Case(
        "no files",
        "detect final.kws",
        "kws detect: Missing argument 'FILE|-'. (see kws detect --help)",
    ),
    Case(
        "an evaluation without thresholds",
        "evaluate --model new.kws --test data --out out",
        "new.kws: the model has no thresholds; solve them with --dev DIR, or give --threshold",
    ),
    Case(
        "no false alarms",
        EVALUATE + " --dev data --test data --fa-per-hour 0",
        "--fa-per-hour 0: it must be greater than 0 and finite",
    ),
    Case(
        "false alarms that are no number",
        EVALUATE + " --dev data --test data --fa-per-hour nan",
        "--fa-per-hour nan: it must be greater than 0 and finite",
    ),
    Case(
        "infinitely many false alarms",
        EVALUATE + " --dev data --test data --fa-per-hour inf",
        "--fa-per-hour inf: it must be greater than 0 and finite",
    ),
    Case(
        "thresholds given and solved",
        EVALUATE + " --dev data --test data --threshold 0.5",
        "--threshold and --dev: thresholds are given or solved; leave one out",
    ),
    Case(
        "a threshold of 7",
        EVALUATE + " --test data --threshold 7",
        "--threshold 7: it must lie between 0 and 1",
    ),
    Case(
        "a threshold of nan",
        EVALUATE + " --test data --threshold nan",
        "--threshold nan: it must lie between 0 and 1",
    ),
    Case(
        "a ratio that is no number",
        EVALUATE + " --test data --noise data --snr-db nan",
        "--snr-db nan: it must be a finite number",
    ),
    Case(
        "a missing test set",
        EVALUATE + " --test daat",
        "daat: no such directory; name a data dir (one that holds wav.scp)",
    ),
    Case(
        "no test set", EVALUATE, "kws evaluate: Missing option '--test'. (see kws evaluate --help)"
    ),
    Case(
        "no other speech to solve on",
        "evaluate --model new.kws --out new --dev pos --test data",
        "--dev: there is no audio without 'jarvis', so no false alarm can be "
        "counted; add a data dir of other speech",
        {"pos/wav.scp": "c-1 c-1.wav\n", "pos/text": "c-1 jarvis computer\n"},
        prepare=lambda f: (f / "pos/c-1.wav").write_bytes((f / "sound.wav").read_bytes()),
    ),
    Case(
        "a file for the directory of results",
        "evaluate --model final.kws --out net.config --test data",
        "net.config: is a file; name a directory",
    ),
    Case(
        "a negative seed",
        EVALUATE + " --test data --seed -1",
        "kws evaluate: Invalid value for '--seed': ... (see kws evaluate --help)",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_detect_and_evaluate(case: Case, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=io.BytesIO(b"\0" * 3201)))
    world.check(case)


def test_a_test_set_that_thresholds_are_solved_on_is_told(world: World) -> None:
    told = (
        "4 recordings are in --dev and in --test (...data/a-1.wav): the thresholds were solved on "
        "what they are tested on"
    )
    command = "evaluate --model final.kws --out new --dev data --test data"
    world.check(Case("", command, "", notices=(told,), made=MADE, changed=("final.kws",), status=0))


@pytest.mark.parametrize(
    ("text", "undefined"),
    [("hello there", "0 of 0  undefined"), ("jarvis computer", "0 in 0 h      undefined")],
)
def test_what_cannot_be_counted_is_undefined(text: str, undefined: str, world: World) -> None:
    files = {"one/wav.scp": "c-1 ../sound.wav\n", "one/text": f"c-1 {text}\n"}
    command = "evaluate --model final.kws --out new --test one"
    printed = world.check(Case("", command, "", files, made=MADE, status=0))
    assert undefined in printed
