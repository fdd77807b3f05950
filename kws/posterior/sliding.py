"""Windows that slide over a stream, at a cost that grows with the logarithm of their width."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def extend(x: Tensor, history: Tensor | None, width: int) -> tuple[Tensor, Tensor]:
    """Put the stream's past in front of a chunk: zeros, then `history`, then `x`.

    Args:
        x: (N, T, C), the chunk.
        history: (N, at most width - 1, C), the frames before it; None at the start of a stream.
        width: frames of the window that will slide over the result.

    Returns:
        (N, width - 1 + T, C) and the history for the next chunk.
    """
    seen = x if history is None else torch.cat((history, x), dim=1)
    num_before = 0 if history is None else history.shape[1]
    # a copy: a view would keep the whole block of audio alive
    kept = seen[:, max(0, seen.shape[1] - (width - 1)) :].clone()
    return F.pad(seen, (0, 0, width - 1 - num_before, 0)), kept


def sliding_reduce(x: Tensor, width: int, combine: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """`y[t] = x[t] o x[t + 1] o ... o x[t + width - 1]` for an associative `o`.

    Windows of 1, 2, 4, 8 ... frames are built by doubling; those that make up `width` in binary
    are joined in order and never overlap, so `o` need not commute. A value does not depend on T.

    Args:
        x: (..., T + width - 1), time last.
        width: frames per window, at least 1.
        combine: `o` on (..., any number) of earlier and of later windows.

    Returns:
        (..., T).
    """
    num_frames = x.shape[-1] - width + 1
    if num_frames == 0:
        return x[..., :0]
    result, covered = x[..., :0], 0
    windows, size = x, 1
    while covered < width:
        if width & size:
            piece = windows[..., covered : covered + num_frames]
            result = combine(result, piece) if covered else piece
            covered += size
        if covered < width:
            windows, size = combine(windows[..., :-size], windows[..., size:]), 2 * size
    return result
