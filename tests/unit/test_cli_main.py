"""The program itself: its list of commands, its exit statuses, its one-line mistakes."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from kws import __version__
from kws.cli import main
from kws.cli.main import COMMANDS, run

PRESENT = [
    name
    for name in COMMANDS
    if Path(main.__file__).with_name(f"{name.replace('-', '_')}.py").exists()
]


def run_python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout


def test_help_lists_every_command_with_its_purpose(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    text = capsys.readouterr().out
    listed = text.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == PRESENT
    assert all(len(line.split()) > 3 for line in listed)
    assert run([]) == 0
    assert capsys.readouterr().out == text


def test_help_imports_no_torch_and_is_quick() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = (
        "import sys; from kws.cli.main import run; run(['--help']); print('torch' in sys.modules)"
    )
    assert run_python(code).splitlines()[-1] == "False"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # processor time: what else the machine does must not count
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


def test_importing_commands_imports_no_torch() -> None:
    imports = "; ".join(f"import kws.cli.{name.replace('-', '_')}" for name in PRESENT)
    assert run_python(f"import sys, kws; {imports}; print('torch' in sys.modules)") == "False\n"


@pytest.mark.parametrize("name", PRESENT)
def test_every_command_has_help_with_examples(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: kws {name} ")
    if "Commands:" in text:  # a group: its commands have the examples
        for line in text.partition("Commands:\n")[2].splitlines():
            sub_command = line.split()[0]
            assert run([name, sub_command, "--help"]) == 0
            assert f"\n    kws {name} {sub_command} " in capsys.readouterr().out
    else:
        assert f"\n    kws {name} " in text


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["fly"], "kws: No such command 'fly'. (see kws --help)"),
        (["--fly"], "kws: No such option: --fly (see kws --help)"),
        (["info"], "kws info: Missing argument 'CONFIG|MODEL'. (see kws info --help)"),
        (
            ["info", "a", "b"],
            "kws info: Got unexpected extra argument(s) (b) (see kws info --help)",
        ),
        (["info", "absent"], "absent: No such file or directory; name a file that can be read"),
        (
            ["init", "absent", "model"],
            "absent: No such file or directory; name a file that can be read",
        ),
    ],
)
def test_mistakes_are_one_line_and_status_2(
    args: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(args) == 2
    assert capsys.readouterr() == ("", f"{message}\n")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"kws {__version__}\n"


def test_an_unwritable_place_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "net.config"
    config.write_text("SoftmaxComponent dim=2\n")
    assert run(["init", str(config), str(config / "below" / "m.kws")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Not a directory" in error or "File exists" in error


def test_program_exits_with_the_status(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    program = [sys.executable, "-c", "from kws.cli.main import main; main()"]
    bad = subprocess.run([*program, "info", "absent"], capture_output=True, text=True, cwd=tmp_path)
    assert bad.returncode == 2
    assert bad.stderr == "absent: No such file or directory; name a file that can be read\n"
    good = subprocess.run([*program, "describe"], capture_output=True, text=True, cwd=tmp_path)
    assert (good.returncode, good.stderr) == (0, "")


def test_a_reader_that_goes_away_is_no_mistake() -> None:
    pytest.importorskip("torch")
    program = [sys.executable, "-c", "from kws.cli.main import main; main()", "describe"]
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        result = subprocess.run(program, stdout=write_end, stderr=subprocess.PIPE, text=True)
    finally:
        os.close(write_end)
    assert (result.returncode, result.stderr) == (1, "")
