"""Metrics where a program leaves them anyway: in its log, in JSON, CSV or event files."""

from __future__ import annotations

import csv
import glob
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixbench.ablation import Ablation, MetricsFrom
from fixbench.command._collected import Collected, Found, NoRowsError
from fixbench.command._events import read_events
from fixbench.command._records import Written, csv_records, json_value
from fixbench.errors import InputError
from fixbench.results import Row

__all__ = ["NoRowsError", "read_declared"]

#: Colours and other movements of a terminal.
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def read_declared(
    path: Path, reader: MetricsFrom, file: Path, ablation: Ablation, seed: int
) -> list[Row]:
    """The rows of one run, from where ``metrics_from`` says.

    Args:
        path: the file or folder; a pattern names the one that is there.
        file: the ablation file, for messages.
        seed: for the note on what is left out.

    Raises:
        NoRowsError: nothing is there, or nothing that the ablation declares.
        InputError: something is there that cannot be accepted.
    """
    collected = Collected(reader, file, ablation)
    place = _Place(_one(path, reader), reader, file)
    for found in _KINDS[reader.kind](place):
        collected.add(found)
    return collected.rows(seed)


@dataclass(frozen=True)
class _Place:
    """What is read, and how to say what is wrong with it."""

    path: Path
    reader: MetricsFrom
    file: Path

    def problem(self, key: str, value: Any, expected: str) -> InputError:
        return InputError(self.file, f"metrics_from.{key}", value, expected=expected)

    def text(self) -> str:
        if self.path.is_dir():
            raise self.problem("path", self.reader.path, "a file; this is a folder")
        content = self.path.read_bytes()
        if self.reader.kind == "regex":
            return content.decode("utf-8", errors="replace")
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise self.problem("path", self.reader.path, f"a text in UTF-8 ({error})") from None


def _one(path: Path, reader: MetricsFrom) -> Path:
    """The path, or the only one that matches where it is a pattern."""
    if path.exists():
        return path
    matches = sorted(glob.glob(str(path), include_hidden=True))
    if len(matches) != 1:
        found = f"{len(matches)} match" if matches else "nothing is there"
        raise NoRowsError(f"metrics_from.path is {reader.path!r}, of which {found}")
    return Path(matches[0])


def _lines(place: _Place) -> Iterator[Found]:
    """Matches in each line; a line that a program overwrites (``\\r``) is one of its own."""
    reader = place.reader
    patterns = {None: reader.pattern} if reader.pattern is not None else dict(reader.patterns or {})
    compiled = {metric: re.compile(pattern or "") for metric, pattern in patterns.items()}
    lines = re.split(r"\r\n|\r|\n", _ESCAPES.sub("", place.text()))
    of = "what it prints" if reader.path is None else reader.path
    for number, line in enumerate(lines, start=1):
        for metric, pattern in compiled.items():
            for match in pattern.finditer(line):
                groups = match.groupdict()
                value = groups["value"] if "value" in groups else match[1]
                yield Found(
                    metric=groups.get("metric") if metric is None else metric,
                    value=value,
                    step=groups.get("step"),
                    stage=groups.get("stage"),
                    where=f"line {number} of {of}",
                )


def _objects(place: _Place) -> Iterator[Found]:
    """One JSON object, a list of objects, or one on each line."""
    reader, text = place.reader, place.text()
    try:
        content = json_value(text)
        objects = content if isinstance(content, list) else [content]
    except ValueError as whole:
        try:
            objects = [json_value(line) for line in text.split("\n") if line.strip()]
        except ValueError:
            raise place.problem("path", reader.path, f"JSON ({whole})") from None
    for number, item in enumerate(objects, start=1):
        where = reader.path if len(objects) == 1 else f"object {number} of {reader.path}"
        if not isinstance(item, dict):
            raise place.problem("path", reader.path, "a JSON object, or a list of objects")
        leaves = _leaves(item) if reader.metrics is None else None
        step = None if reader.step is None else _at(item, reader.step)
        paths = leaves if leaves is not None else (reader.metrics or {})
        for metric, path in paths.items():
            if metric == reader.step:
                continue
            value = _at(item, path) if leaves is None else path
            if not isinstance(value, list):
                yield Found(metric, value, step, None, f"{where}")
                continue
            if isinstance(step, list) and len(step) != len(value):
                expected = f"as many steps as values: {len(value)} of {metric}, {len(step)} steps"
                raise place.problem("step", reader.step, expected)
            for index, part in enumerate(value):
                at = step[index] if isinstance(step, list) else None
                yield Found(metric, part, at, None, f"{where}: item {index}")


def _leaves(item: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted path → number, or list of numbers."""
    found: dict[str, Any] = {}
    for key, value in item.items():
        if isinstance(value, dict):
            found |= _leaves(value, f"{prefix}{key}.")
        elif all(v is None or isinstance(v, Written) for v in _items(value)):
            found[f"{prefix}{key}"] = value
    return found


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _at(item: Any, path: str) -> Any:
    """What stands at a dotted path; ``None`` where nothing does. Keys may have dots themselves."""
    if isinstance(item, list) and path.partition(".")[0].isdigit():
        first, _, rest = path.partition(".")
        if int(first) >= len(item):
            return None
        return _at(item[int(first)], rest) if rest else item[int(first)]
    if not isinstance(item, dict):
        return None
    if path in item:
        return item[path]
    parts = path.split(".")
    for size in range(len(parts) - 1, 0, -1):
        key = ".".join(parts[:size])
        if key in item:
            found = _at(item[key], ".".join(parts[size:]))
            if found is not None:
                return found
    return None


def _table(place: _Place) -> Iterator[Found]:
    """One column a metric, or one row a value."""
    reader = place.reader
    tabs = (reader.path or "").lower().endswith((".tsv", ".tab"))
    text = place.text()
    if not text.strip():
        return
    try:
        records = csv_records(text, delimiter="\t" if tabs else ",")
    except (ValueError, csv.Error) as error:
        raise place.problem("path", reader.path, f"a table with a header ({error})") from None
    columns = list(records[0]) if records else []
    for key, column in (("step", reader.step), *_columns(reader)):
        if records and column is not None and column not in columns:
            raise place.problem(key, column, f"a column of {reader.path}: {', '.join(columns)}")
    long = reader.metrics is None and {"metric", "value"} <= set(columns)
    at = reader.step or ("step" if long and "step" in columns else None)
    for number, record in enumerate(records, start=1):
        where = f"row {number} of {reader.path}"
        step = None if at is None else record[at]
        if long:
            stage, status = record.get("stage"), record.get("status")
            yield Found(record["metric"], record["value"], step, stage, where, status)
            continue
        names = reader.metrics or {name: name for name in columns if name != at}
        for metric, column in names.items():
            yield Found(metric, record[column], step, None, where)


def _columns(reader: MetricsFrom) -> list[tuple[str, str]]:
    return [(f"metrics.{metric}", column) for metric, column in (reader.metrics or {}).items()]


def _events(place: _Place) -> Iterator[Found]:
    """Scalars of event files."""
    tags = read_events(place.path)
    names = place.reader.metrics or {tag: tag for tag in tags}
    for metric, tag in names.items():
        for step, value in tags.get(tag, []):
            where = f"step {step} of {tag} in {place.reader.path}"
            yield Found(metric, Written(repr(value)), Written(str(step)), None, where)


_KINDS: dict[str, Callable[[_Place], Iterator[Found]]] = {
    "regex": _lines,
    "json": _objects,
    "csv": _table,
    "tensorboard": _events,
}
