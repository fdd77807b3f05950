"""What a training does after its last epoch: the final combination, and the outputs' priors."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from kws.data.chunks import Pool
from kws.errors import InputError
from kws.training.combination import Combination, Examples, combine
from kws.training.dev import evaluate
from kws.training.finished import is_finite
from kws.training.last_models import LastModels, num_iterations_final
from kws.training.material import Material
from kws.training.options import TrainOptions
from kws.training.priors import adjusted_priors
from kws.training.state import TrainState

COMBINE_FRAMES = 10_000  # of dev that choose the scales, as in Kaldi, and as many that judge


def check_combination(options: TrainOptions, dev_option: str | None) -> None:
    """Refuse a final combination that cannot be, or options that contradict it.

    Args:
        options: of the training.
        dev_option: what the user can give a dev set with; None: there is one.

    Raises:
        InputError: there is no dev set to choose on, or the epoch that is kept is chosen too.
    """
    given = f"--max-models-combine={options.max_models_combine}"
    if not options.max_models_combine:
        if options.num_iters_final:
            raise InputError(
                f"--num-iters-final={options.num_iters_final}: nothing is combined; give "
                "--max-models-combine too"
            )
        return
    if options.select == "best":
        raise InputError(
            f"{given} and --select=best: the combination is made of the last models; leave one out"
        )
    if dev_option is not None:
        raise InputError(
            f"{given} needs a dev set to choose the weights on; give one with {dev_option}"
        )


def plan_last_models(last: LastModels, options: TrainOptions, per_epoch: int) -> None:
    """Plan what is to be kept for the final combination.

    Args:
        last: keeps it.
        options: of the training.
        per_epoch: iterations.
    """
    num_iterations = options.num_epochs * per_epoch
    num_final = num_iterations_final(
        last.num_models, options.num_iters_final, per_epoch, num_iterations
    )
    last.plan(num_final, num_iterations)


def check_dev(material: Material, options: TrainOptions) -> None:
    """Refuse a dev set that is too small before the training, not after it.

    Args:
        material: of the training.
        options: of the training.

    Raises:
        InputError: it holds no frame, or too few to choose a combination on.
    """
    pools = material.dev_pools()
    if pools is not None and options.max_models_combine:
        _parts(pools, options.learn_every)
    elif pools is not None and not any(len(pool.chunks) for pool in pools):
        raise InputError("the dev set has nothing to test on: its utterances are too short")


def finish(state: TrainState, material: Material, options: TrainOptions) -> Iterator[str]:
    """Combine the last models and adjust the priors, as far as the options ask for it.

    Args:
        state: after the last epoch; it gets the combination's parameters and the priors.
        material: of the training.
        options: of the training.

    Returns:
        Lines for the log, each when what it tells of is done.
    """
    if state.last is not None:
        yield _combined(state, state.last.means(), material, options.learn_every)
    nnet = state.kept().eval()
    if options.adjust_priors and is_finite(nnet):  # what has diverged is refused when it is written
        state.priors = adjusted_priors(nnet, material, options.num_epochs, options.learn_every)
        yield (
            f"priors of the {len(state.priors)} outputs: {min(state.priors):.3g} to "
            f"{max(state.priors):.3g}"
            if state.priors
            else "no priors: there is no frame in the jobs that they are taken from"
        )


def _combined(state: TrainState, models: list[list[Tensor]], material: Material, every: int) -> str:
    """Combine `models` and the moving average; the state keeps what is best."""
    if state.average.decay:
        models = [*models, state.average.tensors]
    chosen_on, judged_on = _parts(material.dev_pools() or iter(()), every)
    result = combine(
        state.nnet,
        models,
        Examples(lambda: chosen_on, material.loss, every),
        Examples(lambda: judged_on, material.loss, every),
    )

    def loss_of(parameters: Sequence[Tensor]) -> float:
        dev_pools = material.dev_pools() or iter(())
        return evaluate(state.having(parameters).eval(), dev_pools, material.loss, every).loss

    mean = [torch.stack(of_models).mean(0) for of_models in zip(*models, strict=True)]
    start = [*models, mean][result.start]
    found = [parameter.detach() for parameter in result.nnet.parameters()]
    before, after = loss_of(start), loss_of(found)
    state.keep(found if after < before else start)
    return _told(result, len(models), bool(state.average.decay), before, after)


def _told(
    result: Combination, num_models: int, has_average: bool, before: float, after: float
) -> str:
    singles = result.losses[: num_models - has_average]
    average = f", moving average {result.losses[num_models - 1]:.4g}" if has_average else ""
    begins_with = "their mean" if result.start == num_models else f"model {result.start + 1}"
    weights = np.round(result.scales.sum(axis=0), 2).tolist()
    return (
        f"combination of {num_models} models, losses on parts of dev {min(singles):.4g} to "
        f"{max(singles):.4g}{average}, their mean {result.losses[-1]:.4g}: from {begins_with} to "
        f"{result.loss:.4g}, sums of weights {weights}; all of dev {before:.4g} -> {after:.4g}"
        f"{'' if after < before else ', so it stays as it was'}"
    )


def _parts(pools: Iterator[Pool], every: int) -> tuple[list[Pool], list[Pool]]:
    """Two parts of a dev set of nearly `COMBINE_FRAMES` frames each, or all of it."""
    first = list(itertools.islice(pools, 2))
    halved = [half for pool in first for half in _halves(pool)] if len(first) == 1 else first
    parts: tuple[list[Pool], list[Pool]] = ([], [])
    counts = [0, 0]
    for pool in itertools.chain(halved, pools):
        smaller = int(counts[1] < counts[0])
        parts[smaller].append(pool)
        counts[smaller] += int(pool.chunks[:, 3].sum()) // every
        if min(counts) >= COMBINE_FRAMES:
            break
    if not all(counts):
        raise InputError(
            "--max-models-combine: the dev set is too small: weights are chosen on one half of it "
            "and judged on the other; give a larger one"
        )
    return parts


def _halves(pool: Pool) -> list[Pool]:
    """The first and the second half of a pool's chunks."""
    middle = len(pool.chunks) // 2
    before = tuple(target for target in pool.targets if target.chunk < middle)
    after = tuple(
        replace(target, chunk=target.chunk - middle)
        for target in pool.targets
        if target.chunk >= middle
    )
    return [
        replace(pool, chunks=pool.chunks[:middle], targets=before),
        replace(pool, chunks=pool.chunks[middle:], targets=after),
    ]
