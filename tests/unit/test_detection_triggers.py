import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws.detection import event_triggers
from kws.detection.triggers import Arming, next_triggers
from kws.errors import InputError


def triggers_frame_by_frame(
    confidence: list[float], threshold: float, refractory_frames: int
) -> list[int]:
    """The rule as it is told: armed again when time has passed and the confidence fell."""
    triggers: list[int] = []
    fell = True
    for t, value in enumerate(confidence):
        passed = not triggers or t - triggers[-1] >= refractory_frames
        if value >= threshold and passed and fell:
            triggers.append(t)
            fell = False
        elif value < threshold:
            fell = True
    return triggers


@pytest.mark.parametrize(
    ("confidence", "refractory_frames", "expected"),
    [
        ([], 3, []),
        ([0, 0, 0], 3, []),
        ([1, 0, 0], 3, [0]),
        ([0, 1, 1, 1, 1, 1, 1], 3, [1]),  # one burst, however long
        ([0, 1, 0, 1, 1, 1, 0], 3, [1, 4]),  # up again too early: waits for the third frame
        ([0, 1, 0, 1, 0, 1, 0], 3, [1, 5]),
        ([1, 0, 1, 0, 1, 0], 0, [0, 2, 4]),
        ([1, 1, 0, 1], 0, [0, 3]),
    ],
)
def test_triggers_counted_by_hand(confidence, refractory_frames, expected):
    assert event_triggers(np.array(confidence), 0.5, refractory_frames).tolist() == expected


def test_reaching_the_threshold_is_enough():
    assert event_triggers(np.array([0.0, 0.5]), 0.5, 1).tolist() == [1]


@given(
    confidence=st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.9]), max_size=40),
    threshold=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    refractory_frames=st.integers(0, 8),
    cuts=st.lists(st.integers(0, 40), max_size=6),
)
def test_the_rule_frame_by_frame_in_any_chunks(confidence, threshold, refractory_frames, cuts):
    expected = triggers_frame_by_frame(confidence, threshold, refractory_frames)
    track = np.array(confidence)
    triggers = event_triggers(track, threshold, refractory_frames)
    assert triggers.dtype == np.int64
    assert triggers.tolist() == expected

    arming, start, streamed = Arming(), 0, []
    for chunk in np.split(track, sorted(min(cut, len(track)) for cut in cuts)):
        found, arming = next_triggers(chunk, threshold, refractory_frames, arming, start)
        start += len(chunk)
        streamed += found
    assert streamed == expected


def test_a_whole_table_is_refused():
    with pytest.raises(InputError, match=r"shape \(5, 2\): it must be \(T,\)"):
        event_triggers(np.zeros((5, 2)), 0.5, 1)
