"""From waveforms to the rows that a network reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from kws.config import ConfigError
from kws.errors import InputError
from kws.features.cmvn import Cmvn, CmvnStats, apply_cmvn
from kws.features.deltas import Deltas, DeltaState
from kws.features.fbank import Fbank
from kws.features.framing import FramingState
from kws.features.mel_options import MfccOptions
from kws.features.mfcc import Mfcc
from kws.features.options import FeatureOptions


class FeatureState(NamedTuple):
    """The state of a stream of samples."""

    raw: FramingState
    deltas: DeltaState


class FeaturePipeline(nn.Module):
    """Fbank or MFCC, deltas and CMVN; statistics are of the columns with deltas.

    Args:
        options: which of them.
        stats: of the features with deltas, for cmvn=global; None otherwise.

    Raises:
        InputError: statistics are missing, not wanted or of another number of columns.
    """

    def __init__(self, options: FeatureOptions, stats: CmvnStats | None = None) -> None:
        super().__init__()
        wants_stats = options.cmvn.cmvn == "global"
        if wants_stats and stats is None:
            raise InputError("cmvn=global: the statistics are missing; compute or give them")
        if stats is not None and not wants_stats:
            raise InputError(
                f"cmvn={options.cmvn.cmvn}: takes no global statistics; use --cmvn=global"
            )
        if stats is not None and stats.dim != options.dim:
            raise InputError(
                f"CMVN statistics of {stats.dim} columns do not fit features of {options.dim}; "
                "compute them with the same feature options"
            )
        self.options = options
        raw, cmvn = options.raw, options.cmvn
        self.raw = Mfcc(raw) if isinstance(raw, MfccOptions) else Fbank(raw)
        self.deltas = Deltas(options.deltas, options.raw.dim)
        self.cmvn = None if stats is None else Cmvn(stats, cmvn.norm_vars, cmvn.skip_dims)

    def forward(
        self,
        samples: Tensor,
        vtln_warp: Tensor | None = None,
        generator: torch.Generator | None = None,
        speaker_stats: Sequence[CmvnStats] | None = None,
    ) -> Tensor:
        """Features of whole waveforms.

        Args:
            samples: (N, S) at 16-bit scale.
            vtln_warp: (N,) warp factors.
            generator: source of the dither.
            speaker_stats: statistics of each example's speaker, for cmvn=speaker.

        Returns:
            (N, T, dim)
        """
        return self.from_raw(self.raw(samples, vtln_warp, generator), speaker_stats)

    def from_raw(
        self, features: Tensor, speaker_stats: Sequence[CmvnStats] | None = None
    ) -> Tensor:
        """Deltas and CMVN of features (N, T, D) of the bare type: (N, T, dim)."""
        features = self.deltas(features)
        if (speaker_stats is not None) != (self.options.cmvn.cmvn == "speaker"):
            found = "missing" if speaker_stats is None else "given"
            raise InputError(
                f"cmvn={self.options.cmvn.cmvn}: speaker statistics are {found}; "
                "they are needed with cmvn=speaker and only there"
            )
        cmvn = self.options.cmvn
        if cmvn.cmvn == "utterance" and features.shape[1]:
            speaker_stats = [CmvnStats.of(x) for x in features]
        if speaker_stats is not None:
            return torch.stack(
                [
                    apply_cmvn(x, stats, cmvn.norm_vars, cmvn.skip_dims)
                    for x, stats in zip(features, speaker_stats, strict=True)
                ]
            )
        return features if self.cmvn is None else self.cmvn(features)

    def init_state(self, batch_size: int = 1) -> FeatureState:
        """The state before any sample.

        Raises:
            ConfigError: an option that needs the whole utterance or the speaker's recordings.
        """
        fault = self.options.cmvn.stream_fault
        if fault is not None:
            raise ConfigError(fault)
        return FeatureState(self.raw.init_state(batch_size), self.deltas.init_state(batch_size))

    def step(self, samples: Tensor, state: FeatureState) -> tuple[Tensor, FeatureState]:
        """Take a chunk (N, S); return the frames now known (N, T, dim) and the new state."""
        raw, raw_state = self.raw.step(samples, state.raw)
        features, delta_state = self.deltas.step(raw, state.deltas)
        return self._normalised(features), FeatureState(raw_state, delta_state)

    def flush(self, state: FeatureState) -> Tensor:
        """The frames still to come: (N, T, dim)."""
        raw = self.raw.flush(state.raw)
        features, delta_state = self.deltas.step(raw, state.deltas)
        rest = self.deltas.flush(delta_state).to(features)
        return self._normalised(torch.cat([features, rest], dim=1))

    def _normalised(self, features: Tensor) -> Tensor:
        return features if self.cmvn is None else self.cmvn(features)
