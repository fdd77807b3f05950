"""What is accepted and what refused is what the real Kaldi says (tests/golden/errors/README.md)."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from kws.cli.main import run

ERRORS = Path(__file__).parent / "errors"


def kaldi_verdicts() -> dict[str, bool]:
    """Per config whether Kaldi accepts it."""
    with (ERRORS / "results.tsv").open(newline="") as table:
        rows = list(csv.reader(table, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    return {row[0]: row[1] == "0" for row in rows}


VERDICTS = kaldi_verdicts()


def test_every_config_has_a_verdict() -> None:
    assert VERDICTS.keys() == {path.stem for path in ERRORS.glob("*.config")}
    assert sum(VERDICTS.values()) == 20
    assert len(VERDICTS) == 102


@pytest.mark.parametrize("name", VERDICTS)
def test_verdict_is_kaldis(
    name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    compared: Callable[..., None],
) -> None:
    monkeypatch.chdir(ERRORS)
    model = tmp_path / "model.kws"
    status = run(["init", f"{name}.config", str(model)])
    error = capsys.readouterr().err
    if VERDICTS[name]:
        assert (status, error) == (0, "")
        assert model.exists()
    else:
        assert status == 2
        assert error.count("\n") == 1
        assert error.startswith(f"{name}.config:")
        assert not model.exists()
    compared("nnet2 configs judged as Kaldi does")
