"""`kws align --gmm`: where every phone of a transcript lies, and the state of every frame."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from kws.data import Word
    from kws.hmm import PhoneModel, Symbols

logger = logging.getLogger(__name__)


class PhoneJob(NamedTuple):
    """What is asked for: the options of `kws align --gmm`."""

    mdl: Path
    data_dir: Path
    feats: str | None
    log_likelihoods: str | None
    times: bool
    write_ali: str | None
    write_pdfs: str | None
    allow_commands: bool

    @property
    def source(self) -> str:
        """Where the matrices are."""
        from kws.errors import InputError

        if self.feats is not None and self.log_likelihoods is None:
            return self.feats
        if self.log_likelihoods is not None and self.feats is None:
            return self.log_likelihoods
        raise InputError("--gmm: give either --feats or --log-likelihoods")


def align_phones(job: PhoneJob, out_ctm: Path) -> None:
    """Align, and write the CTM and the tables that are asked for."""
    from kws.cli.phone_data import clock_of, words_on_path
    from kws.data import write_ctm
    from kws.errors import InputError
    from kws.kaldi import write_int_vectors
    from kws.training.phone_models import load_phone_model, load_symbols

    model = load_phone_model(job.mdl)
    symbols = load_symbols(job.mdl, model)
    clock = clock_of(job.source)
    words: list[Word] = []
    missing: list[str] = []
    num_aligned = 0
    with ExitStack() as stack:
        ali, pdfs = (
            wspecifier
            and stack.enter_context(
                write_int_vectors(wspecifier, allow_commands=job.allow_commands)
            )
            for wspecifier in (job.write_ali, job.write_pdfs)
        )
        for utterance, path in _paths(job, model, symbols):
            if path is None:
                missing.append(utterance)
                continue
            num_aligned += 1
            words += words_on_path(utterance, path, model, symbols, clock)
            if ali:
                ali.write(utterance, path)
            if pdfs:
                pdfs.write(utterance, model.pdfs[path])
        if not num_aligned:  # told before the tables replace older ones
            raise InputError(
                f"{job.data_dir}: no utterance can be aligned; are its transcripts those of "
                f"{job.source}?"
            )
    write_ctm(out_ctm, words)
    if missing:
        logger.warning(
            "%d utterances cannot be aligned, %s first; left out", len(missing), missing[0]
        )
    print(f"{out_ctm}: {num_aligned} utterances are aligned")


def _paths(job: PhoneJob, model: PhoneModel, symbols: Symbols) -> Iterator[tuple[str, Any]]:
    """Every utterance and its transition ids, (T,) or None."""
    from kws.cli.phone_data import (
        clock_of,
        frame_centres_s,
        joined,
        matrices_of,
        phones_of,
        placed,
        times_of,
    )
    from kws.hmm import PhoneAligner
    from kws.training.hand_times import hand_paths
    from kws.training.phone_models import load_gmm

    matrices = matrices_of(job.source, job.allow_commands)
    transcripts = _known(phones_of(job.data_dir), symbols, job.data_dir)
    takes = joined(transcripts, matrices, job.source)
    if job.times:
        clock = clock_of(job.source)
        lengths = ((utterance, len(matrix)) for utterance, _, matrix in takes)
        times = times_of(job.data_dir)
        by_hand = hand_paths(
            model, symbols, times, lengths, lambda number: frame_centres_s(clock, number)
        )
        yield from by_hand.items()
        return
    aligner = PhoneAligner(model)
    gmm = load_gmm(job.mdl)[1] if job.feats is not None else None
    for utterance, phones, matrix in takes:
        ids = symbols.ids(phones, f"{job.data_dir}: {utterance}")
        with placed(job.source, utterance):
            found = (
                aligner.align(ids, matrix) if gmm is None else aligner.align_gmm(ids, matrix, gmm)
            )
        yield utterance, None if found is None else found.ids


def _known(
    transcripts: dict[str, tuple[str, ...]], symbols: Symbols, data_dir: Path
) -> dict[str, tuple[str, ...]]:
    """The transcripts without those that hold a phone which the model was not trained on."""
    names = set(symbols.phones)
    known = {utterance: ps for utterance, ps in transcripts.items() if names.issuperset(ps)}
    strange = [utterance for utterance in transcripts if utterance not in known]
    if strange:
        place = f"{data_dir}: {strange[0]}"
        if not known:
            symbols.ids(transcripts[strange[0]], place)  # raises
        logger.warning(
            "%s: has phones that the model does not know, as %d of %d utterances; left out",
            place,
            len(strange),
            len(transcripts),
        )
    return known
