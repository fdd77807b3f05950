"""What `kws features` writes Kaldi's own code reads, and the other way round."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import types
from pathlib import Path

import kaldi_native_io
import numpy as np
import pytest

from kws.audio import write_audio
from kws.cli.main import run
from kws.kaldi import read_matrices

METHODS = list(kaldi_native_io.CompressionMethod.__members__.values())


@pytest.fixture(autouse=True)
def waves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(3)
    samples = {key: np.rint(random.normal(0, 1000, n)) for key, n in (("a", 4000), ("b", 2400))}
    for key, row in samples.items():
        write_audio(f"{key}.wav", row, 16000)
    Path("wav.scp").write_text("a a.wav\nb b.wav\n")
    assert run(["features", "scp:wav.scp", "ark:plain.ark"]) == 0
    return {key: row.astype(np.float32) for key, row in samples.items()}


def by_kaldi(rspecifier: str) -> dict[str, np.ndarray]:
    with kaldi_native_io.SequentialFloatMatrixReader(rspecifier) as reader:
        return {key: matrix.copy() for key, matrix in reader}


def test_kaldi_reads_every_form(capfd: pytest.CaptureFixture[str]) -> None:
    expected = dict(read_matrices("ark:plain.ark"))
    assert {key: matrix.shape for key, matrix in expected.items()} == {"a": (23, 23), "b": (13, 23)}
    for wspecifier, rspecifier in (
        ("ark:x.ark", "ark:x.ark"),
        ("ark,scp:x.ark,x.scp", "scp:x.scp"),
        ("ark,t,scp:t.ark,t.scp", "scp:t.scp"),
        ("ark,t:t.ark", "ark,t:t.ark"),
        ("ark:x.ark.gz", "ark:gunzip -c x.ark.gz |"),
    ):
        assert run(["features", "scp:wav.scp", wspecifier]) == 0
        found = by_kaldi(rspecifier)
        assert list(found) == ["a", "b"]
        for key, matrix in found.items():
            # text has 7 significant digits
            np.testing.assert_allclose(matrix, expected[key], rtol=1e-6 if "t" in rspecifier else 0)
    assert run(["features", "scp:wav.scp", "out"]) == 0
    found = by_kaldi("scp:out/feats.scp")
    assert all(np.array_equal(matrix, expected[key]) for key, matrix in found.items())
    assert Path("out/feats.ark").read_bytes() == Path("plain.ark").read_bytes()
    capfd.readouterr()
    assert run(["features", "scp:wav.scp", "ark,t:-"]) == 0
    assert capfd.readouterr().out == Path("t.ark").read_text()


@pytest.mark.parametrize("method", range(1, 8))
def test_compressed_features_are_kaldis_bytes(method: int) -> None:
    words = ["--compress", "--compression-method", str(method)]
    assert run(["features", *words, "scp:wav.scp", "ark:x.ark"]) == 0
    with kaldi_native_io.CompressedMatrixWriter("ark:y.ark") as writer:
        for key, matrix in read_matrices("ark:plain.ark"):
            writer.write(key, matrix, method=METHODS[method - 1])
    assert Path("x.ark").read_bytes() == Path("y.ark").read_bytes()
    if method == 1:
        assert run(["features", "--compress", "scp:wav.scp", "ark:z.ark"]) == 0
        assert Path("z.ark").read_bytes() == Path("y.ark").read_bytes()


def test_features_of_a_directory_are_compressed_after_cmvn() -> None:
    Path("cmvn.conf").write_text("--cmvn=global\n")
    words = ["--config", "cmvn.conf", "scp:wav.scp"]
    assert run(["features", *words, "full"]) == 0
    assert run(["features", "--compress", *words, "packed"]) == 0
    assert Path("packed/cmvn.stats").read_bytes() == Path("full/cmvn.stats").read_bytes()
    assert Path("packed/feats.ark").stat().st_size < 0.4 * Path("full/feats.ark").stat().st_size
    full, packed = dict(read_matrices("scp:full/feats.scp")), by_kaldi("scp:packed/feats.scp")
    for key, matrix in full.items():
        # a byte per value: 64 codes at least over a quarter of a column's span
        assert np.abs(packed[key] - matrix).max() < np.ptp(matrix) / 64


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--compression-method", "2"], "2: nothing is compressed; add --compress"),
        (["--compress", "--compression-method", "8"], "8: must be 1 to 7"),
        (["--compress", "--compression-method", "0"], "0: must be 1 to 7"),
    ],
)
def test_compression_that_is_none(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["features", *words, "scp:wav.scp", "ark:x.ark"]) == 2
    assert capsys.readouterr().err == f"--compression-method {message}\n"
    assert not Path("x.ark").exists()


def test_what_kaldi_wrote_is_read(
    waves: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    with kaldi_native_io.WaveWriter("ark,scp:w.ark,w.scp") as writer:
        for key, samples in waves.items():
            writer.write(key, kaldi_native_io.WaveData(16000, samples[None]))
    Path("w.ark.gz").write_bytes(gzip.compress(Path("w.ark").read_bytes()))
    expected = Path("plain.ark").read_bytes()
    stdin = types.SimpleNamespace(buffer=io.BytesIO(Path("w.ark").read_bytes()))
    monkeypatch.setattr("sys.stdin", stdin)
    for number, rspecifier in enumerate(("ark:w.ark", "scp:w.scp", "ark:w.ark.gz", "ark:-")):
        assert run(["features", rspecifier, f"ark:{number}.ark"]) == 0
        assert Path(f"{number}.ark").read_bytes() == expected


def test_a_pipe_from_and_to_other_programs() -> None:
    """`cat w.scp | kws features scp:- ark:- | gzip -c`, all as one would type it."""
    program = [sys.executable, "-c", "from kws.cli.main import main; main()", "features"]
    with Path("wav.scp").open("rb") as lines:
        done = subprocess.run([*program, "scp:-", "ark:-"], stdin=lines, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == Path("plain.ark").read_bytes()
    refused = ["features", "scp:cat wav.scp |", "ark:| gzip -c > x.gz"]
    assert run(refused) == 2
    assert not Path("x.gz").exists()
    assert run([*refused, "--allow-commands"]) == 0
    assert gzip.decompress(Path("x.gz").read_bytes()) == done.stdout
