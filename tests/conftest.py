"""Where torch is not installed, what needs it is skipped, and says so."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest


class _NoTorch(MetaPathFinder):
    """Skips the module, or the test, that imports torch."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "torch":
            pytest.skip("needs torch", allow_module_level=True)
        return None


if importlib.util.find_spec("torch") is None:
    sys.meta_path.insert(0, _NoTorch())
