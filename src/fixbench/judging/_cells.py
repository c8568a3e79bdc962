"""What a cell of a table says: a number, a failure, nothing; or the text of a label."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from fixbench.results import STATUSES, UNDEFINED

__all__ = [
    "MISSING",
    "Value",
    "Written",
    "is_meant_as_a_number",
    "is_missing",
    "label",
    "looks_like_a_value",
    "status_of",
    "status_words",
    "value_of",
]

#: A cell that holds nothing: neither a value nor a failure.
MISSING: Final = "missing"
Status = Literal["ok", "diverged", "out_of_memory", "failed", "time_limit", "undefined", "missing"]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOTHING = {"", "-", "–", "—", "na", "n/a", "<na>", "null", "none", "missing"}
_WORDS: dict[str, Status] = {
    **dict.fromkeys(
        ("nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity", "∞", "-∞"), "diverged"
    ),
    **dict.fromkeys(("diverged", "divergence", "exploded", "non-finite", "nonfinite"), "diverged"),
    **dict.fromkeys(("oom", "out_of_memory", "out of memory", "outofmemory"), "out_of_memory"),
    **dict.fromkeys(
        ("failed", "fail", "failure", "error", "crashed", "crash", "killed", "timeout"), "failed"
    ),
    **dict.fromkeys(("time_limit", "time limit"), "time_limit"),
    UNDEFINED: "undefined",
}
#: What a column of statuses says besides.
_FINISHED = {"ok", "finished", "complete", "completed", "success", "succeeded", "done", "0"}
_ANYTHING = (
    "a number; nothing; or nan, diverged, oom, failed or undefined, which say why there is none"
)
_SPREAD = re.compile(r"±|\+/-|\+-")


class Written(str):
    """A number as it stands in JSON: 1.10 is a label of four characters, and the double 1.1."""

    __slots__ = ()


@dataclass(frozen=True)
class Value:
    """A number and the status that says whether it counts; NaN where the status is not ``ok``."""

    number: float
    status: Status


def is_missing(cell: Any) -> bool:
    """Whether the cell holds nothing: ``None``, pandas' ``NA`` and ``NaT``, or an empty text."""
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(cell, str) and not cell.strip()


def value_of(cell: Any) -> Value | str:
    """The value that the cell names, exactly the double of its text; or what would be right."""
    if is_missing(cell):
        return Value(math.nan, MISSING)
    if isinstance(cell, bool):
        return Value(float(cell), "ok")
    if isinstance(cell, int | float | Decimal):
        try:
            number = float(cell)
        except OverflowError:
            return "a number of at most 1.8e308"
        finite = math.isfinite(number)
        return Value(number, "ok") if finite else Value(math.nan, "diverged")
    if not isinstance(cell, str):
        return "a number"
    text = cell.strip()
    if _NUMBER.fullmatch(text):
        number = float(text)
        return Value(number, "ok") if math.isfinite(number) else Value(math.nan, "diverged")
    word = text.lower()
    if word in _NOTHING:
        return Value(math.nan, MISSING)
    if word in _WORDS:
        return Value(math.nan, _WORDS[word])
    if _SPREAD.search(text):
        return "the value of one run: a mean with its spread cannot be tested against another"
    if re.fullmatch(r"[+-]?[0-9]+,[0-9]+", text):
        return "a number with a decimal point"
    if re.fullmatch(r"[+-]?[0-9.]+ ?%", text):
        return "a number: the same unit in the whole column, as a share (0.87) or per cent (87)"
    return _ANYTHING


def looks_like_a_value(cell: Any) -> bool:
    """Whether the cell could stand in a column of values."""
    return not isinstance(value_of(cell), str)


def is_meant_as_a_number(cell: Any) -> bool:
    """Whether the cell is a number, or is refused as one that is written in another way."""
    found = value_of(cell)
    if isinstance(found, str):
        return isinstance(cell, str) and found != _ANYTHING and found != "a number"
    return found.status == "ok"


def status_of(cell: Any) -> Status | str | None:
    """The status that a cell of a column of statuses names; ``None`` for one that is unknown."""
    if is_missing(cell):
        return "ok"
    word = str(cell).strip().lower()
    return "ok" if word in _FINISHED else _WORDS.get(word)


def status_words() -> str:
    """What a column of statuses may say."""
    return ", ".join(["finished", *(status for status in STATUSES if status != "ok")])


def label(cell: Any) -> str:
    """The text of a label as it is written; of a typed whole number its digits."""
    if isinstance(cell, str):
        return str(cell).strip()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return str(cell)
