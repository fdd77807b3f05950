"""A keyword as a network sees it; free of torch: a command that only names some starts at once."""

from __future__ import annotations

from dataclasses import dataclass

from kws.errors import InputError


@dataclass(frozen=True)
class Keyword:
    """A keyword and the network outputs of its units, in the order in which they are spoken."""

    name: str
    units: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.units or min(self.units) < 0:
            raise InputError(
                f"keyword {self.name!r}: units {list(self.units)} must be one or more outputs "
                "of the network, counted from 0"
            )
