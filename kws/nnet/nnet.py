"""A network: the components of a config one after the other, over whole files and over streams."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kws.config import ConfigLine, parse_config
from kws.errors import InputError
from kws.nnet.component import Component, RandomComponent, component_type
from kws.nnet.components import LogSoftmaxComponent, SoftmaxComponent, UpdatableComponent

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class NnetState:
    """What a stream has left behind: nothing else of its past is remembered.

    Attributes:
        last: the last input frame, (N, 1, input_dim); (N, 0, input_dim) before the first one.
        buffers: per component the last `span` frames of its input, or as many as there were.
    """

    last: Tensor
    buffers: tuple[Tensor, ...]


class Nnet(nn.Module):
    """A network of components.

    `context` of the components alone tells how many frames of the past and the future an output
    frame depends on; padding and streaming follow from it.
    """

    def __init__(self, components: Sequence[Component]) -> None:
        """Join components whose dimensions agree; see `from_config`."""
        super().__init__()
        self.components: Sequence[Component] = nn.ModuleList(components)  # type: ignore[assignment]

    @classmethod
    def from_config(cls, text: str, source: str, generator: torch.Generator) -> Nnet:
        """Make the network of a config and draw its parameters.

        Args:
            text: the config's text.
            source: its file name, for messages.
            generator: draws the initial parameters.

        Raises:
            ConfigError: a line breaks a rule, or its input-dim is not the output-dim before it.
        """
        return cls.from_lines(parse_config(text, source), generator)

    @classmethod
    def from_lines(
        cls,
        lines: Sequence[ConfigLine],
        generator: torch.Generator | None,
        tensors: Mapping[str, Tensor] | None = None,
    ) -> Nnet:
        """As `from_config`, of parsed lines; without a generator all parameters are zero.

        Args:
            lines: a parsed config.
            generator: draws the initial parameters.
            tensors: without a generator those that are about to be loaded, as in `from_tensors`.
        """
        if not lines:
            logger.warning("the network's config holds no component")
        components = [
            Component.from_line(line, generator, _below(tensors, f"nnet.{index}."))
            for index, line in enumerate(lines)
        ]
        for index in range(1, len(lines)):
            before, after = components[index - 1], components[index]
            if before.output_dim != after.input_dim:
                raise lines[index].error(
                    f"its input has {after.input_dim} values, but {lines[index - 1].type} at "
                    f"{lines[index - 1].place} gives {before.output_dim}; make them equal"
                )
        return cls(components)

    @classmethod
    def from_tensors(cls, text: str, source: str, tensors: Mapping[str, Tensor]) -> Nnet:
        """Make the network of a config and give it the parameters in `tensors`.

        No file that the config names is opened.

        Args:
            text: the config's text.
            source: the model file's name, for messages.
            tensors: what `tensors()` gave; names that do not begin with `nnet.` are passed over.

        Raises:
            InputError: a parameter is missing, foreign, of another size or not finite.
        """
        nnet = cls.from_lines(parse_config(text, source), None, tensors)
        nnet.load_tensors(tensors, source)
        return nnet

    def load_tensors(self, tensors: Mapping[str, Tensor], source: str) -> None:
        """Take the parameters in `tensors`; arguments and errors as those of `from_tensors`."""
        expected = self.tensors()
        found = {name: value for name, value in tensors.items() if name.startswith("nnet.")}
        for name in sorted(expected.keys() | found.keys()):
            wanted = tuple(expected[name].shape) if name in expected else None
            given = tuple(found[name].shape) if name in found else None
            if wanted != given:
                raise InputError(
                    f"{source}: tensor {name} is {given or 'missing'}, its network needs "
                    f"{wanted or 'none'}; make the model again"
                )
            if not torch.isfinite(found[name]).all():
                raise InputError(
                    f"{source}: tensor {name} holds values that are not finite; make the "
                    "model again"
                )
        values = {f"components.{name[len('nnet.') :]}": value for name, value in found.items()}
        self.load_state_dict(values)

    def tensors(self) -> dict[str, Tensor]:
        """The parameters by their name in a model file: `nnet.INDEX.NAME`."""
        return {
            f"nnet.{name.removeprefix('components.')}": value.detach()
            for name, value in self.state_dict().items()
        }

    def config_text(self) -> str:
        """The config of this network, one line per component."""
        return "".join(f"{component.to_line()}\n" for component in self.components)

    @property
    def input_dim(self) -> int:
        return self.components[0].input_dim if len(self.components) else 0

    @property
    def output_dim(self) -> int:
        return self.components[-1].output_dim if len(self.components) else 0

    @property
    def left_context(self) -> int:
        """Frames of the past that an output frame depends on."""
        return -sum(min(component.context) for component in self.components)

    @property
    def right_context(self) -> int:
        """Frames of the future that an output frame depends on."""
        return sum(max(component.context) for component in self.components)

    @property
    def num_parameters(self) -> int:
        return sum(component.num_parameters for component in self.components)

    @property
    def num_multiplies(self) -> int:
        """Multiplications by a parameter or an entry of a fixed matrix, per frame."""
        return sum(component.num_multiplies for component in self.components)

    def forward(
        self, x: Tensor, pad: bool = True, generator: torch.Generator | None = None
    ) -> Tensor:
        """The network's output.

        Args:
            x: (N, T, input_dim).
            pad: repeat the first and the last frame at the network's input, so that there are
                as many frames after it as before; otherwise the context's frames are lost.
            generator: draws what components such as Dropout need when the network learns; without
                one they give their mean.

        Returns:
            (N, T, output_dim), or (N, max(0, T - left_context - right_context), output_dim).
        """
        return self._propagate(self.components, x, pad, generator)

    def log_probabilities(
        self,
        x: Tensor,
        pad: bool = True,
        generator: torch.Generator | None = None,
        every: int = 1,
    ) -> Tensor:
        """The logarithm of the output of a network that ends in a softmax, without its floor.

        Args:
            x, pad, generator: as in `forward`.
            every: give the output frames 0, every, 2 * every, ... only. Frames that none of them
                depends on are not computed in any layer.

        Returns:
            As `forward`, with ceil(T / every) frames in place of T.

        Raises:
            InputError: the network ends in something else.
        """
        last = self.components[-1] if len(self.components) else None
        if not isinstance(last, SoftmaxComponent | LogSoftmaxComponent):
            raise InputError("the network does not end in a SoftmaxComponent; append one to learn")
        x = self._propagate(self.components[:-1], x, pad, generator, every)
        return F.log_softmax(x, dim=-1)

    def _propagate(
        self,
        components: Sequence[Component],
        x: Tensor,
        pad: bool,
        generator: torch.Generator | None,
        every: int = 1,
    ) -> Tensor:
        self._check_dim(x)
        if pad and x.shape[1] > 0:
            x = self._padded(x, self.left_context, self.right_context)
        if x.shape[1] <= self.left_context + self.right_context:
            return x.new_zeros((x.shape[0], 0, self.output_dim))
        spacings = _spacings(components, every)
        x = x[:, :: spacings[0]]
        for component, spacing, wanted in zip(components, spacings, spacings[1:], strict=False):
            if isinstance(component, RandomComponent):
                x = component(x, generator)
            elif component.span > 0:
                x = component.spaced(x, spacing, wanted)
            else:
                x = component(x)
        return x

    def _check_dim(self, x: Tensor) -> None:
        if x.shape[2] != self.input_dim:
            raise InputError(
                f"the network reads {self.input_dim} values per frame, its input has "
                f"{x.shape[2]}; give it the features it was made for"
            )

    @staticmethod
    def _padded(x: Tensor, left: int, right: int) -> Tensor:
        """Copies of the first frame in front of x and of the last behind it."""
        if left == 0 and right == 0:
            return x
        return torch.cat([x[:, :1].expand(-1, left, -1), x, x[:, -1:].expand(-1, right, -1)], dim=1)

    def init_state(self) -> NnetState:
        """The state before the first frame; the first chunk says how many streams run abreast."""
        return self._empty_state(torch.zeros(1, 0, self.input_dim))

    def _empty_state(self, x: Tensor) -> NnetState:
        buffers = tuple(x.new_zeros((x.shape[0], 0, c.input_dim)) for c in self.components)
        return NnetState(x[:, :0], buffers)

    def step(self, x: Tensor, state: NnetState) -> tuple[Tensor, NnetState]:
        """Take the next frames of a stream.

        Args:
            x: (N, T, input_dim), T >= 0.
            state: from `init_state` or the step before.

        Returns:
            the output frames that are now known, (N, T', output_dim), and the new state.
        """
        self._check_dim(x)
        if state.last.shape[1] == 0:  # nothing has come yet: N, type and device follow x
            state = self._empty_state(x)
        if x.shape[1] == 0:
            return x.new_zeros((x.shape[0], 0, self.output_dim)), state
        last = x[:, -1:].clone()
        if state.last.shape[1] == 0:
            x = self._padded(x, self.left_context, 0)
        y, buffers = self._advance(x, state.buffers)
        return y, NnetState(last, buffers)

    def flush(self, state: NnetState) -> Tensor:
        """End a stream: the last right_context output frames, (N, right_context, output_dim).

        A stream without a frame ends with none.
        """
        last = state.last
        return self._advance(
            last.expand(-1, last.shape[1] * self.right_context, -1), state.buffers
        )[0]

    def _advance(self, x: Tensor, buffers: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        kept = []
        for component, buffer in zip(self.components, buffers, strict=True):
            if component.span > 0:
                x = torch.cat([buffer, x], dim=1)
                # a copy: a view would keep the whole chunk alive
                buffer = x[:, -component.span :].clone()
            kept.append(buffer)
            if x.shape[1] <= component.span:
                x = x.new_zeros((x.shape[0], 0, component.output_dim))
            else:
                x = component(x)
        return x, tuple(kept)


def _below(tensors: Mapping[str, Tensor] | None, prefix: str) -> dict[str, Tensor] | None:
    """The tensors whose names begin with `prefix`, by the rest of their names."""
    if tensors is None:
        return None
    return {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}


def _spacings(components: Sequence[Component], every: int) -> list[int]:
    """The distances between the frames that must be known before each component, and at the end.

    Args:
        every: the distance at the end.
    """
    spacings = [every]
    for component in reversed(components):
        offsets = (offset - component.context[0] for offset in component.context)
        spacings.insert(0, math.gcd(spacings[0], *offsets))
    return spacings


def resize_output(lines: Sequence[ConfigLine], output_dim: int) -> list[ConfigLine]:
    """The lines of a config with another number of outputs.

    The last line of a type with parameters gets `output-dim`, those after it `dim`.

    Args:
        lines: a parsed config.
        output_dim: the number of outputs.

    Raises:
        ConfigError: the last lines leave no freedom for it.
    """
    resized = list(lines)
    for index in reversed(range(len(lines))):
        line = lines[index]
        keys = [word.partition("=")[0] for word in line.words]
        if issubclass(component_type(line), UpdatableComponent):
            if "matrix" in keys or "output-dim" not in keys:
                raise line.error(f"matrix fixes its outputs; it cannot be given {output_dim}")
            resized[index] = line.replaced(output_dim=str(output_dim))
            return resized
        if "dim" not in keys:
            raise line.error(f"no dim to set to {output_dim} outputs; end the network in a softmax")
        resized[index] = line.replaced(dim=str(output_dim))
    raise InputError("the network has no component with parameters; it cannot be given outputs")
