"""Kaldi's monophone training: flat start, alignment again and again, more Gaussians as it goes.

As egs/wsj/s5/steps/train_mono.sh. After every pass the model stands in OUT_DIR under its number,
and the paths of the last alignment beside it, so that a training that was interrupted goes on from
there to the same model.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from kws.config import format_options
from kws.errors import InputError
from kws.files import atomic_path, read_text, write_text
from kws.hmm import (
    AlignOptions,
    Gmm,
    PhoneAligner,
    PhoneModel,
    Symbols,
    topology_text,
    write_symbols,
)
from kws.hmm.phone_alignment import equal_path
from kws.hmm.phone_model import Ints
from kws.kaldi import read_int_vectors, write_int_vectors
from kws.training.monophone_options import MonophoneOptions, Pass, Paths, PhoneTake
from kws.training.phone_models import SYMBOLS_FILE, load_gmm, save_gmm

logger = logging.getLogger(__name__)
FINAL = "final.mdl"
SETTINGS, PROGRESS = "train.conf", "progress.tsv"
_COLUMNS = "pass\tgaussians\tlog_likelihood_per_frame\tframes\taligned_anew\n"
_FIRST_BEAM = 6.0  # of the alignment of the first pass, Kaldi's
_RETRY = 4.0  # times the beam


def train_monophones(
    takes: Sequence[PhoneTake],
    symbols: Symbols,
    silences: Sequence[int],
    options: MonophoneOptions,
    out_dir: str | Path,
    *,
    first_paths: Paths | None = None,
    report: Callable[[Pass], None] = lambda found: None,
) -> tuple[PhoneModel, Gmm]:
    """Train a GMM on `takes` and write it to OUT_DIR/final.mdl.

    Args:
        takes: the utterances, held in memory.
        symbols: the phones' names.
        silences: the numbers of those that are silence.
        options: how long, how many Gaussians.
        out_dir: gets final.mdl, tree, topo, phones.txt, train.conf and progress.tsv; where it holds
            an interrupted training of the same settings and data, that goes on.
        first_paths: where every frame belongs to start with; None: a flat start.
        report: is called after every pass.

    Raises:
        InputError: OUT_DIR holds another training, or no utterance can be aligned.
    """
    out_dir = Path(out_dir)
    if not takes:
        raise InputError("no utterances to train on; give transcripts and their features")
    _check_features(takes)
    first = first_model(symbols, silences)
    topology = first.topology
    _settle(out_dir, options, takes, topology, first_paths)
    _write_description(out_dir, symbols, first)
    training = _Training(takes, list(silences), options, out_dir)
    number = training.restore()
    if number is None:
        number = 0
        gmm = Gmm.flat([take.features for take in takes], first.num_pdfs)
        training.begin(first, gmm, first_paths)
    while number < options.num_iters:
        report(training.step(number))
        number += 1
    training.finish()
    return training.model, training.gmm


def first_model(symbols: Symbols, silences: Sequence[int]) -> PhoneModel:
    """The states of the phones before training: three each, with Kaldi's probabilities."""
    phones = [number for number in range(1, len(symbols.phones) + 1) if number not in silences]
    return PhoneModel(topology_text(phones, list(silences)))


