"""docs/kaldi.md says what is: its worked example runs, its commands and options exist."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import kaldi_native_io
import numpy as np
import pytest
from documents import Reader, markdown_blocks
from ready_python import ReadyPython

from kws.cli.main import COMMANDS, run
from kws.config import keys_of
from kws.features import parse_feature_options
from kws.kaldi import (
    read_int_vectors,
    read_kaldi_model,
    read_matrices,
    write_int_vectors,
    write_matrices,
)
from kws.training.options import AllOptions

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
TEXT = (ROOT / "docs" / "kaldi.md").read_text(encoding="utf-8")
TEXTS = {
    "spk1-hello": "hello there",
    "spk1-computer": "computer stop",
    "spk2-hello": "hello again",
    "spk2-lights": "turn on the lights",
    "spk3-computer": "computer play music",
    "spk3-numbers": "seven one five",
}
# two words as outputs: the second is the louder, the more of the 40 bands are above their mean
MODEL = """<TransitionModel> <Topology> <TopologyEntry> <ForPhones> 1 2 </ForPhones>
<State> 0 <PdfClass> 0 <Transition> 0 0.5 <Transition> 1 0.5 </State> <State> 1 </State>
</TopologyEntry> </Topology> <Triples> 2 1 0 0 2 0 1 </Triples>
<LogProbs> [ 0 -0.6931472 -0.6931472 -0.6931472 -0.6931472 ] </LogProbs> </TransitionModel>
<Nnet> <NumComponents> 2 <Components> <AffineComponent> <LearningRate> 0.001 <LinearParams> [
{low}
{high} ] <BiasParams> [ 0 0 ] <IsGradient> F </AffineComponent>
<SoftmaxComponent> <Dim> 2 <ValueSum> [ ] <DerivSum> [ ] <Count> 0 </SoftmaxComponent>
</Components> </Nnet> [ 0.8 0.2 ]
"""
NETWORK = """SpliceComponent input-dim=40 left-context=3 right-context=3
AffineComponent input-dim=280 output-dim=20
RectifiedLinearComponent dim=20
AffineComponent input-dim=20 output-dim=19
SoftmaxComponent dim=19
"""


def section(title: str) -> str:
    return TEXT.split(f"## {title}\n")[1].split("\n## ")[0]


BLOCKS = list(markdown_blocks("docs/kaldi.md"))
WORKED = [command for block in BLOCKS if not block.language for command in block.commands()]


def runnable() -> list[str]:
    """The commands of the tables that name what they work on."""
    found = re.findall(r"`(kws [^`]+)`", section("Program by program"))
    return [command for command in found if re.search(r"[a-z0-9][./:][a-z]", command)]


def make_world(folder: Path) -> None:
    """What a Kaldi user has before the first command of the page."""
    (folder / "exp/nnet2").mkdir(parents=True)
    weights = {"low": " ".join(["-0.05"] * 40), "high": " ".join(["0.05"] * 40)}
    (folder / "exp/nnet2/final.mdl").write_text(MODEL.format(**weights))
    shutil.copyfile(GOLDEN / "feats/cmvn-global.txt", folder / "exp/nnet2/cmvn.stats")
    (options,) = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    (folder / "fbank.conf").write_text(options)
    shutil.copytree(ROOT / "conf", folder / "conf")
    (folder / "conf/fbank.conf").write_text("--num-mel-bins=40\n")
    phones = {key: " ".join(text.replace(" ", "")) for key, text in TEXTS.items()}
    for name, texts in (("test", TEXTS), ("train", TEXTS), ("phones", phones)):
        (folder / "data" / name).mkdir(parents=True)
        for file, values in (
            ("wav.scp", {key: f"{GOLDEN}/wav/{key}.wav" for key in texts}),
            ("text", texts),
            ("utt2spk", {key: key[:4] for key in texts}),
        ):
            lines = "".join(f"{key} {value}\n" for key, value in sorted(values.items()))
            (folder / "data" / name / file).write_text(lines)
    shutil.copyfile(folder / "data/test/wav.scp", folder / "wav.scp")
    shutil.copyfile(GOLDEN / "wav/spk1-computer.wav", folder / "kitchen.wav")
    (folder / "exp/tri").mkdir()
    for name in ("exp/tri/final.mdl", "final.mdl"):
        shutil.copyfile(GOLDEN / "mdl/dnn-1.mdl", folder / name)
    (folder / "nnet.config").write_text(NETWORK)
    for name in ("ref.txt", "hyp.txt"):
        missing = "" if name == "ref.txt" else "v6\n"
        (folder / name).write_text((GOLDEN / "io" / name).read_text() + missing)


def write_tables() -> None:
    """The features and the alignment that the user has."""
    alignment = dict(read_int_vectors(f"ark:{GOLDEN}/train/ali.txt"))
    with write_int_vectors("ark:exp/tri/ali.ark") as ints:
        for key, ids in alignment.items():
            ints.write(key, ids)
    with write_matrices("ark,scp:exp/fbank/feats.ark,exp/fbank/feats.scp") as writer:
        for key, rows in read_matrices(f"ark:{GOLDEN}/feats/fbank40.ark"):
            if key in alignment:
                writer.write(key, rows)


@pytest.fixture(scope="module", autouse=True)
def printed(
    tmp_path_factory: pytest.TempPathFactory, ready: ReadyPython
) -> Iterator[dict[str, str]]:
    """What each command of the page printed in the user's folder; all of them succeed."""
    folder = tmp_path_factory.mktemp("kaldi")
    make_world(folder)
    reader = Reader(folder, ready.programs)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_tables()
        for command in (*WORKED, *runnable()):
            reader.run(command)
        yield reader.printed


