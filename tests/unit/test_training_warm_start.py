"""Training that starts from a model: what is kept, what is drawn, what is refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from training_tones import FEATURES, NETWORK, corpus, options, sources

from kws.errors import InputError
from kws.kaldi import write_matrix
from kws.nnet import Nnet
from kws.spotter import Spotter
from kws.training.prepare import Sources, prepare, settings_of
from kws.training.trainer import train

DEEPER = NETWORK.replace(
    "DropoutComponent",
    "AffineComponentPreconditionedOnline input-dim=8 output-dim=8 bias-stddev=0\n"
    "RectifiedLinearComponent dim=8\nDropoutComponent",
)
WIDER_AT_THE_END = NETWORK.replace(
    "AffineComponent input-dim=8",
    "AffineComponent input-dim=8 output-dim=6\nTanhComponent dim=6\nAffineComponent input-dim=6",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus(tmp_path_factory.mktemp("data") / "train")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A model of the keywords low and high, trained a little."""
    path = tmp_path_factory.mktemp("model")
    task = prepare(
        replace(sources(path, data), keywords=("low", "high")),
        options("--chunk-frames=4", "--num-epochs=2"),
    )
    task.write_final(train(task, path, num_workers=0), path / "final.kws")
    return path / "final.kws"


def started(path: Path, data: Path, model: Path, network: str | None, **others: object) -> Sources:
    """As `sources`, from the model, with the network's config as text, None for the model's."""
    given = sources(path, data, init_from=str(model), **others)
    if network is None:
        return replace(given, network=None)
    Path(str(given.network)).write_text(network)
    return given


def tensors(nnet: Nnet) -> list[torch.Tensor]:
    return [parameter.detach() for parameter in nnet.parameters()]


@pytest.mark.parametrize("network", [None, NETWORK, NETWORK.replace("=0.1", "=0.3 ")])
def test_the_same_keywords_keep_everything(
    network: str | None, tmp_path: Path, data: Path, model: Path
) -> None:
    given = replace(started(tmp_path, data, model, network), keywords=("low", "high"))
    task, old = prepare(given, options()), Spotter.load(model)
    for new, before in zip(tensors(task.nnet), tensors(old.nnet), strict=True):
        assert torch.equal(new, before)
    assert task.stats is not None
    assert old.stats is not None
    assert torch.equal(task.stats.to_matrix(), old.stats.to_matrix())
    assert task.card["init_from"] == {
        "path": str(model),
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "frozen": 0,
        "units_drawn": [],
        "units_dropped": [],
        "components_drawn": [],
    }


