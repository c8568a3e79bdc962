"""Imports modules once, then runs a program in a copy of itself whenever it is asked to.

The Python that a command names runs this file, so that it needs nothing but the standard library.
It is given a socket. The first message says what to import; each later one is a program to run,
with a descriptor for what the program prints. A copy is as a new interpreter would be that has
just imported the modules.
"""

from __future__ import annotations

import builtins
import ctypes
import gc
import importlib
import importlib.machinery
import json
import os
import runpy
import signal
import socket
import sys
import threading
import types
from typing import Any

_LARGEST = 1 << 20


def _serve(connection: socket.socket) -> dict[str, Any] | None:
    """Answer until whoever asks has gone; in a copy, return what it has to run."""
    _die_with(os.getppid())
    wanted = json.loads(connection.recv(_LARGEST))
    sys.path[0] = wanted["path"]
    problem = _imported(wanted["modules"])
    _answer(connection, problem)
    if problem is not None:
        return None
    gc.collect()
    gc.freeze()  # or the first collection of every copy would copy all pages
    here = os.getpid()
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, _LARGEST, 1)
        if not message:
            return None
        process = os.fork()
        if process == 0:
            connection.close()
            _become(here, descriptors[0])
            return dict(json.loads(message))
        os.close(descriptors[0])
        _answer(connection, process)
        _, status = os.waitpid(process, 0)
        _answer(connection, os.waitstatus_to_exitcode(status))


def _answer(connection: socket.socket, answer: object) -> None:
    connection.sendall(json.dumps(answer).encode() + b"\n")


def _imported(modules: list[str]) -> list[str] | None:
    """Import them; the first that cannot be, with the reason, else ``None``."""
    for name in modules:
        try:
            importlib.import_module(name)
        except BaseException as error:
            return [name, " ".join(f"{type(error).__name__}: {error}".split())]
        if threading.active_count() > 1:
            return [name, "it starts a thread, which no copy would have"]
    return None


def _become(server: int, output: int) -> None:
    os.setsid()
    _die_with(server)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    # Each new interpreter draws its own seed; copies would have that of the first.
    for name in ("random", "numpy.random"):
        if name in sys.modules:
            sys.modules[name].seed()
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.seed()


def _die_with(parent: int) -> None:
    """Linux ends this process when its parent ends, even by SIGKILL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)


def _run(program: dict[str, Any]) -> None:
    """Run a script or a module as ``__main__``, with its arguments."""
    name, arguments = program["name"], program["arguments"]
    if program["module"]:
        sys.argv = [name, *arguments]
        runpy.run_module(name, run_name="__main__", alter_sys=True)
        return
    path = os.path.abspath(name)
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        reason = f"[Errno {error.errno}] {error.strerror}"
        print(f"{sys.executable}: can't open file {path!r}: {reason}", file=sys.stderr)
        sys.exit(2)
    code = compile(source, path, "exec", dont_inherit=True)
    sys.argv = [name, *arguments]
    main = types.ModuleType("__main__")
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    vars(main).update(__file__=path, __loader__=loader, __builtins__=builtins, __cached__=None)
    sys.modules["__main__"] = main
    exec(code, vars(main))


def _main() -> int:
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        program = _serve(connection)
    if program is None:
        return 0
    try:
        _run(program)
    except Exception as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