def found(printed: dict[str, str], start: str) -> list[str]:
    return [output for command, output in printed.items() if command.startswith(start)]


def test_the_example_detects(printed: dict[str, str]) -> None:
    assert len(WORKED) == 14
    of_model, of_export = (
        [json.loads(line) for line in output.splitlines()]
        for output in found(printed, "kws detect")
    )
    assert [event["keyword"] for event in of_model] == ["computer"]
    assert of_export[0]["confidence"] == pytest.approx(of_model[0]["confidence"], abs=1e-4)
    (info,) = found(printed, "kws info exp/nnet2")
    assert "priors: 2, from 0.2 to 0.8" in info
    post = dict(read_matrices("ark:exp/post.txt"))
    assert sorted(post) == sorted(TEXTS)
    assert all(np.allclose(rows.sum(axis=1), 1, atol=1e-6) for rows in post.values())


def test_what_went_there_comes_back(printed: dict[str, str]) -> None:
    before, after = read_kaldi_model("exp/nnet2/final.mdl"), read_kaldi_model("back.mdl")
    assert after.priors is not None
    assert after.priors.tolist() == before.priors.tolist()  # type: ignore[union-attr]
    assert after.transitions.tuples == before.transitions.tuples  # type: ignore[union-attr]
    for name in ("<LinearParams>", "<BiasParams>", "<LearningRate>"):
        old, new = (model.components[0].get(name[1:-1]) for model in (before, after))
        assert np.array_equal(old, new), name


def test_what_is_trained_here_suits_kaldi(printed: dict[str, str]) -> None:
    model, tri = (read_kaldi_model(f"exp/{name}/final.mdl") for name in ("hybrid", "tri"))
    assert model.transitions.tuples == tri.transitions.tuples  # type: ignore[union-attr]
    assert np.array_equal(
        model.transitions.log_probs,  # type: ignore[union-attr]
        tri.transitions.log_probs,  # type: ignore[union-attr]
    )
    assert len(model.priors) == 19  # type: ignore[arg-type]
    with kaldi_native_io.SequentialFloatMatrixReader("scp:exp/loglikes.scp") as reader:
        shapes = {key: matrix.shape for key, matrix in reader}
    assert shapes == {"spk2-hello": (110, 19), "spk2-lights": (118, 19)}
    words = read_kaldi_model("computer.mdl")
    assert len(words.priors) == 2  # type: ignore[arg-type]
    raw = read_kaldi_model("computer.raw")
    assert raw.transitions is None
    assert [component.type for component in raw.components][-1] == "SoftmaxComponent"


def test_the_python_example_compresses(printed: dict[str, str]) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(program, {})
    with kaldi_native_io.SequentialFloatMatrixReader("scp:small.scp") as reader:
        small = {key: matrix.copy() for key, matrix in reader}
    assert Path("small.ark").read_bytes().split(b" ")[1] == b"\0BCM"
    for key, matrix in read_matrices("scp:exp/feats/feats.scp"):
        # a byte per value: 64 codes at least over a quarter of a column's span
        assert np.abs(small[key] - matrix[:, :13]).max() < np.ptp(matrix) / 64


def test_other_blocks_are_the_options_and_the_python_example() -> None:
    assert [block.language for block in BLOCKS if block.language] == ["text", "python"]


