"""Phone models between their files (Kaldi's `.mdl`) and what computes with them (`kws.hmm`)."""

from __future__ import annotations

from pathlib import Path

from kws.errors import InputError
from kws.hmm import Gmm, Mixture, PhoneModel, Symbols, read_symbols
from kws.kaldi import (
    DiagGmm,
    GmmModel,
    TransitionModel,
    format_topology,
    read_gmm_model,
    read_transition_model,
    transition_model,
    write_gmm_model,
    write_transition_model,
)

SYMBOLS_FILE = "phones.txt"
_LEAST_LOG_PROB = -1000.0


def load_phone_model(path: str | Path) -> PhoneModel:
    """The phones' states and transitions at the beginning of any `.mdl`, or alone in a file.

    Raises:
        InputError: the file is no model, or not one whose states all have outputs of their own.
    """
    return _phone_model(read_transition_model(path), str(path))


def load_gmm(path: str | Path) -> tuple[PhoneModel, Gmm]:
    """The model in a GMM's `.mdl`.

    Raises:
        InputError: as `load_phone_model`.
    """
    model = read_gmm_model(path)
    mixtures = (Mixture(p.weights, p.means_invvars, p.inv_vars) for p in model.pdfs)
    return _phone_model(model.transitions, str(path)), Gmm(mixtures)


def save_gmm(path: str | Path, model: PhoneModel, gmm: Gmm, *, text: bool = False) -> None:
    """Write a GMM's `.mdl`, atomically."""
    pdfs = tuple(
        DiagGmm(m.constants, m.weights, m.means_inv_vars, m.inv_vars) for m in gmm.mixtures
    )
    write_gmm_model(path, GmmModel(kaldi_transitions(model), pdfs), text=text)


def save_phone_model(path: str | Path, model: PhoneModel, *, text: bool = False) -> None:
    """Write the transition model alone, atomically."""
    write_transition_model(path, kaldi_transitions(model), text=text)


def kaldi_transitions(model: PhoneModel) -> TransitionModel:
    """The model in the form of Kaldi's files."""
    return transition_model(model.topology, model.tuples, model.log_probs)


def load_symbols(model_path: str | Path, model: PhoneModel) -> Symbols:
    """The table phones.txt beside a model or in a folder.

    Raises:
        InputError: there is none, or it does not have the model's phones.
    """
    path = Path(model_path)
    path = (path if path.is_dir() else path.parent) / SYMBOLS_FILE
    symbols = read_symbols(path)
    numbers = [number for number, name in enumerate(symbols.names) if name in symbols.phones]
    if numbers != list(model.transitions.phones):
        raise InputError(
            f"{path}: has {len(numbers)} phones, but those of the model are "
            f"{len(model.transitions.phones)} others; give the table it was trained with"
        )
    return symbols


def _phone_model(transitions: TransitionModel, source: str) -> PhoneModel:
    if not transitions.is_hmm or transitions.tuples_tag != "Triples":
        raise InputError(f"{source}: its states have outputs of their own for loops; use an HMM")
    log_probs = transitions.log_probs
    # under the least a search compares costs that are too large for a float
    if not ((log_probs > _LEAST_LOG_PROB) & (log_probs <= 0)).all():
        raise InputError(f"{source}: transition probabilities must lie over 0, up to 1")
    try:
        model = PhoneModel(format_topology(transitions), transitions.log_probs)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    if model.tuples != transitions.tuples:
        raise InputError(
            f"{source}: its outputs are shared by a decision tree; only monophone models, every "
            "state with an output of its own, can be used"
        )
    return model
