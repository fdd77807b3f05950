"""`kws decode`: from log-likelihoods, or features and a GMM, to what was said."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from kws.data import Word
    from kws.hmm import DecodedPath, PhoneModel, Symbols

logger = logging.getLogger(__name__)


def decode(
    graph_dir: Annotated[
        Path, typer.Argument(metavar="GRAPH_DIR", help="What `kws make-graph` has written.")
    ],
    source: Annotated[
        str,
        typer.Argument(
            metavar="DIR|RSPECIFIER",
            help="Log-likelihoods, (frames, pdfs) matrices; with --gmm features, or a folder of "
            "`kws features`.",
        ),
    ],
    out_dir: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="Where the results go.")],
    gmm: Annotated[
        Path | None, typer.Option(metavar="MODEL", help="The GMM (final.mdl) that is decoded with.")
    ] = None,
    lm_weights: Annotated[
        str,
        typer.Option(
            metavar="A:B:...",
            help="Divide log-likelihoods by these, one result each (Kaldi's LMWT).",
        ),
    ] = "3:4:5:6:7:8:9:10:11:12",
    n_best: Annotated[
        int, typer.Option(metavar="N", min=1, help="Write the N best transcripts too.")
    ] = 1,
    beam: Annotated[float, typer.Option(metavar="X", help="Of the search.")] = 13,
    lattice_beam: Annotated[
        float, typer.Option(metavar="X", help="How much worse than the best a path may be.")
    ] = 6,
    acoustic_scale: Annotated[
        float, typer.Option(metavar="X", help="Of log-likelihoods, in the search.")
    ] = 0.083333,
    features: Annotated[
        Path | None,
        typer.Option(
            metavar="CONF", help="Options of the features, for times; default 25 ms every 10 ms."
        ),
    ] = None,
    allow_commands: Annotated[
        bool, typer.Option("--allow-commands", help="Run commands (ending in |) in tables.")
    ] = False,
) -> None:
    """Decode utterances with HCLG, by a lattice that serves all weights of the language model.

    A network's log-likelihoods are its log posteriors with the log priors taken off: what `kws
    posteriors --apply-log --divide-by-priors` writes. OUT_DIR gets lm3/text and lm3/ctm for
    weight 3 and so on; choose the weight on a development set with `kws score`, never on the test
    set. --n-best adds lm3/nbest: utterance, rank, cost, phones. An utterance without a path through
    the graph gets an empty transcript; when none has one the exit status is 1.

    Examples:
      kws decode --gmm exp/mono/final.mdl exp/mono/graph exp/mfcc/dev exp/mono/decode_dev
      kws decode --lm-weights 5 exp/mono/graph ark:loglikes.ark exp/dnn/decode_test
    """
    from kws.cli.phone_data import clock_of, placed, words_on_path
    from kws.config import parse_options
    from kws.features import parse_feature_options
    from kws.files import read_text
    from kws.hmm import Decoder, DecodingOptions, read_graph
    from kws.training.phone_models import load_phone_model, load_symbols

    weights = _weights(lm_weights)
    given = f"--beam={beam}\n--lattice-beam={lattice_beam}\n--acoustic-scale={acoustic_scale}"
    (options,) = parse_options(given, "kws decode", [DecodingOptions])
    model = load_phone_model(graph_dir / "transitions.mdl")
    symbols = load_symbols(graph_dir, model)
    decoder = Decoder(read_graph(graph_dir / "HCLG.fst"), model, options)
    clock = clock_of(source)
    if features is not None:
        clock = parse_feature_options(read_text(features), str(features))
    started, num_frames = time.perf_counter(), 0
    missing: list[str] = []
    results: dict[float, list[_Result]] = {weight: [] for weight in weights}
    for utterance, log_likelihoods in _log_likelihoods(source, gmm, model, allow_commands):
        with placed(source, utterance):
            lattice = decoder.decode(log_likelihoods)
        num_frames += len(log_likelihoods)
        if lattice is None:
            missing.append(utterance)
        for weight, of_weight in results.items():
            paths = [] if lattice is None else lattice.n_best(n_best, weight)
            words = words_on_path(utterance, paths[0].ids, model, symbols, clock) if paths else []
            of_weight.append(_Result(utterance, words, paths))
    took_s = time.perf_counter() - started
    _report(missing, len(results[weights[0]]), num_frames, source)
    for weight, of_weight in results.items():
        _write(out_dir / f"lm{weight:g}", of_weight, symbols, with_n_best=n_best > 1)
    speech_s = num_frames * (clock.frame_centre_s(1) - clock.frame_centre_s(0))
    print(
        f"{out_dir}: {len(results[weights[0]])} utterances, {speech_s:.1f} s of speech decoded in "
        f"{took_s:.2f} s: {took_s / speech_s:.4f} x real time"
    )


class _Result(NamedTuple):
    utterance: str
    words: list[Word]
    paths: list[DecodedPath]


def _log_likelihoods(
    source: str, gmm: Path | None, model: PhoneModel, allow_commands: bool
) -> Iterator[tuple[str, Any]]:
    """Of every utterance: (T, P)."""
    from kws.cli.phone_data import matrices_of, placed
    from kws.errors import InputError
    from kws.training.phone_models import load_gmm

    if gmm is None:
        yield from matrices_of(source, allow_commands)
        return
    of_gmm, mixtures = load_gmm(gmm)
    if of_gmm.tuples != model.tuples:
        raise InputError(f"{gmm}: has other phones or states than the graph; make the graph for it")
    for utterance, features in matrices_of(source, allow_commands):
        with placed(source, utterance):
            log_likelihoods = mixtures.log_likelihoods(features)
        yield utterance, log_likelihoods


def _weights(text: str) -> list[float]:
    from kws.errors import InputError

    try:
        weights = [float(word) for word in text.split(":")]
    except ValueError:
        weights = []
    if not weights or not all(0 < weight < math.inf for weight in weights):
        raise InputError(f"--lm-weights {text}: write numbers over 0 joined by colons, as 3:4:5")
    return list(dict.fromkeys(weights))


def _report(missing: Sequence[str], num_utterances: int, num_frames: int, source: str) -> None:
    from kws.errors import InputError

    if not num_frames:
        raise InputError(f"{source}: holds no frames; nothing can be decoded")
    if len(missing) == num_utterances:  # told before files replace older ones
        print(
            f"{source}: none of {num_utterances} utterances has a path through the graph; are they "
            "of its phones, and as long?",
            file=sys.stderr,
        )
        raise typer.Exit(1)
    if missing:
        logger.warning(
            "%d utterances have no path through the graph, %s first; their transcripts are empty",
            len(missing),
            missing[0],
        )


def _write(
    folder: Path, results: Sequence[_Result], symbols: Symbols, *, with_n_best: bool
) -> None:
    from kws.data import write_ctm
    from kws.files import write_text

    lines = (" ".join([r.utterance, *(word.word for word in r.words)]) + "\n" for r in results)
    write_text(folder / "text", "".join(lines))
    write_ctm(folder / "ctm", [word for result in results for word in result.words])
    if with_n_best:
        ranked = (
            f"{r.utterance} {rank} {path.cost:.4f} "
            f"{' '.join(symbols.names[word] for word in path.words)}\n"
            for r in results
            for rank, path in enumerate(r.paths, 1)
        )
        write_text(folder / "nbest", "".join(ranked))