@pytest.mark.parametrize("network", [None, NETWORK.replace("param-stddev=0", "")])
def test_outputs_go_by_the_names_of_units(
    network: str | None, tmp_path: Path, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = corpus(tmp_path / "more", times=False, num_each=2)
    given = replace(started(tmp_path, data, model, network), keywords=("so", "low"))
    task, old = prepare(given, options("--objective=max-pool")), Spotter.load(model)
    assert old.units[1:] == ("low", "high")
    assert task.inventory.units[1:] == ("so", "low")
    *hidden, weight, bias = tensors(task.nnet)
    *old_hidden, old_weight, old_bias = tensors(old.nnet)
    assert all(torch.equal(a, b) for a, b in zip(hidden, old_hidden, strict=True))
    assert torch.equal(weight[[0, 2]], old_weight[[0, 1]])
    assert torch.equal(bias[[0, 2]], old_bias[[0, 1]])
    assert not torch.equal(weight[1], old_weight[2])
    assert bool(weight[1].any()) == (network is not None)  # drawn as the config says: stddev 0
    assert task.card["init_from"]["units_drawn"] == ["so"]
    assert "units that begin anew: so; units that are left out: high" in caplog.text


def test_a_deeper_network_keeps_the_layers_around_the_new_one(
    tmp_path: Path, data: Path, model: Path
) -> None:
    given = replace(started(tmp_path, data, model, DEEPER), keywords=("low", "high"))
    task, old = prepare(given, options()), Spotter.load(model)
    new = tensors(task.nnet)
    for kept, before in zip([*new[:2], *new[4:]], tensors(old.nnet), strict=True):
        assert torch.equal(kept, before)
    assert bool(new[2].any())
    entry = task.card["init_from"]
    assert entry["components_drawn"] == ["4: AffineComponentPreconditionedOnline"]
    assert entry["units_drawn"] == []


def test_a_layer_of_another_width_before_the_outputs_makes_them_begin_anew(
    tmp_path: Path, data: Path, model: Path
) -> None:
    given = replace(started(tmp_path, data, model, WIDER_AT_THE_END), keywords=("low", "high"))
    task, old = prepare(given, options()), Spotter.load(model)
    for kept, before in zip(tensors(task.nnet)[:2], tensors(old.nnet)[:2], strict=True):
        assert torch.equal(kept, before)
    entry = task.card["init_from"]
    assert entry["components_drawn"] == ["5: AffineComponent", "7: AffineComponent"]
    assert entry["units_drawn"] == list(task.inventory.units)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon", "natural-gradient"])
def test_frozen_components_stay_as_they_are(
    optimizer: str, tmp_path: Path, data: Path, model: Path
) -> None:
    given = started(tmp_path, data, model, None, freeze=1)
    trained = options(
        "--chunk-frames=4",
        "--num-epochs=1",
        f"--optimizer={optimizer}",
        "--weight-decay=0.1",
        "--initial-effective-lrate=0.01",
    )
    task, old = prepare(given, trained), Spotter.load(model)
    new = tensors(train(task, tmp_path, num_workers=0).kept())
    before = tensors(old.nnet)
    assert torch.equal(new[0], before[0])
    assert torch.equal(new[1], before[1])
    assert not torch.equal(new[2][:2], before[2][:2])


def test_an_interrupted_start_goes_on_to_the_same_network(
    tmp_path: Path, data: Path, model: Path
) -> None:
    given = started(tmp_path, data, model, DEEPER, freeze=1)
    trained = options("--chunk-frames=4", "--num-epochs=2")
    (tmp_path / "a").mkdir()
    straight = train(prepare(given, trained), tmp_path / "a", num_workers=0)
    (tmp_path / "b").mkdir()
    for _ in range(20):
        task = prepare(given, trained)
        state = train(task, tmp_path / "b", num_workers=0, should_stop=lambda: True)
        if state.epoch == 2:
            break
    for one, other in zip(tensors(straight.kept()), tensors(state.kept()), strict=True):
        assert torch.equal(one, other)


def test_the_model_is_a_part_of_the_settings(tmp_path: Path, data: Path, model: Path) -> None:
    copy = tmp_path / "start.kws"
    copy.write_bytes(model.read_bytes())
    given = started(tmp_path, data, copy, None)
    before = settings_of(given, options())
    assert before != settings_of(replace(given, freeze=1), options())
    Spotter.load(copy).with_thresholds({"low": {"threshold": 0.5}}).save(copy)
    assert before["--init-from"] != settings_of(given, options())["--init-from"]
    # checkpoints of trainings without a model know nothing of it
    assert "--init-from" not in settings_of(sources(tmp_path, data), options())


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            NETWORK.replace("output-dim=8", "output-dim=9").replace("=8", "=9"),
            "has `AffineComponent input-dim=50 output-dim=8 bias-stddev=0` here; --init-from needs",
        ),
        (NETWORK.replace("RectifiedLinear", "Tanh"), "has `RectifiedLinearComponent dim=8` here"),
        (
            NETWORK.replace(
                "AffineComponent input-dim=50", "BlockAffineComponent input-dim=50"
            ).replace("output-dim=8", "output-dim=8 num-blocks=2", 1),
            "BlockAffineComponent: ",
        ),
        ("AffineComponent input-dim=10 output-dim=3\nSoftmaxComponent dim=3\n", "`SpliceComponent"),
    ],
)
def test_another_network_is_refused(
    network: str, message: str, tmp_path: Path, data: Path, model: Path
) -> None:
    with pytest.raises(InputError, match=r"nnet\.config:\d: ") as error:
        prepare(started(tmp_path, data, model, network), options())
    assert message in str(error.value)
    assert str(model) in str(error.value)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (FEATURES + "--dither=0.5\n", "dither=0.5, but .* was trained with"),
        ("--num-mel-bins=10\n--cmvn=none\n", "cmvn=none, but .* was trained with global"),
        (f"--feature-type=mfcc\n--num-ceps=10\n{FEATURES}", "its feature-type is not that of"),
    ],
)
def test_other_features_are_refused(
    features: str, message: str, tmp_path: Path, data: Path, model: Path
) -> None:
    given = started(tmp_path, data, model, None)
    Path(given.features).write_text(features)
    with pytest.raises(InputError, match=rf"fbank\.conf: {message}"):
        prepare(given, options())


def test_other_statistics_are_refused(tmp_path: Path, data: Path, model: Path) -> None:
    stats = Spotter.load(model).stats
    assert stats is not None
    path, matrix = tmp_path / "cmvn", stats.to_matrix().numpy()
    write_matrix(path, matrix)
    given = started(tmp_path, data, model, None, cmvn_stats=str(path))
    prepare(given, options())
    write_matrix(path, matrix * np.float64(1.01))
    with pytest.raises(InputError, match=r"cmvn: other statistics than .* leave out --cmvn-stats"):
        prepare(given, options())


def test_what_cannot_be_frozen_is_said(tmp_path: Path, data: Path, model: Path) -> None:
    with pytest.raises(InputError, match="--freeze 2: the network has 2 components with para"):
        prepare(started(tmp_path, data, model, None, freeze=2), options())
    with pytest.raises(InputError, match=r"--freeze 2: component 4: Affine.* is a new one"):
        prepare(started(tmp_path, data, model, DEEPER, freeze=2), options())
    with pytest.raises(InputError, match="--freeze 1: needs --init-from MODEL"):
        prepare(sources(tmp_path, data, freeze=1), options())
    with pytest.raises(InputError, match="--network CONFIG is missing"):
        prepare(replace(sources(tmp_path, data), network=None), options())
