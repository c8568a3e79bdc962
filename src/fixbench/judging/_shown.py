"""A comparison as text and as HTML: one line for each claim, and what a reader must know."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from fixbench.judging._comparison import Comparison
    from fixbench.reports import ClaimLine

__all__ = ["as_html", "as_text"]

#: Of a name and of a line in a terminal, in characters.
_WIDEST = 48
_WIDTH = 100
_STYLE = (
    ".fixbench-comparison{color:inherit;font-variant-numeric:tabular-nums}"
    ".fixbench-comparison table{border-collapse:collapse}"
    ".fixbench-comparison caption,.fixbench-comparison p{text-align:left;margin:.3em 0}"
    ".fixbench-comparison th,.fixbench-comparison td{text-align:left;padding:.15em .8em .15em 0;"
    "border-bottom:1px solid;border-color:rgba(128,128,128,.4)}"
)


def as_text(comparison: Comparison) -> str:
    """The lines that ``print`` shows."""
    rows = [_columns(comparison), *_rows(comparison)]
    short = [
        (name if len(name) <= _WIDEST else f"{name[: _WIDEST - 1]}…", *rest) for name, *rest in rows
    ]
    widths = [max(map(len, column)) for column in zip(*short, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in short
    ]
    head, *notes = (
        "\n".join(textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False))
        for text in (_head(comparison), *_notes(comparison))
    )
    return "\n".join([head, *lines, *notes])


def as_html(comparison: Comparison) -> str:
    """A table in the colours of the page around it, with the reasons below it; no script."""
    head = Markup("").join(
        Markup('<th scope="col">{}</th>').format(name) for name in _columns(comparison)
    )
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            name, Markup("").join(Markup("<td>{}</td>").format(cell) for cell in cells)
        )
        for name, *cells in _rows(comparison)
    )
    reasons = Markup("").join(
        Markup("<li>{}: <b>{}</b>. {}</li>").format(
            comparison.names[result.id], result.verdict, result.reason
        )
        for result in comparison.results
    )
    notes = Markup("").join(Markup("<p>{}</p>").format(note) for note in _notes(comparison))
    return str(
        Markup(
            '<div class="fixbench-comparison"><style>{}</style><table><caption>{}</caption>'
            "<thead><tr>{}</tr></thead><tbody>{}</tbody></table>{}"
            "<details><summary>Reasons</summary><ul>{}</ul></details></div>"
        ).format(Markup(_STYLE), escape(_head(comparison)), head, body, notes, reasons)
    )


def _head(comparison: Comparison) -> str:
    given, proposal = comparison.found.given, comparison.found.proposal
    metrics = ", ".join(
        f"{metric} ({proposal.better[metric]} is better, {_said(proposal.better_from[metric])})"
        for metric in given.metrics
    )
    baseline = given.labels[proposal.baseline]
    return f"{metrics}; baseline {baseline} ({_said(proposal.baseline_from)})"


def _said(source: str) -> str:
    """Where a choice is from; what is an option of the command is an argument here."""
    return source.replace("--baseline", "baseline=").replace("--better", "better=")


def _columns(comparison: Comparison) -> tuple[str, ...]:
    first = "variant" if comparison.claims is None else "claim"
    return first, "n", "difference [interval]", "p", "p, Holm", "verdict"


def _rows(comparison: Comparison) -> list[tuple[str, ...]]:
    from fixbench.reports import claim_lines

    return [
        (
            comparison.names[line.id],
            f"{line.n} ({line.failed} failed)" if line.failed else line.n,
            line.measured,
            _marked(line.p, line),
            _marked(line.p_adjusted, line),
            line.verdict,
        )
        for line in claim_lines(comparison.judged)
    ]


def _marked(p: str, line: ClaimLine) -> str:
    return f"{p} e" if line.equivalence else p


def _notes(comparison: Comparison) -> list[str]:
    """What the numbers are, and what a reader must know of them."""
    results = comparison.results
    effects = [result.effect for result in results if result.effect is not None]
    shares = {f"{100 * effect.confidence:.3g}" for effect in effects}
    tests = [
        text
        for text, there in (
            ("n pairs by seed, Student's t", any(not effect.arms for effect in effects)),
            ("n a sum: no pairs, Welch's t", any(effect.arms for effect in effects)),
        )
        if there
    ]
    panels = [result.panel for result in results if result.panel is not None]
    family = {panel.holm_m for panel in panels} - {None}
    said = [f"{' or '.join(sorted(shares))} % intervals", *tests] if shares else []
    said += [f"Holm over {m}" for m in sorted(m for m in family if m is not None)]
    if any(line.equivalence for line in _lines(comparison)):
        said.append("e: p of a difference that matters, which is shown not to be there")
    notes = [f"{'; '.join(said)}."] if said else []
    notes.append("Not pre-registered: claims and rules were chosen after the results.")
    given, proposal = comparison.found.given, comparison.found.proposal
    if comparison.claims is None:
        notes += [f"Not compared: {text}." for text in proposal.left_out]
    return [*notes, *given.notes]


def _lines(comparison: Comparison) -> list[ClaimLine]:
    from fixbench.reports import claim_lines

    return claim_lines(comparison.judged)
