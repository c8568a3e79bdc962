"""What a check found, and how two values are compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Check", "Mismatch", "compare"]

#: Two computations of one number agree this far, relative to it; near zero, this far in all.
_RELATIVE, _ABSOLUTE = 1e-9, 1e-12


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """One value that is not what it should be.

    Attributes:
        file: where the value stands.
        where: the claim and the field, the variant, or the output that is meant.
        found: what stands there; expected: what would be right.
    """

    file: Path
    where: str
    found: Any
    expected: Any

    def __str__(self) -> str:
        return f"{self.file}: {self.where} is {_text(self.found)}; {_text(self.expected)} expected"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check of one ablation.

    Attributes:
        name: which check.
        compared: how many values were compared; of: what they are, as in ``values of 13 claims``.
        remark: what a reader must know besides, such as what could not be checked.
    """

    ablation: str
    name: str
    compared: int
    of: str
    mismatches: Sequence[Mismatch] = ()
    remark: str = ""


def compare(
    found: Any, expected: Any, *, relative: float = _RELATIVE, path: str = ""
) -> Iterator[tuple[str, Any, Any, bool]]:
    """Every leaf of two JSON values: its key, both values, and whether they agree.

    Items of a list of mappings go by their ``name``, others by their place.
    """
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        for key in dict.fromkeys([*expected, *found]):
            inner = f"{path}.{key}" if path else str(key)
            yield from compare(found.get(key), expected.get(key), relative=relative, path=inner)
    elif isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for place, (one, other) in enumerate(zip(found, expected, strict=True)):
            name = other.get("name", place) if isinstance(other, Mapping) else place
            yield from compare(one, other, relative=relative, path=f"{path}[{name}]")
    else:
        yield path, found, expected, _agree(found, expected, relative)


def _agree(found: Any, expected: Any, relative: float) -> bool:
    numbers = (found, expected)
    if any(isinstance(value, float) for value in numbers) and all(
        isinstance(value, int | float) for value in numbers
    ):
        if any(math.isnan(value) for value in numbers):
            return all(math.isnan(value) for value in numbers)
        return math.isclose(found, expected, rel_tol=relative, abs_tol=_ABSOLUTE)
    return bool(found == expected)


def _text(value: Any, limit: int = 300) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
