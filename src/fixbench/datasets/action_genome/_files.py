"""The files in ``annotations/`` that are text: class lists, Charades' tables and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fixbench.datasets.action_genome._classes import ACTION_COUNT, normalised
from fixbench.errors import InputError

#: What is expected of a file of the format that is missing.
ANNOTATION_FILE = "a file of Action Genome's annotations; see fixbench.datasets.action_genome"


def check_names(path: Path, names: Sequence[str]) -> None:
    found = [line.strip() for line in _read_text(path).splitlines() if line.strip()]
    for number, name in enumerate(names):
        if number >= len(found):
            raise InputError(path, f"line {number + 1}", expected=f"{name}: {len(names)} classes")
        if normalised(found[number]) != normalised(name):
            raise InputError(path, f"line {number + 1}", found[number], expected=repr(name))
    if len(found) > len(names):
        expected = f"no further class after {len(names)}"
        raise InputError(path, f"line {len(names) + 1}", found[len(names)], expected=expected)


def read_charades(folder: Path) -> dict[str, list[tuple[int, float, float]]]:
    """Video → (action, start, end) in seconds."""
    videos: dict[str, list[tuple[int, float, float]]] = {}
    for name in ("Charades_v1_train.csv", "Charades_v1_test.csv"):
        path = folder / name
        rows = csv.DictReader(io.StringIO(_read_text(path), newline=""))
        try:
            for column in ("id", "actions"):
                if column not in (rows.fieldnames or ()):
                    raise InputError(path, column, expected="a column of this name")
            for row in rows:
                where = f"line {rows.line_num}"
                if row["id"] in videos:
                    raise InputError(path, f"{where}: id", row["id"], expected="each video once")
                entries = [entry for entry in (row["actions"] or "").split(";") if entry]
                videos[row["id"]] = [_interval(path, f"{where}: actions", e) for e in entries]
        except csv.Error as error:
            expected = f"comma-separated values ({error})"
            raise InputError(path, f"line {rows.line_num + 1}", expected=expected) from error
    return videos


def read_json(path: Path) -> dict[str, Any]:
    """An optional file that holds an object."""
    if not path.exists():
        return {}
    try:
        value = json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(path, f"line {error.lineno}", expected=f"JSON ({error.msg})") from error
    if not isinstance(value, dict):
        raise InputError(path, "", value, expected="a JSON object")
    return value


def action_index(file: Path, where: str, code: Any) -> int:
    digits = code[1:] if isinstance(code, str) and code[:1] == "c" else ""
    known = digits.isascii() and digits.isdigit() and len(digits) == 3
    if not known or int(digits) >= ACTION_COUNT:
        raise InputError(file, where, code, expected="an action from c000 to c156")
    return int(digits)


def _interval(path: Path, where: str, entry: str) -> tuple[int, float, float]:
    expected = "entries such as 'c092 11.90 21.20', separated by ';'"
    try:
        code, start, end = entry.split()
        interval = float(start), float(end)
    except ValueError as error:
        raise InputError(path, where, entry, expected=expected) from error
    if not all(math.isfinite(time) for time in interval):
        raise InputError(path, where, entry, expected=expected)
    return action_index(path, where, code), *interval


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(path, "", expected=ANNOTATION_FILE) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "", expected=f"a text file in UTF-8 ({error})") from error
