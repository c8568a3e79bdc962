"""Verdicts on claims whose truth is known, by the functions that judge real ones.

Each replication is a claim about two variants of its own, with its own stage, so that runs are
imputed from these two alone. Rows go through `fixbench.statistics.adjudicate` as those of a run do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from fixbench.ablation import Ablation
from fixbench.calibration._methods import ALPHA, CLAIMS, NORMAL, SIZES, Cell
from fixbench.calibration._rate import Bound, Rate
from fixbench.results import COLUMNS
from fixbench.statistics import ClaimResult, adjudicate, seeds_for_difference

__all__ = ["TRUTHS", "Truth", "adjudicate_planted", "claim_cells"]

# Of the effect of one seed; the margin, the tolerance and the planted sizes stand beside it.
_DEVIATION = 0.3
# So much noise that equivalence is out of reach, and every false difference counts.
_NOISY = 5.0
_MARGIN, _TOLERANCE, _DOCUMENTED = 1.0, 1.0, 4.0
_STEPS = 3
# Claims judged together: more make no difference to them, but the table of runs larger.
_TOGETHER = 50


@dataclass(frozen=True, kw_only=True)
class Truth:
    """A planted effect, the claim about it, and the verdicts that would be mistakes.

    Attributes:
        effect: how much variant b exceeds a, in units of the margin; the documented effect is 4.
        wrong: the verdicts counted.
        nominal, bound: of the rate of these verdicts.
        failing: the probability that a run of a, and of b, fails.
        control: the planted effect of a control that explains an effect above 1.
        precondition: the planted effect of a precondition that asks for more than 0.
        required: as in `Rate`.
    """

    name: str
    effect: float
    wrong: tuple[str, ...]
    nominal: float
    bound: Bound = "at most"
    rule: str = "difference"
    tolerance: bool = False
    failing: tuple[float, float] = (0.0, 0.0)
    control: float | None = None
    precondition: float | None = None
    deviation: float = _DEVIATION
    required: bool = True


_SHOWN = ("reproduced", "direction only")
TRUTHS: tuple[Truth, ...] = (
    Truth(
        name="A/A: no effect, an effect documented",
        effect=0.0,
        wrong=(*_SHOWN, "reversed"),
        nominal=ALPHA,
        deviation=_NOISY,
    ),
    Truth(
        name="as large as the margin, which counts as an effect",
        effect=_MARGIN,
        wrong=("absent",),
        nominal=ALPHA,
    ),
    Truth(
        name="as large as the margin, against the documented direction",
        effect=-_MARGIN,
        wrong=("absent", *_SHOWN),
        nominal=ALPHA,
    ),
    Truth(
        name="another size, at the edge of the tolerance",
        effect=_DOCUMENTED + _TOLERANCE,
        wrong=("reproduced",),
        nominal=ALPHA / 2,
        tolerance=True,
    ),
    Truth(
        name="as large as the margin, none documented",
        effect=_MARGIN,
        wrong=("reproduced",),
        nominal=ALPHA,
        rule="no_difference",
    ),
    Truth(
        name="no more than the margin, none documented",
        effect=_MARGIN,
        wrong=("reversed",),
        nominal=ALPHA / 2,
        rule="no_difference",
    ),
    Truth(
        name="real, with a control that does not quite explain it",
        effect=_DOCUMENTED,
        wrong=("confounded",),
        nominal=ALPHA / 2,
        control=1.0,
    ),
    Truth(
        name="real, with a precondition that does not hold",
        effect=_DOCUMENTED,
        wrong=_SHOWN,
        nominal=ALPHA / 2,
        precondition=0.0,
    ),
    Truth(
        name="no effect, a fifth of all runs fails",
        effect=0.0,
        wrong=(*_SHOWN, "reversed"),
        nominal=ALPHA,
        failing=(0.2, 0.2),
        deviation=_NOISY,
        required=False,
    ),
    Truth(
        name="no effect, a fifth of the runs of b fails",
        effect=0.0,
        wrong=_SHOWN,
        nominal=ALPHA / 2,
        failing=(0.0, 0.2),
        deviation=_NOISY,
    ),
    Truth(
        name="none documented, and most runs of b fail",
        effect=0.0,
        wrong=("reproduced",),
        nominal=ALPHA,
        rule="no_difference",
        failing=(0.0, 0.8),
    ),
)


def claim_cells() -> Iterator[Cell]:
    """The simulations of whole verdicts."""
    for n in SIZES:
        for truth in TRUTHS:
            title = f"verdicts, {truth.name}, n = {n}"
            yield Cell(title=title, simulate=partial(_verdicts, truth, n), share=1 / 50)
    title = f"A/A, families of {CLAIMS} claims"
    yield Cell(title=title, simulate=partial(_families, 10), share=1 / 200)
    yield Cell(title="planted effect", simulate=partial(_planted, 1.2), share=1 / 20)


def adjudicate_planted(
    truth: Truth,
    *,
    n: int,
    claims: int,
    random: np.random.Generator,
    primary: bool = False,
    draw: Callable[[np.random.Generator, tuple[int, ...]], Any] = NORMAL.draw,
) -> list[ClaimResult]:
    """Verdicts on ``claims`` independent claims about ``truth``, n seeds each.

    Args:
        primary: judge them as one family; otherwise each alone.
        draw: the distribution of a run about its mean.
    """
    ablation = Ablation.model_validate(_content(truth, n, claims, primary))
    return adjudicate(ablation, _rows(truth, n, claims, random, draw), tier="small")


def _content(truth: Truth, n: int, claims: int, primary: bool) -> dict[str, Any]:
    variants: dict[str, Any] = {}
    declared = []
    for index in range(claims):
        for arm, size in (("a", 0.0), ("b", truth.effect)):
            changes = {"size": [index, size]}
            variants[f"{arm}{index}"] = {"reason": "planted", "changes": changes}
        decision = {
            "rule": truth.rule,
            "direction": "greater" if truth.rule == "difference" else None,
            "margin": _MARGIN,
            "tolerance": _TOLERANCE if truth.tolerance else None,
        }
        claim: dict[str, Any] = {
            "id": f"{chr(65 + index // 100)}A{index % 100:02}",
            "statement": truth.name,
            "section": "planted",
            "kind": "outcome",
            "documented": {"text": "planted", "value": _DOCUMENTED},
            "decision": decision,
            "effect": _effect(index, "score"),
            "primary": primary,
        }
        other = {"name": "other", "meaning": "planted", "effect": _effect(index, "other")}
        if truth.control is not None:
            claim["controls"] = [{**other, "explains_above": 1.0}]
        if truth.precondition is not None:
            claim["preconditions"] = [{**other, "above": 0.0}]
        declared.append(claim)
    metric = {"unit": "1", "better": "higher", "description": "planted"}
    return {
        "title": truth.name,
        "question": "Are verdicts on planted effects right?",
        "document": {"file": "none", "title": "Planted effects", "section": "1"},
        "system": "planted",
        "baseline_variant": "a0",
        "baseline": {"size": [0, 0.0]},
        "variants": variants,
        "metrics": {"score": metric, "other": metric},
        "claims": declared,
        "tiers": {"small": {"seeds": f"0-{n - 1}"}},
        "threats": ["The effects are planted."],
    }


def _effect(index: int, metric: str) -> dict[str, Any]:
    return {
        "terms": [
            {"variant": f"{arm}{index}", "metric": metric, "stage": f"{index}", "weight": weight}
            for arm, weight in (("b", 1.0), ("a", -1.0))
        ]
    }


def _rows(
    truth: Truth, n: int, claims: int, random: np.random.Generator, draw: Callable[..., Any]
) -> pd.DataFrame:
    """One row a step, as a job writes them; claims judge the last step."""
    planted = {"score": truth.effect}
    other = truth.control if truth.control is not None else truth.precondition
    if other is not None:
        planted["other"] = other
    frames = []
    failing = random.random((2, claims, n)) < np.array(truth.failing)[:, None, None]
    for metric, effect in planted.items():
        # What both arms of a seed share cancels in the pair, so its size does not matter.
        shared = random.normal(size=(1, claims, n, 1))
        own = draw(random, (2, claims, n, _STEPS)) * truth.deviation / math.sqrt(2)
        values = shared + own + np.array([0.0, effect])[:, None, None, None]
        arm, claim, seed, step = (axis.ravel() for axis in np.indices(values.shape))
        frames.append(
            pd.DataFrame(
                {
                    "ablation": "planted",
                    "variant": [f"{'ab'[a]}{c}" for a, c in zip(arm, claim, strict=True)],
                    "seed": seed,
                    "stage": claim.astype(str),
                    "step": step,
                    "metric": metric,
                    "value": values.ravel(),
                    "unit": "1",
                    "status": np.where(np.repeat(failing, _STEPS).ravel(), "diverged", "ok"),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)[[*COLUMNS]].assign(file="planted")


def _judged(
    truth: Truth, n: int, random: np.random.Generator, trials: int
) -> Iterator[ClaimResult]:
    for start in range(0, trials, _TOGETHER):
        claims = min(_TOGETHER, trials - start)
        yield from adjudicate_planted(truth, n=n, claims=claims, random=random)


def _verdicts(truth: Truth, n: int, random: np.random.Generator, trials: int) -> list[Rate]:
    found = [result.verdict for result in _judged(truth, n, random, trials)]
    return [
        Rate(
            question="false verdicts",
            method=f"verdict {_either(truth.wrong)}",
            condition=truth.name,
            n=n,
            count=sum(verdict in truth.wrong for verdict in found),
            trials=trials,
            nominal=truth.nominal,
            bound=truth.bound,
            required=truth.required,
        )
    ]


def _families(n: int, random: np.random.Generator, trials: int) -> list[Rate]:
    """The same variant twice, as a document of many claims: any difference found is a mistake."""
    same = TRUTHS[0]
    wrong = 0
    for _ in range(trials):
        results = adjudicate_planted(same, n=n, claims=CLAIMS, random=random, primary=True)
        wrong += any(result.verdict in same.wrong for result in results)
    return [
        Rate(
            question="false verdicts",
            method=f"any verdict {_either(same.wrong)}",
            condition=f"A/A: {CLAIMS} primary claims",
            n=n,
            count=wrong,
            trials=trials,
            nominal=ALPHA,
            bound="at most",
            required=True,
        )
    ]


def _planted(effect: float, random: np.random.Generator, trials: int) -> list[Rate]:
    """An effect of known size, with the seeds that the plan asks for."""
    n = seeds_for_difference(effect, 1.0, null=0.0, alpha=ALPHA)
    assert n is not None
    truth = Truth(
        name=f"planted effect of {effect:g} standard deviations",
        effect=effect,
        wrong=(),
        nominal=0.8,
        deviation=1.0,
    )
    results = list(_judged(truth, n, random, trials))
    make = partial(Rate, condition=truth.name, n=n, trials=trials, required=True)
    covered = sum(r.effect is not None and r.effect.low <= effect <= r.effect.high for r in results)
    return [
        make(
            question="planted effect",
            method="verdict reproduced",
            count=sum(result.verdict == "reproduced" for result in results),
            nominal=0.8,
            bound="at least",
        ),
        make(
            question="planted effect",
            method="interval holds the planted size",
            count=covered,
            nominal=1 - ALPHA,
            bound="equal",
        ),
    ]


def _either(verdicts: Sequence[str]) -> str:
    return " or ".join(verdicts)
