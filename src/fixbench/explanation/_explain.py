"""From a claim in a table to why it has its verdict."""

from __future__ import annotations

from pathlib import Path

from fixbench.ablation import Ablation, Claim, Effect, claim_hash, load_ablation
from fixbench.errors import InputError
from fixbench.explanation._bounds import claim_bounds, control_bounds, precondition_bounds
from fixbench.explanation._change import changes, consequence
from fixbench.explanation._find import FoundClaim
from fixbench.explanation._model import Deciding, Explanation, Rows
from fixbench.published import (
    PublishedClaim,
    PublishedControl,
    PublishedPrecondition,
    PublishedSupporting,
)
from fixbench.reports import (
    VERDICTS,
    arm_names,
    decision_rule,
    effect_formula,
    explanation_rule,
    interval,
    mean_and_deviation,
    number,
    p_value,
    percentage,
    requirement,
)
from fixbench.verdicts import load_rule

__all__ = ["explain"]

_EDITED = (
    "The claim was edited since, or its ablation is not here: the rule is given in general, with "
    "the numbers of the table."
)


def explain(found: FoundClaim) -> Explanation:
    """Why the claim has its verdict, from the table and from what the ablation declares.

    The rule is that of the ablation file where the claim there is the one that was judged. Where
    it was edited since, or the file is not there, the rule's own summary and the numbers of the
    table stand for it.
    """
    row = found.claim
    ablation, claim = _declared(found)
    deciding = [*_preconditions(row, claim), *_controls(row, claim)]
    bounds = claim_bounds(row, claim)
    return Explanation(
        claim=row,
        tier=found.tier,
        table=str(found.table),
        origin=found.origin,
        meaning=next((text for name, text in VERDICTS.items() if name == row.verdict), ""),
        measured=_measured(row),
        arms=_levels(row),
        tests=_tests(row),
        rule=_rule(row, claim),
        deciding=deciding,
        bounds=bounds,
        rows=_rows(found, ablation, claim),
        change=changes(row, deciding, bounds),
    )


def _declared(found: FoundClaim) -> tuple[Ablation | None, Claim | None]:
    """The ablation, and the claim in it if that is the one that was judged."""
    try:
        ablation = load_ablation(found.folder / "ablation.yaml")
    except InputError:
        return None, None
    row = found.claim
    same = [
        claim
        for claim in ablation.claims
        if claim.id == row.id and claim_hash(claim) == row.claim_sha256
    ]
    return ablation, same[0] if same else None


def _measured(row: PublishedClaim) -> str:
    if row.measured is None:
        return ""
    if row.rule == "property":
        return f"true in {percentage(row.measured)} of measurements"
    text = _number(row)
    if row.interval_low is not None and row.confidence is not None:
        text += f" ({number(100 * row.confidence, 3)} % interval)"
    arms = (row.arms or {}).get("runs")
    counted = f"n = {row.n} {'seed' if row.n == 1 else 'seeds'}"
    if arms:
        counted = f"n = {' + '.join(map(str, arms.values()))} runs without pairs"
    failed = f", {row.n_failed} with a failed run" if row.n_failed else ""
    return f"{row.quantity or 'effect'} {text}, {counted}{failed}"


def _levels(row: PublishedClaim) -> str:
    """What each arm reached."""
    parts = []
    for name, level in zip(arm_names(row.levels), row.levels, strict=True):
        nan = float("nan")
        mean, deviation = (
            nan if value is None else value for value in (level.mean, level.standard_deviation)
        )
        parts.append(f"{name} {mean_and_deviation(mean, deviation)} (n = {level.n})")
    return f"Arms, mean ± SD of their runs: {'; '.join(parts)}" if parts else ""


def _number(row: PublishedClaim | PublishedSupporting) -> str:
    """Estimate, interval and unit, as reports print them."""
    if row.measured is None:
        return "not measured in this tier" if row.n is None else "no number"
    nan = float("nan")
    low, high = row.interval_low, row.interval_high
    value, limits = interval(
        row.measured, nan if low is None else low, nan if high is None else high
    )
    times = "× " if row.scale == "log" else ""
    return " ".join(filter(None, (f"{times}{value}", "" if low is None else limits, row.unit)))


