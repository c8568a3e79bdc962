"""The verdicts as marks: colour and shape say the same, so that either alone is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fixbench.reports._judging import Verdict

__all__ = ["MARKS", "Mark"]

_SHOWN, _PART, _AGAINST, _NONE, _RIVAL, _GREY = (
    "#0a6b4f",
    "#bfe8da",
    "#8f2a00",
    "#d3dbe6",
    "#a86400",
    "#59626c",
)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How a verdict is drawn.

    Attributes:
        shape: a marker of matplotlib.
        fill: ``None`` for an open mark.
        symbol: a character of the same shape.
    """

    shape: str
    fill: str | None
    edge: str
    symbol: str


#: As the badges of the pages: green is for, red against, yellow explained by a control.
MARKS: Mapping[Verdict, Mark] = {
    "reproduced": Mark(shape="o", fill=_SHOWN, edge=_SHOWN, symbol="●"),
    "holds": Mark(shape="s", fill=_SHOWN, edge=_SHOWN, symbol="■"),
    "direction only": Mark(shape="p", fill=_PART, edge=_SHOWN, symbol="◐"),
    "another size": Mark(shape="D", fill=_PART, edge=_AGAINST, symbol="◈"),
    "negligible": Mark(shape="d", fill=_NONE, edge=_SHOWN, symbol="◇"),
    "confounded": Mark(shape="^", fill="#fbd9a0", edge=_RIVAL, symbol="▲"),
    "unresolved": Mark(shape="^", fill=None, edge=_RIVAL, symbol="△"),
    "absent": Mark(shape="d", fill=_NONE, edge="#4b5f78", symbol="◆"),
    "reversed": Mark(shape="v", fill=_AGAINST, edge=_AGAINST, symbol="▼"),
    "refuted": Mark(shape="X", fill=_AGAINST, edge=_AGAINST, symbol="✖"),
    "does not hold": Mark(shape="s", fill=None, edge=_AGAINST, symbol="□"),
    "inconclusive": Mark(shape="o", fill=None, edge=_GREY, symbol="○"),
    "not testable": Mark(shape="x", fill=None, edge=_GREY, symbol="×"),
    "withdrawn": Mark(shape="_", fill=None, edge=_GREY, symbol="–"),
}
