"""The training of a keyword detector, put together: data, network, options, the finished model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws.data.augmentation import Augmenter
from kws.features import CmvnStats, FeatureOptions
from kws.hmm import UnitInventory
from kws.nnet import Nnet
from kws.spotter import Spotter
from kws.training.finished import finished_card, finished_nnet
from kws.training.keyword_material import KeywordMaterial, remembered_times
from kws.training.options import AllOptions, TrainOptions
from kws.training.state import TrainState
from kws.training.task import Task
from kws.training.training_set import TrainingSet
from kws.training.word_times import measure_word_times


@dataclass(frozen=True, kw_only=True)
class KeywordTask(Task):
    """Everything that a detector's training is made of; `prepare` makes one from files."""

    options: AllOptions
    features: FeatureOptions
    stats: CmvnStats | None  # for global CMVN
    inventory: UnitInventory
    train: TrainingSet
    dev: TrainingSet | None
    augmenter: Augmenter | None

    @property
    def train_options(self) -> TrainOptions:
        return self.options.train

    def material(self, memory: dict[str, Any], num_workers: int) -> KeywordMaterial:
        return KeywordMaterial(self, memory, num_workers)

    def spotter(self, nnet: Nnet, card: Mapping[str, Any], priors: Sequence[float] = ()) -> Spotter:
        """The chain with `nnet` in it, without thresholds."""
        posterior = self.options.posterior
        metadata = {
            "units": list(self.inventory.units),
            "keywords": [
                {"name": keyword.name, "units": list(keyword.units)}
                for keyword in self.inventory.keywords
            ],
            "posterior": {
                "w_smooth": posterior.w_smooth,
                "w_max": posterior.w_max,
                "confidence": posterior.confidence,
            },
            "refractory_s": posterior.refractory_s,
            "thresholds": {},
            "card": dict(card),
            **({"priors": list(priors)} if priors else {}),
        }
        return Spotter.from_parts(self.features, self.stats, nnet.cpu().eval(), metadata)

    def write_final(self, state: TrainState, path: Path) -> None:
        """Write the model of a training that is done, its card completed and its words placed.

        Raises:
            InputError: the training has diverged.
        """
        nnet = finished_nnet(state, path)
        spotter = self.spotter(nnet, finished_card(self, state), state.priors)
        times = remembered_times(state.memory)
        sets = [s.remarked(times, self.inventory) for s in (self.dev, self.train) if s is not None]
        spotter.with_word_times(measure_word_times(spotter, sets)).save(path)
