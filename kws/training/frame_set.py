"""Utterances of Kaldi's tables as frames with labels, for training on single frames."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from kws.data.chunks import IGNORED, Features, Indices
from kws.errors import InputError
from kws.files import named

log = logging.getLogger(__name__)

Labels = npt.NDArray[np.int32]
Matrices = Iterable[tuple[str, npt.NDArray[np.floating]]]


@dataclass(frozen=True)
class FrameSet:
    """The frames of utterances one after the other, each with a label.

    Attributes:
        features: (R, D), mapped from a file without a name: memory holds what was read of late.
        labels: (R,) `IGNORED` where a frame teaches nothing.
        bounds: (U + 1,) the first row of each utterance, and R.
        digest: tells whether a set is still the one it was.
    """

    features: Features
    labels: Labels
    bounds: Indices
    digest: str

    @property
    def num_utterances(self) -> int:
        return len(self.bounds) - 1

    def labelled(self) -> Indices:
        """(N,) the rows that have a label."""
        return np.flatnonzero(self.labels != IGNORED)

    def windows(self, rows: Indices, left: int, right: int) -> Features:
        """Frames with those around them; an utterance's first and last frame are repeated.

        Args:
            rows: (N,)
            left: frames before each.
            right: and after it.

        Returns:
            (N, left + 1 + right, D)
        """
        utterance = np.searchsorted(self.bounds, rows, side="right") - 1
        first, last = self.bounds[utterance], self.bounds[utterance + 1] - 1
        wanted = rows[:, None] + np.arange(-left, right + 1)
        return np.asarray(self.features[wanted.clip(first[:, None], last[:, None])])


def make_frame_set(
    matrices: Matrices,
    labels: Mapping[str, Labels],
    num_labels: int,
    *,
    source: str,
    labels_source: str,
    directory: Path,
) -> FrameSet:
    """Join utterances with their labels.

    Those without labels (an alignment may have failed) are left out with a warning.

    Args:
        matrices: the features, (T, D) by utterance; one after the other is in memory.
        labels: (T,) by utterance, from 0 to below `num_labels`, or `IGNORED`.
        num_labels: outputs of the network.
        source: where the features come from, for messages.
        labels_source: where the labels come from.
        directory: on the disk that takes the features, 4 bytes a value, until training ends.

    Raises:
        InputError: features and labels differ in length, a label is none of the network's outputs,
            or most utterances have no labels.
    """
    digest = hashlib.sha256()
    lengths: list[int] = []
    kept: list[Labels] = []
    unlabelled: list[str] = []
    dim = 0
    directory.mkdir(parents=True, exist_ok=True)
    with named(directory), tempfile.TemporaryFile(dir=directory) as file:
        for utterance, matrix in matrices:
            if utterance not in labels:
                unlabelled.append(utterance)
                continue
            if not len(matrix):
                continue
            own = labels[utterance]
            dim = dim or matrix.shape[1]
            _check(utterance, matrix, own, (dim, num_labels), source, labels_source)
            content = matrix.astype(np.float32, copy=False).tobytes()
            file.write(content)
            for part in (utterance.encode(), content, own.tobytes()):
                digest.update(part)
            lengths.append(len(matrix))
            kept.append(own)
        _tell(unlabelled, len(kept), source, labels_source)
        mapped = _mapped(file, sum(lengths), dim)
    bounds = np.cumsum([0, *lengths])
    return FrameSet(mapped, np.concatenate(kept), bounds, digest.hexdigest())


def _mapped(file: IO[bytes], num_frames: int, dim: int) -> Features:
    """The file's content as an array, which outlives the file's name."""
    file.flush()
    return np.memmap(file, np.float32, "r", shape=(num_frames, dim))


def _check(
    utterance: str,
    matrix: npt.NDArray[np.floating],
    labels: Labels,
    sizes: tuple[int, int],
    source: str,
    labels_source: str,
) -> None:
    """InputError where the features and labels of an utterance do not fit; see `make_frame_set`."""
    dim, num_labels = sizes
    if matrix.shape[1] != dim:
        raise InputError(
            f"{source}: {utterance}: {matrix.shape[1]} columns, but the utterances before it have "
            f"{dim}; compute all with the same feature options"
        )
    if len(matrix) != len(labels):
        raise InputError(
            f"{labels_source}: {utterance}: {len(labels)} labels, but {source} has {len(matrix)} "
            "frames of it; align features of the same frame shift"
        )
    if not np.isfinite(matrix).all():
        raise InputError(
            f"{source}: {utterance}: holds values that are not finite; compute it again"
        )
    if len(labels) and not IGNORED <= labels.min() <= labels.max() < num_labels:
        wrong = int(labels.max() if labels.max() >= num_labels else labels.min())
        raise InputError(
            f"{labels_source}: {utterance}: label {wrong}, but the network's outputs are 0 to "
            f"{num_labels - 1} ({IGNORED}: not learnt); is it the alignment of this model?"
        )


def _tell(unlabelled: list[str], num_kept: int, source: str, labels_source: str) -> None:
    """Warn of utterances without labels; InputError where they are the most."""
    if not num_kept:
        if unlabelled:
            raise InputError(
                f"{labels_source}: has no labels for any of the {len(unlabelled)} utterances of "
                f"{source}, such as {unlabelled[0]}; give the alignment of the same utterances"
            )
        raise InputError(f"{source}: holds no utterance that has a frame")
    if len(unlabelled) > num_kept:
        raise InputError(
            f"{labels_source}: has no labels for {len(unlabelled)} of "
            f"{len(unlabelled) + num_kept} utterances of {source}, such as {unlabelled[0]}; give "
            "the alignment of the same utterances"
        )
    if unlabelled:
        log.warning(
            "%s: no labels for %d utterances of %s, such as %s; left out",
            labels_source,
            len(unlabelled),
            source,
            unlabelled[0],
        )
