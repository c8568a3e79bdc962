"""The statistics, simulated: each rate is judged by an exact binomial test, from a fixed seed."""

import numpy as np
import pytest
from scipy import stats

from fixbench.calibration import DISTRIBUTIONS, Rate, _methods, _run, calibrate


@pytest.fixture(scope="module")
def calibration():
    return calibrate(replications=2000, seed=1, speed=False)


def rate(calibration, question, method, condition, n):
    (found,) = (
        rate
        for rate in calibration.rates
        if (rate.question, rate.method, rate.condition, rate.n) == (question, method, condition, n)
    )
    return found


def test_what_theory_promises_holds(calibration):
    assert [f"{r.question}, {r.method}, {r.condition}, {r.n}" for r in calibration.failed] == []
    # Not for want of anything to fail: levels, coverage, power, families and verdicts.
    assert sum(r.required for r in calibration.rates) > 100
    assert {r.n for r in calibration.rates} >= {3, 5, 10, 30}


@pytest.mark.parametrize("n", [3, 5, 10, 30])
def test_the_t_interval_is_exact_on_normal_effects(calibration, n):
    found = rate(calibration, "coverage", "t", "normal", n)
    assert found.verdict == "holds"
    wrong = rate(calibration, "false positives", "t", "normal", n)
    assert found.count + wrong.count == found.trials


@pytest.mark.parametrize("kind", [kind.name for kind in DISTRIBUTIONS if kind.symmetric])
@pytest.mark.parametrize("n", [3, 5, 10, 30])
def test_the_t_test_is_tolerable_on_symmetric_effects(calibration, kind, n):
    # Bradley's (1978) liberal criterion, which is why it can be the default.
    found = rate(calibration, "false positives", "t", kind, n)
    assert stats.binomtest(found.count, found.trials, 0.075, alternative="less").pvalue < 0.01


def test_where_methods_are_off_the_calibration_says_by_how_much(calibration):
    skewed = rate(calibration, "false positives", "t", "skewed", 5)
    assert skewed.verdict == "off"
    assert skewed.departure > 5
    assert rate(calibration, "coverage", "BCa", "normal", 3).departure < -10
    # The sign-flip test does no better where it can be significant at all.
    assert rate(calibration, "false positives", "sign-flip", "skewed", 10).verdict == "off"
    assert rate(calibration, "power", "sign-flip", "normal", 5).count == 0
    family = rate(
        calibration, "any false positive among 40 claims", "t, Holm", "skewed, independent", 10
    )
    assert family.rate > 0.5
    text = " ".join(calibration.conclusions)
    assert "never be significant at n = 3 and 5" in text
    assert f"{100 * skewed.rate:.1f} % (n = 5)" in text
    assert "The default is Student's t" in text
    question = "any false look, by seeds a block, up to 30"
    assert rate(calibration, question, "t, 5 % at every look", "normal", 3).rate > 0.15


def test_a_wrong_test_is_caught(monkeypatch):
    # Normal quantiles in place of Student's: the classic mistake with few seeds.
    def normal_tests(samples, **options):
        error = samples.std(axis=1, ddof=1) / np.sqrt(samples.shape[1])
        z = samples.mean(axis=1) / error
        reach = 1.96 * error
        mean = samples.mean(axis=1)
        return _methods_tests(
            mean=mean, low=mean - reach, high=mean + reach, p_value=2 * stats.norm.sf(abs(z))
        )

    _methods_tests = type(_methods.t_tests(np.ones((1, 3))))
    monkeypatch.setattr(_methods, "t_tests", normal_tests)
    chosen = [c for c in _run.cells() if c.title.startswith("one test, normal")]
    monkeypatch.setattr(_run, "cells", lambda: chosen)
    monkeypatch.setattr(_run, "_conclusions", lambda rates: [])
    found = calibrate(replications=3000, seed=1, speed=False)
    assert {(r.question, r.n) for r in found.failed} >= {("coverage", 3), ("false positives", 10)}


def test_a_simulation_depends_on_the_seed_and_on_no_other(monkeypatch):
    every = _run.cells()
    monkeypatch.setattr(_run, "_conclusions", lambda rates: [])

    def counts(cells, seed):
        monkeypatch.setattr(_run, "cells", lambda: cells)
        seen = []
        found = calibrate(
            replications=500, seed=seed, speed=False, progress=lambda *step: seen.append(step)
        )
        assert [done for _, done, _ in seen] == list(range(len(cells) + 1))
        return [rate.count for rate in found.rates]

    power = [cell for cell in every if cell.title == "power, normal, n = 10"]
    assert counts(power, 3) == counts([every[0], *power], 3)[-2:]
    assert counts(power, 3) != counts(power, 4)


def test_rates_are_judged_by_hand_calculation():
    def judged(count, bound, **changes):
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
    # Clopper and Pearson by the beta quantiles.
    low, high = judged(50, "equal").interval
    assert low == pytest.approx(stats.beta.ppf(0.025, 50, 951))
    assert high == pytest.approx(stats.beta.ppf(0.975, 51, 950))


@pytest.mark.parametrize("kind", DISTRIBUTIONS, ids=lambda kind: kind.name)
def test_distributions_have_mean_0_variance_1_and_the_declared_symmetry(kind):
    values = kind.draw(np.random.default_rng(3), (400_000,))
    assert values.mean() == pytest.approx(0, abs=0.01)
    # The fourth moment of the heavy-tailed one is infinite: its variance settles slowly.
    assert values.var() == pytest.approx(1, abs=0.1)
    quantiles = np.quantile(values, [0.01, 0.1, 0.25, 0.75, 0.9, 0.99])
    balanced = np.abs(quantiles + quantiles[::-1]).max() < 0.1
    assert balanced == kind.symmetric
