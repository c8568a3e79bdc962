"""Seeds that are added until a verdict: what each look showed, and whether it still stands.

A claim is shown to be something if its p met its level at one of the looks
(`fixbench.statistics.decide`, Holm's steps included), at the last or before. It stays shown, unless
the estimate from all seeds contradicts it. Shares take part with the p of their exact test. Every
interval has the confidence 1 - level of the last look, so that it may be judged at any. What rests
on intervals (tolerance, beyond the margin, preconditions, controls) is judged with all seeds, and
so are properties. Seeds are added until each primary claim of a tested rule is shown to be what
gives it a verdict (different, equivalent, not worse, beyond the margin), and none of its controls
and preconditions leaves it unresolved (`fixbench.verdicts.look_at`). Nobody waits for its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from fixbench.ablation import Ablation, Claim
from fixbench.errors import InputError
from fixbench.statistics import (
    SPENDING,
    Crossing,
    Progress,
    decide,
    spending_levels,
    to_analysis,
)
from fixbench.verdicts._coverage import not_measured
from fixbench.verdicts._draws import measure
from fixbench.verdicts._evidence import family_of, tested_rule
from fixbench.verdicts._history import Forms, counts_in_family, withdrawn
from fixbench.verdicts._notes import ContradictedLook, Note
from fixbench.verdicts._result import Looks
from fixbench.verdicts.rules import Tested, is_tested

__all__ = ["looks_made", "looks_so_far", "uphold", "waiting"]


def looks_so_far(
    ablation: Ablation,
    frame: pd.DataFrame,
    *,
    tier: str,
    looks: Sequence[int],
    alpha: float = 0.05,
    recorded_claims: Forms | None = None,
) -> tuple[dict[str, Looks], Progress]:
    """What the seeds so far show: of each claim, and of the primary ones together.

    Every look that was made is made again, each with the seeds that there were, so that what a
    later look says of an earlier one is what that one said.

    Args:
        frame, tier, looks, recorded_claims: as for `adjudicate`.
        alpha: of all looks and the whole family together.

    Raises:
        InputError: as `adjudicate`.
    """
    made = looks_made(frame, looks)
    better = {key: metric.better for key, metric in ablation.metrics.items()}
    results = measure(frame, better)
    claims = [
        claim
        for claim in ablation.claims
        if is_tested(claim) and not not_measured(ablation, claim, tier, results)
    ]
    evidence: dict[str, dict[str, list[float]]] = {claim.id: {} for claim in claims}
    seeds = sorted(results.seeds)
    for n in looks[:made]:
        part = measure(frame[frame["seed"].isin(seeds[:n])], better)
        for claim in claims:
            rule = tested_rule(claim)
            tested = rule.test(ablation, claim, part, 1 - alpha)
            for kind, p in rule.kinds(tested).items():
                evidence[claim.id].setdefault(kind, []).append(p)
    gone = withdrawn(ablation, recorded_claims or {})
    family = family_of(ablation, [key for key, form in gone.items() if counts_in_family(form)])
    progress = decide({key: evidence.get(key, {}) for key in family}, looks=looks, alpha=alpha)
    shown = dict(progress.shown)
    for key in evidence.keys() - shown.keys():
        shown |= decide({key: evidence[key]}, looks=looks, alpha=alpha).shown
    progress = _settled(progress, claims, looks, made)
    levels = spending_levels(looks, alpha=alpha)
    records = {
        claim.id: Looks(
            planned=tuple(looks),
            made=made,
            alpha=alpha,
            spending=SPENDING,
            levels=tuple(item.level for item in levels),
            p_values={kind: tuple(p) for kind, p in evidence.get(claim.id, {}).items()},
            shown=shown.get(claim.id, {}),
        )
        for claim in ablation.claims
    }
    return records, progress


def _settled(
    progress: Progress, claims: Sequence[Claim], looks: Sequence[int], made: int
) -> Progress:
    """The progress, in which only such evidence settles a claim as gives it a verdict."""
    rules = {claim.id: tested_rule(claim) for claim in claims if claim.primary}
    undecided = tuple(
        key
        for key, rule in rules.items()
        if not any(rule.settles(kind) for kind in progress.shown.get(key, {}))
    )
    return waiting(progress, undecided, looks, made)


def waiting(
    progress: Progress, undecided: Sequence[str], looks: Sequence[int], made: int
) -> Progress:
    """The progress, with the claims that seeds are added for, if any look is left."""
    going = bool(undecided) and made < len(looks)
    return replace(progress, undecided=tuple(undecided), next_n=looks[made] if going else None)


def looks_made(frame: pd.DataFrame, looks: Sequence[int]) -> int:
    """How many looks there were.

    Raises:
        InputError: the seeds are those of no look.
    """
    seeds = sorted(set(frame["seed"].tolist()))
    if len(seeds) not in looks:
        expected = f"as many seeds as there are at one of the looks: {', '.join(map(str, looks))}"
        raise InputError("results", "seed", seeds, expected=expected)
    return looks.index(len(seeds)) + 1


def uphold(looks: Looks, tested: Tested) -> tuple[Looks, list[Note]]:
    """Without what one look showed and the estimate from all seeds contradicts."""
    shown, notes = dict(looks.shown), list[Note]()
    for kind, crossing in looks.shown.items():
        # What an effect is not, no run that failed can show.
        by_failures = kind not in ("different", "beyond") and tested.fails
        if by_failures or not _agrees(tested, kind, crossing):
            del shown[kind]
            notes.append(ContradictedLook(look=crossing.look, kind=kind, by_failures=by_failures))
    return replace(looks, shown=shown), notes


def _agrees(tested: Tested, kind: str, crossing: Crossing) -> bool:
    """Whether the estimate from all seeds says what the look said."""
    values = [value for _, value in sorted(tested.seeds.values.items())]
    mean = float(np.mean(values))
    if kind != "different":
        low, high = tested.bounds
        return (low < mean < high) == (kind != "beyond")
    null = to_analysis(tested.effect.null, tested.effect.scale)
    return (float(np.mean(values[: crossing.n])) > null) == (mean > null)
