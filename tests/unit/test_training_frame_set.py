"""Frames of utterances with labels: what is kept, what is refused."""

from pathlib import Path

import numpy as np
import pytest

from kws.errors import InputError
from kws.training.frame_set import FrameSet, make_frame_set

MATRICES = {
    "a": np.arange(8, dtype=np.float32).reshape(4, 2),
    "empty": np.zeros((0, 0), np.float32),
    "b": 100 + np.arange(6, dtype=np.float32).reshape(3, 2),
}
LABELS = {"a": np.array([0, 1, -1, 2]), "empty": np.zeros(0, int), "b": np.array([2, 2, 0])}


def made(
    folder: Path,
    labels: dict[str, np.ndarray] | None = None,
    matrices: dict[str, np.ndarray] | None = None,
) -> FrameSet:
    given = LABELS if labels is None else labels
    return make_frame_set(
        (MATRICES if matrices is None else matrices).items(),
        {name: np.asarray(values, np.int32) for name, values in given.items()},
        3,
        source="feats",
        labels_source="ali",
        directory=folder,
    )


def test_frames_stand_one_after_the_other_and_the_file_has_no_name(tmp_path: Path) -> None:
    frames = made(tmp_path / "new")
    np.testing.assert_array_equal(frames.features, np.concatenate([MATRICES["a"], MATRICES["b"]]))
    assert frames.labels.tolist() == [0, 1, -1, 2, 2, 2, 0]
    assert frames.bounds.tolist() == [0, 4, 7]
    assert frames.num_utterances == 2
    assert frames.labelled().tolist() == [0, 1, 3, 4, 5, 6]
    assert list((tmp_path / "new").iterdir()) == []


def test_windows_repeat_the_ends_of_their_own_utterance(tmp_path: Path) -> None:
    windows = made(tmp_path).windows(np.array([4, 0, 2, 3]), 2, 1)
    firsts = windows[:, :, 0].tolist()  # of the utterances: 0 2 4 6 and 100 102 104
    assert firsts == [[100, 100, 100, 102], [0, 0, 0, 2], [0, 2, 4, 6], [2, 4, 6, 6]]


def test_the_digest_tells_another_label_and_another_value(tmp_path: Path) -> None:
    first = made(tmp_path).digest
    assert made(tmp_path).digest == first
    assert made(tmp_path, LABELS | {"b": np.array([2, 2, 1])}).digest != first
    assert made(tmp_path, matrices=MATRICES | {"b": MATRICES["b"] + 1}).digest != first


def test_utterances_without_labels_are_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frames = made(tmp_path, {"a": LABELS["a"], "empty": LABELS["empty"]})
    assert frames.bounds.tolist() == [0, 4]
    assert caplog.messages == ["ali: no labels for 1 utterances of feats, such as b; left out"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"b": np.array([1, 1])}, "ali: b: 2 labels, but feats has 3 frames of it; align features"),
        ({"b": np.array([1, 1, 3])}, r"ali: b: label 3, but the network's outputs are 0 to 2 \(-1"),
        ({"b": np.array([1, 1, -2])}, "ali: b: label -2, but the network's outputs are 0 to 2"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    tmp_path: Path, changes: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        made(tmp_path, LABELS | changes)
    assert list(tmp_path.iterdir()) == []


def test_features_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="feats: b: 3 columns, but the utterances before it have"):
        made(tmp_path, matrices=MATRICES | {"b": np.zeros((3, 3))})
    with pytest.raises(InputError, match="feats: b: holds values that are not finite"):
        made(tmp_path, matrices=MATRICES | {"b": np.full((3, 2), np.nan)})
    with pytest.raises(InputError, match="feats: holds no utterance that has a frame"):
        made(tmp_path, matrices={"empty": MATRICES["empty"]})


def test_an_alignment_of_others_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ali: has no labels for any of the 3 utterances of feats"):
        made(tmp_path, {"c": LABELS["a"]})
    some = MATRICES | {"c": MATRICES["a"]}
    with pytest.raises(InputError, match="ali: has no labels for 3 of 4 utterances of feats"):
        made(tmp_path, {"a": LABELS["a"]}, some)
