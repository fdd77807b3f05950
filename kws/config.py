"""Kaldi's config text: network lines (`Type key=value ...`) and option lines (`--key=value`).

A class declares its keys with `key()`; parsing, validation, error text, help and writing back
all come from that one declaration::

    class SpliceComponent(Component):
        left_context: int | None = key("past frames", default=None, check=non_negative)

declares the key `left-context`: the annotation is its parser, the text its help. What is accepted
as a number, a bool or a list is what Kaldi's ConfigLine and OptionParser accept.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from kws.errors import InputError

T = TypeVar("T")
REQUIRED: Any = dataclasses.MISSING
INT32_MAX = 2**31 - 1
FLOAT32_MAX = (2 - 2**-23) * 2.0**127
MAX_LISTED = 12  # keys in a message that can name the one that was meant


class ConfigError(InputError):
    """A config line that cannot be used: `place: type: what is wrong; remedy`."""


@dataclass(frozen=True)
class Check:
    """A rule that a single value must obey."""

    rule: str
    holds: Callable[[Any], bool]


positive = Check("must be greater than 0", lambda value: value > 0)
non_negative = Check("must be 0 or greater", lambda value: value >= 0)


def between(lowest: float, highest: float) -> Check:
    """The value lies in a range, ends included."""
    return Check(
        f"must lie between {lowest:.9g} and {highest:.9g}",
        lambda value: lowest <= value <= highest,
    )


proportion = between(0, 1)


def one_of(*choices: str) -> Check:
    """The value is one of `choices`."""
    return Check("must be one of " + ", ".join(choices), lambda value: value in choices)


@dataclass(frozen=True)
class Key:
    """One declared key: how it is written, read, checked and explained."""

    name: str
    attribute: str
    kind: Any
    help: str
    default: Any
    check: Check | None

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def kind_name(self) -> str:
        return _KINDS[_plain_kind(self.kind)].name

    def parse(self, text: str) -> Any:
        """The value that `text` stands for; ValueError names the rule it breaks."""
        value = _KINDS[_plain_kind(self.kind)].parse(text)
        if self.check is not None and not self.check.holds(value):
            raise ValueError(self.check.rule)
        return value

    def format(self, value: Any) -> str:
        return _KINDS[_plain_kind(self.kind)].format(value)


def key(help_text: str, *, default: Any = REQUIRED, check: Check | None = None) -> Any:
    """Declare a key: an attribute of a component class or of an option dataclass.

    Args:
        help_text: what it means, with its unit.
        default: the value when the line does not give it; without one the key is required.
        check: a rule for its value.
    """
    return dataclasses.field(default=default, metadata={"help": help_text, "check": check})


@functools.cache
def keys_of(cls: type) -> dict[str, Key]:
    """The keys that `cls` and its bases declare, by written name, in order of declaration."""
    keys: dict[str, Key] = {}
    hints = typing.get_type_hints(cls)
    for base in reversed(cls.__mro__):
        # a frozen dataclass keeps its fields apart from its class attributes
        declared = {**vars(base), **vars(base).get("__dataclass_fields__", {})}
        for attribute, field in declared.items():
            if isinstance(field, dataclasses.Field) and "help" in field.metadata:
                name = attribute.replace("_", "-")
                keys[name] = Key(
                    name,
                    attribute,
                    hints[attribute],
                    field.metadata["help"],
                    field.default,
                    field.metadata["check"],
                )
    return keys


@dataclass(frozen=True)
class ConfigLine:
    """One line of a network config: its type, its key=value words and where it stands."""

    type: str
    words: tuple[str, ...]
    place: str

    @property
    def text(self) -> str:
        return " ".join((self.type, *self.words))

    def error(self, message: str) -> ConfigError:
        return ConfigError(f"{self.place}: {self.type}: {message}")

    def replaced(self, **values: str) -> ConfigLine:
        """The line with other values for keys that it has (`_` in a name stands for `-`)."""
        new = {name.replace("_", "-"): value for name, value in values.items()}
        words = tuple(
            f"{word.partition('=')[0]}={new[word.partition('=')[0]]}"
            if word.partition("=")[0] in new
            else word
            for word in self.words
        )
        return dataclasses.replace(self, words=words)


def parse_config(text: str, source: str) -> list[ConfigLine]:
    """The lines of a network config; blank lines and lines that begin with `#` are skipped.

    Args:
        text: the config's text.
        source: its file name, for error messages.
    """
    lines = []
    for number, raw in enumerate(text.split("\n"), 1):
        words = raw.replace("\r", " ").replace("\t", " ").split(" ")
        words = [word for word in words if word]
        if words and not words[0].startswith("#"):
            lines.append(ConfigLine(words[0], tuple(words[1:]), f"{source}:{number}"))
    return lines


def read_values(line: ConfigLine, cls: type) -> dict[str, Any]:
    """The attributes that `line` gives to `cls`: parsed, checked, defaults filled in.

    Raises:
        ConfigError: a bare word, an unknown, repeated or missing key, or a bad value.
    """
    keys = keys_of(cls)
    values: dict[str, Any] = {}
    for word in line.words:
        name, equals, text = word.partition("=")
        if word.startswith("#"):
            raise line.error("a comment needs a line of its own; remove it from here")
        if not equals:
            raise line.error(f"{word!r} is not of the form key=value")
        if name not in keys:
            raise line.error(_unknown(name, list(keys)))
        if keys[name].attribute in values:
            raise line.error(f"{name} is given twice; keep one")
        values[keys[name].attribute] = _parsed(keys[name], text, line.error)
    for declared in keys.values():
        if declared.attribute not in values:
            if declared.required:
                raise line.error(f"{declared.name} is missing: {declared.help}")
            values[declared.attribute] = declared.default
    return values


def format_values(cls: type, get: Callable[[str], Any]) -> list[str]:
    """The `key=value` words of an object of `cls`: required keys and those not at their default.

    Args:
        get: gives an attribute's value by its name.
    """
    return [
        f"{declared.name}={declared.format(get(declared.attribute))}"
        for declared in keys_of(cls).values()
        if declared.required or get(declared.attribute) != declared.default
    ]


def parse_options(text: str, source: str, classes: Sequence[type]) -> tuple[Any, ...]:
    """Kaldi's option lines (`--key=value`, `#` begins a comment anywhere) as option dataclasses.

    Each key belongs to the first class that declares it; as in Kaldi the last of repeated lines
    counts, and `--flag` alone means true.

    Returns:
        one object per class.
    """
    return make_options(read_options(text, source, classes), source, classes)


def read_options(text: str, source: str, classes: Sequence[type]) -> dict[str, Any]:
    """The values in Kaldi's option lines, by the keys' names, each parsed and checked for itself.

    Args:
        text: the lines.
        source: the file's name, for error messages.
        classes: option dataclasses that declare the keys.
    """
    declared = {name: k for cls in reversed(classes) for name, k in keys_of(cls).items()}
    values: dict[str, Any] = {}
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        place = f"{source}:{number}"
        if not line.startswith("--"):
            raise ConfigError(f"{place}: {line!r} is not of the form --key=value")
        name, equals, value = line[2:].partition("=")
        name = name.strip().replace("_", "-")
        if name not in declared:
            raise ConfigError(f"{place}: {_unknown(name, list(declared))}")
        values[name] = _parsed(
            declared[name],
            value.strip() if equals else "true",
            lambda message, place=place: ConfigError(f"{place}: {message}"),  # type: ignore[misc]
        )
        if isinstance(values[name], float) and not abs(values[name]) <= FLOAT32_MAX:
            # Kaldi, whose options are floats, would go on with it; no option has a use for one
            raise ConfigError(f"{place}: {name}={value.strip()}: {name} must be a finite number")
    return values


def make_options(
    values: Mapping[str, Any], source: str, classes: Sequence[type]
) -> tuple[Any, ...]:
    """Option dataclasses of the values that `read_options` gives: one object per class."""
    objects = []
    for cls in classes:
        given = {k.attribute: values[name] for name, k in keys_of(cls).items() if name in values}
        try:
            objects.append(cls(**given))
        except ConfigError as error:
            raise ConfigError(f"{source}: {error}") from None
    return tuple(objects)


def format_options(*options: Any) -> str:
    """Option dataclasses as `--key=value` lines, those at their default left out."""
    words = [w for o in options for w in format_values(type(o), functools.partial(getattr, o))]
    return "".join(f"--{word}\n" for word in words)


def _parsed(declared: Key, text: str, error: Callable[[str], ConfigError]) -> Any:
    try:
        return declared.parse(text)
    except ValueError as reason:
        raise error(f"{declared.name}={text}: {declared.name} {reason}") from None


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name.replace("_", "-").lower(), known, n=1)
    hint = f", did you mean {near[0]}?" if near else ""
    if near and len(known) > MAX_LISTED:
        return f"unknown key {name}{hint}"
    return f"unknown key {name}{hint} (its keys: {', '.join(known)})"


@dataclass(frozen=True)
class _Kind:
    name: str
    parse: Callable[[str], Any]
    format: Callable[[Any], str]


def _parse_int(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError("must be a whole number, such as 40")
    value = int(text)
    if not -INT32_MAX - 1 <= value <= INT32_MAX:
        raise ValueError("does not fit into 32 bits")
    return value


def _parse_float(text: str) -> float:
    if re.fullmatch(r"[+-]?0[xX].*", text):
        try:
            return float.fromhex(text)
        except (ValueError, OverflowError):
            raise ValueError("must be a number, such as 0.01") from None
    if not re.fullmatch(r"[+-]?([0-9.]+([eE][+-]?[0-9]+)?|inf(inity)?|nan)", text, re.IGNORECASE):
        raise ValueError("must be a number, such as 0.01")
    try:
        return float(text)
    except ValueError:
        raise ValueError("must be a number, such as 0.01") from None


def _parse_bool(text: str) -> bool:
    if text[:1] not in ("t", "T", "f", "F"):
        raise ValueError("must be true or false")
    return text[0] in "tT"


def _parse_ints(text: str) -> tuple[int, ...]:
    try:
        return tuple(_parse_int(word) for word in text.split(":"))
    except ValueError:
        raise ValueError("must be whole numbers joined by colons, such as -2:0:2") from None


def _parse_str(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


_KINDS: dict[Any, _Kind] = {
    int: _Kind("int", _parse_int, str),
    float: _Kind("float", _parse_float, lambda value: f"{value:.9g}"),
    bool: _Kind("bool", _parse_bool, lambda value: "true" if value else "false"),
    str: _Kind("string", _parse_str, str),
    tuple[int, ...]: _Kind("ints", _parse_ints, lambda value: ":".join(map(str, value))),
}


def _plain_kind(kind: Any) -> Any:
    """`int` out of `int | None`."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        (kind,) = (part for part in typing.get_args(kind) if part is not type(None))
    return kind
