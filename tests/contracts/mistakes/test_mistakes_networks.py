"""Mistakes in a network's config."""

from __future__ import annotations

import pytest
from mistakes_world import NETWORK, Case, World


def config(name: str, old: str, new: str, line: str) -> Case:
    """A config that is wrong in one place, for a model that there is already."""
    assert old in NETWORK
    return Case(name, "init bad.config final.kws", line, {"bad.config": NETWORK.replace(old, new)})


CASES = [
    config(
        "a component that does not exist",
        "RectifiedLinear",
        "RectifedLinear",
        "bad.config:3: RectifedLinearComponent: no such component type; did you "
        "mean RectifiedLinearComponent? `kws describe` lists them",
    ),
    config(
        "a key that does not exist",
        "left-context",
        "left-contxt",
        "bad.config:1: SpliceComponent: unknown key left-contxt, did you mean "
        "left-context? (its keys: left-context, right-context, context, input-dim, "
        "const-component-dim)",
    ),
    config(
        "a key given twice",
        "right-context=1",
        "right-context=1 input-dim=8",
        "bad.config:1: SpliceComponent: input-dim is given twice; keep one",
    ),
    config(
        "a missing key",
        "SpliceComponent input-dim=8 ",
        "SpliceComponent ",
        "bad.config:1: SpliceComponent: input-dim is missing: values per frame of the input",
    ),
    config(
        "a word that is no key=value",
        "right-context=1",
        "right-context 1",
        "bad.config:1: SpliceComponent: 'right-context' is not of the form key=value",
    ),
    config(
        "a number that is none",
        "output-dim=6",
        "output-dim=six",
        "bad.config:2: AffineComponent: output-dim=six: output-dim must be a whole "
        "number, such as 40",
    ),
    config(
        "a number that is too large",
        "output-dim=6",
        "output-dim=9999999999",
        "bad.config:2: AffineComponent: output-dim=9999999999: output-dim does not "
        "fit into 32 bits",
    ),
    config(
        "a dimension of 0",
        "output-dim=6",
        "output-dim=0",
        "bad.config:2: AffineComponent: output-dim=0: output-dim must be greater than 0",
    ),
    config(
        "neighbours that do not fit",
        "RectifiedLinearComponent dim=6",
        "RectifiedLinearComponent dim=7",
        "bad.config:3: RectifiedLinearComponent: its input has 7 values, but "
        "AffineComponent at bad.config:2 gives 6; make them equal",
    ),
    config(
        "a comment behind a line",
        "dim=6\nAff",
        "dim=6 # relu\nAff",
        "bad.config:3: RectifiedLinearComponent: a comment needs a line of its "
        "own; remove it from here",
    ),
    config(
        "a stddev that is no number",
        "output-dim=6",
        "output-dim=6 param-stddev=nan",
        "bad.config:2: AffineComponent: param-stddev=nan: param-stddev must be 0 or greater",
    ),
    Case(
        "a config that is no text",
        "init bad.config final.kws",
        "bad.config:1: byte 0xff is not UTF-8 (but perhaps UTF-16); convert the file to UTF-8",
        {"bad.config": b"\xff\xfe\x00\x01"},
    ),
    Case(
        "a folder without the network to begin with",
        "init data final.kws",
        "data: a folder without nnet.config; that is the network to begin with, beside it "
        "replace.1.config, ... or hidden.config add layers",
    ),
    Case(
        "a folder whose layer does not fit",
        "info layers",
        "layers/hidden.config:1: AffineComponent: its input has 5 values, but "
        "RectifiedLinearComponent before it gives 6; make them equal",
        {
            "layers/nnet.config": NETWORK,
            "layers/hidden.config": "AffineComponent input-dim=5 output-dim=6\n",
        },
    ),
    Case(
        "a missing config",
        "info no.config",
        "no.config: No such file or directory; name a file that can be read",
    ),
    Case(
        "a matrix file that is missing",
        "init bad.config final.kws",
        "bad.config:2: AffineComponent: matrix=w.mat: No such file or directory; "
        "name a file that can be read",
        {"bad.config": NETWORK.replace("input-dim=32 output-dim=6", "matrix=w.mat")},
    ),
    Case(
        "features of another dimension",
        "init net.config final.kws --features bad.conf",
        "bad.conf: gives 9 values per frame, but the network of net.config reads "
        "8; change one of them",
        {"bad.conf": "--num-mel-bins=9\n"},
    ),
    Case(
        "outputs that no component has",
        "init bad.config final.kws --num-outputs 4",
        "bad.config:1: SpliceComponent: no dim to set to 4 outputs; end the network in a softmax",
        {"bad.config": "SpliceComponent input-dim=8 left-context=2 right-context=1\n"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_network(case: Case, world: World) -> None:
    world.check(case)
