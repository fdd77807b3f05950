"""The Kaldi packages that this part of `kws` stands on; they are imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any

from kws.errors import InputError


def kaldi_package(name: str) -> Any:
    """The package `kaldi_hmm_gmm`, `kaldifst` or `kaldi_decoder`.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise InputError(
            f"{name} is not installed; this needs the extra hmm: pip install 'kws[hmm]'"
        ) from None
