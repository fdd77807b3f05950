"""Checkpoints come back as they were, and say what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import safetensors.torch
import torch

from kws.errors import InputError
from kws.training.checkpoint import (
    FILE_NAME,
    Checkpoint,
    check_settings,
    read_checkpoint,
    remove_unfinished,
    write_checkpoint,
)


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    values = torch.arange(6.0).view(2, 3)
    checkpoint = Checkpoint(
        {"--seed": "1"}, 3, 4, {"loss_sum": 0.1 + 0.2}, {"a.0": values, "b": values[0]}
    )
    write_checkpoint(tmp_path / "c", checkpoint)
    back = read_checkpoint(tmp_path / "c")
    assert (back.settings, back.epoch, back.job) == ({"--seed": "1"}, 3, 4)
    assert back.state["loss_sum"] == 0.1 + 0.2  # the same bits
    assert torch.equal(back.tensors["a.0"], values)
    assert torch.equal(back.tensors["b"], values[0])


def test_a_write_that_fails_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c"
    write_checkpoint(path, Checkpoint({}, epoch=1))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device", "disk")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(path, Checkpoint({}, epoch=2))
    assert read_checkpoint(path).epoch == 1
    assert list(tmp_path.iterdir()) == [path]


def test_the_remains_of_a_killed_write_are_removed(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    write_checkpoint(path, Checkpoint({}))
    (tmp_path / ".checkpoint.123.tmp.safetensors").write_bytes(b"half of it")
    remove_unfinished(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"{}", b"\x08\0\0\0\0\0\0\0{}      "])
def test_something_else_is_not_a_checkpoint(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(InputError, match=r"c: .*start anew with --restart"):
        read_checkpoint(tmp_path / "c")


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path) -> None:
    safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "c", {"format": "other"})
    with pytest.raises(InputError, match="c: a checkpoint of another version"):
        read_checkpoint(tmp_path / "c")


def test_the_first_setting_that_differs_is_named() -> None:
    old = {"--seed": "0", "--data": "a"}
    check_settings(Path("c"), old, dict(old))
    with pytest.raises(InputError) as error:
        check_settings(Path("c"), old, {"--seed": "0", "--data": "b " + "x" * 99})
    assert str(error.value) == (
        f"c: was begun with --data a, now it is b {'x' * 55}...; continue with the same, or start "
        "anew with --restart"
    )
    with pytest.raises(InputError, match=r"--new \(none\), now it is 1"):
        check_settings(Path("c"), old, {**old, "--new": "1"})
