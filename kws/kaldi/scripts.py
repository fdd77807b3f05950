"""Scripts (scp): lines of a key and where its object stands, a part of one included."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from kws.audio.entries import split_offset
from kws.errors import InputError
from kws.files import decoded, raw_lines
from kws.kaldi.archives import Reader
from kws.kaldi.reading import FormatError
from kws.kaldi.specifiers import Specifier, is_command, screen_command
from kws.kaldi.streams import opened

logger = logging.getLogger(__name__)
T = TypeVar("T")
# rows that a range may go beyond the end, which Kaldi allows for rounded segment times
_TOLERANCE = 3


def read_script(
    specifier: Specifier,
    read_at: Callable[[str], T],
    *,
    allow_commands: bool,
    runs: Callable[[str], bool] = is_command,
) -> Iterator[tuple[str, T]]:
    """The keys and objects of an scp; every line is screened before the first is read.

    With the option p, entries that cannot be read are left out with a warning.

    Args:
        read_at: reads the object at `file`, `file:offset` or either with `[range]` behind it.
        runs: whether a command is run to read what stands at such a name.
    """
    script = specifier.files["scp"]
    try:
        with opened(script) as stream:
            lines = raw_lines(stream.read(), script)
    except FormatError as error:
        raise InputError(f"{script}: {error}") from None
    entries = []
    for raw, place in lines:
        line = decoded(raw, place)
        if not line.strip():
            continue
        key, _, name = line.strip().replace("\t", " ").partition(" ")
        if not f"{key}{name}".isprintable():
            raise InputError(f"{place}: {line[:20]!r} is not a key and a file; is it an scp?")
        if not name.strip():
            raise InputError(f"{place}: {key!r} has no file; a line is a key and a file")
        if runs(name):
            screen_command(name, place, allow_commands=allow_commands)
        entries.append((place, key, name.strip()))
    for place, key, name in entries:
        try:
            value = read_at(name)
        except (InputError, FormatError, OSError) as error:
            said = f"{name}: {error.strerror}" if isinstance(error, OSError) else str(error)
            said = f"{name}: {said}" if isinstance(error, FormatError) else said
            if "p" not in specifier.options:
                raise InputError(f"{place}: {key}: {said}") from None
            logger.warning("%s: %s: %s; left out", place, key, said)
            continue
        yield key, value


def read_object_at(name: str, read: Reader[Any]) -> Any:
    """The object at `file`, `file:offset` or either with a range behind it.

    Raises:
        FormatError: another object stands there, or it has no such range.
    """
    ranged = re.fullmatch(r"(.*)\[([^\[\]]*)\]", name)
    path, offset = split_offset(ranged[1] if ranged else name)
    with opened(path, offset) as stream:
        value = read(stream)
    return value if ranged is None else _cut(value, ranged[2])


def _cut(value: Any, text: str) -> Any:
    """Kaldi's `[first:last,first:last]`, both ends inclusive; `:` takes all."""
    parts = text.split(",")
    sizes = getattr(value, "shape", (len(value),))
    shape = " x ".join(map(str, sizes))
    error = FormatError(f"[{text}] is not a range of {shape} values")
    if len(parts) > len(sizes):
        raise error
    slices = []
    for axis, (part, size) in enumerate(zip(parts, sizes, strict=False)):
        bounds = re.fullmatch(r"([0-9]{1,9}):([0-9]{1,9})", part)
        first, last = (int(bounds[1]), int(bounds[2])) if bounds else (0, size - 1)
        beyond = last - size + 1
        allowed = 0 if axis else _TOLERANCE - 1
        if (bounds is None and part != ":") or not first <= last or first >= max(size, 1):
            raise error
        if beyond > allowed:
            raise error
        if beyond > 0:
            logger.warning("[%s] goes beyond the end of %d rows; cut there", text, size)
        slices.append(slice(first, last + 1))
    return value[tuple(slices)] if hasattr(value, "shape") else value[slices[0]]