def _tests(row: PublishedClaim) -> list[str]:
    """Every p of the claim, with what it is adjusted for."""
    lines = []
    for what, raw, adjusted, size in (
        ("a difference", row.p_raw, row.p_adjusted, row.family_m),
        (
            "nothing lost that matters (non-inferiority)"
            if row.rule == "not_worse"
            else "no effect that matters (equivalence)",
            row.p_equivalence,
            row.p_equivalence_adjusted,
            row.family_m_absence,
        ),
    ):
        if raw is None:
            continue
        text = f"p of {what}: {p_value(raw)}"
        if adjusted is not None:
            text += f"; {p_value(adjusted)} by Holm's method over m = {size} claims"
        elif row.primary:
            text += "; not adjusted"
        else:
            text += "; not adjusted, as the claim is not primary"
        lines.append(text)
    return lines


def _rule(row: PublishedClaim, claim: Claim | None) -> list[str]:
    if claim is not None:
        return decision_rule(claim, row.confidence or 0.95, looks=row.looks is not None)
    if row.rule is None:
        return []
    lines = [load_rule(row.rule).summary, _EDITED]
    for name, low, high in (
        ("zone of effects too small to matter", row.margin_low, row.margin_high),
        ("tolerance around the documented size", row.tolerance_low, row.tolerance_high),
    ):
        if low is not None or high is not None:
            lines.append(f"The {name}: {number(low)} to {number(high)}.")
    return lines


def _preconditions(row: PublishedClaim, claim: Claim | None) -> list[Deciding]:
    declared = {} if claim is None else {item.name: item for item in claim.preconditions}
    return [
        _deciding(
            row,
            "precondition",
            item,
            requirement(declared[item.name]) if item.name in declared else "",
            {"met": item.p_met, "unmet": item.p_unmet},
        )
        for item in row.preconditions
    ]


def _controls(row: PublishedClaim, claim: Claim | None) -> list[Deciding]:
    declared = {} if claim is None else {item.name: item for item in claim.controls}
    return [
        _deciding(
            row,
            "control",
            item,
            explanation_rule(declared[item.name]) if item.name in declared else "",
            {"explains": item.p_explains, "ruled out": item.p_ruled_out},
        )
        for item in row.controls
    ]


def _deciding(
    row: PublishedClaim,
    kind: str,
    item: PublishedControl | PublishedPrecondition,
    required: str,
    p: dict[str, float | None],
) -> Deciding:
    bounds = (
        control_bounds(item) if isinstance(item, PublishedControl) else precondition_bounds(item)
    )
    return Deciding(
        kind=kind,
        name=item.name,
        meaning=item.meaning,
        state=item.state,
        does=consequence(row, kind, item.state),
        required=required,
        measured=_number(item),
        p={name: value for name, value in p.items() if value is not None},
        seeds_needed=item.seeds_needed,
        bounds=bounds,
    )


def _rows(found: FoundClaim, ablation: Ablation | None, claim: Claim | None) -> Rows:
    row = found.claim
    effects: list[Effect] = []
    if claim is not None:
        effects += [] if claim.effect is None else [claim.effect]
        effects += [item.effect for item in claim.preconditions]
        effects += [item.effect for item in claim.controls]
    there = None if ablation is None else ablation.at(found.tier).variants
    variants = [
        name
        for name in dict.fromkeys(term.variant for effect in effects for term in effect.weighted)
        if there is None or name in there
    ]
    kept = found.table.parent / f"{row.ablation}.parquet"
    if ablation is not None and ablation.results is not None:
        kept = found.folder / ablation.results
    jobs = Path("results", row.ablation, found.tier)
    files = [path for name in variants for path in sorted((jobs / name).glob("*.parquet"))]
    return Rows(
        files=[str(path) for path in ([kept] if kept.is_file() else files)],
        formula="" if claim is None or claim.effect is None else effect_formula(claim.effect),
        variants=variants,
        seeds=row.seeds,
    )
