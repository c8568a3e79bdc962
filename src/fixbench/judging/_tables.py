"""Files and frames as tables of cells, in which every text stays as it is written."""

from __future__ import annotations

import csv
import glob
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fixbench.errors import InputError
from fixbench.judging._cells import Written, is_missing, label

__all__ = ["Place", "Table", "frame_table", "read_tables", "table_of"]

_KINDS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_CONTAINERS = ("metrics", "metric", "results", "scores", "summary")
_SHOWN = ", ".join(dict.fromkeys(_KINDS))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: its file, and the line or the number of the row in it, from 1."""

    file: str
    row: int
    of_lines: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.row}" if self.of_lines else f"{self.file} row {self.row}"


@dataclass(frozen=True)
class Table:
    """Columns of equal length, and where each row stands.

    Attributes:
        name: what the results are called: the stem of the file, or "results".
        notes: what the reader has to say of how it read.
        hints: what a reader knows of its columns, by the names of `Asked`.
    """

    name: str
    columns: dict[str, list[Any]]
    places: list[Place]
    notes: list[str] = field(default_factory=list)
    hints: Mapping[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> list[str]:
        """The files that it came from."""
        return list(dict.fromkeys(place.file for place in self.places))

    def __len__(self) -> int:
        return len(self.places)


def read_tables(sources: Sequence[str | Path]) -> Table:
    """The rows of all files together; a column that a file lacks is empty in its rows.

    Args:
        sources: files, or patterns such as ``"runs/*.csv"``.

    Raises:
        InputError: there is no such file, it cannot be read, or it has no row.
    """
    paths = _paths(sources)
    tables = [_read(path) for path in paths]
    if len(tables) == 1:
        return tables[0]
    names = list(dict.fromkeys(name for table in tables for name in table.columns))
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for table in tables:
        for name in names:
            columns[name] += table.columns.get(name, [None] * len(table))
    parent = paths[0].resolve().parent.name
    same = len({path.resolve().parent for path in paths}) == 1
    return Table(
        name=parent if same and parent else "results",
        columns=columns,
        places=[place for table in tables for place in table.places],
    )


def frame_table(frame: Any, name: str = "results") -> Table:
    """A pandas or Polars data frame as a table.

    Raises:
        InputError: it is neither; it has a column twice, or no row.
    """
    module = type(frame).__module__.partition(".")[0]
    notes = []
    if module == "polars":
        content = frame.collect() if hasattr(frame, "collect") else frame
        columns = content.to_dict(as_series=False)
    elif module == "pandas" and hasattr(frame, "columns"):
        if any(level is not None for level in frame.index.names):
            frame = frame.reset_index()
        names = [str(column) for column in frame.columns]
        _refuse_doubles("frame", names)
        columns = {
            column: [_plain(cell) for cell in frame.iloc[:, place].astype(object).tolist()]
            for place, column in enumerate(names)
        }
        lost = sum(
            isinstance(c, float) and math.isnan(c) for cells in columns.values() for c in cells
        )
        if lost:
            notes.append(
                f"{lost} cells of the pandas frame are NaN, which says of a value neither that it "
                "is missing nor that it diverged: they count as diverged. Write None in a column "
                "of objects for what is missing."
            )
    else:
        raise InputError("frame", "", type(frame).__name__, expected="a pandas or Polars frame")
    return table_of(name, columns, "frame", notes=notes)


def table_of(
    name: str, columns: dict[str, list[Any]], file: str, *, notes: Iterable[str] = ()
) -> Table:
    """A table of columns that were read.

    Raises:
        InputError: it has no column or no row.
    """
    count = max(map(len, columns.values()), default=0)
    if not count:
        raise InputError(file, "", expected="a table with a header and at least one row")
    places = [Place(file, row) for row in range(1, count + 1)]
    return Table(name, columns, places, [*notes])


def together(table: Table, names: Sequence[str]) -> str | None:
    """The column that several make together, which is added to the table; the one if it is one.

    A column that is not there stays in the name, for the message of whoever looks it up.
    """
    if len(names) < 2:
        return names[0] if names else None
    for name in names:
        if name not in table.columns:
            return name
    combined = " and ".join(names)
    columns = [table.columns[name] for name in names]
    table.columns[combined] = [
        None
        if any(map(is_missing, cells))
        else ", ".join(f"{name}={label(cell)}" for name, cell in zip(names, cells, strict=True))
        for cells in zip(*columns, strict=True)
    ]
    return combined


def _paths(sources: Sequence[str | Path]) -> list[Path]:
    paths: list[Path] = []
    for source in sources:
        path = Path(source)
        if path.is_file():
            paths.append(path)
            continue
        if path.is_dir():
            kinds = "a file, a pattern such as 'runs/*.csv', or a folder of a kind that is known"
            raise InputError(path, "", expected=f"{kinds} (--reader names it)")
        found = sorted(glob.glob(str(source), recursive=True))
        files = [Path(name) for name in found if Path(name).is_file()]
        if not files:
            raise InputError(str(source), "", expected="a file that is there, or a pattern of some")
        paths += files
    return list(dict.fromkeys(paths))


def _read(path: Path) -> Table:
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise InputError(path, "", expected=f"a file that ends in one of {_SHOWN}")
    try:
        content = path.read_bytes()
    except OSError as error:
        expected = f"a file that can be read ({error.strerror or error})"
        raise InputError(path, "", expected=expected) from None
    if not content.strip():
        raise InputError(path, "", expected="a table with a header and at least one row")
    if kind == "parquet":
        return table_of(path.stem, _parquet(path, content), str(path))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        expected = f"text in UTF-8; byte {error.start} is none"
        raise InputError(path, "", expected=expected) from None
    return _csv(path, text) if kind == "csv" else _json(path, text)


def _parquet(path: Path, content: bytes) -> dict[str, list[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content))
    except pa.ArrowException:
        raise InputError(path, "", expected="a complete Parquet file") from None
    names = list(table.schema.names)
    _refuse_doubles(path, names)
    return {name: table.column(name).to_pylist() for name in names}


def _csv(path: Path, text: str) -> Table:
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next((row for row in reader if any(map(str.strip, row))), [])
        names = [name.strip() for name in header]
        _refuse_doubles(path, names)
        columns: dict[str, list[Any]] = {name: [] for name in names}
        places = []
        for row in reader:
            if not row or not any(map(str.strip, row)):
                continue
            if len(row) != len(names):
                expected = f"{len(names)} values, as many as the header has columns"
                where = f"{path}:{reader.line_num}"
                raise InputError(where, "number of values", len(row), expected=expected)
            for name, cell in zip(names, row, strict=True):
                columns[name].append(cell)
            places.append(Place(str(path), reader.line_num, of_lines=True))
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}", "", expected=f"CSV ({error})") from None
    if not places:
        raise InputError(path, "", expected="a table with a header and at least one row")
    # The first column of an index that was written along has no name.
    if "" in columns:
        columns["(no name)"] = columns.pop("")
    return Table(path.stem, columns, places)


def _delimiter(text: str) -> str:
    """The one that the header has most of."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(",\t;", key=header.count)


