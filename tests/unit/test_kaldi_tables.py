from __future__ import annotations

import re
import sys
from pathlib import Path

import kaldi_native_io
import numpy as np
import pytest
import soundfile

from kws.audio import write_audio
from kws.errors import InputError
from kws.kaldi import (
    parse_specifier,
    read_matrices,
    read_matrix,
    read_waves,
    screen_specifier,
    write_matrices,
    write_matrix,
)

MATRICES = {
    "a": np.array([[1.5, -2.25], [1e-7, 3e8]], dtype=np.float32),
    "empty": np.zeros((0, 0), dtype=np.float32),
    "utt-c": np.arange(12, dtype=np.float32).reshape(3, 4),
}


def written(wspecifier: str) -> None:
    with write_matrices(wspecifier) as writer:
        for key, matrix in MATRICES.items():
            writer.write(key, matrix)


def assert_same(found: dict[str, np.ndarray]) -> None:
    assert list(found) == list(MATRICES)
    for key, matrix in MATRICES.items():
        assert found[key].shape == matrix.shape
        # text has 7 significant digits
        np.testing.assert_allclose(found[key], matrix, rtol=1e-6)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("options", ["ark", "ark,t"])
def test_round_trip_with_kaldi_native_io(folder: Path, options: str) -> None:
    written(f"{options},scp:x.ark,x.scp")
    for rspecifier in ("ark:x.ark", "scp:x.scp", "x.ark", "x.scp", "ark,s,cs:x.ark"):
        assert_same(dict(read_matrices(rspecifier)))
    for rspecifier in ("ark:x.ark", "scp:x.scp"):
        with kaldi_native_io.SequentialFloatMatrixReader(rspecifier) as reader:
            assert_same({key: matrix.copy() for key, matrix in reader})
    text = ",t" if "t" in options.split(",") else ""
    with kaldi_native_io.FloatMatrixWriter(f"ark{text},scp:y.ark,y.scp") as writer:
        for key, matrix in MATRICES.items():
            writer.write(key, matrix)
    assert_same(dict(read_matrices("scp:y.scp")))
    assert (folder / "x.ark").read_bytes() == (folder / "y.ark").read_bytes()
    assert (folder / "x.scp").read_text().replace("x.ark", "y.ark") == (
        folder / "y.scp"
    ).read_text()


def test_one_matrix_in_a_file_of_its_own(folder: Path) -> None:
    values = np.array([[1 / 3, 2.0], [3.0, 4.0]])
    write_matrix("a.mat", values)
    assert np.array_equal(read_matrix("a.mat"), values)
    theirs = kaldi_native_io.DoubleMatrix.read("a.mat").numpy()
    assert np.array_equal(theirs, values)
    Path("b.mat").write_text(" [\n  1 2 \n  3 4 ]\n")
    assert read_matrix("b.mat").tolist() == [[1, 2], [3, 4]]
    Path("c.mat").write_text("hello\n")
    with pytest.raises(InputError, match=r"c\.mat: has 'hello' where a matrix, `\[ ... \]`, must"):
        read_matrix("c.mat")


@pytest.mark.parametrize(
    ("text", "files", "options"),
    [
        ("ark:a.ark", {"ark": "a.ark"}, set()),
        ("ark,t:-", {"ark": "-"}, {"t"}),
        ("ark,scp,t:a.ark,b.scp", {"ark": "a.ark", "scp": "b.scp"}, {"t"}),
        ("feats.ark", {"ark": "feats.ark"}, set()),
    ],
)
def test_specifiers_to_write(text: str, files: dict[str, str], options: set[str]) -> None:
    specifier = parse_specifier(text, writing=True)
    assert (specifier.files, specifier.options) == (files, options)


