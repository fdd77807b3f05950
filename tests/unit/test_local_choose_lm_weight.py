"""local/choose_lm_weight.py, run as its users run it."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "local" / "choose_lm_weight.py"
# b is wrong with weight 2, c with weight 10, nothing else; 3 and 10 are equally good
DECODED = {"2": "u a x\nv x d\n", "3": "u a b\nv x d\n", "10": "u a b\nv x d\n", "11": "u\nv\n"}


def choose(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def decoded(tmp_path: Path) -> Path:
    (tmp_path / "ref").write_text("u a b\nv c d\n")
    for weight, text in DECODED.items():
        (tmp_path / f"decode/lm{weight}").mkdir(parents=True)
        (tmp_path / f"decode/lm{weight}/text").write_text(text)
    return tmp_path / "decode"


def test_the_weight_with_the_fewest_errors_is_written(tmp_path: Path, decoded: Path) -> None:
    done = choose(tmp_path / "ref", decoded)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{decoded}: language model 2: 50.0 % (2 of 4)",
        f"{decoded}: language model 3: 25.0 % (1 of 4)  chosen",
        f"{decoded}: language model 10: 25.0 % (1 of 4)",
        f"{decoded}: language model 11: 100.0 % (4 of 4)",
    ]
    assert (decoded / "lm_weight").read_text() == "3\n"


def test_phones_are_folded_before_they_are_counted(tmp_path: Path, decoded: Path) -> None:
    (tmp_path / "map").write_text("a a\nb b\nc c\nd d\nx b\n")
    done = choose(tmp_path / "ref", decoded, "--map", tmp_path / "map")
    assert "language model 2: 25.0 % (1 of 4)" in done.stdout
    assert (decoded / "lm_weight").read_text() == "3\n"


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("", "holds no lm*/text; it is what `kws decode` writes"),
        ("lmbest", "holds a folder lm* that is no weight's; remove it"),
    ],
)
def test_a_folder_of_something_else_is_one_line(tmp_path: Path, folder: str, message: str) -> None:
    (tmp_path / "ref").write_text("u a b\n")
    (tmp_path / "decode" / folder).mkdir(parents=True)
    if folder:
        (tmp_path / "decode" / folder / "text").write_text("u a b\n")
    done = choose(tmp_path / "ref", tmp_path / "decode")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr
