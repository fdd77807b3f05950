"""`kws posteriors`: a network's outputs for whole utterances, like Kaldi's nnet-compute."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from kws.cli.shared_options import MAX_OVERSHOOT_S, ChannelOption, MaxOvershoot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from kws.data import DataDir, Utterance
    from kws.features import CmvnStats, FeaturePipeline
    from kws.nnet import ModelFile, Nnet

LOG_FLOOR = 1e-20  # Kaldi's, before the logarithm
logger = logging.getLogger(__name__)


def posteriors(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A model file, or a raw network or .mdl of Kaldi."),
    ],
    source: Annotated[
        str,
        typer.Argument(
            metavar="DATA_DIR|RSPECIFIER",
            help="A Kaldi data dir, or a table such as scp:feats.scp.",
        ),
    ],
    target: Annotated[
        str, typer.Argument(metavar="WSPECIFIER", help="The table to write, such as ark:post.ark.")
    ],
    apply_log: Annotated[
        bool, typer.Option("--apply-log", help="Write logarithms, of 1e-20 at the least.")
    ] = False,
    no_pad_input: Annotated[
        bool,
        typer.Option(
            "--no-pad-input",
            help="Leave out frames whose context is not in the utterance, instead of repeating "
            "the utterance's first and last frame.",
        ),
    ] = False,
    divide_by_priors: Annotated[
        bool,
        typer.Option(
            "--divide-by-priors",
            help="Divide each output by the model's prior of it, and each frame by the sum then.",
        ),
    ] = False,
    raw_features: Annotated[
        bool,
        typer.Option(
            "--raw-features", help="The table lacks the model's deltas and CMVN: apply them first."
        ),
    ] = False,
    allow_commands: Annotated[
        bool,
        typer.Option("--allow-commands", help="Let specifiers, scp and wav.scp run commands (|)."),
    ] = False,
    max_overshoot: MaxOvershoot = MAX_OVERSHOOT_S,
    channel: ChannelOption = None,
) -> None:
    """Compute a network's outputs for every utterance.

    These are what Kaldi's nnet-compute and nnet-am-compute write, of Kaldi's own models too. A data
    dir starts at the audio and needs a model with features. A table holds matrices exactly as the
    network reads them, or with --raw-features as they are before deltas and CMVN.

    Utterances without frames, or too short for --no-pad-input, are left out with a warning; when
    none is left the exit status is 1. Audio that cannot be read is left out too, and the exit
    status is 2. Components that draw random numbers (dropout, noise) give their mean, where Kaldi
    draws.

    Examples:
      kws posteriors exp/default/final.kws data/test ark:post.ark
      kws posteriors --apply-log exp/nnet2/final.mdl scp:feats.scp ark,scp:post.ark,post.scp
      kws posteriors --divide-by-priors --apply-log final.mdl scp:feats.scp ark:-
      kws posteriors --raw-features exp/default/final.kws scp:fbank.scp ark,t:-
    """
    from kws.data import read_data_dir
    from kws.errors import InputError
    from kws.kaldi import screen_specifier, write_matrices
    from kws.kaldi.conversion import read_any_model
    from kws.nnet import Nnet

    file = read_any_model(model)
    nnet = Nnet.from_tensors(file.network, str(model), file.tensors)
    priors = _priors(file, str(model)) if divide_by_priors else None
    screen_specifier(target, allow_commands=allow_commands, writing=True)
    unread: list[str] = []
    left_out: list[str] = []
    if Path(source).is_dir() or raw_features:
        pipeline = _pipeline(file, nnet, str(model), source)
        if raw_features:
            utterances = _raw_table(source, pipeline, allow_commands)
        else:
            data = read_data_dir(
                source,
                allow_commands=allow_commands,
                max_overshoot_s=max_overshoot,
                channel=channel,
            )
            utterances = _data_dir(data, pipeline, unread)
    else:
        utterances = _table(source, nnet.input_dim, allow_commands)
    pad = not no_pad_input
    enough = _long_enough(nnet, utterances, left_out, pad=pad)
    outputs = _outputs(nnet, enough, priors, pad=pad, apply_log=apply_log)
    with write_matrices(target, allow_commands=allow_commands) as writer:
        num_written = 0
        for key, output in outputs:
            writer.write(key, output.numpy())
            num_written += 1
        if num_written == 0:  # told before the table replaces an older one
            _refuse_nothing(source, unread)
    if left_out:
        logger.warning(
            "%s: %d utterance(s) left out, %d written", source, len(left_out), num_written
        )
    if unread:
        raise InputError(
            f"{source}: {len(unread)} utterance(s) cannot be read, {unread[0]} first; the others "
            f"are in {target}"
        )


def _priors(file: ModelFile, model: str) -> Tensor:
    """The model's priors, (C,)."""
    from kws.errors import InputError
    from kws.kaldi.conversion import priors_of

    priors = priors_of(file, model)
    if priors is None:
        raise InputError(
            f"{model}: holds no priors to divide by; leave out --divide-by-priors, or `kws copy` "
            "it with --priors FILE"
        )
    return priors


def _refuse_nothing(source: str, unread: list[str]) -> NoReturn:
    """End with the status of Kaldi where no utterance has an output, 1; or as a mistake."""
    from kws.errors import InputError

    message = f"{source}: holds no utterance that can be used"
    if unread:
        raise InputError(f"{message} ({len(unread)} cannot be read)")
    print(message, file=sys.stderr)
    raise typer.Exit(1)


