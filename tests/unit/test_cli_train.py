"""`kws train` as a user calls it, killed and interrupted too."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from training_tones import FEATURES, NETWORK, OPTIONS, corpus

from kws.cli.main import run
from kws.nnet import read_model
from kws.training.checkpoint import FILE_NAME, read_checkpoint


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    (tmp_path / "nnet.config").write_text(NETWORK)
    (tmp_path / "fbank.conf").write_text(FEATURES)
    (tmp_path / "train.conf").write_text(f"{OPTIONS}--chunk-frames=4\n")
    train = corpus(tmp_path / "train")
    dev = corpus(tmp_path / "dev", num_each=2, first_s=0.5)
    return [
        "train",
        *("--data", f"{train}", "--dev-data", str(dev)),
        *("--network", f"{tmp_path}/nnet.config", "--features", f"{tmp_path}/fbank.conf"),
        *("--config", f"{tmp_path}/train.conf", "--keywords", "low"),
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
    arguments += ["--data", str(corpus(tmp_path / "more", num_each=2))]
    given = ["--num-epochs", "2", "--seed", "4", "--licence", "CC0", "--exp", str(exp)]
    assert run([*arguments, *given]) == 0
    out = capsys.readouterr().out
    assert "epoch 2/2: train/loss" in out
    assert f"{exp}/final.kws: written after" in out
    model = read_model(exp / "final.kws")
    card = model.metadata["card"]
    assert card["options"]["--num-epochs"] == "2"  # the command line comes before the file
    assert card["options"]["--utterances-per-job"] == "5"
    assert card["seed"] == 4
    assert card["licences"] == ["CC0"]
    assert len(card["data"]["train"]) == 2
    assert card["data"]["noise"] == []
    assert (exp / "train.log").exists()
    assert list((exp / "tensorboard").iterdir())

    assert run([*arguments, *given]) == 0
    assert "is trained already" in capsys.readouterr().out
    assert run([*arguments, *given, "--objective", "max-pool"]) == 2
    message = capsys.readouterr().err
    assert "was begun with --objective ce, now it is max-pool" in message
    assert run([*arguments, *given, "--objective", "max-pool", "--restart"]) == 0
    assert read_model(exp / "final.kws").metadata["card"]["options"]["--objective"] == "max-pool"


def layers(path: Path) -> Path:
    """A folder of which `kws train` makes deeper networks."""
    folder = path / "layers"
    folder.mkdir()
    (folder / "nnet.config").write_text(NETWORK)
    hidden = (
        "AffineComponent input-dim=8 output-dim=8 bias-stddev=0\nRectifiedLinearComponent dim=8\n"
    )
    (folder / "hidden.config").write_text(hidden)
    return folder


def test_a_folder_makes_a_network_that_grows(tmp_path: Path, arguments: list[str]) -> None:
    arguments[arguments.index("--network") + 1] = str(layers(tmp_path))
    assert run([*arguments, "--num-epochs", "3", "--exp", str(tmp_path / "exp")]) == 0
    network = read_model(tmp_path / "exp/final.kws").network.splitlines()
    assert [line.split()[0] for line in network[2:6]] == [
        *("RectifiedLinearComponent", "DropoutComponent"),
        *("AffineComponent", "RectifiedLinearComponent"),
    ]
    assert "job 2: 2 of 2 hidden layers" in (tmp_path / "exp/train.log").read_text()


def test_a_model_of_mfcc_is_trained(tmp_path: Path, arguments: list[str]) -> None:
    features = f"--feature-type=mfcc\n--num-ceps=10\n{FEATURES}"
    (tmp_path / "fbank.conf").write_text(features)
    assert run([*arguments, "--num-epochs", "6", "--exp", str(tmp_path / "exp")]) == 0
    model = read_model(tmp_path / "exp/final.kws")
    assert "--feature-type=mfcc" in model.features
    # with nothing learned it would be the share of the filler, about 0.86
    losses = (tmp_path / "exp/train.log").read_text().split("dev/accuracy ")[1:]
    assert float(losses[-1].split(",")[0]) > 0.95


def test_a_model_is_trained_further(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    exp, more = tmp_path / "exp", tmp_path / "more"
    assert run([*arguments, "--num-epochs", "1", "--exp", str(exp)]) == 0
    start = exp / "final.kws"
    index = arguments.index("--network")
    arguments = [*arguments[:index], *arguments[index + 2 :], "--num-epochs", "2"]
    arguments[arguments.index("low")] = "low,high"
    given = [*arguments, "--init-from", str(start), "--freeze", "1"]
    assert run([*given, "--exp", str(more)]) == 0
    old, new = read_model(start), read_model(more / "final.kws")
    assert torch.equal(old.tensors["nnet.1.weight"], new.tensors["nnet.1.weight"])
    assert new.tensors["nnet.4.weight"].shape == (3, 8)
    entry = new.metadata["card"]["init_from"]
    assert (entry["path"], entry["frozen"], entry["units_drawn"]) == (str(start), 1, ["high"])
    capsys.readouterr()
    assert run([*given, "--exp", str(more)]) == 0
    assert "is trained already" in capsys.readouterr().out
    assert run([*given[:-1], "0", "--exp", str(more)]) == 2
    assert "was begun with --freeze 1, now it is 0" in capsys.readouterr().err
    assert run([*given, "--exp", str(exp)]) == 2
    assert f"--init-from {start}: is what this training writes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--init-from", "no.kws"], "no.kws"),
        (["--init-from", __file__], "not a kws model, or damaged"),
        (["--freeze", "1"], "--freeze 1: needs --init-from MODEL"),
        (["--objective", "mse"], "--objective mse: it must be one of ce, max-pool"),
        (["--num-epochs", "0"], "--num-epochs 0: it must be greater than 0"),
        (["--realign-epochs", "a,b"], "--realign-epochs a:b: it must be whole numbers"),
        (["--device", "tpu"], "--device tpu: must be one of cpu, cuda"),
        (["--data", "no/such/dir"], "no/such/dir: no such directory"),
        (["--ali", "no.ctm"], "no.ctm"),
        (["--network", "no.config"], "no.config"),
        (["--config", "no.conf"], "no.conf"),
        (["--keywords", "low,low"], "keyword 'low' is given twice"),
        (["--keywords", "low,l-ow"], "keywords 'low' and 'l-ow' have the same letters"),
        (["--keywords", "low,..."], "keyword '...': must be words of letters or numbers"),
    ],
)
def test_mistakes_cost_one_line(
    given: list[str],
    message: str,
    tmp_path: Path,
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run([*arguments, *given, "--exp", str(tmp_path / "exp")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "exp" / "final.kws").exists()


def test_a_mistake_in_the_options_file_has_its_place(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "train.conf").write_text("--num-epochs=2\n--num-epoch=3\n")
    assert run([*arguments, "--exp", str(tmp_path / "exp")]) == 2
    error = capsys.readouterr().err
    assert f"{tmp_path}/train.conf:2: unknown key num-epoch, did you mean num-epochs?" in error


def test_killed_at_any_moment_it_continues_to_the_same_model(
    tmp_path: Path, arguments: list[str]
) -> None:
    arguments += ["--num-epochs", "60"]
    # layers come all the time, so that it is killed between two of them
    arguments[arguments.index("--network") + 1] = str(layers(tmp_path))
    with (tmp_path / "train.conf").open("a") as conf:
        conf.write("--num-hidden-layers=8\n--add-layers-period=20\n")
    begin = time.monotonic()
    assert run([*arguments, "--exp", str(tmp_path / "straight")]) == 0
    whole = time.monotonic() - begin
    moments = random.SystemRandom()  # any moment will do: the test must pass for all of them
    exp, kills = tmp_path / "killed", 0
    with (tmp_path / "train.conf").open("a") as conf:
        conf.write("--checkpoint-minutes=1e-6\n")  # after every job; not a part of the settings
    for _ in range(2):
        process = start(arguments, exp)
        before = read_checkpoint(exp / FILE_NAME).epoch if (exp / FILE_NAME).exists() else -1
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if (exp / FILE_NAME).exists() and read_checkpoint(exp / FILE_NAME).epoch > before:
                break
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, whole / 8))
        process.kill()
        process.communicate(timeout=60)  # its workers end too: they hold the other end of its pipes
        kills += process.returncode == -signal.SIGKILL and not (exp / "final.kws").exists()
    assert kills >= 1, "it ended before it could be killed"
    assert run([*arguments, "--exp", str(exp)]) == 0
    straight, killed = (
        read_model(tmp_path / name / "final.kws") for name in ("straight", "killed")
    )
    assert straight.tensors.keys() == killed.tensors.keys()
    for name, value in straight.tensors.items():
        assert torch.equal(value, killed.tensors[name]), name
    assert (straight.network, straight.features) == (killed.network, killed.features)
    # nothing else differs but how long it took and how often checkpoints were written
    for model in (straight, killed):
        del model.metadata["card"]["training"]["seconds"]
        del model.metadata["card"]["options"]["--checkpoint-minutes"]
    assert straight.metadata == killed.metadata


def test_an_interrupt_says_where_to_continue(tmp_path: Path, arguments: list[str]) -> None:
    exp = tmp_path / "exp"
    process = start([*arguments, "--num-epochs", "2000"], exp)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 1/"):
            break
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    last = error.splitlines()[-1]
    assert last.startswith("stopped in epoch ")
    assert last.endswith(f"the same command continues from {exp}/{FILE_NAME}")
    assert "Traceback" not in error
    assert read_checkpoint(exp / FILE_NAME).epoch >= 1


def test_a_second_training_in_a_folder_is_refused(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    exp = tmp_path / "exp"
    process = start([*arguments, "--num-epochs", "2000", "--num-jobs-nnet", "2"], exp)
    try:
        while not (exp / FILE_NAME).exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        assert run([*arguments, "--restart", "--num-epochs", "1", "--exp", str(exp)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"{exp}: another training is running in this folder; ")
        assert (exp / FILE_NAME).exists()
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate(timeout=60)
    assert run([*arguments, "--restart", "--num-epochs", "1", "--exp", str(exp)]) == 0
