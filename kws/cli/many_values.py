"""Options that take one value or several: `--test A B` and `--test A --test B`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from typer.core import TyperCommand


class ManyValuesCommand(TyperCommand):
    """A command without arguments of its own: words that no option asks for belong to the last."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        many = {name for p in self.params if getattr(p, "multiple", False) for name in p.opts}
        return super().parse_args(ctx, repeat_options(args, many))


def repeat_options(args: Sequence[str], many: Collection[str]) -> list[str]:
    """`--test A B --out C` as `--test A --test B --out C`.

    Args:
        args: the words of a command line.
        many: the options that take several values.
    """
    repeated: list[str] = []
    option, values = "", 0
    for word in args:
        if word.startswith("--"):
            option, values = word.partition("=")[0], int("=" in word)
        elif option in many:
            if values > 0:
                repeated.append(option)
            values += 1
        repeated.append(word)
    return repeated
