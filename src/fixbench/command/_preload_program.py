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
import random
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
    if not hasattr(socket, "recv_fds"):
        _answer(connection, ["", f"it is Python {sys.version.split()[0]}, not 3.9 or later"])
        return None
    wanted = json.loads(_read(connection, b""))
    sys.path[0] = wanted["path"]
    problem = _shadowed(wanted["path"]) or _imported(wanted["modules"])
    _answer(connection, problem)
    if problem is not None:
        return None
    gc.collect()
    gc.freeze()  # or the first collection of every copy would copy all pages
    here = os.getpid()
    while True:
        try:
            message, descriptors, _, _ = socket.recv_fds(connection, _LARGEST, 1)
            message = _read(connection, message)
        except OSError:  # whoever asked has gone
            return None
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


def _read(connection: socket.socket, message: bytes) -> bytes:
    """A whole message, one line, of which the beginning may be there; empty at the end."""
    while not message.endswith(b"\n"):
        part = connection.recv(_LARGEST)
        if not part:
            return b""
        message += part
    return message


def _shadowed(path: str) -> list[str] | None:
    """A file beside the script that a new Python would import, and this one has imported else."""
    for name in sorted(sys.modules):
        if name != "__main__" and os.path.exists(os.path.join(path, f"{name}.py")):
            return ["", f"{name}.py beside the script hides a module of the standard library"]
    return None


def _imported(modules: list[str]) -> list[str] | None:
    """Import them; the first that cannot be shared by copies, with the reason, else ``None``."""
    seeding = _Seeding()
    try:
        return next(filter(None, (_why_not(name, seeding) for name in modules)), None)
    finally:
        seeding.stop()


def _why_not(name: str, seeding: _Seeding) -> list[str] | None:
    """Import one module; why copies cannot share it, else ``None``."""
    here, folder = os.getpid(), os.getcwd()
    seeding.watch()
    try:
        importlib.import_module(name)
    except BaseException as error:
        return [name, " ".join(f"{type(error).__name__}: {error}".split())]
    if os.getpid() != here:  # it forked, and this is the child
        os._exit(1)
    if threading.active_count() > 1:
        return [name, "it starts a thread, which no copy would have"]
    if _has_children():
        return [name, "it starts a process, which all copies would share"]
    if os.getcwd() != folder:
        return [name, "it changes the working directory"]
    if seeding.seen:
        return [name, "it seeds random numbers, once for all seeds"]
    return None


class _Seeding:
    """Notices calls that seed the global generators of random numbers, while modules are imported.

    A new Python would do so too, and a copy draws a seed of its own.
    """

    def __init__(self) -> None:
        self.seen = False
        self.originals: dict[str, Any] = {}

    def watch(self) -> None:
        """Watch the generators that there are by now."""
        for library, name in (
            ("random", "seed"),
            ("numpy.random", "seed"),
            ("torch", "manual_seed"),
        ):
            original = getattr(sys.modules.get(library), name, None)
            if original is not None and library not in self.originals:
                self.originals[library] = name, original
                setattr(sys.modules[library], name, self._noticed(original))

    def stop(self) -> None:
        """Put everything back."""
        for library, (name, original) in self.originals.items():
            setattr(sys.modules[library], name, original)

    def _noticed(self, original: Any) -> Any:
        def seed(*arguments: Any, **named: Any) -> Any:
            self.seen = self.seen or any(
                value is not None for value in (*arguments, *named.values())
            )
            return original(*arguments, **named)

        return seed


def _has_children() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def _become(server: int, output: int) -> None:
    os.setsid()
    _die_with(server)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    # Each new interpreter draws its own seed; copies would have that of the first.
    random.seed()
    if getattr(sys.modules.get("numpy.random"), "seed", None) is not None:
        sys.modules["numpy.random"].seed()
    if getattr(sys.modules.get("torch"), "default_generator", None) is not None:
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
    main = types.ModuleType("__main__")
    vars(main).update(__builtins__=builtins, __annotations__={}, __cached__=None)
    if program["module"]:
        sys.argv = [name, *arguments]
        sys.modules["__main__"] = main
        runpy._run_module_as_main(name)  # type: ignore[attr-defined]  # what python -m calls
        return
    path = os.path.join(os.getcwd(), name)
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        reason = f"[Errno {error.errno}] {error.strerror}"
        print(f"{sys.executable}: can't open file {path!r}: {reason}", file=sys.stderr)
        sys.exit(2)
    code = compile(source, path, "exec", dont_inherit=True)
    sys.argv = [name, *arguments]
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    vars(main).update(__file__=path, __loader__=loader)
    sys.modules["__main__"] = main
    exec(code, vars(main))


def _main() -> int:
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        program = _serve(connection)
    if program is None:
        return 0
    try:
        _run(program)
    except (Exception, KeyboardInterrupt) as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        return 128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
