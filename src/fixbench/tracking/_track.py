"""Making the present content of the working tree the tracked one."""

from __future__ import annotations

from pathlib import Path

from fixbench.errors import InputError
from fixbench.tracking._archives import files_in, pack, packed_size, read_members
from fixbench.tracking._objects import cached, copy_whole, intact, md5_of, store, stored
from fixbench.tracking._pointers import (
    ARCHIVED,
    FOLDERS,
    Output,
    read_pointer,
    tracked_folders,
    write_pointer,
)
from fixbench.tracking._pull import one_at_a_time

#: What a clone may weigh, in bytes: the remote is part of it.
_LARGEST_STORE = 25_000_000


def track(root: Path) -> None:
    """Make the present content of ``data/`` and ``checkpoints/`` the tracked one.

    Packs each folder in ``data/``, writes the pointers, and makes the remote inside the repository
    hold this content and nothing else; earlier contents stay in the history of git. Pointers and
    remote are left for the caller to commit. Where nothing has changed, nothing changes.

    Raises:
        InputError: there is nothing to track, it is too large for a remote inside the
            repository, or a file lies beside the data sets.
    """
    present = [top for top in FOLDERS if (root / top).exists()]
    sources = [file for top in present for file in files_in(root / top)]
    if not sources:
        raise InputError(root, "", expected=f"a folder to track: {' or '.join(FOLDERS)}")
    with one_at_a_time(root):
        _check_size(root, sources)
        if ARCHIVED in present:
            _check_layout(root)
            for folder in _data_sets(root):
                pack(folder, folder.with_name(f"{folder.name}.zip"))
        for top in present:
            files = _archives(root) if top == ARCHIVED else files_in(root / top)
            outputs = [
                Output(file.relative_to(root).as_posix(), md5_of(file), file.stat().st_size)
                for file in files
            ]
            for output in outputs:
                _keep(root, output)
            if outputs:
                write_pointer(root, top, outputs)
        _discard_others(root)


def _keep(root: Path, output: Output) -> None:
    """Copy a file to the remote and, as ``dvc add`` does, to the cache."""
    for place, mode in ((stored(root, output.md5), 0o644), (cached(root, output.md5), 0o444)):
        if not intact(place, output.md5):
            copy_whole(root / output.path, place, mode=mode)


def _data_sets(root: Path) -> list[Path]:
    """The folders in ``data/`` that have files."""
    top = root / ARCHIVED
    names = {path.relative_to(top).parts[0] for path in files_in(top) if path.parent != top}
    return [top / name for name in sorted(names)]


def _archives(root: Path) -> list[Path]:
    return [path for path in files_in(root / ARCHIVED) if path.parent == root / ARCHIVED]


def _check_layout(root: Path) -> None:
    """Refuse a loose file: a data set is a folder, or the archive of one."""
    for path in _archives(root):
        if path.suffix != ".zip":
            expected = f"folders in {ARCHIVED}, one a data set; move it into one"
            raise InputError(path, "", expected=expected)
        if not path.with_suffix("").exists():
            read_members(path)


def _check_size(root: Path, sources: list[Path]) -> None:
    """Refuse content that is too large, before anything is written."""
    folders = _data_sets(root)
    replaced = {folder.with_name(f"{folder.name}.zip") for folder in folders}
    sizes = {
        path: path.stat().st_size
        for path in sources
        if path not in replaced and not any(path.is_relative_to(folder) for folder in folders)
    }
    sizes |= {folder: packed_size(folder) for folder in folders}
    total = sum(sizes.values())
    if total > _LARGEST_STORE:
        largest = max(sizes, key=lambda path: sizes[path]).relative_to(root)
        expected = (
            f"at most {_LARGEST_STORE} bytes in {' and '.join(FOLDERS)}, as the remote is part of "
            f"the repository; {largest} is the largest"
        )
        raise InputError(root, "size", total, expected=expected)


def _discard_others(root: Path) -> None:
    """Remove from the remote what no pointer lists."""
    outputs = [output for top in tracked_folders(root) for output in read_pointer(root, top)]
    kept = {stored(root, output.md5) for output in outputs}
    for file in store(root).rglob("*"):
        if file.is_file() and file not in kept:
            file.unlink()
