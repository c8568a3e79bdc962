"""Files of claims and files of results as a data frame."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fixbench.errors import InputError
from fixbench.judging._cells import Value, is_missing, value_of
from fixbench.judging._roles import Asked, find_roles
from fixbench.judging._tables import Table, read_tables
from fixbench.published import load_results as load_claims

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load_results"]

_TABLES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet", ".pq")


def load_results(path: str | Path) -> pd.DataFrame:
    """Claims with their verdicts, or the rows of results, as a data frame.

    Args:
        path: a ``claims.json``, or a folder: then every ``claims.json`` in it and below it. Or
            results as CSV, JSON, JSON lines or Parquet.

    Returns:
        Of claims a row each, as `fixbench.published.load_results` says. Of results the table as it
        is written, which `compare` takes for the same as the file: labels are text (``001``) or
        whole numbers, values are floats. What is missing is ``None``, and a word that says why
        there is no number (``OOM``) stays, in a column of objects.

    Raises:
        InputError: there is no such file, or it is neither.
    """
    place = Path(path)
    if not place.exists():
        raise InputError(place, "", expected="a file or a folder that is there")
    suffix = place.suffix.lower()
    if place.is_dir() or place.name == "claims.json" or (suffix == ".json" and _is_claims(place)):
        return load_claims(place)
    if suffix != ".json" and suffix not in _TABLES:
        expected = f"claims.json, a folder with one, or results in .json or {', '.join(_TABLES)}"
        raise InputError(place, "", expected=expected)
    table = read_tables([place])
    if {"claim_sha256", "verdict"} <= set(table.columns):
        expected = (
            "claims.json, of which this is a part for spreadsheets, or results; pandas reads it too"
        )
        raise InputError(place, "", expected=expected)
    return _frame(table)


def _is_claims(path: Path) -> bool:
    """Whether a file is of claims, of whatever version, rather than of results."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False  # said by whoever reads it
    if isinstance(content, dict):
        return bool({"claims", "verdicts"} & content.keys())
    first = content[0] if isinstance(content, list) and content else None
    return isinstance(first, dict) and "verdict" in first


def _frame(table: Table) -> pd.DataFrame:
    import pandas as pd

    try:
        roles = find_roles(table, Asked())
    except InputError:
        labels: set[str | None] = set()  # a table of something else
    else:
        labels = {*roles.variant, *roles.stage, roles.seed, roles.metric, roles.status}
    return pd.DataFrame(
        {
            name: _labels(cells) if name in labels else _numbers(cells)
            for name, cells in table.columns.items()
        }
    )


def _labels(cells: Sequence[Any]) -> pd.Series:
    """Whole numbers where every text is that of one, else the texts."""
    import pandas as pd

    if all(isinstance(cell, str) for cell in cells):
        if all(cell.isascii() and cell.isdigit() and str(int(cell)) == cell for cell in cells):
            return pd.Series([int(cell) for cell in cells])
        return _typed([str(cell) for cell in cells])
    return _typed(cells)


def _numbers(cells: Sequence[Any]) -> pd.Series:
    """Floats, with words and ``None`` between them in a column of objects; or the texts."""
    import pandas as pd

    if not any(isinstance(cell, str) for cell in cells):
        return _typed(cells)
    found = [value_of(cell) for cell in cells]
    values = [item for item in found if isinstance(item, Value)]
    if len(values) < len(cells) or not any(item.status == "ok" for item in values):
        return _labels(cells)
    if all(item.status == "ok" for item in values):
        return pd.Series([item.number for item in values])
    return pd.Series(
        [
            item.number if item.status == "ok" else None if item.status == "missing" else str(cell)
            for item, cell in zip(values, cells, strict=True)
        ],
        dtype=object,
    )


def _typed(cells: Sequence[Any]) -> pd.Series:
    """Cells that have types: a ``None`` among numbers stays one."""
    import pandas as pd

    if any(is_missing(cell) for cell in cells):
        return pd.Series([None if is_missing(cell) else cell for cell in cells], dtype=object)
    return pd.Series(list(cells))
