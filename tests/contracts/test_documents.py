"""Every command that a document or a `--help` names is run, in order, as it stands there.

What is run in place of it, or not at all, stands in the lists below and nowhere else: a command
that a document gains is run as it is, and must succeed. docs/kaldi.md is run by test_docs_kaldi.py.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
from itertools import chain
from pathlib import Path

import pytest
from document_worlds import RATE, link_checkout, make_stock, said, write_takes
from documents import ROOT, Block, Reader, markdown_blocks, program_blocks
from ready_python import ReadyPython

from kws.audio import write_audio
from kws.cli.main import COMMANDS, run

SMALL = "--nj 1 --train-config tiny.conf --network tiny.config"
LISTEN = "arecord -t raw -f S16_LE -r 16000 -c 1"
PLAY = "tail -c +45 kitchen.wav"  # without its header
DONE = "--stage 9"  # the recipe looks at its options and runs no stage: README's run has run them
INSTEAD = (  # where, what stands there, and what is run in place of it
    (
        "README.md",
        "recipes/run.sh  ",
        f"recipes/run.sh --corpus-scale 0.004 --voices espeak {SMALL}  ",
    ),
    ("README.md", "--exp exp/marvin", f"--exp exp/marvin {SMALL}"),
    ("README.md", LISTEN, PLAY),
    (
        "README.md: Phones",
        "--timit TIMIT",
        "--timit TIMIT --totgauss 30 --lm-weights 1:2 --dnn-config tiny_am.conf "
        "--convnet-config tiny_am.conf",
    ),
    ("README.md: Phones", "conf/phones_60_48_39.map", "words.map"),
    ("benchmarks/README.md", "training.py", "training.py --seconds-of-audio 9"),
    ("benchmarks/README.md", "tables.py", "tables.py --rounds 1 --count 20"),
    (
        "benchmarks/README.md",
        "posteriors.py",
        "posteriors.py --frames 10000 tests/golden/nnet2/dnn.raw",
    ),
    ("benchmarks/README.md", "a.onnx b.onnx", "jarvis.onnx --rounds 1 --seconds 1 --calls 20"),
    ("recipes/RESULTS.md", "real SETS...", "real sets/words sets/others"),
    ("recipes/RESULTS.md", "noise NOISE_SETS...", "noise sets/esc10 sets/noise_misc sets/rir_mini"),
    ("recipes/RESULTS.md", "conf/NETWORK.config", "conf/tdnn.config"),
    ("recipes/RESULTS.md", "--objective OBJECTIVE", "--objective ce"),
    ("recipes/RESULTS.md", "run.sh ...", "run.sh"),
    ("recipes/RESULTS.md", "recipes/run.sh", f"recipes/run.sh {DONE}"),
    (
        "recipes/RESULTS.md",
        "optimizers/run.sh",
        'optimizers/run.sh --stage 1 --num-epochs 1 --rates "sgd=0.1 muon=0.002" --exp exp/few',
    ),
    ("recipes/timit/RESULTS.md", "SAMPLE", "nltk_data/corpora/timit"),
    ("recipes/timit/RESULTS.md", "--stage 2", ""),
    ("recipes/timit/RESULTS.md", "--stage 3", ""),
    ("recipes/timit/RESULTS.md", "timit/run.sh", f"timit/run.sh {DONE}"),
    ("kws train --help", "--exp exp/tdnn", "--config tiny.conf --exp exp/tdnn"),
    ("kws train --help", "--exp exp/mine", "--config tiny.conf --exp exp/mine"),
    ("kws train --help", "conf/train_kaldi.conf", "tiny_kaldi.conf"),
    ("kws train --help", "conf/convnet_accel2", "conf/convnet_accel2_small"),
    ("kws train-gmm --help", "exp/mono", "exp/mono_again"),
    ("kws train-am --help", "scp:feats.scp", "scp:exp/deltas/feats.scp"),
    ("kws train-am --help", "--num-epochs 8", "--config tiny_am.conf"),
    ("kws train-am --help", "timit/convnet", "timit/convnet_small --config tiny_am.conf"),
    ("kws detect --help", LISTEN, PLAY),
    ("local/choose_lm_weight.py --help", "conf/phones_60_48_39.map", "words.map"),
    ("local/prepare_timit.py --help", "/corpora/TIMIT", "TIMIT"),
    (
        "local/synthesize_corpus.py --help",
        "data/synthetic",
        "data/synthetic --nj 1 --scale 0.004 --voices espeak",
    ),
    (
        "local/synthesize_corpus.py --help",
        "--train-positives 1000",
        "--nj 1 --scale 0.004 --voices espeak",
    ),
    ("local/synthesize_corpus.py --help", "--scale 0.02", "--nj 1 --scale 0.004 --voices espeak"),
    ("kws voices --help", "kws voices", "kws voices || test $? -eq 1"),  # 1: some are missing
    ("local/synthesize_phones.py --help", "data/phones", "data/phones --speakers 4 --utterances 1"),
)
SKIPPED = [  # what matches the beginning of a command, and why it is not run
    (r"tests/run\.sh", "is what runs this test"),
    (r"tests/without_torch\.sh", "needs other Pythons, and the network"),
    (r"uv pip compile", "needs uv, and the network"),
    (r"PIP_EXTRA_INDEX_URL=", "is recipes/run.sh with the network"),
    (r"ruff format \. && .* && pytest", "is what tests/run.sh does, which runs this test"),
    (r"kws listen", "needs a microphone"),
    (r"kws doctor( +#.*| --device.*)?$", "needs a microphone"),
    (r"sudo ", "needs root"),
    (r"/opt/kws/venv/bin/kws", "needs a microphone, and root to make the folder"),
    (r"journalctl", "needs the service, which needs systemd and root"),
    (r"pip download", "needs the network"),
    (r"kws voices --fetch", "needs the network"),
    (r"qemu-aarch64-static", "needs QEMU, and Debian's Python for arm64 from the network"),
    (r"python -m venv peers|peers/bin/pip|.* --peers-python", "needs the network"),
]
if importlib.util.find_spec("torchaudio") is None:
    SKIPPED.append((r"python benchmarks/fbank\.py", "needs torchaudio, beside exactly its torch"))
if shutil.which("jq") is None:
    SKIPPED.append((r".*\| jq ", "needs jq"))
OTHER = {  # blocks that are no commands, by the beginning of their text, and the test of each
    ("README.md", "SpliceComponent"): "here",
    ("docs/deploy.md", "from kws.runtime import Detector"): "test_docs_deploy.py",
    ("docs/deploy.md", "[Unit]"): "test_docs_deploy.py",
    ("docs/deploy.md", "import * as ort"): "test_onnxruntime_web.py",
}
SEPARATE = ("For the Kaldi person", "Phones")  # parts of README whose reader begins anew
PROGRAMS = [
    *((ROOT / f"kws/cli/{name.replace('-', '_')}.py", f"kws {name}") for name in COMMANDS),
    *((path, str(path.relative_to(ROOT))) for path in sorted((ROOT / "local").glob("*.py"))),
    *((path, str(path.relative_to(ROOT))) for path in sorted((ROOT / "recipes").rglob("*.py"))),
]
MARKDOWN = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "recipes/**/*.md")
    for path in ROOT.glob(pattern)
    if path.name != "kaldi.md"
)


def other(block: Block) -> str | None:
    """Which test looks at a block that is no command."""
    tests = (
        test
        for (document, begin), test in OTHER.items()
        if document == block.document and block.text.startswith(begin)
    )
    return next(tests, None)


def commands_by_part() -> dict[str, list[str]]:
    """What the reader of each part types, in order."""
    parts: dict[str, list[str]] = {}
    programs = chain.from_iterable(program_blocks(path, name) for path, name in PROGRAMS)
    for block in chain(*map(markdown_blocks, MARKDOWN), programs):
        if other(block) is None:
            ends = f": {block.heading}" if block.heading in SEPARATE else ""
            parts.setdefault(block.document + ends, []).extend(block.commands())
    return parts


PARTS = commands_by_part()
ALL = [(part, command) for part, commands in PARTS.items() for command in commands]


def why_skipped(command: str) -> str | None:
    return next((why for begin, why in SKIPPED if re.match(begin, command)), None)


def instead_of(part: str, command: str) -> str:
    for where, there, instead in INSTEAD:
        if where == part:
            command = command.replace(there, instead)
    return command


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory, ready: ReadyPython) -> Path:
    folder = tmp_path_factory.mktemp("stock")
    make_stock(folder, ready.programs)
    return folder


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """What the reader of a part has: recordings for the README, else a copy of the stock."""
    part = request.getfixturevalue("part")
    if part == "README.md":
        make_recordings(tmp_path)
        return tmp_path
    stock = request.getfixturevalue("stock")
    return shutil.copytree(stock, tmp_path / "world", symlinks=True, copy_function=copy_or_link)


def copy_or_link(source: str, copy: str) -> None:
    """Copy a file; audio, which nothing changes, is the same one."""
    (os.link if source.endswith((".wav", ".flac")) else shutil.copyfile)(source, copy)


def make_recordings(folder: Path) -> None:
    link_checkout(folder)
    write_takes(folder / "recordings/marvin", "hey marvin", 24, 0)
    write_takes(folder / "recordings/other", "hello there stop", 24, 100)
    write_takes(folder / "recordings/noise", "", 4, 200)
    write_audio(folder / "kitchen.wav", said("hello hey marvin there", 300)[0], RATE)
    write_audio(folder / "missed.wav", said("hey there", 301)[0], RATE)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "part", [p for p, c in PARTS.items() if any(not why_skipped(x) for x in c)]
)
def test_commands_run(part: str, world: Path, ready: ReadyPython) -> None:
    reader = Reader(world, ready.programs, activated=part != "README.md")
    for command in PARTS[part]:
        if why_skipped(command) is None:
            reader.run(instead_of(part, command))
    if part == "README.md":
        check_promises(reader)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        pytest.param(command, why, id=f"{part}: {command}")
        for part, command in ALL
        if (why := why_skipped(command))
    ],
)
def test_what_no_test_can_run(command: str, why: str) -> None:
    pytest.skip(f"{command}: {why}")


def check_promises(reader: Reader) -> None:
    """What the README says of what its commands leave and print."""
    for name in (
        "exp/default/eval/report.html",
        "exp/default/final.kws",
        "missed.png",
        "small.onnx",
    ):
        assert (reader.folder / name).stat().st_size > 0, name
    for command, printed in reader.printed.items():
        if "kws detect" in command:
            (event,) = map(json.loads, printed.splitlines())  # it is said once in kitchen.wav
            assert list(event) == ["file", "keyword", "start_s", "end_s", "peak_s", "confidence"]
            assert event["keyword"] == "hey marvin"
    (verified,) = [text for command, text in reader.printed.items() if "kws verify" in command]
    assert verified.endswith("they agree\n")


def test_every_entry_of_the_lists_is_used() -> None:
    for where, there, instead in INSTEAD:
        of_part = [command for part, command in ALL if part == where]
        assert any(there in command for command in of_part), (where, there, instead)
    assert len(PARTS["docs/deploy.md"]) > 15
    for begin, why in SKIPPED:
        assert any(re.match(begin, command) for _, command in ALL), (begin, why)


def test_blocks_that_are_no_commands_are_those_of_the_list() -> None:
    blocks = list(chain(*map(markdown_blocks, MARKDOWN)))
    found = [key for key in OTHER for block in blocks if other(block) and is_named(block, key)]
    assert sorted(found) == sorted(OTHER)
    for block in blocks:
        assert block.language in ("", "bash", "sh") or other(block), (
            f"{block.document}: what is {block.text!r}?"
        )


def is_named(block: Block, key: tuple[str, str]) -> bool:
    return block.document == key[0] and block.text.startswith(key[1])


def test_the_network_of_the_readme_is_one(tmp_path: Path) -> None:
    (network,) = [b for b in markdown_blocks("README.md") if b.text.startswith("SpliceComponent")]
    (tmp_path / "net.config").write_text(network.text)
    assert run(["info", str(tmp_path / "net.config")]) == 0


def spans() -> list[str]:
    """Each `kws ...` of running text, and what is skipped."""
    text = "".join((ROOT / name).read_text(encoding="utf-8") for name in MARKDOWN)
    inline = re.findall(r"`(kws [a-z][^`]+)`", text)
    skipped = (command for _, command in ALL if why_skipped(command))
    of_kws = (re.search(r"\bkws [a-z].*", command) for command in skipped)
    return sorted({re.sub(r"\s+", " ", span) for span in (*inline, *(m[0] for m in of_kws if m))})


@pytest.mark.parametrize("command", spans())
def test_commands_and_options_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command, comments=True)
    assert words[1] in COMMANDS
    name = words[1:3] if words[1] == "data" and len(words) > 2 else words[1:2]
    assert run([*name, "--help"]) == 0
    options = capsys.readouterr().out
    for word in words[2:]:
        assert not word.startswith("--") or word in options, word


def test_a_command_that_fails_is_told(tmp_path: Path, ready: ReadyPython) -> None:
    reader = Reader(tmp_path, ready.programs)
    assert reader.run("printf 'a\\n' | cat; export WORD=two") == "a\n"
    assert reader.run("echo $WORD") == "two\n"
    for command in ("kws info none", "kws info none | cat", "false", "nothing_of_this_name"):
        with pytest.raises(AssertionError, match="ended with"):
            reader.run(command)
