"""The training of an acoustic model on pdf labels: frames, network, finished model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from kws.kaldi import TransitionModel
from kws.kaldi.conversion import with_priors, with_transitions
from kws.nnet import ModelFile, write_model
from kws.training.finished import finished_card, finished_nnet
from kws.training.frame_material import FrameMaterial, FrameOptions
from kws.training.frame_set import FrameSet
from kws.training.options import TrainOptions
from kws.training.state import TrainState
from kws.training.task import Task


@dataclass(frozen=True, kw_only=True)
class FrameTask(Task):
    """Everything that an acoustic model's training is made of; see `prepare_frames`.

    Attributes:
        features: the options that the frames were made with, as the model keeps them; "": unknown.
        stats: of their global CMVN, as Kaldi's matrix.
        transitions: Kaldi's, where the labels are its pdfs and it is known.
    """

    options: TrainOptions
    frames: FrameOptions
    train: FrameSet
    dev: FrameSet | None
    features: str = ""
    stats: Tensor | None = None
    transitions: TransitionModel | None = None

    @property
    def train_options(self) -> TrainOptions:
        return self.options

    def material(self, memory: dict[str, Any], num_workers: int) -> FrameMaterial:
        """See `Task`; nothing is remembered, and frames need no worker to prepare them."""
        return FrameMaterial(self)

    def write_final(self, state: TrainState, path: Path) -> None:
        """Write the model of a training that is done, with the priors of its outputs if asked for.

        Raises:
            InputError: the training has diverged.
        """
        nnet = finished_nnet(state, path)
        metadata = {"pdfs": nnet.output_dim, "card": finished_card(self, state)}
        tensors = nnet.tensors()
        if self.stats is not None:
            tensors["cmvn.stats"] = self.stats
        file = ModelFile(nnet.config_text(), self.features, metadata, tensors)
        if self.transitions is not None:
            file = with_transitions(file, self.transitions, str(path))
        if state.priors:
            file = with_priors(file, state.priors, str(path))
        write_model(path, file)
