"""What the meter draws."""

from __future__ import annotations

import io
import types

import numpy as np
import pytest

from kws.cli import meter as module
from kws.cli.meter import WIDTH, Meter, level_dbfs


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    stream = Terminal()
    # pytest changes sys.stderr itself between a fixture and its test
    monkeypatch.setattr(module, "sys", types.SimpleNamespace(stderr=stream))
    monkeypatch.setenv("TERM", "xterm")
    return stream


def sine(amplitude):
    return amplitude * 32768 * np.sin(2 * np.pi * np.arange(1280) / 16)


def lines(meter):
    return meter.drawing().plain.split("\n")


def test_level_is_that_of_the_power():
    assert level_dbfs(sine(0.1)) == pytest.approx(-23.01, abs=0.01)
    assert level_dbfs(np.zeros(100)) == -float("inf")


def test_bars_grow_with_level_and_confidence(terminal):
    meter = Meter({"jarvis": 0.5, "x": 0.9})
    with meter:
        meter.update(0.1, sine(0.1), np.array([[0.1, 0.95], [0.3, 0.2]]))
        level, jarvis, x = lines(meter)
    filled = round((70 - 23.01) / 70 * WIDTH)
    assert level == f"level  [{'#' * filled}{'.' * (WIDTH - filled)}]  -23.0 dBFS"
    # 0.3 of 30 are 9, the threshold's mark stands in place 15
    assert jarvis == f"jarvis [{'#' * 9}{'.' * 6}|{'.' * 14}]  0.300 of 0.500"
    # 28.5 of 30 round to 28, the mark stands in place 27
    assert x == f"x      [{'#' * 27}|..]  0.950 of 0.900"
    styles = [str(span.style) for span in meter.drawing().spans]
    assert styles.count("bold green") == 1


def test_a_peak_is_held_for_a_second(terminal):
    meter = Meter({"x": 0.5})
    with meter:
        meter.update(0.0, sine(0.5), np.array([[0.8]]))
        meter.update(0.9, sine(0.01), np.array([[0.1]]))
        assert lines(meter)[1].endswith("0.800 of 0.500")
        meter.update(1.1, sine(0.01), np.array([[0.1]]))
        assert lines(meter)[1].endswith("0.100 of 0.500")
        assert "-43.0 dBFS" in lines(meter)[0]


def test_silence_is_called_so(terminal):
    meter = Meter({"x": 0.5})
    with meter:
        meter.update(0.0, np.zeros(100), np.zeros((0, 1)))
    assert lines(meter)[0] == f"level [{'.' * WIDTH}]     no signal"


def test_it_leaves_the_terminal_to_what_is_printed(terminal):
    meter = Meter({"x": 0.5})
    with meter:
        meter.update(0.0, sine(0.1), np.array([[0.2]]))
        before = terminal.getvalue()
        assert "dBFS" in before
        with meter.hidden():
            hidden = terminal.getvalue()[len(before) :]
            print("an event", file=terminal)
        meter.update(0.5, sine(0.1), np.array([[0.2]]))
    text = terminal.getvalue()
    assert "\x1b[2K" in hidden  # its lines are erased before the event is printed
    assert "dBFS" in text.split("an event\n")[1]


def test_nothing_is_drawn_where_there_is_no_terminal(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(module, "sys", types.SimpleNamespace(stderr=stream))
    with Meter({"x": 0.5}) as meter:
        meter.update(0.0, sine(0.1), np.array([[0.2]]))
        with meter.hidden():
            pass
    assert stream.getvalue() == ""
    monkeypatch.setattr(module, "sys", types.SimpleNamespace(stderr=None))
    with Meter({"x": 0.5}) as meter:
        meter.update(0.0, sine(0.1), np.array([[0.2]]))


def test_before_and_after_it_is_shown_there_is_nothing_to_hide(terminal):
    meter = Meter({"x": 0.5})
    with meter.hidden(), meter:
        pass
    with meter.hidden():
        assert terminal.getvalue().count("dBFS") == 0
