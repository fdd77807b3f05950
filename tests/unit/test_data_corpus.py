"""What corpus preparation shares."""

from collections import Counter
from pathlib import Path

import pytest

from kws.data import Utterance
from kws.data.corpus import find_recordings, id_part, sort_out_unreadable, split_of, write_splits
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
