"""The verdicts that a published table of claims gets by the present rules, where no rows are kept.

A table (``claims.json``) has the estimate, the interval and the number of seeds of each effect,
precondition and control. On the analysis scale the estimate is the mean over seeds, and half the
width of the t interval is the standard error times a quantile of t. Every test of a mean rests on
mean, standard deviation and number of seeds alone. So each effect is judged from a sample that has
the published three: evenly spaced values, as any sample would do. A share is judged from its count,
and an exact property keeps its verdict.

What single seeds alone would tell is not there: failed runs (a table with any is refused), and
every method that stands beside a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from fixbench.ablation import Ablation, Claim, Effect, Metric, Term, claim_hash, load_ablation
from fixbench.errors import InputError
from fixbench.published import read_rows
from fixbench.statistics import to_analysis
from fixbench.verdicts import ClaimResult, adjudicate

__all__ = ["Rejudged", "rejudge", "rejudge_tables"]

Row = Mapping[str, Any]

_STAGE = "published"
_WORDS: Mapping[str, str] = {
    "another size": "the whole interval lies outside the tolerance",
    "negligible": "shown in the documented direction, and smaller than matters",
    "refuted": "the document claims no change, and one that matters is shown",
    "inconclusive": "neither a difference nor its absence is shown",
}


@dataclass(frozen=True, kw_only=True)
class Rejudged:
    """A claim with the verdict of a table and that of the present rules.

    Attributes:
        why: what the verdict rests on now; empty where it is the one of the table.
        controls, preconditions: name → state.
    """

    ablation: str
    id: str
    then: str
    now: str
    why: str
    controls: Mapping[str, str]
    preconditions: Mapping[str, str]


def rejudge_tables(table: Path, folder: Path, tier: str) -> list[Rejudged]:
    """Judge every ablation of a table again, in its order.

    Args:
        table: a ``claims.json`` of any version.
        folder: where the folders of ablations lie.
        tier: the tier of the table.

    Raises:
        InputError: the table cannot be read, or as `rejudge`.
    """
    rows = read_rows(table)
    names = list(dict.fromkeys(row["ablation"] for row in rows))
    found = []
    for name in names:
        ablation = load_ablation(folder / name / "ablation.yaml")
        own = [row for row in rows if row["ablation"] == name]
        found += rejudge(ablation, own, tier=tier, source=table)
    return found


def rejudge(
    ablation: Ablation, rows: Sequence[Row], *, tier: str, source: Path | str = "table"
) -> list[Rejudged]:
    """The claims of one ablation, in file order.

    Args:
        rows: its rows of a table, one a claim.
        source: the table, for messages.

    Raises:
        InputError: a claim has no row, or is not the one that was judged; a run failed; the number
            of seeds is not one and the same; looks were made.
    """
    by_id = {row["id"]: row for row in rows}
    for claim in ablation.claims:
        _check(claim, by_id.get(claim.id), source)
    seeds = sorted({item["n"] for row in rows for item in _items(row) if item["n"] is not None})
    if len(seeds) != 1 or seeds[0] < 2:
        expected = "one number of seeds in all claims, 2 or more"
        raise InputError(source, "n", seeds, expected=expected)
    samples: dict[str, list[float]] = {}
    claims = [_stand_in(ablation, claim, by_id[claim.id], samples) for claim in ablation.claims]
    metrics = {
        key: Metric(description="of the table", unit="1", better="neither") for key in samples
    }
    judged = adjudicate(
        ablation.model_copy(update={"claims": claims, "metrics": ablation.metrics | metrics}),
        _frame(ablation, tier, seeds[0], samples),
        tier=tier,
        confidence=rows[0]["confidence"] or 0.95,
    )
    name = rows[0]["ablation"]
    return [_compared(name, by_id[result.id], result) for result in judged]


def _items(row: Row) -> Iterator[Row]:
    """The claim's effect, its preconditions and its controls, as far as they are measured."""
    yield row
    yield from row["preconditions"]
    yield from row["controls"]


def _check(claim: Claim, row: Row | None, source: Path | str) -> None:
    if row is None:
        raise InputError(source, "id", claim.id, expected="a row of this claim")
    if row["claim_sha256"] != claim_hash(claim):
        expected = f"{claim_hash(claim)}, the claim as it is now"
        raise InputError(
            source, f"{claim.id}: claim_sha256", row["claim_sha256"], expected=expected
        )
    if claim.decision.collapse is not None:
        expected = "a rule that a mean over all seeds decides: single runs show collapses alone"
        raise InputError(source, f"{claim.id}: rule", claim.decision.rule, expected=expected)
    if claim.decision.unpaired:
        expected = "pairs: a table has no number of runs that are none"
        raise InputError(source, f"{claim.id}: unpaired", True, expected=expected)
    if row.get("looks") is not None:
        expected = "a claim that was judged without looks"
        raise InputError(source, f"{claim.id}: looks", "some", expected=expected)
    for item in _items(row):
        if item["n_failed"]:
            key = f"{claim.id}: n_failed of {item.get('name', 'the effect')}"
            expected = "0: how failed runs count shows in the rows alone"
            raise InputError(source, key, item["n_failed"], expected=expected)


