"""A training put together: data, network, options and everything the model card tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kws.data.augmentation import Augmenter
from kws.features import CmvnStats, FeatureOptions
from kws.hmm import UnitInventory
from kws.nnet import Nnet
from kws.spotter import Spotter
from kws.training.options import AllOptions
from kws.training.training_set import TrainingSet


@dataclass(frozen=True)
class Task:
    """Everything that a training is made of; `prepare` makes one from files."""

    options: AllOptions
    features: FeatureOptions
    stats: CmvnStats | None  # for global CMVN
    nnet: Nnet  # with its initial parameters
    inventory: UnitInventory
    train: TrainingSet
    dev: TrainingSet | None
    augmenter: Augmenter | None
    settings: Mapping[str, str]  # what must be the same when a training continues
    card: Mapping[str, Any]  # of the model, but for how the training went
    network_source: str
    device: str = "cpu"
    num_frozen: int = 0  # of the components with parameters, so many first ones stay as they are

    def spotter(self, nnet: Nnet, card: Mapping[str, Any]) -> Spotter:
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
        }
        return Spotter.from_parts(self.features, self.stats, nnet.cpu().eval(), metadata)
