"""Training learns, repeats, and goes on after an interruption as if there had been none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_tones import LOUD, data_dir, tones
from training_tones import (
    LEARNING,
    NETWORK,
    UNTRAINED,
    WIDE,
    assert_learnt,
    corpus,
    options,
    sources,
)

from kws.data import Word
from kws.errors import InputError
from kws.spotter import Spotter
from kws.training.checkpoint import FILE_NAME, read_checkpoint
from kws.training.options import AllOptions
from kws.training.prepare import prepare
from kws.training.state import TrainState
from kws.training.trainer import Progress, train

CE = ("--chunk-frames=4",)
MAX_POOL = ("--objective=max-pool", "--margin-before-s=0.2", "--margin-after-s=0.5")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus(tmp_path_factory.mktemp("data") / "train")


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus(tmp_path_factory.mktemp("data") / "dev", num_each=3, first_s=0.55)


def run(
    path: Path,
    data: Path,
    given: AllOptions,
    *,
    dev: Path | None = None,
    network: str = NETWORK,
    num_workers: int = 0,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> TrainState:
    path.mkdir(exist_ok=True)
    noise = (str(data),)
    dirs = {} if dev is None else {"dev_data": (str(dev),)}
    task = prepare(sources(path, data, network=network, noise=noise, **dirs), given)
    state = train(
        task,
        path,
        num_workers=num_workers,
        should_stop=should_stop,
        on_progress=on_progress,
    )
    if state.epoch == given.train.num_epochs:
        task.write_final(state, path / "final.kws")
    return state


def parameters(state: TrainState) -> list[torch.Tensor]:
    return [parameter.detach() for parameter in state.kept().parameters()]


def equal(a: TrainState, b: TrainState) -> bool:
    return all(torch.equal(x, y) for x, y in zip(parameters(a), parameters(b), strict=True))


@pytest.mark.parametrize("objective", [CE, MAX_POOL])
def test_a_network_learns_the_tone(
    objective: tuple[str, ...], tmp_path: Path, data: Path, dev: Path
) -> None:
    state = run(tmp_path, data, options(*objective, *LEARNING), dev=dev, network=WIDE)
    untrained = run(tmp_path / "not", data, options(*objective, *UNTRAINED), dev=dev, network=WIDE)
    assert_learnt(state, untrained)
    spotter = Spotter.load(tmp_path / "final.kws")
    low, high = (
        spotter.posteriors(torch.from_numpy(tones(2.0, (1.0, name, LOUD)))[None])[0, :, 1]
        for name in ("low", "high tone")
    )
    assert float(low.max()) > float(high.max()) + 0.3
    # 1.0 to 1.5 s, a frame of 25 ms every 10 ms, and the network's context
    assert 95 <= int(low.argmax()) <= 155


def test_untimed_data_learns_by_max_pooling_and_by_realignment(tmp_path: Path) -> None:
    data = corpus(tmp_path / "train", times=False)
    dev = corpus(tmp_path / "dev", num_each=3, first_s=0.55)
    pooled, untrained = (
        run(tmp_path / name, data, options(*MAX_POOL, *given), dev=dev, network=WIDE)
        for name, given in (("a", LEARNING), ("not", UNTRAINED))
    )
    assert_learnt(pooled, untrained)
    realigned = run(tmp_path / "b", data, options(*CE, "--realign-epochs=3:4"), dev=dev)
    # an untrained network would give "low" the whole recording, from 0 to 2 s; which of the three
    # words in the tone it is nothing tells
    for i in range(6):
        ((start_s, end_s, _),) = realigned.memory["times"][f"train-low{i}"]
        assert 0.2 + 0.1 * i < start_s < end_s < 0.9 + 0.1 * i
    assert "realigned: 12 boundaries" in (tmp_path / "b" / "train.log").read_text()
    # the dev set has exact times of its own: they stay
    assert not any(utterance.startswith("dev") for utterance in realigned.memory["times"])


@pytest.mark.parametrize(
    "given",
    [
        CE,
        (*MAX_POOL, "--optimizer=sgd"),
        (*MAX_POOL, "--optimizer=muon", "--learn-every=3"),
        (*CE, "--realign-epochs=2", "--select=best"),
    ],
)
def test_an_interrupted_training_gives_the_same_network(
    given: tuple[str, ...], tmp_path: Path, data: Path, dev: Path
) -> None:
    straight = run(tmp_path / "straight", data, options(*given), dev=dev)
    # three jobs in each of the four epochs; stop after every second
    calls = iter(range(1000))
    state = None
    for _ in range(100):
        state = run(
            tmp_path / "stopped",
            data,
            options(*given),
            dev=dev,
            should_stop=lambda: next(calls) % 2 == 1,
        )
        if state.epoch == 4:
            break
    assert state is not None
    assert equal(straight, state)
    assert straight.epochs == state.epochs
    text = (tmp_path / "stopped" / "train.log").read_text()
    assert text.count("stopped in epoch") == 6
    assert "continues at epoch 2, job 2 of 3" in text


def test_the_number_of_workers_does_not_count(tmp_path: Path, data: Path) -> None:
    states = [
        run(
            tmp_path / str(num_workers),
            data,
            options(*CE, "--num-epochs=2"),
            num_workers=num_workers,
        )
        for num_workers in (0, 1, 2)
    ]
    assert equal(states[0], states[1])
    assert equal(states[0], states[2])


def test_a_seed_repeats_and_another_one_does_not(tmp_path: Path, data: Path) -> None:
    first, again = (run(tmp_path / name, data, options(*CE, "--num-epochs=1")) for name in "ab")
    other = run(tmp_path / "c", data, options(*CE, "--num-epochs=1", "--seed=1"))
    assert equal(first, again)
    assert not equal(first, other)


def test_the_model_tells_what_it_was_made_of(tmp_path: Path, data: Path, dev: Path) -> None:
    (data / "LICENSE.txt").write_text("free")
    run(tmp_path, data, options(*CE, "--num-epochs=1", "--w-smooth=7", "--seed=5"), dev=dev)
    spotter = Spotter.load(tmp_path / "final.kws")
    assert spotter.units == ("<filler>", "low")
    assert [(k.name, k.units) for k in spotter.keywords] == [("low", (1,))]
    assert spotter.smoothing.w_smooth == 7
    assert not spotter.has_thresholds
    card = spotter.metadata["card"]
    assert card["seed"] == 5
    assert card["data"]["train"][0]["dir"] == str(data)
    assert len(card["data"]["train"][0]["sha256"]) == 64
    assert card["data"]["train"][0]["licences"] == ["LICENSE.txt"]
    assert card["data"]["noise"][0]["utterances"] == 12
    assert card["train_hours"] == pytest.approx(6 * 3.5 / 3600, abs=1e-4)
    assert card["options"]["--chunk-frames"] == "4"
    assert card["versions"]["torch"] == torch.__version__
    assert card["training"]["epochs"] == 1
    assert set(card["training"]["final"]) >= {"train/loss", "dev/loss"}


def test_the_best_epoch_can_be_kept(tmp_path: Path, data: Path, dev: Path) -> None:
    # a learning rate that ruins the network in the end
    given = options(
        *CE,
        "--select=best",
        "--optimizer=sgd",
        "--initial-effective-lrate=0.02",
        "--final-effective-lrate=0.7",
        "--max-grad-norm=0",
        "--average-decay=0",
        "--warmup-share=0",
    )
    state = run(tmp_path, data, given, dev=dev)
    losses = [epoch["dev/loss"] for epoch in state.epochs]
    assert np.argmin(losses) < 3
    (low, filler) = (tones(2.0, (1.0, "low", LOUD)), tones(2.0))
    spotter = Spotter.load(tmp_path / "final.kws")
    best = [
        float(spotter.posteriors(torch.from_numpy(samples)[None])[0, :, 1].max())
        for samples in (low, filler)
    ]
    assert best[0] > best[1]
    assert not any(
        torch.equal(a, b) for a, b in zip(state.best, state.average.tensors, strict=True)
    )


def test_a_loss_that_is_no_number_ends_the_training(tmp_path: Path, data: Path) -> None:
    given = options(*CE, "--optimizer=sgd", "--initial-effective-lrate=1e30", "--max-grad-norm=0")
    with pytest.raises(InputError, match=r"loss is no longer a number in epoch 1.*--restart"):
        run(tmp_path, data, given)


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path, data: Path) -> None:
    run(tmp_path, data, options(*CE), should_stop=lambda: True)
    with pytest.raises(InputError, match=r"--seed 0, now it is 1; .* --restart"):
        run(tmp_path, data, options(*CE, "--seed=1"))
    # how often checkpoints are written makes no difference
    assert run(tmp_path, data, options(*CE, "--checkpoint-minutes=9")).epoch == 4


def test_a_damaged_checkpoint_is_refused(tmp_path: Path, data: Path) -> None:
    run(tmp_path, data, options(*CE), should_stop=lambda: True)
    checkpoint = tmp_path / FILE_NAME
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    with pytest.raises(InputError, match=r"checkpoint\.safetensors: not a checkpoint, or damaged"):
        run(tmp_path, data, options(*CE))


def test_checkpoints_are_written_in_time(tmp_path: Path, data: Path) -> None:
    seen: list[tuple[int, int]] = []

    def note(progress: Progress) -> None:
        if (tmp_path / FILE_NAME).exists():
            checkpoint = read_checkpoint(tmp_path / FILE_NAME)
            seen.append((checkpoint.epoch, checkpoint.job))

    given = options(*CE, "--num-epochs=2", "--checkpoint-minutes=1e-9")
    run(tmp_path, data, given, on_progress=note)
    assert seen == [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_a_finished_training_does_nothing_more(tmp_path: Path, data: Path) -> None:
    first = run(tmp_path, data, options(*CE, "--num-epochs=1"))
    again = run(tmp_path, data, options(*CE, "--num-epochs=1"), on_progress=lambda p: pytest.fail())
    assert equal(first, again)


def test_the_log_and_tensorboard_tell_of_every_epoch(tmp_path: Path, data: Path, dev: Path) -> None:
    run(tmp_path, data, options(*CE, "--num-epochs=2"), dev=dev)
    lines = (tmp_path / "train.log").read_text().splitlines()
    assert "begins at epoch 1, job 1 of 3" in lines[0]
    assert "utterances with each keyword 6; 12 drawn per epoch" in lines[0]
    assert "epoch 2/2: train/loss" in lines[2]
    assert "dev/accuracy" in lines[2]
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert b"dev/loss" in events.read_bytes()


def test_utterances_that_are_all_too_short_are_said(tmp_path: Path, data: Path) -> None:
    short = data_dir(
        tmp_path / "short",
        {"a": (0.02, [], "low"), "b": (0.02, [], "x")},
        [Word("a", 0.0, 0.02, "low")],
    )
    with pytest.raises(InputError, match="the dev set has nothing to test on"):
        run(tmp_path / "dev", data, options(*CE), dev=short)
    given = sources(tmp_path, short)
    Path(given.features).write_text("--num-mel-bins=10\n")
    with pytest.raises(InputError, match="nothing to train on: no utterance is as long as a frame"):
        prepare(given, options(*MAX_POOL))
    task = prepare(given, options(*MAX_POOL, "--join-probability=0.01"))
    with pytest.raises(InputError, match=r"nothing to train on: what is drawn .* holds no frame"):
        train(task, tmp_path / "exp", num_workers=0)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("objective", [CE, MAX_POOL])
def test_a_cuda_device_learns_too(
    objective: tuple[str, ...], tmp_path: Path, data: Path, dev: Path
) -> None:
    given = sources(tmp_path, data, network=WIDE, dev_data=(str(dev),), device="cuda")
    task = prepare(given, options(*objective, *LEARNING))
    state = train(task, tmp_path)
    untrained = run(tmp_path / "not", data, options(*objective, *UNTRAINED), dev=dev, network=WIDE)
    assert_learnt(state, untrained)
    task.write_final(state, tmp_path / "final.kws")
    assert Spotter.load(tmp_path / "final.kws").units == ("<filler>", "low")
