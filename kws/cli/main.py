"""The `kws` program: finds the module of a sub-command and turns a user's mistakes into one line.

`kws/cli/NAME.py` holds either a function `NAME` (one command) or a typer app `app` (a group of
commands); a `-` in the command's name is a `_` there. A module is imported only when its command
runs: the list of commands that `kws --help` prints is read from the modules' text, so that it comes
at once and without torch.
"""

from __future__ import annotations

import ast
import errno
import importlib
import inspect
import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from kws import __version__
from kws.errors import InputError

COMMANDS = (
    "describe",
    "info",
    "init",
    "copy",
    "features",
    "data",
    "align",
    "train",
    "train-gmm",
    "train-am",
    "posteriors",
    "make-graph",
    "decode",
    "evaluate",
    "score",
    "export",
    "verify",
    "detect",
    "listen",
    "explain",
    "doctor",
    "voices",
)
_REMEDIES = {
    errno.EACCES: "; name a place that you may use, or change its permissions",
    errno.EROFS: "; name a place that can be written",
}
# typer's parent of all mistakes in the use of a command (click's, or its own copy of click's)
UsageError: type[Any] = typer.BadParameter.__mro__[2]


def _module_path(name: str) -> Path:
    return Path(__file__).with_name(f"{_python_name(name)}.py")


def _python_name(name: str) -> str:
    return name.replace("-", "_")


def _short_help(name: str) -> str:
    """The first line of the command's docstring, read without importing its module."""
    module = ast.parse(_module_path(name).read_text(encoding="utf-8"))
    functions = (node for node in module.body if isinstance(node, ast.FunctionDef))
    function = next((node for node in functions if node.name == _python_name(name)), None)
    docstring = ast.get_docstring(module if function is None else function) or ""
    return docstring.partition("\n")[0]


def _load(name: str) -> Any:
    """The command itself, out of its module."""
    module = importlib.import_module(f"kws.cli.{_python_name(name)}")
    app = getattr(module, "app", None)
    if app is None:
        function: Callable[..., None] = getattr(module, _python_name(name))
        app = _app_of(function, name)
    command = typer.main.get_command(app)
    command.name = name
    return command


def _app_of(function: Callable[..., None], name: str | None = None) -> typer.Typer:
    """An app of one command, whose help is the function's docstring."""
    # typer wraps lines of help; \b keeps those of a block as they are
    docstring = inspect.getdoc(function) or ""  # without its indentation, which Python 3.13 drops
    help_text = re.sub(r"\n\n(Examples?:)", r"\n\n\b\n\1", docstring)
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name, help=help_text)(function)
    return app


class LazyGroup(TyperGroup):
    """A group that knows its commands' names and imports the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name in COMMANDS if _module_path(name).exists()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.list_commands(ctx):
            return None
        return TyperCommand(cmd_name, help=_short_help(cmd_name))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, _load(name) if command is not None and name else command, rest


app = typer.Typer(cls=LazyGroup, add_completion=False, rich_markup_mode=None)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"kws {__version__}")
        raise typer.Exit


@app.callback()
def kws(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version and stop.",
        ),
    ] = False,
) -> None:
    """From recordings to a keyword detector, and from audio to keyword events."""


def run(args: list[str]) -> int:
    """Run the program and return its exit status: 0, or 2 after one line on standard error.

    Args:
        args: the words after `kws`.
    """
    return _run(typer.main.get_command(app), args or ["--help"], "kws")


def run_script(function: Callable[..., None]) -> None:
    """The entry point of a script outside the package (`local/`) whose one command is `function`.

    It treats a user's mistakes as `kws` does.
    """
    _write_any_text()
    _log_warnings()
    script = typer.main.get_command(_app_of(function))
    sys.exit(_run(script, sys.argv[1:], Path(sys.argv[0]).name))


def _log_warnings() -> None:
    """Show the warnings of this program, not what matplotlib says of its caches and fonts.

    Where HOME cannot be written it takes a temporary folder by itself, and says so in three lines;
    of a keyword in Han or Hindi it draws boxes, and says so for each letter.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)


def _write_any_text() -> None:
    """Let names and words of any language be read and printed, whatever the locale is.

    Names of files are UTF-8: where Python takes them for something else (LC_ALL=C, Latin-1) the
    program begins anew in its UTF-8 mode. What people read on standard output gets `\\xe4` for
    what the terminal's encoding lacks; JSON is ASCII, and tables go around this as bytes in UTF-8.
    """
    if sys.getfilesystemencoding() != "utf-8":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    if isinstance(sys.stdout, io.TextIOWrapper):  # not where it is closed
        sys.stdout.reconfigure(errors="backslashreplace")


def _run(command: Any, args: list[str], name: str) -> int:
    try:
        status = command.main(args, prog_name=name, standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except InputError as error:
        return _fail(str(error))
    except UsageError as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else name
        return _fail(f"{path}: {error.format_message()} (see {path} --help)")
    except UnicodeEncodeError as error:
        written = ascii(error.object[error.start : error.end])
        return _fail(f"{name}: a name holds {written}, which is not UTF-8; rename it")
    except BrokenPipeError:
        _give_up_stdout()
        return 1
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "kws":
            raise
        return _fail(
            f"{name}: {error.name} is not installed; this needs the extra train: pip install "
            "'kws[train]' (a model whose name ends in .onnx is run without it)"
        )
    except FileExistsError as error:
        return _fail(f"{error.filename}: is a file; name a directory")
    except OSError as error:
        _give_up_stdout()
        place = error.filename if error.filename is not None else name
        remedy = _REMEDIES.get(error.errno or 0, "")
        return _fail(f"{place}: {error.strerror or error}{remedy}")
    except (KeyboardInterrupt, typer.Abort):
        return 130


def _give_up_stdout() -> None:
    """If nothing more can be written (a full disk, a reader that has gone), not even at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str) -> int:
    print(" ".join(message.split("\n")), file=sys.stderr)
    return 2


def main() -> None:
    """The entry point of the `kws` program."""
    _write_any_text()
    _log_warnings()
    sys.exit(run(sys.argv[1:]))
