"""Intervals over seeds and samples, against a looped bootstrap and a known mean."""

import math

import numpy as np
import pytest
from scipy import stats

from fixbench.ablation import Effect
from fixbench.errors import InputError
from fixbench.statistics import Measurements, adjudicate, clustered_interval

BETTER = {"loss": "lower"}


def looped(rows, *, crossed, resamples=4000):
    """Draw and average, one resample after another; its standard deviation."""
    random = np.random.default_rng(3)
    means = []
    for _ in range(resamples):
        drawn = random.integers(len(rows), size=len(rows))
        columns = random.integers(len(rows[0]), size=len(rows[0]))
        total = 0.0
        for seed in drawn:
            row = rows[seed]
            chosen = columns if crossed else random.integers(len(row), size=len(row))
            total += np.mean([row[place] for place in chosen])
        means.append(total / len(rows))
    return np.std(means)


@pytest.mark.parametrize(
    ("sizes", "crossed"), [((8, 8, 8, 8), False), ((3, 9, 1, 6, 4), False), ((5, 5, 5, 5), True)]
)
def test_standard_error_is_that_of_a_looped_bootstrap(sizes, crossed):
    random = np.random.default_rng(7)
    rows = [random.normal(random.normal(), 1, size) + random.normal(size=size) for size in sizes]
    found = clustered_interval(rows, crossed=crossed)
    units = len(sizes)
    ideal = found.standard_error * math.sqrt((units - 1) / units)
    # The SD of 4,000 resamples has a relative error of about 1 / √8000.
    assert looped(rows, crossed=crossed) == pytest.approx(ideal, rel=4 / math.sqrt(8000))
    centre = np.mean([row.mean() for row in rows])
    half = stats.t.ppf(0.975, units - 1) * found.standard_error
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half))
    assert (found.fewest, found.most) == (min(sizes), max(sizes))


def test_without_scatter_inside_seeds_it_is_the_t_interval():
    values = [1.0, 2.5, 0.5, 3.0]
    found = clustered_interval([np.full(6, value) for value in values])
    low, high = stats.ttest_1samp(values, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high))
    crossed = clustered_interval([np.full(6, value) for value in values], crossed=True)
    assert crossed.standard_error == pytest.approx(found.standard_error)


def test_crossed_is_symmetric_in_seeds_and_samples():
    x = np.random.default_rng(2).normal(size=(4, 9))
    there, back = (clustered_interval(list(table), crossed=True) for table in (x, x.T))
    assert there.standard_error == pytest.approx(back.standard_error)


@pytest.mark.parametrize("crossed", [False, True])
def test_one_seed_has_no_interval(crossed):
    assert math.isnan(clustered_interval([[1.0, 2.0]], crossed=crossed).low)


# A sample of four standard errors below nominal would be a fault.
COVERAGE = 0.95 - 4 * math.sqrt(0.95 * 0.05 / 1000)


@pytest.mark.parametrize(
    ("n", "m", "between", "sample", "residual"),
    [
        (3, 10, 1, 1, 1),
        (5, 10, 1, 0, 3),
        (10, 10, 0.2, 1, 1),
        (10, 30, 1, 0.5, 1),
        (3, 30, 1, 0, 0.1),
    ],
)
@pytest.mark.parametrize("crossed", [False, True])
def test_the_known_mean_is_covered(n, m, between, sample, residual, crossed):
    random = np.random.default_rng([n, m, crossed])
    covered = 0
    for _ in range(1000):
        common = random.normal(0, sample, (1 if crossed else n, m))
        x = random.normal(0, between, (n, 1)) + common + random.normal(0, residual, (n, m))
        found = clustered_interval(list(x), crossed=crossed)
        covered += found.low <= 0 <= found.high
    assert covered / 1000 >= COVERAGE


def contrast(samples="nested", scale="plain"):
    terms = [
        {"variant": variant, "metric": "loss", "stage": "test", "at": "mean", "weight": weight}
        for variant, weight in (("b", 1.0), ("a", -1.0))
    ]
    return Effect.model_validate({"terms": terms, "samples": samples, "scale": scale})


@pytest.fixture
def curves():
    random = np.random.default_rng(4)
    return {v: {seed: list(random.uniform(1, 2, 6)) for seed in (0, 3, 7)} for v in "ab"}


@pytest.mark.parametrize("scale", ["plain", "log"])
def test_samples_are_paired_and_average_to_the_effect_of_their_seed(make_frame, curves, scale):
    results = Measurements(make_frame(curves), BETTER)
    effects = results.per_seed(contrast(scale=scale))
    found = results.samples(contrast(scale=scale), effects)
    turn = np.log if scale == "log" else np.asarray
    for seed, row in zip((0, 3, 7), found, strict=True):
        assert row == pytest.approx(turn(curves["b"][seed]) - turn(curves["a"][seed]))
        assert row.mean() == pytest.approx(effects.values[seed])


@pytest.mark.parametrize(("samples", "size"), [("nested", 1), ("crossed", 6)])
def test_a_failed_seed_has_its_imputed_value_as_samples(make_frame, curves, samples, size):
    results = Measurements(make_frame(curves, failed=[("b", 3)]), BETTER)
    effects = results.per_seed(contrast(samples))
    found = results.samples(contrast(samples), effects)[1]
    assert found == pytest.approx(np.full(size, effects.values[3]))


@pytest.mark.parametrize(
    ("samples", "changed", "message"),
    [
        ("nested", "b", "expected the same samples (steps) in every term of an effect"),
        ("crossed", "ab", "of an effect and in every seed"),
    ],
)
def test_samples_that_do_not_pair_are_refused(make_frame, curves, samples, changed, message):
    for variant in changed:
        curves[variant][3] = curves[variant][3][:4]
    results = Measurements(make_frame(curves), BETTER)
    effects = results.per_seed(contrast(samples), describes=True)
    with pytest.raises(InputError) as caught:
        results.samples(contrast(samples), effects)
    assert str(caught.value).endswith(message)
    assert "seed 3" in str(caught.value)


def test_seeds_may_have_samples_of_their_own(make_frame, curves):
    for variant in "ab":
        curves[variant][3] = curves[variant][3][:4]
    results = Measurements(make_frame(curves), BETTER)
    found = results.samples(contrast(), results.per_seed(contrast()))
    assert [len(row) for row in found] == [6, 4, 6]


@pytest.mark.parametrize("scale", ["plain", "log"])
def test_the_seed_stays_the_unit_and_the_interval_stands_beside(
    make_ablation, make_claim, make_frame, curves, scale
):
    def judge(samples):
        effect = contrast(samples, scale).model_dump()
        ablation = make_ablation([make_claim({"margin": 1.5}, effect=effect)])
        return adjudicate(ablation, make_frame(curves), tier="small")[0]

    plain, nested = judge(None), judge("nested")
    assert plain.effect.clustered is None
    assert (nested.verdict, nested.reason, nested.p_adjusted) == (
        plain.verdict,
        plain.reason,
        plain.p_adjusted,
    )
    found = nested.effect.clustered
    assert found.low < nested.effect.low < nested.effect.high < found.high
    turn, back = (np.log, np.exp) if scale == "log" else (np.asarray, float)
    rows = [turn(curves["b"][seed]) - turn(curves["a"][seed]) for seed in (0, 3, 7)]
    again = clustered_interval(rows)
    assert (found.low, found.high) == pytest.approx((back(again.low), back(again.high)))


def test_samples_need_means():
    content = contrast().model_dump()
    content["terms"][0]["at"] = "last"
    with pytest.raises(ValueError, match="every term at 'mean', which is over the samples"):
        Effect.model_validate(content)
