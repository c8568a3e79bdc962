"""Archives: a folder as one file whose bytes depend on the names and contents in it alone."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from fixbench.errors import InputError
from fixbench.files import whole_file, whole_folder, write_bytes
from fixbench.tracking._objects import md5_of_bytes, writing

_UNIX = 3
_READABLE = 0o100644 << 16
_START_OF_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Member:
    """A file in an archive: the MD5 (hex) of its content and its size in bytes."""

    md5: str
    size: int


def pack(folder: Path, archive: Path) -> None:
    """Write the files in ``folder`` to an archive, whole or not at all.

    The archive is a zip without compression. Names are sorted by their bytes; times and
    permissions are constants. Equal files give equal bytes.

    Raises:
        InputError: the archive cannot be written.
    """
    files = {path.relative_to(folder).as_posix(): path for path in files_in(folder)}
    with writing(archive), whole_file(archive) as partial, zipfile.ZipFile(partial, "w") as target:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _START_OF_TIME)
            entry.create_system, entry.external_attr = _UNIX, _READABLE
            target.writestr(entry, files[name].read_bytes())


def packed_size(folder: Path) -> int:
    """The bytes that `pack` would write.

    A file takes its content, a header of 30 bytes and an entry of 46 in the directory, both with
    its name. The end of the directory takes 22 (PKWARE, APPNOTE.TXT, 4.3.7, 4.3.12 and 4.3.16).
    """
    sizes = (
        path.stat().st_size + 30 + 46 + 2 * len(path.relative_to(folder).as_posix().encode())
        for path in files_in(folder)
    )
    return sum(sizes) + 22


def read_members(archive: Path) -> Mapping[str, Member]:
    """Name → file, in the archive's order; every name is checked before any content is read.

    Raises:
        InputError: it is not an archive of files with plain relative names, or a content in it
            cannot be read: it is damaged, encrypted or compressed in an unknown way.
    """
    with _opened(archive) as source:
        entries = source.infolist()
        _check_names(archive, entries)
        members: dict[str, Member] = {}
        for entry in entries:
            with _reading(archive, entry.filename):
                members[entry.filename] = Member(md5_of_bytes(source.read(entry)), entry.file_size)
    return MappingProxyType(members)


def _check_names(archive: Path, entries: Sequence[zipfile.ZipInfo]) -> None:
    names: set[str] = set()
    for entry in entries:
        name = PurePosixPath(entry.filename)
        # `filename` ends at a NUL, `orig_filename` does not.
        plain = name.as_posix() == entry.orig_filename and not name.is_absolute()
        if not plain or ".." in name.parts or entry.filename in names:
            expected = "files with relative names, each once"
            raise InputError(archive, "name", entry.orig_filename, expected=expected)
        if any(map(_is_left_over, name.parts)):
            expected = "no file that an interrupted write has left (.NAME.partial, .NAME.previous)"
            raise InputError(archive, "name", entry.filename, expected=expected)
        names.add(entry.filename)
    for one in sorted(names):
        if above := names & {parent.as_posix() for parent in PurePosixPath(one).parents}:
            expected = f"no file below the file {min(above)!r}"
            raise InputError(archive, "name", one, expected=expected)


def unpack(archive: Path, folder: Path) -> None:
    """Write every file of an archive to ``folder``, which appears whole or not at all.

    Raises:
        InputError: the folder cannot be written, or as `read_members`, and nothing was written.
    """
    read_members(archive)
    with whole_folder(folder) as partial, _opened(archive) as source:
        source.extractall(partial)


def unpack_some(archive: Path, folder: Path, names: Sequence[str]) -> None:
    """Write some files of an archive to ``folder``, each whole or not at all.

    Raises:
        InputError: a file cannot be written, or as `read_members`.
    """
    with _opened(archive) as source:
        _check_names(archive, source.infolist())
        for name in names:
            with _reading(archive, name):
                content = source.read(name)
            with writing(folder / name):
                write_bytes(folder / name, content)


def files_in(folder: Path) -> list[Path]:
    """The files in a folder and below, sorted; without what an interrupted write has left."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not any(map(_is_left_over, path.relative_to(folder).parts))
    )


def _is_left_over(name: str) -> bool:
    return name.startswith(".") and name.endswith((".partial", ".previous"))


def _opened(archive: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except (OSError, ValueError, struct.error, zipfile.BadZipFile, NotImplementedError) as error:
        expected = f"a zip archive, as `fixbench data track` writes it ({error})"
        raise InputError(archive, "", expected=expected) from None


#: What `zipfile` raises for a content that is damaged, encrypted or compressed by other means.
_UNREADABLE = (
    *(OSError, EOFError, ValueError, LookupError, struct.error, zipfile.BadZipFile),
    *(RuntimeError, zlib.error, lzma.LZMAError),
)


@contextmanager
def _reading(archive: Path, name: str) -> Iterator[None]:
    """Turn a failure to read a member into the message that names it."""
    try:
        yield
    except _UNREADABLE as error:
        problem = " ".join(f"{error}".split()) or type(error).__name__
        expected = f"a content that can be read ({problem}); run `fixbench data track`"
        raise InputError(archive, "name", name, expected=expected) from None
