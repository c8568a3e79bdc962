"""Verdicts on claims whose truth is known, by the functions that judge real ones.

Each replication is a claim about two variants of its own, with its own stage, so that runs are
imputed from these two alone. `fixbench.verdicts.adjudicate` takes milliseconds a claim, mostly
for rows and for checks that decide nothing; that is too long to tell 5 % from 10 %. So verdicts are
found twice: all of them by the rules as they are stated, in arrays, with the tests of the package;
and the first ones of every simulation from rows, by `adjudicate`, as those of a run. Both must give
the same verdict on every claim, which is a rate of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fixbench.ablation import Ablation
from fixbench.calibration._methods import ALPHA, CLAIMS, NORMAL, SIZES, Cell
from fixbench.calibration._rate import Bound, Rate
from fixbench.results import COLUMNS
from fixbench.statistics import TTests, holms, seeds_for_difference, t_tests, tosts
from fixbench.verdicts import ClaimResult, adjudicate

__all__ = ["TRUTHS", "Truth", "adjudicate_planted", "claim_cells"]

# Of the effect of one seed; the margin, the tolerance and the planted sizes stand beside it.
_DEVIATION = 0.3
# Noise so large that equivalence is out of reach and every false difference counts.
_NOISY = 5.0
_MARGIN, _TOLERANCE, _DOCUMENTED, _EXPLAINS_ABOVE = 1.0, 1.0, 4.0, 1.0
_STEPS = 3

Array = NDArray[np.float64]
Verdicts = NDArray[np.str_]
# Claims simulated at once: whole families.
_TOGETHER = 50 * CLAIMS
# The number of claims, or families, of a simulation that are judged from rows too.
_FROM_ROWS, _FAMILIES_FROM_ROWS = 100, 3


@dataclass(frozen=True, kw_only=True)
class Truth:
    """A planted effect, the claim about it, and the verdicts that would be mistakes.

    Attributes:
        effect: how much variant b exceeds a, in units of the margin; the documented effect is 4.
        wrong: the verdicts counted.
        nominal, bound: the promised rate of these verdicts.
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

    @property
    def other(self) -> float | None:
        """The planted effect of control or precondition."""
        return self.precondition if self.control is None else self.control


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


_NONE, _AT_MARGIN, _AT_TOLERANCE = TRUTHS[0], TRUTHS[1], TRUTHS[3]


def claim_cells() -> Iterator[Cell]:
    """The simulations of whole verdicts."""
    for n in SIZES:
        for truth in TRUTHS:
            title = f"verdicts, {truth.name}, n = {n}"
            yield Cell(title=title, simulate=partial(_verdicts, truth, n))
    for name, simulate in (
        ("A/A", _same_families),
        ("of two kinds", _mixed_families),
        ("sizes", _size_families),
    ):
        title = f"families of {CLAIMS} claims, {name}"
        yield Cell(title=title, simulate=partial(simulate, 10), share=0.5)
    yield Cell(title="planted effect", simulate=partial(_planted, 1.2))


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
    return _Runs.draw(truths, n, random, draw).adjudicated(primary=primary)


