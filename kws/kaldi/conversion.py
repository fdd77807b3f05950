"""Kaldi's nnet2 files as model files of this program, and back.

What a model file has no place of its own for stands in it as tensors: the statistics of the
nonlinearities (`kaldi.INDEX.TAG`), and the transition model as the bytes that Kaldi writes
(`kaldi.transitions`). So a file of Kaldi comes back byte for byte, as long as it has the newest
layout and nothing in between has changed the network.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kws.config import parse_config
from kws.errors import InputError
from kws.files import named
from kws.kaldi.networks import components_of, network_of, statistics_of
from kws.kaldi.nnet2 import KaldiModel, is_kaldi_model, read_kaldi_model, scanner_of
from kws.kaldi.printing import BinaryPrinter
from kws.kaldi.transitions import TransitionModel, read_transitions, write_transitions
from kws.nnet import ModelFile, Nnet, read_model

_PREFIX = "kaldi."
_TRANSITIONS = _PREFIX + "transitions"


def read_any_model(path: str | Path) -> ModelFile:
    """Read a model file of this program, or a raw network or `.mdl` of Kaldi as one.

    Raises:
        InputError: the file is neither, or damaged.
    """
    try:
        is_kaldis = is_kaldi_model(path)
    except OSError:
        is_kaldis = False  # reading it says why
    if is_kaldis:
        return model_file_of(read_kaldi_model(path), str(path))
    return read_model(path)


def model_file_of(model: KaldiModel, source: str) -> ModelFile:
    """What a file of Kaldi holds, as a model file without features, units and keywords.

    Its metadata has the number of pdfs of a `.mdl` and, if they were set, the priors.

    Args:
        model: what the file holds.
        source: its name, for messages.

    Raises:
        InputError: the network contradicts itself, the priors or the transition model.
    """
    nnet = network_of(model, source)
    tensors = nnet.tensors()
    tensors |= {_PREFIX + name: value for name, value in statistics_of(model).items()}
    file = ModelFile(nnet.config_text(), tensors=tensors)
    if model.transitions is not None:
        file = with_transitions(file, model.transitions, source)
        if model.priors is not None and len(model.priors):
            file = with_priors(file, model.priors.tolist(), source)
    return file


def kaldi_model_of(file: ModelFile, source: str) -> KaldiModel:
    """What Kaldi's file of a model holds: a `.mdl` where there is a transition model.

    Args:
        file: the model.
        source: its name, for messages.

    Raises:
        InputError: the model is damaged, or Kaldi's nnet2 has no such component.
    """
    nnet = Nnet.from_tensors(file.network, source, file.tensors)
    statistics = {
        name.removeprefix(_PREFIX): _statistic(value, f"{source}: tensor {name}")
        for name, value in file.tensors.items()
        if name.startswith(_PREFIX) and name != _TRANSITIONS
    }
    priors = priors_of(file, source)
    return KaldiModel(
        components_of(nnet, statistics),
        transitions_of(file, source),
        None if priors is None else priors.numpy(),
    )


def with_transitions(file: ModelFile, transitions: TransitionModel, source: str) -> ModelFile:
    """The model with a transition model, for Kaldi.

    Args:
        file: the model.
        transitions: its pdfs are the network's outputs.
        source: the file that they come from, for messages.

    Raises:
        InputError: the number of pdfs is not that of outputs.
    """
    num_outputs = _num_outputs(file, source)
    check_pdfs(transitions, num_outputs, source)
    printer = BinaryPrinter()
    write_transitions(transitions, printer)
    content = torch.frombuffer(bytearray(printer.content()), dtype=torch.uint8)
    metadata = dict(file.metadata)
    if not metadata.get("keywords"):
        metadata["pdfs"] = num_outputs
    return dataclasses.replace(
        file, metadata=metadata, tensors={**file.tensors, _TRANSITIONS: content}
    )


def transitions_of(file: ModelFile, source: str) -> TransitionModel | None:
    """The transition model that a model holds for Kaldi.

    Raises:
        InputError: it is damaged.
    """
    tensor = file.tensors.get(_TRANSITIONS)
    if tensor is None:
        return None
    content = tensor.to(torch.uint8).numpy().tobytes()
    scanner = scanner_of(content, f"{source}: {_TRANSITIONS}", "a model with Kaldi's bytes there")
    transitions = read_transitions(scanner)
    scanner.finish()
    return transitions


def with_priors(file: ModelFile, priors: Sequence[float], source: str) -> ModelFile:
    """The model with the outputs' priors.

    Args:
        file: the model.
        priors: one per output, greater than 0.
        source: the file that they come from, for messages.

    Raises:
        InputError: there are as many as the network has no outputs, or one is not greater than 0.
    """
    values = list(priors)
    check_priors(values, _num_outputs(file, source), source)
    return dataclasses.replace(file, metadata={**file.metadata, "priors": values})


def priors_of(file: ModelFile, source: str) -> Tensor | None:
    """The priors in a model's metadata, (output_dim,); None where it has none.

    Raises:
        InputError: they are no list of one number above 0 per output.
    """
    priors: Any = file.metadata.get("priors")
    if priors is None:
        return None
    check_priors(priors, _num_outputs(file, source), source)
    return torch.tensor(priors, dtype=torch.float32)


def check_pdfs(transitions: TransitionModel, num_outputs: int, source: str) -> None:
    """InputError when a network of so many outputs is not one for `transitions` of `source`."""
    if transitions.num_pdfs != num_outputs:
        raise InputError(
            f"{source}: its transition model has {transitions.num_pdfs} pdfs, but the network "
            f"{num_outputs} outputs; give the one that the network was trained with"
        )


def read_priors(path: str | Path) -> list[float]:
    """The priors in a file that holds one vector of Kaldi, binary or text.

    Raises:
        InputError: something else stands there.
    """
    with named(path):
        scanner = scanner_of(Path(path).read_bytes(), str(path), "one vector of Kaldi")
    priors = scanner.vector()
    scanner.finish()
    return [float(value) for value in priors]


def _num_outputs(file: ModelFile, source: str) -> int:
    lines = parse_config(file.network, source)
    return Nnet.from_lines(lines, None, file.tensors).output_dim


def check_priors(priors: Any, num_outputs: int, source: str) -> None:
    """InputError when `priors` of `source` are no list of one number above 0 per output."""
    is_list = isinstance(priors, list)
    if not is_list or len(priors) != num_outputs:
        found = f"{len(priors)} priors" if is_list else "priors that are no list"
        raise InputError(f"{source}: {found}, but the network has {num_outputs} outputs")
    for index, value in enumerate(priors):
        if not isinstance(value, int | float) or not 0 < value < math.inf:
            raise InputError(f"{source}: prior {index} is {value}; priors are greater than 0")


def _statistic(value: Tensor, place: str) -> Tensor:
    is_count = place.endswith(".Count")
    wanted = (torch.float64, 0) if is_count else (torch.float32, 1)
    if (value.dtype, value.ndim) != wanted:
        raise InputError(f"{place}: is no statistics of a component; copy Kaldi's file again")
    return value
