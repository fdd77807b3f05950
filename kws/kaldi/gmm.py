"""Kaldi's GMM acoustic models (`.mdl` of gmm-est): a TransitionModel and diagonal mixtures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.errors import InputError
from kws.files import atomic_path, named
from kws.kaldi.nnet2 import scanner_of
from kws.kaldi.printing import BinaryPrinter, Printer, TextPrinter
from kws.kaldi.scanning import Array, Scanner
from kws.kaldi.transitions import TransitionModel, read_transitions, write_transitions


@dataclass(frozen=True, eq=False)
class DiagGmm:
    """An output's Gaussians as the file holds them.

    Attributes:
        gconsts: (G,) log-likelihoods at 0.
        weights: (G,).
        means_invvars: (G, D) means divided by variances.
        inv_vars: (G, D).
    """

    gconsts: Array
    weights: Array
    means_invvars: Array
    inv_vars: Array


@dataclass(frozen=True, eq=False)
class GmmModel:
    """A GMM acoustic model.

    Attributes:
        transitions: which outputs the phones' states have.
        pdfs: the mixtures, one per output.
    """

    transitions: TransitionModel
    pdfs: tuple[DiagGmm, ...]


def read_gmm_model(path: str | Path) -> GmmModel:
    """Read a GMM's `.mdl`, binary or text.

    Raises:
        InputError: the file is cut short, damaged or something else; it names the byte offset and
            what was expected there.
    """
    with named(path):
        content = Path(path).read_bytes()
    return parse_gmm_model(content, str(path))


def parse_gmm_model(content: bytes, source: str) -> GmmModel:
    """As `read_gmm_model`, of the content of a file that is called `source`."""
    scanner = scanner_of(content, source, "a whole GMM of Kaldi")
    transitions = read_transitions(scanner)
    scanner.expect("<DIMENSION>")
    dim = scanner.int32()
    scanner.expect("<NUMPDFS>")
    pdfs = tuple(_read_gmm(scanner, dim) for _ in range(scanner.count(8)))
    scanner.finish()
    if len(pdfs) != transitions.num_pdfs:
        raise InputError(
            f"{source}: {len(pdfs)} mixtures, but the transitions name {transitions.num_pdfs}; "
            "give a whole model"
        )
    return GmmModel(transitions, pdfs)


def write_gmm_model(path: str | Path, model: GmmModel, *, text: bool = False) -> None:
    """Write a GMM's `.mdl`, atomically."""
    content = format_gmm_model(model, text=text)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def format_gmm_model(model: GmmModel, *, text: bool = False) -> bytes:
    """The content of the file that `write_gmm_model` writes."""
    printer: Printer = TextPrinter() if text else BinaryPrinter()
    write_transitions(model.transitions, printer)
    printer.token("<DIMENSION>")
    printer.int32(model.pdfs[0].inv_vars.shape[1] if model.pdfs else 0)
    printer.token("<NUMPDFS>")
    printer.int32(len(model.pdfs))
    for pdf in model.pdfs:
        _write_gmm(pdf, printer)
    return printer.content()


def write_transition_model(
    path: str | Path, transitions: TransitionModel, *, text: bool = False
) -> None:
    """Write a TransitionModel alone (Kaldi's copy-transition-model), atomically."""
    printer: Printer = TextPrinter() if text else BinaryPrinter()
    write_transitions(transitions, printer)
    with atomic_path(path) as temporary:
        temporary.write_bytes(printer.content())


def _read_gmm(scanner: Scanner, dim: int) -> DiagGmm:
    scanner.expect("<DiagGMM>", "<DiagGMMBegin>")
    start = scanner.offset
    scanner.expect("<GCONSTS>")
    gconsts = scanner.vector()
    scanner.expect("<WEIGHTS>")
    weights = scanner.vector()
    scanner.expect("<MEANS_INVVARS>")
    means = scanner.matrix()
    scanner.expect("<INV_VARS>")
    inv_vars = scanner.matrix()
    scanner.expect("</DiagGMM>", "<DiagGMMEnd>")
    size = (len(weights), dim)
    if len(gconsts) != size[0] or means.shape != size or inv_vars.shape != size or 0 in size:
        raise scanner.error(f"Gaussians of {dim} values, as many as weights", start)
    # what is no number here would end the program inside the library that computes with it
    finite = np.isfinite(means).all() and np.isfinite(inv_vars).all() and np.isfinite(weights).all()
    if not finite or (weights < 0).any() or (inv_vars <= 0).any():
        raise scanner.error("weights from 0 on and variances over 0", start)
    return DiagGmm(gconsts, weights, means, inv_vars)


def _write_gmm(pdf: DiagGmm, printer: Printer) -> None:
    printer.token("<DiagGMM>")
    printer.newline()
    printer.token("<GCONSTS>")
    printer.array(pdf.gconsts)
    printer.token("<WEIGHTS>")
    printer.array(pdf.weights)
    printer.token("<MEANS_INVVARS>")
    printer.array(pdf.means_invvars)
    printer.token("<INV_VARS>")
    printer.array(pdf.inv_vars)
    printer.token("</DiagGMM>")
    printer.newline()
