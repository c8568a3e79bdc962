"""Texts, numbers and tables as programs write them."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = [
    "Written",
    "csv_records",
    "double",
    "is_blank",
    "json_value",
    "label",
    "records",
    "whole",
]

#: Texts that say that there is no value.
_BLANK = ("", "na", "n/a", "null", "none")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,6})?")
_NOT_FINITE = re.compile(r"[-+]?(?:nan|inf|infinity)", re.IGNORECASE)


def records(content: bytes) -> list[dict[str, Any]]:
    """The rows of Parquet, JSON lines or CSV, told apart by how the content begins.

    Texts stay as they are written: ``NA``, ``None``, ``01`` and ``1.10`` are labels, not numbers
    and not missing.

    Raises:
        ValueError: it is none of these; a line has other columns than the header, or is no object.
        csv.Error: it is no CSV.
    """
    start = content[:64].lstrip()
    if start.startswith(b"PAR1"):
        return _parquet_records(content)
    text = content.decode("utf-8-sig")
    if not start.removeprefix(b"\xef\xbb\xbf").startswith((b"{", b"[")):
        return csv_records(text)
    found = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if not line.strip():
            continue
        try:
            record = json_value(line)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        if not isinstance(record, dict):
            raise ValueError(f"line {number}: one JSON object on each line, not a list or a value")
        found.append(record)
    return found


def _parquet_records(content: bytes) -> list[dict[str, Any]]:
    try:
        table = pq.ParquetFile(pa.BufferReader(content)).read()
        if len(set(table.schema.names)) < len(table.schema.names):
            raise ValueError(f"a column stands twice in {table.schema.names}")
        found: list[dict[str, Any]] = table.to_pylist()
    # What is damaged, or holds what Python cannot, can make Arrow raise nearly anything.
    except (pa.ArrowException, OSError, LookupError, ArithmeticError, TypeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    if b"pandas" in (table.schema.metadata or {}):
        # pandas has no other way to write "not a number".
        doubles = [f.name for f in table.schema if pa.types.is_floating(f.type)]
        for record in found:
            record.update({name: math.nan for name in doubles if record[name] is None})
    return found


class Written(str):
    """A number as it is written in JSON."""

    __slots__ = ()


def json_value(text: str) -> Any:
    """JSON in which numbers are `Written`: in labels they keep their digits, 1.10 is not 1.1.

    Raises:
        ValueError: it is no JSON, has a key twice, or is nested too deeply.
    """
    try:
        return json.loads(
            text,
            parse_float=Written,
            parse_int=Written,
            parse_constant=Written,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice in one object")
        found[key] = value
    return found


def csv_records(text: str, *, delimiter: str = ",") -> list[dict[str, Any]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    header = next((row for row in reader if row), None)
    if header is None:
        raise ValueError("nothing is there")
    if len(set(header)) < len(header):
        raise ValueError(f"a column stands twice in the header {header}")
    found = []
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            raise ValueError(
                f"line {reader.line_num}: {len(row)} values under {len(header)} columns"
            )
        found.append(dict(zip(header, row, strict=True)))
    return found


def is_blank(value: Any) -> bool:
    """Whether nothing is there, or a word that says so."""
    return value is None or (isinstance(value, str) and value.strip().lower() in _BLANK)


def double(value: Any) -> float | None:
    """The double that a text names, or a number is; ``None`` for anything else.

    A number beyond the range of doubles is none of them: it is not infinite.
    """
    if isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if value.bit_length() <= 1100 else "1e999"
    text = value.strip() if isinstance(value, str) else ""
    if _NOT_FINITE.fullmatch(text):
        return float(text)
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    return number if math.isfinite(number) else None


def whole(value: Any) -> int | None:
    """A step: 0 for what is missing; ``None`` for anything but a whole number that fits."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = str(value).strip()
    if not _NUMBER.fullmatch(text):
        return None
    exact = Decimal(text)
    if not 0 <= exact < 2**63 or exact != exact.to_integral_value():
        return None
    return int(exact)


def label(value: Any) -> str | None:
    """A label as it is written: "" for what is missing.

    ``None`` for what is no text or number, or cannot be printed.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        text = str(value).strip()
        return text if text.isprintable() else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