class _Training:
    """A training under way: the model before pass `number`, and the paths it goes by."""

    def __init__(
        self,
        takes: Sequence[PhoneTake],
        silences: Sequence[int],
        options: MonophoneOptions,
        out_dir: Path,
    ) -> None:
        self.takes, self.silences = takes, silences
        self.options, self.out_dir = options, out_dir
        self.model: PhoneModel
        self.gmm: Gmm
        self.paths: Paths = {}

    def begin(self, model: PhoneModel, gmm: Gmm, paths: Paths | None) -> None:
        self.model, self.gmm = model, gmm
        if paths is None:
            paths = _told(
                {
                    take.utterance: equal_path(model, take.phones, len(take.features), number)
                    for number, take in enumerate(self.takes)
                }
            )
        self.paths = paths
        self._write_paths(0)
        write_text(self.out_dir / PROGRESS, _COLUMNS)

    def restore(self) -> int | None:
        """Take up the model of the largest number; its number, None where there is none."""
        if (self.out_dir / FINAL).exists():
            self.model, self.gmm = load_gmm(self.out_dir / FINAL)
            return self.options.num_iters
        numbers = _numbers(self.out_dir, "", ".mdl")
        if not numbers:
            return None
        number = numbers[-1]
        self.model, self.gmm = load_gmm(self.out_dir / f"{number}.mdl")
        aligned = [n for n in _numbers(self.out_dir, "ali.", ".ark") if n < number]
        if not aligned:
            raise InputError(
                f"{self.out_dir}: lacks the alignment (ali.N.ark) that {number}.mdl goes on with; "
                "remove the folder and train again"
            )
        self.paths = dict(read_int_vectors(f"ark:{self.out_dir / f'ali.{aligned[-1]}.ark'}"))
        rows = read_text(self.out_dir / PROGRESS).splitlines(keepends=True)
        write_text(self.out_dir / PROGRESS, "".join(rows[: 1 + number]))
        return number

    def step(self, number: int) -> Pass:
        """One pass: align if it is due, count, estimate; leaves the next model in its file."""
        options = self.options
        aligns = number > 0 and number in options.realign_iters
        if aligns:
            self.paths = self._align(_FIRST_BEAM if number == 1 else options.beam)
            self._write_paths(number)
        counts = np.zeros(self.model.num_transitions + 1)
        for path in self.paths.values():
            counts += self.model.counts(path)
        used = [take for take in self.takes if take.utterance in self.paths]
        found = self.gmm.statistics(
            (t.features, self.model.pdfs[self.paths[t.utterance]]) for t in used
        )
        result = Pass(
            number,
            self.gmm.num_gaussians,
            found.log_likelihood / found.num_frames,
            found.num_frames,
            aligns or number == 0,
        )
        self.gmm = self.gmm.updated(found).grown(
            self._target(number),
            found.occupancies,
            options.power,
            np.random.default_rng([options.seed, number]),
        )
        self.model = self.model.updated(counts)
        self._write(result)
        return result

    def finish(self) -> None:
        """Give the last model its name, and remove what a continuation would need."""
        save_gmm(self.out_dir / FINAL, self.model, self.gmm)
        for path in (*self.out_dir.glob("[0-9]*.mdl"), *self.out_dir.glob("ali.*.ark")):
            path.unlink()

    def _target(self, number: int) -> int:
        """How many Gaussians are asked for after this pass: ever more up to max_iter_inc."""
        num_pdfs = self.gmm.num_pdfs
        increment = max(0, self.options.totgauss - num_pdfs) // self.options.max_iter_inc
        return num_pdfs + increment * max(0, min(number - 1, self.options.max_iter_inc))

    def _align(self, beam: float) -> Paths:
        gmm, factor = self.gmm, self.options.boost_silence
        if factor != 1 and self.silences:
            pdfs = np.unique(self.model.pdfs[np.isin(self.model.phone_of, self.silences)])
            gmm = gmm.weighted(pdfs.tolist(), factor)
        aligner = PhoneAligner(self.model, AlignOptions(beam=beam, retry_beam=_RETRY * beam))
        found = ((t.utterance, aligner.align_gmm(t.phones, t.features, gmm)) for t in self.takes)
        return _told({utterance: path.ids if path else None for utterance, path in found})

    def _write_paths(self, number: int) -> None:
        with write_int_vectors(f"ark:{self.out_dir / f'ali.{number}.ark'}") as writer:
            for utterance, path in self.paths.items():
                writer.write(utterance, path)

    def _write(self, found: Pass) -> None:
        """The pass's row, then its model, then away with what is not needed any more."""
        number = found.number
        row = (
            f"{number}\t{found.num_gaussians}\t{found.log_likelihood:.4f}\t{found.num_frames}\t"
            f"{'yes' if found.aligned else 'no'}\n"
        )
        path = self.out_dir / PROGRESS
        write_text(path, read_text(path) + row)
        save_gmm(self.out_dir / f"{number + 1}.mdl", self.model, self.gmm)
        (self.out_dir / f"{number}.mdl").unlink(missing_ok=True)
        for older in _numbers(self.out_dir, "ali.", ".ark")[:-1]:
            (self.out_dir / f"ali.{older}.ark").unlink()


def _check_features(takes: Sequence[PhoneTake]) -> None:
    first = takes[0]
    for take in takes:
        if take.features.shape[1] != first.features.shape[1]:
            raise InputError(
                f"{take.utterance}: features of {take.features.shape[1]} columns, but those of "
                f"{first.utterance} have {first.features.shape[1]}; compute all with the same "
                "options"
            )
        if not np.isfinite(take.features).all():
            raise InputError(
                f"{take.utterance}: features that are no finite numbers; compute them again"
            )


def _told(paths: Mapping[str, Ints | None]) -> Paths:
    """The paths that were found; of the others the first is named."""
    found = {utterance: path for utterance, path in paths.items() if path is not None}
    missing = [utterance for utterance in paths if utterance not in found]
    if not found:
        raise InputError(
            f"none of {len(paths)} utterances can be aligned; are the transcripts those of the "
            "features, and long enough for three frames a phone?"
        )
    if missing:
        logger.warning(
            "%d of %d utterances cannot be aligned, %s first; left out of this pass",
            len(missing),
            len(paths),
            missing[0],
        )
    return found


def _settle(
    out_dir: Path,
    options: MonophoneOptions,
    takes: Iterable[PhoneTake],
    topology: str,
    first_paths: Paths | None,
) -> None:
    """Write down what decides the result, or refuse to go on with something else."""
    digest = hashlib.sha256(topology.encode())
    for take in takes:
        digest.update(f"{take.utterance} {list(take.phones)} {take.features.shape}\n".encode())
        digest.update(np.ascontiguousarray(take.features, np.float32).tobytes())
    for utterance, ids in sorted((first_paths or {}).items()):
        digest.update(utterance.encode() + ids.tobytes())
    settings = f"# data {digest.hexdigest()[:16]}\n{format_options(options)}"
    path = out_dir / SETTINGS
    begun = any(out_dir.glob("*.mdl"))
    if begun and (not path.exists() or read_text(path) != settings):
        raise InputError(
            f"{out_dir}: holds a training with other options or data ({SETTINGS}); remove it or "
            "name another folder"
        )
    write_text(path, settings)


def _write_description(out_dir: Path, symbols: Symbols, model: PhoneModel) -> None:
    write_symbols(out_dir / SYMBOLS_FILE, symbols)
    write_text(out_dir / "topo", model.topology)
    with atomic_path(out_dir / "tree") as temporary:
        temporary.write_bytes(model.tree_bytes())


def _numbers(folder: Path, before: str, after: str) -> list[int]:
    names = (path.name[len(before) : -len(after)] for path in folder.glob(f"{before}*{after}"))
    return sorted(int(name) for name in names if name.isdecimal())
