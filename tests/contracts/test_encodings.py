"""Names and words of any language come out, whatever the locale and standard output's encoding."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from runtime_level import write_level

from kws.audio import write_audio
from kws.kaldi import read_matrices

PROGRAM = "from kws.cli.main import main; main()"
ROOT = Path(__file__).parents[2]
NO_UTF_8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
# what people read: in UTF-8 where the locale has no encoding of its own, else in what is asked for
ENCODINGS = {
    "no locale": (NO_UTF_8, "utf-8"),
    "latin-1": ({"PYTHONIOENCODING": "latin-1"}, "latin-1"),
    "ascii": ({"PYTHONIOENCODING": "ascii"}, "ascii"),
    "both": ({**NO_UTF_8, "PYTHONIOENCODING": "ascii"}, "ascii"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported file for "größe", a data dir, and a hypothesis."""
    folder = tmp_path_factory.mktemp("dürer")
    keywords = json.dumps([{"name": "größe", "units": [1]}, {"name": "żółw", "units": [1, 2]}])
    thresholds = json.dumps({"größe": {"threshold": 0.4}, "żółw": {"threshold": 0.3}})
    write_level(folder / "mädchen.onnx", keywords=keywords, thresholds=thresholds)
    noise = np.random.default_rng(0).normal(0, 3000, 16000)
    write_audio(folder / "hören/żaba.wav", noise, 16000)
    (folder / "hören/wav.scp").write_text("ä-1 żaba.wav\n", encoding="utf-8")
    (folder / "hören/text").write_text("ä-1 größe żółw\n", encoding="utf-8")
    (folder / "hören/hyp").write_text("ä-1 grosse żółw\n", encoding="utf-8")
    return folder


def start(
    folder: Path, environment: dict[str, str], *words: str, program: str = PROGRAM
) -> tuple[int, bytes, bytes]:
    """The status of a command, what it printed, and what it said."""
    given = {k: v for k, v in os.environ.items() if k not in (*NO_UTF_8, "LANG", "LC_CTYPE")}
    path = os.pathsep.join([str(ROOT), given.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", program, *(os.fsencode(word) for word in words)],
        cwd=folder,
        env={"LANG": "C.UTF-8", **given, "PYTHONPATH": path, **environment},
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", ENCODINGS)
def test_names_and_words_come_out(name: str, folder: Path) -> None:
    environment, encoding = ENCODINGS[name]

    def written(text: str) -> bytes:
        return text.encode(encoding, "backslashreplace")

    status, out, said = start(
        folder, environment, "detect", "mädchen.onnx", "hören/żaba.wav", "fehlt-ö.wav"
    )
    rows = [json.loads(line) for line in out.decode("ascii").splitlines()]
    assert {(row["file"], row["keyword"]) for row in rows} == {
        ("hören/żaba.wav", "größe"),
        ("hören/żaba.wav", "żółw"),
    }
    assert (status, said) == (2, written("fehlt-ö.wav: No such file or directory\n"))

    status, out, said = start(folder, environment, "score", "hören/text", "hören/hyp")
    assert (status, said) == (0, b"")
    assert written("größe -> grosse") in out
    status, out, _ = start(folder, environment, "data", "combine", "neu-ł", "hören")
    assert (status, out) == (0, written("neu-ł: 1 utterances of 1 data dirs\n"))
    assert "żaba.wav" in (folder / "neu-ł/wav.scp").read_text(encoding="utf-8")


def test_a_table_on_standard_output_is_utf_8(folder: Path) -> None:
    environment = {**NO_UTF_8, "PYTHONIOENCODING": "latin-1"}
    status, out, said = start(folder, environment, "features", "hören", "ark,t:-")
    assert (status, said) == (0, b"")
    (folder / "x.ark").write_bytes(out)
    assert [key for key, _ in read_matrices(f"ark:{folder}/x.ark")] == ["ä-1"]


@pytest.mark.skipif(
    not sys.prefix.isascii(),
    reason="soundfile does not load its library from a folder of such a name in ASCII",
)
def test_scripts_do_as_commands_do(folder: Path) -> None:
    # the folder may have any name too
    program = "import os, runpy; runpy.run_path(os.environ['SCRIPT'], run_name='__main__')"
    words = ("aus-ß", "--keyword", "größe=fehlt-ł")
    script = {"SCRIPT": str(ROOT / "local" / "prepare_folders.py")}
    status, out, said = start(folder, NO_UTF_8 | script, *words, program=program)
    assert (status, out) == (2, b"")
    assert said.decode() == "fehlt-ł: no such folder; name one that holds recordings\n"


def test_a_name_that_is_no_text_is_told(folder: Path) -> None:
    name = os.fsdecode(b"h\xf6ren")
    shutil.copytree(folder / "hören", folder / name)
    status, out, said = start(folder, {}, "data", "combine", "out", name)
    assert (status, out) == (2, b"")
    assert said == b"kws: a name holds '\\udcf6', which is not UTF-8; rename it\n"
