"""Every two options of a training at extreme values: it trains, or says in one line why not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from frame_tables import DIM, NUM_PDFS, write_tables
from option_pairs import Factors, covering_rows, factors_of, lines_of, refused_alone

from kws.audio import write_audio
from kws.config import ConfigError, keys_of, parse_options
from kws.data import Utterance, Word, write_data_dir
from kws.data.augmentation import AugmentOptions
from kws.data.draws import ExampleOptions
from kws.errors import InputError
from kws.features import parse_feature_options
from kws.features.mel_options import FbankOptions, MfccOptions
from kws.features.options import FEATURE_TYPES, CmvnOptions, DeltaOptions, FeatureTypeOptions
from kws.training.frame_material import FrameOptions
from kws.training.frame_prepare import (
    MEANINGLESS,
    FrameSources,
    parse_frame_options,
    prepare_frames,
)
from kws.training.options import (
    MaxPoolOptions,
    PosteriorOptions,
    TrainOptions,
    parse_train_options,
)
from kws.training.prepare import Sources, prepare
from kws.training.trainer import train

TRAIN = (TrainOptions, MaxPoolOptions, ExampleOptions, AugmentOptions, PosteriorOptions)
COMMON = (FeatureTypeOptions, DeltaOptions, CmvnOptions)
FEATURES = (*COMMON, *FEATURE_TYPES.values())
GIVEN: Factors = {"dev-data": ["no", "yes"], "noise": ["no", "yes"], "network": ["one", "grown"]}
TEXTS = {"n-1": (0.3, "high"), "n-2": (0.9, "<unk>"), "p-1": (0.5, "low high")}
WORDS = [Word("p-1", 0.1, 0.25, "low"), Word("p-1", 0.25, 0.4, "high")]
FEW_BINS, FEW_EXAMPLES = "--num-mel-bins=8\n", "--num-epochs=1\n--utterances-per-job=2\n"
# what a training comes to whose steps are too large: it has begun, and nothing was wrong before
DIVERGED = ("the loss is no longer a number", "parameters that are not finite")
HEAD = "SpliceComponent input-dim={dim} left-context=1 right-context=1\n"
HIDDEN = "AffineComponent input-dim={dim} output-dim=4\nRectifiedLinearComponent dim=4\n"
OUTPUT = "AffineComponent input-dim=4 output-dim=3\nSoftmaxComponent dim=3\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A training set of three utterances, a dev set of the same, and a noise."""
    random = np.random.default_rng(0)
    for name, prefix in (("data", ""), ("dev", "d-"), ("noise", "z-")):
        utterances = []
        for utterance, (duration_s, text) in TEXTS.items():
            path = tmp_path / name / f"{utterance}.wav"
            write_audio(path, 1000 * random.standard_normal(round(16000 * duration_s)), 16000)
            utterances.append(Utterance(prefix + utterance, prefix + "s", text, str(path)))
        words = [Word(prefix + w.utterance, w.start_s, w.end_s, w.word) for w in WORDS]
        write_data_dir(tmp_path / name, utterances, ctm=words)
    return tmp_path


def network(folder: Path, kind: str, dim: int) -> Path:
    """The config of a network for features of `dim` columns, or a folder with a layer more."""
    grown = folder / "grown"
    grown.mkdir(exist_ok=True)
    text = HEAD.format(dim=dim) + HIDDEN.format(dim=3 * dim) + OUTPUT
    (grown / "nnet.config").write_text(text)
    (grown / "hidden.config").write_text(HIDDEN.format(dim=4))
    return grown if kind == "grown" else grown / "nnet.config"


def feature_lines(row: dict[str, str]) -> str:
    """Those of a row's feature options that its type has, for few columns."""
    kind = row.get("feature-type", "fbank")
    few = FEW_BINS + ("--num-ceps=5\n" if kind == "mfcc" else "")
    return few + lines_of(row, *COMMON, FEATURE_TYPES[kind])


def fault_of(folder: Path, row: dict[str, str]) -> str | None:
    """Prepare, take some steps, and end if that is the end; the line that refuses the row."""
    exp = folder / "exp"
    shutil.rmtree(exp, ignore_errors=True)
    features = feature_lines(row)
    (folder / "feats.conf").write_text(features)
    steps = iter(range(2))
    given = FEW_EXAMPLES
    if row.get("network") == "grown":
        given, steps = given + "--add-layers-period=1\n--num-epochs=8\n", iter(range(4))
    try:
        dim = parse_feature_options(features, "feats.conf").dim
        options = parse_train_options(given + lines_of(row, *TRAIN), "train.conf")
        extra = (str(folder / "noise"),) if row.get("noise") == "yes" else ()
        sources = Sources(
            data=(str(folder / "data"),),
            network=str(network(folder, row.get("network", "one"), dim)),
            features=str(folder / "feats.conf"),
            keywords=("low high",),
            dev_data=(str(folder / "dev"),) if row.get("dev-data") == "yes" else (),
            noise=extra,
            rir=extra,
        )
        task = prepare(sources, options)
        state = train(task, exp, num_workers=0, should_stop=lambda: next(steps, None) is None)
        if state.epoch == options.train.num_epochs:
            task.write_final(state, exp / "final.kws")
    except InputError as error:
        return None if any(words in str(error) for words in DIVERGED) else str(error)
    return None