@dataclass(frozen=True, kw_only=True)
class _Runs:
    """Simulated runs of independent claims.

    Attributes:
        values: metric → (arm, claim, seed, step); arms a and b, claims judge the last step.
        failed: (arm, claim, seed).
    """

    truths: Sequence[Truth]
    values: Mapping[str, Array]
    failed: NDArray[np.bool_]

    @classmethod
    def draw(
        cls, truths: Sequence[Truth], n: int, random: np.random.Generator, draw: Callable[..., Any]
    ) -> _Runs:
        """Simulate one claim for each truth, with n seeds."""
        claims = len(truths)
        deviations = np.array([truth.deviation for truth in truths])[:, None, None]
        failing = np.array([truth.failing for truth in truths]).T[:, :, None]
        planted = {"score": [truth.effect for truth in truths]}
        others = [truth.other for truth in truths]
        if any(other is not None for other in others):
            planted["other"] = [other or 0.0 for other in others]
        failed = random.random((2, claims, n)) < failing
        values = {}
        for metric, effects in planted.items():
            # What both arms of a seed share cancels in the pair, so its size does not matter.
            values[metric] = random.normal(size=(1, claims, n, 1)) + (
                draw(random, (2, claims, n, _STEPS)) * deviations / math.sqrt(2)
            )
            values[metric][1] += np.array(effects)[:, None, None]
        return cls(truths=truths, values=values, failed=failed)

    def __getitem__(self, claims: slice) -> _Runs:
        values = {metric: value[:, claims] for metric, value in self.values.items()}
        return _Runs(truths=self.truths[claims], values=values, failed=self.failed[:, claims])

    def adjudicated(self, *, primary: bool) -> list[ClaimResult]:
        """Verdicts by the package, from rows as a job writes them."""
        n = self.failed.shape[2]
        ablation = Ablation.model_validate(_content(self.truths, n, primary))
        return adjudicate(ablation, self._rows(), tier="small")

    def _rows(self) -> pd.DataFrame:
        """One row for each step and metric."""
        frames = []
        for metric, values in self.values.items():
            arm, claim, seed, step = (axis.ravel() for axis in np.indices(values.shape))
            failed = np.repeat(self.failed, values.shape[3])
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
                        "status": np.where(failed, "diverged", "ok"),
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)[[*COLUMNS]].assign(file="planted")

    def effects(self, metric: str) -> Array:
        """The effect b - a of each seed (claim, seed), by the policy of `Measurements.per_seed`.

        More is better. A failed run counts as the worst run of its claim, and the effect of its
        seed as at least as adverse as that of any complete seed; where both runs fail, the effect
        is 0. NaN where all runs of an arm fail.
        """
        last = self.values[metric][..., -1]
        worst = np.where(self.failed, math.inf, last).min(axis=(0, 2))
        worst = np.where(np.isinf(worst), math.nan, worst)
        a, b = np.where(self.failed, worst[:, None], last)
        effects = b - a
        only_a, only_b = self.failed & ~self.failed[::-1]
        complete = ~self.failed.any(axis=0)
        least = np.where(complete, effects, math.inf).min(axis=1, keepdims=True)
        most = np.where(complete, effects, -math.inf).max(axis=1, keepdims=True)
        effects = np.where(only_b, np.minimum(effects, least), effects)
        effects = np.where(only_a, np.maximum(effects, most), effects)
        effects = np.where(self.failed.all(axis=0), 0.0, effects)
        lost = np.asarray(self.failed.all(axis=2).any(axis=0))
        return np.where(lost[:, None], math.nan, effects)

    def above(self, metric: str, bound: float) -> NDArray[np.bool_]:
        """Whether each claim's interval lies above, with failed seeds and without them."""
        effects = self.effects(metric)
        found = t_tests(effects).low > bound
        complete: NDArray[np.bool_] = np.asarray(~self.failed.any(axis=0))
        for claim in np.flatnonzero(found & ~complete.all(axis=1)):
            rest = effects[claim][None, complete[claim]]
            found[claim] = rest.size > 0 and t_tests(rest).low[0] > bound
        return found

    def judged(self, *, family: int) -> tuple[Verdicts, TTests]:
        """By the rules of `fixbench.verdicts`, in arrays, with intervals.

        Args:
            family: how many claims make one, one after another; where it is 1, each is alone.
        """
        effects = self.effects("score")
        tests = t_tests(effects)
        fails = self.failed.any(axis=(0, 2))  # then no sameness is shown
        p, p_within = tests.p_value, tosts(effects, low=-_MARGIN, high=_MARGIN)
        p_within = np.where(fails & ~np.isnan(p_within), 1.0, p_within)
        p, p_within = (holms(raw.reshape(-1, family)).ravel() for raw in (p, p_within))
        different, within = p < ALPHA, p_within < ALPHA

        def each(get: Callable[[Truth], bool]) -> NDArray[np.bool_]:
            return np.array([get(truth) for truth in self.truths])

        sized = each(lambda truth: truth.tolerance)
        near = (tests.low >= _DOCUMENTED - _TOLERANCE) & (tests.high <= _DOCUMENTED + _TOLERANCE)
        near &= ~fails
        beyond = (tests.low > _MARGIN) | (tests.high < -_MARGIN)
        above = tests.mean > 0
        verdicts = np.select(
            [within, different & above & (near | ~sized), different & above, different],
            ["absent", "reproduced", "direction only", "reversed"],
            "inconclusive",
        )
        no_difference = np.select(
            [within, different & beyond], ["reproduced", "reversed"], "inconclusive"
        )
        verdicts = np.where(
            each(lambda truth: truth.rule == "no_difference"), no_difference, verdicts
        )
        if "other" in self.values:
            unmet = each(lambda truth: truth.precondition is not None) & ~self.above("other", 0)
            explained = each(lambda truth: truth.control is not None)
            explained &= self.above("other", _EXPLAINS_ABOVE)
            explained &= np.isin(verdicts, _SHOWN)
            verdicts = np.select([unmet, explained], ["not testable", "confounded"], verdicts)
        return verdicts, tests


