from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mistakes_world import World, make_world


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    make_world(folder)
    return folder


@pytest.fixture
def world(
    template: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> World:
    """A fresh copy of the world's files, which is the working directory."""
    folder = tmp_path / "world"
    shutil.copytree(template, folder)
    monkeypatch.chdir(folder)
    return World(folder, capsys, caplog)
