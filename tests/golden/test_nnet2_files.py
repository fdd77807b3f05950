"""Model files of the real Kaldi read and written again (tests/golden/{nnet2,mdl,train})."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kws.errors import InputError
from kws.kaldi.nnet2 import format_kaldi_model, read_kaldi_model, read_transition_model

GOLDEN = Path(__file__).parent
GMM = "mono.mdl"
RAW_BINARY = sorted(p for p in (GOLDEN / "nnet2").glob("*.raw") if ".txt" not in p.name)
BINARY = [
    *RAW_BINARY,
    *(p for p in (GOLDEN / "mdl").glob("*.mdl") if ".txt" not in p.name and p.name != GMM),
    *(GOLDEN / "train").glob("*.mdl"),
]
TEXT = [
    *(GOLDEN / "nnet2").glob("*.txt.raw"),
    *(GOLDEN / "mdl").glob("*.txt.mdl"),
    GOLDEN / "mdl" / "dnn-1.raw.txt",
]


def text_of(path: Path) -> Path:
    return path.with_name(f"{path.stem}.txt{path.suffix}")


def test_all_files_are_here() -> None:
    assert (len(RAW_BINARY), len(BINARY), len(TEXT)) == (20, 44, 24)


@pytest.mark.parametrize("path", sorted(BINARY), ids=lambda path: path.name)
def test_binary_files_are_written_again_byte_for_byte(
    path: Path, compared: Callable[..., None]
) -> None:
    assert format_kaldi_model(read_kaldi_model(path)) == path.read_bytes()
    compared("nnet2 model files, binary, written again byte for byte")


@pytest.mark.parametrize("path", sorted(TEXT), ids=lambda path: path.name)
def test_text_files_are_written_again_byte_for_byte(
    path: Path, compared: Callable[..., None]
) -> None:
    assert format_kaldi_model(read_kaldi_model(path), text=True) == path.read_bytes()
    compared("nnet2 model files, text, written again byte for byte")


@pytest.mark.parametrize(
    "path", [p for p in sorted(BINARY) if text_of(p).exists()], ids=lambda path: path.name
)
def test_binary_becomes_kaldis_text(path: Path) -> None:
    expected = text_of(path).read_bytes()
    assert format_kaldi_model(read_kaldi_model(path), text=True) == expected


@pytest.mark.parametrize("path", RAW_BINARY, ids=lambda path: path.name)
def test_text_becomes_kaldis_binary(path: Path) -> None:
    assert format_kaldi_model(read_kaldi_model(text_of(path))) == path.read_bytes()


def test_the_transition_model_of_a_gmm_is_that_of_its_network() -> None:
    ours = read_kaldi_model(GOLDEN / "mdl" / "dnn-0.mdl").transitions
    for name in (GMM, "trans.txt"):
        transitions = read_transition_model(GOLDEN / "mdl" / name)
        assert ours is not None
        assert (transitions.tuples, transitions.entry_of) == (ours.tuples, ours.entry_of)
        assert transitions.num_pdfs == 19


def test_a_gmm_is_refused_where_it_stops_being_a_network() -> None:
    with pytest.raises(InputError, match=r"mono\.mdl: byte 909: expected <Nnet>, found"):
        read_kaldi_model(GOLDEN / "mdl" / GMM)
