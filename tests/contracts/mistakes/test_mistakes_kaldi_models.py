"""Mistakes with Kaldi's model files, and with what they lack."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from mistakes_world import Case, World

MDL = Path(__file__).parents[2] / "golden" / "mdl"
AM = (MDL / "dnn-1.mdl").read_bytes()
NO_PRIORS = (MDL / "dnn-0.mdl").read_bytes()
GMM = (MDL / "mono.mdl").read_bytes()
REMEDY = "; give a whole nnet2 model of Kaldi"

CASES = [
    Case(
        "a Kaldi model cut short, shown",
        "info am.mdl",
        f"am.mdl: byte 1169: expected 32000 bytes of 20 x 400 values, found '...'{REMEDY}",
        {"am.mdl": AM[:20000]},
    ),
    Case(
        "a Kaldi model cut short, computed",
        "posteriors am.mdl scp:feats.scp ark:out.ark",
        f"am.mdl: byte 1169: expected 32000 bytes of 20 x 400 values, found '...'{REMEDY}",
        {"am.mdl": AM[:20000]},
    ),
    Case(
        "a Kaldi model cut short, copied",
        "copy am.mdl new.kws",
        f"am.mdl: byte 38763: expected a vector (FV or DV), found the end of the file{REMEDY}",
        {"am.mdl": AM[:38763]},
    ),
    Case(
        "a GMM for a network",
        "posteriors gmm.mdl scp:feats.scp ark:out.ark",
        f"gmm.mdl: byte 909: expected <Nnet>, found '<DIMENSION>...'{REMEDY}",
        {"gmm.mdl": GMM},
    ),
    Case(
        "a network of nnet3",
        "posteriors bad.raw scp:feats.scp ark:out.ark",
        f"bad.raw: byte 2: expected <TransitionModel> or <Nnet>, found '<Nnet3> \\n'{REMEDY}",
        {"bad.raw": b"\0B<Nnet3> \n"},
    ),
    Case(
        "a component of nnet3",
        "info bad.raw",
        f"bad.raw: byte 38: expected a component of nnet2, <...Component>, found '...'{REMEDY}",
        {"bad.raw": "<Nnet> <NumComponents> 1 <Components> <LstmComponent> <Dim> 1 "},
    ),
    Case(
        "components that do not fit",
        "info bad.raw",
        "bad.raw: component 1: TanhComponent: its input has 4 values, but TanhComponent at "
        "bad.raw: component 0 gives 3; make them equal",
        {
            "bad.raw": "<Nnet> <NumComponents> 2 <Components> <TanhComponent> <Dim> 3 "
            "</TanhComponent> <TanhComponent> <Dim> 4 </TanhComponent> </Components> </Nnet> "
        },
    ),
    Case(
        "a dimension that no network has",
        "posteriors bad.raw scp:feats.scp ark:out.ark",
        "bad.raw: component 0: TanhComponent: Dim is 2000000000, more than 4194304; give a whole "
        "model",
        {
            "bad.raw": "<Nnet> <NumComponents> 1 <Components> <TanhComponent> <Dim> 2000000000 "
            "</TanhComponent> </Components> </Nnet> "
        },
    ),
    Case(
        "features of another network",
        "posteriors am.mdl scp:feats.scp ark:out.ark",
        "scp:feats.scp: a-1: 8 columns, but 40 are read; give the features that the model was "
        "made for",
        {"am.mdl": AM},
    ),
    Case(
        "a data dir for a network of Kaldi",
        "posteriors am.mdl data ark:out.ark",
        "am.mdl: a network without features, which a data dir needs; give a table of matrices as "
        "the network reads them",
        {"am.mdl": AM},
    ),
    Case(
        "priors that were never set",
        "posteriors --divide-by-priors am.mdl scp:feats.scp ark:out.ark",
        "am.mdl: holds no priors to divide by; leave out --divide-by-priors, or `kws copy` it "
        "with --priors FILE",
        {"am.mdl": NO_PRIORS},
    ),
    Case(
        "priors of a keyword model",
        "posteriors --divide-by-priors final.kws scp:feats.scp ark:out.ark",
        "final.kws: holds no priors to divide by; leave out --divide-by-priors, or `kws copy` it "
        "with --priors FILE",
    ),
    Case(
        "a network of Kaldi to detect with",
        "detect am.mdl sound.wav",
        "am.mdl: not a kws model, or damaged (...); make it again",
        {"am.mdl": AM},
    ),
    Case(
        "an acoustic model to detect with",
        "detect am.kws sound.wav",
        "am.kws: holds a network without features and keywords; a keyword model is what "
        "`kws train` makes",
        {"am.mdl": AM},
    ),
    Case(
        "an .mdl of a keyword model",
        "copy final.kws new.mdl",
        "final.kws: holds no transition model, which an .mdl needs; give --transition-model FILE, "
        "such as the .mdl of the system that made the alignments",
    ),
    Case(
        "a transition model of another network",
        "copy final.kws new.mdl --transition-model am.mdl --priors priors",
        "am.mdl: its transition model has 19 pdfs, but the network 3 outputs; give the one that "
        "the network was trained with",
        {"am.mdl": AM, "priors": " [ 0.5 0.25 0.25 ]\n"},
    ),
    Case(
        "no transition model at all",
        "copy final.kws new.mdl --transition-model feats.conf --priors priors",
        "feats.conf: byte 0: expected <TransitionModel>, found '--num-mel-bins=8...'; give a .mdl "
        "of Kaldi, or a transition model alone",
        {"priors": " [ 0.5 0.25 0.25 ]\n"},
    ),
    Case(
        "a network for priors",
        "copy final.kws new.kws --priors am.mdl",
        "am.mdl: byte 2: expected a vector (FV or DV), found '<TransitionModel> ...'; give one "
        "vector of Kaldi",
        {"am.mdl": AM},
    ),
    Case(
        "a name that does not say what to write",
        "copy final.kws new",
        "new: its name must say what to write: end it in .kws, .mdl (Kaldi's acoustic model) or "
        ".raw (Kaldi's raw network)",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_model_of_kaldi(case: Case, world: World) -> None:
    if "am.kws" in case.command:
        made = dataclasses.replace(
            case, command="copy am.mdl am.kws", line="", status=0, made=("am.kws",)
        )
        world.check(made)
    world.check(case)
