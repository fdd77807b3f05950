"""`kws copy`, and what `kws info` and `kws detect` say of its results."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from kws.audio import write_audio
from kws.cli.main import run
from kws.features import CmvnStats
from kws.kaldi import read_kaldi_model, read_matrices, write_matrices, write_matrix
from kws.nnet import ModelFile, Nnet, read_model, write_model
from kws.spotter import Spotter

GOLDEN = Path(__file__).parents[1] / "golden"
NETWORK = """SpliceComponent input-dim=8 left-context=2 right-context=1
AffineComponent input-dim=32 output-dim=4 learning-rate=0.02
SoftmaxComponent dim=4
"""
KALDIS = {
    "dnn.raw": GOLDEN / "nnet2" / "dnn.raw",
    "dnn.txt.raw": GOLDEN / "nnet2" / "dnn.txt.raw",
    "dnn-0.mdl": GOLDEN / "mdl" / "dnn-0.mdl",
    "dnn-1.mdl": GOLDEN / "mdl" / "dnn-1.mdl",
    "dnn-1.txt.mdl": GOLDEN / "mdl" / "dnn-1.txt.mdl",
    "dnn-1.txt.raw": GOLDEN / "mdl" / "dnn-1.raw.txt",
    "mono.mdl": GOLDEN / "mdl" / "mono.mdl",
    "trans.txt": GOLDEN / "mdl" / "trans.txt",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Kaldi's files, feature options, and a network of ours of 8 values and 4 outputs."""
    monkeypatch.chdir(tmp_path)
    for name, path in KALDIS.items():
        shutil.copyfile(path, name)
    nnet = Nnet.from_config(NETWORK, "nnet.config", torch.Generator().manual_seed(3))
    write_model("net.kws", ModelFile(nnet.config_text(), tensors=nnet.tensors()))
    Path("fbank.conf").write_text("--num-mel-bins=8\n")
    Path("cmvn.conf").write_text("--num-mel-bins=8\n--cmvn=global\n--norm-vars=true\n")
    Path("wide.conf").write_text("--num-mel-bins=9\n")
    write_matrix("stats", CmvnStats.of(torch.randn(50, 8)).to_matrix().numpy())
    Path("priors").write_text(f" [ {' '.join(['0.05'] * 18)} 0.1 ]\n")
    return tmp_path


