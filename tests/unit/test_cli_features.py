from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kws.audio import NOTICES, write_audio
from kws.cli.main import run
from kws.kaldi import read_matrices, read_matrix

OPTIONS = "--num-mel-bins=10\n--delta-order=1\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data dir of two speakers, a recording at 8 kHz and one that is too short."""
    monkeypatch.chdir(tmp_path)
    NOTICES.clear()
    noise = np.random.default_rng(1).normal(0, 1000, (4, 16000))
    Path("data").mkdir()
    lengths = {"a1": 16000, "a2": 8000, "b1": 12000, "b2": 300}
    for row, (utterance, length) in zip(noise, lengths.items(), strict=True):
        write_audio(f"data/{utterance}.wav", row[:length], 8000 if utterance == "a2" else 16000)
    Path("data/wav.scp").write_text("".join(f"{u} {u}.wav\n" for u in lengths))
    Path("data/utt2spk").write_text("".join(f"{u} {u[0]}\n" for u in lengths))
    for kind in ("none", "global", "speaker"):
        Path(f"{kind}.conf").write_text(f"{OPTIONS}--cmvn={kind}\n--norm-vars=true\n")
    return tmp_path


def table(name: str) -> dict[str, np.ndarray]:
    return dict(read_matrices(name))


def test_a_data_dir_without_cmvn(
    folder: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert run(["features", "--config", "none.conf", "data", "out"]) == 0
    found = table("scp:out/feats.scp")
    assert {key: matrix.shape for key, matrix in found.items()} == {
        "a1": (98, 20),
        "a2": (98, 20),
        "b1": (73, 20),
        "b2": (0, 0),
    }
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "feats.ark",
        "feats.scp",
        "features.conf",
    ]
    assert Path("out/features.conf").read_text() == Path("none.conf").read_text()
    assert Path("out/feats.scp").read_text().startswith("a1 out/feats.ark:")
    assert capsys.readouterr().out == "out: 4 utterances, 269 frames of 20 values\n"
    assert "b2: 300 samples are too short for a frame; its matrix is empty" in caplog.text
    assert "8000 Hz converted to 16000 Hz" in caplog.text


def test_global_statistics_are_written_and_can_be_given(folder: Path) -> None:
    assert run(["features", "--config", "none.conf", "data", "raw"]) == 0
    assert run(["features", "--config", "global.conf", "data", "out"]) == 0
    raw, found = table("scp:raw/feats.scp"), table("scp:out/feats.scp")
    frames = np.concatenate([m for m in raw.values() if m.size]).astype(np.float64)
    expected = np.zeros((2, 21))
    expected[:, :20] = frames.sum(axis=0), np.square(frames).sum(axis=0)
    expected[0, 20] = 269
    np.testing.assert_allclose(read_matrix("out/cmvn.stats"), expected, rtol=1e-9)
    for key in ("a1", "a2", "b1"):
        wanted = (raw[key] - frames.mean(axis=0)) / frames.std(axis=0)
        np.testing.assert_allclose(found[key], wanted, atol=1e-4)
    assert not [path for path in Path("out").iterdir() if path.name.startswith(".")]
    words = ["--config", "global.conf", "--cmvn-stats", "out/cmvn.stats"]
    assert run(["features", *words, "data", "ark:again.ark"]) == 0
    assert all(np.array_equal(m, found[key]) for key, m in table("ark:again.ark").items())


def test_speaker_statistics_are_written_and_can_be_given(folder: Path) -> None:
    assert run(["features", "--config", "speaker.conf", "data", "out"]) == 0
    found = table("scp:out/feats.scp")
    of_a = np.concatenate([found["a1"], found["a2"]])
    for frames in (of_a, found["b1"]):
        np.testing.assert_allclose(frames.mean(axis=0), np.zeros(20), atol=1e-5)
        np.testing.assert_allclose(frames.std(axis=0), np.ones(20), atol=1e-4)
    stats = dict(read_matrices("scp:out/cmvn.scp", dtype=np.float64))
    assert {key: matrix[0, -1] for key, matrix in stats.items()} == {"a": 196, "b": 73}
    words = ["--config", "speaker.conf", "--cmvn-stats", "out/cmvn.ark"]
    assert run(["features", *words, "data", "ark:again.ark"]) == 0
    assert all(np.array_equal(m, found[key]) for key, m in table("ark:again.ark").items())


