"""From the files that `kws train` names to a `KeywordTask`."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from kws.audio import Channel
from kws.data import DataDir, Word, read_ctm, read_data_dir
from kws.data.augmentation import Augmenter
from kws.data.recordings import load_recordings
from kws.data.segments import MAX_OVERSHOOT_S
from kws.data.text import note_on_letters
from kws.errors import InputError
from kws.features import CmvnStats, FeatureOptions, parse_feature_options
from kws.files import read_text
from kws.hmm import UnitInventory, units_of
from kws.kaldi import read_matrix
from kws.nnet import NetworkConfig, parse_network, read_network
from kws.spotter import Spotter
from kws.training.card import data_entries, model_card
from kws.training.finishing import check_combination
from kws.training.fitting import check_lengths, check_warps
from kws.training.keyword_task import KeywordTask
from kws.training.network import make_growth, make_nnet, network_from_model
from kws.training.options import AllOptions
from kws.training.parallel import check_num_jobs
from kws.training.training_set import (
    TrainingSet,
    check_keywords,
    compute_stats,
    read_training_set,
    warn_of_shared_audio,
    with_all_times,
)
from kws.training.warm_start import card_entry, check_features, check_freeze, check_stats

log = logging.getLogger(__name__)

NO_EFFECT = ("--checkpoint-minutes",)  # on the result
FLAGS = {"train": "--data", "dev": "--dev-data", "noise": "--noise", "rir": "--rir"}


@dataclass(frozen=True)
class Sources:
    """What `kws train` names."""

    data: tuple[str, ...]
    network: str | None  # None: that of init_from
    features: str
    keywords: tuple[str, ...]
    dev_data: tuple[str, ...] = ()
    ali: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    rir: tuple[str, ...] = ()
    cmvn_stats: str | None = None
    licences: tuple[str, ...] = ()
    allow_commands: bool = False
    max_overshoot_s: float = MAX_OVERSHOOT_S
    channel: Channel = None  # of recordings that have several
    device: str = "cpu"
    init_from: str | None = None  # a model to take the parameters of
    freeze: int = 0  # so many of its components with parameters stay as they are

    def read(self, paths: Sequence[str]) -> tuple[DataDir, ...]:
        """The data dirs at `paths`."""
        return tuple(
            read_data_dir(
                path,
                allow_commands=self.allow_commands,
                max_overshoot_s=self.max_overshoot_s,
                channel=self.channel,
            )
            for path in paths
        )


def prepare(
    sources: Sources,
    options: AllOptions,
    num_threads: int = 1,
    directory: Path | None = None,
) -> KeywordTask:
    """Read everything that a training needs.

    Args:
        sources: the files.
        options: of the training.
        num_threads: files decoded at a time; the result does not depend on it.
        directory: on the disk that takes the audio until training ends; None: that of the system's
            temporary files.

    Raises:
        InputError: a fault in what the sources name, or what does not fit together.
    """
    if options.train.select == "best" and not sources.dev_data:
        raise InputError("--select=best needs a dev set; give one with --dev-data")
    check_combination(options.train, None if sources.dev_data else "--dev-data")
    check_num_jobs(options.train, sources.device)
    if sources.device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: this machine has no CUDA device; use --device cpu")
    inventory = units_of(sources.keywords, options.train.units_per_word)
    features = parse_feature_options(read_text(sources.features), sources.features)
    if features.cmvn.cmvn == "speaker":
        raise InputError(
            f"{sources.features}: cmvn=speaker: a detector does not know who speaks; train with "
            "--cmvn=global"
        )
    if features.cmvn.stream_fault is not None:
        raise InputError(f"{sources.features}: {features.cmvn.stream_fault}")
    if options.train.augment:
        check_warps(options.augment, features, sources.features)
    model = None if sources.init_from is None else Spotter.load(sources.init_from)
    if model is not None:
        _check_model(sources, model, features)
    network = _network_config(sources, model)
    drawn: dict[str, Any] = {}
    if model is None:
        nnet = make_nnet(network, features, inventory, options.train.seed)
    else:
        nnet, drawn = network_from_model(
            model, network, features, inventory, options.train.seed, is_own=sources.network is None
        )
        check_freeze(nnet, sources.freeze, drawn["components_drawn"])
    growth = make_growth(network, nnet, options.train)
    times: dict[str, list[Word]] = {}
    for path in sources.ali:
        times |= read_ctm(path)

    def read(paths: Sequence[str]) -> TrainingSet:
        return read_training_set(
            sources.read(paths),
            inventory,
            features.sample_rate,
            times=times,
            num_threads=num_threads,
            directory=directory,
        )

    train = read(sources.data)
    check_keywords(train, inventory, " ".join(sources.data))
    if not (options.examples.min_length_s or options.examples.join_probability):
        check_lengths(train.recordings, features, sources.data, sources.features)
    dev = read(sources.dev_data) if sources.dev_data else None
    if dev is not None:
        warn_of_shared_audio(train, dev)
    names = [keyword.name for keyword in inventory.keywords]
    if note := note_on_letters(train.dirs + (dev.dirs if dev else ()), names):
        log.warning("%s", note)
    if options.train.objective == "ce":
        train, dev = _with_times(train, dev, options, inventory)
    augmenter = None
    if options.train.augment:
        noises, rirs = (
            read_audio_of(sources.read(paths), features.sample_rate, directory)
            for paths in (sources.noise, sources.rir)
        )
        augmenter = Augmenter(options.augment, noises, rirs, features.sample_rate)
    return KeywordTask(
        options=options,
        features=features,
        stats=_stats(sources, features, train) if model is None else model.stats,
        nnet=nnet,
        inventory=inventory,
        train=train,
        dev=dev,
        augmenter=augmenter,
        settings=settings_of(sources, options),
        card=model_card(
            data=card_data(sources),
            licences=sources.licences,
            options=options.values(),
            seed=options.train.seed,
            hours=train.recordings.hours,
            parameters=growth.full(nnet).num_parameters,
            init_from=None
            if sources.init_from is None
            else card_entry(sources.init_from, sources.freeze, drawn),
        ),
        network_source=str(sources.network or sources.init_from),
        device=sources.device,
        num_frozen=sources.freeze,
        growth=growth,
    )


def _network_config(sources: Sources, model: Spotter | None) -> NetworkConfig:
    """The config that is given, or that of the model."""
    if model is None and sources.freeze:
        raise InputError(f"--freeze {sources.freeze}: needs --init-from MODEL; give that")
    if sources.network is not None:
        return read_network(sources.network)
    if model is not None:
        return parse_network(model.nnet.config_text(), model.source)
    raise InputError("--network CONFIG is missing; give it, or a model with --init-from")


def read_audio_of(
    dirs: Sequence[DataDir], sample_rate: int, directory: Path | None
) -> list[npt.NDArray[np.int16]]:
    """The recordings of data dirs: noises, or room impulse responses."""
    if not dirs:
        return []
    recordings = load_recordings(dirs, sample_rate, directory=directory)
    return [recordings[i] for i in range(len(recordings))]


def _check_model(sources: Sources, model: Spotter, features: FeatureOptions) -> None:
    """Refuse features, or statistics of them, that are not those of the model."""
    check_features(model, features, sources.features)
    if sources.cmvn_stats is not None and features.cmvn.cmvn == "global":
        check_stats(model, sources.cmvn_stats)


def _with_times(
    train: TrainingSet, dev: TrainingSet | None, options: AllOptions, inventory: UnitInventory
) -> tuple[TrainingSet, TrainingSet | None]:
    """What cross-entropy needs: times of all keywords; realignment may begin with energy."""
    if options.train.realign_epochs:
        train = with_all_times(train, inventory)
        dev = dev and with_all_times(dev, inventory)
    train, dev = train.only_timed(), dev and dev.only_timed()
    check_keywords(train, inventory, "the training utterances with known times")
    return train, dev


def _stats(sources: Sources, features: FeatureOptions, train: TrainingSet) -> CmvnStats | None:
    if features.cmvn.cmvn != "global":
        return None
    if sources.cmvn_stats is None:
        return compute_stats(train.recordings, features)
    matrix = torch.from_numpy(read_matrix(sources.cmvn_stats))
    return CmvnStats.from_matrix(matrix, sources.cmvn_stats, features.dim)


def settings_of(sources: Sources, options: AllOptions) -> dict[str, str]:
    """Everything that decides the result, as texts by the option it comes from.

    Raises:
        InputError: a source cannot be read.
    """
    roles = card_data(sources).items()
    values = {name: value for name, value in options.values().items() if name not in NO_EFFECT}
    return {
        "--keywords": ",".join(sources.keywords),
        "--network": "" if sources.network is None else read_network(sources.network).text,
        "--features": read_text(sources.features),
        "--ali": " ".join(_file_entry(path) for path in sources.ali),
        "--cmvn-stats": _file_entry(sources.cmvn_stats) if sources.cmvn_stats else "",
        "--device": sources.device,
        **({} if sources.channel is None else {"--channel": str(sources.channel)}),
        **_start_settings(sources),
        **{
            FLAGS[role]: " ".join(f"{entry['dir']} ({entry['sha256'][:12]})" for entry in entries)
            for role, entries in roles
        },
        **values,
    }


def _start_settings(sources: Sources) -> dict[str, str]:
    if sources.init_from is None:
        return {}
    return {"--init-from": _file_entry(sources.init_from), "--freeze": str(sources.freeze)}


def card_data(sources: Sources) -> dict[str, list[dict[str, Any]]]:
    """The model card's entries of all data dirs, by role."""
    paths = {
        "train": sources.data,
        "dev": sources.dev_data,
        "noise": sources.noise,
        "rir": sources.rir,
    }
    return {role: data_entries(sources.read(of_role)) for role, of_role in paths.items()}


def _file_entry(path: str) -> str:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a file") from None
    return f"{path} ({hashlib.sha256(content).hexdigest()[:12]})"
