"""Batch commands that can use none of their recordings: a line, no success, nothing written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mistakes_world import TRAIN, Case, World

from kws.audio import write_audio
from kws.data import Utterance, write_data_dir

TEXTS = {"s-1": "jarvis", "s-2": "computer", "s-3": "hello"}
NO_FRAME = "short: no recording is as long as a frame; give longer ones"
NOT_WRITTEN = "no recording is as long as a frame; not written"
NOT_ALIGNED = (
    "short: none of the 2 utterances that hold a keyword can be aligned; are they as long as the "
    "words in their text?"
)


def make_short(folder: Path) -> None:
    """A data dir whose recordings are shorter than a frame."""
    for name in TEXTS:
        write_audio(folder / f"short/{name}.wav", np.ones(100, np.float32), 16000)
    write_data_dir(
        folder / "short",
        [Utterance(i, "s", text, str(folder / f"short/{i}.wav")) for i, text in TEXTS.items()],
    )


EMPTY = ("s-...: 100 samples are too short for a frame; its matrix is empty",) * 3
CASES = [
    Case(
        "align from energy",
        "align --keywords jarvis,computer short out.ctm",
        NOT_ALIGNED,
        notices=("short/wav.scp:...: too short or too even to hold ...",) * 2,
        status=1,
    ),
    Case(
        "align by a network",
        "align --model final.kws short out.ctm",
        NOT_ALIGNED,
        notices=("short/wav.scp:...: too short to hold ...",) * 2,
        status=1,
    ),
    Case(
        "features and statistics",
        "features --config cmvn.conf short out",
        f"out: {NOT_WRITTEN}",
        files={"cmvn.conf": "--cmvn=global\n"},
        notices=EMPTY,
        status=1,
    ),
    Case(
        "statistics alone",
        "features --config cmvn.conf --stats-only short out",
        f"out: {NOT_WRITTEN}",
        files={"cmvn.conf": "--cmvn=global\n"},
        notices=EMPTY,
        status=1,
    ),
    Case(
        "posteriors",
        "posteriors final.kws short ark:out.ark",
        "short: holds no utterance that can be used",
        notices=("s-...: 0 frames, needs 1; left out",) * 3,
        status=1,
    ),
    Case("a test set", "evaluate --model final.kws --test short --out out", NO_FRAME),
    Case("a dev set", "evaluate --model new.kws --dev short --test data --out out", NO_FRAME),
    Case(
        "a training set",
        f"{TRAIN.replace('--data data', '--data short')} --objective max-pool",
        "short: there is nothing to train on: no utterance is as long as a frame (frame-length=25 "
        "ms, frame-shift=10 ms in feats.conf); give longer ones",
    ),
    Case(
        "calibration",
        "export new.kws new.onnx --int8 --calibration short",
        "--calibration: no recording has a frame of samples; give longer ones",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_usable(world: World, case: Case) -> None:
    make_short(world.folder)
    world.check(case)
