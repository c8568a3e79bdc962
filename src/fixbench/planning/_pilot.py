"""How much the differences of pairs scatter, as a pilot shows it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from fixbench.errors import InputError
from fixbench.statistics import deviation_limit

__all__ = ["LIMIT_CONFIDENCE", "Scatter", "read_pilot"]

#: Of the upper limit of a pilot's deviation, one-sided: planned with it, a study has at least its
#: power in this share of cases (Browne, 1995).
LIMIT_CONFIDENCE = 0.8


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """The differences of pairs in one comparison.

    Attributes:
        label: the comparison; metric: what it measures.
        deviation: standard deviation; limit: its upper confidence limit, where a pilot of ``n``
            pairs gave it.
    """

    label: str
    metric: str = ""
    deviation: float
    n: int | None = None
    limit: float | None = None


def read_pilot(
    results: Path, *, metric: str | None = None, baseline: str | None = None
) -> list[Scatter]:
    """One entry for each comparison that ``fixbench judge`` would propose for the file.

    Args:
        metric: of several, the one that counts.
        baseline: what the others are compared with, where the names do not say it.

    Raises:
        InputError: the file cannot be read, its runs are no pairs or do not scatter, or it has
            several metrics and none was named.
    """
    from fixbench.judging import judge

    with tempfile.TemporaryDirectory(prefix="fixbench-") as folder:
        judged = judge(str(results), baseline=baseline, directory=folder, pages=False)
    claims = {claim.id: claim for claim in judged.ablation.claims}
    found: list[Scatter] = []
    for result in judged.results:
        effect, claim = result.effect, claims[result.id]
        if effect is None or claim.effect is None:
            continue
        if effect.arms:
            expected = "runs that are pairs: each seed with every variant"
            raise InputError(results, "seed", expected=expected)
        measured = claim.effect.weighted[0].metric
        usable = effect.n >= 2 and effect.n_failed == 0 and effect.standard_deviation > 0
        if not usable or effect.scale != "plain":
            continue
        deviation = effect.standard_deviation
        found.append(
            Scatter(
                label=result.label or result.statement,
                metric=measured,
                deviation=deviation,
                n=effect.n,
                limit=deviation_limit(deviation, effect.n, LIMIT_CONFIDENCE),
            )
        )
    return _of_metric(results, found, metric)


def _of_metric(results: Path, found: list[Scatter], metric: str | None) -> list[Scatter]:
    metrics = list(dict.fromkeys(item.metric for item in found))
    if not metrics:
        expected = "two pairs or more of a comparison, without a failed run, that differ"
        raise InputError(results, "", expected=expected)
    if metric is None and len(metrics) > 1:
        expected = f"one of {', '.join(metrics)}, as an effect has one unit"
        raise InputError("fixbench power", "--metric", expected=expected)
    if metric is not None and metric not in metrics:
        raise InputError("--metric", "", metric, expected=f"one of {', '.join(metrics)}")
    return [item for item in found if metric in (None, item.metric)]