@pytest.mark.parametrize(
    ("text", "writing", "message"),
    [
        ("feats", False, "feats: is not a specifier, such as scp:feats.scp"),
        ("C:feats", False, "is not a specifier"),
        ("ark,x:a", False, "unknown option 'x' in the specifier"),
        ("ark,scp:a,b", False, "ark,scp cannot be used here; use ark:FILE or scp:FILE"),
        ("scp:a", True, "scp cannot be used here; use ark:FILE or ark,scp:FILE,FILE"),
        ("ark,scp:a", True, "names 1 file(s) for ark,scp; name each"),
        ("ark:", False, "names 1 file(s) for ark; name each"),
    ],
)
def test_what_is_no_specifier(text: str, writing: bool, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        parse_specifier(text, writing=writing)


@pytest.mark.parametrize(
    ("text", "writing"),
    [("ark:touch ran |", False), ("scp: touch ran|", False), ("ark:| tee ran", True)],
)
def test_a_command_in_a_specifier_needs_leave(folder: Path, text: str, writing: bool) -> None:
    with pytest.raises(InputError, match="is a command; it runs only with --allow-commands"):
        screen_specifier(text, allow_commands=False, writing=writing)
    with pytest.raises(InputError, match="--allow-commands"):
        if writing:
            written(text)
        else:
            list(read_matrices(text))
    assert list(folder.iterdir()) == []


def test_every_line_of_an_scp_is_screened_before_the_first_is_read(folder: Path) -> None:
    written("ark,scp:x.ark,x.scp")
    Path("x.scp").write_text(Path("x.scp").read_text() + "z touch ran |\n")
    table = read_matrices("scp:x.scp")
    with pytest.raises(InputError, match=r"x\.scp:4: `touch ran \|` is a command"):
        next(table)
    with pytest.raises(InputError, match=r"x\.scp:4: `touch ran \|` is a command"):
        next(read_waves("scp:x.scp"))
    assert not Path("ran").exists()


def test_commands_run_with_leave(folder: Path) -> None:
    written("ark:x.ark")
    Path("x.scp").write_text("all tail -c +3 x.ark |\n")
    key, matrix = next(read_matrices("scp:x.scp", allow_commands=True))
    assert key == "all"
    assert np.array_equal(matrix, MATRICES["a"])
    assert_same(dict(read_matrices("ark:cat x.ark |", allow_commands=True)))
    with write_matrices("ark:| cat > y.ark", allow_commands=True) as writer:
        writer.write("a", MATRICES["a"])
    assert Path("y.ark").read_bytes() == Path("x.ark").read_bytes()[: 2 + 15 + 16]
    with pytest.raises(InputError, match=re.escape("`exit 3 |` failed with exit status 3")):
        list(read_matrices("ark:exit 3 |", allow_commands=True))


@pytest.mark.parametrize("num_bytes", [1, 3, 10, 20, 40, 45, 60, 100])
def test_an_archive_that_is_cut_short_is_an_error(folder: Path, num_bytes: int) -> None:
    written("ark:x.ark")
    content = Path("x.ark").read_bytes()
    assert len(content) == 33 + 21 + 69
    Path("x.ark").write_bytes(content[:num_bytes])
    with pytest.raises(InputError, match=r"^ark:x\.ark: .*(cut short|not a key|is it an arch)"):
        list(read_matrices("ark:x.ark"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a [ 1 2 ]\nb 1 2 ]\n", "ark:x.ark: b: has '1 2 ]' where a matrix, `[ ... ]`, must be"),
        ("a [ 1 2\n 3 ]\n", "a: has rows of different lengths"),
        ("a [ 1 x ]\n", "a: has 'x' where a number must be"),
        ("a [ 1 1e50 ]\n", "a: has '1e50', which is too large"),
        # soon told, however long the word is
        (f"a [ {'1' * 200000}x ]\n", "a: has '11111111111111111111' where a number must be"),
        ("a [ 1 2\n", "a: ends before the ] of a matrix"),
        ("a [1 2 ]\n", "a: has '[1 2 ]' where a matrix"),
        ("a [ 1 2 ] x\n", "x: ends too early (cut short?)"),
        ("hello", "'hello' is not a key and an object; is it an archive?"),
    ],
)
def test_text_that_is_no_matrix(folder: Path, content: str, message: str) -> None:
    Path("x.ark").write_text(content)
    with pytest.raises(InputError, match=re.escape(message)):
        list(read_matrices("ark:x.ark"))


