"""The models that the final combination gets: means over parts of the last iterations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


def num_iterations_final(
    num_models: int, num_iters_final: int, per_epoch: int, num_iterations: int
) -> int:
    """How many of a training's last iterations are combined, by the rule of Kaldi's scripts.

    Those of an epoch, or as many as there are to be models if that is more; no more than two thirds
    of all.

    Args:
        num_models: at most so many are combined.
        num_iters_final: how many iterations instead of an epoch's; 0: an epoch's.
        per_epoch: iterations.
        num_iterations: of the whole training.
    """
    wanted = max(num_models, num_iters_final or per_epoch)
    return max(1, min(wanted, num_iterations * 2 // 3))


class LastModels:
    """Sums of the parameters at the ends of the last iterations, in `num_models` parts.

    The parts are as equally long as can be, one iteration after the other.
    """

    def __init__(self, num_models: int) -> None:
        """Nothing is kept yet.

        Args:
            num_models: at most so many.
        """
        self.num_models = num_models
        self._num_final = self._first = 0
        self._sums: dict[int, list[Tensor]] = {}
        self._counts: dict[int, int] = {}

    def plan(self, num_final: int, num_iterations: int) -> None:
        """Say what is to be kept, before the first iteration or when a training continues.

        Args:
            num_final: last iterations that are kept.
            num_iterations: of the whole training.
        """
        self._num_final = num_final
        self._first = num_iterations - num_final

    def take(self, iteration: int, parameters: Sequence[Tensor]) -> None:
        """Take in what an iteration, counted from 0, has ended with, if it is one of the last."""
        if iteration < self._first:
            return
        # part n holds the iterations from n * num_final // num_models on
        num_parts = min(self.num_models, self._num_final)
        part = ((iteration - self._first + 1) * num_parts - 1) // self._num_final
        if part not in self._sums:
            self._sums[part] = [torch.zeros_like(p, requires_grad=False) for p in parameters]
            self._counts[part] = 0
        torch._foreach_add_(self._sums[part], [p.detach() for p in parameters])
        self._counts[part] += 1

    def clear(self) -> None:
        """Forget what was kept: the network has other parameters now."""
        self._sums.clear()
        self._counts.clear()

    def means(self) -> list[list[Tensor]]:
        """The models that were kept, the oldest first."""
        return [
            [total / self._counts[part] for total in self._sums[part]]
            for part in sorted(self._sums)
        ]

    def tensors(self) -> dict[str, Tensor]:
        """What is kept, for a checkpoint: sums by `last.PART.PARAMETER`."""
        return {
            f"last.{part}.{i}": total
            for part, sums in self._sums.items()
            for i, total in enumerate(sums)
        }

    def counts(self) -> dict[str, int]:
        """Iterations in each part, for a checkpoint."""
        return {str(part): count for part, count in self._counts.items()}

    def load(
        self, tensors: Mapping[str, Tensor], counts: Mapping[str, Any], like: Sequence[Tensor]
    ) -> None:
        """Keep what `tensors` and `counts` gave.

        Args:
            like: the network's parameters, on its device.
        """
        self._counts = {int(part): int(count) for part, count in counts.items()}
        self._sums = {
            part: [tensors[f"last.{part}.{i}"].to(p.device, p.dtype) for i, p in enumerate(like)]
            for part in self._counts
        }
