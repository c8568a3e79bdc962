"""How failed runs count: intention to treat.

Failing is an outcome, and a bad one. A seed with a failed run has the most adverse (to the variant
that failed) of two values: the sum with the worst value of the effect's own successful runs (of the
same metric, stage and steps) in place of the failed one, and any sum of a seed without failures.
Where failures in a seed pull in opposite directions, or neither direction of a metric is better,
its value is the null. If a variant has no successful run, nothing can be said: every value is NaN.

What an effect is not, no run that failed can show: while one of its runs failed, an effect is not
equivalent, not "not worse", and not of the documented size. A share of seeds counts failed seeds
against the claim instead. A control or precondition is shown to lie inside its bounds only where
the effect with the failed seeds and that without them both show it. To be shown outside, it must
also lie there with every failed seed at the value that speaks most for the inside
(`fixbench.verdicts._window`).
That an effect differs from the null is shown too often where runs of both its sides fail, and a
note says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fixbench.ablation import Term
from fixbench.verdicts._notes import FailedAsNull, FailedAsWorst, FailedOnBothSides, Note

__all__ = ["impute"]


def impute(
    terms: Sequence[Term],
    measured: Sequence[Mapping[int, float]],
    seeds: Sequence[int],
    *,
    null: float,
    better: Mapping[str, str],
) -> tuple[dict[int, float], list[Note]]:
    """The weighted sum of each seed, failed runs imputed as above, and notes on what was done.

    Args:
        measured: of each term: seed → value, of the runs that succeeded.
        null: the value that means "no effect", on the analysis scale.
        better: metric → ``"higher"``, ``"lower"`` or ``"neither"``.
    """
    totals: dict[int, float] = {}
    pulls: dict[int, set[int]] = {}
    for seed in seeds:
        total = 0.0
        for term, found in zip(terms, measured, strict=True):
            value = found.get(seed)
            if value is None:
                pulls.setdefault(seed, set())
                value = _worst(term, terms, measured, better)
                if term.weight:
                    pulls[seed].add(_pull(term, better))
            total += term.weight * value
        totals[seed] = total
    complete = [total for seed, total in totals.items() if seed not in pulls]
    notes: dict[Note, None] = {}
    for seed, directions in pulls.items():
        if directions == {1}:
            totals[seed] = max([totals[seed], *complete])
        elif directions == {-1}:
            totals[seed] = min([totals[seed], *complete])
        elif directions:
            totals[seed] = null
        neutral = len(directions) > 1 or directions == {0}
        notes[FailedAsNull() if neutral else FailedAsWorst()] = None
    if {1} in pulls.values() and {-1} in pulls.values():
        notes[FailedOnBothSides()] = None
    return totals, [*notes]


def _worst(
    term: Term,
    terms: Sequence[Term],
    measured: Sequence[Mapping[int, float]],
    better: Mapping[str, str],
) -> float:
    """The worst value of the effect's own runs, in place of a run that failed."""
    chosen = (term.metric, term.stage, term.at)
    pool = [
        value
        for other, found in zip(terms, measured, strict=True)
        if (other.metric, other.stage, other.at) == chosen
        for value in found.values()
    ]
    return min(pool) if better[term.metric] == "higher" else max(pool)


def _pull(term: Term, better: Mapping[str, str]) -> int:
    """The side of the effect, 1 or -1, to which failures of the term pull it; 0 for neither."""
    worse = {"lower": 1, "higher": -1, "neither": 0}[better[term.metric]]
    return worse if term.weight > 0 else -worse
