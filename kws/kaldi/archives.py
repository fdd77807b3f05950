"""Archives: keys, each with an object behind it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from typing import BinaryIO, Generic, TypeVar

from kws.errors import InputError
from kws.kaldi.reading import FormatError, skip_spaces
from kws.kaldi.specifiers import Specifier
from kws.kaldi.streams import opened

logger = logging.getLogger(__name__)
T = TypeVar("T")
Reader = Callable[[BufferedReader], T]
_MAX_KEY = 4096  # bytes


@dataclass(frozen=True)
class Form(Generic[T]):
    """How objects of one type stand in archives, to write."""

    binary: Callable[[T], bytes]
    text: Callable[[T], str]


def read_archive(specifier: Specifier, read: Reader[T]) -> Iterator[tuple[str, T]]:
    """The keys and objects of an archive, in its order.

    With the option p, what is wrong in an archive ends it with a warning, as in Kaldi.

    Raises:
        InputError: names the table, the key and what is wrong with it.
    """
    place = specifier.text
    try:
        with opened(specifier.files["ark"]) as stream:
            yield from _entries(stream, place, read)
    except FormatError as error:
        _give_up(specifier, f"{place}: {error}")
    except InputError as error:
        _give_up(specifier, str(error))


def _give_up(specifier: Specifier, said: str) -> None:
    if "p" not in specifier.options:
        raise InputError(said) from None
    logger.warning("%s; the rest is left out", said)


def _entries(stream: BufferedReader, place: str, read: Reader[T]) -> Iterator[tuple[str, T]]:
    while key := _key(stream, place):
        try:
            value = read(stream)
        except FormatError as error:
            raise InputError(f"{place}: {key}: {error}; write the archive again") from None
        yield key, value


def _key(stream: BufferedReader, place: str) -> str:
    """The next key, and the space after it where it is none that ends a line."""
    skip_spaces(stream)
    key = b""
    while (byte := stream.peek(1)[:1]) not in (b"", b" ", b"\t", b"\n") and len(key) < _MAX_KEY:
        key += stream.read(1)
    if key and byte not in (b" ", b"\t", b"\n"):
        shown = key[:20].decode("latin-1")
        raise InputError(f"{place}: {shown!r} is not a key and an object; is it an archive?")
    if byte != b"\n":
        stream.read(1)
    text = key.decode("utf-8", "replace")
    if not text.isprintable() or "\ufffd" in text:
        raise InputError(f"{place}: {key[:20]!r} is not a key; is it an archive?")
    return text


class TableWriter(Generic[T]):
    """Writes objects under keys to an archive, and notes where each begins for an scp.

    Attributes:
        scp_lines: of what was written.
    """

    def __init__(self, archive: BinaryIO, specifier: Specifier, form: Form[T]) -> None:
        self._archive, self._name = archive, specifier.files["ark"]
        self._text, self._form = "t" in specifier.options, form
        self._flush = "f" in specifier.options
        self._position = 0
        self.scp_lines: list[str] = []

    def write(self, key: str, value: T) -> None:
        """Append one object.

        Args:
            key: without white space.
        """
        if not key or key.split() != [key]:
            raise InputError(f"{self._name}: {key!r} is not a key; keys are one word each")
        try:
            form = self._form
            content = form.text(value).encode() if self._text else form.binary(value)
        except FormatError as error:
            raise InputError(f"{self._name}: {key}: {error}") from None
        head = key.encode() + b" "
        self._archive.write(head + content)
        if self._flush:
            self._archive.flush()
        self.scp_lines.append(f"{key} {self._name}:{self._position + len(head)}\n")
        self._position += len(head) + len(content)
