"""The looks of lines that stand in one panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from fixbench.reports.figures._style import INK

__all__ = ["ARMS", "Dashes", "line_looks"]

#: Okabe and Ito's palette without black (the baseline's) and yellow (invisible on white).
_PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
Dashes = tuple[float, Sequence[float]] | Literal["-"]
_STYLES: tuple[Dashes, ...] = (
    (0, (6, 2)),
    (0, (6, 2, 1, 2)),
    (0, (1, 1.5)),
    (0, (3, 1)),
    (0, (8, 2, 1, 2, 1, 2)),
    "-",
)
#: Arms in one panel, besides the baseline: with it five, which a reader can tell apart.
ARMS = 4


def line_looks(arms: Sequence[str], baseline: str) -> dict[str, tuple[str, Dashes, float]]:
    """Arm → colour, dashes and width; the baseline is a plain line in the colour of the text."""
    others = iter(zip(_PALETTE, _STYLES, strict=True))
    return {arm: (INK, "-", 1.7) if arm == baseline else (*next(others), 1.5) for arm in arms}
