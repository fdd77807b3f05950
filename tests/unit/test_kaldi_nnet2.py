"""Kaldi's nnet2 files: old layouts, damaged files, sizes that no file can hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import InputError
from kws.kaldi.layouts import LAYOUTS
from kws.kaldi.nnet2 import (
    KaldiComponent,
    KaldiModel,
    format_kaldi_model,
    is_kaldi_model,
    parse_kaldi_model,
    read_kaldi_model,
    read_transition_model,
    write_kaldi_model,
)
from kws.kaldi.transitions import State, TransitionModel
from kws.nnet.component import COMPONENTS

VALUES = {
    "int": 3,
    "float": np.float32(0.125),
    "double": np.float64(2.5),
    "flag": True,
    "vector": np.array([1.0, -0.5], dtype=np.float32),
    "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
    "ints": (-1, 0, 1),
}
ORDERS = [(name, order) for name, layout in LAYOUTS.items() for order in layout.orders]


def transition_model(forward_class: int = 0) -> TransitionModel:
    emitting = State(forward_class, 0, ((0, np.float32(0.75)), (1, np.float32(0.25))))
    entries = ((emitting, State(-1, -1, ())),)
    is_hmm = forward_class == 0
    row = (1, 0, 0) if is_hmm else (1, 0, 1, 0)
    log_probs = np.array([0, -0.25, -1.5], dtype=np.float32)
    tag = "Triples" if is_hmm else "Tuples"
    return TransitionModel((1,), entries, (-1, 0), (row,), log_probs, tag)


def component(name: str, order: tuple[str, ...]) -> KaldiComponent:
    kinds = LAYOUTS[name].kinds
    return KaldiComponent(name, tuple((tag, VALUES[kinds[tag]]) for tag in order))


MODEL = KaldiModel(
    tuple(component(name, order) for name, order in ORDERS),
    transition_model(),
    np.array([0.25, 0.75], dtype=np.float32),
)
FILES = [format_kaldi_model(MODEL, text=text) for text in (False, True)]


def test_every_component_type_has_a_layout() -> None:
    assert LAYOUTS.keys() == COMPONENTS.keys()
    assert len(LAYOUTS) == 29


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize(("name", "order"), ORDERS, ids=lambda value: str(value)[:60])
def test_every_layout_is_written_again(name: str, order: tuple[str, ...], text: bool) -> None:
    model = KaldiModel((component(name, order),))
    content = format_kaldi_model(model, text=text)
    again = parse_kaldi_model(content, "a.raw")
    assert [tag for tag, _ in again.components[0].fields] == list(order)
    assert format_kaldi_model(again, text=text) == content
    assert format_kaldi_model(again) == format_kaldi_model(model)


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("forward_class", [0, 1])
def test_transition_models_are_written_again(forward_class: int, text: bool) -> None:
    model = KaldiModel((), transition_model(forward_class))
    content = format_kaldi_model(model, text=text)
    again = parse_kaldi_model(content, "a.mdl")
    assert format_kaldi_model(again) == format_kaldi_model(model)
    assert again.transitions is not None
    assert again.transitions.num_pdfs == 1 + forward_class


def test_a_file_is_written_whole_and_known_by_its_beginning(tmp_path: Path) -> None:
    for text in (False, True):
        path = tmp_path / "a.mdl"
        write_kaldi_model(path, MODEL, text=text)
        assert is_kaldi_model(path)
        assert format_kaldi_model(read_kaldi_model(path)) == FILES[0]
        transitions = read_transition_model(path)
        assert transitions.tuples == transition_model().tuples
    (tmp_path / "b.config").write_text("SoftmaxComponent dim=4\n")
    assert not is_kaldi_model(tmp_path / "b.config")


def test_doubles_stay_doubles() -> None:
    sums = np.array([1.0, 1 / 3])
    fields = (("Dim", 2), ("ValueSum", sums), ("DerivSum", sums), ("Count", np.float64(1 / 3)))
    content = format_kaldi_model(KaldiModel((KaldiComponent("TanhComponent", fields),)))
    assert b"DV " in content
    assert format_kaldi_model(parse_kaldi_model(content, "a.raw")) == content


@pytest.mark.parametrize("content", FILES, ids=["binary", "text"])
def test_a_file_that_is_cut_short_is_told_in_one_line(content: bytes) -> None:
    for end in range(0, len(content.rstrip()), 7):
        with pytest.raises(InputError, match=r"^a\.mdl: byte \d+: expected .*, found [^\n]*$"):
            parse_kaldi_model(content[:end], "a.mdl")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "byte 0: expected <TransitionModel> or <Nnet>, found the end of the file"),
        (b"RIFF\x00", r"byte 0: expected <TransitionModel> or <Nnet>, found 'RIFF"),
        (b"<Nnet> <NumComponents> 99999999 ", "byte 23: expected a count that the file has room"),
        (
            b"\0B<Nnet> <NumComponents> \x04\x01\0\0\0<Components> <FixedLinearComponent> "
            b"<CuMatrix> FM \x04\xff\xff\xff\x7f\x04\xff\xff\xff\x7f",
            "bytes of 2147483647 x 2147483647 values",
        ),
        (
            b"<Nnet> <NumComponents> 1 <Components> <LstmComponent> <Dim> 1 ",
            "byte 38: expected a component of nnet2",
        ),
        (
            b"<Nnet> <NumComponents> 1 <Components> <PowerComponent> <InputDim> 1.5 ",
            "byte 66: expected an int32, found '1.5 '",
        ),
        (
            b"<Nnet> <NumComponents> 1 <Components> <FixedBiasComponent> <Bias> [ 1 2x ]",
            "expected a number, found '2x ]'",
        ),
        (
            b"<Nnet> <NumComponents> 1 <Components> <FixedBiasComponent> <Bias> [ 1 -1e50 ]",
            "expected numbers that a float can hold, found",
        ),
        (
            b"<Nnet> <NumComponents> 1 <Components> <FixedBiasComponent> <Bias> [ 1 -1e500 ]",
            "expected numbers that a float can hold, found",
        ),
        # read in time that grows with its length, not with its square
        (
            b"<Nnet> <NumComponents> 1 <Components> <FixedBiasComponent> <Bias> [ "
            + 500_000 * b"1"
            + b"x ]",
            "expected a number, found '1111",
        ),
        (b"<Nnet> <NumComponents> 0 <Components> </Components> </Nnet> x", "the end of the file"),
    ],
)
def test_mistakes_are_told_with_their_offset(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_kaldi_model(content, "a.raw")


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=5), st.integers(0, 5)), max_size=4),
)
def test_damaged_files_are_read_or_refused(
    content: bytes, edits: list[tuple[float, bytes, int]]
) -> None:
    for place, insert, removed in edits:
        at = int(place * len(content))
        content = content[:at] + insert + content[at + removed :]
    try:
        model = parse_kaldi_model(content, "a.mdl")
    except InputError as error:
        assert "\n" not in str(error)
        assert "a.mdl: byte " in str(error)
    else:  # what was read can be written, in both forms
        assert format_kaldi_model(model)
        assert format_kaldi_model(model, text=True)
