"""`kws posteriors` against Kaldi's nnet-compute (tests/golden/nnet2/README.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from kaldi_text import load_parameters, read_archive

from kws.cli.main import run as kws
from kws.nnet import ModelFile, Nnet, write_model

NNET2 = Path(__file__).parent / "nnet2"
FLAGS = {".out": [], ".log.out": ["--apply-log"], ".nopad.out": ["--no-pad-input"]}


@pytest.mark.parametrize("form", FLAGS)
@pytest.mark.parametrize(("name", "table"), [("dnn", "in40"), ("convnet", "in108")])
def test_the_table_is_kaldis(
    name: str,
    table: str,
    form: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = NNET2 / f"{name}.config"
    nnet = Nnet.from_config(config.read_text(), str(config), torch.Generator().manual_seed(0))
    load_parameters(nnet, NNET2 / f"{name}.txt.raw")
    model, target = str(tmp_path / "0.kws"), tmp_path / "post.txt"
    write_model(model, ModelFile(nnet.config_text(), tensors=nnet.tensors()))
    source = NNET2 / f"{table}.txt"
    assert kws(["posteriors", *FLAGS[form], model, f"ark,t:{source}", f"ark,t:{target}"]) == 0

    inputs, outputs = read_archive(source), read_archive(target)
    expected = read_archive(NNET2 / f"{name}{form}")
    assert list(outputs) == list(expected)
    left_out = [key for key in inputs if key not in expected]
    assert bool(left_out) == (form == ".nopad.out")
    assert [r.getMessage().partition(":")[0] for r in caplog.records] == left_out
    for key, output in outputs.items():
        # float32 on both sides; text has 7 digits
        np.testing.assert_allclose(output, expected[key], rtol=2e-5, atol=1e-7)
