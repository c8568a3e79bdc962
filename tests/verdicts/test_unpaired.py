"""Claims on runs that are no pairs, and claims of a direction alone."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fixbench.ablation import Claim
from fixbench.analysis import load_claims, save_claims
from fixbench.errors import InputError
from fixbench.rejudge import _check
from fixbench.verdicts import (
    ClaimResult,
    adjudicate,
    check_claims,
    claims_table,
    synthesise,
)

Make = Callable[..., Any]
DIRECTION = {"rule": "direction", "direction": "greater", "margin": None}
A = {0: 1.0, 1: 1.3, 2: 0.9, 3: 1.1}
B = {7: 2.0, 8: 2.4, 9: 1.9, 3: 2.2, 4: 2.6}


@pytest.fixture
def given(make_frame: Make, make_ablation: Make, make_claim: Make) -> Make:
    """Judges one claim, b against a, on results that were given."""

    def run(
        decision: Mapping[str, Any],
        a: Mapping[int, float] = A,
        b: Mapping[int, float] = B,
        *,
        failed: Sequence[tuple[str, int]] = (),
        metric: str = "loss",
        **changes: Any,
    ) -> ClaimResult:
        frame = make_frame({"a": a, "b": b}, failed=failed, metric=metric)
        claim = make_claim({"unpaired": True, **decision}, **changes)
        ablation = make_ablation([claim], system=None, results="rows.parquet")
        check_claims(ablation, "claims.yaml")
        (result,) = adjudicate(ablation, frame, tier="small", recorded_claims={})
        return result

    return run


def test_effect_interval_and_p_are_those_of_welch(given: Make) -> None:
    result = given(DIRECTION)
    other = stats.ttest_ind(list(B.values()), list(A.values()), equal_var=False)
    interval = other.confidence_interval()
    assert result.effect.p_value == pytest.approx(other.pvalue, rel=1e-9)
    assert result.effect.estimate == pytest.approx(
        np.mean(list(B.values())) - np.mean(list(A.values()))
    )
    assert (result.effect.low, result.effect.high) == pytest.approx((interval.low, interval.high))
    assert result.verdict == "direction only"
    assert {arm.variant: arm.n for arm in result.effect.arms} == {"a": 4, "b": 5}
    assert "n = 5 and 4 runs without pairs" in result.reason
    assert any("Welch" in note and "not known" in note for note in result.notes)


@pytest.mark.parametrize(
    ("decision", "shift", "verdict"),
    [
        ({"margin": 0.5}, 1.0, "reproduced"),
        ({"margin": 0.5}, -1.0, "reversed"),
        ({"margin": 0.5}, 0.1, "negligible"),
        ({"margin": 0.5}, -0.1, "absent"),
        ({"margin": 0.5, "direction": "less"}, -1.0, "reproduced"),
        ({"rule": "no_difference", "direction": None, "margin": 0.5}, 0.1, "reproduced"),
        ({"rule": "no_difference", "direction": None, "margin": 0.5}, 1.0, "refuted"),
        ({"rule": "not_worse", "margin": 0.5}, -0.1, "reproduced"),
        ({"rule": "not_worse", "margin": 0.5}, -1.0, "refuted"),
        (DIRECTION, 1.0, "direction only"),
        (DIRECTION, -1.0, "reversed"),
        (DIRECTION, 0.0, "inconclusive"),
    ],
)
def test_every_rule_on_a_mean_gives_its_verdict(
    given: Make, planted: Make, decision: dict[str, Any], shift: float, verdict: str
) -> None:
    b = {seed + 20: value for seed, value in planted(shift, rolled=3).items()}
    assert given(decision, planted(0.0), b).verdict == verdict


@pytest.mark.parametrize("rule", ["difference", "direction"])
def test_pairs_and_arms_agree_on_the_size_and_differ_in_the_interval(
    judge: Make, planted: Make, rule: str
) -> None:
    decision = {"rule": rule, "margin": 0.5 if rule == "difference" else None}
    a, b = planted(0.0), planted(1.0)
    b = {seed: value + 0.01 * (seed % 3) for seed, value in b.items()}
    paired = judge(b, decision, a=a)
    apart = judge(b, {**decision, "unpaired": True}, a=a)
    assert apart.effect.estimate == pytest.approx(paired.effect.estimate)
    assert paired.effect.arms == ()
    assert apart.effect.high - apart.effect.low > 5 * (paired.effect.high - paired.effect.low)
    note = next(note for note in apart.notes if "Welch" in note)
    ratio = (np.var(list(a.values()), ddof=1) + np.var(list(b.values()), ddof=1)) / np.var(
        [b[seed] - a[seed] for seed in a], ddof=1
    )
    assert f"{ratio:.0f} times as many runs" in note


def test_seeds_that_differ_are_refused_where_a_tier_planned_them(
    make_frame: Make, make_ablation: Make, make_claim: Make
) -> None:
    frame = make_frame({"a": A, "b": B})
    ablation = make_ablation([make_claim({"unpaired": True, **DIRECTION})])
    with pytest.raises(InputError, match="are missing"):
        adjudicate(ablation, frame, tier="small")


def test_pairs_of_seeds_that_differ_are_refused(given: Make) -> None:
    with pytest.raises(InputError, match="the same seeds for every variant of a comparison"):
        given({**DIRECTION, "unpaired": False})


@pytest.mark.parametrize(
    ("metric", "failed", "estimate"),
    [
        # Lower is better: the failed run of b gets the largest loss, that of a too.
        ("loss", [("b", 7)], np.mean([2.6, 2.4, 1.9, 2.2, 2.6]) - np.mean([1.0, 1.3, 0.9, 1.1])),
        ("loss", [("a", 0)], np.mean([2.0, 2.4, 1.9, 2.2, 2.6]) - np.mean([2.6, 1.3, 0.9, 1.1])),
        # Higher is better: the smallest.
        ("score", [("b", 7)], np.mean([0.9, 2.4, 1.9, 2.2, 2.6]) - np.mean([1.0, 1.3, 0.9, 1.1])),
        # Neither: as if there were no effect.
        (
            "norm",
            [("b", 7)],
            np.mean([np.mean([1.0, 1.3, 0.9, 1.1]), 2.4, 1.9, 2.2, 2.6])
            - np.mean([1.0, 1.3, 0.9, 1.1]),
        ),
    ],
)
def test_failed_runs_count_as_the_worst(
    given: Make, minus: Make, metric: str, failed: list[tuple[str, int]], estimate: float
) -> None:
    decision = {"margin": 10.0}
    result = given(decision, failed=failed, metric=metric, effect=minus("b", "a", metric=metric))
    assert result.effect.estimate == pytest.approx(estimate)
    assert result.effect.n_failed == 1
    assert result.ruling.evidence["equivalent"].p == 1.0  # sameness is never shown where runs fail
    assert result.verdict not in ("absent", "negligible")
    assert "1 of them failed" in result.reason


def test_without_a_successful_run_nothing_can_be_said(given: Make) -> None:
    result = given(DIRECTION, failed=[("b", seed) for seed in B])
    assert (result.verdict, result.ruling.finding) == ("inconclusive", "no number")
    assert "No run of variant 'b' succeeded" in result.reason


def test_one_run_of_a_variant_allows_no_test(given: Make) -> None:
    result = given(DIRECTION, a={0: 1.0})
    assert (result.verdict, result.ruling.finding) == ("inconclusive", "one seed")
    assert math.isnan(result.effect.p_value)


def test_copies_of_one_run_count_as_one(given: Make) -> None:
    result = given(DIRECTION, a=dict.fromkeys(range(10), 1.23456789))
    assert (result.verdict, result.ruling.finding) == ("inconclusive", "one seed")
    assert any("does the program use its seed?" in note for note in result.notes)


def test_arms_that_do_not_vary_are_named(given: Make) -> None:
    result = given(DIRECTION, a=dict.fromkeys(range(6), 0.5), b=dict.fromkeys(range(9, 14), 0.75))
    assert result.effect.p_value == pytest.approx(2 / math.comb(11, 5))
    assert any("permutation test" in note for note in result.notes)


def test_ratios_are_compared_by_their_logarithms(given: Make, minus: Make) -> None:
    result = given(DIRECTION, effect=minus("b", "a", scale="log"))
    a, b = (np.log(list(values.values())) for values in (A, B))
    assert result.effect.estimate == pytest.approx(np.exp(b.mean() - a.mean()))
    assert result.effect.p_value == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)


def test_a_mean_of_variants_is_one_side(given: Make, make_frame: Make, make_ablation: Make) -> None:
    claim = {
        "id": "TT01",
        "statement": "c is higher than a and b",
        "section": "1",
        "kind": "outcome",
        "documented": {"text": "higher"},
        "decision": {"rule": "direction", "direction": "greater", "unpaired": True},
        "effect": {
            "terms": [
                {"variant": v, "metric": "loss", "stage": "test", "weight": w}
                for v, w in (("c", 1.0), ("a", -0.5), ("b", -0.5))
            ]
        },
    }
    c = {30: 4.0, 31: 4.5, 32: 4.1}
    frame = make_frame({"a": A, "b": B, "c": c})
    ablation = make_ablation([claim], system=None, results="rows.parquet")
    (result,) = adjudicate(ablation, frame, tier="small")
    x, y, z = (np.array(list(values.values())) for values in (c, A, B))
    shares = [x.var(ddof=1) / 3, 0.25 * y.var(ddof=1) / 4, 0.25 * z.var(ddof=1) / 5]
    freedom = sum(shares) ** 2 / sum(
        share**2 / (n - 1) for share, n in zip(shares, (3, 4, 5), strict=True)
    )
    t = (x.mean() - (y.mean() + z.mean()) / 2) / math.sqrt(sum(shares))
    assert result.effect.p_value == pytest.approx(2 * stats.t.sf(abs(t), freedom))
    assert result.effect.degrees_of_freedom == pytest.approx(freedom)


def test_seeds_needed_count_the_runs_of_each_variant(given: Make) -> None:
    random = np.random.default_rng(0)
    a = dict(enumerate(random.normal(0, 1, 6)))
    b = {seed + 10: value for seed, value in enumerate(random.normal(0.9, 1, 6))}
    result = given(DIRECTION, a=a, b=b)
    assert result.verdict == "inconclusive"
    n = result.seeds_needed
    estimate = result.effect.estimate
    deviation = math.sqrt(np.var(list(a.values()), ddof=1) + np.var(list(b.values()), ddof=1))

    def power(n: int) -> float:
        t = stats.t.isf(0.025, n - 1)
        return float(stats.nct.sf(t, n - 1, abs(estimate) / deviation * math.sqrt(n)))

    assert power(n) >= 0.8 > power(n - 1)


@pytest.mark.parametrize(
    ("decision", "key"),
    [
        ({"rule": "share", "direction": "greater", "null": 0.5, "margin": None}, "unpaired"),
        ({"rule": "two_part", "collapse": {"below": 1.0}}, "unpaired"),
        ({"rule": "direction"}, "margin"),
        ({"rule": "direction", "margin": None, "direction": None}, "direction"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(
    given: Make, decision: dict[str, Any], key: str
) -> None:
    with pytest.raises(InputError, match=rf"decision\.{key}"):
        given(decision)


def test_a_level_of_one_variant_has_no_arms(given: Make, minus: Make) -> None:
    with pytest.raises(InputError, match="an effect of two variants or more"):
        given(DIRECTION, effect=minus("b"))


def test_verdicts_are_saved_and_read_again(given: Make, tmp_path: Path) -> None:
    result = given(DIRECTION)
    save_claims(tmp_path / "claims.json", [result])
    (again,) = load_claims(tmp_path / "claims.json")
    assert again.effect.arms == result.effect.arms
    assert again.reason == result.reason


def test_pairs_leave_no_trace_of_arms_in_the_file(
    judge: Make, planted: Make, tmp_path: Path
) -> None:
    save_claims(tmp_path / "claims.json", [judge(planted(1.0))])
    assert "arms" not in (tmp_path / "claims.json").read_text()


def test_a_published_row_has_the_arms_and_synthesis_their_degrees_of_freedom(given: Make) -> None:
    one = given(DIRECTION)
    other = given(DIRECTION, b={seed: value + 0.3 for seed, value in B.items()})
    rows = [claims_table([result])[0] for result in (one, other)]
    assert rows[0]["arms"]["runs"] == {"b": 5, "a": 4}
    (found,) = synthesise({"one": rows[:1], "other": rows[1:]})
    a, b = np.array(list(A.values())), np.array(list(B.values()))
    error = math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    weight = 1 / error**2
    # Two effects with the same error, 0.3 apart.
    assert found.synthesis.heterogeneity.q == pytest.approx(weight * 0.3**2 / 2)
    paired = claims_table([given({**DIRECTION, "unpaired": False}, b={s: s + 1.0 for s in A})])[0]
    assert "arms" not in paired


def test_a_table_cannot_be_judged_again_without_its_runs(
    given: Make, make_claim: Make, tmp_path: Path
) -> None:
    claim = Claim.model_validate(make_claim({"unpaired": True, **DIRECTION}))
    row = claims_table([given(DIRECTION)])[0]
    with pytest.raises(InputError, match="TT01: unpaired is True; expected pairs"):
        _check(claim, row, tmp_path / "claims.json")
