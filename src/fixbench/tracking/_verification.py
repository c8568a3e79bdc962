"""Whether the files in the working tree are the tracked ones."""

from __future__ import annotations

from pathlib import Path

from fixbench.errors import InputError
from fixbench.tracking._archives import files_in
from fixbench.tracking._content import list_content
from fixbench.tracking._objects import cached, md5_of, stored
from fixbench.tracking._pointers import Output, outputs_in, tracked_folders


def verify(root: Path, folder: str | None = None) -> None:
    """Hash every tracked file in ``folder`` again, and the archives it comes from, and compare.

    An archive that is missing is no error, as no job reads it, as long as its content is in the
    remote to compare with.

    Args:
        root: the repository.
        folder: relative to ``root``; every tracked folder when omitted.

    Raises:
        InputError: a file is missing, truncated, altered or not tracked; see `tracked_files` too.
    """
    for path in missing_files(root, folder):
        expected = "this tracked file, which is missing; run `fixbench data pull`"
        raise InputError(root / path, "", expected=expected)


def missing_files(root: Path, folder: str | None = None) -> list[str]:
    """The tracked files, out of archives or not, that are not there.

    Raises:
        InputError: a file that is there is not what is tracked.
    """
    for output in outputs_in(root, folder):
        if output.folder is not None and (root / output.path).exists():
            check_output(root, output)
    content = list_content(root, folder)
    missing = [path for path in content if not (root / path).exists()]
    for path in content.keys() - missing:
        _check_content(root, path, content[path].md5, content[path].size, "delete it")
    for file in _files_present(root, folder):
        if file.relative_to(root).as_posix() not in content:
            expected = "tracked files only; remove it, or run `fixbench data track`"
            raise InputError(file, "", expected=expected)
    return missing


def missing_objects(root: Path) -> list[str]:
    """The tracked files that are not there, and whose content no store of this folder has."""
    return [
        output.path
        for output in outputs_in(root)
        if not (root / output.path).exists()
        and not stored(root, output.md5).exists()
        and not cached(root, output.md5).exists()
    ]


def check_output(root: Path, output: Output) -> None:
    """Refuse a file that is not the one its pointer lists.

    Raises:
        InputError: it is truncated or altered.
    """
    remedy = "delete it" if output.folder is None else f"delete it and {output.folder}"
    _check_content(root, output.path, output.md5, output.size, remedy)


def _files_present(root: Path, folder: str | None) -> list[Path]:
    """The files in ``folder``, but for the archives."""
    archives = {output.path for output in outputs_in(root, folder) if output.folder}
    places = tracked_folders(root) if folder is None else [folder]
    files = [file for place in places for file in files_in(root / place)]
    return [file for file in files if file.relative_to(root).as_posix() not in archives]


def _check_content(root: Path, path: str, md5: str, size: int, remedy: str) -> None:
    file = root / path
    remedy = f"{remedy} and run `fixbench data pull`"
    if not file.is_file():
        raise InputError(file, "", expected=f"a file; {remedy}")
    found = file.stat().st_size
    if found < size:
        raise InputError(file, "size", found, expected=f"{size} bytes: it is truncated; {remedy}")
    if (content := md5_of(file)) != md5:
        raise InputError(file, "md5", content, expected=f"{md5}: it was altered; {remedy}")
