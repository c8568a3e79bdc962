"""What was found and what it shows, as one short table, and for programs."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fixbench.judging._cells import MISSING
from fixbench.judging._given import DEFAULT_STAGE, Given
from fixbench.judging._judge import CANNOT_KNOW, Judged
from fixbench.judging._proposal import Proposal
from fixbench.verdicts import ClaimResult

__all__ = ["as_json", "claim_rows", "summary"]

#: What a terminal has room for.
_MOST_ROWS = 40
_MOST_NAMED = 6
_WIDTH = 100


def summary(judged: Judged) -> list[str]:
    """The lines that ``fixbench judge`` prints."""
    lines: list[str] = []
    if judged.given is not None and judged.proposal is not None:
        lines += [*_found(judged.given, judged.proposal), ""]
    lines += [*_verdicts(judged), ""]
    lines += _written(judged)
    lines.append("Cannot be known from a table, and what that costs:")
    for what, cost in CANNOT_KNOW.items():
        lines += _wrapped(f"  {what}: ", f"{cost}.", indent=4)
    return lines


def _wrapped(start: str, text: str, *, indent: int) -> list[str]:
    """A line of a terminal, and what does not fit below it."""
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=start,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _found(given: Given, proposal: Proposal) -> list[str]:
    counts = given.count()
    baseline = given.labels[proposal.baseline]
    others = [label for name, label in given.labels.items() if name != proposal.baseline]
    rows = [
        ("layout", given.layout if given.layout == "long" else f"wide, {given.layout}"),
        ("columns", "; ".join(f"{role}: {column}" for role, column in given.roles.items())),
        ("baseline", f"{baseline} ({proposal.baseline_from})"),
        ("variants", f"{len(others)} besides: {_listed(others)}"),
        ("seeds", _seeds(given)),
        ("pairs", given.pairing),
        ("metrics", _metrics(given, proposal)),
    ]
    if given.stages != [DEFAULT_STAGE]:
        rows.append(("stages", f"{len(given.stages)}: {_listed(given.stages)}"))
    rows.append(("values", f"{sum(counts.values())}, of which {_statuses(counts)}"))
    if given.unused:
        unused = [f"{name} ({why})" for name, why in given.unused.items()]
        rows.append(("not used", _listed(unused)))
    if proposal.left_out:
        rows.append(("no claim", _listed(proposal.left_out, separator="; ")))
    rows += [("note", note) for note in given.notes]
    width = max(len(name) for name, _ in rows) + 2
    return [line for name, text in rows for line in _wrapped(name.ljust(width), text, indent=width)]


def _metrics(given: Given, proposal: Proposal) -> str:
    return _listed(
        [f"{m} ({proposal.better[m]} is better, {proposal.better_from[m]})" for m in given.metrics]
    )


def _seeds(given: Given) -> str:
    per_variant = {
        name: len({seed for cell in given.values if cell[0] == name for seed in given.values[cell]})
        for name in given.labels
    }
    counts = sorted(set(per_variant.values()))
    many = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    text = f"{many} of each variant"
    renamed = {n: label for n, label in given.seeds.items() if label != str(n)}
    if renamed and given.paired:
        shown = [f"{number} = {label}" for number, label in renamed.items()]
        text += f", numbered ({_listed(shown)})"
    return text


def _statuses(counts: dict[str, int]) -> str:
    finite = counts.get("ok", 0)
    bad = [
        f"{counts[status]} {status.replace('_', ' ')}"
        for status in ("diverged", "out_of_memory", "failed", "time_limit", "undefined", MISSING)
        if counts.get(status)
    ]
    return ", ".join([f"{finite} finite", *(bad or ["none missing or failed"])])


def _verdicts(judged: Judged) -> list[str]:
    header = (
        "claim",
        "compared",
        "effect [interval]",
        "n",
        "p, Holm",
        "verdict, not pre-registered",
    )
    rows = [header, *(_row(judged, result) for result in judged.results[:_MOST_ROWS])]
    widths = [max(len(row[place]) for row in rows) for place in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if (more := len(judged.results) - _MOST_ROWS) > 0:
        lines.append(f"… and {more} more, in {judged.folder / 'verdicts.json'}")
    if any(result.effect is not None and result.effect.arms for result in judged.results):
        lines.append(
            "Where n is a sum: no pairs, Welch's t-test. Else pairs by seed, Student's t-test."
        )
    lines += _why_unpaired(judged)
    lines += _pairing(judged.results)
    return lines


def _why_unpaired(judged: Judged) -> list[str]:
    """Which seeds are missing where runs could have been pairs: the same sentence once."""
    if judged.proposal is None or judged.given is None or not judged.given.paired:
        return []
    said: dict[str, list[str]] = {}
    for comparison in judged.proposal.comparisons:
        if comparison.unpaired:
            said.setdefault(comparison.unpaired, []).append(comparison.id)
    return [
        line
        for text, ids in said.items()
        for line in _wrapped(f"{_listed(ids)}: ", f"{text}.", indent=2)
    ]


def _pairing(results: Sequence[ClaimResult]) -> list[str]:
    """What pairs gained, or would have gained: the same sentence once, with its claims."""
    said: dict[str, list[str]] = {}
    for result in results:
        for note in result.notes:
            if note.startswith("Compared without pairs"):
                said.setdefault(note.split(": ", 1)[1].split(". ", 1)[-1], []).append(result.id)
    return [
        line for text, ids in said.items() for line in _wrapped(f"{_listed(ids)}: ", text, indent=2)
    ]


def _row(judged: Judged, result: ClaimResult) -> tuple[str, ...]:
    effect = result.effect
    compared = result.label or result.statement
    if effect is None or math.isnan(effect.estimate):
        return result.id, compared, "–", "–", "–", result.verdict
    size = f"{effect.estimate:.4g}"
    if not math.isnan(effect.low):
        size += f" [{effect.low:.4g}, {effect.high:.4g}]"
    n = " + ".join(str(arm.n) for arm in effect.arms) or str(effect.n)
    if effect.n_failed:
        n += f" ({effect.n_failed} failed)"
    p = result.p_adjusted if not math.isnan(result.p_adjusted) else effect.p_value
    shown = "–" if math.isnan(p) else ("< 0.0001" if p < 1e-4 else f"{p:.2g}")
    return result.id, compared, size, n, shown, result.verdict


def _written(judged: Judged) -> list[str]:
    lines = []
    for name in judged.kept:
        lines.append(f"Kept {judged.folder / name}, which was edited.")
    claims = judged.folder / "claims.yaml"
    if judged.given is not None and "claims.yaml" not in judged.kept:
        lines.append(f"Claims: {claims}. Edit them and run: fixbench judge {judged.folder}")
    page, appendix = f"{judged.folder.name}.html", f"appendix-{judged.folder.name}.tex"
    if page in judged.pages:
        lines.append(f"Page: {judged.directory / page}; appendix: {judged.directory / appendix}")
    return lines


def _listed(items: Sequence[str], *, separator: str = ", ") -> str:
    if len(items) <= _MOST_NAMED + 1:
        return separator.join(items)
    return f"{separator.join(items[:_MOST_NAMED])} and {len(items) - _MOST_NAMED} more"


def claim_rows(judged: Judged) -> list[dict[str, Any]]:
    """One plain row a claim: what ``claims.json`` has, without what is nested."""
    rows = []
    for result in judged.results:
        effect = result.effect
        rows.append(
            {
                "id": result.id,
                "label": result.label,
                "statement": result.statement,
                "verdict": result.verdict,
                "effect": _number(None if effect is None else effect.estimate),
                "low": _number(None if effect is None else effect.low),
                "high": _number(None if effect is None else effect.high),
                "p": _number(None if effect is None else effect.p_value),
                "p_adjusted": _number(result.p_adjusted),
                "p_equivalence_adjusted": _number(result.p_equivalence_adjusted),
                "n": None if effect is None else effect.n,
                "n_failed": None if effect is None else effect.n_failed,
                "method": _method(result),
                "pre_registered": False,
                "reason": result.reason,
            }
        )
    return rows


def _method(result: ClaimResult) -> str | None:
    if result.effect is None:
        return None
    return "Welch's t, no pairs" if result.effect.arms else "Student's t, pairs by seed"


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def as_json(judged: Judged) -> dict[str, Any]:
    """What was found, proposed, judged and written."""
    content: dict[str, Any] = {}
    given, proposal = judged.given, judged.proposal
    if given is not None and proposal is not None:
        content["found"] = {
            "layout": given.layout,
            "columns": dict(given.roles),
            "not_used": dict(given.unused),
            "baseline": given.labels[proposal.baseline],
            "variants": dict(given.labels),
            "seeds": {str(number): label for number, label in given.seeds.items()},
            "paired": given.paired,
            "pairing": given.pairing,
            "metrics": {
                m: {"better": proposal.better[m], "from": proposal.better_from[m]}
                for m in given.metrics
            },
            "stages": given.stages,
            "values": dict(given.count()),
            "no_claim": proposal.left_out,
            "notes": given.notes,
        }
    content["claims"] = [
        row | {"notes": list(result.notes), "arms": _arms(result)}
        for row, result in zip(claim_rows(judged), judged.results, strict=True)
    ]
    content["cannot_know"] = dict(CANNOT_KNOW)
    content["kept"] = judged.kept
    content["folder"] = str(judged.folder)
    content["pages"] = [str(Path(judged.directory) / name) for name in judged.pages]
    return content


def _arms(result: ClaimResult) -> dict[str, int]:
    arms = () if result.effect is None else result.effect.arms
    return {arm.variant: arm.n for arm in arms}
