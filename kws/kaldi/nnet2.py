"""Kaldi's nnet2 networks and acoustic models as their files hold them, field by field.

A component is kept as the fields of its file, those without a meaning here (value sums, counts,
gradient flags) included, so that what was read is written again byte for byte; older layouts that
Kaldi still reads stay as they are.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws.files import atomic_path, named
from kws.kaldi.layouts import LAYOUTS, Layout
from kws.kaldi.printing import BinaryPrinter, Printer, TextPrinter
from kws.kaldi.scanning import Array, BinaryScanner, Scanner, TextScanner
from kws.kaldi.transitions import TransitionModel, read_transitions, write_transitions


@dataclass(frozen=True, eq=False)
class KaldiComponent:
    """A component's type and its fields, (tag, value) in the file's order."""

    type: str
    fields: tuple[tuple[str, Any], ...]

    def get(self, tag: str, default: Any = None) -> Any:
        """The value of a field."""
        return dict(self.fields).get(tag, default)


@dataclass(frozen=True, eq=False)
class KaldiModel:
    """A network, in an acoustic model with what stands around it.

    Attributes:
        components: the network's.
        transitions: of a `.mdl`; None: a raw network.
        priors: of a `.mdl`, one per output, or none when they were never set.
    """

    components: tuple[KaldiComponent, ...]
    transitions: TransitionModel | None = None
    priors: Array | None = None


def is_kaldi_model(path: str | Path) -> bool:
    """Whether the file begins as a network or an acoustic model of Kaldi does, of any kind."""
    with named(path), Path(path).open("rb") as stream:
        start = stream.read(64)
    start = start.removeprefix(codecs.BOM_UTF8).removeprefix(b"\0B").lstrip()
    return start.startswith((b"<Nnet", b"<TransitionModel>"))


def read_kaldi_model(path: str | Path) -> KaldiModel:
    """Read a raw network or a `.mdl`, binary or text.

    Raises:
        InputError: the file is cut short, damaged or something else; it names the byte offset and
            what was expected there.
    """
    with named(path):
        content = Path(path).read_bytes()
    return parse_kaldi_model(content, str(path))


def parse_kaldi_model(content: bytes, source: str) -> KaldiModel:
    """As `read_kaldi_model`, of the content of a file that is called `source`."""
    scanner = scanner_of(content, source, "a whole nnet2 model of Kaldi")
    start = scanner.offset
    first = scanner.expect("<TransitionModel>", "<Nnet>")
    scanner.offset = start
    if first == "<Nnet>":
        components = _read_network(scanner)
        scanner.finish()
        return KaldiModel(components)
    transitions = read_transitions(scanner)
    components = _read_network(scanner)
    priors = scanner.vector()
    scanner.finish()
    return KaldiModel(components, transitions, priors)


def read_transition_model(path: str | Path) -> TransitionModel:
    """The TransitionModel at the beginning of a file: any `.mdl`, or one alone.

    Raises:
        InputError: as `read_kaldi_model`.
    """
    with named(path):
        content = Path(path).read_bytes()
    thing = "a .mdl of Kaldi, or a transition model alone"
    return read_transitions(scanner_of(content, str(path), thing))


def scanner_of(content: bytes, source: str, thing: str) -> Scanner:
    """The scanner for the form, binary or text, in which `content` begins.

    Args:
        content: the whole file.
        source: its name, for messages.
        thing: what it is read as, for messages: "a whole nnet2 model of Kaldi".
    """
    if content.startswith(b"\0B"):
        return BinaryScanner(content, source, thing, 2)
    has_mark = content.startswith(codecs.BOM_UTF8)  # an editor's, before a text
    return TextScanner(content, source, thing, 3 if has_mark else 0)


def write_kaldi_model(path: str | Path, model: KaldiModel, *, text: bool = False) -> None:
    """Write a raw network, or with transitions a `.mdl`, atomically."""
    content = format_kaldi_model(model, text=text)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def format_kaldi_model(model: KaldiModel, *, text: bool = False) -> bytes:
    """The content of the file that `write_kaldi_model` writes."""
    printer: Printer = TextPrinter() if text else BinaryPrinter()
    if model.transitions is not None:
        write_transitions(model.transitions, printer)
    printer.token("<Nnet>")
    printer.token("<NumComponents>")
    printer.int32(len(model.components))
    printer.token("<Components>")
    for component in model.components:
        _write_component(component, printer)
    printer.token("</Components>")
    printer.token("</Nnet>")
    if model.transitions is not None:
        printer.array(np.zeros(0, np.float32) if model.priors is None else model.priors)
    return printer.content()


def _read_network(scanner: Scanner) -> tuple[KaldiComponent, ...]:
    scanner.expect("<Nnet>")
    scanner.expect("<NumComponents>")
    number = scanner.count(8)
    scanner.expect("<Components>")
    components = tuple(_read_component(scanner) for _ in range(number))
    scanner.expect("</Components>")
    scanner.expect("</Nnet>")
    return components


def _read_component(scanner: Scanner) -> KaldiComponent:
    start = scanner.offset
    name = scanner.token("a component")[1:-1]
    if name not in LAYOUTS:
        raise scanner.error("a component of nnet2, <...Component>", scanner.skipped(start))
    layout, end = LAYOUTS[name], f"</{name}>"
    fields: list[tuple[str, Any]] = []
    allowed = layout.after(None)
    while (token := scanner.expect(*_tokens(allowed, end))) != end:
        tag = token[1:-1]
        fields.append((tag, _READ[layout.kinds[tag]](scanner)))
        allowed = layout.after(tag)
    return KaldiComponent(name, tuple(fields))


def _tokens(tags: tuple[str | None, ...], end: str) -> list[str]:
    return [end if tag is None else f"<{tag}>" for tag in tags]


_READ = {
    "int": lambda scanner: scanner.int32(),
    "float": lambda scanner: scanner.real(np.float32),
    "double": lambda scanner: scanner.real(np.float64),
    "flag": lambda scanner: scanner.flag(),
    "vector": lambda scanner: scanner.vector(),
    "matrix": lambda scanner: scanner.matrix(),
    "ints": lambda scanner: scanner.ints(),
}


def _write_component(component: KaldiComponent, printer: Printer) -> None:
    layout: Layout = LAYOUTS[component.type]
    printer.token(f"<{component.type}>")
    for tag, value in component.fields:
        printer.token(f"<{tag}>")
        kind = layout.kinds[tag]
        if kind == "int":
            printer.int32(value)
        elif kind in ("float", "double"):
            printer.real(value)
        elif kind == "flag":
            printer.flag(value)
        elif kind == "ints":
            printer.ints(value)
        else:
            printer.array(value)
    printer.token(f"</{component.type}>")
    printer.newline()