def _content(truths: Sequence[Truth], n: int, primary: bool) -> dict[str, Any]:
    variants: dict[str, Any] = {}
    declared = []
    for index, truth in enumerate(truths):
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
            claim["controls"] = [{**other, "explains_above": _EXPLAINS_ABOVE}]
        if truth.precondition is not None:
            claim["preconditions"] = [{**other, "above": 0.0}]
        declared.append(claim)
    metric = {"unit": "1", "better": "higher", "description": "planted"}
    return {
        "title": "Planted effects",
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


def _simulated(
    truths: Sequence[Truth], n: int, random: np.random.Generator, trials: int, condition: str
) -> tuple[Verdicts, Array, Rate]:
    """Verdicts (trial, claim), intervals (2, trial × claim), and how often both ways agree.

    Args:
        truths: of the claims of a trial; several are a family.
    """
    family = len(truths)
    alone = family == 1
    from_rows = min(trials, _FROM_ROWS if alone else _FAMILIES_FROM_ROWS)
    same = 0
    verdicts, intervals = [], []
    for start in range(0, trials, _TOGETHER // family):
        count = min(_TOGETHER // family, trials - start)
        runs = _Runs.draw([*truths] * count, n, random, NORMAL.draw)
        found, tests = runs.judged(family=family)
        verdicts.append(found.reshape(count, family))
        intervals.append(np.stack([tests.low, tests.high]))
        if start == 0:
            # Primary claims of one ablation are a family; the others are judged alone.
            size = from_rows if alone else family
            for first in range(0, from_rows * family, size):
                part = slice(first, first + size)
                results = runs[part].adjudicated(primary=not alone)
                same += sum(r.verdict == v for r, v in zip(results, found[part], strict=True))
    agreement = Rate(
        question="the same verdict from rows as from arrays",
        method="adjudicate",
        condition=condition,
        n=n,
        count=same,
        trials=from_rows * family,
        nominal=1.0,
        bound="equal",
        required=True,
    )
    return np.concatenate(verdicts), np.concatenate(intervals, axis=1), agreement


def _verdicts(truth: Truth, n: int, random: np.random.Generator, trials: int) -> list[Rate]:
    found, _, agreement = _simulated([truth], n, random, trials, truth.name)
    return [
        Rate(
            question="false verdicts",
            method=f"verdict {_either(truth.wrong)}",
            condition=truth.name,
            n=n,
            count=int(np.isin(found, truth.wrong).sum()),
            trials=trials,
            nominal=truth.nominal,
            bound=truth.bound,
            required=truth.required,
        ),
        agreement,
    ]


def _same_families(n: int, random: np.random.Generator, trials: int) -> list[Rate]:
    """The same variant twice, as a document of many claims: any difference shown is a mistake."""
    condition = f"A/A: {CLAIMS} primary claims"
    found, _, agreement = _simulated([_NONE] * CLAIMS, n, random, trials, condition)
    wrong = _any(found, _NONE)
    method = f"any verdict {_either(_NONE.wrong)}"
    return [_of_families(method, condition, n, wrong, ALPHA), agreement]


def _mixed_families(n: int, random: np.random.Generator, trials: int) -> list[Rate]:
    """Mistakes of both kinds can be made: each kind of evidence is adjusted by itself."""
    half = CLAIMS // 2
    condition = f"{CLAIMS} primary claims: {half} without an effect, {half} as large as the margin"
    truths = [*[_NONE] * half, *[_AT_MARGIN] * half]
    found, _, agreement = _simulated(truths, n, random, trials, condition)
    different = _any(found[:, :half], _NONE)
    absent = _any(found[:, half:], _AT_MARGIN)
    return [
        _of_families("any false difference", condition, n, different, ALPHA),
        _of_families("any false absence", condition, n, absent, ALPHA),
        _of_families("either", condition, n, different | absent, 2 * ALPHA),
        agreement,
    ]


def _size_families(n: int, random: np.random.Generator, trials: int) -> list[Rate]:
    """Sizes are judged by intervals, which nothing adjusts for the family."""
    condition = f"{CLAIMS} primary claims at the edge of the tolerance"
    found, _, agreement = _simulated([_AT_TOLERANCE] * CLAIMS, n, random, trials, condition)
    wrong = _any(found, _AT_TOLERANCE)
    method = f"any verdict {_either(_AT_TOLERANCE.wrong)}, which is not controlled"
    return [_of_families(method, condition, n, wrong, ALPHA, required=False), agreement]


def _any(found: Verdicts, truth: Truth) -> NDArray[np.bool_]:
    return np.asarray(np.isin(found, truth.wrong).any(axis=1))


def _of_families(
    method: str,
    condition: str,
    n: int,
    wrong: NDArray[np.bool_],
    nominal: float,
    *,
    required: bool = True,
) -> Rate:
    return Rate(
        question="false verdicts in families",
        method=method,
        condition=condition,
        n=n,
        count=int(wrong.sum()),
        trials=len(wrong),
        nominal=nominal,
        bound="at most",
        required=required,
    )


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
    found, (low, high), agreement = _simulated([truth], n, random, trials, truth.name)
    make = partial(Rate, condition=truth.name, n=n, trials=trials, required=True)
    return [
        make(
            question="planted effect",
            method="verdict reproduced",
            count=int((found == "reproduced").sum()),
            nominal=0.8,
            bound="at least",
        ),
        make(
            question="planted effect",
            method="interval holds the planted size",
            count=int(((low <= effect) & (effect <= high)).sum()),
            nominal=1 - ALPHA,
            bound="equal",
        ),
        agreement,
    ]


def _either(verdicts: Sequence[str]) -> str:
    return " or ".join(verdicts)