def _json(path: Path, text: str) -> Table:
    def loads(content: str) -> Any:
        return json.loads(content, parse_float=Written, parse_int=Written)

    try:
        content = loads(text)
    except ValueError as whole:
        records, places = [], []
        for number, line in enumerate(text.splitlines(), start=1):
            if not line.strip():
                continue
            try:
                records.append(loads(line))
            except ValueError as error:
                lines = text.strip().count("\n") and not text.lstrip().startswith("[")
                where = f"{path}:{number}" if lines else path
                expected = f"JSON ({error if lines else whole})"
                raise InputError(where, "", expected=expected) from None
            places.append(Place(str(path), number, of_lines=True))
        return _from_records(path, records, places)
    if isinstance(content, dict):
        lists = [value for value in content.values() if isinstance(value, list)]
        if lists and len(lists) == len(content) and len(set(map(len, lists))) == 1:
            flat = all(not isinstance(cell, dict | list) for cells in lists for cell in cells)
            if flat:
                return table_of(path.stem, content, str(path))
        tables = [v for v in lists if v and all(isinstance(item, dict) for item in v)]
        if len(tables) == 1:
            content = tables[0]
        elif all(not isinstance(value, dict | list) for value in content.values()):
            content = [content]
    if not isinstance(content, list):
        expected = "a list of objects, an object of lists of equal length, or JSON lines"
        raise InputError(path, "", expected=expected)
    places = [Place(str(path), number) for number in range(1, len(content) + 1)]
    return _from_records(path, content, places)


def _from_records(path: Path, records: list[Any], places: list[Place]) -> Table:
    flat = []
    for place, record in zip(places, records, strict=True):
        if not isinstance(record, dict):
            expected = "one object for each row"
            raise InputError(str(place), "", record, expected=expected)
        flat.append(_flattened(record, place))
    names = list(dict.fromkeys(name for record in flat for name in record))
    columns = {name: [record.get(name) for record in flat] for name in names}
    if not flat or not names:
        raise InputError(path, "", expected="a table with a header and at least one row")
    return Table(path.stem, columns, places)


def _flattened(record: dict[str, Any], place: Place, prefix: str = "") -> dict[str, Any]:
    """Nested objects as dotted columns, since metrics often stand in one."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            # What only says that metrics are below it is no part of their names.
            below = _flattened(value, place, prefix if key in _CONTAINERS else f"{name}.")
            if clash := next((other for other in below if other in flat), None):
                raise InputError(str(place), name, expected=f"no second {clash!r} in a row")
            flat |= below
        elif isinstance(value, list):
            raise InputError(str(place), name, value, expected="one value, not a list")
        else:
            flat[name] = value
    return flat


def _refuse_doubles(file: str | Path, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(file, "header", name, expected="each column once; it is there twice")


def _plain(cell: Any) -> Any:
    """A numpy scalar as Python's own."""
    return cell.item() if hasattr(cell, "item") and not isinstance(cell, str) else cell