def settled(row: dict[str, str], said: str) -> dict[str, str]:
    """The row without those of its options that a refusal names, of which there must be some."""
    assert "\n" not in said
    named = {name for name in row if name in said}
    assert named, f"{said}: names none of the options {row}"
    return {name: value for name, value in row.items() if name not in named}


def check_rows(factors: Factors, fault: Callable[[dict[str, str]], str | None]) -> int:
    """Try rows that hold all pairs; of a refused one the options go that are named, until it runs.

    Returns:
        the number of rows that ran with more than half of their options.
    """
    num_whole = 0
    for whole in covering_rows(factors):
        row = whole
        while row and (said := fault(row)) is not None:
            row = settled(row, said)
        num_whole += len(row) > len(whole) / 2
    return num_whole


def test_every_two_options_train_or_are_refused(folder: Path) -> None:
    factors = factors_of(*FEATURES, *TRAIN) | GIVEN
    accepted = {name: _accepted(name, values) for name, values in factors.items()}
    assert check_rows(accepted, lambda row: fault_of(folder, row)) > 20


def frame_fault_of(folder: Path, row: dict[str, str]) -> str | None:
    """As `fault_of`, of a training on frames of tables."""
    exp = folder / "exp"
    shutil.rmtree(exp, ignore_errors=True)
    dev = {"dev_feats": f"scp:{folder}/dev.feats.scp", "dev_ali": f"ark:{folder}/dev.ali.ark"}
    steps = iter(range(4))
    try:
        lines = "--num-epochs=8\n--frames-per-job=50\n--add-layers-period=1\n"
        lines += lines_of(row, TrainOptions, FrameOptions)
        options, frames = parse_frame_options(lines, "train.conf")
        sources = FrameSources(
            feats=f"scp:{folder}/train.feats.scp",
            ali=f"ark:{folder}/train.ali.ark",
            network=str(network(folder, row.get("network", "one"), DIM)),
            pdfs=NUM_PDFS,
            **(dev if row.get("dev-feats") == "yes" else {}),
        )
        task = prepare_frames(sources, options, frames, exp)
        state = train(task, exp, should_stop=lambda: next(steps, None) is None)
        if state.epoch == options.num_epochs:
            task.write_final(state, exp / "final.kws")
    except InputError as error:
        return None if any(words in str(error) for words in DIVERGED) else str(error)
    return None


def test_every_two_options_of_a_training_on_frames(tmp_path: Path) -> None:
    write_tables(tmp_path, "train", seed=1, num_utterances=2)
    write_tables(tmp_path, "dev", seed=2, num_utterances=2)
    factors = factors_of(TrainOptions, FrameOptions)
    factors |= {"dev-feats": ["no", "yes"], "network": ["one", "grown"]}
    used = {name: values for name, values in factors.items() if name not in MEANINGLESS}
    assert check_rows(used, lambda row: frame_fault_of(tmp_path, row)) > 10


def test_what_is_shorter_than_the_steps_over_it_is_learnt(folder: Path) -> None:
    """Whole utterances of fewer frames than learn-every."""
    assert fault_of(folder, {"objective": "max-pool", "learn-every": "1000"}) is None


@pytest.mark.parametrize("cls", [*FEATURES, *TRAIN], ids=lambda cls: cls.__name__)
def test_texts_that_are_no_value_are_refused(cls: type) -> None:
    for name, key in keys_of(cls).items():
        texts = refused_alone(key)
        assert texts
        for text in texts:
            with pytest.raises(ConfigError) as caught:
                parse_options(f"--{name}={text}\n", "x.conf", [cls])
            assert str(caught.value).startswith(f"x.conf:1: {name}={text}: {name} "), text
            assert "\n" not in str(caught.value)


def _accepted(name: str, values: list[str]) -> list[str]:
    """Those that are not refused alone."""
    alone = (
        "mfcc" if name in keys_of(MfccOptions) and name not in keys_of(FbankOptions) else "fbank"
    )
    accepted = []
    for value in values:
        try:
            features = feature_lines({"feature-type": alone, name: value})
            parse_feature_options(features, "feats.conf")
            parse_train_options(lines_of({name: value}, *TRAIN), "train.conf")
        except ConfigError:
            continue
        accepted.append(value)
    return accepted
