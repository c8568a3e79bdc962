"""Tables of claims: those of an appendix, and one alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fixbench.reports._format import MISSING, number
from fixbench.reports.paper._environment import render
from fixbench.reports.paper._forest import in_parts
from fixbench.reports.paper._judged import JudgedAblation
from fixbench.reports.paper._row import ClaimRow, claim_row

__all__ = [
    "Table",
    "claim_tables",
    "intervals_text",
    "named_parts",
    "table_alone",
    "table_caption",
]

#: The claims of a table: names of two lines each then fill a page.
_MOST = 30


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table in print."""

    rows: list[ClaimRow]
    caption: str
    label: str


def table_alone(judged: JudgedAblation, *, title: str | None = None, label: str) -> str:
    """The claims as a table that needs nothing else: several, where one is longer than a page.

    Args:
        title: what the caption begins with, instead of the title of the ablation.
        label: of the table, for ``\\ref``.
    """
    rows = [claim_row(judged, claim, result) for claim, result in judged.claims]
    caption = table_caption(judged, rows, title=title)
    if judged.ablation.results is not None:
        caption += " The claims were written after the results."
    return render(
        "table-alone.tex",
        tables=claim_tables(rows, caption, label),
        missing=MISSING,
        given=judged.ablation.results is not None,
    )


def claim_tables(rows: Sequence[ClaimRow], caption: str, label: str) -> list[Table]:
    """No table without a claim, and none that is longer than a page: a float cannot be divided."""
    parts = in_parts(rows, _MOST)
    names = named_parts(caption, label, len(parts))
    return [
        Table(rows=list(part), caption=caption, label=label)
        for part, (caption, label) in zip(parts, names, strict=True)
    ]


def named_parts(caption: str, label: str, count: int) -> list[tuple[str, str]]:
    """Caption and label of each part; the first has the label of the whole."""
    if count == 1:
        return [(caption, label)]
    return [
        (f"{caption} Part {part} of {count}.", label if part == 1 else f"{label}-{part}")
        for part in range(1, count + 1)
    ]


def table_caption(
    judged: JudgedAblation, rows: Sequence[ClaimRow], *, title: str | None = None
) -> str:
    """What the columns hold, and for how many claims p is adjusted."""
    word = "documented" if judged.ablation.results is None else "claimed"
    text = f"{judged.ablation.title if title is None else title}: {word} and measured values"
    text += f", with {intervals_text(judged)}"
    sizes = {result.panel.holm_m for result in judged.results if result.panel is not None}
    sizes -= {None, 1}
    if len(sizes) == 1:
        text += f"; p is adjusted for {sizes.pop()} claims"
    if any(not row.adjusted and row.p != MISSING for row in rows):
        text += "; p in brackets is not adjusted"
    if any(row.edited for row in rows):
        text += "; r: its rule was edited after its results existed"
    if any(row.equivalence for row in rows):
        text += "; e: p of absence"
    return f"{text}.{_margins(rows)}"


def _margins(rows: Sequence[ClaimRow]) -> str:
    """The smallest effects that matter, each once with its claims, where they are few."""
    claims: dict[str, list[str]] = {}
    for row in rows:
        if row.margin != MISSING:
            claims.setdefault(row.margin, []).append(row.id)
    if not claims or len(rows) > _MOST:
        return ""
    if len(claims) == 1:
        return f" Smallest effect that matters: {next(iter(claims))}."
    listed = "; ".join(f"{margin} ({', '.join(ids)})" for margin, ids in claims.items())
    return f" Smallest effects that matter: {listed}."


def intervals_text(judged: JudgedAblation) -> str:
    """``95 % intervals over n = 5 seeds``."""
    effects = [result.effect for result in judged.results if result.effect is not None]
    if not effects:
        return "no interval"
    confidences = {number(100 * effect.confidence, 3) for effect in effects}
    counts = sorted({arm.n for effect in effects for arm in effect.arms or (effect,)})
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{' or '.join(sorted(confidences))} % intervals over n = {n} seeds"
