"""An explanation as text, for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from fixbench.explanation._model import Deciding, Explanation
from fixbench.reports import p_value, seed_ranges

__all__ = ["as_text"]

#: In a note on a measurement that a tier does not make.
_LEFT_OUT = " is not measured: tier "
_FEW = 3


def as_text(explanation: Explanation, width: int = 100) -> str:
    """The explanation in sections, each line at most ``width`` characters where words allow it."""
    return "\n".join(
        wrapped for line, indent in _lines(explanation) for wrapped in _wrap(line, indent, width)
    )


def _wrap(line: str, indent: int, width: int) -> list[str]:
    first = " " * indent
    hanging = first + ("  " if line.startswith("- ") else "")
    wrapped = textwrap.wrap(
        line,
        width,
        initial_indent=first,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapped or [""]


def _lines(item: Explanation) -> Iterator[tuple[str, int]]:
    """Each line with its indent."""
    row = item.claim
    yield f"{row.ablation} {row.id}{f': {row.label}' if row.label else ''}", 0
    yield f"{row.verdict}: {item.meaning}", 0
    yield "", 0
    yield from _section("Claim", [row.statement, f"Documented: {row.documented}", _source(item)])
    yield from _section("Measured", [item.measured, *item.tests, item.arms])
    yield from _section("Why", [row.reason])
    rule = f"Rule ({row.rule})" if row.rule else "Rule"
    yield from _section(rule, item.rule, listed=True)
    yield from _deciding("Preconditions", item, "precondition")
    yield from _deciding("Controls", item, "control")
    yield from _section("What would change it", item.change, listed=True)
    yield from _section("Rows", _rows(item))
    yield from _section("Notes", _notes(row.notes), listed=True)
    yield f"From {item.table} ({item.origin}, tier {item.tier}).", 0


def _section(
    heading: str, lines: Sequence[str], *, listed: bool = False
) -> Iterator[tuple[str, int]]:
    kept = [line for line in lines if line]
    if not kept:
        return
    yield heading, 0
    for line in kept:
        yield f"- {line}" if listed else line, 2
    yield "", 0


def _source(item: Explanation) -> str:
    row = item.claim
    if row.source:
        return f"Source: {row.source}"
    place = f", lines {row.lines[0]} to {row.lines[1]}" if row.lines else ""
    file = row.path or row.document
    return f"Source: “{row.section}”{place}{f' of {file}' if file else ''}"


def _deciding(heading: str, item: Explanation, kind: str) -> Iterator[tuple[str, int]]:
    those = [one for one in item.deciding if one.kind == kind]
    yield from _section(heading, [_one(one) for one in those], listed=True)


def _one(item: Deciding) -> str:
    rule = "required" if item.kind == "precondition" else "explains the claim with its"
    state = f"{item.state}, {item.does}" if item.state else item.does
    parts = [f"{state}: “{item.name}” {item.measured}"]
    if item.required:
        parts.append(f"{rule} {item.required}")
    parts += [f"p {name} {p_value(value)}" for name, value in item.p.items()]
    return f"{'; '.join(parts)}. {item.meaning[:1].upper()}{item.meaning[1:].rstrip('.')}."


def _rows(item: Explanation) -> list[str]:
    rows = item.rows
    return [
        f"Effect: {rows.formula}" if rows.formula else "",
        f"Variants: {', '.join(rows.variants)}" if rows.variants else "",
        f"Seeds: {seed_ranges(rows.seeds)}" if rows.seeds else "",
        f"Files: {', '.join(rows.files)}" if rows.files else "",
    ]


def _notes(notes: Sequence[str]) -> list[str]:
    """The notes; many that only say what a tier leaves out are counted."""
    left_out = [note for note in notes if _LEFT_OUT in note]
    if len(left_out) <= _FEW:
        return list(notes)
    kept = [note for note in notes if note not in left_out]
    return [
        *kept,
        f"{len(left_out)} measurements beside it are left out in this tier (--json has them).",
    ]
