"""`kws align` as a user calls it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kws.audio import write_audio
from kws.cli.main import run
from kws.data import Utterance, Word, read_ctm, write_ctm, write_data_dir
from kws.features import parse_feature_options
from kws.hmm import units_of
from kws.nnet import Nnet
from kws.spotter import Spotter

RATE = 16000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two takes of "computer", at 1.0-1.6 s and at 2.0-2.6 s, and one of something else."""
    directory = tmp_path / "data"
    noise = np.random.default_rng(0).standard_normal(3 * RATE).astype(np.float32)
    utterances = []
    for name, text, start_s in [("a", "computer", 1.0), ("b", "Computer!", 2.0), ("c", "x", 0.5)]:
        samples = noise * 3
        first = round(start_s * RATE)
        samples[first : first + 9600] *= 700
        write_audio(directory / f"{name}.wav", samples, RATE)
        utterances.append(Utterance(name, name, text, str(directory / f"{name}.wav")))
    write_data_dir(directory, utterances)
    return directory


def model(path: Path, keyword: str = "computer") -> Path:
    """A network that takes every loud frame for the keyword."""
    nnet = Nnet.from_config(
        "AffineComponent input-dim=20 output-dim=2 learning-rate=0.1 param-stddev=0\n"
        "SoftmaxComponent dim=2\n",
        "test",
        torch.Generator().manual_seed(0),
    )
    with torch.no_grad():
        linear, bias = dict(nnet.named_parameters()).values()
        linear.copy_(torch.stack((torch.zeros(20), torch.full((20,), 1 / 20))))
        bias.copy_(torch.tensor([0.0, -14.0]))
    inventory = units_of([keyword])
    metadata = {
        "units": list(inventory.units),
        "keywords": [{"name": k.name, "units": list(k.units)} for k in inventory.keywords],
    }
    Spotter.from_parts(
        parse_feature_options("--num-mel-bins=20", "test"), None, nnet, metadata
    ).save(path)
    return path


def starts(ctm: Path) -> dict[str, list[float]]:
    return {name: [word.start_s for word in words] for name, words in read_ctm(ctm).items()}


def test_from_energy(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "exp" / "ali.ctm"
    assert run(["align", "--keywords", "computer, jarvis", str(data), str(out)]) == 0
    assert capsys.readouterr().out == (
        f"{out}: 2 of 2 utterances that hold a keyword are aligned\n"
    )
    words = read_ctm(out)
    assert list(words) == ["a", "b"]
    assert words["a"][0].word == "computer"
    assert words["a"][0].start_s == pytest.approx(1.0, abs=0.0201)
    assert words["b"][0].end_s == pytest.approx(2.6, abs=0.0201)


def test_given_times_are_copied(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ctm(data / "ctm", [Word("a", 0.25, 0.5, "computer"), Word("a", 0.5, 0.75, "please")])
    out = tmp_path / "ali.ctm"
    assert run(["align", "--keywords", "computer", str(data), str(out)]) == 0
    words = read_ctm(out)
    assert words["a"] == [Word("a", 0.25, 0.5, "computer")]
    assert words["b"][0].start_s == pytest.approx(2.0, abs=0.0201)
    assert "moved" not in capsys.readouterr().out


def test_units_per_word(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "ali.ctm"
    options = ["--keywords", "computer", "--units-per-word", "2"]
    assert run(["align", *options, str(data), str(out)]) == 0
    first, second = read_ctm(out)["a"]
    assert (first.word, second.word) == ("computer.1", "computer.2")
    assert first.end_s == pytest.approx(second.start_s) == pytest.approx(1.3, abs=0.0201)


def test_wrd_files_and_the_old_alignment(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.wrd").write_text("8000 16000 computer\n", encoding="utf-8")
    write_ctm(tmp_path / "old.ctm", [Word("a", 0.6, 1.0, "computer")])
    out = tmp_path / "ali.ctm"
    options = ["--keywords", "computer", "--wrd-dir", str(tmp_path)]
    options += ["--ali", str(tmp_path / "old.ctm")]
    assert run(["align", *options, str(data), str(out)]) == 0
    assert read_ctm(out)["a"] == [Word("a", 0.5, 1.0, "computer")]
    assert capsys.readouterr().out.splitlines()[1] == (
        f"against {tmp_path / 'old.ctm'}: 2 boundaries moved by 50 ms on average, 50 ms in the "
        "median, 95 ms at the 95th percentile"
    )


def test_realignment(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_ctm(data / "ctm", [Word("a", 1.1, 1.6, "computer")])
    out = tmp_path / "ali.ctm"
    assert run(["align", "--model", str(model(tmp_path / "m.kws")), str(data), str(out)]) == 0
    assert starts(out)["a"] == pytest.approx([1.0], abs=0.02)
    assert starts(out)["b"] == pytest.approx([2.0], abs=0.02)
    told = capsys.readouterr().out.splitlines()[1]
    assert told.startswith(f"against {data / 'ctm'}: 2 boundaries moved by ")


def test_nothing_to_compare(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_ctm(tmp_path / "old.ctm", [Word("z", 0.6, 1.0, "computer")])
    options = ["--keywords", "computer", "--ali", str(tmp_path / "old.ctm")]
    assert run(["align", *options, str(data), str(tmp_path / "ali.ctm")]) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith("old.ctm: no word in common")


def test_texts_with_the_letters_alone_are_shown(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (data / "text").read_text().replace("c x", "c commuter-computers")
    (data / "text").write_text(text)
    out = tmp_path / "ali.ctm"
    assert run(["align", "--keywords", "computer\uff0cjarvis", str(data), str(out)]) == 0
    note = (
        f"{data}/text: 1 texts hold the letters of a keyword, but not as whole words, and count as "
        "without it (c first: 'commuter-computers' holds 'computer')"
    )
    assert capsys.readouterr().out.splitlines()[1:] == [f"note: {note}"]
    note = note.replace("1 texts", "3 texts").replace("c first: 'commuter-c", "a first: 'c")
    note = note.replace("computers' holds 'computer'", "computer' holds 'compute'")
    assert run(["align", "--keywords", "compute", str(data), str(tmp_path / "no.ctm")]) == 2
    assert capsys.readouterr().err == (
        f"{data}: no utterance's text holds a keyword (compute); {note}\n"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--keywords", "com puter,computer"],
            "keywords 'com puter' and 'computer' have the same letters: they are one keyword; "
            "keep one",
        ),
        ([], "kws align: Invalid value: give either --keywords or --model (see kws align --help)"),
        (["--keywords", "jarvis"], "{data}: no utterance's text holds a keyword (jarvis)"),
        (["--keywords", "a,,b"], "keywords ['a', '', 'b']: give one or more, none of them empty"),
        (
            ["--model", "m", "--units-per-word", "2"],
            "kws align: Invalid value: --units-per-word goes with --keywords; a model has its own "
            "units (see kws align --help)",
        ),
    ],
)
def test_mistakes_are_told_and_leave_no_file(
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    out = tmp_path / "ali.ctm"
    assert run(["align", *options, str(data), str(out)]) == 2
    assert capsys.readouterr().err == message.format(data=data) + "\n"
    assert not out.exists()
