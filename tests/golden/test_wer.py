"""Word errors as compute-wer counts them, in each of its modes (see io/README.md)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kws.cli.main import run

IO = Path(__file__).parent / "io"
REF, HYP = ((IO / name).read_text() for name in ("ref.txt", "hyp.txt"))
MISSING = "v6"


@pytest.mark.parametrize(
    ("mode", "ref", "hyp"),
    [
        ("all", REF, f"{HYP}{MISSING}\n"),
        (
            "present",
            "".join(line for line in REF.splitlines(True) if not line.startswith(MISSING)),
            HYP,
        ),
    ],
)
def test_errors_are_those_of_compute_wer(
    mode: str,
    ref: str,
    hyp: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    compared: Callable[..., None],
) -> None:
    for name, text in (("ref", ref), ("hyp", hyp)):
        (tmp_path / name).write_text(text)
    words = [f"{tmp_path}/ref", f"{tmp_path}/hyp", "--weights", "levenshtein"]
    assert run(["score", *words]) == 0
    printed = capsys.readouterr().out.splitlines()
    word_errors, sentence_errors, _ = (IO / f"wer.{mode}.txt").read_text().splitlines()
    assert word_errors.removesuffix(" [PARTIAL]") in printed
    assert sentence_errors in printed
    compared("outputs of compute-wer")


def test_a_missing_hypothesis_is_an_error_as_in_its_mode_strict(
    capsys: pytest.CaptureFixture[str], compared: Callable[..., None]
) -> None:
    assert (IO / "wer.strict.txt").read_bytes() == b""
    words = [str(IO / "ref.txt"), str(IO / "hyp.txt"), "--weights", "levenshtein"]
    assert run(["score", *words]) == 2
    assert f"utterance {MISSING} is not in" in capsys.readouterr().err
    compared("outputs of compute-wer")
