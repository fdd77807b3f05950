"""What a reader of the documents types: their blocks in order, and a shell to type them into."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHELL = """set -o pipefail
[ ! -e {state} ] || . {state}
{command}
status=$?
{{ export -p; declare -pa | grep -E '^declare -a [a-z]'; }} >{state}
exit $status
"""


@dataclass(frozen=True)
class Block:
    """A part of a document that is no running text.

    Attributes:
        document: its path in the project, or `kws copy --help`.
        heading: the one above it (`## heading`), if any; `Examples` in a function's docstring.
        language: of a fence; empty where it is only indented.
        text: without the indentation.
    """

    document: str
    heading: str
    language: str
    text: str

    def commands(self) -> list[str]:
        """Its lines, those that a backslash continues joined."""
        lines = re.sub(r" *\\\n *", " ", self.text).splitlines()
        return [line.strip() for line in lines if line.strip()]


def markdown_blocks(document: str) -> Iterator[Block]:
    """The fenced and the indented blocks of a Markdown file of the project, in order."""
    heading, language, fence = "", "", False
    lines: list[str] = []
    before = ""
    for line in [*(ROOT / document).read_text(encoding="utf-8").splitlines(), "end"]:
        indented = line.startswith("    ") and (bool(lines) or not before)
        if line.startswith("```"):
            fence, language = not fence, line[3:] if not fence else language
        elif fence or indented:
            lines.append(line if fence else line[4:])
        if lines and not fence and not (indented or (not line and not language)):
            yield Block(document, heading, language, "\n".join(lines).rstrip("\n") + "\n")
            lines, language = [], ""
        if line.startswith("## ") and not fence:
            heading = line[3:]
        before = line


def program_blocks(path: Path, program: str) -> Iterator[Block]:
    """The examples of a program: those of its docstrings, in order.

    Args:
        path: of the Python file.
        program: its name, as the examples start it.
    """
    document = f"{program} --help"
    module = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    for node in (module, *functions):
        text = (ast.get_docstring(node, clean=False) or "") + "\n"
        if node is module:
            blocks = re.findall(rf"^ *({program} .*\n)", text, re.MULTILINE)
        else:
            blocks = re.findall(r"^    Examples?:\n((?:      .*\n)+)", text, re.MULTILINE)
        for block in blocks:
            heading = "" if node is module else "Examples"
            yield Block(document, heading, "", re.sub(r"^ +", "", block, flags=re.MULTILINE))


class Reader:
    """A shell in a folder; what a command exports, and its arrays, are there for the next one.

    Attributes:
        folder: where commands run.
        printed: what each command of `run` has printed on standard output.
    """

    def __init__(self, folder: Path, programs: Path, *, activated: bool = True) -> None:
        """
        Args:
            folder: holds the checkout's folders.
            programs: kws and python, for the environment `.venv`.
            activated: whether they are on the PATH from the start.
        """
        self.folder = folder
        self.printed: dict[str, str] = {}
        (folder / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
        (folder / ".state").unlink(missing_ok=True)  # of the folder that this one is a copy of
        for program in programs.iterdir():
            place = folder / ".venv" / "bin" / program.name
            if not place.is_symlink():
                place.symlink_to(program)
        activate = f"export PATH={shlex.quote(str(folder / '.venv/bin'))}:$PATH\n"
        (folder / ".venv" / "bin" / "activate").write_text(activate)
        own = Path(sys.executable).parent
        path = [part for part in os.environ["PATH"].split(os.pathsep) if Path(part) != own]
        self._environment = {
            **{k: v for k, v in os.environ.items() if k not in ("KWS_VENV", "VIRTUAL_ENV")},
            **{"PATH": os.pathsep.join(path), "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"},
        }
        if activated:
            self.run(". .venv/bin/activate")

    def run(self, command: str) -> str:
        """Type a command; what it prints.

        Raises:
            AssertionError: its exit status is not 0.
        """
        script = SHELL.format(command=command, state=shlex.quote(str(self.folder / ".state")))
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=200,
            check=False,
        )
        output, error = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
        told = f"{command}\nended with {done.returncode}:\n{output[-3000:]}{error[-3000:]}"
        assert done.returncode == 0, told
        self.printed[command] = output
        return output
