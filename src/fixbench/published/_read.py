"""Reading ``claims.json``: of this version whole, of older ones the rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fixbench.errors import InputError
from fixbench.published._model import VERSION, PublishedTable

__all__ = ["read_rows", "read_table"]

_TABLE = "the table of claims that a run wrote"
_VERDICTS = (
    f"{VERSION}, as in what `fixbench claims` writes; these are the verdicts of `fixbench "
    "analyse`, from which it makes the table"
)


def read_table(path: Path) -> PublishedTable:
    """A ``claims.json`` of this version, checked key by key.

    Raises:
        InputError: the file is no such table, or one of another version.
    """
    content = _content(path)
    if isinstance(content, list):
        raise InputError(path, "version", expected=_older(content))
    if isinstance(content, dict) and "verdicts" in content:
        raise InputError(path, "version", expected=_VERDICTS)
    if not isinstance(content, dict) or "version" not in content:
        raise InputError(path, "", expected=_TABLE)
    if content["version"] != VERSION:
        expected = f"{VERSION}; install the fixbench that wrote it, or run that of this one again"
        raise InputError(path, "version", content["version"], expected=expected)
    try:
        return PublishedTable.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        found = problem["input"] if problem["type"] != "missing" else None
        raise InputError(path, key, found, expected=problem["msg"]) from None


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a table of any version, one a claim, unchecked but for what tells them apart.

    Raises:
        InputError: the file is no such table, or has no claim.
    """
    content = _content(path)
    rows = content.get("claims") if isinstance(content, dict) else content
    try:
        found = [(row["ablation"], row["id"], row["verdict"]) for row in rows or []]
    except (TypeError, KeyError):
        found = []
    if not found or not isinstance(rows, list):
        raise InputError(path, "", expected=_TABLE)
    return rows


def _content(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(path, "", expected=_TABLE) from None


def _older(rows: list[Any]) -> str:
    if rows and isinstance(rows[0], dict) and "ruling" in rows[0]:
        return _VERDICTS
    return (
        f"{VERSION}; fixbench 0.2.0 or older wrote this table, which has no version: write it "
        "again with `fixbench claims`"
    )
