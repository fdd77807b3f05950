"""After the last epoch: the combination in a training, its guarantees and refusals, the priors."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from frame_tables import NETWORK, NUM_PDFS, OPTIONS, write_tables
from training_tones import corpus, options, sources

from kws.data.chunks import Pool, Target
from kws.errors import InputError
from kws.nnet import read_model
from kws.spotter import Spotter
from kws.training import finishing
from kws.training.dev import evaluate
from kws.training.frame_prepare import FrameSources, parse_frame_options, prepare_frames
from kws.training.frame_task import FrameTask
from kws.training.keyword_task import KeywordTask
from kws.training.options import AllOptions
from kws.training.prepare import prepare
from kws.training.priors import adjusted_priors
from kws.training.state import TrainState
from kws.training.trainer import train

COMBINE = ("--chunk-frames=4", "--max-models-combine=4", "--utterances-per-job=3")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus(tmp_path_factory.mktemp("data") / "train")


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus(tmp_path_factory.mktemp("data") / "dev", num_each=6, first_s=0.45)


def run(
    path: Path, data: Path, dev: Path, given: AllOptions, stop_after: int | None = None
) -> tuple[KeywordTask, TrainState, list[str]]:
    path.mkdir()
    lines: list[str] = []
    iterations = 0

    def is_enough() -> bool:
        nonlocal iterations
        iterations += 1
        return iterations == stop_after

    for _ in range(1 + (stop_after is not None)):
        task = prepare(sources(path, data, dev_data=(str(dev),)), given)
        state = train(task, path, num_workers=0, echo=lines.append, should_stop=is_enough)
    assert state.epoch == given.train.num_epochs
    return task, state, lines


def dev_loss(task: KeywordTask, state: TrainState, parameters: list[torch.Tensor]) -> float:
    material = task.material(state.memory, 0)
    dev_pools = material.dev_pools()
    assert dev_pools is not None
    return evaluate(state.having(parameters).eval(), dev_pools, material.loss).loss


@pytest.mark.parametrize("more", [(), ("--average-decay=0",), ("--objective=max-pool",)])
def test_the_combination_is_no_worse_than_what_it_is_made_of(
    tmp_path: Path, data: Path, dev: Path, more: tuple[str, ...]
) -> None:
    task, state, lines = run(tmp_path / "exp", data, dev, options(*COMBINE, *more))
    assert state.last is not None
    models = state.last.means()
    assert len(models) == 4  # an epoch has four iterations
    told = next(line for line in lines if line.startswith("combination of"))
    before, after = map(float, re.findall(r"all of dev (\S+) -> ([0-9.e-]+)", told)[0])
    kept = dev_loss(task, state, state.best)
    # in the log four digits are given
    assert kept == pytest.approx(min(before, after), rel=1e-3)
    if "--average-decay=0" not in more:
        models = [*models, state.average.tensors]
        assert "moving average" in told
    mean = [torch.stack(of_models).mean(0) for of_models in zip(*models, strict=True)]
    for parameters in (*models, mean):
        assert kept <= dev_loss(task, state, parameters)
    assert all(
        torch.equal(a, b) for a, b in zip(state.kept().parameters(), state.best, strict=True)
    )


def test_an_interruption_leaves_no_trace(tmp_path: Path, data: Path, dev: Path) -> None:
    """In the middle of the epoch whose models are combined."""
    given = options(*COMBINE, "--num-epochs=2", "--max-models-combine=2")
    _, straight, _ = run(tmp_path / "straight", data, dev, given)
    _, stopped, _ = run(tmp_path / "stopped", data, dev, given, stop_after=6)
    assert all(torch.equal(a, b) for a, b in zip(straight.best, stopped.best, strict=True))
    assert straight.priors == stopped.priors


def test_where_it_does_not_hold_on_all_of_dev_it_stays_as_it_was(
    tmp_path: Path, data: Path, dev: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worse(nnet: object, pools: object, *others: object) -> object:
        result = evaluate(nnet, pools, *others)  # type: ignore[arg-type]
        calls.append(result.loss)
        return result._replace(loss=result.loss + len(calls))

    calls: list[float] = []
    monkeypatch.setattr(finishing, "evaluate", worse)
    _, state, lines = run(tmp_path / "exp", data, dev, options(*COMBINE))
    assert len(calls) == 2
    assert next(line for line in lines if "combination" in line).endswith("so it stays as it was")
    assert state.best


def test_the_model_has_priors_of_its_outputs(tmp_path: Path, data: Path, dev: Path) -> None:
    task, state, _ = run(tmp_path / "exp", data, dev, options("--chunk-frames=4"))
    path = tmp_path / "final.kws"
    task.write_final(state, path)
    priors = Spotter.load(path).metadata["priors"]
    material = task.material(state.memory, 0)
    assert priors == adjusted_priors(state.kept().eval(), material, task.train_options.num_epochs)
    assert len(priors) == 2 and sum(priors) == pytest.approx(1, abs=1e-12)
    assert priors[0] > priors[1] > 0  # most frames are filler


def test_priors_can_be_left_out(tmp_path: Path, data: Path, dev: Path) -> None:
    given = options("--chunk-frames=4", "--num-epochs=1", "--adjust-priors=false")
    task, state, _ = run(tmp_path / "exp", data, dev, given)
    task.write_final(state, tmp_path / "final.kws")
    assert "priors" not in Spotter.load(tmp_path / "final.kws").metadata


def test_a_dev_set_of_one_pool_is_halved() -> None:
    chunks = np.array([[0, 0, 9, 5], [5, 0, 9, 5], [10, 10, 19, 10]])
    targets = tuple(Target(chunk, (1,), 0, 5, True) for chunk in range(3))
    pool = Pool(np.zeros((20, 1), np.float32), np.zeros(20, np.int64), chunks, targets)
    first, second = finishing._halves(pool)
    assert first.chunks.tolist() == [[0, 0, 9, 5]]
    assert second.chunks.tolist() == [[5, 0, 9, 5], [10, 10, 19, 10]]
    assert [t.chunk for t in first.targets] == [0]
    assert [t.chunk for t in second.targets] == [0, 1]
    parts = finishing._parts(iter([pool]), 1)
    assert [len(part) for part in parts] == [1, 1]


def test_a_dev_set_that_cannot_be_halved_is_refused(
    tmp_path: Path, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    one = corpus(tmp_path_factory.mktemp("data") / "one", num_each=1)
    for name in ("text", "utt2spk", "wav.scp", "ctm"):
        lines = (one / name).read_text().splitlines()
        (one / name).write_text("".join(f"{li}\n" for li in lines if "low" in li.split()[0]))
    (one / "spk2utt").unlink(missing_ok=True)
    given = options("--objective=max-pool", "--max-models-combine=4", "--num-epochs=1")
    with pytest.raises(InputError, match=r"the dev set is too small: .*; give a larger one"):
        run(tmp_path / "exp", data, one, given)
    assert not (tmp_path / "exp" / "train.log").exists()  # told before the training, not after it


def test_without_a_frame_for_priors_there_are_none(
    tmp_path: Path, data: Path, dev: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chance may leave nothing in the jobs that they are from: the model is kept all the same."""
    monkeypatch.setattr("kws.training.priors.minibatches_of", lambda *others: iter(()))
    task, state, lines = run(
        tmp_path / "exp", data, dev, options("--num-epochs=1", "--chunk-frames=4")
    )
    assert list(state.priors) == []
    assert lines[-1].endswith("no priors: there is no frame in the jobs that they are taken from")
    task.write_final(state, tmp_path / "final.kws")
    assert "priors" not in Spotter.load(tmp_path / "final.kws").metadata


