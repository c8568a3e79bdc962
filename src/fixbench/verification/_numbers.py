"""``numbers.tex`` against the table of claims."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from fixbench.published import PublishedClaim
from fixbench.verification._check import Check, Mismatch
from fixbench.verification._printed import agrees
from fixbench.verification._run import Run

__all__ = ["check_numbers", "read_numbers"]

#: Field of the file → key of the table, of a claim.
_CLAIM = {
    "measured": "measured",
    "low": "interval_low",
    "high": "interval_high",
    "n": "n",
    "failed": "n_failed",
    "p": "p_raw",
    "padjusted": "p_adjusted",
    "pequivalence": "p_equivalence",
    "pequivalenceadjusted": "p_equivalence_adjusted",
    "effectsize": "effect_size",
    "seedsneeded": "seeds_needed",
    "documentedvalue": "documented_value",
}
#: The same of what stands beside a claim.
_BESIDE = {
    "measured": "measured",
    "low": "interval_low",
    "high": "interval_high",
    "n": "n",
    "p": "p",
    "pmet": "p_met",
    "punmet": "p_unmet",
    "pexplains": "p_explains",
    "pruledout": "p_ruled_out",
}

#: Ten to a power, of which each character is in braces of its own.
_POWER = re.compile(r"\\ensuremath\{\\times\}10((?:\\ensuremath\{\^\{[-\d]+\}\})+)")

#: Field, what is printed, the number in the table.
_Pair = tuple[str, str, float | None]


def check_numbers(run: Run) -> Check:
    """Every number of the file that the table has, and every verdict."""
    name = run.numbers.name
    if not run.numbers.is_file():
        remark = f"there is no {name}"
        return Check(ablation=run.name, name=name, compared=0, of="figures", remark=remark)
    printed = read_numbers(run.numbers.read_text(encoding="utf-8"))
    compared, mismatches = 0, []

    def note(where: str, found: Any, expected: Any) -> None:
        mismatches.append(Mismatch(file=run.numbers, where=where, found=found, expected=expected))

    for claim in run.claims:
        fields = printed.get((run.name, run.tier, claim.id))
        if fields is None:
            note(claim.id, None, "its figures")
            continue
        compared += 1
        if fields.get("verdict") != claim.verdict:
            note(f"{claim.id} verdict", fields.get("verdict"), claim.verdict)
        for field, text, value in _pairs(fields, claim):
            compared += 1
            if not agrees(text, value):
                note(f"{claim.id} {field}", text, value)
    totals = printed.get((run.name, run.tier, "all"), {})
    counts = Counter(claim.verdict for claim in run.claims)
    wanted = {"claims": len(run.claims)}
    wanted |= {verdict.replace(" ", ""): number for verdict, number in counts.items()}
    for field, number in wanted.items():
        compared += 1
        if totals.get(field) != str(number):
            note(f"all {field}", totals.get(field), str(number))
    return Check(
        ablation=run.name,
        name=name,
        compared=compared,
        of=f"figures of {len(run.claims)} claims",
        mismatches=mismatches,
    )


def _pairs(fields: dict[str, str], claim: PublishedClaim) -> Iterator[_Pair]:
    for field, key in _CLAIM.items():
        yield field, fields.get(field, "(no such field)"), getattr(claim, key)
    for field, zone in (
        ("interval", (claim.interval_low, claim.interval_high)),
        ("margin", (claim.margin_low, claim.margin_high)),
        ("tolerance", (claim.tolerance_low, claim.tolerance_high)),
    ):
        if None not in zone:
            parts = re.split(r", | to ", fields.get(field, "").strip("[]"))
            for part, value in zip([*parts, "", ""], zone, strict=False):
                yield field, part, value
    for kind, items in (
        ("precondition", claim.preconditions),
        ("control", claim.controls),
        ("supporting", claim.supporting),
    ):
        for place, item in enumerate(items, start=1):
            for field, key in _BESIDE.items():
                if hasattr(item, key):
                    name = f"{kind}{place}{field}"
                    yield name, fields.get(name, "(no such field)"), getattr(item, key)


def read_numbers(text: str) -> dict[tuple[str, str, str], dict[str, str]]:
    """(ablation, tier, claim) → field → text, without LaTeX."""
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    fields: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("\\fixbenchclaim{"):
            ablation, tier, claim = _arguments(line)
            fields = found.setdefault((ablation, tier, claim), {})
        elif line.startswith("\\fixbenchfield{"):
            field, value, _ = _arguments(line)
            fields[field] = _plain(value)
    return found


def _arguments(line: str) -> list[str]:
    """What stands between the outer braces."""
    found, depth, start = [], 0, 0
    for place, character in enumerate(line):
        if place and line[place - 1] == "\\" and character in "{}":
            continue
        if character == "{":
            depth += 1
            if depth == 1:
                start = place + 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                found.append(line[start:place])
    return found


def _plain(text: str) -> str:
    text = _POWER.sub(lambda found: "e" + re.sub(r"[^-\d]", "", found[1]), text)
    text = text.replace(r"\ensuremath{\infty}", "∞")
    text = re.sub(r"\\ensuremath\{([^{}]*)\}", r"\1", text)
    return text.replace("{[}", "[").replace("{]}", "]").replace(r"\%", "%")
