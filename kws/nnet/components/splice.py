"""Components that look at neighbouring frames."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from kws.config import INT32_MAX, Check, ConfigLine, key, non_negative, positive
from kws.nnet.component import Component

MAX_OFFSET = 100_000  # frames; beyond it an offset is a slip of the pen

_near = Check(f"must lie between 0 and {MAX_OFFSET}", lambda frames: 0 <= frames <= MAX_OFFSET)
_all_near = Check(
    f"must lie between -{MAX_OFFSET} and {MAX_OFFSET}",
    lambda offsets: all(-MAX_OFFSET <= offset <= MAX_OFFSET for offset in offsets),
)


class _Context(Component):
    left_context: int | None = key(
        "frames of the past to read; with right-context, instead of context",
        default=None,
        check=_near,
    )
    right_context: int | None = key(
        "frames of the future to read; with left-context, instead of context",
        default=None,
        check=_near,
    )
    context: tuple[int, ...] = key(
        "offsets of the frames to read, growing, from 0 or less to 0 or more",
        default=None,
        check=_all_near,
    )

    def setup(self, line: ConfigLine) -> None:
        given = [self.left_context, self.right_context]
        if self.context is not None and given != [None, None]:
            raise line.error("context is given beside left-context or right-context; keep one")
        if self.left_context is not None and self.right_context is not None:
            self.context = tuple(range(-self.left_context, self.right_context + 1))
        if self.context is None:
            raise line.error("give context, or both left-context and right-context")
        offsets = ":".join(map(str, self.context))
        if any(b <= a for a, b in zip(self.context, self.context[1:], strict=False)):
            raise line.error(f"context={offsets} must grow from each offset to the next")
        if not self.context[0] <= 0 <= self.context[-1]:
            raise line.error(f"context={offsets} must reach from 0 or less to 0 or more")

    def key_value(self, attribute: str) -> Any:
        if attribute == "context" and self.left_context is not None:
            return None
        return super().key_value(attribute)

    def forward(self, x: Tensor) -> Tensor:
        return self.spaced(x, 1, 1)

    def shifted(self, x: Tensor, spacing: int, wanted: int) -> list[Tensor]:
        """For each offset the frames that the output frames read there, (N, T', D)."""
        num_frames = x.shape[1] - self.span // spacing
        starts = [(offset - self.context[0]) // spacing for offset in self.context]
        return [x[:, start : start + num_frames : wanted // spacing] for start in starts]


class SpliceComponent(_Context):
    """y[t] = x[t + o1], x[t + o2], ... one after the other, over the offsets o of context.

    The last const-component-dim values of a frame (a speaker's vector, the same in all frames)
    are left out of that and appended once, from the earliest frame of the window.
    """

    example = "SpliceComponent input-dim=40 left-context=30 right-context=10"

    input_dim: int = key("values per frame of the input", check=positive)
    const_component_dim: int = key(
        "how many of them, the last, to append once instead of splicing",
        default=0,
        check=non_negative,
    )

    def setup(self, line: ConfigLine) -> None:
        super().setup(line)
        spliced = self.input_dim - self.const_component_dim
        if spliced <= 0:
            raise line.error(
                f"const-component-dim={self.const_component_dim} must be smaller than "
                f"input-dim={self.input_dim}"
            )
        self.output_dim = spliced * len(self.context) + self.const_component_dim
        if self.output_dim > INT32_MAX:
            raise line.error(f"{self.output_dim} output values do not fit into 32 bits")

    def spaced(self, x: Tensor, spacing: int, wanted: int) -> Tensor:
        spliced = self.input_dim - self.const_component_dim
        frames = x[..., :spliced]
        if len(self.context) == self.span // spacing + 1:
            # no holes: views, (N, T', D, K) -> (N, T', K, D) -> (N, T', K*D), offset slow; nothing
            # is copied for a single window or a single stream
            windows = frames.unfold(1, len(self.context), wanted // spacing)
            y = windows.transpose(2, 3).flatten(2)
        else:
            y = torch.cat(self.shifted(frames, spacing, wanted), dim=2)
        if self.const_component_dim == 0:
            return y
        return torch.cat([y, self.shifted(x[..., spliced:], spacing, wanted)[0]], dim=2)


class SpliceMaxComponent(_Context):
    """y[t] = max over the offsets o of context of x[t + o], value by value."""

    example = "SpliceMaxComponent dim=16 context=-1:0:1"

    dim: int = key("values per frame, in and out", check=positive)

    def setup(self, line: ConfigLine) -> None:
        super().setup(line)
        self.input_dim = self.output_dim = self.dim

    def spaced(self, x: Tensor, spacing: int, wanted: int) -> Tensor:
        return torch.stack(self.shifted(x, spacing, wanted), dim=-1).max(dim=-1).values
