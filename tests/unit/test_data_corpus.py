"""What corpus preparation shares."""

from collections import Counter
from pathlib import Path

import pytest

from kws.data import Utterance
from kws.data.corpus import (
    SPLITS,
    draw_splits,
    find_recordings,
    id_part,
    sort_out_unreadable,
    split_of,
    write_splits,
)
from kws.errors import InputError


def test_finds_recordings_by_suffix_at_any_depth(tmp_path: Path) -> None:
    for name in ("b.WAV", "deep/er/a.flac", "c.m4a", "notes.txt", ".hidden.wav", ".git/d.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    recordings, others = find_recordings(tmp_path)
    assert recordings == [tmp_path / "b.WAV", tmp_path / "c.m4a", tmp_path / "deep/er/a.flac"]
    assert others == [tmp_path / "notes.txt"]


def test_no_folder_and_no_recording(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder"):
        find_recordings(tmp_path / "nowhere")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match="there is no recording in it"):
        find_recordings(tmp_path)


def test_splits_get_their_shares() -> None:
    counts = Counter(split_of(f"key {i}", dev=0.15, test=0.25) for i in range(10000))
    # five standard deviations of a binomial count, sqrt(10000 * 0.25 * 0.75) = 43
    assert abs(counts["test"] - 2500) < 220 and abs(counts["dev"] - 1500) < 220
    assert sum(counts.values()) == 10000


def test_shares_at_their_bounds() -> None:
    assert {split_of(str(i), dev=0, test=0) for i in range(100)} == {"train"}
    assert split_of("anna", dev=0.15, test=0.25) == split_of("anna", dev=0.15, test=0.25)
    for dev, test in ((0.5, 0.5), (-0.1, 0.5), (float("nan"), 0.1)):
        with pytest.raises(InputError, match="leave something for train"):
            split_of("x", dev=dev, test=test)


def counts_of(groups: dict[str, list[str]], **shares: float) -> dict[str, list[int]]:
    """How many keys of each group are in train, dev and test."""
    splits = draw_splits(groups, **({"dev": 0.15, "test": 0.25} | shares))
    return {
        name: [sum(splits[key] == split for key in keys) for split in SPLITS]
        for name, keys in groups.items()
    }


@pytest.mark.parametrize(
    ("num_keys", "counts"),
    [
        (1, [1, 0, 0]),
        (2, [1, 1, 0]),
        (3, [1, 1, 1]),
        (4, [2, 1, 1]),
        (5, [3, 1, 1]),
        (8, [5, 1, 2]),
        (19, [11, 3, 5]),
    ],
)
def test_few_are_shared_out_by_rank(num_keys: int, counts: list[int]) -> None:
    for name in "abcdefgh":  # whatever their hashes
        assert counts_of({"": [f"{name}{i}" for i in range(num_keys)]}) == {"": counts}


def test_many_stay_where_they_are() -> None:
    keys = [f"key {i}" for i in range(60)]
    few, many = (draw_splits({"": some}, dev=0.15, test=0.25) for some in (keys[:30], keys))
    assert few == {key: many[key] for key in keys[:30]}
    assert many == {key: split_of(key, dev=0.15, test=0.25) for key in keys}


def test_no_split_is_left_empty() -> None:
    for n in range(40):
        counts = counts_of({"": [f"{n} {i}" for i in range(25)]}, dev=0.02, test=0.02)[""]
        assert min(counts) >= 1 and sum(counts) == 25
    assert counts_of({"": ["a", "b", "c"]}, dev=0, test=0) == {"": [3, 0, 0]}
    assert counts_of({"": ["a", "b", "c"]}, dev=0) == {"": [2, 0, 1]}


def test_keys_of_several_groups_are_in_one_split_and_the_smallest_group_is_whole() -> None:
    speakers = [f"speaker {i}" for i in range(12)]
    groups = {"others": speakers, "rare": speakers[3:6], "more": [*speakers[5:8], "x"]}
    for counts in counts_of(groups).values():
        assert min(counts) >= 1


def test_id_part_has_no_blanks() -> None:
    assert id_part("Ärger im/Büro 2.a") == "Ärger_im_Büro_2.a"


def test_names_that_a_table_cannot_hold_are_unreadable() -> None:
    names = ["good.wav", "line\nbreak.wav", "bad\udcff.wav", "blank.wav "]
    good, faults = sort_out_unreadable(
        [Utterance(str(i), "s", "", name) for i, name in enumerate(names)], lambda _: None
    )
    assert [utterance.recording for utterance in good] == ["good.wav"]
    assert len(faults) == 3 and all("wav.scp cannot hold the name" in fault for fault in faults)


def test_empty_split_leaves_no_old_tables(tmp_path: Path) -> None:
    utterance = Utterance("a", "s", "", str(tmp_path / "a.wav"))
    write_splits(tmp_path, {"train": [utterance], "dev": [utterance]})
    (tmp_path / "dev" / "mine").touch()
    write_splits(tmp_path, {"train": [utterance], "dev": []})
    assert (tmp_path / "train" / "wav.scp").exists()
    assert [path.name for path in (tmp_path / "dev").iterdir()] == ["mine"]
