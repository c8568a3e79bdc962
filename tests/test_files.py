"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fixbench.errors import InputError
from fixbench.files import (
    NotWrittenError,
    check_output,
    whole_file,
    whole_folder,
    write_bytes,
    write_json,
    write_text,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_content_is_written_byte_for_byte(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a" / "b" / "x", b"\r\n\0")
    assert (tmp_path / "a" / "b" / "x").read_bytes() == b"\r\n\0"
    write_text(tmp_path / "y", "λ\n")
    assert (tmp_path / "y").read_bytes() == b"\xce\xbb\n"
    write_text(tmp_path / "y", "")
    assert (tmp_path / "y").read_bytes() == b""
    assert names(tmp_path) == ["a", "y"]


def test_failure_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for before in (None, b"old"):
        if before is not None:
            path.write_bytes(before)
        with contextlib.suppress(ZeroDivisionError), whole_file(path) as partial:
            partial.write_bytes(b"half")
            raise ZeroDivisionError
        assert (path.read_bytes() if path.exists() else None) == before
    assert names(tmp_path) == ["x"]


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "x"):
        pass
    assert (tmp_path / "x").read_text() == "old"


def test_partial_name_depends_on_the_path_alone(tmp_path: Path) -> None:
    with whole_file(tmp_path / "x.pt") as first:
        first.write_text("")
    with whole_file(tmp_path / "x.pt") as second:
        second.write_text("")
    assert first == second == tmp_path / ".x.pt.partial"


def test_killed_writer_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    code = (
        "import os, sys; from pathlib import Path; from fixbench.files import whole_file\n"
        "with whole_file(Path(sys.argv[1])) as partial:\n"
        "    partial.write_text('half'); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    write_text(path, "new")  # and what the killed process left is gone
    assert path.read_text() == "new"
    assert names(tmp_path) == ["x"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"b": 1, "a": [0.1, None]}, '{\n  "a": [\n    0.1,\n    null\n  ],\n  "b": 1\n}\n'),
        ({"a": [0.1, None], "b": 1}, '{\n  "a": [\n    0.1,\n    null\n  ],\n  "b": 1\n}\n'),
        (("λ", True), '[\n  "λ",\n  true\n]\n'),
        ([float("nan"), float("-inf")], '[\n  "NaN",\n  "-Infinity"\n]\n'),
        (Path("a/b"), '"a/b"\n'),
    ],
)
def test_json_has_one_layout(tmp_path: Path, content: object, text: str) -> None:
    write_json(tmp_path / "x.json", content)
    assert (tmp_path / "x.json").read_text(encoding="utf-8") == text


def test_json_keeps_every_bit_of_a_number(tmp_path: Path) -> None:
    numbers = [0.1 + 0.2, 1e-320, 2**53 + 1, -0.0]
    write_json(tmp_path / "x.json", numbers)
    read = json.loads((tmp_path / "x.json").read_text())
    assert list(map(repr, read)) == list(map(repr, numbers))


def test_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "old").write_text("")
    with whole_folder(tmp_path / "x") as folder:
        (folder / "new").write_text("")
        assert names(tmp_path / "x") == ["old"]
    assert names(tmp_path / "x") == ["new"]
    with contextlib.suppress(ZeroDivisionError), whole_folder(tmp_path / "x") as folder:
        (folder / "half").write_text("")
        raise ZeroDivisionError
    assert names(tmp_path / "x") == ["new"]
    assert names(tmp_path) == ["x"]


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "x"
    with pytest.raises(InputError) as caught, whole_folder(place):
        pass
    assert caught.value.file == str(place)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("name", "problem"),
    [("", "is a folder"), ("folder", "is a folder"), ("file/x", "is no folder")],
)
def test_a_file_that_cannot_be_written(name: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    path = tmp_path / name
    with pytest.raises(InputError, match=rf"--output.*that can be written \(.*{problem}"):
        check_output(path if name else Path(name), "--output")
    with pytest.raises(NotWrittenError, match="expected a file that can be written") as caught:
        write_text(path, "x")
    assert caught.value.strerror
    assert caught.value.strerror in str(caught.value)
    assert not list(tmp_path.rglob("*.partial"))
    # An error of another file that the block reads stays what it is.
    with pytest.raises(FileNotFoundError, match="elsewhere"), whole_file(tmp_path / "x"):
        (tmp_path / "elsewhere").read_text()


def test_an_output_that_can_be_written(tmp_path: Path) -> None:
    check_output(tmp_path / "a" / "b", "--output")
    write_text(tmp_path / "a" / "b", "x")
    check_output(tmp_path / "a" / "b", "--output")
    assert (tmp_path / "a" / "b").read_text() == "x"
