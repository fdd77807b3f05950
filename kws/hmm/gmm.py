"""Gaussian mixtures with diagonal covariances, one per output (on kaldi-hmm-gmm).

Training is Kaldi's: soft counts of one pass, the estimates of most likelihood with its floors,
and more Gaussians by splitting the heaviest of an output.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws.errors import InputError
from kws.hmm.packages import kaldi_package
from kws.hmm.phone_model import Floats, Ints

_ALL_BUT_TRANSITIONS = 7  # Kaldi's flags of means, variances and weights
MIN_OCCUPANCY = 3.0  # frames of a Gaussian; with Kaldi's 10 rare phones are never learnt
MIN_COUNT = 20.0  # frames per Gaussian, below which an output gets no more of them
PERTURBATION = 0.01  # of standard deviations, by which the halves of a Gaussian are put apart


class Mixture(NamedTuple):
    """An output's Gaussians as Kaldi's file holds them.

    Attributes:
        weights: (G,).
        means_inv_vars: (G, D) means divided by the variances.
        inv_vars: (G, D) one over the variances.
        constants: (G,) the log-likelihoods at 0; they follow from the rest and are not read.
    """

    weights: Floats
    means_inv_vars: Floats
    inv_vars: Floats
    constants: Floats = np.zeros(0)


@dataclass(frozen=True)
class Statistics:
    """What one pass over the training set leaves.

    Attributes:
        sums: kaldi-hmm-gmm's accumulators.
        occupancies: (P,) frames of each output.
        log_likelihood: of all frames together.
    """

    sums: Any
    occupancies: npt.NDArray[np.float64]
    log_likelihood: float

    @property
    def num_frames(self) -> int:
        return int(self.occupancies.sum())


class Gmm:
    """The mixtures of all outputs. Attribute `model`: kaldi-hmm-gmm's AmDiagGmm."""

    def __init__(self, mixtures: Iterable[Mixture]) -> None:
        khg = kaldi_package("kaldi_hmm_gmm")
        self.model = khg.AmDiagGmm()
        for mixture in mixtures:
            self.model.add_pdf(_diag_gmm(mixture))

    @classmethod
    def flat(cls, features: Sequence[Floats], num_pdfs: int) -> Gmm:
        """One Gaussian per output, all with the mean and variance of `features`, each (T, D).

        Raises:
            InputError: a column is the same in all frames.
        """
        frames = np.concatenate(features).astype(np.float64)
        variances = frames.var(axis=0)[None]
        if not (variances > 0).all():
            column = int(np.argmin(variances))
            raise InputError(
                f"column {column} of the features is the same in all frames; leave it out"
            )
        inv_vars = 1 / variances
        mixture = Mixture(np.ones(1), frames.mean(axis=0)[None] * inv_vars, inv_vars)
        return cls([mixture] * num_pdfs)

    @property
    def num_pdfs(self) -> int:
        return int(self.model.num_pdfs)

    @property
    def num_gaussians(self) -> int:
        return int(self.model.num_gauss)

    @property
    def dim(self) -> int:
        return int(self.model.dim)

    @property
    def mixtures(self) -> list[Mixture]:
        pdfs = (self.model.get_pdf(pdf) for pdf in range(self.num_pdfs))
        # copies: what the library hands out is its own memory, and gone when the model is
        return [
            Mixture(*(np.array(a) for a in (p.weights, p.means_invvars, p.inv_vars, p.gconsts)))
            for p in pdfs
        ]

    def log_likelihoods(self, features: Floats) -> npt.NDArray[np.float32]:
        """Of frames (T, D) under each output: (T, P).

        Raises:
            InputError: as `checked`.
        """
        frames = self.checked(features)
        mixtures = self.mixtures
        linear = np.concatenate([m.means_inv_vars for m in mixtures])  # (all G, D)
        squares = np.concatenate([m.inv_vars for m in mixtures])
        constants = np.concatenate([m.constants for m in mixtures])
        values = frames @ linear.T - 0.5 * (frames * frames) @ squares.T + constants
        firsts = np.cumsum([0, *(len(m.weights) for m in mixtures[:-1])])
        return np.asarray(np.logaddexp.reduceat(values, firsts, axis=1), np.float32)

    def checked(self, features: Floats) -> npt.NDArray[np.float32]:
        """The features (T, D) as the library takes them.

        Raises:
            InputError: D is another than the model's, or a value is no finite number.
        """
        if features.ndim != 2 or features.shape[1] != self.dim:
            raise InputError(
                f"features of {features.shape[-1]} columns, but the model reads {self.dim}; "
                "compute them as for training"
            )
        if not np.isfinite(features).all():
            raise InputError("features that are no finite numbers; compute them again")
        return np.ascontiguousarray(features, np.float32)

    def weighted(self, pdfs: Iterable[int], factor: float) -> Gmm:
        """With the likelihoods of some outputs multiplied (Kaldi's gmm-boost-silence)."""
        mixtures = self.mixtures
        for pdf in pdfs:
            mixtures[pdf] = mixtures[pdf]._replace(
                weights=mixtures[pdf].weights * np.float32(factor)
            )
        return Gmm(mixtures)

    def statistics(self, takes: Iterable[tuple[Floats, Ints]]) -> Statistics:
        """Soft counts over utterances: features (T, D) and the output of every frame (T,)."""
        khg = kaldi_package("kaldi_hmm_gmm")
        sums = khg.AccumAmDiagGmm()
        sums.init(self.model, _ALL_BUT_TRANSITIONS)
        occupancies = np.zeros(self.num_pdfs)
        log_likelihood = 0.0
        for features, pdfs in takes:
            occupancies += np.bincount(pdfs, minlength=self.num_pdfs)
            frames = self.checked(features)
            for frame, pdf in zip(frames, pdfs.tolist(), strict=True):
                log_likelihood += sums.accumulate_for_gmm(self.model, frame, pdf, 1.0)
        return Statistics(sums, occupancies, log_likelihood)

    def updated(self, statistics: Statistics) -> Gmm:
        """The mixtures that fit the statistics best, with Kaldi's floors."""
        khg = kaldi_package("kaldi_hmm_gmm")
        gmm = Gmm(self.mixtures)
        options = khg.MleDiagGmmOptions(min_gaussian_occupancy=MIN_OCCUPANCY)
        khg.mle_am_diag_gmm_update(options, statistics.sums, _ALL_BUT_TRANSITIONS, gmm.model)
        return Gmm(gmm.mixtures)

    def grown(
        self,
        num_gaussians: int,
        occupancies: npt.NDArray[np.float64],
        power: float,
        generator: np.random.Generator,
    ) -> Gmm:
        """With more Gaussians for outputs that have few for their frames.

        Args:
            num_gaussians: asked for in all; fewer where the frames do not allow it.
            occupancies: (P,) frames of each output.
            power: an output's share goes with its frames to this power.
            generator: of the directions in which Gaussians are put apart.
        """
        targets = _shares(occupancies, num_gaussians, power)
        return Gmm(
            _split(mixture, target, generator)
            for mixture, target in zip(self.mixtures, targets, strict=True)
        )


