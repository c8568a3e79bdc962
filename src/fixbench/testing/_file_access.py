"""Which files a run opens, by the interpreter's audit hook.

Python raises an audit event for every file that Python code opens, for every folder that it lists
and for every process and connection that it starts; a hook sees these and can refuse them. It does
not see:

- what a library in C or C++ opens by itself, such as pyarrow or HDF5 reading from a path, and
  what was mapped into memory or opened before;
- ``os.stat``, environment variables, the time, and entropy of the operating system (two runs that
  read these differ, which the comparison of runs finds);
- what a cache in memory kept from an earlier run of the process: watch the first run;
- where a symbolic link within the inputs leads, because DVC makes such links.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fixbench

__all__ = ["reading_only"]

#: Events with a path that is read or listed, and events that change what the path names.
_READS = ("os.listdir", "os.scandir", "sqlite3.connect")
_WRITES = (
    *("os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.truncate", "os.link", "os.symlink"),
    *("os.chmod", "os.chown", "os.utime"),
)
#: Events of what cannot be watched, or reaches beyond the machine.
_REFUSED = {
    **dict.fromkeys(
        ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork"),
        "started another process",
    ),
    **dict.fromkeys(
        ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"),
        "used the network",
    ),
}
#: Of the operating system: locales, time zones, devices, the state of the process.
_SYSTEM = ("/dev", "/etc", "/proc", "/sys", "/usr")
_CODE = (".py", ".pyc", ".so", ".pyd", ".dll", ".dylib", ".pth", ".egg-link")


class _Watch:
    """What may be opened, and what was opened besides."""

    def __init__(self, inputs: Iterable[Path], scratch: Path, code: Iterable[Path]) -> None:
        paths = sysconfig.get_paths()
        interpreter = (sys.prefix, sys.base_prefix, sys.exec_prefix, *_SYSTEM)
        libraries = (paths["stdlib"], paths["platstdlib"], paths["purelib"], paths["platlib"])
        own = (*site.getsitepackages(), site.getusersitepackages(), *map(str, code))
        package = str(Path(fixbench.__file__).parent)
        self.readable = _places([*interpreter, *libraries, *own, package, *map(str, inputs)])
        self.writable = _places([str(scratch), "/dev"])
        self.importable = _places(entry or os.getcwd() for entry in sys.path)
        self.violations: list[str] = []

    def allows(self, path: Any, *, write: bool) -> bool:
        if isinstance(path, int) or path is None:  # opened before; the working directory
            return isinstance(path, int)
        names = _names(os.fsdecode(path))
        if any(_within(name, self.writable) for name in names):
            return True
        # The interpreter writes the byte code of what it imports.
        cached = any(os.sep + "__pycache__" in name for name in names)
        if cached and any(_within(name, self.importable) for name in names):
            return True
        if write:
            return False
        if any(_within(name, self.readable) for name in names):
            return True
        # Of the import path itself: code, and the listing of a folder that holds it.
        return any(
            name in self.importable
            or (name.endswith(_CODE) and _within(name, self.importable))
            or (_within(name, self.importable) and os.path.isfile(f"{name}/__init__.py"))
            for name in names
        )


_watch: _Watch | None = None
_installed = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    watch = _watch
    if watch is None:
        return
    found = None
    if event == "open":
        path, mode, flags = arguments
        writing = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or (
            isinstance(mode, str) and any(letter in mode for letter in "wax+")
        )
        if not watch.allows(path, write=writing):
            found = f"{'wrote' if writing else 'read'} {os.fspath(path)!r}"
    elif event in _READS:
        if not watch.allows("." if arguments[0] is None else arguments[0], write=False):
            found = f"listed or read {arguments[0]!r}"
    elif event in _WRITES:
        paths = [item for item in arguments[:2] if isinstance(item, str | bytes | os.PathLike)]
        if not all(watch.allows(path, write=True) for path in paths):
            found = f"changed {paths[0]!r} ({event})"
    elif event in _REFUSED:
        found = f"{_REFUSED[event]} ({event})"
    if found is not None:
        watch.violations.append(found)
        raise PermissionError(f"a run may open nothing but its inputs; it {found}")


@contextmanager
def reading_only(
    inputs: Iterable[Path], *, scratch: Path, code: Iterable[Path] = ()
) -> Iterator[list[str]]:
    """Refuse, inside, to open anything but ``inputs``, and give what was refused.

    What the interpreter, its libraries and Fixbench itself read is allowed. An audit hook cannot
    be removed: it stays and does nothing outside. It watches all threads of the process.

    Args:
        inputs: files and folders that may be read.
        scratch: a folder in which everything may be written, such as temporary files.
        code: folders of the code that runs, which may be read.

    Returns:
        what was refused, in words; filled while the block runs. The code inside gets a
        `PermissionError`, which it may well have handled.
    """
    global _watch, _installed
    if not _installed:
        sys.addaudithook(_hook)
        _installed = True
    watch = _Watch(inputs, scratch, code)
    outer, _watch = _watch, watch
    try:
        yield watch.violations
    finally:
        _watch = outer


def _names(path: str) -> set[str]:
    return {os.path.abspath(path), os.path.realpath(path)}


def _places(paths: Iterable[str]) -> frozenset[str]:
    return frozenset(name for path in paths if path for name in _names(path))


def _within(name: str, places: frozenset[str]) -> bool:
    """Whether ``name`` is one of ``places`` or lies below one."""
    while name not in places:
        parent = os.path.dirname(name)
        if parent == name:
            return False
        name = parent
    return True
