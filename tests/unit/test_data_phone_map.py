"""kws.data.phone_map and the map of TIMIT's phones."""

from pathlib import Path

import pytest

from kws.data.phone_map import read_phone_map
from kws.errors import InputError

TIMIT = Path(__file__).parents[2] / "conf" / "phones_60_48_39.map"


def test_timit_has_61_phones_48_to_train_with_and_39_to_score() -> None:
    phone_map = read_phone_map(TIMIT)
    assert len(phone_map.rows) == 61 and phone_map.num_columns == 3
    assert len(phone_map.phones(1)) == 48
    assert len(phone_map.phones(2)) == 39
    assert set(phone_map.phones(2)) < set(phone_map.phones(1)) | {"sil"}


def test_fold_takes_phones_of_every_set_up_to_the_wanted_one() -> None:
    phone_map = read_phone_map(TIMIT)
    labels = ["h#", "q", "ax-h", "tcl", "epi", "gcl", "zh", "ux", "pau"]
    assert phone_map.fold(labels, 1) == ["sil", "ax", "cl", "epi", "vcl", "zh", "uw", "sil"]
    assert phone_map.fold(labels) == ["sil", "ah", "sil", "sil", "sil", "sh", "uw", "sil"]
    assert phone_map.fold(phone_map.fold(labels, 1)) == phone_map.fold(labels)
    assert phone_map.fold(["q", "ax-h"], 0) == ["ax-h"]


def test_refuses_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "map"
    for content, message in (
        ("a b\na c\n", "map:2: a has a line already; keep one"),
        ("a b c\nd e\n", "map:2: 2 columns; the lines before have 3"),
        ("a\nb\n", "map: no phone becomes another"),
        ("a b c\nd b e\n", "map: b becomes c as well as e in column 3; keep one"),
        ("a b\nb\n", "map: b becomes b as well as nothing in column 2; keep one"),
        ("", "map: the file is empty"),
    ):
        path.write_text(content)
        with pytest.raises(InputError) as error:
            read_phone_map(path)
        assert message in str(error.value)
    with pytest.raises(InputError, match="No such file"):
        read_phone_map(tmp_path / "absent")
    with pytest.raises(InputError, match="has no line for the phone 'SIL'; add one"):
        read_phone_map(TIMIT).fold(["SIL"])
