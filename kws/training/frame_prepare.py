"""From the tables that `kws train-am` names to a `FrameTask`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kws.config import ConfigError, keys_of, make_options, read_options
from kws.data.draws import generator_of
from kws.errors import InputError
from kws.features import CmvnStats, format_feature_options, parse_feature_options
from kws.files import read_text
from kws.kaldi import (
    TransitionModel,
    is_specifier,
    read_int_vectors,
    read_matrices,
    read_matrix,
    read_transition_model,
)
from kws.nnet import NetworkConfig, Nnet, read_network
from kws.training.card import model_card
from kws.training.finishing import check_combination
from kws.training.frame_material import FrameOptions
from kws.training.frame_set import FrameSet, Labels, make_frame_set
from kws.training.frame_task import FrameTask
from kws.training.network import make_growth
from kws.training.options import TrainOptions
from kws.training.parallel import check_num_jobs

CLASSES = (TrainOptions, FrameOptions)
# what a training on frames does unless it is told otherwise: as Kaldi's nnet2 recipes for TIMIT
DEFAULTS: Mapping[str, Any] = {
    "optimizer": "natural-gradient",
    "initial-effective-lrate": 0.001,
    "final-effective-lrate": 0.0001,
    "warmup-share": 0.0,
    "max-grad-norm": 0.0,
    "average-decay": 0.0,
    "minibatch-size": 128,
}
# of keywords
MEANINGLESS = (
    *("objective", "units-per-word", "chunks-per-minibatch", "utterances-per-minibatch"),
    *("learn-every", "filler-weight", "augment", "realign-epochs"),
)
NO_EFFECT = ("checkpoint-minutes",)  # on the result


@dataclass(frozen=True)
class FrameSources:
    """What `kws train-am` names.

    Attributes:
        feats, dev_feats: a table of matrices, or a folder that `kws features` has written.
        ali, dev_ali: a table of pdfs per frame; with a transition model, of transition ids.
        features: options that the features were made with; a folder brings its own.
    """

    feats: str
    ali: str
    network: str
    pdfs: int | None = None
    transition_model: str | None = None
    dev_feats: str | None = None
    dev_ali: str | None = None
    features: str | None = None
    licences: tuple[str, ...] = ()
    allow_commands: bool = False
    device: str = "cpu"


@dataclass(frozen=True)
class _Features:
    """A table of features, and what is known of how it was made."""

    rspecifier: str
    options: str = ""
    stats: torch.Tensor | None = None
    frame_shift_s: float = 0.01


def parse_frame_options(text: str, source: str) -> tuple[TrainOptions, FrameOptions]:
    """The options in Kaldi's `--key=value` lines, in place of `DEFAULTS`.

    Raises:
        ConfigError: an unknown option, one of keyword trainings or a value that breaks its rule.
    """
    values = read_options(text, source, CLASSES)
    for name in MEANINGLESS:
        if name in values:
            raise ConfigError(
                f"{source}: --{name} has no meaning for frames with labels; leave it out"
            )
    train, frames = make_options({**DEFAULTS, **values}, source, CLASSES)
    if not train.minibatch_size:
        raise ConfigError(f"{source}: --minibatch-size=0: must be 1 or greater")
    return train, frames


def prepare_frames(
    sources: FrameSources, train: TrainOptions, frames: FrameOptions, directory: Path
) -> FrameTask:
    """Read everything that a training needs.

    Args:
        sources: the tables.
        train: how the loop goes.
        frames: how an epoch is cut.
        directory: on the disk that takes the features until training ends.

    Raises:
        InputError: a fault in what the sources name, or what does not fit together.
    """
    _check(sources, train)
    transitions = sources.transition_model and read_transition_model(sources.transition_model)
    num_pdfs = transitions.num_pdfs if transitions else int(sources.pdfs or 0)
    config = read_network(sources.network)
    nnet = _network(config, num_pdfs, train.seed)
    growth = make_growth(config, nnet, train)
    found = _features(sources.feats, sources.features)

    def frame_set(feats: str, ali: str) -> FrameSet:
        return _frame_set(feats, ali, num_pdfs, transitions or None, sources, directory)

    of_train = frame_set(found.rspecifier, sources.ali)
    of_dev = None
    if sources.dev_feats and sources.dev_ali:
        of_dev = frame_set(_features(sources.dev_feats, None).rspecifier, sources.dev_ali)
    for of_set, name in ((of_train, sources.feats), (of_dev, sources.dev_feats)):
        if of_set is not None and of_set.features.shape[1] != nnet.input_dim:
            raise InputError(
                f"{config.first[0].place}: input-dim={nnet.input_dim}, but the features of {name} "
                f"have {of_set.features.shape[1]} columns; change one of them"
            )
    sets = {"train": (sources.feats, sources.ali, of_train)}
    if of_dev is not None:
        sets["dev"] = (str(sources.dev_feats), str(sources.dev_ali), of_dev)
    values = _values(train, frames)
    return FrameTask(
        options=train,
        frames=frames,
        train=of_train,
        dev=of_dev,
        features=found.options,
        stats=found.stats,
        transitions=transitions or None,
        nnet=nnet,
        growth=growth,
        settings={
            "--network": config.text,
            "--pdfs": str(num_pdfs),
            "--device": sources.device,
            **{
                role: f"{feats} {ali} ({of.digest[:12]})" for role, (feats, ali, of) in sets.items()
            },
            **{name: value for name, value in values.items() if name[2:] not in NO_EFFECT},
        },
        card=model_card(
            data={
                role: [
                    {"dir": feats, "ali": ali, "sha256": of.digest, "utterances": of.num_utterances}
                ]
                for role, (feats, ali, of) in sets.items()
            },
            licences=sources.licences,
            options=values,
            seed=train.seed,
            hours=len(of_train.labels) * found.frame_shift_s / 3600,
            parameters=growth.full(nnet).num_parameters,
        ),
        network_source=sources.network,
        device=sources.device,
    )


def pdf_of_transition(transitions: TransitionModel) -> Labels:
    """(I + 1,) the pdf of each transition id of Kaldi; -1 of id 0, which stands for none."""
    pdfs = [-1]
    for phone, number, *own in transitions.tuples:
        state = transitions.entries[transitions.entry_of[phone]][number]
        pdfs += [own[-1] if target == number else own[0] for target, _ in state.transitions]
    return np.array(pdfs, np.int32)


def _check(sources: FrameSources, train: TrainOptions) -> None:
    if (sources.pdfs is None) == (sources.transition_model is None):
        raise InputError(
            "give either --pdfs N, where the alignment holds pdfs, or --transition-model FILE, "
            "where it holds transition ids"
        )
    if sources.pdfs is not None and sources.pdfs < 2:
        raise InputError(f"--pdfs {sources.pdfs}: must be 2 or greater")
    if (sources.dev_feats is None) != (sources.dev_ali is None):
        raise InputError("--dev-feats and --dev-ali belong together: give both or none")
    if train.select == "best" and sources.dev_feats is None:
        raise InputError("--select=best needs a dev set; give --dev-feats and --dev-ali")
    check_combination(train, None if sources.dev_feats else "--dev-feats and --dev-ali")
    check_num_jobs(train, sources.device)
    if sources.device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: this machine has no CUDA device; use --device cpu")


def _network(config: NetworkConfig, num_pdfs: int, seed: int) -> Nnet:
    """The network to begin with, one output per pdf."""
    if not config.first:
        raise InputError(f"{config.source}: holds no component; write one per line")
    return Nnet.from_lines(config.resized(num_pdfs).first, generator_of(seed))


def _features(feats: str, conf: str | None) -> _Features:
    """The table that an option names, and its feature options."""
    folder = Path(feats)
    if not is_specifier(feats) and folder.is_dir():
        if not (folder / "feats.scp").is_file():
            raise InputError(
                f"{feats}: holds no feats.scp; it is what `kws features --config CONF DATA DIR` "
                "makes"
            )
        conf = conf or str(folder / "features.conf")
        rspecifier = f"scp:{folder / 'feats.scp'}"
    else:
        rspecifier = feats
    if conf is None:
        return _Features(rspecifier)
    options = parse_feature_options(read_text(conf), conf)
    stats = None
    if options.cmvn.cmvn == "global":
        path = folder / "cmvn.stats"
        if not path.is_file():
            needed = path if folder.is_dir() else "its cmvn.stats"  # a table is in no folder
            raise InputError(
                f"{conf}: cmvn=global needs {needed}; give the folder of `kws features`"
            )
        matrix = torch.from_numpy(read_matrix(path))
        stats = CmvnStats.from_matrix(matrix, str(path), options.dim).to_matrix()
    return _Features(rspecifier, format_feature_options(options), stats, options.frame_shift_s)


def _frame_set(
    feats: str,
    ali: str,
    num_pdfs: int,
    transitions: TransitionModel | None,
    sources: FrameSources,
    directory: Path,
) -> FrameSet:
    table = read_int_vectors(ali, allow_commands=sources.allow_commands)
    if transitions is None:
        labels = dict(table)
    else:
        pdfs = pdf_of_transition(transitions)
        labels = {utterance: _pdfs(ids, pdfs, f"{ali}: {utterance}") for utterance, ids in table}
    return make_frame_set(
        read_matrices(feats, allow_commands=sources.allow_commands),
        labels,
        num_pdfs,
        source=feats,
        labels_source=ali,
        directory=directory,
    )


def _pdfs(ids: Labels, pdfs: Labels, place: str) -> Labels:
    """The pdfs of transition ids, (T,)."""
    if len(ids) and not 0 < ids.min() <= ids.max() < len(pdfs):
        wrong = int(ids.max() if ids.max() >= len(pdfs) else ids.min())
        raise InputError(
            f"{place}: transition id {wrong}, but the transition model has 1 to {len(pdfs) - 1}; "
            "give the one that the alignment was made with, or --pdfs where it holds pdfs"
        )
    return pdfs[ids]


def _values(train: TrainOptions, frames: FrameOptions) -> dict[str, str]:
    """Every option that has a meaning here, as `--key` and its text."""
    values = {}
    for group in (train, frames):
        cls: type = type(group)
        for declared in keys_of(cls).values():
            if declared.name not in MEANINGLESS:
                value = declared.format(getattr(group, declared.attribute))
                values[f"--{declared.name}"] = value
    return values
