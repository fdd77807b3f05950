"""Monophone training on a language of tones, interrupted too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import phone_tones
import pytest
from phone_tones import SILENCE, SYMBOLS

from kws.errors import InputError
from kws.hmm import (
    Decoder,
    PhoneAligner,
    decoding_graph,
    equal_path,
    estimate_ngrams,
    grammar_fst,
    timed_path,
)
from kws.kaldi import read_int_vectors
from kws.training import monophones
from kws.training.monophone_options import MonophoneOptions, Pass
from kws.training.monophones import first_model, train_monophones
from kws.training.phone_models import load_gmm, load_symbols

SPOKEN = phone_tones.speak(30)
TAKES = [spoken.take for spoken in SPOKEN]
OPTIONS = MonophoneOptions(
    num_iters=8, max_iter_inc=5, totgauss=40, realign_iters=(1, 2, 3, 5, 6), boost_silence=1.25
)


def train(out_dir: Path, options: MonophoneOptions = OPTIONS, **more: object) -> list[Pass]:
    passes: list[Pass] = []
    train_monophones(TAKES, SYMBOLS, [SILENCE], options, out_dir, report=passes.append, **more)
    return passes


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out_dir = tmp_path_factory.mktemp("mono")
    train(out_dir)
    return out_dir


def test_the_files_of_a_training(trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == sorted(
        ["final.mdl", "phones.txt", "progress.tsv", "topo", "train.conf", "tree"]
    )
    model, gmm = load_gmm(trained / "final.mdl")
    assert load_symbols(trained / "final.mdl", model) == SYMBOLS
    assert (model.num_pdfs, gmm.dim) == (15, phone_tones.DIM)
    assert gmm.num_gaussians > 15
    rows = (trained / "progress.tsv").read_text().splitlines()
    assert rows[0].split("\t")[:3] == ["pass", "gaussians", "log_likelihood_per_frame"]
    assert [row.split("\t")[0] for row in rows[1:]] == [str(n) for n in range(8)]
    assert [row.split("\t")[4] for row in rows[1:]] == [
        {True: "yes", False: "no"}[n in (0, 1, 2, 3, 5, 6)] for n in range(8)
    ]


def test_the_likelihood_never_falls(tmp_path: Path) -> None:
    """With as many Gaussians as outputs nothing is put apart, so that every pass must gain."""
    options = MonophoneOptions(num_iters=8, totgauss=1, realign_iters=tuple(range(1, 8)))
    passes = train(tmp_path, options)
    values = [found.log_likelihood for found in passes]
    assert (np.diff(values) > -1e-4).all()  # float32 sums
    assert values[-1] > values[0] + 1
    assert {found.num_gaussians for found in passes} == {15}


def test_a_flat_start_learns_where_phones_lie(trained: Path) -> None:
    model, gmm = load_gmm(trained / "final.mdl")
    aligner = PhoneAligner(model)
    right = frames = flat = 0
    for spoken in phone_tones.speak(10, seed=77):  # others than it was trained on
        found = aligner.align_gmm(spoken.take.phones, spoken.features, gmm)
        assert found is not None
        truth = np.repeat(spoken.take.phones, spoken.lengths)
        start = equal_path(model, spoken.take.phones, len(truth), 0)
        assert start is not None
        right += (model.phone_of[found.ids] == truth).sum()
        flat += (model.phone_of[start] == truth).sum()
        frames += len(truth)
    assert flat / frames < 0.8
    assert right / frames > 0.97


def test_it_decodes_what_was_said(trained: Path) -> None:
    model, gmm = load_gmm(trained / "final.mdl")
    ngrams = estimate_ngrams([spoken.phones for spoken in SPOKEN])
    decoder = Decoder(decoding_graph(model, grammar_fst(ngrams, SYMBOLS), SYMBOLS), model)
    for spoken in phone_tones.speak(10, seed=78):
        lattice = decoder.decode(gmm.log_likelihoods(spoken.features))
        assert lattice is not None
        words = [SYMBOLS.names[word] for word in lattice.best(10).words]
        assert words == list(spoken.phones)


class _StopError(Exception):
    pass


@pytest.mark.parametrize("moment", ["paths", "statistics", "progress", "model", "report"])
@pytest.mark.parametrize("number", [1, 4, 5])
def test_interrupted_at_any_moment_it_ends_at_the_same_model(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, number: int
) -> None:
    calls = 0

    def stop_in_pass(*args: object, **kwargs: object) -> None:
        nonlocal calls
        calls += 1
        if calls > number:
            raise _StopError

    with monkeypatch.context() as patched:
        report = stop_in_pass if moment == "report" else _nothing
        if moment == "model":
            patched.setattr(monophones, "save_gmm", _before(monophones.save_gmm, stop_in_pass))
        elif moment == "progress":
            patched.setattr(monophones, "write_text", _before(monophones.write_text, stop_in_pass))
            calls -= 3  # train.conf, topo and the head of the table come first
        elif moment == "statistics":
            patched.setattr(
                monophones.Gmm, "statistics", _before(monophones.Gmm.statistics, stop_in_pass)
            )
        elif moment == "paths":
            patched.setattr(
                monophones, "write_int_vectors", _before(monophones.write_int_vectors, stop_in_pass)
            )
        with pytest.raises(_StopError):
            train_monophones(TAKES, SYMBOLS, [SILENCE], OPTIONS, tmp_path, report=report)
    assert not (tmp_path / "final.mdl").exists()
    train(tmp_path)
    for name in ("final.mdl", "progress.tsv"):
        assert (tmp_path / name).read_bytes() == (trained / name).read_bytes()


def _nothing(found: Pass) -> None:
    pass


def _before(function: Callable[..., Any], stop: Callable[[], None]) -> Callable[..., Any]:
    def wrapped(*args: object, **kwargs: object) -> object:
        stop()
        return function(*args, **kwargs)

    return wrapped


def test_what_is_done_is_not_done_again(trained: Path) -> None:
    before = (trained / "final.mdl").stat().st_mtime_ns
    assert train(trained) == []
    model, gmm = train_monophones(TAKES, SYMBOLS, [SILENCE], OPTIONS, trained)
    assert (model.num_pdfs, gmm.num_pdfs) == (15, 15)
    assert before <= (trained / "final.mdl").stat().st_mtime_ns


def test_another_training_is_not_overwritten(trained: Path) -> None:
    with pytest.raises(InputError, match="holds a training with other options or data"):
        train(trained, MonophoneOptions(num_iters=3))
    with pytest.raises(InputError, match="holds a training with other options or data"):
        train_monophones(TAKES[1:], SYMBOLS, [SILENCE], OPTIONS, trained)


def test_a_training_that_never_began_is_no_hindrance(tmp_path: Path) -> None:
    short = TAKES[0].__class__("short", TAKES[0].phones, TAKES[0].features[:5])
    options = MonophoneOptions(num_iters=1, totgauss=1)
    with pytest.raises(InputError, match="none of 1 utterances"):
        train_monophones([short], SYMBOLS, [SILENCE], options, tmp_path)
    assert len(train(tmp_path, options)) == 1


def test_another_seed_gives_another_model(trained: Path, tmp_path: Path) -> None:
    train(tmp_path, MonophoneOptions(**{**vars(OPTIONS), "seed": 1}))
    assert (tmp_path / "final.mdl").read_bytes() != (trained / "final.mdl").read_bytes()


def test_it_starts_from_hand_times(tmp_path: Path) -> None:
    model = first_model(SYMBOLS, [SILENCE])
    paths = {}
    for spoken in SPOKEN:
        centres_s = 0.005 + 0.01 * np.arange(len(spoken.features))
        paths[spoken.utterance] = timed_path(model, spoken.take.phones, spoken.times, centres_s)
    options = MonophoneOptions(num_iters=3, totgauss=1, realign_iters=(0,))
    passes = train(tmp_path, options, first_paths=paths)
    flat = train(tmp_path / "flat", options)
    assert passes[-1].log_likelihood > flat[-1].log_likelihood + 0.5
    assert not any(found.aligned for found in passes[1:])


def test_utterances_that_are_too_short_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    short = TAKES[0].__class__("short", TAKES[0].phones, TAKES[0].features[:5])
    options = MonophoneOptions(num_iters=2, totgauss=1)
    train_monophones([*TAKES, short], SYMBOLS, [SILENCE], options, tmp_path)
    assert "1 of 31 utterances cannot be aligned, short first; left out" in caplog.text
    with pytest.raises(InputError, match="none of 1 utterances can be aligned"):
        train_monophones([short], SYMBOLS, [SILENCE], options, tmp_path / "none")
    with pytest.raises(InputError, match="no utterances to train on"):
        train_monophones([], SYMBOLS, [SILENCE], options, tmp_path / "nothing")


def test_the_paths_of_an_interrupted_training_are_kaldis(tmp_path: Path) -> None:
    def stop(found: Pass) -> None:
        if found.number == 2:
            raise _StopError

    with pytest.raises(_StopError):
        train_monophones(TAKES, SYMBOLS, [SILENCE], OPTIONS, tmp_path, report=stop)
    paths = dict(read_int_vectors(f"ark:{tmp_path}/ali.2.ark"))
    model, _ = load_gmm(tmp_path / "3.mdl")
    assert paths.keys() == {take.utterance for take in TAKES}
    for take in TAKES:
        assert [phone for phone, _, _ in model.segments(paths[take.utterance])] == take.phones
    (tmp_path / "ali.2.ark").unlink()
    with pytest.raises(InputError, match=r"lacks the alignment .* that 3.mdl goes on with"):
        train(tmp_path)