def _diag_gmm(mixture: Mixture) -> Any:
    khg = kaldi_package("kaldi_hmm_gmm")
    gmm = khg.DiagGmm.__new__(khg.DiagGmm)
    # the values as they are: its setters take means, and dividing and multiplying again would
    # change the last bit
    parts = (mixture.weights, mixture.inv_vars, mixture.means_inv_vars)
    gmm.__setstate__(tuple(np.asarray(part, np.float32) for part in parts))
    return gmm


def _shares(occupancies: npt.NDArray[np.float64], num_gaussians: int, power: float) -> list[int]:
    """The number of Gaussians of each output: always one more where frames^power each is largest.

    As Kaldi's GetSplitTargets (am-diag-gmm.cc).
    """
    shares = [1] * len(occupancies)
    queue = [(-(float(occupancy) ** power), pdf) for pdf, occupancy in enumerate(occupancies)]
    heapq.heapify(queue)
    while queue and sum(shares) < num_gaussians:
        _, pdf = heapq.heappop(queue)
        if (shares[pdf] + 1) * MIN_COUNT < occupancies[pdf]:
            shares[pdf] += 1
            heapq.heappush(queue, (-(float(occupancies[pdf]) ** power) / shares[pdf], pdf))
    return shares


def _split(mixture: Mixture, target: int, generator: np.random.Generator) -> Mixture:
    """Halve the heaviest Gaussian until there are `target`; none is taken away."""
    weights, means, inv_vars = (list(np.asarray(a, np.float32)) for a in mixture[:3])
    while len(weights) < target:
        heaviest = int(np.argmax(weights))
        step = np.sqrt(inv_vars[heaviest]) * generator.standard_normal(
            len(inv_vars[heaviest]), dtype=np.float32
        )
        weights[heaviest] = weights[heaviest] / 2
        weights.append(weights[heaviest])
        inv_vars.append(inv_vars[heaviest])
        # in units of the means, which are divided by the variances, this is a share of deviations
        means.append(means[heaviest] + np.float32(PERTURBATION) * step)
        means[heaviest] = means[heaviest] - np.float32(PERTURBATION) * step
    return Mixture(np.array(weights), np.array(means), np.array(inv_vars))
