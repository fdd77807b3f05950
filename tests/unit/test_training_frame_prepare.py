"""From tables to an acoustic model: options, transition ids, priors, what is learnt."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from frame_tables import NETWORK, NUM_PDFS, OPTIONS, write_tables

from kws.cli.main import run
from kws.config import ConfigError
from kws.errors import InputError
from kws.hmm import PhoneModel, topology_text
from kws.kaldi import read_int_vectors, read_matrices, read_transition_model, write_int_vectors
from kws.nnet import Nnet, read_model
from kws.training.frame_prepare import (
    FrameSources,
    parse_frame_options,
    pdf_of_transition,
    prepare_frames,
)
from kws.training.frame_task import FrameTask
from kws.training.phone_models import kaldi_transitions, save_phone_model
from kws.training.trainer import train


@pytest.fixture
def sources(tmp_path: Path) -> FrameSources:
    write_tables(tmp_path, "train", 1)
    write_tables(tmp_path, "dev", 2, 3)
    (tmp_path / "net.config").write_text(NETWORK)
    return FrameSources(
        feats=f"scp:{tmp_path}/train.feats.scp",
        ali=f"ark:{tmp_path}/train.ali.ark",
        dev_feats=f"ark:{tmp_path}/dev.feats.ark",
        dev_ali=f"ark:{tmp_path}/dev.ali.ark",
        network=f"{tmp_path}/net.config",
        pdfs=NUM_PDFS,
    )


def task_of(sources: FrameSources, folder: Path, *lines: str) -> FrameTask:
    options = parse_frame_options(OPTIONS + "\n".join(lines), "test")
    return prepare_frames(sources, *options, folder)


def test_the_defaults_are_kaldis() -> None:
    options, _ = parse_frame_options("", "test")
    assert (options.optimizer, options.minibatch_size) == ("natural-gradient", 128)
    assert (options.initial_effective_lrate, options.final_effective_lrate) == (0.001, 0.0001)
    assert parse_frame_options("--optimizer=sgd", "test")[0].optimizer == "sgd"


def test_options_of_keywords_are_refused() -> None:
    with pytest.raises(ConfigError, match="test: --filler-weight has no meaning for frames"):
        parse_frame_options("--filler-weight=0.5", "test")
    with pytest.raises(ConfigError, match="--minibatch-size=0: must be 1 or greater"):
        parse_frame_options("--minibatch-size=0", "test")
    with pytest.raises(ConfigError, match="unknown key w-smooth"):
        parse_frame_options("--w-smooth=3", "test")


def test_the_pdfs_of_transition_ids_are_those_of_kaldi_hmm_gmm() -> None:
    model = PhoneModel(topology_text([1, 3], [2], num_silence_states=5))
    assert pdf_of_transition(kaldi_transitions(model)).tolist() == model.pdfs.tolist()


@pytest.mark.parametrize("optimizer", ["natural-gradient", "adamw"])
def test_dev_accuracy_rises(tmp_path: Path, sources: FrameSources, optimizer: str) -> None:
    rates = "--initial-effective-lrate=0.01\n--final-effective-lrate=0.002"
    lines = (f"--optimizer={optimizer}", rates, "--num-epochs=4")
    state = train(task_of(sources, tmp_path / "exp", *lines), tmp_path / "exp")
    accuracies = [epoch["dev/accuracy"] for epoch in state.epochs]
    assert accuracies[-1] > accuracies[0] + 0.05  # some 0.5 to 0.9
    assert accuracies[-1] > 0.7  # the best guess without features is right a third of the time


def test_the_model_has_pdfs_and_the_mean_posteriors_as_priors(
    tmp_path: Path, sources: FrameSources
) -> None:
    # a tenth as many frames as usual are taken for priors: 2 % of the training; here one job of all
    exp = tmp_path / "exp"
    task = task_of(sources, exp, "--frames-per-job=100000")
    task.write_final(train(task, exp), exp / "final.kws")
    model = read_model(exp / "final.kws")
    assert model.metadata["pdfs"] == NUM_PDFS
    nnet = Nnet.from_tensors(model.network, "final.kws", model.tensors).eval()
    table = read_matrices(sources.feats)
    with torch.no_grad():
        posteriors = torch.cat([nnet(torch.tensor(x)[None])[0] for _, x in table])
    # float32 sums in another order
    expected = posteriors.double().mean(0).tolist()
    assert model.metadata["priors"] == pytest.approx(expected, rel=1e-5)
    assert sum(model.metadata["priors"]) == pytest.approx(1, rel=1e-12)


def test_posteriors_divided_by_priors_are_the_formula(
    tmp_path: Path, sources: FrameSources
) -> None:
    exp = tmp_path / "exp"
    task = task_of(sources, exp, "--num-epochs=1")
    task.write_final(train(task, exp), exp / "final.kws")
    model = read_model(exp / "final.kws")
    out = f"ark:{tmp_path}/ll.ark"
    command = ["posteriors", "--apply-log", "--divide-by-priors", f"{exp}/final.kws"]
    assert run([*command, sources.feats, out]) == 0
    nnet = Nnet.from_tensors(model.network, "final.kws", model.tensors).eval()
    priors = np.array(model.metadata["priors"])
    written = dict(read_matrices(out))
    for utterance, features in read_matrices(sources.feats):
        with torch.no_grad():
            posteriors = nnet(torch.tensor(features)[None])[0].double().numpy()
        divided = posteriors / priors
        expected = np.log(divided / divided.sum(1, keepdims=True))
        # float32 logarithms of size 10
        np.testing.assert_allclose(written[utterance], expected, atol=1e-5)


def test_transition_ids_become_pdfs_and_the_model_kaldis(
    tmp_path: Path, sources: FrameSources
) -> None:
    phones = PhoneModel(topology_text([1, 2], num_states=2))
    save_phone_model(tmp_path / "phones.mdl", phones)
    ids = np.array([int(np.flatnonzero(phones.pdfs == pdf)[0]) for pdf in range(NUM_PDFS)])
    with write_int_vectors(f"ark:{tmp_path}/ids.ark") as writer:
        for utterance, pdfs in read_int_vectors(sources.ali):
            writer.write(utterance, ids[pdfs])
    exp = tmp_path / "exp"
    by_ids = replace(
        sources,
        ali=f"ark:{tmp_path}/ids.ark",
        dev_feats=None,
        dev_ali=None,
        pdfs=None,
        transition_model=f"{tmp_path}/phones.mdl",
    )
    task = task_of(by_ids, exp, "--num-epochs=1")
    plain = task_of(sources, exp, "--num-epochs=1")
    np.testing.assert_array_equal(task.train.labels, plain.train.labels)
    task.write_final(train(task, exp), exp / "final.kws")
    assert run(["copy", f"{exp}/final.kws", f"{exp}/final.mdl"]) == 0
    # Kaldi's own file begins with the transition model that the alignment was made with
    transitions = read_transition_model(exp / "final.mdl")
    assert transitions.tuples == kaldi_transitions(phones).tuples
    assert transitions.num_pdfs == NUM_PDFS
    wrong = replace(by_ids, ali=sources.ali)
    with pytest.raises(InputError, match=r"ali.ark: u1-0: transition id 0, but the transition mod"):
        task_of(wrong, exp)


def test_a_folder_of_features_brings_its_options(tmp_path: Path, sources: FrameSources) -> None:
    folder = tmp_path / "fbank"
    folder.mkdir()
    (folder / "features.conf").write_text("--num-mel-bins=5\n--cmvn=speaker\n")
    for suffix in ("ark", "scp"):
        content = (tmp_path / f"train.feats.{suffix}").read_bytes()
        (folder / f"feats.{suffix}").write_bytes(content)
    task = task_of(replace(sources, feats=str(folder)), tmp_path / "exp")
    assert task.features == "--feature-type=fbank\n--num-mel-bins=5\n--cmvn=speaker\n"
    assert task_of(sources, tmp_path / "exp").features == ""
    given = replace(sources, features=f"{folder}/features.conf")
    assert task_of(given, tmp_path / "exp").features == task.features


def test_a_folder_with_global_statistics_needs_them(tmp_path: Path, sources: FrameSources) -> None:
    conf = tmp_path / "global.conf"
    conf.write_text("--num-mel-bins=5\n--cmvn=global\n")
    with pytest.raises(InputError) as told:
        task_of(replace(sources, features=str(conf)), tmp_path / "exp")
    assert str(told.value) == (
        f"{conf}: cmvn=global needs its cmvn.stats; give the folder of `kws features`"
    )
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "feats.scp").write_bytes((tmp_path / "train.feats.scp").read_bytes())
    conf.rename(folder / "features.conf")
    with pytest.raises(InputError, match=re.escape(f"needs {folder}/cmvn.stats; give the folder")):
        task_of(replace(sources, feats=str(folder)), tmp_path / "exp")
