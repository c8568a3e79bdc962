"""Texts, numbers and tables as programs write them."""

from __future__ import annotations

import csv
import io
import json
import math
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["Written", "csv_records", "label", "number", "records", "whole"]


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
        table = pq.read_table(pa.BufferReader(content))
        return list(table.to_pylist())
    text = content.decode("utf-8-sig")
    if not start.startswith((b"{", b"[")):
        return csv_records(text)
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            # Numbers in labels keep their digits: 1.10 is not 1.1.
            record = json.loads(line, parse_float=Written, parse_int=Written)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        if not isinstance(record, dict):
            raise ValueError(f"line {number}: one JSON object on each line, not a list or a value")
        found.append(record)
    return found


class Written(str):
    """A number as it is written in JSON."""

    __slots__ = ()


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


def number(value: Any) -> float | None:
    """A number; NaN for what is missing; ``None`` for anything else."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return math.nan if str(value).strip().lower() in ("na", "null") else float(value)
    except (ValueError, OverflowError):
        return None


def whole(value: Any) -> int | None:
    """A step: 0 for what is missing; ``None`` for anything but a whole number that fits."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        exact = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not exact.is_finite() or not 0 <= exact < 2**63 or exact != exact.to_integral_value():
        return None
    return int(exact)


def label(value: Any) -> str | None:
    """A label as it is written: "" for what is missing; ``None`` for what is no text or number."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return str(value).strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
