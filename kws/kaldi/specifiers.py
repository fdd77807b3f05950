"""Kaldi's specifiers: what they mean, and whether they run a command."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kws.errors import InputError

_READ_OPTIONS = {"t", "b", "p", "np", "o", "no", "s", "ns", "cs", "ncs", "bg"}
_WRITE_OPTIONS = {"t", "b", "p", "f", "nf"}


@dataclass(frozen=True)
class Specifier:
    """A specifier in its parts: `ark,scp,t:a.ark,a.scp` has two files and the option t."""

    text: str
    files: dict[str, str]  # "ark", "scp" -> the file
    options: frozenset[str]


def is_specifier(text: str) -> bool:
    """Whether `text` begins as a specifier does: `ark:`, `scp,p:`, `ark,scp:` ..."""
    kinds, colon, _ = text.partition(":")
    return bool(colon) and bool({"ark", "scp"} & {word.strip() for word in kinds.split(",")})


def parse_specifier(text: str, *, writing: bool = False) -> Specifier:
    """Take a specifier apart; a plain path that ends in .scp or .ark stands for itself.

    Raises:
        InputError: not a specifier.
    """
    kinds, _, rest = text.partition(":")
    words = [word.strip() for word in kinds.split(",")]
    if not is_specifier(text):
        if re.fullmatch(r"[a-z]+(,[a-z]+)*:.*", text) and not Path(text).exists():
            raise InputError(f"{text}: {words[0]!r} is no kind of table; begin with ark: or scp:")
        suffix = Path(text).suffix
        if suffix not in (".ark", ".scp") or (writing and suffix == ".scp"):
            raise InputError(
                f"{text}: is not a specifier, such as scp:feats.scp, ark:feats.ark or ark,t:-"
            )
        words, rest = [suffix[1:]], text
    tables = [word for word in words if word in ("ark", "scp")]
    options = frozenset(words) - {"ark", "scp"}
    unknown = options - (_WRITE_OPTIONS if writing else _READ_OPTIONS)
    if unknown:
        raise InputError(f"{text}: unknown option {min(unknown)!r} in the specifier")
    allowed = (["ark"], ["ark", "scp"]) if writing else (["ark"], ["scp"])
    if tables not in allowed:
        ways = "ark:FILE or ark,scp:FILE,FILE" if writing else "ark:FILE or scp:FILE"
        raise InputError(f"{text}: {','.join(tables)} cannot be used here; use {ways}")
    files = [name.strip() for name in (rest.split(",") if len(tables) == 2 else [rest])]
    if len(files) != len(tables) or not all(files):
        raise InputError(f"{text}: names {len(files)} file(s) for {','.join(tables)}; name each")
    if len(set(files)) < len(files):
        raise InputError(f"{text}: names one file for both, the ark and the scp; name two")
    return Specifier(text, dict(zip(tables, files, strict=True)), options)


def screen_specifier(text: str, *, allow_commands: bool, writing: bool = False) -> Specifier:
    """Take a specifier apart and refuse one that would run a command without leave.

    Raises:
        InputError: not a specifier, or a command where `allow_commands` is false.
    """
    specifier = parse_specifier(text, writing=writing)
    for name in specifier.files.values():
        screen_command(name, text, allow_commands=allow_commands)
    return specifier


def screen_command(name: str, place: str, *, allow_commands: bool) -> None:
    """Refuse a file name that is a command (`cmd |` or `| cmd`) where commands are not allowed.

    Raises:
        InputError: names the place, the command and the remedy.
    """
    if is_command(name) and not allow_commands:
        raise InputError(f"{place}: `{name}` is a command; it runs only with --allow-commands")


def is_command(name: str) -> bool:
    """Whether a file name is a shell command: `cmd |` is read from, `| cmd` is written to."""
    return name.rstrip().endswith("|") or name.lstrip().startswith("|")
