"""`kws features`: from recordings to the rows that a network reads."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from kws.cli.extractor import Extractor
from kws.cli.shared_options import MAX_OVERSHOOT_S, ChannelOption, MaxOvershoot
from kws.cli.takes import Take, read_takes

if TYPE_CHECKING:
    from kws.cli.extractor import Statistics
    from kws.features import CmvnStats, FeatureOptions
    from kws.kaldi import CompressionMethod, Specifier


def features(
    source: Annotated[
        str,
        typer.Argument(
            metavar="DATA_DIR|RSPECIFIER", help="A data dir, or waveforms (scp:wav.scp)."
        ),
    ],
    destination: Annotated[
        str,
        typer.Argument(
            metavar="OUT_DIR|WSPECIFIER", help="Where feats.ark and feats.scp go, or a table."
        ),
    ],
    config: Annotated[
        Path | None,
        typer.Option(metavar="CONF", help="Feature options, --option=value lines (conf/X.conf)."),
    ] = None,
    cmvn_stats: Annotated[
        str | None,
        typer.Option(
            "--cmvn-stats",
            metavar="FILE",
            help="Use these CMVN statistics (cmvn=global: a matrix; cmvn=speaker or utterance: a "
            "table by speaker or utterance) in place of computing them.",
        ),
    ] = None,
    compress: Annotated[
        bool, typer.Option("--compress", help="Write compressed matrices, as Kaldi's copy-feats.")
    ] = False,
    compression_method: Annotated[
        int | None,
        typer.Option(
            "--compression-method",
            metavar="1...7",
            help="How, as Kaldi numbers it: 1 2 or 3 by the rows, 2 a byte per value by column, 3 "
            "and 4 two bytes, 5 to 7 one byte. [default: 1]",
        ),
    ] = None,
    stats_only: Annotated[
        bool,
        typer.Option("--stats-only", help="Write the CMVN statistics to OUT_DIR, and no features."),
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the dither, where the config has one.")] = 0,
    allow_commands: Annotated[
        bool, typer.Option("--allow-commands", help="Run commands (ending in |) in tables.")
    ] = False,
    max_overshoot: MaxOvershoot = MAX_OVERSHOOT_S,
    channel: ChannelOption = None,
) -> None:
    """Compute features of recordings: fbank or MFCC, deltas and CMVN, as the config says.

    OUT_DIR gets feats.ark, feats.scp and features.conf, and the CMVN statistics that were computed:
    cmvn.stats (cmvn=global) or cmvn.ark and cmvn.scp (cmvn=speaker, cmvn=utterance). Recordings of
    another sample rate are converted, with a notice, unless allow-downsample or allow-upsample is
    false. A recording too short for one frame gives an empty matrix; statistics of such alone are
    not written, and the exit status is 1.

    Examples:
      kws features --config conf/fbank40.conf data/train exp/feats/train
      kws features --config conf/mfcc13.conf data/train exp/mfcc/train
      kws features --config conf/fbank40.conf --stats-only data/train exp/stats
      kws features --config conf/fbank40.conf --cmvn-stats exp/feats/train/cmvn.stats \\
          data/test exp/feats/test
      kws features scp:wav.scp ark,t:-
      kws features --compress scp:wav.scp ark,scp:feats.ark,feats.scp
      kws features scp:wav.scp ark:feats.ark.gz
    """
    from kws.errors import InputError
    from kws.features import FeatureOptions, format_feature_options, parse_feature_options
    from kws.files import read_text, write_text
    from kws.kaldi import Specifier, is_specifier, screen_specifier

    options, text = FeatureOptions(), format_feature_options(FeatureOptions())
    if config is not None:
        text = read_text(config)
        options = parse_feature_options(text, str(config))
    compression = _compression(compress, compression_method)
    takes, total = read_takes(source, options, allow_commands, max_overshoot, channel)
    if is_specifier(destination):
        out_dir = None
        table = screen_specifier(destination, allow_commands=allow_commands, writing=True)
        if options.cmvn.cmvn in ("global", "speaker") and cmvn_stats is None:
            raise InputError(
                f"{destination}: cmvn={options.cmvn.cmvn} computes statistics, which need an "
                "OUT_DIR to go to; name a directory or give --cmvn-stats"
            )
    else:
        out_dir = Path(destination)
        files = {"ark": str(out_dir / "feats.ark"), "scp": str(out_dir / "feats.scp")}
        table = Specifier(destination, files, frozenset())
    stats = _given_stats(options, cmvn_stats, allow_commands)
    extractor = Extractor(options, seed)
    shown = _progress(takes, total)
    if stats_only:
        if out_dir is None or stats is not None or options.cmvn.cmvn == "none" or compress:
            raise InputError(
                "--stats-only: is for an OUT_DIR and a config with --cmvn, without --cmvn-stats "
                "and --compress; leave it out, or mend these"
            )
        written = _write_stats_alone(shown, extractor, out_dir)
    elif out_dir is None or stats is not None or options.cmvn.cmvn == "none":
        rows = ((take.utterance, extractor.normalised(take, stats)) for take in shown)
        written = _write(rows, table, compression)
    else:
        written = _write_with_stats(shown, extractor, table, out_dir, compression)
    if out_dir is not None:
        write_text(out_dir / "features.conf", text)
        count = f"{written.utterances} utterances, {written.frames} frames"
        print(f"{out_dir}: {count} of {extractor.dim} values")
    _report_conversions()


def _given_stats(
    options: FeatureOptions, source: str | None, allow_commands: bool
) -> Statistics | None:
    import torch

    from kws.errors import InputError
    from kws.features import CmvnStats
    from kws.kaldi import read_matrices, read_matrix

    if source is None:
        return None
    if options.cmvn.cmvn == "none":
        raise InputError("--cmvn-stats: the config says cmvn=none, which uses no statistics")
    if options.cmvn.cmvn == "global":
        matrix = torch.from_numpy(read_matrix(source))
        return {"": CmvnStats.from_matrix(matrix, source, options.dim)}
    table = read_matrices(source, allow_commands=allow_commands, dtype="float64")
    return {
        owner: CmvnStats.from_matrix(torch.tensor(rows), f"{source}: {owner}", options.dim)
        for owner, rows in table
    }


class Written(NamedTuple):
    """How much was worked on."""

    utterances: int
    frames: int


def _compression(compress: bool, method: int | None) -> CompressionMethod | None:
    from kws.errors import InputError
    from kws.kaldi import CompressionMethod

    if not compress:
        if method is not None:
            raise InputError(
                f"--compression-method {method}: nothing is compressed; add --compress"
            )
        return None
    if method is not None and not 1 <= method <= len(CompressionMethod):
        raise InputError(f"--compression-method {method}: must be 1 to {len(CompressionMethod)}")
    return CompressionMethod(method or 1)


def _write(
    rows: Iterable[tuple[str, Any]], table: Specifier, compression: CompressionMethod | None
) -> Written:
    """Write matrices (T, dim) to a table."""
    from kws.errors import InputError
    from kws.kaldi import write_matrices

    utterances = frames = 0
    with write_matrices(table, allow_commands=True, compression=compression) as writer:
        for key, matrix in rows:
            writer.write(key, matrix.numpy())
            utterances, frames = utterances + 1, frames + len(matrix)
        if not utterances:
            raise InputError(f"{table.text}: there are no utterances to write")
    return Written(utterances, frames)


def _check_frames(found: Statistics, out_dir: Path) -> None:
    """Statistics of nothing serve nobody, while Kaldi writes empty matrices with success."""
    if found and not any(stats.count for stats in found.values()):
        print(f"{out_dir}: no recording is as long as a frame; not written", file=sys.stderr)
        raise typer.Exit(1)


def _write_with_stats(
    takes: Iterable[Take],
    extractor: Extractor,
    table: Specifier,
    out_dir: Path,
    compression: CompressionMethod | None,
) -> Written:
    """Compute statistics over all takes first; the features wait for them in a hidden archive."""
    import torch

    from kws.features import CmvnStats
    from kws.kaldi import read_matrices, write_matrices

    owners: dict[str, str] = {}  # by utterance
    found: dict[str, CmvnStats] = {}
    waiting = out_dir / ".feats.unnormalised.ark"
    with ExitStack() as stack:
        stack.callback(waiting.unlink, missing_ok=True)
        with write_matrices(f"ark:{waiting}") as writer:
            for take in takes:
                raw = extractor.raw(take)
                writer.write(take.utterance, raw.numpy())
                owner = owners[take.utterance] = take.owner(extractor.options.cmvn.cmvn)
                found[owner] = found.get(owner, CmvnStats.zero(extractor.dim)).accumulate(raw)
        _check_frames(found, out_dir)  # told before files replace older ones
        rows = (
            (key, extractor.normalise(key, owners[key], torch.tensor(raw), found))
            for key, raw in read_matrices(f"ark:{waiting}")
        )
        written = _write(rows, table, compression)
    _write_stats(found, out_dir)
    return written


def _write_stats_alone(takes: Iterable[Take], extractor: Extractor, out_dir: Path) -> Written:
    """Compute and write statistics over all takes."""
    from kws.errors import InputError
    from kws.features import CmvnStats

    found: dict[str, CmvnStats] = {}
    utterances = frames = 0
    for take in takes:
        raw, owner = extractor.raw(take), take.owner(extractor.options.cmvn.cmvn)
        found[owner] = found.get(owner, CmvnStats.zero(extractor.dim)).accumulate(raw)
        utterances, frames = utterances + 1, frames + len(raw)
    if not utterances:
        raise InputError(f"{out_dir}: there are no utterances to take statistics of")
    _check_frames(found, out_dir)
    _write_stats(found, out_dir)
    return Written(utterances, frames)


def _write_stats(found: Statistics, out_dir: Path) -> None:
    from kws.kaldi import Specifier, write_matrices, write_matrix

    if "" in found:
        write_matrix(out_dir / "cmvn.stats", found[""].to_matrix().numpy())
        return
    files = {"ark": str(out_dir / "cmvn.ark"), "scp": str(out_dir / "cmvn.scp")}
    with write_matrices(Specifier(str(out_dir), files, frozenset())) as writer:
        for owner, stats in sorted(found.items()):
            writer.write(owner, stats.to_matrix().numpy())


def _progress(takes: Iterator[Take], total: int | None) -> Iterable[Take]:
    """The takes, with a bar on standard error where that is a terminal."""
    if not sys.stderr.isatty():
        return takes
    from rich.console import Console
    from rich.progress import track

    return track(takes, "features", total=total, console=Console(stderr=True), transient=True)


def _report_conversions() -> None:
    from kws.audio import NOTICES

    for kind, count in NOTICES.counts().items():
        if count > 1:
            print(f"{count} recordings: {kind}", file=sys.stderr)
