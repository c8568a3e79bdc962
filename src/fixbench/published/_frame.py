"""Published tables as a data frame."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fixbench.errors import InputError
from fixbench.published._model import PublishedClaim
from fixbench.published._read import read_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load_results"]


def load_results(path: str | Path) -> pd.DataFrame:
    """The claims of a run, or of several, as a data frame with one row a claim.

    Args:
        path: a ``claims.json``, or a folder: then every ``claims.json`` in it and below it.

    Returns:
        The keys of `PublishedClaim` as columns, behind ``tier`` and ``fixbench`` (the version that
        wrote the table), and ``file``. Numbers that do not exist are NaN, in whole numbers
        ``pd.NA``. ``preconditions``, ``controls``, ``supporting``, ``levels`` and ``quotes`` hold
        lists of mappings; ``metrics``, ``seeds``, ``notes`` and ``lines`` lists; ``panel``,
        ``looks``, ``data`` and ``arms`` mappings.

    Raises:
        InputError: there is no table, or one is damaged or of another version.
    """
    import pandas as pd

    place = Path(path)
    files = sorted(place.rglob("claims.json")) if place.is_dir() else [place]
    if not files:
        raise InputError(place, "", expected="a folder with a claims.json in it or below it")
    rows = []
    for file in files:
        table = read_table(file)
        head = {"tier": table.tier, "fixbench": table.fixbench, "file": str(file)}
        rows += [head | claim.model_dump() for claim in table.claims]
    columns = ["tier", "fixbench", "file", *PublishedClaim.model_fields]
    frame = pd.DataFrame(rows, columns=columns)
    types = {}
    for name, field in PublishedClaim.model_fields.items():
        if field.annotation in (int, int | None):
            types[name] = "Int64"
        elif field.annotation == float | None:
            types[name] = "float64"
        elif field.annotation is bool:
            types[name] = "bool"
    return frame.astype(types)
