import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fixbench.errors import InputError
from fixbench.statistics import (
    _sequential,
    decide,
    holm,
    holm_factors,
    plan_looks,
    spending_levels,
    t_tests,
    tosts,
)

# What others print, with 5 % two-sided (2.5 % a side).
PUBLISHED = [
    # The R package gsDesign, reference page of sfLDOF and sfLDPocock, examples with six analyses:
    # gsDesign(k = 6, sfu = sfLDPocock, test.type = 2)$upper$bound, and with sfu = sfLDOF.
    (
        "pocock",
        (1, 2, 3, 4, 5, 6),
        [2.495115, 2.476907, 2.454964, 2.437262, 2.423276, 2.412059],
        5e-6,
    ),
    (
        "obrien-fleming",
        (1, 2, 3, 4, 5, 6),
        [5.366558, 3.710340, 2.969736, 2.538677, 2.252190, 2.044790],
        5e-6,
    ),
    # gsDesign, vignette "Integer sample size and event counts": sfLDOF, timing = c(.5, .75).
    ("obrien-fleming", (2, 3, 4), [2.962588, 2.359018, 2.014084], 5e-6),
    # The R package ldbounds: bounds(c(.1, .33, 1), iuse = c(1, 1), alpha = c(.025, .025)), as shown
    # on the mailing list R-help in March 2020 ("output of bounds function, ldbounds package").
    ("obrien-fleming", (10, 33, 100), [6.9913, 3.7308, 1.9605], 2e-4),
]


def bounds(looks: Any, alpha: Any = 0.05, **options: Any) -> Any:
    """Of the statistic, all of alpha spent."""
    levels = spending_levels(looks, alpha=alpha / _sequential._KEPT, **options)
    return np.array([stats.norm.isf(look.level / 2) for look in levels])


@pytest.mark.parametrize(("spending", "looks", "expected", "tolerance"), PUBLISHED)
def test_boundaries_are_the_published_ones(
    spending: Any, looks: Any, expected: Any, tolerance: Any
) -> None:
    # Looks begin with two seeds; what counts is their share of the last.
    found = bounds([2 * look for look in looks], spending=spending)
    assert found == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("spending", ["pocock", "obrien-fleming"])
@pytest.mark.parametrize("looks", [(5, 10), (5, 10, 15), (5, 10, 15, 20), (4, 8, 12, 16, 20)])
def test_boundaries_spend_what_they_are_to_by_another_integral(spending: Any, looks: Any) -> None:
    # The statistics of all looks are jointly normal with correlation sqrt(n / m): by the
    # multivariate normal distribution function (Genz, 1992) instead of recursive integration.
    found = bounds(looks, spending=spending)
    shares = np.array(looks) / looks[-1]
    correlation = np.sqrt(np.minimum.outer(shares, shares) / np.maximum.outer(shares, shares))
    if spending == "pocock":
        spent = 0.05 * np.log(1 + (math.e - 1) * shares)
    else:
        spent = 4 * stats.norm.sf(stats.norm.isf(0.05 / 4) / np.sqrt(shares))
    for k in range(1, len(looks) + 1):
        inside = stats.multivariate_normal.cdf(
            found[:k],
            cov=correlation[:k, :k],
            lower_limit=-found[:k],
            abseps=1e-7,
            releps=1e-7,
            maxpts=10**6,
        )
        assert 1 - inside == pytest.approx(spent[k - 1], abs=5e-6)


@pytest.mark.parametrize("spending", ["pocock", "obrien-fleming"])
def test_all_is_spent_at_the_end_and_one_look_is_the_plain_test(spending: Any) -> None:
    looks = spending_levels((7, 11, 30), alpha=0.02, spending=spending)
    assert looks[-1].spent == pytest.approx(0.02 * 0.85)
    assert [look.n for look in looks] == [7, 11, 30]
    assert looks[0].level == pytest.approx(looks[0].spent)
    (only,) = spending_levels((10,), alpha=0.02, spending=spending)
    assert only.level == pytest.approx(0.02)


def test_levels_are_those_of_a_simulated_walk() -> None:
    looks = (5, 10, 15, 30)
    sums = np.random.default_rng(3).normal(size=(200_000, 30)).cumsum(axis=1)
    crossed = np.zeros(len(sums), bool)
    for look in spending_levels(looks, alpha=0.1):
        z = sums[:, look.n - 1] / math.sqrt(look.n)
        crossed |= abs(z) >= stats.norm.isf(look.level / 2)
        spread = math.sqrt(look.spent / len(sums))
        assert crossed.mean() == pytest.approx(look.spent, abs=4 * spread)


def test_looks_are_blocks_up_to_the_budget() -> None:
    assert plan_looks(20, block=5) == (5, 10, 15, 20)
    assert plan_looks(18, block=5) == (5, 10, 15, 18)
    assert plan_looks(16, block=5) == (5, 10, 16)
    assert plan_looks(5, block=5) == (5,)


def kinds(progress: Any) -> Any:
    return {claim: set(shown) for claim, shown in progress.shown.items()}


