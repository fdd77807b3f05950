"""Long utterances through a network in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from kws.nnet.nnet import Nnet

BLOCK_FRAMES = 3000


@torch.no_grad()
def compute_in_blocks(nnet: Nnet, features: Tensor, *, pad: bool = True) -> Tensor:
    """A network's outputs for whole utterances, computed in blocks of bounded memory.

    Args:
        nnet: the network.
        features: (N, T, D).
        pad: repeat the first and last frame at the input; without it the outputs whose context
            does not lie in the utterance are left out (possibly all of them).

    Returns:
        (N, T, C), without `pad` (N, max(0, T - left_context - right_context), C).
    """
    state = nnet.init_state()
    parts = []
    for block in torch.split(features, BLOCK_FRAMES, dim=1):
        part, state = nnet.step(block, state)
        parts.append(part)
    padded = torch.cat([*parts, nnet.flush(state)], dim=1)
    if pad:
        return padded
    # padding reaches the edges only: what lies between is what the bare input gives
    num_frames = max(0, features.shape[1] - nnet.left_context - nnet.right_context)
    return padded[:, nnet.left_context : nnet.left_context + num_frames]


def compute_utterances(
    nnet: Nnet, utterances: Iterable[tuple[str, Tensor]], *, pad: bool = True
) -> Iterator[tuple[str, Tensor]]:
    """A network's outputs for one utterance after the other, short ones computed together.

    Short utterances pass one behind the other as if they were one; the frames between that depend
    on two of them are left out.

    Args:
        nnet: the network.
        utterances: keys and features (T, D), T > 0.
        pad: as for `compute_in_blocks`.

    Yields:
        key, outputs (T', C), in the order of the utterances.
    """
    waiting: list[tuple[str, Tensor]] = []
    num_waiting = 0
    for key, features in utterances:
        if num_waiting + len(features) > BLOCK_FRAMES:
            yield from _compute_together(nnet, waiting, pad)
            waiting, num_waiting = [], 0
        if len(features) > BLOCK_FRAMES:
            yield key, compute_in_blocks(nnet, features[None], pad=pad)[0]
        else:
            waiting.append((key, features))
            num_waiting += len(features)
    yield from _compute_together(nnet, waiting, pad)


def _compute_together(
    nnet: Nnet, utterances: list[tuple[str, Tensor]], pad: bool
) -> Iterator[tuple[str, Tensor]]:
    if not utterances:
        return
    left, right = (nnet.left_context, nnet.right_context) if pad else (0, 0)
    inputs = []
    for _, features in utterances:
        frames = torch.arange(-left, len(features) + right).clamp(0, len(features) - 1)
        inputs.append(features[frames])
    with torch.no_grad():
        outputs = nnet(torch.cat(inputs)[None], pad=False)[0]
    start = 0
    for (key, _), frames in zip(utterances, inputs, strict=True):
        num_frames = max(0, len(frames) - nnet.left_context - nnet.right_context)
        yield key, outputs[start : start + num_frames]
        start += len(frames)
