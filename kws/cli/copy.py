"""`kws copy`: models between Kaldi's nnet2 files and those of this program."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kws.kaldi import KaldiModel
    from kws.nnet import ModelFile

KINDS = {".kws": "kws", ".mdl": "mdl", ".raw": "raw", ".nnet": "raw"}


@dataclasses.dataclass(frozen=True)
class Additions:
    """What OUT gets that IN does not hold; None and "": nothing."""

    features: Path | None
    cmvn_stats: Path | None
    units: str
    keywords: str
    transition_model: Path | None
    priors: Path | None


def copy(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A model file, or a raw network or .mdl of Kaldi.")
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="X.kws: a model file; X.raw (X.nnet): a raw network of Kaldi; X.mdl: an acoustic "
            "model of Kaldi.",
        ),
    ],
    text: Annotated[bool, typer.Option("--text", help="Write Kaldi's text form.")] = False,
    features: Annotated[
        Path | None,
        typer.Option(metavar="CONF", help="Feature options to keep in OUT (conf/X.conf)."),
    ] = None,
    cmvn_stats: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Statistics for their cmvn=global.")
    ] = None,
    units: Annotated[
        str,
        typer.Option(
            metavar="A,B,...", help="Names of the outputs, in order; the first is the filler."
        ),
    ] = "",
    keywords: Annotated[
        str,
        typer.Option(
            metavar="A,B,...",
            help="Keywords; the outputs of a word are called as it, or word.1, word.2, ...",
        ),
    ] = "",
    transition_model: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A .mdl, or the transition model of one, for an OUT.mdl."
        ),
    ] = None,
    priors: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The outputs' priors, a vector of Kaldi, for OUT."),
    ] = None,
) -> None:
    """Copy a model, to or from Kaldi's nnet2 files too.

    The name of OUT says what is written. From Kaldi to Kaldi the network stays as it is, byte for
    byte. A Kaldi file holds no features, units and keywords: name them to make a detector of it;
    without them OUT.kws is a network or an acoustic model, for `kws posteriors`. An OUT.mdl needs a
    transition model and priors: those of IN, or --transition-model and --priors.

    Examples:
      kws copy exp/nnet2/final.mdl final.kws
      kws copy exp/nnet2/final.mdl final.raw --text
      kws copy words.raw words.kws --features conf/fbank40.conf --cmvn-stats cmvn.stats \\
        --units "<filler>,computer,stop" --keywords "computer,stop"
      kws copy exp/hybrid/final.kws final.mdl --transition-model exp/tri/final.mdl
    """
    kind = _kind(target)
    given = Additions(features, cmvn_stats, units, keywords, transition_model, priors)
    _check_fitting(given, kind, text)
    if kind == "kws":
        _write_kws(source, target, given)
    elif left_behind := _write_kaldi(source, target, kind, text, given):
        print(f"{target}: without {', '.join(left_behind)}, which such a file does not hold")


def _kind(target: Path) -> str:
    from kws.errors import InputError

    if target.suffix not in KINDS:
        raise InputError(
            f"{target}: its name must say what to write: end it in .kws, .mdl (Kaldi's acoustic "
            "model) or .raw (Kaldi's raw network)"
        )
    return KINDS[target.suffix]


def _check_fitting(given: Additions, kind: str, text: bool) -> None:
    """InputError for an option that OUT has no place for."""
    from kws.errors import InputError

    ours, am = ("a .kws",), ("a .kws", "an .mdl")
    options = {
        "--features": (bool(given.features), ours),
        "--cmvn-stats": (bool(given.cmvn_stats), ours),
        "--units": (bool(given.units), ours),
        "--keywords": (bool(given.keywords), ours),
        "--transition-model": (bool(given.transition_model), am),
        "--priors": (bool(given.priors), am),
        "--text": (text, ("an .mdl", "a .raw")),
    }
    article = {"kws": "a .kws", "mdl": "an .mdl", "raw": "a .raw"}[kind]
    for option, (is_given, fitting) in options.items():
        if is_given and article not in fitting:
            places = " or ".join(fitting)
            raise InputError(f"{option}: {article} has no such thing; it is for {places}")
    if given.cmvn_stats is not None and given.features is None:
        raise InputError("--cmvn-stats: belongs to --features with cmvn=global; give both")


def _write_kws(source: Path, target: Path, given: Additions) -> None:
    from kws import __version__
    from kws.kaldi.conversion import (
        read_any_model,
        read_priors,
        with_priors,
        with_transitions,
    )
    from kws.kaldi.nnet2 import read_transition_model
    from kws.nnet import write_model

    file = read_any_model(source)
    if "card" not in file.metadata:
        card = {"kws": __version__, "made_by": "kws copy", "copied_from": source.name}
        file = dataclasses.replace(file, metadata={**file.metadata, "card": card})
    if given.transition_model is not None:
        transitions = read_transition_model(given.transition_model)
        file = with_transitions(file, transitions, str(given.transition_model))
    if given.priors is not None:
        file = with_priors(file, read_priors(given.priors), str(given.priors))
    if given.features is not None:
        file = _with_features(file, source, given.features, given.cmvn_stats)
    if given.units or given.keywords:
        file = _with_keywords(file, source, given)
    write_model(target, file)


def _with_features(file: ModelFile, source: Path, conf: Path, stats: Path | None) -> ModelFile:
    """The model with feature options, and with the statistics that they need."""
    import torch

    from kws.errors import InputError
    from kws.features import CmvnStats, format_feature_options, parse_feature_options
    from kws.files import read_text
    from kws.kaldi import read_matrix
    from kws.nnet import Nnet

    options = parse_feature_options(read_text(conf), str(conf))
    input_dim = Nnet.from_tensors(file.network, str(source), file.tensors).input_dim
    if options.dim != input_dim:
        raise InputError(
            f"{conf}: gives {options.dim} values per frame, but the network of {source} reads "
            f"{input_dim}; change one of them"
        )
    if (options.cmvn.cmvn == "global") != (stats is not None):
        wanted = "needs statistics; give" if stats is None else "takes no statistics; leave out"
        raise InputError(f"{conf}: cmvn={options.cmvn.cmvn} {wanted} --cmvn-stats")
    tensors = {name: value for name, value in file.tensors.items() if name != "cmvn.stats"}
    if stats is not None:
        matrix = torch.from_numpy(read_matrix(stats))
        tensors["cmvn.stats"] = CmvnStats.from_matrix(matrix, str(stats), options.dim).to_matrix()
    metadata = {k: v for k, v in file.metadata.items() if k != "thresholds"}
    features = format_feature_options(options)
    return dataclasses.replace(file, features=features, metadata=metadata, tensors=tensors)


def _with_keywords(file: ModelFile, source: Path, given: Additions) -> ModelFile:
    """The model with names for its outputs, and with keywords made of them."""
    from kws.errors import InputError
    from kws.nnet import Nnet
    from kws.words import check_keywords, split_keywords

    metadata = {k: v for k, v in file.metadata.items() if k not in ("pdfs", "thresholds")}
    units = given.units.split(",") if given.units else metadata.get("units", [])
    output_dim = Nnet.from_tensors(file.network, str(source), file.tensors).output_dim
    if len(units) != output_dim or len(set(units)) != len(units) or "" in units:
        raise InputError(
            f"--units: {len(units)} names, but the network of {source} has {output_dim} outputs; "
            "name each, and no two alike"
        )
    metadata["units"] = units
    if given.keywords:
        names = [" ".join(name.split()) for name in split_keywords(given.keywords)]
        if "" in names or len(set(names)) < len(names):
            raise InputError("--keywords: a name is empty or given twice; give each once")
        check_keywords(names)
        metadata["keywords"] = [
            {
                "name": name,
                "units": [unit for word in name.split() for unit in _outputs(word, units)],
            }
            for name in names
        ]
    return dataclasses.replace(file, metadata=metadata)


def _outputs(word: str, units: list[str]) -> list[int]:
    """The outputs of a keyword's word: that of its name, or those of name.1, name.2, ...

    Where there are none, those of the words that it is to `kws train` ("dr." is dr).
    """
    from kws.errors import InputError
    from kws.words import words_of

    if word in units:
        return [units.index(word)]
    numbered: list[int] = []
    while f"{word}.{len(numbered) + 1}" in units:
        numbered.append(units.index(f"{word}.{len(numbered) + 1}"))
    parts = words_of(word)
    if not numbered and parts != [word]:
        return [output for part in parts for output in _outputs(part, units)]
    if not numbered:
        raise InputError(f"--keywords: no output is called {word} or {word}.1; see --units")
    return numbered


def _write_kaldi(source: Path, target: Path, kind: str, text: bool, given: Additions) -> list[str]:
    from kws.kaldi import KaldiModel, is_kaldi_model, read_kaldi_model, write_kaldi_model
    from kws.kaldi.conversion import kaldi_model_of
    from kws.nnet import read_model

    file = None if source.is_file() and is_kaldi_model(source) else read_model(source)
    model = read_kaldi_model(source) if file is None else kaldi_model_of(file, str(source))
    left_behind = [] if file is None else _only_ours(file)
    if kind == "raw":
        left_behind += ["transition model"] * (model.transitions is not None)
        left_behind += ["priors"] * (model.priors is not None and len(model.priors) > 0)
        model = KaldiModel(model.components)
    else:
        model = _acoustic_model(model, source, given, is_ours=file is not None)
    write_kaldi_model(target, model, text=text)
    return left_behind


def _only_ours(file: ModelFile) -> list[str]:
    """What of a model no file of Kaldi holds, in words."""
    found = ["features"] if file.features else []
    return found + [name for name in ("units", "keywords", "thresholds") if file.metadata.get(name)]


def _acoustic_model(
    model: KaldiModel, source: Path, given: Additions, *, is_ours: bool
) -> KaldiModel:
    """The model with the transition model and the priors that a .mdl needs."""
    import numpy as np

    from kws.errors import InputError
    from kws.kaldi.conversion import check_pdfs, check_priors, read_priors
    from kws.kaldi.networks import network_of
    from kws.kaldi.nnet2 import read_transition_model

    if given.transition_model is None and model.transitions is None:
        raise InputError(
            f"{source}: holds no transition model, which an .mdl needs; give --transition-model "
            "FILE, such as the .mdl of the system that made the alignments"
        )
    if is_ours and given.priors is None and model.priors is None and model.transitions is None:
        raise InputError(
            f"{source}: its metadata has no priors, which an .mdl needs; give --priors FILE, or "
            "train with pdf labels"
        )
    if given.transition_model is not None:
        num_outputs = network_of(model, str(source)).output_dim
        transitions = read_transition_model(given.transition_model)
        check_pdfs(transitions, num_outputs, str(given.transition_model))
        model = dataclasses.replace(model, transitions=transitions)
    if given.priors is not None:
        num_outputs = network_of(model, str(source)).output_dim
        priors = read_priors(given.priors)
        check_priors(priors, num_outputs, str(given.priors))
        model = dataclasses.replace(model, priors=np.array(priors, dtype=np.float32))
    return model
