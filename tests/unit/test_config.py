"""Kaldi's config text: what counts as a line, a number, a bool and a list, and what is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from kws.config import (
    ConfigError,
    ConfigLine,
    format_options,
    format_values,
    key,
    keys_of,
    non_negative,
    one_of,
    parse_config,
    parse_options,
    positive,
    proportion,
    read_values,
)


class Layer:
    """Stands for a component."""

    not_a_key = 3
    input_dim: int = key("width", check=positive)
    learning_rate: float = key("step", default=0.001)
    appended: bool = key("order", default=False)
    context: tuple[int, ...] | None = key("frames", default=None)
    matrix: str | None = key("file", default=None)


class WiderLayer(Layer):
    input_dim: int = key("width, or none", default=0, check=non_negative)
    dropout: float = key("part", default=0.5, check=proportion)


@dataclass(frozen=True)
class WindowOptions:
    window_type: str = key("shape", default="povey", check=one_of("povey", "hamming"))
    dither: float = key("noise", default=0.0)


@dataclass(frozen=True)
class MelOptions:
    num_mel_bins: int = key("bands", default=23, check=positive)
    htk_compat: bool = key("order", default=False)


def line_of(words: str) -> ConfigLine:
    (line,) = parse_config(f"Layer {words}", "net.config")
    return line


def read(words: str) -> dict[str, object]:
    return read_values(line_of(words), Layer)


def error_of(words: str, cls: type = Layer) -> str:
    with pytest.raises(ConfigError) as caught:
        read_values(line_of(words), cls)
    return str(caught.value)


def test_lines_are_words_with_their_place() -> None:
    text = "# head\n\n  A  x=1\ty=2 \r\n   # more\nB\n \t \nC z=#3\n"
    assert parse_config(text, "f.config") == [
        ConfigLine("A", ("x=1", "y=2"), "f.config:3"),
        ConfigLine("B", (), "f.config:5"),
        ConfigLine("C", ("z=#3",), "f.config:7"),
    ]
    assert parse_config("A x=1\ty=2", "f")[0].text == "A x=1 y=2"


def test_replaced_changes_the_keys_that_are_there() -> None:
    line = line_of("input-dim=3 learning-rate=1")
    assert line.replaced(input_dim="7", matrix="m").text == "Layer input-dim=7 learning-rate=1"
    assert line.text == "Layer input-dim=3 learning-rate=1"


def test_values_and_defaults() -> None:
    assert read("input-dim=3 context=-1:0:2 appended=true matrix=a=b") == {
        "input_dim": 3,
        "learning_rate": 0.001,
        "appended": True,
        "context": (-1, 0, 2),
        "matrix": "a=b",
    }


@pytest.mark.parametrize(
    ("text", "value"), [("3", 3), ("+3", 3), ("010", 10), ("2147483647", 2**31 - 1)]
)
def test_whole_numbers(text: str, value: int) -> None:
    assert read(f"input-dim={text}")["input_dim"] == value


@pytest.mark.parametrize("text", ["3.0", "1e2", "0x10", "", "abc", "3 ", "--3", "1_000", "٣", "-"])
def test_what_is_no_whole_number(text: str) -> None:
    line = ConfigLine("Layer", (f"input-dim={text}",), "net.config:1")
    with pytest.raises(ConfigError) as caught:
        read_values(line, Layer)
    assert str(caught.value) == (
        f"net.config:1: Layer: input-dim={text}: input-dim must be a whole number, such as 40"
    )


@pytest.mark.parametrize("text", ["2147483648", "-2147483649", "99999999999"])
def test_whole_numbers_have_32_bits(text: str) -> None:
    assert error_of(f"input-dim={text}").endswith("input-dim does not fit into 32 bits")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        ("-.5", -0.5),
        ("1e-3", 0.001),
        ("+2.E+2", 200.0),
        ("inf", math.inf),
        ("-Infinity", -math.inf),
        ("0x1p-2", 0.25),
    ],
)
def test_numbers(text: str, value: float) -> None:
    assert read(f"input-dim=3 learning-rate={text}")["learning_rate"] == value


def test_nan_is_a_number() -> None:
    assert math.isnan(read("input-dim=3 learning-rate=nan")["learning_rate"])  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["fast", "", "1.2.3", ".", "1e", "1_0.5", "0xg", "1,5", "e3"])
def test_what_is_no_number(text: str) -> None:
    assert error_of(f"input-dim=3 learning-rate={text}") == (
        f"net.config:1: Layer: learning-rate={text}: learning-rate must be a number, such as 0.01"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("T", True), ("Txyz", True), ("false", False), ("F", False), ("frue", False)],
)
def test_bools_go_by_their_first_letter(text: str, value: bool) -> None:
    assert read(f"input-dim=3 appended={text}")["appended"] is value


@pytest.mark.parametrize("text", ["1", "yes", "", "0", "on"])
def test_what_is_no_bool(text: str) -> None:
    assert error_of(f"input-dim=3 appended={text}") == (
        f"net.config:1: Layer: appended={text}: appended must be true or false"
    )


@pytest.mark.parametrize("text", ["-1,0,1", "", "1:", ":1", "1::2", "a:b", "1.5:2"])
def test_what_is_no_list(text: str) -> None:
    assert error_of(f"input-dim=3 context={text}") == (
        f"net.config:1: Layer: context={text}: context must be whole numbers joined by colons, "
        "such as -2:0:2"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "input-dim is missing: width"),
        ("input-dim=0", "input-dim=0: input-dim must be greater than 0"),
        ("input-dim=3 input-dim=3", "input-dim is given twice; keep one"),
        ("input-dim = 3", "'input-dim' is not of the form key=value"),
        ("input-dim=3 hello", "'hello' is not of the form key=value"),
        ("input-dim=3 matrix=", "matrix=: matrix must not be empty"),
        (
            "input-dim=3 # trailing",
            "a comment needs a line of its own; remove it from here",
        ),
        (
            "input_dim=3",
            "unknown key input_dim, did you mean input-dim? "
            "(its keys: input-dim, learning-rate, appended, context, matrix)",
        ),
        (
            "Input-Dim=3",
            "unknown key Input-Dim, did you mean input-dim? "
            "(its keys: input-dim, learning-rate, appended, context, matrix)",
        ),
        (
            "colour=3",
            "unknown key colour (its keys: input-dim, learning-rate, appended, context, matrix)",
        ),
        (
            "not-a-key=3",
            "unknown key not-a-key (its keys: input-dim, learning-rate, appended, context, matrix)",
        ),
    ],
)
def test_mistakes_are_told_with_place_and_remedy(words: str, message: str) -> None:
    assert error_of(words) == f"net.config:1: Layer: {message}"


def test_a_subclass_overrides_a_key_in_its_place() -> None:
    keys = keys_of(WiderLayer)
    assert list(keys) == [*keys_of(Layer), "dropout"]
    assert not keys["input-dim"].required
    assert keys["input-dim"].help == "width, or none"
    assert keys_of(Layer)["input-dim"].required
    assert error_of("dropout=1.5", WiderLayer).endswith("dropout must lie between 0 and 1")


def test_kinds_have_names_for_the_documentation() -> None:
    kinds = {name: declared.kind_name for name, declared in keys_of(Layer).items()}
    assert kinds == {
        "input-dim": "int",
        "learning-rate": "float",
        "appended": "bool",
        "context": "ints",
        "matrix": "string",
    }


def test_written_words_are_the_required_and_the_changed() -> None:
    values = {**read("input-dim=3"), "context": (-2, 0), "appended": True, "learning_rate": 1 / 3}
    words = format_values(Layer, values.__getitem__)
    assert words == [
        "input-dim=3",
        "learning-rate=0.333333333",
        "appended=true",
        "context=-2:0",
    ]
    again = read(" ".join(words))
    assert again == {**values, "learning_rate": 0.333333333}


def test_options_of_several_classes_stand_in_one_file() -> None:
    text = (
        "--num-mel-bins=40 # bands\n\n"
        "  --window-type=hamming\n--htk-compat\n"
        "# --dither=9\n--dither = 1\n--num_mel_bins=41"
    )
    windows, mels = parse_options(text, "fbank.conf", [WindowOptions, MelOptions])
    assert windows == WindowOptions(window_type="hamming", dither=1.0)
    assert mels == MelOptions(num_mel_bins=41, htk_compat=True)
    written = format_options(windows, mels)
    assert written == "--window-type=hamming\n--dither=1\n--num-mel-bins=41\n--htk-compat=true\n"
    assert parse_options(written, "x", [WindowOptions, MelOptions]) == (windows, mels)
    assert format_options(WindowOptions(), MelOptions()) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--num-mel-bins=0", "1: num-mel-bins=0: num-mel-bins must be greater than 0"),
        (
            "\n--num-mel-bins=x",
            "2: num-mel-bins=x: num-mel-bins must be a whole number, such as 40",
        ),
        (
            "--window-type=kaiser",
            "1: window-type=kaiser: window-type must be one of povey, hamming",
        ),
        ("dither=1", "1: 'dither=1' is not of the form --key=value"),
        (
            "--dithr=1",
            "1: unknown key dithr, did you mean dither? "
            "(its keys: num-mel-bins, htk-compat, window-type, dither)",
        ),
        ("--num-mel-bins", "1: num-mel-bins=true: num-mel-bins must be a whole number, such as 40"),
    ],
)
def test_mistakes_in_options(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_options(text, "fbank.conf", [WindowOptions, MelOptions])
    assert str(caught.value) == f"fbank.conf:{message}"
