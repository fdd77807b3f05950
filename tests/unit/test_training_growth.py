"""Layers that are added while a network learns: when, what of it, and after an interruption."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from training_tones import FEATURES, UNTRAINED, assert_learnt, corpus, options, sources

from kws.errors import InputError
from kws.nnet import Nnet
from kws.spotter import Spotter
from kws.training import parallel, trainer
from kws.training.growth import Growth
from kws.training.options import AllOptions
from kws.training.prepare import Sources, prepare, settings_of
from kws.training.state import TrainState
from kws.training.trainer import train

OUTPUT = """AffineComponentPreconditionedOnline input-dim=8 output-dim=4 bias-stddev=0
SoftmaxComponent dim=4
"""
FIRST = f"""SpliceComponent input-dim=10 left-context=3 right-context=1
AffineComponent input-dim=50 output-dim=8 bias-stddev=0
RectifiedLinearComponent dim=8
{OUTPUT}"""
HIDDEN = """AffineComponentPreconditionedOnline input-dim=8 output-dim=8 bias-stddev=0
TanhComponent dim=8
"""
# its context makes the network's wider when it comes
WIDER = f"""SpliceComponent input-dim=8 left-context=1 right-context=2
AffineComponentPreconditionedOnline input-dim=32 output-dim=8 bias-stddev=0
RectifiedLinearComponent dim=8
{OUTPUT}"""
GIVEN = ("--chunk-frames=4", "--num-epochs=5", "--add-layers-period=3")  # 15 iterations


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus(tmp_path_factory.mktemp("data") / "train")


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus(tmp_path_factory.mktemp("data") / "dev", num_each=3, first_s=0.55)


def folder(
    path: Path, data: Path, *, hidden: str | None = HIDDEN, width: int = 8, **others: Any
) -> Sources:
    """A folder with nnet.config, replace.1.config and hidden.config, `width` units a layer."""

    def widened(text: str) -> str:
        return text.replace("dim=8", f"dim={width}").replace("dim=32", f"dim={4 * width}")

    network = path / "layers"
    network.mkdir(parents=True, exist_ok=True)
    (network / "nnet.config").write_text(widened(FIRST))
    (network / "replace.1.config").write_text(widened(WIDER))
    if hidden is not None:
        (network / "hidden.config").write_text(widened(hidden))
    given = sources(path, data, noise=(str(data),), **others)
    return replace(given, network=str(network))


def run(
    path: Path,
    data: Path,
    given: AllOptions,
    *,
    every: int = 1000,
    **others: Any,
) -> TrainState:
    """A training that stops after each `every` jobs and goes on, to its end."""
    calls = itertools.count(1)
    for _ in range(100):
        task = prepare(folder(path, data, **others), given)
        state = train(task, path, num_workers=0, should_stop=lambda: next(calls) % every == 0)
        if state.epoch == given.train.num_epochs:
            task.write_final(state, path / "final.kws")
            return state
    raise AssertionError("no end")


def hidden_types(nnet: Nnet) -> list[str]:
    return [type(component).__name__ for component in nnet.components[3:-2]]


def parameters(nnet: Nnet) -> list[torch.Tensor]:
    return [parameter.detach() for parameter in nnet.parameters()]


@pytest.mark.parametrize("period", [1, 2, 3, 5])
@pytest.mark.parametrize("num_layers", [1, 2, 4])
def test_layers_come_when_kaldis_script_adds_them(period: int, num_layers: int) -> None:
    growth = Growth(((),) * (num_layers - 1), period)
    added = 0
    for x in range(30):
        # the condition in train_convnet_accel2.sh
        is_due = x > 0 and x <= (num_layers - 1) * period and (x - 1) % period == 0
        added += is_due
        assert growth.num_added(x) == added
        assert growth.is_new(x) == (num_layers > 1 and (is_due or x == 0))
        assert growth.is_full(x) == (added == num_layers - 1)
    assert growth.num_added(-1) == 0


def test_each_iteration_has_its_layers_and_minibatches(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, list[str], int]] = []
    learn = parallel.learn

    def watched(pool: Any, state: TrainState, loss: Any, *others: Any) -> Any:
        learnt = learn(pool, state, loss, *others)
        size = round(len(pool.chunks) / len(learnt.losses))
        seen.append((state.iteration, hidden_types(state.nnet), size))
        return learnt

    monkeypatch.setattr(parallel, "learn", watched)
    run(tmp_path, data, options(*GIVEN, "--num-hidden-layers=4"), every=4)
    second = ["SpliceComponent", "AffineComponentPreconditionedOnline", "RectifiedLinearComponent"]
    more = ["AffineComponentPreconditionedOnline", "TanhComponent"]
    layers = [[]] * 1 + [second] * 3 + [second + more] * 3 + [second + more * 2] * 8
    assert [(iteration, types) for iteration, types, _ in seen] == list(enumerate(layers))
    for iteration, _, size in seen:
        # 16 chunks per minibatch, as near as a job's number of chunks lets it be
        assert abs(size - (8 if iteration in (0, 1, 4, 7) else 16)) <= 1
    lines = (tmp_path / "train.log").read_text()
    assert "epoch 1, job 2: 2 of 4 hidden layers, 690 parameters" in lines
    assert "epoch 3, job 2: 4 of 4 hidden layers, 834 parameters" in lines
    card = Spotter.load(tmp_path / "final.kws").metadata["card"]
    assert card["parameters"] == 834
    assert card["options"]["--num-hidden-layers"] == "4"


@pytest.mark.parametrize(
    "given",
    [
        (),
        ("--optimizer=muon", "--select=best", "--num-hidden-layers=4"),
        ("--optimizer=sgd", "--realign-epochs=3", "--average-decay=0"),
        (
            "--optimizer=natural-gradient",
            "--initial-effective-lrate=0.001",
            "--natural-gradient-momentum=0.5",
        ),
        # the second iteration of an epoch, of one job only, lets one process grow without learning
        ("--num-jobs-nnet=2", "--max-models-combine=2", "--add-layers-period=2"),
    ],
)
def test_a_growing_training_goes_on_after_an_interruption(
    given: tuple[str, ...], tmp_path: Path, data: Path, dev: Path
) -> None:
    dirs = {"dev_data": (str(dev),)}
    straight = run(tmp_path / "a", data, options(*GIVEN, *given), **dirs)
    # after every job: on the way into, in, and out of each growth
    stopped = run(tmp_path / "b", data, options(*GIVEN, *given), every=1, **dirs)
    assert straight.epochs == stopped.epochs
    for a, b in zip(parameters(straight.kept()), parameters(stopped.kept()), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(("optimizer", "rate"), [("adamw", 0.003), ("natural-gradient", 0.0003)])
def test_a_grown_network_learns(
    optimizer: str, rate: float, tmp_path: Path, data: Path, dev: Path
) -> None:
    rates = f"--initial-effective-lrate={rate}", f"--final-effective-lrate={rate}"
    given = *GIVEN, f"--optimizer={optimizer}"
    dirs = {"dev_data": (str(dev),)}
    state = run(tmp_path, data, options(*given, "--num-epochs=30", *rates), width=64, **dirs)
    assert len(Spotter.load(tmp_path / "final.kws").nnet.components) == 10
    shallow = options(*given, *UNTRAINED, "--num-hidden-layers=1")
    assert_learnt(state, run(tmp_path / "not", data, shallow, width=64, **dirs))


def test_what_stays_goes_on_and_what_is_new_begins(tmp_path: Path, data: Path) -> None:
    state = run(tmp_path, data, options(*GIVEN, "--average-decay=0.9"))
    assert isinstance(state.optimizer, torch.optim.Optimizer)
    steps = [float(state.optimizer.state[p]["step"]) for p in state.nnet.parameters()]
    # weight and bias of each layer; the output layer began with the last growth, as its layer did
    first, second, third, output = steps[0::2]
    assert steps[1::2] == [first, second, third, output]
    assert first > second > third == output
    assert state.average.num_updates == output


def test_the_preconditioners_of_what_stays_go_on(tmp_path: Path, data: Path) -> None:
    given = options(*GIVEN, "--optimizer=natural-gradient", "--initial-effective-lrate=0.001")
    state = run(tmp_path, data, given)
    remembered = state.optimizer.state_dict()["state"].values()
    second, third, output = (int(values["input_num_updates"]) for values in remembered)
    assert second > third == output


def test_only_epochs_of_the_whole_network_can_be_the_best(
    tmp_path: Path, data: Path, dev: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = options(*GIVEN, "--select=best", "--num-hidden-layers=3")
    seen: list[list[torch.Tensor]] = []
    losses = [0.2, 0.1, 0.5, 0.4, 0.6]

    def told(nnet: Nnet, *others: Any) -> tuple[float, float]:
        seen.append(parameters(nnet))
        return losses[len(seen) - 1], 0.5

    monkeypatch.setattr(trainer, "evaluate", told)
    # one iteration in, and before one, all layers are there: stops lose neither
    state = run(tmp_path, data, given, every=2, dev_data=(str(dev),))
    # the last layer came in the middle of the second epoch: it counts, the first one does not
    assert [len(of_epoch) for of_epoch in seen] == [6, 8, 8, 8, 8]
    assert state.full_since == 1
    for kept, best in zip(parameters(state.kept()), seen[1], strict=True):
        assert torch.equal(kept, best)


def test_layers_can_be_added_to_a_trained_network_whose_first_are_frozen(
    tmp_path: Path, data: Path
) -> None:
    path = tmp_path / "old"
    shallow = replace(folder(path, data), network=str(path / "layers" / "nnet.config"))
    task = prepare(shallow, options("--chunk-frames=4"))
    task.write_final(train(task, path, num_workers=0), path / "final.kws")
    old = Spotter.load(path / "final.kws").nnet
    state = run(
        tmp_path / "new",
        data,
        options(*GIVEN),
        init_from=str(path / "final.kws"),
        freeze=1,
    )
    assert len(state.nnet.components) == 10
    for name in ("weight", "bias"):
        new = state.kept().components[1].get_parameter(name)
        assert torch.equal(new, old.components[1].get_parameter(name))


def test_too_few_iterations_are_refused(tmp_path: Path, data: Path) -> None:
    # 4 epochs of 3 jobs; Kaldi wants more than 3 * 4 + 2
    given = options("--chunk-frames=4", "--num-epochs=4", "--add-layers-period=4")
    task = prepare(folder(tmp_path, data), given)
    with pytest.raises(
        InputError,
        match=r"3 hidden layers, one every --add-layers-period=4 iterations, need 15 iterations; "
        r"there are 12: give more --num-epochs, smaller jobs or a shorter period",
    ):
        train(task, tmp_path, num_workers=0)
    assert not (tmp_path / "train.log").exists()


def test_a_missing_layer_is_told(tmp_path: Path, data: Path) -> None:
    given = options(*GIVEN, "--num-hidden-layers=3")
    with pytest.raises(InputError, match=r"3 hidden layers need replace\.2\.config or hidden"):
        prepare(folder(tmp_path, data, hidden=None), given)
    lone = replace(folder(tmp_path, data), network=str(tmp_path / "nnet.config"))
    with pytest.raises(InputError, match=r"config: 3 hidden layers need replace\.1\.config"):
        prepare(lone, given)


def test_every_file_of_the_folder_decides_the_result(tmp_path: Path, data: Path) -> None:
    given = folder(tmp_path, data)
    before = settings_of(given, options())
    assert before["--network"].startswith(f"# nnet.config\n{FIRST}")
    (tmp_path / "layers" / "hidden.config").write_text(HIDDEN.replace("Tanh", "Sigmoid"))
    assert settings_of(given, options())["--network"] != before["--network"]
    assert FEATURES in before["--features"]
