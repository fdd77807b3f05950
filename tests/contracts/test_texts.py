"""Every text that is read: as an editor of another system saves it, and in other encodings.

`TEXTS` names each kind of text once, with what reads it. That nothing else reads text is seen in
the source: only `kws.files` turns a file's bytes into lines.
"""

from __future__ import annotations

import ast
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from kws.audio import write_audio
from kws.cli.training_run import option_lines
from kws.data import read_ctm, read_data_dir, read_wrd_phn
from kws.data.editing import subset
from kws.data.phone_map import read_phone_map
from kws.errors import InputError
from kws.evaluation.transcripts import read_speakers, read_transcripts
from kws.features import parse_feature_options
from kws.files import read_text
from kws.hmm.ngram import parse_arpa
from kws.hmm.symbols import read_symbols
from kws.kaldi import read_int_vectors, read_matrices, read_matrix
from kws.kaldi.conversion import read_any_model, read_priors
from kws.nnet import Nnet, read_network

ROOT = Path(__file__).parents[2]
ARPA = "\\data\\\nngram 1=2\n\n\\1-grams:\n-1 a\n-1 </s>\n\n\\end\\\n"
NNET2 = """<Nnet> <NumComponents> 1 <Components> <SoftmaxComponent> <Dim> 2 <ValueSum>  [ ]
<DerivSum>  [ ]
<Count> 0 </SoftmaxComponent> </Components> </Nnet> """


class Text(NamedTuple):
    """A kind of text: a file's name, what it holds, and what reads it."""

    name: str
    content: str
    read: Callable[[Path], Any]
    is_lines: bool = True  # False: the text form of Kaldi's objects, which is bytes with words

    def __str__(self) -> str:
        return self.name


def of_data_dir(path: Path) -> Any:
    return read_data_dir(path.parent)


def of_local(script: str, function: str) -> Callable[[Path], Any]:
    """A function of a script in local/."""
    return lambda path: runpy.run_path(str(ROOT / "local" / script))[function](path)


def of_speech_commands(path: Path) -> Any:
    (path.parent / "testing_list.txt").write_text("no/b.wav\n")
    return of_local("prepare_speech_commands.py", "_read_lists")(path.parent)


def of_speakers(path: Path) -> Any:
    functions = runpy.run_path(str(ROOT / "local" / "prepare_timit.py"))
    return functions["_speakers"](str(path), "--dev-speakers", "")


def of_timit_lists(path: Path) -> Any:
    functions = runpy.run_path(str(ROOT / "local" / "prepare_timit.py"))
    sentence = functions["Sentence"]("fapb0", "sx1", False, path, path)
    return functions["_read_lists"](path.parents[1], [sentence])


def of_matrix_in_config(path: Path) -> Any:
    line = f"FixedAffineComponent matrix={path}\n"
    nnet = Nnet.from_config(line, "test", torch.Generator())
    return {name: value.tolist() for name, value in nnet.tensors().items()}


def model(path: Path) -> Any:
    file = read_any_model(path)
    return file.network, {name: value.tolist() for name, value in file.tensors.items()}


def table(kind: str, read: Callable[..., Any]) -> Callable[[Path], Any]:
    return lambda path: [(key, np.asarray(value).tolist()) for key, value in read(f"{kind}:{path}")]


