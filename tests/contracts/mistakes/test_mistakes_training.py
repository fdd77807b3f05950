"""Mistakes in training."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest
from mistakes_world import NETWORK, TRAIN, TRAIN_OPTIONS, Case, World

from kws.cli.main import run

CHECKPOINT = "exp/checkpoint.safetensors"


def trained(folder: Path, bytes_cut: int = 0) -> None:
    """Train, and cut off the end of the checkpoint."""
    assert run(shlex.split(TRAIN)) == 0
    content = (folder / CHECKPOINT).read_bytes()
    (folder / CHECKPOINT).write_bytes(content[: len(content) - bytes_cut])


def model_for_a_checkpoint(folder: Path) -> None:
    (folder / CHECKPOINT).parent.mkdir()
    shutil.copy(folder / "final.kws", folder / CHECKPOINT)


def rates(first: str, second: str) -> dict[str, str]:
    """The network with learning rates."""
    text = NETWORK.replace("output-dim=6", f"output-dim=6 learning-rate={first}")
    return {"net.config": text.replace("output-dim=3", f"output-dim=3 learning-rate={second}")}


CASES = [
    Case(
        "a network of no component",
        TRAIN,
        "net.config: holds no component; write one per line",
        {"net.config": "# nothing\n"},
    ),
    Case(
        "layers that no file holds",
        f"{TRAIN} --network layers",
        "layers: 3 hidden layers need replace.1.config or hidden.config; write one, or give "
        "--num-hidden-layers=1 or less",
        {"layers/nnet.config": NETWORK, "train.conf": TRAIN_OPTIONS + "--num-hidden-layers=3\n"},
    ),
    Case(
        "too few iterations for the layers",
        f"{TRAIN} --network layers",
        "2 hidden layers, one every --add-layers-period=2 iterations, need 7 iterations; there "
        "are 1: give more --num-epochs, smaller jobs or a shorter period",
        {"layers/nnet.config": NETWORK, "layers/hidden.config": "TanhComponent dim=6\n"},
    ),
    Case(
        "a keyword that nobody says",
        TRAIN.replace("jarvis,computer", "jarvis,marvin"),
        "data: no utterance's text holds the keyword 'marvin'; give data dirs that do",
    ),
    Case(
        "a missing data dir",
        TRAIN.replace("--data data", "--data daat"),
        "daat: no such directory; name a data dir (one that holds wav.scp)",
    ),
    Case(
        "a network of another input-dim",
        TRAIN,
        "net.config:1: input-dim=9, but the features have 8 columns; change one of them",
        {
            "net.config": NETWORK.replace("input-dim=8", "input-dim=9").replace(
                "input-dim=32", "input-dim=36"
            )
        },
    ),
    Case(
        "a missing network",
        TRAIN.replace("net.config", "no.config"),
        "no.config: No such file or directory; name a file that can be read",
    ),
    Case(
        "a network without outputs to set",
        TRAIN,
        "net.config:1: SpliceComponent: no dim to set to 3 outputs; end the network in a softmax",
        {"net.config": "SpliceComponent input-dim=8 left-context=2 right-context=1\n"},
    ),
    Case(
        "a learning rate of nan in the network",
        TRAIN,
        "net.config: learning-rate=nan: to train, it must be 0 or greater and finite",
        rates("nan", "0.001"),
    ),
    Case(
        "an infinite learning rate in the network",
        TRAIN,
        "net.config: learning-rate=inf: to train, it must be 0 or greater and finite",
        rates("inf", "0.001"),
    ),
    Case(
        "learning rates of 0",
        TRAIN,
        "net.config: no component has a learning-rate above 0: none can learn",
        rates("0", "0"),
    ),
    Case(
        "a negative learning rate in the network",
        TRAIN,
        "net.config: learning-rate=-1: to train, it must be 0 or greater and finite",
        rates("-1", "0.001"),
    ),
    Case(
        "infinite parameters",
        TRAIN,
        "exp: the loss is no longer a number in epoch 1; start anew with --restart "
        "and a smaller --initial-effective-lrate, --final-effective-lrate or --weight-decay",
        {"net.config": NETWORK.replace("output-dim=6", "output-dim=6 param-stddev=inf")},
        made=("exp/tensorboard/...", "exp/train.log"),
    ),
    Case(
        "CMVN per speaker",
        TRAIN,
        "feats.conf: cmvn=speaker: a detector does not know who speaks; train with --cmvn=global",
        {"feats.conf": "--num-mel-bins=8\n--cmvn=speaker\n"},
    ),
    Case(
        "CMVN per utterance",
        TRAIN,
        "feats.conf: cmvn=utterance: an utterance's statistics are not known in a stream; use "
        "--cmvn=global",
        {"feats.conf": "--num-mel-bins=8\n--cmvn=utterance\n"},
    ),
    Case(
        "statistics of other columns",
        TRAIN + " --cmvn-stats bad.stats",
        "bad.stats: statistics of 2 columns do not fit features of 8; compute them "
        "with the same feature options",
        {"bad.stats": " [\n 1 2 3\n 4 5 6 ]\n", "feats.conf": "--num-mel-bins=8\n--cmvn=global\n"},
    ),
    Case(
        "words without times",
        TRAIN,
        "data/wav.scp:1: the time of the keyword in a-1 is not known, nor that of "
        "1 others; find them with `kws align` and give its CTM with --ali, let "
        "--realign-epochs find them, or train with --objective max-pool",
        prepare=lambda f: (f / "data/ctm").unlink(),
    ),
    Case(
        "an empty keyword",
        TRAIN.replace("jarvis,computer", "jarvis,,computer"),
        "keywords ['jarvis', '', 'computer']: give one or more, none of them empty",
    ),
    Case(
        "a keyword twice",
        TRAIN.replace("jarvis,computer", "jarvis,Jarvis"),
        "keyword 'jarvis' is given twice; keep one",
    ),
    Case(
        "the best epoch without dev",
        TRAIN,
        "--select=best needs a dev set; give one with --dev-data",
        {"train.conf": "--select=best\n"},
    ),
    Case(
        "a combination without dev",
        TRAIN,
        "--max-models-combine=9 needs a dev set to choose the weights on; give one with --dev-data",
        {"train.conf": "--max-models-combine=9\n"},
    ),
    Case(
        "a combination and the best epoch",
        TRAIN + " --dev-data data",
        "--max-models-combine=9 and --select=best: the combination is made of the last models; "
        "leave one out",
        {"train.conf": "--max-models-combine=9\n--select=best\n"},
    ),
    Case(
        "iterations for no combination",
        TRAIN,
        "--num-iters-final=9: nothing is combined; give --max-models-combine too",
        {"train.conf": "--num-iters-final=9\n"},
    ),
    Case(
        "jobs at the same time on one accelerator",
        TRAIN + " --num-jobs-nnet 2 --device cuda",
        "--num-jobs-nnet=2 with --device cuda: jobs at the same time are for the cores of a CPU; "
        "leave one out",
    ),
    Case(
        "no job at all",
        TRAIN + " --num-jobs-nnet 0",
        "--num-jobs-nnet 0: it must lie between 1 and 256",
    ),
    Case("a missing alignment", TRAIN + " --ali no.ctm", "no.ctm: No such file or directory"),
    Case(
        "a data dir twice",
        TRAIN + " --data data",
        "data/wav.scp:1: utterance a-1 is also in data; give it once, or another id",
    ),
    Case(
        "noise that is missing",
        TRAIN + " --noise noise",
        "noise/wav.scp:1: noise/n.wav: No such file or directory",
        {
            "noise/wav.scp": "n n.wav\n",
            "train.conf": "--num-epochs=1\n--vtln-warp-max=1\n--vtln-warp-min=1\n",
        },
    ),
    Case(
        "a file for the directory",
        TRAIN.replace("--exp exp", "--exp net.config"),
        "net.config: is a file; name a directory",
    ),
    Case(
        "text for a checkpoint",
        TRAIN,
        "exp/checkpoint.safetensors: not a checkpoint, or damaged (...); start anew with --restart",
        {CHECKPOINT: "hello"},
    ),
    Case(
        "a model for a checkpoint",
        TRAIN,
        "exp/checkpoint.safetensors: a checkpoint of another version; start anew with --restart",
        prepare=model_for_a_checkpoint,
    ),
    Case(
        "a checkpoint of another training",
        TRAIN + " --seed 7",
        "exp/checkpoint.safetensors: was begun with --seed 0, now it is 7; "
        "continue with the same, or start anew with --restart",
        prepare=trained,
    ),
    Case(
        "a checkpoint cut short",
        TRAIN,
        "exp/checkpoint.safetensors: not a checkpoint, or damaged (...); start anew with --restart",
        prepare=lambda folder: trained(folder, bytes_cut=10),
    ),
    Case(
        "no processes",
        TRAIN + " --nj 0",
        "kws train: Invalid value for '--nj': ... (see kws train --help)",
    ),
    Case(
        "epochs in words",
        TRAIN + " --realign-epochs 2,x",
        "--realign-epochs 2:x: it must be whole numbers joined by colons, such as -2:0:2",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_training(case: Case, world: World) -> None:
    world.check(case)


def test_a_dev_set_that_is_trained_on_is_told(world: World) -> None:
    told = (
        "4 recordings are in --data and in --dev-data (data/a-1.wav): the dev loss is that of "
        "what was learnt"
    )
    made = ("exp/checkpoint.safetensors", "exp/final.kws", "exp/tensorboard/...", "exp/train.log")
    case = Case("", f"{TRAIN} --dev-data data", "", notices=(told,), made=made, status=0)
    world.check(case)


def test_a_training_that_diverges_leaves_the_model_before_it(world: World) -> None:
    rate = "--optimizer sgd --initial-effective-lrate 1e30 --final-effective-lrate 1e30"
    line = (
        "exp/final.kws: the last steps made parameters that are not finite; start anew with "
        "--restart and a smaller --initial-effective-lrate, --final-effective-lrate or "
        "--weight-decay"
    )
    files = {
        "train.conf": f"{TRAIN_OPTIONS}--max-grad-norm=0\n--warmup-share=0\n--weight-decay=1000\n",
        "exp/final.kws": "of an earlier run\n",
        "net.config": NETWORK.replace("output-dim=6", "output-dim=6 param-stddev=1e8"),
    }
    made = ("exp/checkpoint.safetensors", "exp/tensorboard/...", "exp/train.log")
    world.check(Case("", f"{TRAIN} {rate}", line, files, made=made))
