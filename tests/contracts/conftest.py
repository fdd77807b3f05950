from __future__ import annotations

from collections.abc import Iterator

import pytest
from ready_python import ReadyPython


@pytest.fixture(scope="session")
def ready() -> Iterator[ReadyPython]:
    with ReadyPython() as python:
        yield python
