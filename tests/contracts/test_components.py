"""What holds for every component type; a new one is picked up by itself, through its example."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from example_lines import example_line, example_text
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kws.config import ConfigError, ConfigLine, keys_of, parse_config
from kws.nnet import COMPONENTS, Component, ModelFile, Nnet, read_model, write_model
from kws.nnet.component import RandomComponent

NAMES = sorted(COMPONENTS)
ODD_VALUES = ["", "x", "0", "-1", "1", "2", "3", "7", "1.5", "nan", "inf", "true", "no", "-2:0:1"]
ODD_VALUES += ["1:0", "2147483647", "-2147483648", "99999999999", "1e2", "0x10", "=", "/dev/null"]


def parsed(text: str) -> ConfigLine:
    (line,) = parse_config(text, "net.config")
    return line


def make(name: str, seed: int = 1) -> Component:
    generator = torch.Generator().manual_seed(seed)
    return Component.from_line(example_line(name), generator)


def some_input(component: Component, num_frames: int, dtype: torch.dtype) -> Tensor:
    shape = (2, num_frames, component.input_dim)
    return torch.randn(shape, generator=torch.Generator().manual_seed(2)).to(dtype)


def compute(component: Component, x: Tensor) -> Tensor:
    if isinstance(component, RandomComponent):  # the same draw each time
        y: Tensor = component(x, torch.Generator().manual_seed(3))
        return y
    return component(x)


@pytest.mark.parametrize("name", NAMES)
def test_output_has_the_promised_shape(name: str) -> None:
    component = make(name)
    x = some_input(component, component.span + 3, torch.float32)
    assert component(x).shape == (2, 3, component.output_dim)
    assert component.span == component.context[-1] - component.context[0]
    assert component.context[0] <= 0 <= component.context[-1]


@pytest.mark.parametrize("name", [name for name in NAMES if make(name).span > 0])
@pytest.mark.parametrize("every", [2, 3])
def test_frames_left_out_do_not_change_the_others(name: str, every: int) -> None:
    component = make(name)
    x = some_input(component, component.span + 10, torch.float32)
    assert torch.equal(component.spaced(x, 1, every), component(x)[:, ::every])


@pytest.mark.parametrize("name", NAMES)
def test_gradient_of_input_is_right(name: str) -> None:
    component = make(name).double()
    x = some_input(component, component.span + 2, torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: compute(component, x), (x,), fast_mode=True)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_of_parameters_is_right(name: str) -> None:
    component = make(name).double()
    x = some_input(component, component.span + 2, torch.float64)
    names = [name for name, _ in component.named_parameters()]

    def forward(*values: Tensor) -> Tensor:
        parameters = dict(zip(names, values, strict=True))
        y: Tensor = torch.func.functional_call(component, parameters, (x,))
        return y

    values = tuple(p.detach().clone().requires_grad_() for p in component.parameters())
    if values:
        assert torch.autograd.gradcheck(forward, values, fast_mode=True)
    else:
        assert component.num_parameters == 0


@pytest.mark.parametrize("name", NAMES)
def test_line_survives_reading_and_writing(name: str) -> None:
    component = make(name)
    again = Component.from_line(parsed(component.to_line()), torch.Generator().manual_seed(1))
    assert type(again) is type(component)
    assert again.to_line() == component.to_line()
    for declared in keys_of(type(component)).values():
        assert getattr(again, declared.attribute) == getattr(component, declared.attribute)
    assert (again.input_dim, again.output_dim) == (component.input_dim, component.output_dim)
    tensors = again.state_dict()
    assert tensors.keys() == component.state_dict().keys()
    for name, tensor in component.state_dict().items():
        torch.testing.assert_close(tensors[name], tensor, rtol=0, atol=0)  # the same seed


@pytest.mark.parametrize("name", NAMES)
def test_model_file_gives_the_component_back(name: str, tmp_path: Path) -> None:
    nnet = Nnet.from_config(example_text(name), "net.config", torch.Generator())
    path = tmp_path / "model.kws"
    write_model(path, ModelFile(nnet.config_text(), tensors=nnet.tensors()))
    model = read_model(path)
    again = Nnet.from_tensors(model.network, str(path), model.tensors)
    x = some_input(nnet.components[0], 5, torch.float32)
    torch.testing.assert_close(again(x), nnet(x), rtol=0, atol=0)
    assert again.config_text() == nnet.config_text()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 30), max_size=8))
def test_chunks_give_what_the_whole_gives(name: str, lengths: list[int]) -> None:
    nnet = Nnet.from_config(example_text(name), "net.config", torch.Generator()).double()
    x = some_input(nnet.components[0], sum(lengths), torch.float64)
    with torch.no_grad():
        state, parts = nnet.init_state(), []
        for chunk in x.split(lengths, dim=1) if lengths else []:
            y, state = nnet.step(chunk, state)
            parts.append(y)
        parts.append(nnet.flush(state))
        whole = nnet(x) if lengths else parts[0][:, :0]
    # matrix products of other sizes may round differently in the last of 53 bits
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_mistakes_are_told_in_one_line(name: str) -> None:
    example = example_text(name)
    keys = keys_of(COMPONENTS[name])
    first = example.split()[1]
    leftovers = {
        f"{example} colour=red": f"unknown key colour (its keys: {', '.join(keys)})",
        f"{example} {first}": f"{first.partition('=')[0]} is given twice; keep one",
        f"{example} hello": "'hello' is not of the form key=value",
        f"{example} # wide": "a comment needs a line of its own; remove it from here",
    }
    # as in Kaldi, which never looks at what is left of this type's line
    cases = {} if name == "ScaleComponent" else leftovers
    for declared in keys.values():
        if declared.required:
            words = [w for w in example.split() if w.partition("=")[0] != declared.name]
            cases[" ".join(words)] = f"{declared.name} is missing: {declared.help}"
    for text, message in cases.items():
        with pytest.raises(ConfigError) as caught:
            Component.from_line(parsed(text), torch.Generator())
        assert str(caught.value) == f"net.config:1: {name}: {message}"


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_line_ends_in_anything_but_a_config_error(name: str, data: st.DataObject) -> None:
    keys = list(keys_of(COMPONENTS[name]))
    values = st.dictionaries(st.sampled_from(keys), st.sampled_from(ODD_VALUES))
    given_words = dict(word.split("=") for word in example_text(name).split()[1:])
    words = {**given_words, **data.draw(values)}
    line = ConfigLine(name, tuple(f"{key}={value}" for key, value in words.items()), "net.config:1")
    try:
        component = Component.from_line(line, torch.Generator())
    except ConfigError as error:
        assert str(error).startswith(f"net.config:1: {name}: ")
        assert "\n" not in str(error)
    else:
        written = component.to_line()
        assert Component.from_line(parsed(written), None).to_line() == written


@pytest.mark.parametrize("name", NAMES)
def test_documentation_is_there(name: str) -> None:
    cls = COMPONENTS[name]
    assert cls.__doc__ and cls.__doc__.startswith("y")
    assert len(cls.__doc__.partition("\n")[0]) <= 100
    assert cls.example.split()[0] == name == cls.__name__
    for declared in keys_of(cls).values():
        assert declared.help
