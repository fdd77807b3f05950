"""An exported model, loaded for the commands that need nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kws.runtime import Stream


def load_stream(
    path: Path,
    threshold: float | None,
    refractory_s: float | None = None,
    tell_nested: bool = False,
) -> Stream:
    """A new stream of an exported file.

    Args:
        path: the file.
        threshold: of every keyword, in place of those of the file.
        refractory_s: in place of the file's.
        tell_nested: tell keywords inside longer ones too.

    Raises:
        InputError: it cannot be used, has no thresholds and none is given, or a refractory period
            that cannot be one.
    """
    from kws.errors import InputError
    from kws.runtime import Model, Stream

    model = Model.load(path)
    if threshold is None and not model.metadata.has_thresholds:
        raise InputError(
            f"{path}: the model has no thresholds; give --threshold, or solve them with "
            "`kws evaluate --dev` and export it again"
        )
    return Stream(model, threshold, refractory_s, tell_nested)