def test_decisions_by_hand() -> None:
    looks = (5, 10, 20)
    levels = [look.level for look in spending_levels(looks)]
    strict = [look.level for look in spending_levels(looks, alpha=0.025)]

    def after(first: Any, second: Any) -> Any:
        return decide({"A": {"different": first}, "B": {"different": second}}, looks=looks)

    # Nothing: go on. One at half of alpha: the other then has all of it, as Holm would.
    found = after([0.9], [levels[0]])
    assert (found.undecided, found.next_n) == (("A", "B"), 10)
    found = after([levels[0]], [strict[0]])
    assert found.undecided == ()
    assert found.next_n is None
    # What was shown stays shown, whatever later looks say.
    found = after([0.9, 0.8], [strict[0], 0.9])
    assert kinds(found) == {"A": set(), "B": {"different"}}
    assert (found.undecided, found.next_n) == (("A",), 20)
    # With the look at which it was shown, and the level of its step of Holm's.
    (crossing,) = found.shown["B"].values()
    assert (crossing.look, crossing.n, crossing.p) == (1, 5, strict[0])
    assert crossing.level == pytest.approx(strict[0])
    # Alpha that another claim leaves is good for earlier looks as well (closed testing).
    assert after([levels[0]], [0.9]).shown["A"] == {}
    assert after([levels[0], 0.9], [0.9, strict[1]]).shown["A"]["different"].look == 1
    # The budget is spent.
    found = after([0.9, 0.8, 0.7], [0.9, 0.9, 0.9])
    assert (found.undecided, found.next_n) == (("A", "B"), None)
    # A p that does not exist shows nothing.
    assert after([math.nan], [math.nan]).next_n == 10


def test_holms_factors_make_the_decisions_of_its_steps_at_one_look() -> None:
    assert holm_factors(4, looks=(10,), made=1) == pytest.approx((4, 3, 2, 1))
    assert holm_factors(0, looks=(10,), made=1) == ()
    # After the first look a level shrinks faster than alpha: a fifth of it promises too much.
    looks = (5, 10, 15, 20, 25, 30)
    first, *later = (holm_factors(5, looks=looks, made=made)[0] for made in range(1, 7))
    assert first == pytest.approx(5)
    assert min(later) > 5.4
    level = spending_levels(looks)[0].level
    random = np.random.default_rng(5)
    shown = 0
    for _ in range(300):
        p = {f"{i}": float(value) for i, value in enumerate(random.uniform(0, level, 4))}
        found = decide({key: {"different": [value]} for key, value in p.items()}, looks=looks)
        adjusted = holm(p, holm_factors(4, looks=looks, made=1))
        below = {key for key, value in adjusted.items() if value <= level}
        assert below == {key for key, kinds in found.shown.items() if kinds}
        shown += len(below)
    assert 100 < shown < 1100


def test_a_claim_without_evidence_counts_and_is_not_waited_for() -> None:
    looks = (5, 10)
    strict = spending_levels(looks, alpha=0.025)[0].level
    beside = decide({"A": {"different": [strict]}, "B": {}}, looks=looks)
    assert (kinds(beside), beside.undecided, beside.next_n) == (
        {"A": {"different"}, "B": set()},
        (),
        None,
    )
    assert decide({"A": {"different": [strict * 1.01]}, "B": {}}, looks=looks).next_n == 10
    assert decide({"B": {}}, looks=looks).next_n is None


def test_equivalence_is_tested_on_one_side() -> None:
    looks = (5, 10)
    level = spending_levels(looks, alpha=0.1)[0].level / 2
    shown = decide({"A": {"different": [0.5], "equivalent": [level]}}, looks=looks)
    assert kinds(shown) == {"A": {"equivalent"}}
    assert shown.next_n is None
    above = decide({"A": {"different": [0.5], "equivalent": [level * 1.01]}}, looks=looks)
    assert above.next_n == 10


@pytest.mark.parametrize("block", [3, 5])
def test_peeking_errs_no_more_than_once_in_twenty(block: Any) -> None:
    looks = plan_looks(30, block=block)
    draws = np.random.default_rng(block).normal(size=(8000, 30))
    p_values = np.stack([t_tests(draws[:, :n]).p_value for n in looks], axis=1)
    levels = [look.level for look in spending_levels(looks)]
    wrong = int((p_values <= levels).any(axis=1).sum())
    assert stats.binomtest(wrong, 8000, 0.05, alternative="greater").pvalue > 0.001
    # Without the levels it errs three times as often.
    assert (p_values <= 0.05).any(axis=1).mean() > 0.12
    equivalent = np.stack([tosts(draws[:, :n], low=0, high=9) for n in looks], axis=1)
    levels = [look.level / 2 for look in spending_levels(looks, alpha=0.1)]
    wrong = int((equivalent <= levels).any(axis=1).sum())
    assert stats.binomtest(wrong, 8000, 0.05, alternative="greater").pvalue > 0.001


def test_a_family_that_is_looked_at_errs_no_more_either() -> None:
    looks, claims = plan_looks(20, block=5), 8
    random = np.random.default_rng(5)
    wrong = 0
    for _ in range(400):
        draws = (
            random.normal(size=(claims, 20)) + np.array([3.0, 3.0, *[0.0] * (claims - 2)])[:, None]
        )
        p_values = np.stack([t_tests(draws[:, :n]).p_value for n in looks], axis=1)
        shown = decide(
            {f"{i}": {"different": list(p)} for i, p in enumerate(p_values)}, looks=looks
        ).shown
        assert set(shown["0"]) == set(shown["1"]) == {"different"}
        wrong += any(shown[f"{i}"] for i in range(2, claims))
    assert stats.binomtest(wrong, 400, 0.05, alternative="greater").pvalue > 0.001


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: plan_looks(20, block=1), "two seeds or more"),
        (lambda: plan_looks(4, block=5), "5 or more"),
        (lambda: spending_levels((5, 5)), "increasing numbers of seeds"),
        (lambda: spending_levels((5,), alpha=0.0), "between 0 and 1"),
        (
            lambda: decide({"A": {"different": [1.0]}, "B": {"different": []}}, looks=(5, 9)),
            "one p a look for every claim",
        ),
        (lambda: decide({"A": {"different": [1.0, 1.0]}}, looks=(5,)), "1 at most"),
    ],
)
def test_bad_plans_are_refused(call: Any, expected: Any) -> None:
    with pytest.raises(InputError, match=expected):
        call()