def copy(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["copy", *words.split()]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("dnn.raw out.raw", "dnn.raw"),
        ("dnn.raw out.nnet --text", "dnn.txt.raw"),
        ("dnn.txt.raw out.raw", "dnn.raw"),
        ("dnn-1.mdl out.mdl --text", "dnn-1.txt.mdl"),
        ("dnn-1.txt.mdl out.mdl --text", "dnn-1.txt.mdl"),
        # nnet-to-raw-nnet and nnet-am-init
        ("dnn-1.mdl out.raw --text", "dnn-1.txt.raw"),
        ("dnn.raw out.mdl --transition-model mono.mdl", "dnn-0.mdl"),
        ("dnn.raw out.mdl --transition-model trans.txt --text", "dnn-0.txt.mdl"),
        ("dnn-0.mdl out.mdl --transition-model dnn-1.mdl", "dnn-1.mdl without priors"),
    ],
)
def test_kaldi_to_kaldi(words: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    copy(words, capsys)
    written = Path(words.split()[1]).read_bytes()
    if expected == "dnn-0.txt.mdl":
        assert written == (GOLDEN / "mdl" / expected).read_bytes()
    elif expected == "dnn-1.mdl without priors":
        whole = Path("dnn-1.mdl").read_bytes()
        assert written == whole[: len(whole) - 4 - 19 * 4] + b"\0\0\0\0"
    else:
        assert written == Path(expected).read_bytes()


def test_what_a_raw_network_holds_not_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert copy("dnn-1.mdl out.raw", capsys) == (
        "out.raw: without transition model, priors, which such a file does not hold\n"
    )
    assert copy("dnn.raw out.kws", capsys) == ""


def test_an_acoustic_model_goes_to_a_kws_and_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert copy("dnn-1.mdl am.kws", capsys) == ""
    assert copy("am.kws out.mdl", capsys) == ""
    assert Path("out.mdl").read_bytes() == Path("dnn-1.mdl").read_bytes()
    assert run(["info", "am.kws"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index("") + 1] == "features: none (a network alone)"
    assert lines[-3:] == [
        "pdfs: 19",
        "priors: 19, from 4.99997e-06 to 0.0964907, sum 1",
        "transition model: 6 phones, 19 transition states, 41 transitions, 19 pdfs",
    ]
    assert read_model("am.kws").metadata["card"]["copied_from"] == "dnn-1.mdl"


def test_info_of_kaldis_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", "dnn-1.txt.mdl"]) == 0
    text = capsys.readouterr().out
    assert (
        "\n1  AffineComponentPreconditionedOnline    400      20        8020        8000\n" in text
    )
    assert "\nleft-context: 6 frames\nright-context: 3 frames\n" in text
    assert "\nfeatures: none (a network alone)\npdfs: 19\npriors: 19, from " in text
    assert text.endswith("6 phones, 19 transition states, 41 transitions, 19 pdfs\n")
    assert run(["info", "dnn.raw"]) == 0
    assert capsys.readouterr().out.endswith("units: none\nkeywords: none\n")


def test_a_model_of_ours_gets_what_kaldi_needs(capsys: pytest.CaptureFixture[str]) -> None:
    copy("dnn.raw ours.kws", capsys)  # a network without priors and transition model
    copy("ours.kws out.mdl --transition-model mono.mdl --priors priors", capsys)
    model = read_kaldi_model("out.mdl")
    assert model.priors is not None
    np.testing.assert_array_equal(model.priors, np.array([0.05] * 18 + [0.1], np.float32))
    copy("ours.kws am.kws --transition-model mono.mdl --priors priors", capsys)
    copy("am.kws again.mdl", capsys)
    assert Path("again.mdl").read_bytes() == Path("out.mdl").read_bytes()
    copy("again.mdl again.raw", capsys)
    assert Path("again.raw").read_bytes() == Path("dnn.raw").read_bytes()


def test_a_detector_is_made_with_features_and_keywords(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy("net.kws words.raw", capsys)
    words = "words.raw words.kws --features cmvn.conf --cmvn-stats stats"
    assert (
        run(
            [
                "copy",
                *words.split(),
                "--units",
                "<filler>,view,glass.1,glass.2",
                "--keywords",
                "view glass,view",
            ]
        )
        == 0
    )
    spotter = Spotter.load("words.kws")
    assert spotter.units == ("<filler>", "view", "glass.1", "glass.2")
    assert [(k.name, k.units) for k in spotter.keywords] == [
        ("view glass", (1, 2, 3)),
        ("view", (1,)),
    ]
    assert "pdfs" not in spotter.metadata
    # the same network, behind its features: what a table of them gives
    samples = 1000 * np.random.default_rng(0).standard_normal(8000)
    write_audio("a.wav", samples, 16000)
    with torch.no_grad():
        features = spotter.features(torch.from_numpy(np.round(samples)).float()[None])
    with write_matrices("ark:feats.ark") as writer:
        writer.write("a", features[0].numpy())
    assert run(["posteriors", "words.raw", "ark:feats.ark", "ark:post.ark"]) == 0
    ((_, table),) = read_matrices("ark:post.ark")
    expected = spotter.posteriors(torch.from_numpy(np.round(samples)).float()[None])[0]
    np.testing.assert_allclose(table, expected.numpy(), rtol=1e-4)  # float32, in other blocks
    capsys.readouterr()
    assert run(["detect", "words.kws", "a.wav", "--threshold", "0"]) == 0
    assert "view" in capsys.readouterr().out


def test_what_no_kaldi_file_holds_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    copy("net.kws words.kws --features fbank.conf --units <filler>,a,b,c --keywords a,b", capsys)
    assert copy("words.kws words.raw", capsys) == (
        "words.raw: without features, units, keywords, which such a file does not hold\n"
    )
    copy("net.kws who.kws --units <filler>,dr,who,c --keywords who-dr.", capsys)
    assert read_model("who.kws").metadata["keywords"] == [{"name": "who-dr.", "units": [2, 1]}]
    copy("words.kws other.kws --keywords c", capsys)
    assert read_model("other.kws").metadata["keywords"] == [{"name": "c", "units": [3]}]
    assert read_model("other.kws").features == read_model("words.kws").features
    copy("words.raw again.raw", capsys)
    # thresholds belong to the features and keywords that they were solved with
    file = read_model("words.kws")
    thresholds = {name: {"threshold": 0.5} for name in ("a", "b")}
    write_model(
        "t.kws", dataclasses.replace(file, metadata={**file.metadata, "thresholds": thresholds})
    )
    copy("t.kws other.kws --features fbank.conf", capsys)
    assert "thresholds" not in read_model("other.kws").metadata
    copy("t.kws other.kws", capsys)
    assert read_model("other.kws").metadata["thresholds"] == thresholds
    assert Path("again.raw").read_bytes() == Path("words.raw").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("dnn.raw out", "out: its name must say what to write: end it in .kws, .mdl (Kaldi's"),
        ("no.mdl out.mdl", "no.mdl: No such file or directory"),
        ("mono.mdl out.kws", "mono.mdl: byte 909: expected <Nnet>, found '<DIMENSION>"),
        ("dnn.raw out.mdl", "dnn.raw: holds no transition model, which an .mdl needs; give --tran"),
        ("net.kws out.mdl --transition-model mono.mdl", "net.kws: its metadata has no priors, wh"),
        (
            "net.kws out.mdl --transition-model mono.mdl --priors priors",
            "mono.mdl: its transition model has 19 pdfs, but the network 4 outputs; give the one",
        ),
        (
            "net.kws out.kws --transition-model mono.mdl",
            "mono.mdl: its transition model has 19 pdfs, but the network 4 outputs; give the one",
        ),
        ("net.kws out.kws --priors priors", "priors: 19 priors, but the network has 4 outputs"),
        ("net.kws out.kws --priors fbank.conf", "fbank.conf: byte 0: expected a vector, [ ... ]"),
        (
            "dnn.raw out.raw --transition-model mono.mdl",
            "--transition-model: a .raw has no such thing; it is for a .kws or an .mdl",
        ),
        ("net.kws out.kws --text", "--text: a .kws has no such thing; it is for an .mdl or a .raw"),
        (
            "net.kws out.raw --features fbank.conf",
            "--features: a .raw has no such thing; it is for a .kws",
        ),
        (
            "net.kws out.kws --cmvn-stats stats",
            "--cmvn-stats: belongs to --features with cmvn=global; give both",
        ),
        ("net.kws out.kws --features wide.conf", "wide.conf: gives 9 values per frame, but the n"),
        (
            "net.kws out.kws --features cmvn.conf",
            "cmvn.conf: cmvn=global needs statistics; give --cmvn-stats",
        ),
        (
            "net.kws out.kws --features fbank.conf --cmvn-stats stats",
            "fbank.conf: cmvn=none takes no statistics; leave out --cmvn-stats",
        ),
        ("net.kws out.kws --units a,b", "--units: 2 names, but the network of net.kws has 4 outp"),
        ("net.kws out.kws --units a,b,c,c", "--units: 4 names, but the network of net.kws has 4 "),
        ("net.kws out.kws --keywords a", "--units: 0 names, but the network of net.kws has 4 outp"),
        (
            "net.kws out.kws --units f,a,b,c --keywords d",
            "--keywords: no output is called d or d.1; see --units",
        ),
        (
            "net.kws out.kws --units f,a,b,c --keywords a,",
            "--keywords: a name is empty or given twice; give each once",
        ),
        (
            "net.kws out.kws --units f,a,b,c --keywords a-b,a.b",
            "keywords 'a-b' and 'a.b' have the same letters: they are one keyword; keep one",
        ),
        (
            "net.kws out.kws --units f,a,b,c --keywords a-d",
            "--keywords: no output is called d or d.1; see --units",
        ),
        ("fbank.conf out.kws", "fbank.conf: not a kws model, or damaged ("),
    ],
)
def test_mistakes_are_told_in_one_line(
    words: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(folder.iterdir())
    assert run(["copy", *words.split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(message)
    assert captured.err.count("\n") == 1
    assert set(folder.iterdir()) == before
