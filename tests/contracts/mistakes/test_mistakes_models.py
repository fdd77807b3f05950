"""Models that are damaged, foreign, or not the kind that is needed."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from mistakes_world import Case, World

DETECT = "detect bad.kws sound.wav"


def edited(
    change: Callable[[dict[str, str], dict[str, torch.Tensor]], object], source: str = "final.kws"
) -> Callable[[Path], None]:
    """Write bad.kws: a good model in which one thing is changed."""

    def edit(folder: Path) -> None:
        with safetensors.safe_open(folder / source, framework="pt") as file:
            texts = dict(file.metadata())
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        change(texts, tensors)
        safetensors.torch.save_file(tensors, folder / "bad.kws", texts)

    return edit


def metadata(**values: object) -> Callable[[Path], None]:
    return edited(
        lambda texts, _: texts.update(
            metadata=json.dumps({**json.loads(texts["metadata"]), **values})
        )
    )


CASES = [
    Case(
        "a model that is missing",
        "detect no.kws sound.wav",
        "no.kws: No such file or directory; name a file that can be read",
    ),
    Case(
        "a directory for a model",
        "detect data sound.wav",
        "data: Is a directory; name a file that can be read",
    ),
    Case(
        "a sound for a model",
        "detect sound.wav sound.wav",
        "sound.wav: not a kws model, or damaged (...); make it again",
    ),
    Case(
        "a pickle",
        DETECT,
        "bad.kws: not a kws model, or damaged (...); make it again",
        {"bad.kws": pickle.dumps({"weights": [1.0]})},
    ),
    Case(
        "a file of torch.save",
        DETECT,
        "bad.kws: not a kws model, or damaged (...); make it again",
        prepare=lambda f: torch.save({"w": torch.zeros(3)}, f / "bad.kws"),
    ),
    Case(
        "an empty file",
        "info bad.kws",
        "bad.kws: not a kws model, or damaged (...); make it again",
        {"bad.kws": b""},
    ),
    Case(
        "a model cut short",
        DETECT,
        "bad.kws: not a kws model, or damaged (...); make it again",
        prepare=lambda f: (f / "bad.kws").write_bytes((f / "final.kws").read_bytes()[:-100]),
    ),
    Case(
        "a model cut in its header",
        "info bad.kws",
        "bad.kws: not a kws model, or damaged (...); make it again",
        prepare=lambda f: (f / "bad.kws").write_bytes((f / "final.kws").read_bytes()[:200]),
    ),
    Case(
        "safetensors of another program",
        DETECT,
        "bad.kws: a safetensors file, but not a kws model; use `kws init` or train",
        prepare=lambda f: safetensors.torch.save_file({"w": torch.zeros(3)}, f / "bad.kws"),
    ),
    Case(
        "a newer format",
        DETECT,
        "bad.kws: model format 2, this kws reads 1; use a newer kws",
        prepare=edited(lambda texts, _: texts.update(format_version="2")),
    ),
    Case(
        "a model without its network",
        DETECT,
        "bad.kws: not a kws model, or damaged (...); make it again",
        prepare=edited(lambda texts, _: texts.pop("network")),
    ),
    Case(
        "metadata that is no JSON",
        "info bad.kws",
        "bad.kws: not a kws model, or damaged (...); make it again",
        prepare=edited(lambda texts, _: texts.update(metadata="{")),
    ),
    Case(
        "metadata that is a list",
        "info bad.kws",
        "bad.kws: the model's metadata is not a JSON object; make it again",
        prepare=edited(lambda texts, _: texts.update(metadata="[]")),
    ),
    Case(
        "a network with an unknown component",
        DETECT,
        "bad.kws:1: Sofmax: no such component type; did you mean SoftmaxComponent? "
        "`kws describe` lists them",
        prepare=edited(lambda texts, _: texts.update(network="Sofmax dim=3\n")),
    ),
    Case(
        "features of another dimension",
        DETECT,
        "bad.kws: the network reads 8 values per frame, but the features have 9; make them equal",
        prepare=edited(lambda texts, _: texts.update(features="--num-mel-bins=9\n")),
    ),
    Case(
        "an unknown feature option",
        DETECT,
        "bad.kws:1: unknown key num-mel, did you mean num-mel-bins?",
        prepare=edited(lambda texts, _: texts.update(features="--num-mel=9\n")),
    ),
    Case(
        "a missing tensor",
        DETECT,
        "bad.kws: tensor nnet.1.bias is missing, its network needs (6,); make the model again",
        prepare=edited(lambda _, tensors: tensors.pop(min(tensors))),
    ),
    Case(
        "a tensor of another shape",
        DETECT,
        "bad.kws: tensor nnet.1.bias is (7,), its network needs (6,); make the model again",
        prepare=edited(lambda _, tensors: tensors.update({min(tensors): torch.zeros(7)})),
    ),
    Case(
        "a tensor of NaN",
        DETECT,
        "bad.kws: tensor nnet.1.bias holds values that are not finite; make the model again",
        prepare=edited(lambda _, tensors: tensors[min(tensors)].fill_(float("nan"))),
    ),
    Case(
        "a tensor too many",
        DETECT,
        "bad.kws: tensor nnet.9.w is (7,), its network needs none; make the model again",
        prepare=edited(lambda _, tensors: tensors.update({"nnet.9.w": torch.zeros(7)})),
    ),
    Case(
        "too few units",
        DETECT,
        "bad.kws: the network has 3 outputs, but the metadata 1 units; make them equal",
        prepare=metadata(units=["<filler>"]),
    ),
    Case(
        "word times that are none",
        DETECT,
        "bad.kws: its metadata is damaged at word_times; train the model again",
        prepare=metadata(word_times={"low": {"start_s": None}}),
    ),
    Case(
        "a keyword of a unit that is not there",
        DETECT,
        "bad.kws: keyword 'jarvis': there is no unit 7; they are 0 to 2",
        prepare=metadata(keywords=[{"name": "jarvis", "units": [7]}]),
    ),
    Case(
        "keywords that are a word",
        DETECT,
        "bad.kws: keywords in its metadata must be a list of objects with a name "
        "and units (numbers from 0); make the model again",
        prepare=metadata(keywords="jarvis"),
    ),
    Case(
        "keywords that are a word, shown",
        "info bad.kws",
        "bad.kws: keywords in its metadata must be a list of objects with a name "
        "and units (numbers from 0); make the model again",
        prepare=metadata(keywords="jarvis"),
    ),
    Case(
        "a threshold that is a word",
        DETECT,
        "bad.kws: thresholds in its metadata must be an object that holds an "
        "object with a threshold for each keyword; make the model again",
        prepare=metadata(thresholds={"jarvis": {"threshold": "high"}}),
    ),
    Case(
        "thresholds that are a list",
        DETECT,
        "bad.kws: thresholds in its metadata must be an object that holds an "
        "object with a threshold for each keyword; make the model again",
        prepare=metadata(thresholds=[]),
    ),
    Case(
        "a threshold without its object, shown",
        "info bad.kws",
        "bad.kws: thresholds in its metadata must be an object that holds an "
        "object with a threshold for each keyword; make the model again",
        prepare=metadata(thresholds={"jarvis": 0.5}),
    ),
    Case(
        "a threshold that no float holds",
        DETECT,
        "bad.kws: thresholds in its metadata must be an object that holds an object "
        "with a threshold for each keyword; make the model again",
        prepare=metadata(thresholds={"jarvis": {"threshold": 10**400}}),
    ),
    Case(
        "a threshold beyond every confidence",
        DETECT,
        "threshold 1.0000000000000002 of 'jarvis': it must lie between 0 and 1; give another, or "
        "solve it with `kws evaluate --dev`",
        prepare=metadata(
            thresholds={"jarvis": {"threshold": 1.0000000000000002}, "computer": {"threshold": 0.5}}
        ),
    ),
    Case(
        "a refractory period of a year",
        DETECT,
        "refractory_s=31536000.0: it must lie between 0 and 86400 s, a day",
        prepare=metadata(refractory_s=31536000),
    ),
    Case(
        "smoothing over 0 frames",
        DETECT,
        "bad.kws: posterior in its metadata must be an object with w_smooth and "
        "w_max, frames from 1, and the name of a confidence; make the model again",
        prepare=metadata(posterior={"w_smooth": 0}),
    ),
    Case(
        "an unknown confidence",
        DETECT,
        "bad.kws: confidence 'mean': it must be one of chen, ordered",
        prepare=metadata(posterior={"confidence": "mean"}),
    ),
    Case(
        "a refractory period of null",
        DETECT,
        "bad.kws: refractory_s in its metadata must be a number of seconds, 0 or "
        "more; make the model again",
        prepare=metadata(refractory_s=None),
    ),
    Case(
        "a network alone to detect with",
        "detect 0.kws sound.wav",
        "0.kws: holds a network without features and keywords; a keyword model is "
        "what `kws train` makes",
    ),
    Case(
        "a network alone to evaluate",
        "evaluate --model 0.kws --test data --out out",
        "0.kws: holds a network without features and keywords; a keyword model is "
        "what `kws train` makes",
    ),
    Case(
        "a network alone for a data dir",
        "posteriors 0.kws data ark:out.ark",
        "0.kws: a network without features, which a data dir needs; give a table "
        "of matrices as the network reads them",
    ),
    Case(
        "a network alone to align with",
        "align --model 0.kws data out.ctm",
        "0.kws: holds a network without features and keywords; a keyword model is "
        "what `kws train` makes",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_model(case: Case, world: World) -> None:
    world.check(case)
