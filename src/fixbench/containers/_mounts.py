"""What a container sees: the package, what its command may read, and its writable folders."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import fixbench
from fixbench.containers._invocation import Mount
from fixbench.containers._scratch import KEPT
from fixbench.errors import InputError

__all__ = ["CODE", "plan_mounts"]

_PACKAGE = Path(fixbench.__file__).parent
#: Where the package is in the container: an image has its environment, not the package itself.
CODE = Path("/opt/source")


def plan_mounts(root: Path, read: Sequence[Path], writable: Mapping[Path, Path]) -> list[Mount]:
    """Mounts in an order in which none covers another.

    Args:
        read: files and folders, relative to ``root``; those that do not exist are left out.
        writable: folder in the container → folder of the host, made if missing.

    Raises:
        InputError: a folder is to be read and written.
    """
    mounts = {CODE / _PACKAGE.name: Mount(source=_PACKAGE, target=CODE / _PACKAGE.name)}
    for path in (Path(os.path.normpath(root / path)) for path in read):
        if path in writable:
            raise InputError(path, "", expected="a folder to read or to write in, not both")
        if not path.exists():
            continue
        source = path.resolve()
        mounts[path] = Mount(source=source, target=path)
        for point in _mounted_in(source):
            inside = path / point.relative_to(source)
            mounts[inside] = Mount(source=point, target=inside)
    for path, source in writable.items():
        source.mkdir(parents=True, exist_ok=True)
        mounts[path] = Mount(source=source, target=path, writable=True)
    for path in mounts:
        # The engine would make the folders between a mount and a mount in it as root, and only
        # root could remove them.
        for folder in writable.keys() & set(path.parents):
            if writable[folder].name != KEPT:  # an earlier attempt may have put a link there
                place = writable[folder] / path.relative_to(folder)
                place.parent.mkdir(parents=True, exist_ok=True)
    return [mounts[path] for path in sorted(mounts)]


def _mounted_in(folder: Path) -> list[Path]:
    """Mount points in a folder: a read-only mount of the folder does not make those read-only."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    names = (
        re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), line.split()[4]) for line in lines
    )
    return [Path(name) for name in names if folder in Path(name).parents]
