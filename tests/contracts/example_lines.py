"""The component types' example lines, the files that they name put in their place."""

from __future__ import annotations

import os
from pathlib import Path

from kws.config import ConfigLine, parse_config
from kws.nnet import COMPONENTS

FILES = Path(__file__).parent / "files"


def example_text(name: str) -> str:
    """The example line of a type; a file that it names is the one of that name in `files`.

    By a relative path: a config line cannot hold the blanks that the clone's path may have.
    """
    words = []
    for word in COMPONENTS[name].example.split():
        key, equals, value = word.partition("=")
        is_file = equals and (FILES / value).is_file()
        words.append(f"{key}={os.path.relpath(FILES / value)}" if is_file else word)
    return " ".join(words)


def example_line(name: str) -> ConfigLine:
    """The same, parsed."""
    (line,) = parse_config(example_text(name), "net.config")
    return line
