"""The pointers in git: which files are tracked, and their MD5."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fixbench.errors import InputError
from fixbench.files import write_text
from fixbench.reading import read_yaml
from fixbench.tracking._objects import writing

#: The top-level folders whose content is tracked.
FOLDERS = ("data", "checkpoints")
#: Of these, the one whose folders travel as archives.
ARCHIVED = "data"

_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Output:
    """A tracked file, as its pointer lists it.

    Attributes:
        path: POSIX path relative to the repository, such as ``data/yowo.zip``.
        md5: of its content, hexadecimal.
        size: bytes.
    """

    path: str
    md5: str
    size: int

    @property
    def folder(self) -> str | None:
        """The folder that is unpacked from it; ``None`` for a file that is used as it is."""
        path = PurePosixPath(self.path)
        archived = path.parent == PurePosixPath(ARCHIVED) and path.suffix == ".zip"
        return path.with_suffix("").as_posix() if archived else None

    @property
    def place(self) -> PurePosixPath:
        """Where its content is used: the unpacked folder, or the file itself."""
        return PurePosixPath(self.folder or self.path)


def outputs_in(root: Path, folder: str | None = None) -> list[Output]:
    """The tracked files whose content lies in ``folder``, or contains it; sorted by path.

    Args:
        root: the repository.
        folder: relative to ``root``, such as ``"data/yowo"``; everything tracked when omitted.

    Raises:
        InputError: nothing is tracked there, or a pointer is missing or damaged.
    """
    if folder is None:
        return [output for top in tracked_folders(root) for output in read_pointer(root, top)]
    where = PurePosixPath(folder)
    top = where.parts[0] if where.parts else ""
    if top not in FOLDERS or ".." in where.parts:
        raise InputError(root, "folder", folder, expected=f"a folder in {' or '.join(FOLDERS)}")
    found = [
        output
        for output in read_pointer(root, top)
        if output.place.is_relative_to(where) or where.is_relative_to(output.place)
    ]
    if not found:
        raise not_tracked(root, folder)
    return found


def not_tracked(root: Path, folder: str) -> InputError:
    """The error for a folder in which nothing is tracked."""
    file = pointer(root, PurePosixPath(folder).parts[0])
    return InputError(file, "path", folder, expected="a folder that it tracks")


def tracked_folders(root: Path) -> list[str]:
    """The top-level folders that have a pointer.

    Raises:
        InputError: there is none.
    """
    tops = [top for top in FOLDERS if pointer(root, top).exists()]
    if not tops:
        expected = " or ".join(f"{top}.dvc" for top in FOLDERS)
        raise InputError(root, "", expected=f"{expected}, which git keeps; see `git status`")
    return tops


def pointer(root: Path, top: str) -> Path:
    """The file in git that lists what is tracked in the top-level folder ``top``."""
    return root / f"{top}.dvc"


def read_pointer(root: Path, top: str) -> list[Output]:
    """What a pointer lists, sorted by path.

    Raises:
        InputError: the pointer is missing or is not one that `track` writes.
    """
    path = pointer(root, top)
    if not path.exists():
        raise InputError(path, "", expected="this pointer, which git keeps; see `git status`")
    content = read_yaml(path)
    entries = content.get("outs") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise InputError(path, "outs", entries, expected="a list of files, one or more")
    outputs = [_output(path, top, number, entry) for number, entry in enumerate(entries)]
    seen: set[str] = set()
    for number, output in enumerate(outputs):
        if output.path in seen:
            raise InputError(path, f"outs[{number}].path", output.path, expected="each path once")
        seen.add(output.path)
    return sorted(outputs, key=lambda output: output.path)


def write_pointer(root: Path, top: str, outputs: Sequence[Output]) -> None:
    """Write a pointer as DVC writes it.

    Raises:
        InputError: it cannot be written.
    """
    lines = ["outs:"]
    for output in outputs:
        lines += [f"- md5: {output.md5}", f"  size: {output.size}", "  hash: md5"]
        lines += [f"  path: {output.path}"]
    with writing(pointer(root, top)):
        write_text(pointer(root, top), "\n".join(lines) + "\n")


def _output(file: Path, top: str, number: int, entry: Any) -> Output:
    entry = entry if isinstance(entry, dict) else {}
    path, md5, size = entry.get("path"), entry.get("md5"), entry.get("size")
    parts = PurePosixPath(path).parts if isinstance(path, str) else ()
    if len(parts) < 2 or parts[0] != top or ".." in parts or "\0" in path:
        expected = f"the path of a file in {top}, such as {top}/NAME/FILE"
        raise InputError(file, f"outs[{number}].path", path, expected=expected)
    if not isinstance(md5, str) or not _MD5.fullmatch(md5):
        expected = "32 hexadecimal digits; run `fixbench data track`"
        raise InputError(file, f"outs[{number}].md5", md5, expected=expected)
    if type(size) is not int or size < 0:
        expected = "the number of bytes; run `fixbench data track`"
        raise InputError(file, f"outs[{number}].size", size, expected=expected)
    return Output(str(path), md5, size)
