"""The statistics, simulated: each rate is judged by an exact binomial test, from a fixed seed."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import stats

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
    _worlds,
    adjudicate_planted,
    calibrate,
    judged_together,
)
from fixbench.verdicts import _controls, adjudicate

REPLICATIONS = 2000


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


def test_an_error_three_times_as_frequent_as_promised_would_be_seen(calibration: Any) -> None:
    errors = [
        r for r in calibration.rates if r.required and r.bound == "at most" and r.nominal < 0.2
    ]
    assert len(errors) > 80
    assert [r for r in errors if r.seen[1] is None or r.seen[1] > 3 * r.nominal] == []
    assert all(r.trials >= 400 for r in errors)
    # And a verdict that is not that of the rules, in a few of a hundred.
    rows = [r for r in calibration.rates if r.method == "adjudicate"]
    assert len(rows) == 4 * (len(TRUTHS) + len(_two_part.COLLAPSING)) + len(_worlds.SEQUENTIAL) + 4
    assert all(r.count == r.trials for r in rows)
    assert sum(r.trials for r in rows) > 1000


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


def test_a_planted_wrong_level_is_refuted(verdicts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Planted: verdicts at 30 % that promise 5 % (intervals: 2.5 % and 15 % a side).
    planted = 0.3
    monkeypatch.setattr(_planted_runs, "adjudicate", partial(adjudicate, confidence=1 - planted))
    monkeypatch.setattr(_array_judge, "ALPHA", planted)
    for world in (
        "A/A: no effect, an effect documented, n = 5",
        "control at its bound, n = 10",
        "one precondition at its bound, n = 10",
        "the tolerance, n = 10",
    ):
        found = verdicts(only=world)
        refuted = {r.condition for r in found.failed}
        assert refuted, world
        # Both ways of judging agree: what refutes it is the rate alone.
        assert all(r.count == r.trials for r in found.rates if r.method == "adjudicate")


def test_an_open_control_that_counted_as_ruled_out_would_be_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (world,) = (t for t in TRUTHS if t.name == "effect and control 1 SD, bound half of it")

    def wrong() -> float:
        random = np.random.default_rng(3)
        results = adjudicate_planted(world, n=10, claims=200, random=random)
        return float(np.mean([result.verdict in world.wrong for result in results]))

    assert wrong() <= 0.05
    monkeypatch.setattr(_controls, "unresolved", lambda result, items: result)
    assert wrong() > 0.2


def test_an_error_planted_in_adjudicate_alone_is_seen(
    verdicts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Planted: its level is 50 %, that of the rules 5 %; half of the verdicts differ.
    monkeypatch.setattr(_planted_runs, "adjudicate", partial(adjudicate, confidence=0.5))
    monkeypatch.setattr(_claims, "_FROM_ROWS", 100)
    found = verdicts(only="A/A: no effect, an effect documented, n = 5")
    assert [(r.method, r.nominal) for r in found.failed] == [("adjudicate", 1.0)]


def test_a_planted_family_without_adjustment_is_refuted(
    verdicts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Planted: raw p in place of Holm's.
    monkeypatch.setattr(_array_judge, "holms", lambda p: p)
    monkeypatch.setattr(_claims, "_FAMILIES_FROM_ROWS", 1)
    found = verdicts(only="families of 40 claims, A/A")
    assert "false verdicts in families" in {r.question for r in found.failed}


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
