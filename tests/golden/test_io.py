"""Tables against the real Kaldi's (see io/README.md)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kws.errors import InputError
from kws.kaldi import (
    CompressionMethod,
    read_int_vectors,
    read_matrices,
    read_posteriors,
    read_vectors,
    write_int_vectors,
    write_matrices,
    write_posteriors,
    write_vectors,
)

GOLDEN = Path(__file__).parent
Compared = Callable[..., None]


@pytest.fixture(autouse=True)
def _in_golden_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN)


MATRICES = (read_matrices, write_matrices)
VECTORS = (read_vectors, write_vectors)
INTS = (read_int_vectors, write_int_vectors)
POSTERIORS = (read_posteriors, write_posteriors)
# what one of Kaldi's copying programs made of what; the form that was read, and that was written
COPIES = [
    (INTS, "ark:train/ali.txt", "ark", "io/ali.ark"),
    (INTS, "ark:io/ali.ark", "ark,t", "train/ali.txt"),
    (INTS, "ark:train/pdf.txt", "ark", "io/pdf.ark"),
    (INTS, "ark:io/pdf.ark", "ark,t", "train/pdf.txt"),
    (POSTERIORS, "ark:train/post.txt", "ark", "io/post.ark"),
    (POSTERIORS, "ark:io/post.ark", "ark,t", "train/post.txt"),
    (VECTORS, "ark,t:io/vec.txt", "ark", "io/vec.ark"),
    (VECTORS, "ark:io/vec.ark", "ark,t", "io/vec.copied.txt"),
    (MATRICES, "ark:io/mixed.ark", "ark,t", "io/mixed.out"),
    (MATRICES, "scp:io/range.scp", "ark,t", "io/range.txt"),
    (MATRICES, "ark:feats/cmvn-spk.ark", "ark", "io/smat.ark"),
    (MATRICES, "ark:feats/fbank40.ark", "ark", "feats/fbank40.ark"),
    (MATRICES, "ark:feats/fbank-40.txt", "ark,t", "feats/fbank-40.txt"),
    (MATRICES, "ark:io/feats.txt.gz", "ark,t", "feats/fbank-8k.txt"),
    *((MATRICES, f"scp:feats/fbank40-cm{m}.scp", "ark,t", f"feats/fbank40-cm{m}.txt")
      for m in range(1, 8)),
]  # fmt: skip


@pytest.mark.parametrize(("functions", "source", "kind", "target"), COPIES)
def test_a_table_is_copied_byte_for_byte_as_by_kaldi(
    functions: tuple[Any, Any],
    source: str,
    kind: str,
    target: str,
    tmp_path: Path,
    compared: Compared,
) -> None:
    read, write = functions
    with write(f"{kind}:{tmp_path / 'copied'}") as writer:
        for key, value in read(source):
            writer.write(key, value)
    assert (tmp_path / "copied").read_bytes() == Path(target).read_bytes()
    compared("tables, byte for byte")


def test_tables_of_doubles_are_copied_byte_for_byte(tmp_path: Path, compared: Compared) -> None:
    for kind, target in (("ark", "io/dmat.ark"), ("ark,t", "io/dmat.txt")):
        with write_matrices(f"{kind}:{tmp_path / 'copied'}") as writer:
            # what is written as text was read as floats
            dtype = np.float64 if kind == "ark" else np.float32
            for key, matrix in read_matrices("ark:io/dmat.ark", dtype=dtype):
                writer.write(key, matrix)
        assert (tmp_path / "copied").read_bytes() == Path(target).read_bytes()
        compared("tables, byte for byte")


def test_the_scp_of_a_table_is_kaldis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compared: Compared
) -> None:
    vectors = dict(read_int_vectors("scp:io/ali.scp"))
    assert len(vectors) == 2
    monkeypatch.chdir(tmp_path)
    with write_int_vectors("ark,scp:io/ali.ark,io/ali.scp") as writer:
        for key, vector in vectors.items():
            writer.write(key, vector)
    for name in ("io/ali.ark", "io/ali.scp"):
        assert Path(name).read_bytes() == (GOLDEN / name).read_bytes()
        compared("tables, byte for byte")


@pytest.mark.parametrize("method", CompressionMethod)
def test_compressed_tables_are_written_byte_for_byte(
    method: CompressionMethod,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    compared: Compared,
) -> None:
    matrices = dict(read_matrices("scp:feats/fbank40-2.scp"))
    monkeypatch.chdir(tmp_path)
    names = [f"feats/fbank40-cm{method.value}.{kind}" for kind in ("ark", "scp")]
    with write_matrices(f"ark,scp:{','.join(names)}", compression=method) as writer:
        for key, matrix in matrices.items():
            writer.write(key, matrix)
    for name in names:
        assert Path(name).read_bytes() == (GOLDEN / name).read_bytes()
        compared("tables, byte for byte")


def test_lengths_and_dimensions_are_kaldis(compared: Compared) -> None:
    lines = "".join(f"{key} {len(rows)} \n" for key, rows in read_matrices("scp:feats/fbank40.scp"))
    assert lines == Path("io/len.txt").read_text()
    widths = {matrix.shape[1] for _, matrix in read_matrices("scp:feats/fbank40.scp")}
    assert widths == {int(Path("io/dim.txt").read_text())}
    compared("lengths and dimensions", 2)


def verdicts() -> list[tuple[str, str, bool, str]]:
    """Kind, archive, whether Kaldi takes it, and what it then writes."""
    rows = (GOLDEN / "io/text-parse.tsv").read_text().splitlines()
    found = []
    for kind, text, status, output, _ in (row.split("\t") for row in rows):
        archive = text.encode().decode("unicode_escape") + "\n"
        found.append((kind, archive, status == "0", output.replace("~", "\n")))
    assert len(found) == 46
    return found


@pytest.mark.parametrize(("kind", "archive", "accepted", "output"), verdicts())
def test_text_is_taken_and_refused_as_by_kaldi(
    kind: str, archive: str, accepted: bool, output: str, tmp_path: Path, compared: Compared
) -> None:
    read, write = {"vector": VECTORS, "matrix": MATRICES, "ints": INTS}[kind]
    source, copied = tmp_path / "in", tmp_path / "out"
    source.write_bytes(archive.encode())

    def copy() -> None:
        with write(f"ark,t:{copied}") as writer:
            for key, value in read(f"ark,t:{source}"):
                writer.write(key, value)

    if accepted:
        copy()
        assert copied.read_text() == output
    else:
        with pytest.raises(InputError) as caught:
            copy()
        assert str(caught.value).startswith(f"ark,t:{source}: ")
        assert "\n" not in str(caught.value)
        assert not copied.exists()
    compared("verdicts on text tables")


def test_a_vector_is_not_a_matrix() -> None:
    with pytest.raises(InputError, match=r"vec\.ark: a: holds an object of type 'FV', not a mat"):
        list(read_matrices("ark:io/vec.ark"))


def test_a_piped_archive_needs_leave() -> None:
    piped = "ark:gunzip -c io/feats.txt.gz |"
    with pytest.raises(InputError, match="--allow-commands"):
        list(read_matrices(piped))
    expected = dict(read_matrices("ark:feats/fbank-8k.txt"))
    found = dict(read_matrices(piped, allow_commands=True))
    assert list(found) == list(expected)
    assert all(np.array_equal(found[key], expected[key]) for key in expected)
