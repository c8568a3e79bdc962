"""Simulated runs of planted claims, and their verdicts from rows, as those of a run.

Each replication is a claim about variants of its own, so that failed runs are imputed from these
alone. The claim is about b - a; controls and preconditions of their own arms follow as c, d, ….
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fixbench.ablation import Ablation
from fixbench.calibration._methods import NORMAL
from fixbench.calibration._worlds import Beside, Truth
from fixbench.results import COLUMNS
from fixbench.statistics import Progress
from fixbench.verdicts import ClaimResult, adjudicate, look_at

__all__ = ["Contrast", "Runs", "adjudicate_planted", "contrasts", "grouped"]

_ARMS = "abcdefgh"
Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def adjudicate_planted(
    truth: Truth | Sequence[Truth],
    *,
    n: int,
    claims: int,
    random: np.random.Generator,
    primary: bool = False,
    draw: Callable[[np.random.Generator, tuple[int, ...]], Any] = NORMAL.draw,
) -> list[ClaimResult]:
    """Verdicts on ``claims`` independent claims about ``truth``, n seeds each.

    Args:
        truth: of all claims, or of each.
        primary: judge them as one family; otherwise each alone.
        draw: the distribution of a run about its mean.
    """
    truths = [truth] * claims if isinstance(truth, Truth) else list(truth)
    return Runs.draw(truths, n, random, draw).adjudicated(primary=primary)


def grouped(truths: Sequence[Truth]) -> list[tuple[Truth, NDArray[np.int64]]]:
    """Each truth once, with the claims that it is the truth of."""
    claims: dict[int, list[int]] = {}
    for claim, truth in enumerate(truths):
        claims.setdefault(id(truth), []).append(claim)
    return [(truths[found[0]], np.array(found)) for found in claims.values()]


@dataclass(frozen=True)
class Contrast:
    """A metric in one arm less that in another; arms by number."""

    metric: str
    plus: int
    minus: int


def contrasts(truth: Truth) -> list[Contrast]:
    """Of the claim, then of its controls and preconditions."""
    found = [Contrast("score", 1, 0)]
    arms, metrics = 2, 0
    for item in truth.besides:
        if item.arm is None:
            found.append(Contrast(f"other{metrics}", 1, 0))
            metrics += 1
            continue
        found.append(Contrast("score", *((arms, 0) if item.arm == "a" else (1, arms))))
        arms += 1
    return found


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Simulated runs of independent claims.

    Attributes:
        values: metric → (arm, claim, seed) at the last step, which claims judge; only the score is
            measured in other arms than a and b.
        failed: (arm, claim, seed).
    """

    truths: Sequence[Truth]
    values: dict[str, Array]
    failed: Flags

    @classmethod
    def draw(
        cls,
        truths: Sequence[Truth],
        n: int,
        random: np.random.Generator,
        draw: Callable[..., Any] = NORMAL.draw,
    ) -> Runs:
        """Simulate one claim for each truth, with n seeds."""
        groups = grouped(truths)
        planted = [(claims, *_planted(truth)) for truth, claims in groups]
        arms = max(len(means["score"]) for _, means, _ in planted)
        metrics = sorted({metric for _, means, _ in planted for metric in means})
        size = len(truths)
        failing = np.zeros((arms, size, 1))
        deviations = np.zeros((size, 1))
        for (truth, claims), (_, _, rates) in zip(groups, planted, strict=True):
            failing[: len(rates), claims, 0] = np.array(rates)[:, None]
            deviations[claims] = truth.deviation
        values = {}
        for metric in metrics:
            means = np.zeros((arms if metric == "score" else 2, size, 1))
            for claims, found, _ in planted:
                own = found.get(metric, [])
                means[: len(own), claims, 0] = np.array(own)[:, None]
            noise = draw(random, (len(means), size, n)) / math.sqrt(2)
            for truth, claims in groups:
                if truth.seeds is not None:
                    noise[0, claims] = 0.0
                    noise[1:, claims] = truth.seeds.draw(random, (len(means) - 1, len(claims), n))
            # What all arms of a seed share cancels in the pair, so its size does not matter.
            shared = random.normal(size=(1, size, n))
            values[metric] = shared + noise * deviations + means
        failed = random.random((arms, size, n)) < failing
        return cls(truths=truths, values=values, failed=failed)

    @property
    def seeds(self) -> int:
        return int(self.failed.shape[2])

    def __getitem__(self, claims: slice) -> Runs:
        return self.chosen(np.arange(len(self.truths))[claims])

    def chosen(self, claims: NDArray[np.int64]) -> Runs:
        """The runs of some claims."""
        values = {metric: value[:, claims] for metric, value in self.values.items()}
        truths = [self.truths[claim] for claim in claims]
        return Runs(truths=truths, values=values, failed=self.failed[:, claims])

    def first(self, n: int) -> Runs:
        """The runs of the first n seeds."""
        values = {metric: value[..., :n] for metric, value in self.values.items()}
        return Runs(truths=self.truths, values=values, failed=self.failed[..., :n])

    def effects(self, contrast: Contrast) -> tuple[Array, Flags]:
        """The effect of each seed and whether a run of it failed, both (claim, seed).

        By the policy of `fixbench.verdicts`, more is better: a failed run counts as the worst run
        of the effect, and the effect of its seed as at least as adverse as that of any complete
        seed; where both runs fail, the effect is 0. NaN where all runs of an arm fail.
        """
        arms = [contrast.minus, contrast.plus]
        last, failed = self.values[contrast.metric][arms], self.failed[arms]
        if not failed.any():
            return last[1] - last[0], np.zeros(last.shape[1:], dtype=bool)
        worst = np.where(failed, math.inf, last).min(axis=(0, 2))
        worst = np.where(np.isinf(worst), math.nan, worst)
        minus, plus = np.where(failed, worst[:, None], last)
        effects = plus - minus
        only_minus, only_plus = failed & ~failed[::-1]
        complete = ~failed.any(axis=0)
        least = np.where(complete, effects, math.inf).min(axis=1, keepdims=True)
        most = np.where(complete, effects, -math.inf).max(axis=1, keepdims=True)
        effects = np.where(only_plus, np.minimum(effects, least), effects)
        effects = np.where(only_minus, np.maximum(effects, most), effects)
        effects = np.where(failed.all(axis=0), 0.0, effects)
        lost = np.asarray(failed.all(axis=2).any(axis=0))
        return np.where(lost[:, None], math.nan, effects), np.asarray(~complete)

    def ablation(self, *, primary: bool) -> Ablation:
        """The ablation file that these are the runs of."""
        return Ablation.model_validate(_content(self.truths, self.seeds, primary))

    def adjudicated(self, *, primary: bool) -> list[ClaimResult]:
        """Verdicts by the package, from rows as a job writes them."""
        return adjudicate(self.ablation(primary=primary), self.rows(), tier="small")

    def looked_at(self, looks: Sequence[int]) -> ClaimResult:
        """The verdict on one claim where seeds are added until it has one."""
        assert len(self.truths) == 1
        made = looks[0]
        while True:
            part = self.first(made)
            ablation, rows = part.ablation(primary=True), part.rows()
            progress: Progress
            _, progress = look_at(ablation, rows, tier="small", looks=looks)
            if progress.next_n is None:
                (result,) = adjudicate(ablation, rows, tier="small", looks=looks)
                return result
            made = progress.next_n

    def rows(self) -> pd.DataFrame:
        """One row for each step and metric; the first step says the opposite of the last."""
        frames = []
        for metric, values in self.values.items():
            counts = np.array([_arms(truth, metric) for truth in self.truths])
            # Only the arms that a claim uses.
            arms, claims = np.nonzero(np.arange(len(values))[:, None] < counts)
            steps = np.stack([-values[arms, claims], values[arms, claims]], axis=-1)
            run, seed, step = (axis.ravel() for axis in np.indices(steps.shape))
            arm, claim = arms[run], claims[run]
            failed = np.repeat(self.failed[arms, claims], 2)
            names = [f"{_ARMS[a]}{c}" for a, c in zip(arm, claim, strict=True)]
            frames.append(
                pd.DataFrame(
                    {
                        "ablation": "planted",
                        "variant": names,
                        "seed": seed,
                        "stage": claim.astype(str),
                        "step": step,
                        "metric": metric,
                        "value": steps.ravel(),
                        "unit": "1",
                        "status": np.where(failed, "diverged", "ok"),
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)[[*COLUMNS]].assign(file="planted")


def _planted(truth: Truth) -> tuple[dict[str, list[float]], list[float]]:
    """Metric → the mean of each arm, and the probability that a run of each arm fails."""
    means: dict[str, list[float]] = {"score": [0.0, truth.effect]}
    failing = [*truth.failing]
    for item, contrast in zip(truth.besides, contrasts(truth)[1:], strict=True):
        if item.arm is None:
            means[contrast.metric] = [0.0, item.effect]
            continue
        means["score"].append(item.effect if item.arm == "a" else truth.effect - item.effect)
        failing.append(item.failing)
    return means, failing


def _arms(truth: Truth, metric: str = "score") -> int:
    """How many arms a claim with its controls and preconditions measures a metric in."""
    used = [item for item in contrasts(truth) if item.metric == metric]
    return 1 + max((max(item.plus, item.minus) for item in used), default=-1)


def _content(truths: Sequence[Truth], n: int, primary: bool) -> dict[str, Any]:
    variants: dict[str, Any] = {}
    declared = []
    for index, truth in enumerate(truths):
        for arm in range(_arms(truth)):
            changes = {"size": [index, arm]}
            variants[f"{_ARMS[arm]}{index}"] = {"reason": "planted", "changes": changes}
        own, *others = contrasts(truth)
        claim: dict[str, Any] = {
            "id": f"{chr(65 + index // 100)}A{index % 100:02}",
            "statement": truth.name,
            "section": "planted",
            "kind": "outcome",
            "documented": {"text": "planted", "value": truth.documented},
            "decision": {
                "rule": truth.rule,
                "direction": None if truth.rule == "no_difference" else "greater",
                "margin": truth.margin,
                "tolerance": truth.tolerance,
            },
            "effect": _effect(index, own),
            "primary": primary,
        }
        declare = [_named(number, index, contrast) for number, contrast in enumerate(others)]
        count = len(truth.controls)
        for key, prefix, part in (
            ("controls", "explains_", slice(0, count)),
            ("preconditions", "", slice(count, None)),
        ):
            pairs = zip(declare[part], truth.besides[part], strict=True)
            if items := [{**item, **_bounds(beside, prefix)} for item, beside in pairs]:
                claim[key] = items
        declared.append(claim)
    metric = {"unit": "1", "better": "higher", "description": "planted"}
    metrics = {name.metric for truth in truths for name in contrasts(truth)}
    return {
        "title": "Planted effects",
        "question": "Are verdicts on planted effects right?",
        "document": {"file": "none", "title": "Planted effects", "section": "1"},
        "system": "planted",
        "baseline_variant": "a0",
        "baseline": {"size": [0, 0]},
        "variants": variants,
        "metrics": dict.fromkeys(sorted(metrics), metric),
        "claims": declared,
        "tiers": {"small": {"seeds": f"0-{n - 1}"}},
        "threats": ["The effects are planted."],
    }


def _named(number: int, index: int, contrast: Contrast) -> dict[str, Any]:
    return {"name": f"item {number}", "meaning": "planted", "effect": _effect(index, contrast)}


def _bounds(beside: Beside, prefix: str) -> dict[str, float]:
    bounds = {f"{prefix}above": beside.above, f"{prefix}below": beside.below}
    return {key: bound for key, bound in bounds.items() if math.isfinite(bound)}


def _effect(index: int, contrast: Contrast) -> dict[str, Any]:
    return {
        "terms": [
            {
                "variant": f"{_ARMS[arm]}{index}",
                "metric": contrast.metric,
                "stage": f"{index}",
                "weight": weight,
            }
            for arm, weight in ((contrast.plus, 1.0), (contrast.minus, -1.0))
        ]
    }
