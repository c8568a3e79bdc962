"""Planted claims whose seeds collapse, judged in two parts: the `two_part` rule keeps its level.

Conditional on which seeds collapsed the others are normal, so that the t-test of their mean is
exact whatever their number; McNemar's test is exact too. The rule stands here a second time, in
arrays, and is compared with `fixbench.verdicts.adjudicate` on the first claims of each world.
Beside it stands what `difference` says of the same runs: nothing is promised of that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fixbench.ablation import Ablation
from fixbench.calibration._methods import ALPHA, SIZES, Cell
from fixbench.calibration._rate import Rate
from fixbench.results import COLUMNS
from fixbench.statistics import outsides, proportion, t_tests, tosts
from fixbench.verdicts import adjudicate

__all__ = ["COLLAPSING", "CollapsingTruth", "judge_two_parts", "two_part_cells"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Verdicts = NDArray[np.str_]

# Healthy runs lie about the level; a collapsed one about 0; the bound is between them.
_LEVEL, _BOUND, _NOISE = 10.0, 4.0, 0.3
_MARGIN = 1.0
_FROM_ROWS = 4
_QUESTION = "false verdicts where seeds collapse"
_DIRECTION = ("reproduced", "direction only", "negligible")


@dataclass(frozen=True, kw_only=True)
class CollapsingTruth:
    """A claim that b exceeds a, of runs that may collapse.

    Attributes:
        effect: of the seeds in which neither arm collapses.
        collapsing: the probability that a run of a, and of b, collapses.
        wrong: the verdicts that are mistakes; nominal: their promised rate at most.
    """

    name: str
    effect: float
    collapsing: tuple[float, float]
    wrong: tuple[str, ...]
    nominal: float = ALPHA
    margin: float = _MARGIN


def _worlds() -> Iterator[CollapsingTruth]:
    for share in (0.05, 0.15, 0.4):
        alike = (share, share)
        text = f"{100 * share:g} % of both arms collapse"
        yield CollapsingTruth(
            name=f"no effect, {text}",
            effect=0.0,
            collapsing=alike,
            wrong=(*_DIRECTION, "reversed"),
            margin=0.01,
        )
        for wrong, nominal in ((("reproduced",), ALPHA / 2), (("absent", "negligible"), ALPHA)):
            yield CollapsingTruth(
                name=f"effect at the margin, {text}",
                effect=_MARGIN,
                collapsing=alike,
                wrong=wrong,
                nominal=nominal,
            )
        yield CollapsingTruth(
            name=f"against the documented direction, at the margin, {text}",
            effect=-_MARGIN,
            collapsing=alike,
            wrong=("absent",),
        )
        yield CollapsingTruth(
            name=f"a large effect, {text}",
            effect=3.0,
            collapsing=alike,
            wrong=("reversed", "absent"),
            nominal=ALPHA / 2,
        )
    yield CollapsingTruth(
        name="no effect, only b collapses",
        effect=0.0,
        collapsing=(0.0, 0.4),
        wrong=_DIRECTION,
        margin=0.01,
    )
    yield CollapsingTruth(
        name="no effect, only a collapses",
        effect=0.0,
        collapsing=(0.4, 0.0),
        wrong=("reversed",),
        margin=0.01,
    )


#: Every planted world.
COLLAPSING: tuple[CollapsingTruth, ...] = tuple(_worlds())


def two_part_cells() -> Iterator[Cell]:
    """The simulations of claims that are judged in two parts."""
    for n in SIZES:
        for truth in COLLAPSING:
            title = f"two parts: {truth.name}, {' or '.join(truth.wrong)}, n = {n}"
            yield Cell(title=title, simulate=partial(_simulate, truth, n), share=0.75)


def _simulate(
    truth: CollapsingTruth, n: int, random: np.random.Generator, trials: int
) -> list[Rate]:
    runs = _draw(truth, n, random, trials)
    found = judge_two_parts(runs, margin=truth.margin)
    whole = judge_two_parts(runs, margin=truth.margin, bound=-math.inf)
    make = partial(
        Rate, condition=truth.name, n=n, trials=trials, nominal=truth.nominal, bound="at most"
    )
    same = sum(
        _from_rows(runs[:, claim], truth.margin) == found[claim] for claim in range(_FROM_ROWS)
    )
    return [
        make(
            question=_QUESTION,
            method=f"two_part, {' or '.join(truth.wrong)}",
            count=int(np.isin(found, truth.wrong).sum()),
            required=True,
        ),
        make(
            question=_QUESTION,
            method=f"difference, {' or '.join(truth.wrong)}",
            count=int(np.isin(whole, truth.wrong).sum()),
        ),
        make(
            question="the same verdict from rows as from arrays",
            method="adjudicate",
            condition=f"two parts: {truth.name}",
            count=same,
            trials=_FROM_ROWS,
            nominal=1.0,
            bound="equal",
            required=True,
        ),
    ]


def _draw(truth: CollapsingTruth, n: int, random: np.random.Generator, claims: int) -> Array:
    """(arm, claim, seed): a, then b."""
    noise = random.normal(size=(2, claims, n)) * _NOISE / math.sqrt(2)
    means = np.array([_LEVEL, _LEVEL + truth.effect])[:, None, None]
    collapsed = random.random((2, claims, n)) < np.array(truth.collapsing)[:, None, None]
    return np.where(collapsed, 0.0, means) + noise


def judge_two_parts(runs: Array, *, margin: float, bound: float = _BOUND) -> Verdicts:
    """Verdicts of the rule on ``runs`` (arm, claim, seed), each claim a family: (claim,).

    Args:
        bound: a smaller value is a collapse; -inf leaves `difference`, of one part.
    """
    collapsed = runs < bound
    two = math.isfinite(bound)
    level = ALPHA / 2 if two else ALPHA  # Holm's, of two parts
    effects = runs[1] - runs[0]
    kept: Flags = np.asarray(~collapsed.any(axis=0))
    different, within, beyond, above = _mean_shown(effects, kept, margin, level)
    mean = np.select(
        [
            within & different & above,
            within,
            different & ~above,
            different & beyond,
            different,
        ],
        ["negligible", "absent", "reversed", "reproduced", "direction only"],
        "inconclusive",
    )
    if not two:
        return mean
    in_b = (collapsed[1] & ~collapsed[0]).sum(axis=1)
    alone = in_b + (collapsed[0] & ~collapsed[1]).sum(axis=1)
    shown = _mcnemar(runs.shape[2])[alone, in_b] < level
    against = shown & (2 * in_b > alone)
    along = shown & ~against
    directed = np.isin(mean, ("reproduced", "direction only", "negligible"))
    undirected = np.isin(mean, ("absent", "negligible", "inconclusive"))
    return np.select(
        [against & directed, along & (mean == "reversed"), against, along & undirected],
        ["inconclusive", "inconclusive", "reversed", "direction only"],
        mean,
    )


def _mean_shown(
    effects: Array, kept: Flags, margin: float, level: float
) -> tuple[Flags, Flags, Flags, Flags]:
    """Different, equivalent, beyond, and above 0, of the seeds that are kept."""
    shown = np.zeros((4, len(effects)), dtype=bool)
    counts = kept.sum(axis=1)
    # Those that are kept come first in each row.
    order = np.argsort(~kept, axis=1, kind="stable")
    for count in np.unique(counts[counts > 1]):
        claims = np.flatnonzero(counts == count)
        own = np.take_along_axis(effects[claims], order[claims, :count], axis=1)
        tests = t_tests(own)
        shown[0, claims] = tests.p_value < level
        shown[1, claims] = tosts(own, low=-margin, high=margin) < ALPHA
        shown[2, claims] = outsides(own, low=-margin, high=margin) < level
        shown[3, claims] = tests.mean > 0
    different, within, beyond, above = shown
    return different, within, beyond, above


def _mcnemar(n: int) -> Array:
    """p of k of m seeds, at [m, k]; 1 where m is 0."""
    table = np.ones((n + 1, n + 1))
    for m in range(1, n + 1):
        for k in range(m + 1):
            table[m, k] = proportion(k, m, null=0.5).p_value
    return table


def _from_rows(runs: Array, margin: float) -> str:
    """The verdict of the package on one claim (arm, seed)."""
    rows: list[dict[str, Any]] = [
        {
            "ablation": "planted",
            "variant": name,
            "seed": seed,
            "stage": "test",
            "step": 0,
            "metric": "score",
            "value": float(value),
            "unit": "1",
            "status": "ok",
        }
        for name, values in zip("ab", runs, strict=True)
        for seed, value in enumerate(values)
    ]
    frame = pd.DataFrame(rows)[[*COLUMNS]].assign(file="planted")
    (result,) = adjudicate(_ablation(runs.shape[1], margin), frame, tier="small")
    return result.verdict


def _ablation(n: int, margin: float) -> Ablation:
    terms = [
        {"variant": name, "metric": "score", "stage": "test", "weight": weight}
        for name, weight in (("b", 1.0), ("a", -1.0))
    ]
    claim = {
        "id": "PA00",
        "statement": "b exceeds a",
        "section": "planted",
        "kind": "outcome",
        "documented": {"text": "planted"},
        "decision": {
            "rule": "two_part",
            "direction": "greater",
            "margin": margin,
            "collapse": {"below": _BOUND},
        },
        "effect": {"terms": terms},
    }
    return Ablation.model_validate(
        {
            "title": "Planted effects",
            "question": "Are verdicts on planted effects right?",
            "document": {"file": "none", "title": "Planted effects", "section": "1"},
            "system": "planted",
            "baseline_variant": "a",
            "baseline": {"size": 0},
            "variants": {
                "a": {"reason": "planted"},
                "b": {"reason": "planted", "changes": {"size": 1}},
            },
            "metrics": {"score": {"unit": "1", "better": "higher", "description": "planted"}},
            "claims": [claim],
            "tiers": {"small": {"seeds": f"0-{n - 1}"}},
            "threats": ["The effects are planted."],
        }
    )
