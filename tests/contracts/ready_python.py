"""A Python that has torch and kws imported already, and forks for every program that is started.

Documents name some 200 commands, and each process of its own takes seconds to import torch. The
`programs` of a `ReadyPython`, to be put on the PATH, hand `kws ...` and `python FILE ...` over to a
fork: with their own arguments, environment, folder and streams, and their exit status back. All
else (`python -c`, `-m`) runs in a Python of its own, but for `pip`: what it would install is there.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import pkgutil
import runpy
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path

PROGRAMS = ("kws", "pip", "python", "python3")
STARTER = """#!/bin/sh
'''exec' {quoted} -IS "$0" "$@" # a #! line takes no path with blanks
' '''
import json, os, socket, sys
name, args = os.path.basename(sys.argv[0]), sys.argv[1:]
if name == "pip" or args[:2] == ["-m", "pip"]:
    sys.exit()
if name != "kws" and (not args or args[0].startswith("-")):
    os.execv({python!r}, [{python!r}, *args])
order = json.dumps([name, args, os.getcwd(), dict(os.environ)]).encode()
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    socket.send_fds(line, [len(order).to_bytes(4, "big")], [0, 1, 2])
    line.sendall(order)
    sys.exit(int(line.recv(16) or b"70"))
"""


class ReadyPython:
    """The process that forks; a context that ends it, and all that it started.

    Attributes:
        programs: a folder of kws, python, python3 and pip.
    """

    def __enter__(self) -> ReadyPython:
        self._folder = Path(tempfile.mkdtemp())  # short: an address has 108 characters at most
        self.programs = self._folder / "bin"
        self.programs.mkdir()
        address = str(self._folder / "socket")
        text = STARTER.format(
            python=sys.executable, quoted=shlex.quote(sys.executable), address=address
        )
        for name in PROGRAMS:
            starter = self.programs / name
            starter.write_text(text)
            starter.chmod(0o755)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}
        self._process = subprocess.Popen(
            [sys.executable, __file__, address],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        shutil.rmtree(self._folder)


def serve(address: str) -> None:
    """Import everything, then fork for every program that is started at an address."""
    import kws

    names = [module.name for module in pkgutil.walk_packages(kws.__path__, "kws.")]
    for name in (*names, "torch._dynamo"):  # which the first optimizer imports
        importlib.import_module(name)
    threads = list(Path("/proc/self/task").iterdir())
    assert len(threads) == 1, "a thread would not be there after a fork"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # none of the waiting processes is waited for
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(address)
        door.listen(64)
        os.write(1, b"ready\n")
        while True:
            line, _ = door.accept()
            if os.fork() == 0:
                door.close()
                attend(line)
            line.close()


def attend(line: socket.socket) -> None:
    """Run one program in a fork, wait for it and tell its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    header, streams, _, _ = socket.recv_fds(line, 4, 3)
    order = b""
    while len(order) < int.from_bytes(header, "big"):
        order += line.recv(1 << 16)
    name, args, folder, environment = json.loads(order)
    child = os.fork()
    if child == 0:
        line.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        leave(run(name, args))
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    line.sendall(str(code if code >= 0 else 128 - code).encode())
    os._exit(0)


def run(name: str, args: list[str]) -> int:
    """Be the program, and tell its exit status."""
    try:
        if name == "kws":
            from kws.cli.main import main

            sys.argv = [name, *args]
            main()
        else:
            sys.argv = args
            sys.path[0] = str(Path(args[0]).parent)
            runpy.run_path(args[0], run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def leave(status: int) -> None:
    """End as Python does, but for the seconds that it takes to free all modules."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1])
