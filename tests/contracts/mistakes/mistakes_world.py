"""A small world of a user's files, and what every mistake made in it must come to."""

from __future__ import annotations

import hashlib
import logging
import re
import shlex
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from kws.audio import NOTICES, write_audio
from kws.cli.main import run
from kws.data import Utterance, Word, write_data_dir
from kws.features import parse_feature_options
from kws.kaldi import write_matrices
from kws.nnet import ModelFile, Nnet, write_model
from kws.spotter import Spotter

NETWORK = """SpliceComponent input-dim=8 left-context=2 right-context=1
AffineComponent input-dim=32 output-dim=6
RectifiedLinearComponent dim=6
AffineComponent input-dim=6 output-dim=3
SoftmaxComponent dim=3
"""
FEATURES = "--num-mel-bins=8\n--high-freq=3700\n"
METADATA = {
    "units": ["<filler>", "jarvis", "computer"],
    "keywords": [{"name": "jarvis", "units": [1]}, {"name": "computer", "units": [2]}],
    "posterior": {"w_smooth": 10, "w_max": 30, "confidence": "chen"},
    "refractory_s": 0.3,
    "word_times": {name: {"start_s": 0, "end_s": 0} for name in ("jarvis", "computer")},
}
TEXTS = {"a-1": "jarvis", "a-2": "computer", "b-1": "hello there", "b-2": "good morning"}
WORD_SPAN_S = (0.25, 0.5)
TRAIN = (
    "train --data data --network net.config --features feats.conf --keywords jarvis,computer "
    "--config train.conf --exp exp"
)
TRAIN_OPTIONS = "--num-epochs=1\n--utterances-per-epoch=4\n--augment=false\n"


def make_world(folder: Path) -> None:
    """Write the files that a user had before the mistake.

    They are small but real: a data dir of four utterances of 0.6 s, a config, options, a model
    with thresholds (final.kws), one without (new.kws), a network alone (0.kws), and results of
    earlier runs, which no mistake may touch.
    """
    random = np.random.default_rng(0)
    sounds = {name: 1000 * random.standard_normal(9600) for name in (*TEXTS, "sound")}
    for name, samples in sounds.items():
        write_audio(
            folder / ("sound.wav" if name == "sound" else f"data/{name}.wav"), samples, 16000
        )
    write_data_dir(
        folder / "data",
        [Utterance(i, i[0], text, str(folder / f"data/{i}.wav")) for i, text in TEXTS.items()],
        ctm=[Word(i, *WORD_SPAN_S, TEXTS[i]) for i in ("a-1", "a-2")],
    )
    (folder / "net.config").write_text(NETWORK)
    (folder / "feats.conf").write_text(FEATURES)
    (folder / "train.conf").write_text(TRAIN_OPTIONS)
    nnet = Nnet.from_config(NETWORK, "net.config", torch.Generator().manual_seed(0))
    options = parse_feature_options(FEATURES, "feats.conf")
    spotter = Spotter.from_parts(options, None, nnet, METADATA)
    spotter.save(folder / "new.kws")
    thresholds = {keyword.name: {"threshold": 0.9} for keyword in spotter.keywords}
    spotter.with_thresholds(thresholds).save(folder / "final.kws")
    write_model(folder / "0.kws", ModelFile(nnet.config_text(), tensors=nnet.tensors()))
    with write_matrices(f"ark,scp:{folder}/feats.ark,{folder}/feats.scp") as writer:
        for name in TEXTS:
            writer.write(name, random.standard_normal((30, 8)))
    for name in ("out.ark", "out.ctm", "out/feats.ark", "out/report.html", "out/wav.scp"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("of an earlier run\n")


@dataclass(frozen=True)
class Case:
    """One mistake: what is wrong, what is typed, and the one line that answers.

    Attributes:
        name: what is wrong.
        command: the words after `kws`, in the world's folder.
        line: the whole line on standard error; `...` stands for words that are not ours (a
            library's, a version's).
        files: written before, by path.
        prepare: called before with the world's folder.
        notices: the warnings told in addition, each a line of its own.
        made: the files that the command makes all the same, in order.
        changed: the files that the command changes all the same.
        status: the exit status.
    """

    name: str
    command: str
    line: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    prepare: Callable[[Path], object] | None = None
    notices: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    status: int = 2

    def __str__(self) -> str:
        return self.name


class World:
    """The files in the working directory, and the check of a case."""

    def __init__(
        self,
        folder: Path,
        capsys: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        self.folder, self._capsys, self._caplog = folder, capsys, caplog

    def check(self, case: Case, around: AbstractContextManager[object] | None = None) -> str:
        """Make the mistake; what was there before must be there after, and nothing else.

        Args:
            case: the mistake.
            around: what holds while the command runs.

        Returns:
            what the command printed on standard output
        """
        for name, content in case.files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        if case.prepare is not None:
            case.prepare(self.folder)
        before = self.contents()
        NOTICES.clear()
        self._caplog.clear()
        with self._caplog.at_level(logging.WARNING), around or nullcontext():
            status = run(shlex.split(case.command))
        captured = self._capsys.readouterr()
        assert status == case.status, captured.err
        assert matches(f"{case.line}\n" if case.line else "", captured.err)
        notices = [record.getMessage() for record in self._caplog.records]
        assert len(notices) == len(case.notices), notices
        assert all(map(matches, case.notices, notices)), notices
        after = self.contents()
        made = sorted(after.keys() - before.keys())
        assert len(made) == len(case.made), made
        assert all(map(matches, case.made, made)), made
        changed = [name for name in before if after.get(name) != before[name]]
        assert changed == list(case.changed)
        return captured.out

    def contents(self) -> dict[str, str]:
        """Every file of the world and its digest."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }


def matches(expected: str, line: str) -> bool:
    """Whether `line` is `expected`, in which `...` stands for any words of that line."""
    return re.fullmatch(".*".join(map(re.escape, expected.split("..."))), line) is not None
