"""The statistics, simulated: each rate is judged by an exact binomial test, from a fixed seed."""

import math
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fixbench import statistics
from fixbench.calibration import (
    DISTRIBUTIONS,
    FAMILY_LEVEL,
    TRUTHS,
    TWO_POINT,
    Rate,
    _array_judge,
    _claims,
    _methods,
    _planted_runs,
    _run,
    _two_part,
    calibrate,
    judged_together,
)
from fixbench.calibration._worlds import BLAMED, CLEARED, EFFECT, JUDGED, NOT_TESTABLE, UNTIL
from fixbench.statistics import spending_levels
from fixbench.verdicts import _adjudicate, _controls, _measurements, _window, adjudicate
from fixbench.verdicts._failures import impute

REPLICATIONS = 2000
QUESTIONS = (EFFECT, CLEARED, BLAMED, JUDGED, NOT_TESTABLE)


@pytest.fixture(scope="module")
def calibration() -> Any:
    return calibrate(replications=REPLICATIONS, seed=1, speed=False)


def rate(calibration: Any, question: Any, method: Any, condition: Any, n: Any) -> Any:
    (found,) = (
        rate
        for rate in calibration.rates
        if (rate.question, rate.method, rate.condition, rate.n) == (question, method, condition, n)
    )
    return found


def test_what_theory_promises_holds(calibration: Any) -> None:
    assert [f"{r.question}, {r.method}, {r.condition}, {r.n}" for r in calibration.failed] == []
    # Not for want of anything to fail: levels, coverage, power, families and verdicts.
    assert sum(r.required for r in calibration.rates) > 100
    assert {r.n for r in calibration.rates} >= {3, 5, 10, 30}