TEXTS = [
    Text("data/wav.scp", "a a.wav\nb b.wav\n", of_data_dir),
    Text("data/text", "a one two\nb three\n", of_data_dir),
    Text("data/utt2spk", "a anna\nb bert\n", of_data_dir),
    Text("data/segments", "a a 0 0.5\nb b 0 0.5\n", of_data_dir),
    Text("data/ctm", "a 1 0 0.1 one\nb 1 0 0.1 three\n", of_data_dir),
    Text("list", "b\na\n", lambda path: subset(read_data_dir(path.parent / "data"), path)),
    Text("x.ctm", ";; comment\na 1 0 0.1 one\n", read_ctm),
    Text("x.wrd", "0 1600 one\n1600 3200 two\n", read_wrd_phn),
    Text("hyp", "a one\nb two\n", read_transcripts),
    Text("hyp.trn", "one (a)\ntwo (b)\n", read_transcripts),
    Text("hyp.ctm", "a 1 0 0.1 one\n", read_transcripts),
    Text("hyp.phn", "0 1600 sh\n", read_transcripts),
    Text("utt2spk", "a anna\nb bert\n", read_speakers),
    Text("phones.map", "sh sh\nq\nhv hh\n", read_phone_map),
    Text("phones.txt", "<eps> 0\na 1\n#0 2\n", read_symbols),
    Text("lm.arpa", ARPA, lambda path: parse_arpa(read_text(path), str(path))),
    Text(
        "x.conf",
        "--num-mel-bins=30\n# end\n",
        lambda path: parse_feature_options(read_text(path), str(path)),
    ),
    Text("train.conf", "--seed=3\n--momentum=0.5\n", lambda p: option_lines(p, {"seed": 4}, "x")),
    Text("nnet.config", "# net\nSoftmaxComponent dim=2\n", lambda p: read_network(p).first),
    Text(
        "folder/nnet.config",
        "AffineComponent input-dim=2 output-dim=2\nSoftmaxComponent dim=2\n",
        lambda path: read_network(path.parent).first,
    ),
    Text("feats.scp", "a m.ark\nb m.ark\n", table("scp", read_matrices)),
    Text(
        "lexicon.txt", "cat k ae t\ncat(2) k a t\n", of_local("prepare_phones.py", "_read_lexicon")
    ),
    Text(
        "spk2gender",
        "a f\nb m\n",
        lambda path: of_local("prepare_phones.py", "_genders")(path.parent),
    ),
    Text("corpus/validation_list.txt", "yes/a.wav\n", of_speech_commands),
    Text("speakers", "fapb0\nmadd0\n", of_speakers),
    Text("corpus/lists/dev.txt", "fapb0-sx1\n", of_timit_lists),
    Text("x.ark", "a  [\n 1 2\n 3 4 ]\nb  [ 5 6 ]\n", table("ark", read_matrices), False),
    Text("ali.ark", "a 1 2 3\nb 4\n", table("ark", read_int_vectors), False),
    Text("stats", " [\n 1 2 3\n 4 5 6 ]\n", lambda path: read_matrix(path).tolist(), False),
    Text("bias.vec", " [ 0.5 0.5 ]\n", read_priors, False),
    Text("lda.mat", " [\n 1 2 3\n 4 5 6 ]\n", of_matrix_in_config, False),
    Text("final.raw", NNET2, model, False),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What texts refer to."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        write_audio(tmp_path / f"data/{name}.wav", np.ones(16000, np.float32), 16000)
    (tmp_path / "data/wav.scp").write_text("a a.wav\nb b.wav\n")
    (tmp_path / "m.ark").write_text(" [\n 1 2\n 3 4 ]\n")
    return tmp_path


def written(folder: Path, text: Text, content: bytes) -> Path:
    path = folder / text.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("text", TEXTS, ids=str)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "mark"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_what_another_systems_editor_adds_changes_nothing(
    text: Text, mark: bytes, end: bytes, folder: Path
) -> None:
    plain = text.read(written(folder, text, text.content.encode()))
    edited = mark + text.content.encode().replace(b"\n", end)
    assert repr(text.read(written(folder, text, edited))) == repr(plain)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("text", TEXTS, ids=str)
def test_another_encoding_is_told_in_one_line(text: Text, encoding: str, folder: Path) -> None:
    # what stands behind an object of Kaldi's is not looked at
    content = f"{text.content}# größe\n" if text.is_lines else f"ö {text.content}"
    path = written(folder, text, content.encode(encoding))
    with pytest.raises(InputError) as caught:
        text.read(path)
    told = str(caught.value)
    assert "\n" not in told
    assert text.name in told or path.parent.name in told
    if text.is_lines:
        last = 1 + text.content.count("\n") if encoding == "latin-1" else 1
        byte = {"latin-1": "0xf6", "utf-16": "0xff", "utf-16-le": "0x00"}[encoding]
        assert f"{text.name}:{last}: byte {byte} is " in told
        assert "; convert the file to UTF-8" in told


def test_nothing_else_reads_texts() -> None:
    """No `read_text` of a path and no `open` of a text, but in the one reader."""
    own = {ROOT / "kws/files.py", ROOT / "kws/cli/main.py"}  # main.py: its own source
    found = []
    for path in {*(ROOT / "kws").rglob("*.py"), *(ROOT / "local").glob("*.py")} - own:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            called = node.func.id if isinstance(node.func, ast.Name) else called
            modes = [a.value for a in node.args if isinstance(a, ast.Constant)]
            is_binary = any("b" in str(mode) for mode in modes)
            is_method = isinstance(node.func, ast.Attribute)
            if (called == "read_text" and is_method) or (called == "open" and not is_binary):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == ["kws/training/lock.py:50"]  # os.open, of a file without content
