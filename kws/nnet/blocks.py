"""Long utterances through a network in bounded memory."""

from __future__ import annotations

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
