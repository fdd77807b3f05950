"""What every training is made of, whatever it learns from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws.nnet import Nnet
from kws.training.growth import Growth
from kws.training.material import Material
from kws.training.options import TrainOptions

if TYPE_CHECKING:
    from kws.training.state import TrainState


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """A network, how it learns, and what its model card tells; subclasses know from what."""

    nnet: Nnet  # with its initial parameters
    settings: Mapping[str, str]  # what must be the same when a training continues
    card: Mapping[str, Any]  # of the model, but for how the training went
    network_source: str
    device: str = "cpu"
    num_frozen: int = 0  # of the components with parameters, so many first ones stay as they are
    growth: Growth = field(default_factory=Growth)  # layers that are added

    @property
    @abstractmethod
    def train_options(self) -> TrainOptions:
        """How the loop goes."""

    @abstractmethod
    def material(self, memory: dict[str, Any], num_workers: int) -> Material:
        """What is learnt from.

        Args:
            memory: what it has found on its way, as JSON has it; a checkpoint keeps it, the
                material reads and changes it.
            num_workers: processes that prepare pools; 0: this one does.
        """

    @abstractmethod
    def write_final(self, state: TrainState, path: Path) -> None:
        """Write the model of a training that is done, its card completed.

        Raises:
            InputError: the training has diverged.
        """
