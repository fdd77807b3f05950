"""Mistakes with phone models: train-gmm, align --gmm, make-graph and decode."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import phone_tones
import pytest
from mistakes_world import Case, World

from kws.cli.main import run
from kws.files import write_text
from kws.kaldi import write_matrices

TRAIN = "train-gmm --num-iters 2 --totgauss 15"


def make_models(folder: Path) -> None:
    """A model and a graph, phones (transcripts), feats and likelihoods, as a user has them."""
    spoken = phone_tones.speak(6)
    write_text(folder / "phones", "".join(f"{s.utterance} {' '.join(s.phones)}\n" for s in spoken))
    with (
        write_matrices("ark,scp:mfcc.ark,mfcc.scp") as feats,
        write_matrices(f"ark:{folder}/ll.ark") as likelihoods,
    ):
        for s in spoken:
            feats.write(s.utterance, s.features)
            likelihoods.write(s.utterance, np.zeros((len(s.features), 15)))
    assert run([*TRAIN.split(), "phones", "scp:mfcc.scp", "mono"]) == 0
    assert run(["make-graph", "--data", "phones", "mono/final.mdl", "graph"]) == 0


CASES = [
    Case(
        "no such features",
        f"{TRAIN} phones data mono2",
        "data: has no feats.scp; name a folder of `kws features`",
    ),
    Case(
        "features of other utterances",
        f"{TRAIN} phones scp:feats.scp mono2",
        "scp:feats.scp: has none of the 6 utterances; are the ids equal?",
    ),
    Case(
        "a data dir without a text",
        f"{TRAIN} bad scp:mfcc.scp mono2",
        "bad/text: no such file; transcripts of a data dir stand there",
        {"bad/wav.scp": "u00 a.wav\n"},
    ),
    Case(
        "an empty text",
        f"{TRAIN} bad scp:mfcc.scp mono2",
        "bad: the file is empty; remove it or write its lines",
        {"bad": ""},
    ),
    Case(
        "another training in the folder",
        "train-gmm --num-iters 3 phones scp:mfcc.scp mono",
        "mono: holds a training with other options or data (train.conf); remove it or name "
        "another folder",
    ),
    Case(
        "an unknown option of the training",
        f"{TRAIN} --config bad.conf phones scp:mfcc.scp mono2",
        "bad.conf:1: unknown key tot-gauss, did you mean totgauss? (its keys: num-iters, "
        "max-iter-inc, totgauss, power, realign-iters, boost-silence, beam, seed)",
        {"bad.conf": "--tot-gauss=10\n"},
    ),
    Case(
        "a value that cannot be",
        f"{TRAIN} --config bad.conf phones scp:mfcc.scp mono2",
        "bad.conf:1: boost-silence=0: boost-silence must be greater than 0",
        {"bad.conf": "--boost-silence=0\n"},
    ),
    Case(
        "times of no kind",
        f"{TRAIN} --times often phones scp:mfcc.scp mono2",
        "--times often: is not one; write start or keep",
    ),
    Case(
        "no times",
        f"{TRAIN} --times keep phones scp:mfcc.scp mono2",
        "phones: gives no times; a data dir with a ctm is needed",
    ),
    Case(
        "a phone that Kaldi keeps",
        f"{TRAIN} bad scp:mfcc.scp mono2",
        "'#1' cannot be a phone: Kaldi keeps it for itself; rename it",
        {"bad": "u00 a #1 b\n"},
    ),
    Case(
        "transcripts too long for the frames",
        f"{TRAIN} bad scp:mfcc.scp mono2",
        "none of 1 utterances can be aligned; are the transcripts those of the features, and long "
        "enough for three frames a phone?",
        {"bad": "u00" + " a" * 200 + "\n"},
        made=("mono2/phones.txt", "mono2/topo", "mono2/train.conf", "mono2/tree"),
    ),
    Case(
        "features with nothing to model",
        f"{TRAIN} phones ark,t:bad.ark mono2",
        "column 0 of the features is the same in all frames; leave it out",
        {"bad.ark": "u00  [\n  1 2\n  1 3\n  1 4 ]\n"},
        notices=("ark,t:bad.ark: lacks 5 of 6 utterances; left out",),
        made=("mono2/phones.txt", "mono2/topo", "mono2/train.conf", "mono2/tree"),
    ),
    Case(
        "features that differ in columns",
        f"{TRAIN} phones ark,t:bad.ark mono2",
        "u01: features of 3 columns, but those of u00 have 2; compute all with the same options",
        {"bad.ark": "u00  [\n  1 2 ]\nu01  [\n  1 2 3 ]\n"},
        notices=("ark,t:bad.ark: lacks 4 of 6 utterances; left out",),
    ),
    Case(
        "features that are no numbers",
        f"{TRAIN} phones ark,t:bad.ark mono2",
        "u00: features that are no finite numbers; compute them again",
        {"bad.ark": "u00  [\n  1 nan ]\n"},
        notices=("ark,t:bad.ark: lacks 5 of 6 utterances; left out",),
    ),
    Case(
        "a model that is none",
        "align --gmm net.config --feats scp:mfcc.scp phones new.ctm",
        "net.config: byte 0: expected <TransitionModel>, found 'SpliceComponent input-di'; give a "
        ".mdl of Kaldi, or a transition model alone",
    ),
    Case(
        "no matrices to align",
        "align --gmm mono/final.mdl phones new.ctm",
        "--gmm: give either --feats or --log-likelihoods",
    ),
    Case(
        "options of keywords with phones",
        "align --gmm mono/final.mdl --keywords a --feats scp:mfcc.scp phones new.ctm",
        "kws align: Invalid value: --gmm aligns phones; leave out the options for keywords (see "
        "kws align --help)",
    ),
    Case(
        "options of phones without a model",
        "align --keywords computer --write-ali ark:new.ark data new.ctm",
        "kws align: Invalid value: --feats, --log-likelihoods, --times, --write-ali and "
        "--write-pdfs go with --gmm (see kws align --help)",
    ),
    Case(
        "an unknown phone",
        "align --gmm mono/final.mdl --feats scp:mfcc.scp bad new.ctm",
        "bad: u00: 'q' is not one of the 5 phones of the model; use the phones it was trained on",
        {"bad": "u00 sil q a\n"},
    ),
    Case(
        "features of other columns than the model's",
        "align --gmm mono/final.mdl --feats ark,t:bad.ark phones new.ctm",
        "ark,t:bad.ark: u00: features of 2 columns, but the model reads 4; compute them as for "
        "training",
        {"bad.ark": "u00  [\n  1 2 ]\n"},
    ),
    Case(
        "likelihoods of other outputs",
        "align --gmm mono/final.mdl --log-likelihoods scp:mfcc.scp phones new.ctm",
        "scp:mfcc.scp: u00: a matrix of 4 columns, but the model has 15 outputs; give one column "
        "per output",
    ),
    Case(
        "a model without its phones",
        "make-graph --data phones lone/final.mdl graph2",
        "lone/phones.txt: No such file or directory; name a file that can be read",
        prepare=lambda folder: write_bytes(
            folder / "lone/final.mdl", (folder / "mono/final.mdl").read_bytes()
        ),
    ),
    Case(
        "two language models",
        "make-graph --data phones --arpa graph/lm.arpa mono/final.mdl graph2",
        "kws make-graph: Invalid value: give either --data or --arpa (see kws make-graph --help)",
    ),
    Case(
        "an ARPA file that is none",
        "make-graph --arpa phones mono/final.mdl graph2",
        "phones: is no whole ARPA file (\\data\\ ... \\1-grams: ... \\end\\)",
    ),
    Case(
        "a language model of words",
        "make-graph --arpa bad.arpa mono/final.mdl graph2",
        "the language model: 'word' is not one of the 5 phones of the model; use the phones it was "
        "trained on",
        {"bad.arpa": "\\data\\\n\\1-grams:\n-1 word\n-1 </s>\n\\end\\\n"},
    ),
    Case(
        "no graph",
        "decode data ark:ll.ark decoded",
        "data/transitions.mdl: No such file or directory",
    ),
    Case(
        "a graph that is none",
        "decode bad ark:ll.ark decoded",
        "bad/HCLG.fst: is not an FST of type vector; give an HCLG.fst",
        prepare=lambda folder: [
            write_bytes(folder / "bad" / name, (folder / source).read_bytes())
            for name, source in (
                ("transitions.mdl", "mono/final.mdl"),
                ("phones.txt", "mono/phones.txt"),
                ("HCLG.fst", "phones"),
            )
        ],
    ),
    Case(
        "features without the model that they are for",
        "decode graph scp:mfcc.scp decoded",
        "scp:mfcc.scp: u00: a matrix of 4 columns, but the model has 15 outputs; give one column "
        "per output",
    ),
    Case(
        "no weights",
        "decode --lm-weights 3:x graph ark:ll.ark decoded",
        "--lm-weights 3:x: write numbers over 0 joined by colons, as 3:4:5",
    ),
    Case(
        "a weight of nothing",
        "decode --lm-weights 0 graph ark:ll.ark decoded",
        "--lm-weights 0: write numbers over 0 joined by colons, as 3:4:5",
    ),
    Case(
        "a beam of nothing",
        "decode --beam 0 graph ark:ll.ark decoded",
        "kws decode:1: beam=0.0: beam must be greater than 0",
    ),
    Case(
        "likelihoods that are no numbers",
        "decode graph ark,t:bad.ark decoded",
        "ark,t:bad.ark: u00: log-likelihoods that are no numbers; compute them again",
        {"bad.ark": "u00  [\n " + " nan" * 15 + " ]\n"},
    ),
    Case(
        "features of other columns than the GMM's",
        "decode --gmm mono/final.mdl graph ark,t:bad.ark decoded",
        "ark,t:bad.ark: u00: features of 2 columns, but the model reads 4; compute them as for "
        "training",
        {"bad.ark": "u00  [\n  1 2 ]\n"},
    ),
    Case(
        "nothing to decode",
        "decode graph ark,t:bad.ark decoded",
        "ark,t:bad.ark: holds no frames; nothing can be decoded",
        {"bad.ark": ""},
    ),
]


def write_bytes(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    before = Path.cwd()
    os.chdir(folder)
    try:
        make_models(folder)
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def models(world: World, made: Path) -> World:
    shutil.copytree(made, world.folder, dirs_exist_ok=True)
    return world


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_phone_model(case: Case, models: World) -> None:
    models.check(case)
