"""What is tracked: the pointers in git and the listings they name."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePosixPath

from fixbench.ablation import read_yaml
from fixbench.errors import InputError

#: The top-level folders that DVC tracks.
FOLDERS = ("data", "checkpoints")


def tracked_files(root: Path, folder: str | None = None) -> dict[str, str]:
    """The tracked files in ``folder`` and below, whether they are there or not.

    Args:
        root: the repository.
        folder: relative to ``root``, e.g. ``"data/aa_clip"``; every tracked folder when omitted.

    Returns:
        POSIX path relative to ``root`` → MD5 of the content, sorted by path.

    Raises:
        InputError: nothing is tracked there, or a pointer or its listing is missing or damaged.
    """
    if folder is None:
        tops = tracked_folders(root)
        return {path: md5 for top in tops for path, md5 in tracked_files(root, top).items()}
    where = PurePosixPath(folder)
    top = where.parts[0] if where.parts else ""
    if top not in FOLDERS or ".." in where.parts:
        raise InputError(root, "folder", folder, expected=f"a folder in {' or '.join(FOLDERS)}")
    files = {
        path: md5
        for path, md5 in sorted(_listed(root, top).items())
        if PurePosixPath(path).is_relative_to(where)
    }
    if not files:
        raise InputError(pointer(root, top), "path", folder, expected="a folder that it tracks")
    return files


def tracked_hash(root: Path, folder: str) -> str:
    """SHA-256 (hex) of names and contents in ``folder``, unaffected by its neighbours.

    It is taken from the listing, without reading the files: see `verify` for those.

    Raises:
        InputError: see `tracked_files`.
    """
    lines = (f"{md5}  {path}\n" for path, md5 in tracked_files(root, folder).items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


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
    """The file in git that stands for the top-level folder ``top``."""
    return root / f"{top}.dvc"


def pointed(root: Path, top: str) -> str:
    """The MD5 in a pointer, with ``.dir`` appended where it names a listing."""
    path = pointer(root, top)
    if not path.exists():
        raise InputError(path, "", expected="this pointer, which git keeps; see `git status`")
    content = read_yaml(path)
    try:
        (out,) = content["outs"]
        if out["path"] == top:
            return str(out["md5"])
    except (KeyError, TypeError, ValueError):
        pass
    expected = f"one output with path '{top}' and an md5, as `dvc add {top}` writes it"
    raise InputError(path, "outs", expected=expected)


def stored(root: Path, md5: str) -> Path:
    """Where the embedded remote keeps an object."""
    return _object(root / ".dvc" / "store", md5)


def cached(root: Path, md5: str) -> Path:
    """Where DVC's cache keeps an object."""
    return _object(root / ".dvc" / "cache", md5)


def md5_of(path: Path) -> str:
    """MD5 (hex) of a file's content: a checksum here, not a protection."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def check_stored(root: Path, md5: str) -> None:
    """Refuse an object of the embedded remote whose content is not what its name says.

    An object that is not there passes: it may be in the cache, or in another remote.
    """
    path = stored(root, md5)
    if path.exists() and (found := md5_of(path)) != md5.removesuffix(".dir"):
        expected = f"the content it is named after; run `git checkout -- {path.relative_to(root)}`"
        raise InputError(path, "md5", found, expected=expected)


def _object(base: Path, md5: str) -> Path:
    return base / "files" / "md5" / md5[:2] / md5[2:]


def _listed(root: Path, top: str) -> dict[str, str]:
    md5 = pointed(root, top)
    if not md5.endswith(".dir"):
        return {top: md5}
    # A damaged listing in the cache is no obstacle while the remote has it, and pull replaces it.
    for path in (stored(root, md5), cached(root, md5)):
        if path.exists() and md5_of(path) == md5.removesuffix(".dir"):
            entries = json.loads(path.read_bytes())
            return {f"{top}/{entry['relpath']}": str(entry["md5"]) for entry in entries}
    check_stored(root, md5)
    where = stored(root, md5).relative_to(root)
    expected = f"a listing that {where} holds; run `git checkout -- .dvc/store`, or `dvc pull`"
    raise InputError(pointer(root, top), "md5", md5, expected=expected)
