"""The table of claims against `fixbench.verification._independent`."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from fixbench.ablation import Claim, Effect
from fixbench.published import PublishedClaim, PublishedSupporting
from fixbench.results import DATA_SEED, read_results
from fixbench.verification._check import Check, Mismatch, compare
from fixbench.verification._independent import holding, summarise
from fixbench.verification._run import Run

__all__ = ["check_recomputed"]

#: Two formulas of one p agree this far where p is small.
_RELATIVE = 1e-6
#: Rules whose effect is the mean over all seeds.
_MEANS = ("difference", "direction", "no_difference", "not_worse")

#: The field of the table, and both values of it.
_Values = dict[str, tuple[float | None, float]]


def check_recomputed(run: Run) -> Check:
    """Work out every plain effect by scipy alone: of claims, preconditions, controls, supporting.

    Exact properties and shares of seeds are counted.
    """
    name = "by scipy alone"
    if not run.rows:
        return Check(
            ablation=run.name, name=name, compared=0, of="values", remark="no rows are kept"
        )
    rows = read_results(run.rows)
    if DATA_SEED in rows:
        remark = "effects on data draws are no plain means"
        return Check(ablation=run.name, name=name, compared=0, of="values", remark=remark)
    declared = {claim.id: claim for claim in run.ablation.claims}
    compared, effects, left_out, mismatches = 0, 0, 0, []
    for row in run.claims:
        claim = declared.get(row.id)
        if claim is None or row.looks is not None:
            continue
        for key, values in _effects(rows, claim, row):
            if values is None:
                left_out += 1
                continue
            effects += 1
            for field, (found, expected) in values.items():
                compared += 1
                ((_, _, _, same),) = compare(found, expected, relative=_RELATIVE)
                if not same:
                    where = f"{row.id} {key}{field}"
                    mismatches.append(
                        Mismatch(file=run.table, where=where, found=found, expected=expected)
                    )
    return Check(
        ablation=run.name,
        name=name,
        compared=compared,
        of=f"values of {effects} effects",
        mismatches=mismatches,
        remark=f"{left_out} effects are no plain means" if left_out else "",
    )


def _effects(
    rows: pd.DataFrame, claim: Claim, row: PublishedClaim
) -> Iterator[tuple[str, _Values | None]]:
    """The effects that the table has a number of: their key, and their values if they are plain."""
    confidence = row.confidence or 0.95
    rule = claim.decision.rule
    if claim.effect is not None and row.measured is not None:
        if rule in ("property", "share"):
            yield "", _counted(rows, claim.effect, row, of_seeds=rule == "share")
        elif rule in _MEANS and claim.decision.collapse is None and not claim.decision.unpaired:
            yield "", _tested(rows, claim.effect, row, claim.decision.null, confidence, p="p_raw")
        else:
            yield "", None
    for kind in ("preconditions", "controls", "supporting"):
        items = {item.name: item for item in getattr(claim, kind)}
        for found in getattr(row, kind):
            if found.name in items and found.measured is not None:
                effect = items[found.name].effect
                values = _tested(rows, effect, found, None, confidence, p="p")
                yield f"{kind}[{found.name}].", values


def _tested(
    rows: pd.DataFrame,
    effect: Effect,
    found: PublishedClaim | PublishedSupporting,
    null: float | None,
    confidence: float,
    *,
    p: str,
) -> _Values | None:
    summary = summarise(rows, effect, null=null, confidence=confidence)
    if summary is None or found.n is None or found.n < 2:  # copies of one seed count as one
        return None
    pairs = {
        "measured": summary.measured,
        "interval_low": summary.low,
        "interval_high": summary.high,
        p: summary.p,
        "n": summary.n,
    }
    return {key: (getattr(found, key), value) for key, value in pairs.items()}


def _counted(
    rows: pd.DataFrame, effect: Effect, row: PublishedClaim, *, of_seeds: bool
) -> _Values | None:
    shares = holding(rows, effect)
    return None if shares is None else {"measured": (row.measured, shares[of_seeds])}
