"""`kws make-graph`: a language model of phones, and the graph to decode with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kws.hmm import NgramModel


def make_graph(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A phone model (.mdl) with phones.txt beside it."),
    ],
    out_dir: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="Where the graph goes.")],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA_DIR|TEXT", help="Estimate the language model on these transcripts."
        ),
    ] = None,
    order: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=9, help="2 (the default): a bigram.")
    ] = None,
    arpa: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Use this ARPA file, in place of --data.")
    ] = None,
    perplexity_of: Annotated[
        Path | None,
        typer.Option(
            "--perplexity", metavar="DATA_DIR|TEXT", help="Print the perplexity on these too."
        ),
    ] = None,
) -> None:
    """Make HCLG: what phones may follow one another, and the states that they go through.

    The language model is an n-gram with interpolated Witten-Bell smoothing, IRSTLM's default (and
    so that of Kaldi's TIMIT recipe). OUT_DIR gets lm.arpa, G.fst, HCLG.fst, words.txt, phones.txt
    and transitions.mdl, all that `kws decode` needs.

    Examples:
      kws make-graph --data data/train exp/mono/final.mdl exp/mono/graph
      kws make-graph --arpa trigram.arpa exp/mono/final.mdl exp/mono/graph_tg
    """
    from kws.cli.phone_data import phones_of
    from kws.files import read_text, write_text
    from kws.hmm import (
        decoding_graph,
        estimate_ngrams,
        format_arpa,
        grammar_fst,
        parse_arpa,
        perplexity,
        write_fst,
        write_symbols,
    )
    from kws.training.phone_models import load_phone_model, load_symbols, save_phone_model

    if (data is None) == (arpa is None):
        raise typer.BadParameter("give either --data or --arpa")
    if arpa is not None and order is not None:
        raise typer.BadParameter("--order goes with --data; an ARPA file has its own")
    phone_model = load_phone_model(model)
    symbols = load_symbols(model, phone_model)
    if data is not None:
        sentences = list(phones_of(data).values())
        ngrams = estimate_ngrams(sentences, order or 2)
        print(_told(ngrams, perplexity(ngrams, sentences), data))
    else:
        assert arpa is not None
        ngrams = parse_arpa(read_text(arpa), str(arpa))
    if perplexity_of is not None:
        sentences = list(phones_of(perplexity_of).values())
        print(_told(ngrams, perplexity(ngrams, sentences), perplexity_of))
    grammar = grammar_fst(ngrams, symbols)
    graph = decoding_graph(phone_model, grammar, symbols)
    write_text(out_dir / "lm.arpa", format_arpa(ngrams))
    for name in ("words.txt", "phones.txt"):
        write_symbols(out_dir / name, symbols)
    save_phone_model(out_dir / "transitions.mdl", phone_model)
    write_fst(out_dir / "G.fst", grammar)
    write_fst(out_dir / "HCLG.fst", graph)
    num_arcs = sum(graph.num_arcs(state) for state in range(graph.num_states))
    print(f"{out_dir / 'HCLG.fst'}: {graph.num_states} states, {num_arcs} arcs")


def _told(ngrams: NgramModel, found: tuple[float, int], source: Path) -> str:
    value, num_unknown = found
    left_out = f" ({num_unknown} unknown phones left out)" if num_unknown else ""
    return f"{source}: perplexity {value:.2f} of the {ngrams.order}-gram{left_out}"
