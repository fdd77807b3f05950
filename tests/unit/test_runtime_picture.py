"""The picture of an explanation."""

from __future__ import annotations

import dataclasses
import struct

import numpy as np
import pytest
from runtime_level import bursts, write_level

from kws.audio import Waveform
from kws.errors import InputError
from kws.runtime import Detector
from kws.runtime.explain import explain
from kws.runtime.picture import draw_explanation


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    return Detector(write_level(tmp_path_factory.mktemp("model") / "level.onnx"))


@pytest.fixture(scope="module")
def explanation(detector):
    return explain(detector, Waveform(bursts(4).astype(np.float32), 16000))


def test_a_png_of_three_panels_is_drawn(detector, explanation, tmp_path):
    path = tmp_path / "new" / "x.png"
    draw_explanation(path, explanation, detector.metadata)
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert (width, height) == (1100, 770)


def test_a_drawing_holds_all_that_is_reported(detector, explanation, tmp_path):
    path = tmp_path / "x.svg"
    (report, *_) = explanation.keywords
    only = dataclasses.replace(explanation, keywords=(report,))
    draw_explanation(path, only, detector.metadata)
    text = path.read_text()
    for label in ("waveform", "smoothed posterior", "time in s", "loud: loud"):
        assert f"<!-- {label} -->" in text
    assert "shout" not in text


def test_silence_and_a_single_frame_can_be_drawn(detector, tmp_path):
    for num_samples in (400, 16000):
        told = explain(detector, Waveform(np.zeros(num_samples, np.float32), 16000))
        draw_explanation(tmp_path / "x.png", told, detector.metadata)


def test_another_suffix_is_refused(detector, explanation, tmp_path):
    with pytest.raises(InputError, match=r"suffix '\.txt' is not one of \.png, \.pdf, \.svg"):
        draw_explanation(tmp_path / "x.txt", explanation, detector.metadata)
    assert list(tmp_path.iterdir()) == []