def _outputs(
    nnet: Nnet,
    utterances: Iterator[tuple[str, Tensor]],
    priors: Tensor | None,
    *,
    pad: bool,
    apply_log: bool,
) -> Iterator[tuple[str, Tensor]]:
    """What is written of each utterance: (T', C), as nnet-am-compute computes it."""
    import torch

    from kws.nnet import compute_utterances

    for key, outputs in compute_utterances(nnet, utterances, pad=pad):
        if priors is not None:
            outputs = outputs / priors
            outputs = outputs / outputs.sum(dim=1, keepdim=True)
        if apply_log:
            outputs = torch.log(outputs.clamp_min(LOG_FLOOR))
        yield key, outputs


def _long_enough(
    nnet: Nnet, utterances: Iterator[tuple[str, Tensor]], left_out: list[str], *, pad: bool
) -> Iterator[tuple[str, Tensor]]:
    """The utterances that have an output; the others are told, and noted in `left_out`."""
    num_needed = 1 if pad else 1 + nnet.left_context + nnet.right_context
    for key, features in utterances:
        if len(features) < num_needed:
            logger.warning("%s: %d frames, needs %d; left out", key, len(features), num_needed)
            left_out.append(key)
        else:
            yield key, features


def _pipeline(file: ModelFile, nnet: Nnet, model: str, source: str) -> FeaturePipeline:
    """The model's features."""
    from kws.errors import InputError
    from kws.features import FeaturePipeline
    from kws.spotter import features_of

    if not file.features:
        what = "a data dir" if Path(source).is_dir() else "--raw-features"
        raise InputError(
            f"{model}: a network without features, which {what} needs; give a table of matrices "
            "as the network reads them"
        )
    options, stats = features_of(file, model)
    if options.dim != nnet.input_dim:
        raise InputError(
            f"{model}: its features have {options.dim} values per frame, but its network reads "
            f"{nnet.input_dim}; make the model again"
        )
    return FeaturePipeline(options, stats)


def _table(rspecifier: str, dim: int, allow_commands: bool) -> Iterator[tuple[str, Tensor]]:
    """The keys and matrices of a table, (T, dim)."""
    import torch

    from kws.errors import InputError
    from kws.kaldi import read_matrices

    for key, matrix in read_matrices(rspecifier, allow_commands=allow_commands):
        if len(matrix) and matrix.shape[1] != dim:
            raise InputError(
                f"{rspecifier}: {key}: {matrix.shape[1]} columns, but {dim} are read; give the "
                "features that the model was made for"
            )
        yield key, torch.tensor(matrix).reshape(len(matrix), dim)


def _raw_table(
    rspecifier: str, pipeline: FeaturePipeline, allow_commands: bool
) -> Iterator[tuple[str, Tensor]]:
    """The keys of a table and its matrices with the model's deltas and CMVN, (T, D)."""
    from kws.errors import InputError

    if Path(rspecifier).is_dir():
        raise InputError(
            f"{rspecifier}: a data dir starts at the audio; --raw-features is for tables"
        )
    if pipeline.options.cmvn.cmvn == "speaker":
        raise InputError(
            f"{rspecifier}: a table does not tell the speakers, which cmvn=speaker needs; give a "
            "data dir"
        )
    for key, features in _table(rspecifier, pipeline.options.raw.dim, allow_commands):
        yield key, pipeline.from_raw(features[None])[0] if len(features) else features


def _data_dir(
    data: DataDir, pipeline: FeaturePipeline, failed: list[str]
) -> Iterator[tuple[str, Tensor]]:
    """The utterances of a data dir and their features, (T, D).

    The utterances that cannot be read are told, and noted in `failed`.
    """
    by_speaker = pipeline.options.cmvn.cmvn == "speaker"
    stats = _speaker_stats(data, pipeline) if by_speaker else {}
    for utterance in data.utterances:
        samples = _samples(data, utterance, pipeline)
        if isinstance(samples, str):
            logger.warning("%s; left out", samples)
            failed.append(utterance.id)
        elif pipeline.options.num_frames(samples.shape[1]) == 0:
            yield utterance.id, samples.new_zeros(0, pipeline.options.dim)
        else:
            speaker_stats = [stats[utterance.speaker]] if by_speaker else None
            yield utterance.id, pipeline(samples, speaker_stats=speaker_stats)[0]


def _speaker_stats(data: DataDir, pipeline: FeaturePipeline) -> dict[str, CmvnStats]:
    """Statistics of all that each speaker says in the data dir."""
    from kws.features import CmvnStats

    stats: dict[str, CmvnStats] = {}
    for utterance in data.utterances:
        samples = _samples(data, utterance, pipeline)
        if not isinstance(samples, str):
            before = stats.get(utterance.speaker, CmvnStats.zero(pipeline.options.dim))
            features = pipeline.deltas(pipeline.raw(samples))
            stats[utterance.speaker] = before.accumulate(features)
    return stats


def _samples(data: DataDir, utterance: Utterance, pipeline: FeaturePipeline) -> Tensor | str:
    """An utterance's samples, (1, S), or what is wrong with it."""
    import torch

    from kws.errors import InputError

    try:
        waveform = data.load(utterance, pipeline.options.sample_rate)
    except InputError as error:
        return str(error)
    return torch.from_numpy(waveform.samples)[None]
