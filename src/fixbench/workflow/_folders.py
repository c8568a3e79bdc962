"""The folders of ablations, and folders to write in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import fixbench
from fixbench.errors import InputError

__all__ = ["check_writable", "find_ablations", "new_ablation"]


def find_ablations(
    folder: Path,
    names: Sequence[str] = (),
    *,
    file: str | Path | None = None,
    key: str = "ablation",
) -> list[str]:
    """The ablations in ``folder``, sorted; those named, if any are.

    Args:
        file, key: where the names were given, for the message; in ``folder`` by default.

    Raises:
        InputError: there is none, or not one of that name.
    """
    found = sorted(path.parent.name for path in folder.glob("*/ablation.yaml"))
    if not found:
        raise InputError(folder, "", expected="folders with an ablation.yaml")
    for name in names:
        if name not in found:
            raise InputError(file or folder, key, name, expected=f"one of {', '.join(found)}")
    return sorted(set(names)) or found


def check_writable(folder: Path) -> None:
    """Refuse a folder that could not be made or written to, before hours are spent.

    Raises:
        InputError: it is no folder, or its permissions forbid it.
    """
    existing = folder
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    if not os.path.isdir(existing):
        raise InputError(folder, "", expected=f"a folder, but {existing} is a file; remove it")
    if not os.access(existing, os.W_OK | os.X_OK, effective_ids=True):
        raise InputError(folder, "", expected=f"permission to write in {existing}")


def new_ablation(folder: Path, name: str) -> Path:
    """Write an ablation that runs, with a system of its own, and return its folder.

    Raises:
        InputError: the name is taken or cannot name a Snakemake rule.
    """
    if not name.isidentifier():
        raise InputError("fixbench new", "NAME", name, expected="letters, digits and underscores")
    target = folder / name
    if target.exists():
        raise InputError("fixbench new", "NAME", name, expected=f"a new name; {target} exists")
    source = Path(fixbench.__file__).parent / "template"
    target.mkdir(parents=True)
    for path in sorted(source.glob("*.*")):
        text = path.read_text(encoding="utf-8").replace("__NAME__", name)
        (target / path.name).write_text(text, encoding="utf-8")
    return target
