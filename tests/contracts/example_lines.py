"""The component types' example lines, the files that they name put in their place."""

from __future__ import annotations

from pathlib import Path

from kws.config import ConfigLine, parse_config
from kws.nnet import COMPONENTS

FILES = Path(__file__).parent / "files"


def example_text(name: str) -> str:
    """The example line of a type; a file that it names is the one of that name in `files`."""
    words = []
    for word in COMPONENTS[name].example.split():
        key, equals, value = word.partition("=")
        words.append(f"{key}={FILES / value}" if (FILES / value).is_file() and equals else word)
    return " ".join(words)


def example_line(name: str) -> ConfigLine:
    """The same, parsed."""
    (line,) = parse_config(example_text(name), "net.config")
    return line