@pytest.mark.parametrize(
    ("lines", "has_dev", "message"),
    [
        (
            ("--max-models-combine=5",),
            False,
            "--max-models-combine=5 needs a dev set to choose the weights on; give one with "
            "--dev-data",
        ),
        (
            ("--max-models-combine=5", "--select=best"),
            True,
            "--max-models-combine=5 and --select=best: the combination is made of the last "
            "models; leave one out",
        ),
        (
            ("--num-iters-final=5",),
            True,
            "--num-iters-final=5: nothing is combined; give --max-models-combine too",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(
    tmp_path: Path, data: Path, dev: Path, lines: tuple[str, ...], has_dev: bool, message: str
) -> None:
    more = {"dev_data": (str(dev),)} if has_dev else {}
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        prepare(sources(tmp_path, data, **more), options(*lines))


def test_an_acoustic_model_too_is_averaged_combined_and_gets_priors(tmp_path: Path) -> None:
    write_tables(tmp_path, "train", 1)
    write_tables(tmp_path, "dev", 2, 4)
    (tmp_path / "nnet.config").write_text(NETWORK)
    lines = "--num-jobs-nnet=2\n--max-models-combine=3\n--initial-effective-lrate=0.01\n"
    given, frames = parse_frame_options(OPTIONS + lines, "test.conf")
    found = FrameSources(
        feats=f"ark:{tmp_path}/train.feats.ark",
        ali=f"ark:{tmp_path}/train.ali.ark",
        network=str(tmp_path / "nnet.config"),
        pdfs=NUM_PDFS,
        dev_feats=f"ark:{tmp_path}/dev.feats.ark",
        dev_ali=f"ark:{tmp_path}/dev.ali.ark",
    )
    task = prepare_frames(found, given, frames, tmp_path)
    told: list[str] = []
    state = train(task, tmp_path / "exp", num_workers=0, echo=told.append)
    assert state.last is not None
    kept = frame_loss(task, state, state.best)
    for parameters in (*state.last.means(), state.average.tensors):
        assert kept <= frame_loss(task, state, parameters)
    assert any(line.startswith("combination of 3 models") for line in told)
    task.write_final(state, tmp_path / "final.kws")
    model = read_model(tmp_path / "final.kws")
    assert model.metadata["priors"] == state.priors
    assert len(state.priors) == NUM_PDFS


def frame_loss(task: FrameTask, state: TrainState, parameters: list[torch.Tensor]) -> float:
    material = task.material({}, 0)
    dev_pools = material.dev_pools()
    assert dev_pools is not None
    return evaluate(state.having(parameters).eval(), dev_pools, material.loss).loss