def _stand_in(ablation: Ablation, claim: Claim, row: Row, samples: dict[str, list[float]]) -> Claim:
    """The claim with effects that read the samples, which are added to ``samples``.

    What the table has no number for stays as declared: the tier does not measure it.
    """

    def read(effect: Effect, key: str, values: list[float]) -> Effect:
        samples[key] = values
        term = Term(variant=ablation.baseline_variant, metric=key, stage=_STAGE)
        return Effect(terms=[term], scale=effect.reported)

    changes: dict[str, Any] = {}
    if claim.effect is not None and row["n"] is not None:
        changes["effect"] = read(claim.effect, f"{claim.id}/effect", _sample(claim, row))
    for kind in ("preconditions", "controls"):
        measured = {item["name"]: item for item in row[kind] if item["n"] is not None}
        changes[kind] = [
            item.model_copy(
                update={
                    "effect": read(
                        item.effect,
                        f"{claim.id}/{kind}/{place}",
                        _moments(measured[item.name], row["confidence"]),
                    )
                }
            )
            if item.name in measured
            else item
            for place, item in enumerate(getattr(claim, kind))
        ]
    return claim.model_copy(update=changes | {"supporting": []})


def _sample(claim: Claim, row: Row) -> list[float]:
    n: int = row["n"]
    if claim.decision.rule == "property":
        return [float(row["verdict"] == "holds")] * n
    if claim.decision.rule == "share":
        held = round(row["measured"] * n)
        return [1.0] * held + [0.0] * (n - held)
    return _moments(row, row["confidence"])


def _moments(item: Row, confidence: float) -> list[float]:
    """Values, natural scale, with the mean and the standard deviation that were published."""
    n, scale = item["n"], item["scale"]
    mean, low, high = (
        to_analysis(item[key], scale) for key in ("measured", "interval_low", "interval_high")
    )
    quantile = float(stats.t.ppf(0.5 + confidence / 2, n - 1))
    deviation = (high - low) / (2 * quantile) * math.sqrt(n)
    even = np.linspace(-1, 1, n)
    values = mean + deviation * even / np.std(even, ddof=1)
    if low == high:  # as in all seeds
        values = np.full(n, mean)
    return [float(value) for value in (np.exp(values) if scale == "log" else values)]


def _frame(
    ablation: Ablation, tier: str, n: int, samples: Mapping[str, Sequence[float]]
) -> pd.DataFrame:
    """Rows that hold the samples, and one of every other run, none of which is read."""
    cells = [
        (ablation.baseline_variant, seed, key, value)
        for key, values in samples.items()
        for seed, value in enumerate(values)
    ]
    cells += [
        (variant, seed, "nothing", 0.0)
        for variant in ablation.at(tier).variants
        for seed in range(n)
    ]
    frame = pd.DataFrame(cells, columns=["variant", "seed", "metric", "value"])
    return frame.assign(
        ablation=ablation.title, stage=_STAGE, step=0, unit="1", status="ok", file="published"
    )


def _compared(name: str, row: Row, result: ClaimResult) -> Rejudged:
    then, now = row["verdict"], result.verdict
    return Rejudged(
        ablation=name,
        id=result.id,
        then=then,
        now=now,
        why="" if then == now else _why(result),
        controls={item.name: item.state for item in result.controls if item.state is not None},
        preconditions={item.name: item.state for item in result.preconditions},
    )


def _why(result: ClaimResult) -> str:
    """What decided the verdict, in a few words."""
    for kind, state, verdicts in (
        ("precondition", "unmet", ("not testable",)),
        ("precondition", "open", ("unresolved", "inconclusive")),
        ("control", "explains", ("confounded",)),
        ("control", "open", ("unresolved",)),
    ):
        items = result.preconditions if kind == "precondition" else result.controls
        named = "; ".join(item.name for item in items if item.state == state)
        if named and result.verdict in verdicts:
            return f"{kind} {named!r} {'explains it' if state == 'explains' else f'is {state}'}"
    ruling = result.ruling
    assert ruling is not None
    shown = {kind for kind, evidence in ruling.evidence.items() if evidence.shown}
    if result.verdict == "direction only":
        least = "that it is at least as large as matters is not shown"
        return "the documented size is not shown" if "beyond" in shown else least
    if result.verdict == "inconclusive" and "different" in shown:
        return "it differs; by more than matters, or by less, is not shown (adjusted p)"
    return _WORDS.get(result.verdict, ruling.finding)
