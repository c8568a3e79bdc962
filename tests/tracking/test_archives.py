"""Archives: bytes that depend on names and contents alone, and folders that are whole or not."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from fixbench.errors import InputError
from fixbench.tracking._archives import Member, pack, packed_size, read_members, unpack, unpack_some

CONTENT = {"b.npy": b"second", "a/x.png": b"first", "a.txt": b"", "é/ü.json": b"{}"}


def write(folder: Path, content: dict[str, bytes]) -> Path:
    for name, value in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(value)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_equal_files_give_equal_bytes(tmp_path: Path) -> None:
    first = write(tmp_path / "first", CONTENT)
    second = write(tmp_path / "second", dict(reversed(CONTENT.items())))
    for path in second.rglob("*"):
        os.utime(path, (1, 1))
    (second / "b.npy").chmod(0o600)
    (second / "empty").mkdir()
    pack(first, tmp_path / "first.zip")
    pack(second, tmp_path / "second.zip")
    assert (tmp_path / "first.zip").read_bytes() == (tmp_path / "second.zip").read_bytes()
    assert (tmp_path / "first.zip").stat().st_size == packed_size(first)
    with zipfile.ZipFile(tmp_path / "first.zip") as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == ["a.txt", "a/x.png", "b.npy", "é/ü.json"]
    # Nothing that another build of zlib, another clock or another user would write differently.
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr for entry in entries} == {0o100644 << 16}
    assert {entry.extra for entry in entries} == {b""}


def test_what_is_unpacked_is_what_was_packed(tmp_path: Path) -> None:
    folder = write(tmp_path / "folder", CONTENT)
    pack(folder, tmp_path / "x.zip")
    unpack(tmp_path / "x.zip", tmp_path / "again")
    assert contents(tmp_path / "again") == CONTENT
    assert read_members(tmp_path / "x.zip") == {
        "a.txt": Member("d41d8cd98f00b204e9800998ecf8427e", 0),  # RFC 1321's MD5 of nothing
        "a/x.png": Member("8b04d5e3775d298e78455efc5ca404d5", 5),
        "b.npy": Member("a9f0e61a137d86aa9db53465e0801612", 6),
        "é/ü.json": Member("99914b932bd37a50b983c5e7c90ae93b", 2),
    }
    (tmp_path / "again/b.npy").unlink()
    (tmp_path / "again/a/x.png").write_bytes(b"other")
    unpack_some(tmp_path / "x.zip", tmp_path / "again", ["b.npy"])
    assert contents(tmp_path / "again") == {**CONTENT, "a/x.png": b"other"}


def test_interrupted_unpacking_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(write(tmp_path / "folder", CONTENT), tmp_path / "x.zip")
    extract = zipfile.ZipFile._extract_member  # type: ignore[attr-defined]
    calls = []

    def stop(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return extract(*arguments)

    monkeypatch.setattr(zipfile.ZipFile, "_extract_member", stop)
    with pytest.raises(KeyboardInterrupt):
        unpack(tmp_path / "x.zip", tmp_path / "again")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "x.zip"]


@pytest.mark.parametrize("name", ["/x", "../x", "a/../../x", "a//x", "a/", "a\0b"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        entry = zipfile.ZipInfo("x")
        entry.filename = name  # past what it does to a name that it is given
        archive.writestr(entry, b"")
    with pytest.raises(InputError, match="expected files with relative names") as caught:
        read_members(tmp_path / "x.zip")
    assert (caught.value.key, caught.value.value) == ("name", name)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"no archive")
    for use in (read_members, lambda path: unpack(path, tmp_path / "folder")):
        with pytest.raises(InputError, match="expected a zip archive"):
            use(tmp_path / "x.zip")
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize(
    ("names", "value", "expected"),
    [
        (["a", "a"], "a", "each once"),
        (["a", "a/b"], "a/b", "no file below the file 'a'"),
        (["f/.a.partial"], "f/.a.partial", "no file that an interrupted write has left"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_do_not_go_together(
    names: list[str], value: str, expected: str, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in names:
            archive.writestr(name, b"1")
    for use in (read_members, lambda path: unpack(path, tmp_path / "folder")):
        with pytest.raises(InputError, match=expected) as caught:
            use(tmp_path / "x.zip")
        assert caught.value.value == value
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


@pytest.mark.parametrize(
    ("offset", "value", "problem"),
    [
        (0, b"XX", "magic number"),  # of the local header, in whose place there is something else
        (31, b"other", "CRC"),  # the content, behind the header of 30 bytes and a name of one
        (-22 - 47 + 8, b"\x01", "encrypted"),  # the flags in the directory
        (-22 - 47 + 10, b"\x63", "compression"),  # the method there
    ],
)
def test_contents_that_cannot_be_read(
    offset: int, value: bytes, problem: str, tmp_path: Path
) -> None:
    pack(write(tmp_path / "folder", {"a": b"first"}), tmp_path / "x.zip")
    content = bytearray((tmp_path / "x.zip").read_bytes())
    start = offset % len(content)
    content[start : start + len(value)] = value
    (tmp_path / "x.zip").write_bytes(content)
    uses = (
        read_members,
        lambda path: unpack(path, tmp_path / "new"),
        lambda path: unpack_some(path, tmp_path / "new", ["a"]),
    )
    for use in uses:
        with pytest.raises(InputError, match=f"content that can be read .*{problem}"):
            use(tmp_path / "x.zip")
    assert not (tmp_path / "new").exists()


def test_a_head_that_is_cut_off(tmp_path: Path) -> None:
    pack(write(tmp_path / "folder", CONTENT), tmp_path / "x.zip")
    content = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(content[20:])
    with pytest.raises(InputError, match=r"x\.zip"):
        unpack(tmp_path / "x.zip", tmp_path / "new")
    assert not (tmp_path / "new").exists()
