"""torchaudio still gives what is stored, where the pair that gave it is installed."""

from __future__ import annotations

import re
import runpy
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import torch
from torchaudio_reference import FOLDER, stored

ROOT = Path(__file__).parents[2]


def missing() -> list[str]:
    """Which of the two packages is not installed in the version whose numbers are stored."""
    names = []
    for wanted in stored()["versions"]:
        package, number = wanted.split()
        try:
            found = version(package).partition("+")[0]
        except PackageNotFoundError:
            found = None
        if found != number:
            names.append(f"{wanted} (here: {found})")
    return names


MISSING = missing()


def test_the_extra_brings_the_pair_that_gave_the_numbers() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    for wanted in stored()["versions"]:
        assert f'"{wanted.replace(" ", "==")}"' in text


def test_nothing_else_needs_torchaudio() -> None:
    folders = ("kws", "local", "recipes", "tests", "benchmarks")
    scripts = {path for folder in folders for path in (ROOT / folder).rglob("*.py")}
    line = re.compile(r"^\s*(import|from) torchaudio\b", re.MULTILINE)
    importing = {path for path in scripts if line.search(path.read_text())}
    assert importing == {FOLDER / "make_reference.py"}


@pytest.mark.skipif(
    bool(MISSING), reason=f"pip install '.[test,torchaudio]' brings {' and '.join(MISSING)}"
)
def test_torchaudio_gives_what_is_stored() -> None:
    script = runpy.run_path(str(FOLDER / "make_reference.py"))
    outputs = script["outputs"](stored()["speech"], stored()["noise"])
    assert {"versions", "speech", "noise", *outputs} == set(stored())
    for name, found in outputs.items():
        # rounding of its FFT in float32, of samples near 1000 and of cepstra lifted by up to 12,
        # as where kws is compared with them
        tolerance = {"fbank": 5e-4, "resample": 1e-3, "mfcc": 3e-3}[name.split()[0]]
        torch.testing.assert_close(
            torch.from_numpy(found), torch.from_numpy(stored()[name]), atol=tolerance, rtol=1e-5
        )
