"""What the entries of wav.scp name: files, sounds inside archives, and commands.

A command that only decodes a file (`flac -c -d -s F |`, `sph2pipe -f wav -c 2 F |`, `sox F -t wav
- |`) says which sound is meant, and that is read without running anything. Every other command has
to be run.
"""

from __future__ import annotations

import getopt
import io
import mmap
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from kws.audio.files import read_header
from kws.audio.part import Part
from kws.errors import InputError

_SHELL = re.compile(r"[$`*?\[{~]")  # what a shell would put something else in the place of
_HEAD = 16  # bytes that tell what a sound is and how long
_FLAC = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")


@dataclass(frozen=True)
class Sound:
    """A sound that can be read without running anything.

    Attributes:
        path: the file.
        offset: bytes before it in an archive; None: the file is the sound.
        channel: the only one that is meant, from 0; None: as the reader wishes.
    """

    path: str
    offset: int | None = None
    channel: int | None = None

    @property
    def name(self) -> str:
        return self.path if self.offset is None else f"{self.path}:{self.offset}"

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Its bytes, from its own first to its own last.

        Raises:
            InputError: there is no such file, or no sound at that place of it.
        """
        try:
            file = Path(self.path).open("rb")  # noqa: SIM115 - closed below; only opening may fail
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror}") from None
        with file:
            yield file if self.offset is None else _inside(file, self.offset, self.name)

    def is_foreign(self) -> bool:
        """Whether there is a file, and libsndfile cannot read it."""
        try:
            with self.opened() as file:
                read_header(file)
        except InputError:
            return Path(self.path).exists()
        return False


def sound_of(entry: str, *, allow_commands: bool = False) -> Sound | None:
    """What an entry names; None where a command has to be run to read it.

    Args:
        entry: of wav.scp, its path as seen from the working directory.
        allow_commands: a command that decodes a file is to be run where libsndfile cannot.
    """
    if not entry.rstrip().endswith("|"):
        return Sound(*split_offset(entry))
    sound = _decoded_by(entry.rstrip().removesuffix("|"))
    return None if sound and allow_commands and sound.is_foreign() else sound


def split_offset(name: str) -> tuple[str, int | None]:
    """`file:123` as a file and an offset, `file` as a file and None."""
    found = re.fullmatch(r"(.+):([0-9]{1,18})", name)
    return (found[1], int(found[2])) if found and not Path(name).exists() else (name, None)


def _decoded_by(command: str) -> Sound | None:
    """The file that a command decodes and does nothing else to."""
    if _SHELL.search(command):
        return None
    words = shlex.shlex(command, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    words.commenters = ""
    try:
        program, *arguments = words
        sound = _PROGRAMS[program.rpartition("/")[2]](arguments)
    except (KeyError, ValueError, getopt.GetoptError):  # another program, quote, number of words
        return None
    return None if sound.path == "-" else sound  # standard input


def _flac(arguments: list[str]) -> Sound:
    """flac -c -d [-s] F"""
    long = ["stdout", "decode", "silent", "totally-silent"]
    options, (path,) = getopt.gnu_getopt(arguments, "cds", long)
    given = {option for option, _ in options}
    if not (given & {"-c", "--stdout"} and given & {"-d", "--decode"}):
        raise ValueError(arguments)
    return Sound(path)


def _sph2pipe(arguments: list[str]) -> Sound:
    """sph2pipe -f wav [-p] [-c N] F"""
    found, (path,) = getopt.gnu_getopt(arguments, "f:pc:")
    options = dict(found)
    number = options.get("-c", "1")
    if options.get("-f") not in ("wav", "rif") or number not in ("1", "2"):
        raise ValueError(arguments)
    return Sound(path, channel=int(number) - 1 if "-c" in options else None)


def _sox(arguments: list[str]) -> Sound:
    """sox F -t wav -"""
    path, *rest = arguments
    if path.startswith("-") or rest != ["-t", "wav", "-"]:
        raise ValueError(arguments)
    return Sound(path)


_PROGRAMS: dict[str, Callable[[list[str]], Sound]] = {
    "flac": _flac,
    "sph2pipe": _sph2pipe,
    "sox": _sox,
}


def _inside(file: BinaryIO, offset: int, name: str) -> BinaryIO:
    """The sound at `offset` of an archive, which ends where its header says."""
    file_end = file.seek(0, io.SEEK_END)
    file.seek(min(offset, file_end))
    head = file.read(_HEAD)
    first = offset
    if head[:4] in (b"RIFF", b"RIFX"):
        end = offset + 8 + int.from_bytes(head[4:8], "little" if head[:4] == b"RIFF" else "big")
    elif head[:5] == b"AUDIO" and len(head) > 5:  # kaldiio's: n, n bytes of length, any sound file
        first = offset + 6 + head[5]
        end = first + int.from_bytes(head[6 : 6 + head[5]], "little")
    elif _FLAC.match(head):
        end = _end_of_flac(file, offset + 1)
    else:
        raise InputError(f"{name}: neither wav nor FLAC begins there; make the scp anew")
    if end > file_end:
        raise InputError(
            f"{name}: its header says {end - first} bytes, but the archive ends after "
            f"{file_end - first}; write the archive again"
        )
    return cast(BinaryIO, Part(file, first, end))


def _end_of_flac(file: BinaryIO, start: int) -> int:
    """Where the next FLAC begins, or the file's end: no header says how many bytes one has.

    The key between the two is left to the first; decoders stop before it.
    """
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        found = _FLAC.search(content, start)
        return found.start() if found else len(content)