def cells() -> list[tuple[str, str]]:
    """Kaldi's programs and what the page says of them."""
    part = section("Program by program")
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| `")]
    assert all(len(row) == 2 for row in rows)
    return [(row[0], row[1]) for row in rows]


def test_the_programs_of_the_recipe_are_there() -> None:
    named = " ".join(kaldi for kaldi, _ in cells())
    programs = (
        "compute-fbank-feats compute-mfcc-feats compute-cmvn-stats apply-cmvn add-deltas "
        "splice-feats copy-feats nnet-init nnet-am-init nnet-train-simple nnet-train-parallel "
        "nnet-insert nnet-replace-last-layers nnet-am-average nnet-combine-fast "
        "nnet-adjust-priors nnet-compute nnet-am-compute nnet-am-copy nnet-am-info raw-nnet-copy "
        "raw-nnet-info gmm-init-mono gmm-align-compiled ali-to-pdf latgen-faster-mapped "
        "compute-wer wav-to-duration nnet-get-egs"
    )
    for program in programs.split():
        assert f"`{program}" in named, program


def test_the_tables_commands_do_what_kaldis_programs_do(printed: dict[str, str]) -> None:
    assert len(runnable()) == 18
    golden = GOLDEN / "mdl"
    tri = read_kaldi_model("exp/tri/final.mdl")
    assert Path("final.txt.mdl").read_bytes() == (golden / "dnn-1.txt.mdl").read_bytes()
    # the network stands in the acoustic model as in a file of its own, but for the binary mark
    assert Path("final.raw").read_bytes()[2:] in (golden / "dnn-1.mdl").read_bytes()
    loglikes = dict(read_matrices("ark:loglikes.ark"))
    posteriors = dict(read_matrices("ark:post.ark"))
    assert list(loglikes) == list(posteriors) == sorted(TEXTS)
    assert np.array_equal(read_kaldi_model("0.mdl").transitions.tuples, tri.transitions.tuples)
    assert "%WER 59.09 [ 13 / 22, 4 ins, 6 del, 3 sub ]" in found(printed, "kws score")[0]
    alignment = dict(read_int_vectors("ark:ali.ark"))
    assert {key: len(ids) for key, ids in alignment.items()} == {
        key: len(rows) for key, rows in loglikes.items()
    }
    assert Path("exp/mono/decode/lm6/text").read_text().count("\n") == len(TEXTS)


def spans() -> list[str]:
    """Each `kws ...` of the running text and the tables."""
    return sorted(set(re.findall(r"`(kws [^`]+)`", TEXT)) | set(WORKED))


@pytest.mark.parametrize("command", spans())
def test_commands_and_options_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command)
    assert words[1] in COMMANDS
    name = words[1:3] if words[1] == "data" else words[1:2]
    assert run([*name, "--help"]) == 0
    options = capsys.readouterr().out
    for word in words[2:]:
        assert not word.startswith("--") or word in options, word


def test_options_that_stand_alone_exist(capsys: pytest.CaptureFixture[str]) -> None:
    known = {f"--{key}" for group in AllOptions().groups() for key in keys_of(type(group))}
    features = parse_feature_options("--feature-type=mfcc", "x")
    fbank = parse_feature_options("", "x")
    parts = (features.raw, fbank.raw, features.deltas, features.cmvn)
    known |= {f"--{key}" for part in parts for key in keys_of(type(part))} | {"--feature-type"}
    for command in COMMANDS:
        if command != "data":
            assert run([command, "--help"]) == 0
            known |= set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out))
    kaldis = {"--srand", "--pad-input", "--mode"}
    alone = [
        option
        for _, text in cells()
        for option in re.findall(r"`(--[a-z-]+)", text.split("Not here:")[0])
    ]
    assert len(alone) > 20
    assert set(alone) <= known | kaldis


def test_the_files_that_are_judged_otherwise() -> None:
    text = section("Where the judgement differs")
    kinder = ast.literal_eval(
        re.findall(r"^KINDER = (.*)$", (GOLDEN / "test_edge.py").read_text(), re.MULTILINE)[0]
    )
    assert set(re.findall(r"`edge/(\w+)\.wav`", text)) == kinder
    lines = (GOLDEN / "io/text-parse.tsv").read_text().splitlines()
    numbers = [
        len(list(GOLDEN.glob("errors/*.config"))),
        len(list(GOLDEN.glob("edge/*.wav"))),
        len(lines),
        len(kinder),
    ]
    assert numbers == [102, 24, 46, 5]
    assert "Of 102 configs, 24 wavs and 46 lines of text" in text
    assert "but for five wavs" in text
