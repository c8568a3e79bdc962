"""Verdicts on claims whose truth is known, by the functions that judge real ones.

Verdicts are found twice: all of them in arrays (`fixbench.calibration._array_judge`), and those on
some claims of every world from rows, by `adjudicate`, as those of a run. Both must give the same
verdict on every claim, which is a rate of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fixbench.calibration._array_judge import EXPLAINABLE, judge, judge_looks
from fixbench.calibration._methods import ALPHA, CLAIMS, SIZES, Cell
from fixbench.calibration._planted_runs import Runs
from fixbench.calibration._rate import Rate
from fixbench.calibration._worlds import BLOCK, BUDGET, CLEARED, SEQUENTIAL, TRUTHS, UNTIL, Truth
from fixbench.statistics import plan_looks, seeds_for_difference

__all__ = ["claim_cells"]

# Claims simulated at once: whole families.
_TOGETHER = 50 * CLAIMS
# At least so many claims of a world, families of a simulation, and worlds with looks are judged
# from rows too.
_FROM_ROWS, _FAMILIES_FROM_ROWS, _LOOKED_FROM_ROWS = 1, 1, 8

Array = NDArray[np.float64]
Verdicts = NDArray[np.str_]

_NAMED = {truth.name: truth for truth in TRUTHS}
_NONE = _NAMED["A/A: no effect, an effect documented"]
_AT_MARGIN = _NAMED["1 times the margin, which counts as an effect"]
_AT_TOLERANCE = _NAMED["another size, at the upper edge of the tolerance"]


def claim_cells() -> Iterator[Cell]:
    """The simulations of whole verdicts."""
    for n in SIZES:
        for truth in TRUTHS:
            title = f"verdicts, {truth.counted}: {truth.name}, n = {n}"
            yield Cell(title=title, simulate=partial(_verdicts, truth, n), share=0.75)
        yield Cell(title=f"verdicts from rows, n = {n}", simulate=partial(_from_rows, n))
    for truth in SEQUENTIAL:
        title = f"verdicts until shown, {truth.counted}: {truth.name}"
        yield Cell(title=title, simulate=partial(_looked, truth), share=0.75)
    yield Cell(title="verdicts from rows until shown", simulate=_looked_from_rows)
    for name, simulate in (
        ("A/A", _same_families),
        ("of two kinds", _mixed_families),
        ("sizes", _size_families),
    ):
        title = f"families of {CLAIMS} claims, {name}"
        yield Cell(title=title, simulate=partial(simulate, 10), share=0.4)
    yield Cell(title="planted effect", simulate=partial(_planted, 1.2))


def _simulated(
    truths: Sequence[Truth], n: int, random: np.random.Generator, trials: int
) -> tuple[Verdicts, NDArray[np.bool_], Array]:
    """Verdicts and what is shown alone (trial, claim), intervals (2, trial × claim).

    Args:
        truths: of the claims of a trial; several are a family.
    """
    family = len(truths)
    verdicts, shown, intervals = [], [], []
    for start in range(0, trials, _TOGETHER // family):
        count = min(_TOGETHER // family, trials - start)
        runs = Runs.draw([*truths] * count, n, random)
        judged = judge(runs, family=family)
        found, tests = judged.verdicts, judged.tests
        verdicts.append(found.reshape(count, family))
        shown.append(np.isin(judged.alone, EXPLAINABLE).reshape(count, family))
        intervals.append(np.stack([tests.low, tests.high]))
    return np.concatenate(verdicts), np.concatenate(shown), np.concatenate(intervals, axis=1)


def _families_from_rows(
    truths: Sequence[Truth], n: int, random: np.random.Generator, trials: int, condition: str
) -> Rate:
    """Families judged from rows too: the primary claims of one ablation are one."""
    size, count = len(truths), min(trials, _FAMILIES_FROM_ROWS)
    runs = Runs.draw([*truths] * count, n, random)
    results = [
        result.verdict
        for first in range(0, size * count, size)
        for result in runs[first : first + size].adjudicated(primary=True)
    ]
    arrays = judge(runs, family=size).verdicts.tolist()
    return _agreement(condition, n, runs.truths, results, arrays)


def _verdicts(truth: Truth, n: int, random: np.random.Generator, trials: int) -> list[Rate]:
    found, shown, _ = _simulated([truth], n, random, trials)
    wrong = np.isin(found, truth.wrong)
    rates = [_wrong(truth, n, int(wrong.sum()), trials)]
    if truth.counted == CLEARED and shown.any():
        rates.append(_of_those_shown(truth, n, wrong[shown]))
    return rates


def _from_rows(n: int, random: np.random.Generator, trials: int) -> list[Rate]:
    """Claims of every world in one ablation, each judged alone."""
    count = max(_FROM_ROWS, trials // 5_000)
    truths = [truth for truth in TRUTHS for _ in range(count)]
    runs = Runs.draw(truths, n, random)
    found = judge(runs).verdicts
    results = [result.verdict for result in runs.adjudicated(primary=False)]
    return [_agreement("planted worlds", n, truths, results, found.tolist())]


def _looked_from_rows(random: np.random.Generator, trials: int) -> list[Rate]:
    """Each claim alone in an ablation, since seeds are added until all claims have a verdict."""
    looks = plan_looks(BUDGET, block=BLOCK)
    # It takes long; of few replications some of the worlds.
    count = min(trials, max(_LOOKED_FROM_ROWS, trials // 400), len(SEQUENTIAL))
    truths = [SEQUENTIAL[index] for index in random.permutation(len(SEQUENTIAL))[:count]]
    runs = Runs.draw(truths, BUDGET, random)
    found = judge_looks(runs, looks).verdicts
    results = [runs[i : i + 1].looked_at(looks).verdict for i in range(len(truths))]
    condition = f"planted worlds{UNTIL}"
    return [_agreement(condition, BLOCK, truths, results, found.tolist())]


def _looked(truth: Truth, random: np.random.Generator, trials: int) -> list[Rate]:
    """Seeds are added until a verdict; controls and preconditions that are open are waited for."""
    looks = plan_looks(BUDGET, block=BLOCK)
    count = 0
    for start in range(0, trials, _TOGETHER):
        size = min(_TOGETHER, trials - start)
        runs = Runs.draw([truth] * size, BUDGET, random)
        found = judge_looks(runs, looks).verdicts
        count += int(np.isin(found, truth.wrong).sum())
    return [_wrong(truth, BLOCK, count, trials, looked=True)]


def _wrong(truth: Truth, n: int, count: int, trials: int, *, looked: bool = False) -> Rate:
    return Rate(
        question=truth.counted,
        method=f"verdict {_either(truth.wrong)}",
        condition=truth.name + UNTIL * looked,
        n=n,
        count=count,
        trials=trials,
        nominal=truth.nominal,
        bound=truth.bound,
        required=truth.required,
    )


def _of_those_shown(truth: Truth, n: int, wrong: NDArray[np.bool_]) -> Rate:
    """The same rate among claims whose effect is shown: for information, nothing promises it."""
    return Rate(
        question=f"{truth.counted}, of those in which the effect is shown",
        method=f"verdict {_either(truth.wrong)}",
        condition=truth.name,
        n=n,
        count=int(wrong.sum()),
        trials=len(wrong),
        nominal=ALPHA,
        bound="at most",
    )


def _agreement(
    condition: str, n: int, truths: Sequence[Truth], rows: Sequence[str], arrays: Sequence[str]
) -> Rate:
    """How often both ways give the same verdict; the condition names the worlds where they do not.

    Args:
        truths, rows, arrays: of each claim.
    """
    unlike = [t for t, r, a in zip(truths, rows, arrays, strict=True) if r != a]
    named = "; ".join(dict.fromkeys(truth.name for truth in unlike))
    return Rate(
        question="the same verdict from rows as from arrays",
        method="adjudicate",
        condition=condition + (f", but not in: {named}" if named else ""),
        n=n,
        count=len(truths) - len(unlike),
        trials=len(truths),
        nominal=1.0,
        bound="equal",
        required=True,
    )


def _same_families(n: int, random: np.random.Generator, trials: int) -> list[Rate]:
    """The same variant twice, as a document of many claims: any difference shown is a mistake."""
    condition = f"A/A: {CLAIMS} primary claims"
    truths = [_NONE] * CLAIMS
    found, _, _ = _simulated(truths, n, random, trials)
    agreement = _families_from_rows(truths, n, random, trials, condition)
    wrong = _any(found, _NONE)
    method = f"any verdict {_either(_NONE.wrong)}"
    return [_of_families(method, condition, n, wrong, ALPHA), agreement]


def _mixed_families(n: int, random: np.random.Generator, trials: int) -> list[Rate]:
    """Mistakes of both kinds can be made: each kind of evidence is adjusted by itself."""
    half = CLAIMS // 2
    condition = f"{CLAIMS} primary claims: {half} without an effect, {half} as large as the margin"
    truths = [*[_NONE] * half, *[_AT_MARGIN] * half]
    found, _, _ = _simulated(truths, n, random, trials)
    agreement = _families_from_rows(truths, n, random, trials, condition)
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
    truths = [_AT_TOLERANCE] * CLAIMS
    found, _, _ = _simulated(truths, n, random, trials)
    agreement = _families_from_rows(truths, n, random, trials, condition)
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
        margin=0.01,
        deviation=1.0,
    )
    found, _, (low, high) = _simulated([truth], n, random, trials)
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
    ]


def _either(verdicts: Sequence[str]) -> str:
    return " or ".join(verdicts)
