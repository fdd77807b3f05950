"""What every network component is: a class whose name is its config token.

A component declares its keys with `kws.config.key`; the registry, parsing, checks, help and
writing back follow from that. `context` alone tells its behaviour in time: output frame t is made
of the input frames t + context[0] .. t + context[-1], without padding.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from kws.config import ConfigLine, Key, format_values, keys_of, read_values

COMPONENTS: dict[str, type[Component]] = {}
# 1 GiB in float32: beyond it a dimension is a slip of the pen
MAX_PARAMETERS = 2**28


class Component(nn.Module):
    """One stage of a network: y = f(x), (N, T, input_dim) to (N, T - span, output_dim).

    A subclass declares its keys, says in `example` how a line of it looks, derives `input_dim`,
    `output_dim` and, when it reads more than the current frame, `context` in `setup`, and computes
    in `forward`. The first line of its docstring is its formula, for `kws describe`.
    """

    example: ClassVar[str]
    context: tuple[int, ...] = (0,)
    time_stride: ClassVar[int] = 1
    input_dim: int
    output_dim: int

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "example" in vars(cls):
            COMPONENTS[cls.__name__] = cls

    def __init__(
        self,
        line: ConfigLine,
        generator: torch.Generator | None,
        tensors: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Make the component that `line` describes; without a generator, leave the values out.

        Args:
            line: a config line of this type.
            generator: draws the initial parameters. None: the parameters are about to be loaded,
                so they stay zero and no file that the line names is opened.
            tensors: those that are about to be loaded, by name, where the component's size may
                follow from them.

        Raises:
            ConfigError: the line breaks a rule.
        """
        super().__init__()
        for attribute, value in self.read_keys(line).items():
            setattr(self, attribute, value)
        if generator is not None:
            self.read_files(line)
        elif tensors is not None:
            self.take_sizes(line, tensors)
        self.setup(line)
        if generator is not None:
            with torch.no_grad():
                self.init_parameters(generator)

    @staticmethod
    def from_line(
        line: ConfigLine,
        generator: torch.Generator | None,
        tensors: Mapping[str, Tensor] | None = None,
    ) -> Component:
        """The component of the type that `line` names; see `__init__`.

        Raises:
            ConfigError: there is no such type, or the line breaks one of its rules.
        """
        return component_type(line)(line, generator, tensors)

    def to_line(self) -> str:
        """The config line that describes this component, values at their default left out."""
        words = format_values(type(self), self.key_value)
        return " ".join([type(self).__name__, *sorted(words, key=_is_no_dim)])

    def key_value(self, attribute: str) -> Any:
        """A key's value as a config line gives it; not every attribute stays as it was given."""
        return getattr(self, attribute)

    def read_keys(self, line: ConfigLine) -> dict[str, Any]:
        """The attributes that the line gives, by name; ConfigError when it breaks a rule."""
        return read_values(line, type(self))

    def read_files(self, line: ConfigLine) -> None:
        """Read the files that the line names; called before `setup`, when initialising only."""

    def take_sizes(self, line: ConfigLine, tensors: Mapping[str, Tensor]) -> None:
        """Learn from a model's tensors what the line leaves to a file; called when loading only."""

    def setup(self, line: ConfigLine) -> None:
        """Check what concerns several keys, derive the dimensions, make room for parameters."""
        raise NotImplementedError

    def init_parameters(self, generator: torch.Generator) -> None:
        """Draw the initial parameters; called without gradients, when initialising only."""

    @property
    def span(self) -> int:
        """How many frames fewer than its input the output has."""
        return max(self.context) - min(self.context)

    @property
    def num_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def num_multiplies(self) -> int:
        """Multiplications by a parameter or an entry of a fixed matrix, for one output frame."""
        return 0

    def spaced(self, x: Tensor, spacing: int, wanted: int) -> Tensor:
        """The output at some frames only, from the input at those that they depend on.

        Args:
            x: (N, T, input_dim), input frames 0, spacing, 2 * spacing, ...; `spacing` divides all
                of `context`'s offsets from its first one.
            wanted: the distance between output frames, a multiple of `spacing`.
        """
        raise NotImplementedError(f"{type(self).__name__} reads neighbours and cannot skip any")

    def new_parameter(self, line: ConfigLine, *shape: int) -> nn.Parameter:
        """A parameter of zeros; ConfigError when it is beyond any sensible size."""
        if torch.Size(shape).numel() > MAX_PARAMETERS:
            size = " x ".join(map(str, shape))
            raise line.error(f"{size} parameters are more than {MAX_PARAMETERS}; use smaller dims")
        return nn.Parameter(torch.zeros(shape))


class RandomComponent(Component):
    """A component that draws random numbers while it learns, and is its mean otherwise."""

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The component's output.

        Args:
            x: (N, T, input_dim).
            generator: draws the random numbers; None gives the expected value instead.
        """
        raise NotImplementedError


def component_keys(cls: type) -> list[Key]:
    """The keys of a component type, its dimensions first."""
    return sorted(keys_of(cls).values(), key=lambda declared: _is_no_dim(declared.name))


def _is_no_dim(word: str) -> bool:
    return word.partition("=")[0] not in ("dim", "input-dim", "output-dim")


def component_type(line: ConfigLine) -> type[Component]:
    """The class that `line` names.

    Raises:
        ConfigError: there is none.
    """
    if line.type not in COMPONENTS:
        stems = {_stem(name): name for name in COMPONENTS}
        near = difflib.get_close_matches(_stem(line.type), stems, n=1, cutoff=0.7)
        hint = f"did you mean {stems[near[0]]}? " if near else ""
        raise line.error(f"no such component type; {hint}`kws describe` lists them")
    return COMPONENTS[line.type]


def _stem(name: str) -> str:
    return name.lower().strip("<>").replace("component", "")
