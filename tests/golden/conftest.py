"""Counts what the golden tests compared with the real Kaldi, and prints it at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

COMPARED = "compared with Kaldi"


@pytest.fixture
def compared(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Note that a test compared `number` things of a kind, such as "model files"; counts only
    when the test passes.
    """

    def note(what: str, number: int = 1) -> None:
        record_property(COMPARED, (what, number))

    return note


def pytest_terminal_summary(terminalreporter: Any) -> None:
    counts: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == COMPARED:
                counts[value[0]] += value[1]
    if counts:
        terminalreporter.section(COMPARED)
        for what, number in sorted(counts.items()):
            terminalreporter.write_line(f"{number:6d} {what}")
