"""A network's config as Kaldi's training scripts write it: a file, or a folder of layers.

In a folder `nnet.config` is the network to begin with, with one hidden layer. Each further layer is
in `replace.1.config`, `replace.2.config`, ... (`train_convnet_accel2.sh`): what comes in place of
everything from the last component with parameters on, the new output layer included. Or
it is in `hidden.config` (`train_pnorm_*.sh`, `train_tanh_*.sh`): what is put before the last
component with parameters, which is then drawn anew (`nnet-insert`).
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from kws.config import ConfigLine, parse_config
from kws.errors import InputError
from kws.files import read_text
from kws.nnet.component import Component
from kws.nnet.components import UpdatableComponent
from kws.nnet.nnet import Nnet, resize_output

FIRST = "nnet.config"
HIDDEN = "hidden.config"
REDRAWN_STDDEV = 0.1  # of the layer after hidden.config, times 1/sqrt(input-dim): nnet-insert's

Lines = tuple[ConfigLine, ...]
Stage = tuple[Component, ...]  # what comes in place of the last components
GeneratorOf = Callable[[int], torch.Generator]  # by the number of the stage, from 1


@dataclass(frozen=True)
class NetworkConfig:
    """The lines of a config file, or of a folder's files.

    Attributes:
        source: the file or folder.
        text: everything that it says.
        first: the network to begin with.
        replacements: of replace.N.config, N from 1.
        hidden: of hidden.config.
    """

    source: str
    text: str
    first: Lines
    replacements: tuple[Lines, ...] = ()
    hidden: Lines | None = None

    @property
    def num_hidden_layers(self) -> int:
        """Of the network when each file has been used once."""
        return 1 + len(self.replacements) + (self.hidden is not None)

    def resized(self, output_dim: int) -> NetworkConfig:
        """The same with another number of outputs.

        Raises:
            ConfigError: the last lines of a file leave no freedom for it.
        """
        return NetworkConfig(
            self.source,
            self.text,
            tuple(resize_output(self.first, output_dim)),
            tuple(tuple(resize_output(lines, output_dim)) for lines in self.replacements),
            self.hidden,
        )

    def stages(self, nnet: Nnet, num_hidden_layers: int, generator_of: GeneratorOf) -> list[Stage]:
        """The layers that are added one after the other to the network of `first`.

        Args:
            nnet: that network.
            num_hidden_layers: in the end; replace.N.config come first, then hidden.config as often
                as need be.
            generator_of: draws the parameters of a stage.

        Raises:
            InputError: a file is missing, or what it holds does not fit.
        """
        known = len(self.replacements)
        if num_hidden_layers - 1 > known and self.hidden is None:
            raise InputError(
                f"{self.source}: {num_hidden_layers} hidden layers need replace.{known + 1}.config "
                f"or {HIDDEN}; write one, or give --num-hidden-layers={known + 1} or less"
            )
        components = list(nnet.components)
        stages: list[Stage] = []
        for number in range(1, num_hidden_layers):
            cut = output_index(components)
            generator = generator_of(number)
            if number <= known:
                stage = _replacement(self.replacements[number - 1], components, generator)
            else:
                stage = _insertion(self.hidden or (), components, generator)
            components[cut:] = stage
            stages.append(stage)
        return stages


def parse_network(text: str, source: str) -> NetworkConfig:
    """The config of one file.

    Args:
        text: what it holds.
        source: its name, for messages.
    """
    return NetworkConfig(source, text, tuple(parse_config(text, source)))


def read_network(path: str | Path) -> NetworkConfig:
    """Read a config, or a folder of them.

    Raises:
        InputError: a file is missing or holds no component.
    """
    path = Path(path)
    if not path.is_dir():
        return parse_network(read_text(path), str(path))
    texts: dict[str, str] = {}

    def read(name: str) -> Lines:
        texts[name] = read_text(path / name)
        lines = tuple(parse_config(texts[name], str(path / name)))
        if not lines:
            raise InputError(f"{path / name}: holds no component; write one per line")
        return lines

    if not (path / FIRST).exists():
        raise InputError(
            f"{path}: a folder without {FIRST}; that is the network to begin with, beside it "
            f"replace.1.config, ... or {HIDDEN} add layers"
        )
    first = read(FIRST)
    replacements = tuple(read(name) for name in _replacement_names(path))
    hidden = read(HIDDEN) if (path / HIDDEN).exists() else None
    text = "".join(f"# {name}\n{content.rstrip()}\n" for name, content in texts.items())
    return NetworkConfig(str(path), text, first, replacements, hidden)


def full_network(config: NetworkConfig, generator: torch.Generator) -> Nnet:
    """The network with all layers that the config's files hold, each file used once.

    Raises:
        InputError: a fault in them.
    """
    nnet = Nnet.from_lines(config.first, generator)
    for stage in config.stages(nnet, config.num_hidden_layers, lambda number: generator):
        nnet = with_stage(nnet, stage)
    return nnet


def with_stage(nnet: Nnet, stage: Stage) -> Nnet:
    """The network with a stage in place of its last components; the others are the very same."""
    return Nnet([*nnet.components[: output_index(nnet.components)], *stage])


def output_index(components: Sequence[Component]) -> int:
    """Where the last component with parameters is: the output layer; InputError without any."""
    for index in reversed(range(len(components))):
        if isinstance(components[index], UpdatableComponent):
            return index
    raise InputError("the network has no component with parameters; it has nothing to learn")


def _replacement_names(path: Path) -> Iterator[str]:
    names = {file.name for file in path.glob("replace.*.config")}
    for number in itertools.count(1):
        name = f"replace.{number}.config"
        if name not in names:
            break
        names.remove(name)
        yield name
    if names:
        raise InputError(
            f"{path}: holds {min(names)}, but no {name}; number them from 1, without a gap"
        )


def _replacement(
    lines: Lines, components: Sequence[Component], generator: torch.Generator
) -> Stage:
    """The components of a replace.N.config, for the last of `components`."""
    stage = _drawn(lines, components, generator)
    old, new = components[-1], stage[-1]
    if type(new) is not type(old) or new.output_dim != old.output_dim:
        raise lines[-1].error(
            f"it takes the place of {type(old).__name__} with {old.output_dim} outputs; end in "
            "the same"
        )
    if not any(isinstance(component, UpdatableComponent) for component in stage):
        raise lines[0].error("no component with parameters follows; the outputs need one")
    return stage


def _insertion(lines: Lines, components: Sequence[Component], generator: torch.Generator) -> Stage:
    """The components of hidden.config, and the output layer behind them, drawn anew."""
    hidden = _drawn(lines, components, generator)
    output, *others = components[output_index(components) :]
    if hidden[-1].output_dim != output.input_dim:
        raise lines[-1].error(
            f"it gives {hidden[-1].output_dim} values, but {type(output).__name__} after it reads "
            f"{output.input_dim}; make them equal"
        )
    output = copy.deepcopy(output)
    with torch.no_grad():
        for parameter in output.parameters():
            parameter.normal_(generator=generator).mul_(REDRAWN_STDDEV * output.input_dim**-0.5)
    return (*hidden, output, *others)


def _drawn(lines: Lines, components: Sequence[Component], generator: torch.Generator) -> Stage:
    """The components of `lines`, which come where the output layer of `components` is."""
    before = components[: output_index(components)][-1:]
    stage = tuple(Nnet.from_lines(lines, generator).components)
    if before and before[0].output_dim != stage[0].input_dim:
        raise lines[0].error(
            f"its input has {stage[0].input_dim} values, but {type(before[0]).__name__} before it "
            f"gives {before[0].output_dim}; make them equal"
        )
    return stage