@pytest.mark.parametrize(
    ("kind", "files"), [("global", ["cmvn.stats"]), ("speaker", ["cmvn.ark", "cmvn.scp"])]
)
def test_statistics_alone_are_those_of_the_features(
    kind: str, files: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["features", "--config", f"{kind}.conf", "data", "out"]) == 0
    assert run(["features", "--config", f"{kind}.conf", "--stats-only", "data", "alone"]) == 0
    assert sorted(p.name for p in Path("alone").iterdir()) == [*files, "features.conf"]
    assert Path("alone", files[0]).read_bytes() == Path("out", files[0]).read_bytes()
    told = "4 utterances, 269 frames of 20 values\n"
    assert capsys.readouterr().out == f"out: {told}alone: {told}"


@pytest.mark.parametrize("words", [[], ["--stats-only"]])
@pytest.mark.parametrize("kind", ["global", "speaker"])
def test_statistics_of_no_frame_at_all_are_no_success(
    words: list[str], kind: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("data/wav.scp").write_text("b2 b2.wav\n")
    Path("data/utt2spk").write_text("b2 b\n")
    assert run(["features", "--config", f"{kind}.conf", *words, "data", "out"]) == 1
    assert capsys.readouterr().err == "out: no recording is as long as a frame; not written\n"
    assert not list(Path().glob("out/*"))
    # without statistics as in Kaldi (tests/golden/edge): an empty matrix, and a warning
    assert run(["features", "--config", "none.conf", "data", "out"]) == 0


def test_utterances_are_normalised_by_themselves(folder: Path) -> None:
    Path("own.conf").write_text(f"{OPTIONS}--cmvn=utterance\n--norm-vars=true\n--skip-dims=3\n")
    assert run(["features", "--config", "none.conf", "data", "raw"]) == 0
    assert run(["features", "--config", "own.conf", "data", "out"]) == 0
    raw, found = table("scp:raw/feats.scp"), table("scp:out/feats.scp")
    assert found["b2"].shape == (0, 0)
    for key in ("a1", "a2", "b1"):
        wanted = (raw[key] - raw[key].mean(axis=0)) / raw[key].std(axis=0)
        wanted[:, 3] = raw[key][:, 3]
        np.testing.assert_allclose(found[key], wanted, atol=1e-4)
    stats = dict(read_matrices("scp:out/cmvn.scp", dtype=np.float64))
    assert {key: matrix[0, -1] for key, matrix in stats.items()} == {
        "a1": 98,
        "a2": 98,
        "b1": 73,
        "b2": 0,
    }
    # without a place for statistics, and with those that were written
    for words in ([], ["--cmvn-stats", "out/cmvn.ark"]):
        assert run(["features", "--config", "own.conf", *words, "data", "ark:again.ark"]) == 0
        assert all(np.array_equal(m, found[key]) for key, m in table("ark:again.ark").items())


def test_statistics_of_another_utterance_do_not_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own.conf").write_text(f"{OPTIONS}--cmvn=utterance\n")
    assert run(["features", "--config", "own.conf", "data", "out"]) == 0
    Path("one.scp").write_text("other data/a1.wav\n")
    words = ["--config", "own.conf", "--cmvn-stats", "out/cmvn.ark", "scp:one.scp", "ark:x.ark"]
    assert run(["features", *words]) == 2
    assert "other: the CMVN statistics have no utterance other; add it" in capsys.readouterr().err


def test_other_sample_rates_as_kaldi_allows_them(
    folder: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for name, line in (("yes", "--allow-upsample=true"), ("no", "--allow-upsample=false")):
        Path(f"{name}.conf").write_text(f"{OPTIONS}{line}\n")
        assert run(["features", "--config", f"{name}.conf", "data", f"ark:{name}.ark"]) == 0
    assert run(["features", "--config", "none.conf", "data", "ark:soxr.ark"]) == 0
    yes, no, other = (table(f"ark:{name}.ark") for name in ("yes", "no", "soxr"))
    assert list(no) == ["a1", "b1", "b2"]
    assert list(yes) == list(other) == ["a1", "a2", "b1", "b2"]
    assert "a2: 8000 Hz, but sample-frequency=16000; left out, as allow-upsample=f" in caplog.text
    # below 3 kHz both filters pass everything, above 4 kHz only their leakage is left
    np.testing.assert_allclose(yes["a2"][:, :6], other["a2"][:, :6], atol=0.1)
    assert np.abs(yes["a2"] - other["a2"]).max() > 1
    capsys.readouterr()
    Path("down.conf").write_text("--sample-frequency=8000\n--allow-downsample=false\n")
    Path("one.scp").write_text("a1 data/a1.wav\n")
    assert run(["features", "--config", "down.conf", "scp:one.scp", "ark:x.ark"]) == 2
    assert "ark:x.ark: there are no utterances to write" in capsys.readouterr().err
    assert "allow-downsample=false says" in caplog.text


def test_a_table_of_waveforms(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("wav.scp").write_text("x data/a1.wav\n")
    assert run(["features", "scp:wav.scp", "ark,t:-"]) == 0
    output = capfd.readouterr()
    assert output.out.startswith("x  [\n  ")
    assert (len(output.out.splitlines()), output.err) == (99, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "out"], "nowhere: no such directory"),
        (["--config", "none.conf", "--cmvn-stats", "x", "data", "out"], "the config says cmvn=no"),
        (["--config", "none.conf", "--stats-only", "data", "ark:x"], "--stats-only: is for an OUT"),
        (["--config", "global.conf", "--stats-only", "--compress", "data", "out"], "--stats-only:"),
        (["--config", "global.conf", "data", "ark:x"], "ark:x: cmvn=global computes statistics,"),
        (["--config", "no.conf", "data", "out"], "no.conf: No such file or directory"),
        (["--config", "bad.conf", "data", "out"], "bad.conf:1: num-mel-bins=2: num-mel-bins must"),
        (["scp:pipe.scp", "out"], "pipe.scp:1: `touch ran |` is a command; it runs only with"),
        (["ark:touch ran |", "out"], "it runs only with --allow-commands"),
        (["scp:empty.scp", "out"], "out: there are no utterances to write"),
        (["scp:text.scp", "out"], "text.scp:1: t: data/wav.scp: is text ('a1 a1.wav' ...), not a"),
        (
            ["--config", "global.conf", "--cmvn-stats", "data/a1.wav", "data", "out"],
            "data/a1.wav: has 'RIFF",
        ),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    Path("bad.conf").write_text("--num-mel-bins=2\n")
    Path("pipe.scp").write_text("x touch ran |\n")
    Path("empty.scp").write_text("")
    Path("text.scp").write_text("t data/wav.scp\n")
    assert run(["features", *words]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert not Path("ran").exists()
    assert not Path("out/feats.ark").exists()
    assert not Path("out").exists() or list(Path("out").iterdir()) == []


def test_dither_repeats_with_the_seed(folder: Path) -> None:
    Path("dither.conf").write_text("--dither=1\n")
    for seed, name in (("1", "x"), ("1", "y"), ("2", "z")):
        words = ["--config", "dither.conf", "--seed", seed, "data", f"ark:{name}.ark"]
        assert run(["features", *words]) == 0
    x, y, z = (Path(f"{name}.ark").read_bytes() for name in "xyz")
    assert x == y
    assert x != z