@pytest.mark.parametrize(
    "content", ["a [ 1 2 ; 3 4 ]\n", "a  [\r\n 1 2\r\n 3 4 ]\r\n", "a [\n\n1 2\n\n3 4\n]\n\n"]
)
def test_text_of_every_shape(folder: Path, content: str) -> None:
    Path("x.ark").write_bytes(content.encode())
    assert [(key, m.tolist()) for key, m in read_matrices("ark:x.ark")] == [("a", [[1, 2], [3, 4]])]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a none.ark:3", "x.scp:1: a: none.ark:3: No such file or directory"),
        ("a", "x.scp:1: 'a' has no file; a line is a key and a file"),
        ("a x.ark:2[0:4]", "[0:4] is not a range of 2 x 2 values"),
        ("a x.ark:2[,0:1]", "[,0:1] is not a range"),
        ("a x.ark:2[1:0]", "[1:0] is not a range"),
        ("a x.ark:2[2:3]", "[2:3] is not a range"),
        ("a x.ark:2[0:0,1:2]", "[0:0,1:2] is not a range"),
        ("a x.ark:2[0:0,0:0,0:0]", "is not a range"),
        ("a x.ark:2[]", "[] is not a range"),
        ("a x.ark:1", "where a matrix"),
    ],
)
def test_scp_lines_that_lead_nowhere(
    folder: Path, line: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    written("ark:x.ark")
    Path("x.scp").write_text(f"{line}\n")
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        list(read_matrices("scp:x.scp"))
    assert str(caught.value).startswith("x.scp:1: ")
    if "no file" not in message:
        Path("x.scp").write_text(f"{line}\nb x.ark:2[1:1,0:0]\n")
        found = [(key, matrix.tolist()) for key, matrix in read_matrices("scp,p:x.scp")]
        assert found == [("b", [[float(np.float32(1e-7))]])]
        assert "left out" in caplog.text


def test_a_failed_block_leaves_the_old_files(folder: Path) -> None:
    written("ark,scp:x.ark,x.scp")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def write_and_fail(key: str) -> None:
        with write_matrices("ark,scp:x.ark,x.scp") as writer:
            writer.write("a", MATRICES["a"])
            writer.write(key, MATRICES["a"])

    with pytest.raises(InputError, match="'two words' is not a key; keys are one word each"):
        write_and_fail("two words")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a full disk")
def test_a_full_disk_is_an_error_that_names_the_file() -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        written("ark:/dev/full")
    assert caught.value.filename == "/dev/full"
    assert Path("/dev/full").is_char_device()


def test_standard_output(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    written("ark,t:-")
    sys.stdout.flush()
    assert capfdbinary.readouterr().out.startswith(b"a  [\n  1.5 -2.25 \n  1e-07 3e+08 ]\nempty  [")


def test_channels_of_waveforms(folder: Path) -> None:
    both = np.tile(np.int16([100, 400]), (80, 1))
    soundfile.write("a.wav", both, 8000, "PCM_16")
    content = Path("a.wav").read_bytes()
    Path("w.ark").write_bytes(b"x " + content)
    Path("w.scp").write_text(
        "x a.wav\ny w.ark:2\nz cat a.wav |\nfirst sph2pipe -f wav -c 1 a.wav |\n"
    )
    waves = dict(read_waves("scp:w.scp", allow_commands=True, channel=1))
    assert [wave.samples[0] for wave in waves.values()] == [400, 400, 400, 100]
    ((_, wave),) = read_waves("ark:w.ark", channel="mean")
    assert wave.samples[0] == 250


def test_waveforms(folder: Path) -> None:
    samples = np.arange(-50, 50, dtype=np.float32)
    write_audio("a.wav", samples, 8000)
    write_audio("b.flac", samples, 16000)
    content = Path("a.wav").read_bytes()
    Path("w.ark").write_bytes(b"x " + content + b"y " + content)
    Path("w.scp").write_text(f"x a.wav\ny b.flac\nz w.ark:{len(content) + 4}\nq cat a.wav |\n")
    waves = dict(read_waves("scp:w.scp", allow_commands=True))
    assert list(waves) == ["x", "y", "z", "q"]
    assert all(np.array_equal(wave.samples, samples) for wave in waves.values())
    assert [wave.sample_rate for wave in waves.values()] == [8000, 16000, 8000, 8000]
    both = dict(read_waves("ark:w.ark", sample_rate=16000))
    assert [len(both[key].samples) for key in ("x", "y")] == [200, 200]
    flac = Path("b.flac").read_bytes()
    framed = b"AUDIO\2" + len(flac).to_bytes(2, "little") + flac
    Path("f.ark").write_bytes(b"x " + flac + b"y " + framed)
    Path("w.scp").write_text(
        f"x f.ark:2\ny f.ark:{len(flac) + 4}\nz flac -c -d -s b.flac |\nq sox a.wav -t wav - |\n"
    )
    waves = dict(read_waves("scp:w.scp"))  # nothing is run: it needs no leave
    assert all(np.array_equal(wave.samples, samples) for wave in waves.values())
    Path("f.ark").write_bytes(b"x " + framed + b"y " + content + b"z " + flac)
    table = read_waves("ark:f.ark")
    for key in ("x", "y"):
        found, wave = next(table)
        assert found == key and np.array_equal(wave.samples, samples)
    with pytest.raises(InputError, match="z: is a FLAC, which does not say where it ends"):
        next(table)
    Path("w.ark").write_bytes(b"x " + content[:-1])
    with pytest.raises(InputError, match="x: ends too early"):
        list(read_waves("ark:w.ark"))
