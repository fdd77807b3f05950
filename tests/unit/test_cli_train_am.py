"""`kws train-am` as a user calls it, killed and interrupted too."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from frame_tables import NETWORK, NUM_PDFS, OPTIONS, write_tables

from kws.cli.main import run
from kws.nnet import read_model
from kws.training.checkpoint import FILE_NAME

GROWING = """SpliceComponent input-dim=5 left-context=2 right-context=1
AffineComponentPreconditionedOnline input-dim=20 output-dim=8 learning-rate=0.01
RectifiedLinearComponent dim=8
AffineComponentPreconditionedOnline input-dim=8 output-dim=2 learning-rate=0.01
SoftmaxComponent dim=2
"""
HIDDEN = """SpliceComponent input-dim=8 left-context=1 right-context=0
AffineComponentPreconditionedOnline input-dim=16 output-dim=8 learning-rate=0.01
RectifiedLinearComponent dim=8
"""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    write_tables(tmp_path, "train", 1)
    write_tables(tmp_path, "dev", 2, 3)
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "nnet.config").write_text(GROWING)
    (tmp_path / "net" / "hidden.config").write_text(HIDDEN)
    (tmp_path / "net.config").write_text(NETWORK)
    # a checkpoint after every job: a kill finds one
    (tmp_path / "train.conf").write_text(f"{OPTIONS}--checkpoint-minutes=1e-9\n--num-epochs=6\n")
    return [
        "train-am",
        *("--feats", f"scp:{tmp_path}/train.feats.scp", "--ali", f"ark:{tmp_path}/train.ali.ark"),
        *("--dev-feats", f"ark:{tmp_path}/dev.feats.ark"),
        *("--dev-ali", f"ark:{tmp_path}/dev.ali.ark", "--pdfs", str(NUM_PDFS)),
        *("--network", f"{tmp_path}/net", "--config", f"{tmp_path}/train.conf"),
    ]


def start(arguments: list[str], exp: Path) -> subprocess.Popen[str]:
    code = "import sys; from kws.cli.main import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments, "--exp", str(exp)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_model_is_trained(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    exp = tmp_path / "exp"
    given = ["--num-epochs", "3", "--seed", "4", "--licence", "CC0", "--exp", str(exp)]
    assert run([*arguments, *given]) == 0
    out = capsys.readouterr().out
    assert "begins at epoch 1, job 1 of 3 on cpu: 516 frames of 8 utterances" in out
    assert "2 of 2 hidden layers" in out
    assert "epoch 3/3: train/loss" in out
    assert "dev/accuracy" in out
    assert f"{exp}/final.kws: written after" in out
    model = read_model(exp / "final.kws")
    card = model.metadata["card"]
    assert card["options"]["--num-epochs"] == "3"  # the command line comes before the file
    assert card["options"]["--frames-per-job"] == "150"
    assert "--filler-weight" not in card["options"]
    assert (card["seed"], card["licences"]) == (4, ["CC0"])
    assert card["data"]["train"][0]["utterances"] == 8
    assert run([*arguments, *given]) == 0
    assert (
        capsys.readouterr().out
        == f"{exp}/final.kws: is trained already; --restart trains it anew\n"
    )
    assert sorted(path.name for path in exp.iterdir()) == [
        *(FILE_NAME, "final.kws", "tensorboard", "train.log")
    ]


def test_a_kill_changes_nothing_of_the_result(tmp_path: Path, arguments: list[str]) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run([*arguments, "--exp", str(whole)]) == 0
    process = start(arguments, killed)
    # in the middle of epoch 1, after the layer has come
    while not (killed / FILE_NAME).exists() or "2 of 2" not in (killed / "train.log").read_text():
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    process.kill()
    process.communicate()
    assert not (killed / "final.kws").exists()
    assert run([*arguments, "--exp", str(killed)]) == 0
    assert "continues at epoch" in (killed / "train.log").read_text()
    models = [read_model(exp / "final.kws") for exp in (whole, killed)]
    for name, tensor in models[0].tensors.items():
        assert tensor.equal(models[1].tensors[name]), name
    assert models[0].metadata["priors"] == models[1].metadata["priors"]


def test_it_trains_alone_in_its_folder_until_ctrl_c(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    exp = tmp_path / "exp"
    process = start([*arguments, "--num-epochs", "2000"], exp)
    while not (exp / FILE_NAME).exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    assert run([*arguments, "--exp", str(exp)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{exp}: another training is running in this folder; ")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "of 2000; the same command continues from" in err
    assert not (exp / "final.kws").exists()


def test_other_data_does_not_continue(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    exp = tmp_path / "exp"
    assert run([*arguments, "--exp", str(exp)]) == 0
    capsys.readouterr()
    write_tables(tmp_path, "train", 3)
    assert run([*arguments, "--exp", str(exp)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "was begun with train scp:" in line
    assert "--restart" in line


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--pdfs", "1"], "--pdfs 1: must be 2 or greater"),
        (["--pdfs", "3"], "train.ali.ark: u1-0: label 3, but the network's outputs are 0 to 2 (-1"),
        (["--dev-ali", "ark:none.ark"], "none.ark: No such file or directory"),
        (["--transition-model", "net.config"], "give either --pdfs N, where the alignment holds"),
        (["--feats", "net"], "net: holds no feats.scp; it is what `kws features --config CONF"),
        (["--network", "wide.config"], "wide.config:1: input-dim=6, but the features of scp:"),
        (["--num-epochs", "1"], "2 hidden layers, one every --add-layers-period=2 iterations"),
        (["--device", "tpu"], "--device tpu: must be one of cpu, cuda"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wide.config").write_text(
        NETWORK.replace("input-dim=5", "input-dim=6").replace("=20", "=24")
    )
    assert run([*arguments, *change, "--exp", "exp"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not Path("exp/final.kws").exists()
