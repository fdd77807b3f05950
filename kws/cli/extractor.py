"""Features of the recordings that `kws features` works on, one after the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kws.cli.takes import Take

if TYPE_CHECKING:
    from kws.features import CmvnStats, FeatureOptions, FeaturePipeline

    Statistics = Mapping[str, CmvnStats]  # by speaker or utterance; the only one under ""


class Extractor:
    """Features of one take after the other."""

    def __init__(self, options: FeatureOptions, seed: int) -> None:
        import torch

        from kws.features import CmvnOptions, FeaturePipeline

        # utterances are small: more threads only wait for one another (18 s of work became 5)
        torch.set_num_threads(1)
        self.options = options
        self.pipeline: FeaturePipeline = FeaturePipeline(
            dataclasses.replace(options, cmvn=CmvnOptions())
        )
        self.generator = torch.Generator().manual_seed(seed)
        self.dim = options.dim

    def raw(self, take: Take) -> Any:
        """Features with deltas and without CMVN: (T, dim)."""
        import logging

        import torch

        with torch.inference_mode():
            samples = torch.from_numpy(take.waveform.samples)[None]
            found = self.pipeline(samples, generator=self.generator)[0]
        if not len(found):
            logging.getLogger(__name__).warning(
                "%s: %d samples are too short for a frame; its matrix is empty",
                take.utterance,
                samples.shape[1],
            )
        return found

    def normalised(self, take: Take, stats: Statistics | None) -> Any:
        """Features with everything that the options say: (T, dim)."""
        from kws.features import CmvnStats

        raw, owner = self.raw(take), take.owner(self.options.cmvn.cmvn)
        if stats is None and self.options.cmvn.cmvn == "utterance":
            stats = {owner: CmvnStats.of(raw)}
        return self.normalise(take.utterance, owner, raw, stats)

    def normalise(self, utterance: str, owner: str, raw: Any, stats: Statistics | None) -> Any:
        """CMVN of features (T, dim), with the statistics of their owner."""
        from kws.errors import InputError
        from kws.features import apply_cmvn

        if stats is None or not len(raw):
            return raw
        cmvn = self.options.cmvn
        if owner not in stats:
            raise InputError(
                f"{utterance}: the CMVN statistics have no {cmvn.cmvn} {owner}; add it to them"
            )
        return apply_cmvn(raw, stats[owner], cmvn.norm_vars, cmvn.skip_dims)
