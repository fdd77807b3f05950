"""Mistakes in the training of acoustic models."""

from __future__ import annotations

import pytest
from mistakes_world import NETWORK, TEXTS, Case, World

COMMAND = "train-am --feats scp:feats.scp --ali ark:ali.txt --network net.config --exp exp"
TRAIN_AM = f"{COMMAND} --pdfs 3 --num-epochs 1"


def alignment(pdf: int = 2, num_frames: int = 30, names: tuple[str, ...] = tuple(TEXTS)) -> str:
    """Of the table feats.scp; the last frame is `pdf`, which comes after pdfs 0 and 1."""
    pdfs = [frame % 2 for frame in range(num_frames - 1)] + [pdf]
    return "".join(f"{name} {' '.join(map(str, pdfs))}\n" for name in names)


CASES = [
    Case(
        "an alignment of fewer frames",
        TRAIN_AM,
        "ark:ali.txt: a-1: 29 labels, but scp:feats.scp has 30 frames of it; align features of the "
        "same frame shift",
        {"ali.txt": alignment(num_frames=29)},
    ),
    Case(
        "a pdf beyond the outputs",
        TRAIN_AM,
        "ark:ali.txt: a-1: label 3, but the network's outputs are 0 to 2 (-1: not learnt); is it "
        "the alignment of this model?",
        {"ali.txt": alignment(3)},
    ),
    Case(
        "an alignment of other utterances",
        TRAIN_AM,
        "ark:ali.txt: has no labels for any of the 4 utterances of scp:feats.scp, such as a-1; "
        "give the alignment of the same utterances",
        {"ali.txt": alignment(names=("c-1",))},
    ),
    Case(
        "an alignment of a few utterances",
        TRAIN_AM,
        "ark:ali.txt: has no labels for 3 of 4 utterances of scp:feats.scp, such as a-2; give the "
        "alignment of the same utterances",
        {"ali.txt": alignment(names=("a-1",))},
    ),
    Case(
        "neither pdfs nor a transition model",
        COMMAND,
        "give either --pdfs N, where the alignment holds pdfs, or --transition-model FILE, where "
        "it holds transition ids",
        {"ali.txt": alignment()},
    ),
    Case(
        "a transition model that is none",
        f"{COMMAND} --transition-model net.config",
        "net.config: ...",
        {"ali.txt": alignment()},
    ),
    Case(
        "a dev set without an alignment",
        f"{TRAIN_AM} --dev-feats scp:feats.scp",
        "--dev-feats and --dev-ali belong together: give both or none",
        {"ali.txt": alignment()},
    ),
    Case(
        "an option of keywords",
        f"{TRAIN_AM} --config train.conf",
        "train.conf: --filler-weight has no meaning for frames with labels; leave it out",
        {"ali.txt": alignment(), "train.conf": "--filler-weight=0.5\n"},
    ),
    Case(
        "an option that is none",
        f"{TRAIN_AM} --config train.conf",
        "train.conf:1: unknown key frame-per-job, did you mean frames-per-job?",
        {"ali.txt": alignment(), "train.conf": "--frame-per-job=5\n"},
    ),
    Case(
        "features of another size than the network's",
        TRAIN_AM,
        "net.config:1: input-dim=9, but the features of scp:feats.scp have 8 columns; change one "
        "of them",
        {
            "ali.txt": alignment(),
            "net.config": NETWORK.replace("input-dim=8", "input-dim=9").replace("=32", "=36"),
        },
    ),
    Case(
        "a folder without features",
        TRAIN_AM.replace("scp:feats.scp", "data"),
        "data: holds no feats.scp; it is what `kws features --config CONF DATA DIR` makes",
        {"ali.txt": alignment()},
    ),
    Case(
        "options of other features",
        f"{TRAIN_AM} --features none.conf",
        "none.conf: No such file or directory; name a file that can be read",
        {"ali.txt": alignment()},
    ),
    Case(
        "a rate that diverges",
        f"{TRAIN_AM} --config train.conf",
        "exp: the loss is no longer a number in epoch 1; start anew with --restart and a smaller "
        "--initial-effective-lrate, --final-effective-lrate or --weight-decay",
        {
            "ali.txt": alignment(),
            "train.conf": "--minibatch-size=8\n--optimizer=sgd\n--initial-effective-lrate=1e30\n"
            "--final-effective-lrate=1e30\n",
        },
        made=("exp/tensorboard/...", "exp/train.log"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_training_of_acoustic_models(case: Case, world: World) -> None:
    world.check(case)


def test_an_utterance_without_labels_is_told_and_the_others_are_learnt(world: World) -> None:
    told = "ark:ali.txt: no labels for 1 utterances of scp:feats.scp, such as b-2; left out"
    made = ("exp/checkpoint.safetensors", "exp/final.kws", "exp/tensorboard/...", "exp/train.log")
    files = {"ali.txt": alignment(names=("a-1", "a-2", "b-1"))}
    world.check(Case("", TRAIN_AM, "", files, notices=(told,), made=made, status=0))
