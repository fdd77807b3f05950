"""The picture of an explanation."""

from __future__ import annotations

import dataclasses
import struct

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from runtime_level import bursts, write_level

from kws.audio import Waveform
from kws.errors import InputError
from kws.runtime import Detector
from kws.runtime.explain import explain
from kws.runtime.picture import draw_explanation, explanation_figure


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
    assert (width, height) == (1320, 770)


def test_a_drawing_holds_all_that_is_reported(detector, explanation, tmp_path):
    path = tmp_path / "x.svg"
    (report, *_) = explanation.keywords
    only = dataclasses.replace(explanation, keywords=(report,))
    draw_explanation(path, only, detector.metadata, "missed.wav")
    text = path.read_text()
    for label in ("missed.wav", "waveform (1: full scale)", "smoothed posterior", "time in s"):
        assert f"<!-- {label} -->" in text
    for label in ("loud: loud", "threshold"):
        assert f"<!-- {label} -->" in text
    assert "shout" not in text


def test_the_legends_lie_beside_the_curves(detector, explanation):
    figure = explanation_figure(explanation, detector.metadata)
    FigureCanvasAgg(figure).draw()
    _, *panels = figure.axes
    for panel in panels:
        legend, curves = panel.get_legend().get_window_extent(), panel.get_window_extent()
        assert curves.x1 < legend.x0 < legend.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= legend.y0


def test_a_unit_is_drawn_once_in_the_colour_of_its_first_keyword(detector, explanation):
    _, posteriors, confidences = explanation_figure(explanation, detector.metadata).axes
    drawn = [(line.get_label(), line.get_color()) for line in posteriors.get_lines()]
    assert drawn == [("loud, shout: loud", "C0"), ("shout: louder", "C1")]
    names = [(line.get_label(), line.get_color()) for line in confidences.get_lines()]
    assert {("loud", "C0"), ("shout", "C1")} <= set(names)


def test_what_is_unknown_is_not_drawn(detector, explanation, tmp_path):
    (report, *_) = explanation.keywords
    unknown = tuple(dataclasses.replace(e, start_s=None, end_s=None) for e in report.events)
    drawn = []
    for events in (report.events, unknown, ()):
        only = dataclasses.replace(report, events=events)
        only = dataclasses.replace(explanation, keywords=(only,))
        draw_explanation(tmp_path / "x.svg", only, detector.metadata)
        drawn.append((tmp_path / "x.svg").read_text().count("<path"))
    # of each event a span in three panels, and a peak
    assert drawn[0] - drawn[1] == 3 * len(report.events) > 0
    assert drawn[1] > drawn[2]


def test_silence_and_a_single_frame_can_be_drawn(detector, tmp_path):
    for num_samples in (400, 16000):
        told = explain(detector, Waveform(np.zeros(num_samples, np.float32), 16000))
        draw_explanation(tmp_path / "x.png", told, detector.metadata)


def test_another_suffix_is_refused(detector, explanation, tmp_path):
    with pytest.raises(InputError, match=r"suffix '\.txt' is not one of \.png, \.pdf, \.svg"):
        draw_explanation(tmp_path / "x.txt", explanation, detector.metadata)
    assert list(tmp_path.iterdir()) == []