def test_an_error_twice_as_frequent_as_promised_would_be_seen(calibration: Any) -> None:
    errors = [
        r for r in calibration.rates if r.required and r.bound == "at most" and r.nominal < 0.2
    ]
    assert len(errors) > 300
    # With a probability of 80 %.
    assert [r for r in errors if r.seen[1] is None or r.seen[1] > 2 * r.nominal] == []
    # And any verdict that is not that of the rules, among some hundreds of all planted worlds.
    rows = [r for r in calibration.rates if r.method == "adjudicate"]
    assert all(r.count == r.trials for r in rows)
    # Worlds of two parts are judged from rows one by one, a few claims each; the others together.
    together = [r for r in rows if not r.condition.startswith("two parts: ")]
    assert len(rows) - len(together) == 4 * len(_two_part.COLLAPSING)
    assert sorted(r.n for r in together) == [3, 5, 5, 10, 10, 10, 10, 30]
    assert all(r.seen[0] is not None and r.seen[0] > 0.8 for r in together)
    assert sum(r.trials for r in together) > 500


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The simulations of verdicts alone, at the replications of this suite."""
    chosen = [cell for cell in _run.cells() if cell.title.startswith(("verdicts", "families"))]
    monkeypatch.setattr(_run, "_conclusions", lambda rates: [])

    def run(*, only: str = "") -> Any:
        cells = [cell for cell in chosen if only in cell.title]
        monkeypatch.setattr(_run, "cells", lambda: cells)
        return calibrate(replications=REPLICATIONS, seed=1, speed=False)

    return run


def refuted(calibration: Any, found: Any) -> set[tuple[str, str]]:
    """The refuted rates of some simulations, at the level of a whole calibration."""
    level = calibration.rates[0].level
    return {(r.question, r.condition) for r in found.rates if replace(r, level=level).failed}


def test_a_planted_wrong_level_is_refuted_in_every_world_that_can_show_it(
    calibration: Any, verdicts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Planted: verdicts at 15 % that promise 5 % (intervals: 2.5 % and 7.5 % a side).
    planted = 0.15
    monkeypatch.setattr(_planted_runs, "adjudicate", partial(adjudicate, confidence=1 - planted))
    monkeypatch.setattr(_array_judge, "ALPHA", planted)
    found = verdicts(only="n = 10")
    # Some worlds err less than they may, as where runs fail: there a wrong level is no error.
    exact = {
        (r.question, r.condition)
        for r in calibration.rates
        if r.required and r.n == 10 and r.question in QUESTIONS and r.rate > 0.7 * r.nominal
    }
    assert len(exact) > 40
    assert {question for question, _ in exact} == set(QUESTIONS)
    assert exact - refuted(calibration, found) == set()
    # Both ways of judging agree: what refutes it is the rate alone.
    assert all(r.count == r.trials for r in found.rates if r.method == "adjudicate")


def test_the_same_level_planted_in_adjudicate_alone_is_seen(
    calibration: Any, verdicts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_planted_runs, "adjudicate", partial(adjudicate, confidence=0.85))
    found = verdicts(only="verdicts from rows, n = 10")
    ((question, condition),) = refuted(calibration, found)
    assert question == "the same verdict from rows as from arrays"
    # The worlds are named.
    assert sum(truth.name in condition for truth in TRUTHS) > 3


def with_p(p_inside: float | None, p_outside: float | None) -> Any:
    """What places effects between bounds, with some p that are wrong."""
    right = _array_judge._window

    def window(*arguments: Any) -> Any:
        found = right(*arguments)
        planted = (p_inside, p_outside)
        return tuple(
            p if wrong is None else np.full_like(p, wrong)
            for p, wrong in zip(found, planted, strict=True)
        )

    return window


def favoured(runs: Any, contrast: Any) -> Any:
    """The effects of seeds where a run that failed counts for its variant, not against it."""
    values = {metric: -value for metric, value in runs.values.items()}
    effects, failed = RIGHT_EFFECTS(replace(runs, values=values), contrast)
    return -effects, failed


def forgotten(runs: Any, contrast: Any) -> Any:
    """The effects of seeds where a run that failed is imputed, and nobody is told."""
    effects, failed = RIGHT_EFFECTS(runs, contrast)
    return effects, np.zeros_like(failed)


RIGHT_EFFECTS = _planted_runs.Runs.effects
NO_HOLM: dict[str, Any] = {
    "target": _array_judge,
    "name": "holms",
    "value": lambda p, factors=None: p,
}
# What is wrong with the judge; how it is made so; the worlds in which the calibration refutes it.
MUTATIONS: dict[str, Any] = {
    "an open control counts as ruled out": (
        {"target": _array_judge, "name": "_window", "value": with_p(None, 0.0)},
        (CLEARED, "effect and control 1 SD, bound half of it"),
        (CLEARED, "control c − a at its bound, a third of the runs of c fails"),
    ),
    "an open control counts as one that explains": (
        {"target": _array_judge, "name": "_window", "value": with_p(0.0, None)},
        (BLAMED, "control at the bound"),
        (BLAMED, "control at the upper one of two bounds, blamed"),
    ),
    "several controls without Holm": (
        NO_HOLM,
        (BLAMED, "5 controls at the bound"),
        (BLAMED, "2 controls b − c at the bound"),
    ),
    "several preconditions without Holm": (
        NO_HOLM,
        (NOT_TESTABLE, "5 preconditions at the bound"),
        (NOT_TESTABLE, "2 preconditions at the bound"),
    ),
    "preconditions ignored": (
        {"target": _array_judge, "name": "_window", "value": with_p(0.0, None)},
        (JUDGED, "one precondition at its bound"),
        (JUDGED, "precondition c − a at its bound, a third of the runs of c fails"),
    ),
    "the margin ignored": (
        {
            "target": _array_judge,
            "name": "outsides",
            "value": lambda samples, **_: np.zeros(len(samples)),
        },
        (EFFECT, "0.9 times the margin, which does not count as one"),
        (EFFECT, "no more than the margin, not_worse"),
    ),
    "failed runs count in the document's favour": (
        {"target": _planted_runs.Runs, "name": "effects", "value": favoured},
        (EFFECT, "no effect, a fifth of the runs of b fails"),
    ),
    "sameness where runs fail": (
        {"target": _planted_runs.Runs, "name": "effects", "value": forgotten},
        (EFFECT, "none of a wide margin documented, and most runs of b fail"),
    ),
    "a control judged by the imputed runs alone": (
        {"target": _planted_runs.Runs, "name": "effects", "value": forgotten},
        (CLEARED, "control c − a at its bound, a third of the runs of c fails"),
        (BLAMED, "control b − c at its bound, a third of the runs of c fails, blamed"),
        (
            NOT_TESTABLE,
            "precondition b − a, half of the runs of both arms fails, at its bound, met",
        ),
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_wrong_rule_is_refuted_by_its_rates(
    calibration: Any, verdicts: Any, monkeypatch: pytest.MonkeyPatch, mutation: str
) -> None:
    patch, *expected = MUTATIONS[mutation]
    monkeypatch.setattr(patch["target"], patch["name"], patch["value"])
    for question, name in expected:
        found = verdicts(only=f"verdicts, {question}: {name}, n = 10")
        assert refuted(calibration, found) == {(question, name)}


def test_looks_at_5_percent_are_refuted_by_the_rates_of_controls(
    calibration: Any, verdicts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(looks: Any, *, alpha: float, **_: Any) -> Any:
        return [replace(look, level=alpha) for look in spending_levels(looks, alpha=alpha)]

    monkeypatch.setattr(_array_judge, "spending_levels", careless)
    for question, name in (
        (BLAMED, "control at the bound"),
        (CLEARED, "control at its bound"),
        (JUDGED, "one precondition at its bound"),
        (NOT_TESTABLE, "1 precondition at the bound"),
        (EFFECT, "as large as the margin, no_difference"),
    ):
        found = verdicts(only=f"verdicts until shown, {question}: {name}")
        assert (question, name + UNTIL) in refuted(calibration, found)


# The same faults in the judge of real runs: it then differs from the one of arrays.
FAULTS: dict[str, Any] = {
    "an open control counts as ruled out": (
        (_controls, "unresolved", lambda result, items: result),
        CLEARED,
    ),
    "a control that explains is passed over": ((_adjudicate, "confound", lambda r: r), CLEARED),
    "several controls without Holm": (
        (statistics, "holm", lambda p_values, factors=None: dict(p_values)),
        BLAMED,
    ),
    "several preconditions without Holm": (
        (statistics, "holm", lambda p_values, factors=None: dict(p_values)),
        NOT_TESTABLE,
    ),
    "preconditions ignored": ((_adjudicate, "require", lambda result: result), JUDGED),
    "failed runs count in the document's favour": (
        (
            _measurements,
            "impute",
            lambda *runs, better, **options: impute(
                *runs, better=dict.fromkeys(better, "lower"), **options
            ),
        ),
        "fail",
    ),
    "a control judged by the imputed runs alone": (
        (_window, "_samples", lambda seeds, low, high: [list(seeds.values.values())]),
        "fail",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_rule_in_the_judge_of_runs_is_seen_in_few_claims(
    calibration: Any, verdicts: Any, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    (target, name, value), kind = FAULTS[fault]
    chosen = [truth for truth in TRUTHS if kind in (truth.counted, "fail")]
    if kind == "fail":
        chosen = [t for t in chosen if any(t.failing) or any(b.failing for b in t.besides)]
    if "Holm" in fault:
        chosen = [truth for truth in chosen if len(truth.besides) == 5]
    monkeypatch.setattr(_claims, "TRUTHS", tuple(chosen))
    monkeypatch.setattr(_claims, "_FROM_ROWS", math.ceil(40 / len(chosen)))
    only = "verdicts from rows, n = 10"
    assert refuted(calibration, verdicts(only=only)) == set()
    monkeypatch.setattr(target, name, value)
    assert len(refuted(calibration, verdicts(only=only))) == 1


def test_a_planted_family_without_adjustment_is_refuted(
    verdicts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Planted: raw p in place of Holm's.
    monkeypatch.setattr(_array_judge, "holms", lambda p, factors=None: p)
    monkeypatch.setattr(_claims, "_FAMILIES_FROM_ROWS", 1)
    found = verdicts(only="families of 40 claims, A/A")
    assert "false verdicts in families" in {r.question for r in found.failed}


def test_both_directions_of_error_are_said_with_their_worst_cell(calibration: Any) -> None:
    text = " ".join(calibration.conclusions)
    for question in (CLEARED, BLAMED, JUDGED, NOT_TESTABLE):
        for looked in (False, True):
            rates = [
                r
                for r in calibration.rates
                if r.question == question and r.required and r.condition.endswith(UNTIL) == looked
            ]
            worst = max(rates, key=lambda r: r.rate)
            where = worst.condition.removesuffix(UNTIL) + (f", n = {worst.n}" if not looked else "")
            assert f"in at most {100 * worst.rate:.1f} % ({where})" in text
    # What the note beside a verdict says of runs that fail in both arms.
    failing = [r for r in calibration.rates if "of all runs fail" in r.condition]
    assert len(failing) == 2 * 5
    for r in failing:
        assert stats.binomtest(r.count, r.trials, 0.1, alternative="greater").pvalue > 1e-3
    assert max(r.rate for r in failing) > 0.065
    assert f"called different in up to {100 * max(r.rate for r in failing):.1f} %" in text


def test_two_point_effects_are_reported_with_how_far_off_they_are(calibration: Any) -> None:
    """All seeds alike in (1 - 0.2)ⁿ of samples, which then have no variance."""
    for n in (3, 5, 10):
        alike = 0.8**n
        covered = rate(calibration, "coverage", "t", TWO_POINT.name, n)
        assert covered.rate < 1 - alike + 0.05
        assert not covered.required
        equivalent = rate(
            calibration, "false equivalence at the margin", "TOST", "two-point, upper end", n
        )
        # A constant sample has a p of 1 / 2ⁿ: below 5 % from five seeds.
        expected = alike if n >= 5 else 0.0
        assert equivalent.rate == pytest.approx(expected, abs=0.04)
    assert "Where most seeds give the same value" in " ".join(calibration.conclusions)


def test_what_families_share_and_what_they_do_not(calibration: Any) -> None:
    found = {r.method: r for r in calibration.rates if r.question == "false verdicts in families"}
    assert found["either"].required
    assert found["either"].nominal == 0.1
    assert found["either"].rate > max(
        found["any false difference"].rate, found["any false absence"].rate
    )
    size = found["any verdict reproduced, which is not controlled"]
    assert not size.required
    # Each errs in 2.5 % of cases, independently.
    assert size.rate == pytest.approx(1 - 0.975**40, abs=0.06)
    text = " ".join(calibration.conclusions)
    assert f"wrongly 'reproduced' in {100 * size.rate:.1f} %" in text


@pytest.mark.parametrize("n", [3, 5, 10, 30])
def test_the_t_interval_is_exact_on_normal_effects(calibration: Any, n: int) -> None:
    found = rate(calibration, "coverage", "t", "normal", n)
    assert found.verdict == "holds"
    wrong = rate(calibration, "false positives", "t", "normal", n)
    assert found.count + wrong.count == found.trials


@pytest.mark.parametrize("kind", [kind.name for kind in DISTRIBUTIONS if kind.symmetric])
@pytest.mark.parametrize("n", [3, 5, 10, 30])
def test_the_t_test_is_tolerable_on_symmetric_effects(calibration: Any, kind: Any, n: int) -> None:
    # Bradley's (1978) liberal criterion, which is why it can be the default.
    found = rate(calibration, "false positives", "t", kind, n)
    assert stats.binomtest(found.count, found.trials, 0.075, alternative="less").pvalue < 0.01


def test_where_methods_are_off_the_calibration_says_by_how_much(calibration: Any) -> None:
    skewed = rate(calibration, "false positives", "t", "skewed", 5)
    assert skewed.verdict == "off"
    assert skewed.departure > 5
    # Bootstrap-t fails differently: it decides nothing at n = 3, and elsewhere errs less, or more.
    assert rate(calibration, "false positives", "bootstrap-t", "skewed", 3).count == 0
    resampled = rate(calibration, "false positives", "bootstrap-t", "skewed", 10)
    assert resampled.rate < rate(calibration, "false positives", "t", "skewed", 10).rate
    family = rate(
        calibration, "any false positive among 40 claims", "t, Holm", "skewed, independent", 10
    )
    assert family.rate > 0.5
    text = " ".join(calibration.conclusions)
    assert f"{100 * skewed.rate:.1f} % (n = 5)" in text
    assert "The default is Student's t" in text
    question = "any false look, by seeds a block, up to 30"
    assert rate(calibration, question, "t, 5 % at every look", "normal", 3).rate > 0.15


def test_a_wrong_test_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    # Normal quantiles in place of Student's: the classic mistake with few seeds.
    def normal_tests(samples: Any, **options: Any) -> Any:
        error = samples.std(axis=1, ddof=1) / np.sqrt(samples.shape[1])
        z = samples.mean(axis=1) / error
        reach = 1.96 * error
        mean = samples.mean(axis=1)
        return _methods_tests(
            mean=mean, low=mean - reach, high=mean + reach, p_value=2 * stats.norm.sf(abs(z))
        )

    _methods_tests = type(vars(_methods)["t_tests"](np.ones((1, 3))))
    monkeypatch.setattr(_methods, "t_tests", normal_tests)
    chosen = [c for c in _run.cells() if c.title.startswith("one test, normal")]
    monkeypatch.setattr(_run, "cells", lambda: chosen)
    monkeypatch.setattr(_run, "_conclusions", lambda rates: [])
    found = calibrate(replications=3000, seed=1, speed=False)
    assert {(r.question, r.n) for r in found.failed} >= {("coverage", 3), ("false positives", 10)}


def test_a_simulation_depends_on_the_seed_and_on_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    every = _run.cells()
    monkeypatch.setattr(_run, "_conclusions", lambda rates: [])

    def counts(cells: Any, seed: Any) -> list[Any]:
        monkeypatch.setattr(_run, "cells", lambda: cells)
        seen = []
        found = calibrate(
            replications=500, seed=seed, speed=False, progress=lambda *step: seen.append(step)
        )
        assert [done for _, done, _ in seen] == list(range(len(cells) + 1))
        return [rate.count for rate in found.rates]

    power = [cell for cell in every if cell.title == "power, normal, n = 10"]
    assert counts(power, 3) == counts([every[0], *power], 3)[-1:]
    assert counts(power, 3) != counts(power, 4)


def test_rates_are_judged_by_hand_calculation() -> None:
    def judged(count: Any, bound: Any, **changes: Any) -> Rate:
        return Rate(
            question="q",
            method="m",
            condition="c",
            n=3,
            count=count,
            trials=1000,
            nominal=0.05,
            bound=bound,
            **changes,
        )

    # Standard error 0.0069: 50 is exact, 90 is 5.8 standard errors above, 15 is 5.1 below.
    assert [judged(c, "equal").verdict for c in (15, 50, 90)] == ["off", "holds", "off"]
    assert [judged(c, "at most").verdict for c in (15, 50, 90)] == ["conservative", "holds", "off"]
    assert [judged(c, "at least").verdict for c in (15, 50, 90)] == ["off", "holds", "conservative"]
    assert judged(90, "at most").departure == pytest.approx(4.0)
    assert judged(90, "at most", required=True).failed
    assert not judged(90, "at most").failed
    # What is seen: refuted with 80 % at that rate, not with a count less.
    for bound, side in (("at most", 1), ("at least", 0), ("equal", 0), ("equal", 1)):
        one = judged(50, bound)
        true = one.seen[side]
        refuting = [c for c in range(1001) if judged(c, bound).verdict == "off"]
        power = stats.binom.pmf(refuting, 1000, true).sum()
        assert power == pytest.approx(0.8, abs=1e-6)
    assert judged(50, "at most").seen[0] is None
    assert judged(50, "at least").seen[1] is None
    few = Rate(
        question="q", method="m", condition="c", n=3, count=1, trials=1, nominal=0.05, bound="equal"
    )
    assert few.seen == (None, None)
    # The level is shared by what is promised, and by that alone.
    rates = [judged(50, "equal", required=index < 4) for index in range(10)]
    assert {r.level for r in judged_together(rates)} == {FAMILY_LEVEL / 4}
    # Clopper and Pearson by the beta quantiles.
    low, high = judged(50, "equal").interval
    assert low == pytest.approx(stats.beta.ppf(0.025, 50, 951))
    assert high == pytest.approx(stats.beta.ppf(0.975, 51, 950))


@pytest.mark.parametrize("kind", [*DISTRIBUTIONS, TWO_POINT], ids=lambda kind: kind.name)
def test_distributions_have_mean_0_variance_1_and_the_declared_symmetry(kind: Any) -> None:
    values = kind.draw(np.random.default_rng(3), (400_000,))
    assert values.mean() == pytest.approx(0, abs=0.01)
    # The fourth moment of the heavy-tailed one is infinite: its variance settles slowly.
    assert values.var() == pytest.approx(1, abs=0.1)
    quantiles = np.quantile(values, [0.01, 0.1, 0.25, 0.75, 0.9, 0.99])
    balanced = np.abs(quantiles + quantiles[::-1]).max() < 0.1
    assert balanced == kind.symmetric
