"""Mel-frequency cepstral coefficients with Kaldi's numerics (`compute-mfcc-feats`)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from kws.features.fbank import Fbank
from kws.features.framing import FramingState
from kws.features.mel_options import MfccOptions


def cepstral_matrix(options: MfccOptions) -> npt.NDArray[np.float64]:
    """The linear map from the columns of `options.log_mels` to the coefficients.

    For N mel bins it holds the orthonormal cosine transform, sqrt(2 / N) cos(pi k (n + 1/2) / N)
    (C0: sqrt(1 / N)), and the lifter, 1 + Q/2 sin(pi k / Q). The log energy, where there is one,
    takes the place of C0; htk-compat puts that column last, and C0 there times sqrt(2)
    (`feature-mfcc.cc`, ComputeDctMatrix, ComputeLifterCoeffs).

    Returns:
        (log_mels.dim, num_ceps)
    """
    num_mels, lifter = options.num_mel_bins, options.cepstral_lifter
    orders, bins = np.arange(options.num_ceps), np.arange(num_mels)[:, None]
    matrix = np.sqrt(2 / num_mels) * np.cos(np.pi / num_mels * (bins + 0.5) * orders)
    matrix[:, 0] = np.sqrt(1 / num_mels)
    if lifter:
        matrix *= 1 + 0.5 * lifter * np.sin(np.pi * orders / lifter)
    if options.use_energy:
        matrix[:, 0] = 0
        energy = np.zeros((1, options.num_ceps))
        energy[0, 0] = 1
        matrix = np.concatenate((energy, matrix))
    elif options.htk_compat:
        matrix[:, 0] *= np.sqrt(2)
    return np.roll(matrix, -1, axis=1) if options.htk_compat else matrix


class Mfcc(nn.Module):
    """Cepstral coefficients of frames, batched, streaming and differentiable.

    The log mel energies (see `Fbank`) times one matrix (see `cepstral_matrix`).

    Args:
        options: which variant.
    """

    matrix: Tensor

    def __init__(self, options: MfccOptions) -> None:
        super().__init__()
        self.options = options
        self.fbank = Fbank(options.log_mels)
        matrix = torch.from_numpy(cepstral_matrix(options)).float()
        # the module is a function of its options: nothing here belongs into a model file
        self.register_buffer("matrix", matrix, persistent=False)

    def forward(
        self,
        samples: Tensor,
        vtln_warp: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Features of whole waveforms.

        Args:
            samples: (N, S) at 16-bit scale.
            vtln_warp: (N,) warp factor of each example; None: the option vtln-warp for all.
            generator: source of the dither; None: none is added.

        Returns:
            (N, T, num_ceps)
        """
        return self._cepstra(self.fbank(samples, vtln_warp, generator))

    def init_state(self, batch_size: int = 1) -> FramingState:
        """The state before any sample.

        Raises:
            ConfigError: subtract-mean needs the whole utterance.
        """
        return self.fbank.init_state(batch_size)

    def step(self, samples: Tensor, state: FramingState) -> tuple[Tensor, FramingState]:
        """Features of the frames that a chunk (N, S) completes: (N, T, num_ceps)."""
        features, state = self.fbank.step(samples, state)
        return self._cepstra(features), state

    def flush(self, state: FramingState) -> Tensor:
        """Features of the frames at the end that snip-edges=false adds: (N, T, num_ceps)."""
        return self._cepstra(self.fbank.flush(state))

    def _cepstra(self, features: Tensor) -> Tensor:
        return features @ self.matrix
