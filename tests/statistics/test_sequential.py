import math

import numpy as np
import pytest
from scipy import stats

from fixbench.errors import InputError
from fixbench.statistics import _sequential, decide, plan_looks, spending_levels, t_tests, tosts

FIVE = (20, 40, 60, 80, 100)


def bounds(looks, **options):
    levels = spending_levels(looks, alpha=0.05 / _sequential._KEPT, **options)
    return [stats.norm.isf(look.level / 2) for look in levels]


def test_boundaries_are_the_published_ones():
    # Five equal looks, two-sided 5 %: Lan and DeMets (1983), as the R package ldbounds prints them
    # (Reboussin et al., 2000).
    expected = [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]
    assert bounds(FIVE, spending="obrien-fleming") == pytest.approx(expected, abs=2e-4)
    expected = [2.4380, 2.4268, 2.4101, 2.3966, 2.3859]
    assert bounds(FIVE, spending="pocock") == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("spending", ["pocock", "obrien-fleming"])
def test_all_is_spent_at_the_end_and_one_look_is_the_plain_test(spending):
    looks = spending_levels((7, 11, 30), alpha=0.02, spending=spending)
    assert looks[-1].spent == pytest.approx(0.02 * 0.85)
    assert [look.n for look in looks] == [7, 11, 30]
    assert looks[0].level == pytest.approx(looks[0].spent)
    (only,) = spending_levels((10,), alpha=0.02, spending=spending)
    assert only.level == pytest.approx(0.02)


def test_levels_are_those_of_a_simulated_walk():
    looks = (5, 10, 15, 30)
    sums = np.random.default_rng(3).normal(size=(200_000, 30)).cumsum(axis=1)
    crossed = np.zeros(len(sums), bool)
    for look in spending_levels(looks, alpha=0.1):
        z = sums[:, look.n - 1] / math.sqrt(look.n)
        crossed |= abs(z) >= stats.norm.isf(look.level / 2)
        spread = math.sqrt(look.spent / len(sums))
        assert crossed.mean() == pytest.approx(look.spent, abs=4 * spread)


def test_looks_are_blocks_up_to_the_budget():
    assert plan_looks(20, block=5) == (5, 10, 15, 20)
    assert plan_looks(18, block=5) == (5, 10, 15, 18)
    assert plan_looks(16, block=5) == (5, 10, 16)
    assert plan_looks(5, block=5) == (5,)


def test_decisions_by_hand():
    looks = (5, 10, 20)
    levels = [look.level for look in spending_levels(looks)]
    strict = [look.level for look in spending_levels(looks, alpha=0.025)]

    def after(first, second):
        return decide({"A": {"different": first}, "B": {"different": second}}, looks=looks)

    # Nothing: go on. One at half of alpha: the other then has all of it, as Holm would.
    found = after([0.9], [levels[0]])
    assert (found.undecided, found.next_n) == (("A", "B"), 10)
    found = after([levels[0]], [strict[0]])
    assert found.undecided == ()
    assert found.next_n is None
    # What was shown stays shown, whatever later looks say.
    found = after([0.9, 0.8], [strict[0], 0.9])
    assert found.shown == {"A": frozenset(), "B": frozenset({"different"})}
    assert (found.undecided, found.next_n) == (("A",), 20)
    # The budget is spent.
    found = after([0.9, 0.8, 0.7], [0.9, 0.9, 0.9])
    assert (found.undecided, found.next_n) == (("A", "B"), None)
    # A p that does not exist shows nothing.
    assert after([math.nan], [math.nan]).next_n == 10


def test_equivalence_is_tested_on_one_side():
    looks = (5, 10)
    level = spending_levels(looks, alpha=0.1)[0].level / 2
    shown = decide({"A": {"different": [0.5], "equivalent": [level]}}, looks=looks)
    assert shown.shown == {"A": frozenset({"equivalent"})}
    assert shown.next_n is None
    above = decide({"A": {"different": [0.5], "equivalent": [level * 1.01]}}, looks=looks)
    assert above.next_n == 10


@pytest.mark.parametrize("block", [3, 5])
def test_peeking_errs_no_more_than_once_in_twenty(block):
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


def test_a_family_that_is_looked_at_errs_no_more_either():
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
        assert shown["0"] == shown["1"] == frozenset({"different"})
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
def test_bad_plans_are_refused(call, expected):
    with pytest.raises(InputError, match=expected):
        call()
