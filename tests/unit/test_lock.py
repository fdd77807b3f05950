"""recipes/requirements.lock: one exact version of everything that recipes, tests and CI install."""

from __future__ import annotations

import re
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
LOCK = [
    line
    for line in (ROOT / "recipes" / "requirements.lock").read_text().splitlines()
    if not line.startswith("#")
]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def locked(python: str) -> dict[str, Version]:
    """The version of each package on Linux with that Python."""
    platform = {"python_version": python, "python_full_version": f"{python}.0"}
    platform |= {"sys_platform": "linux", "platform_machine": "x86_64"}
    pins = [Requirement(line) for line in LOCK]
    wanted = [p for p in pins if p.marker is None or Marker(str(p.marker)).evaluate(platform)]
    return {canonicalize_name(p.name): Version(str(p.specifier)[2:]) for p in wanted}


def requirements() -> list[Requirement]:
    """What pyproject.toml asks for: at run time, and with the extra `test`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked, seen = [*project["dependencies"], *extras["test"]], []
    while asked:
        requirement = Requirement(asked.pop())
        if requirement.name == "kws":
            asked += [line for extra in requirement.extras for line in extras[extra]]
        else:
            seen.append(requirement)
    return seen


def test_every_line_is_one_exact_version() -> None:
    for line in LOCK:
        # no local suffix and no hash: the same version has builds with and without CUDA
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; .+)?", line), line


@pytest.mark.parametrize("python", PYTHONS)
def test_it_holds_what_the_project_asks_for(python: str) -> None:
    pins = locked(python)
    for requirement in requirements():
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_this_environment_has_its_versions() -> None:
    if (Path(sys.prefix) / ".newest").exists() or not list(Path(sys.prefix).glob(".kws-*")):
        pytest.skip("this environment was not made by recipes/env.sh with the lock")
    pins = locked(f"{sys.version_info.major}.{sys.version_info.minor}")
    found = {canonicalize_name(d.metadata["Name"]): Version(d.version) for d in distributions()}
    others = {
        name: str(version)
        for name, version in found.items()
        if name not in ("kws", "pip") and version.public != str(pins.get(name))
    }
    assert not others, "not in recipes/requirements.lock, or in another version there"
