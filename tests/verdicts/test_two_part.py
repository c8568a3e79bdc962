"""A claim of a difference whose seeds may collapse: their share, then the mean of the others."""

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from fixbench.ablation import Claim, claim_hash
from fixbench.analysis import load_claims, save_claims
from fixbench.errors import InputError
from fixbench.rejudge import rejudge
from fixbench.reports._rules import decision_rule
from fixbench.statistics import holm, seeds_for_window, student_t
from fixbench.verdicts import adjudicate, check_claims, claims_table, look_at

Make = Callable[..., Any]
Judge = Callable[..., Any]
Runs = dict[int, float]

#: Healthy runs of `a` lie at 5; a collapsed run at 0.
TWO_PART = {"rule": "two_part", "collapse": {"below": 1.0}}
FIVE: Runs = dict.fromkeys(range(10), 5.0)
#: The order in which seeds collapse, from both ends of the planted noise.
ORDER = (0, 9, 1, 8, 2, 7, 3, 6, 4, 5)


def collapsed(runs: Runs, *seeds: int) -> Runs:
    return runs | dict.fromkeys(seeds, 0.0)


@pytest.mark.parametrize(
    ("shift", "in_a", "in_b", "decision", "verdict", "finding"),
    [
        # Nobody collapses: the words of `difference`.
        (3.0, 0, 0, {}, "reproduced", "direction"),
        (0.0, 0, 0, {}, "absent", "equivalent"),
        (-3.0, 0, 0, {}, "reversed", "opposite, beyond the margin"),
        (0.2, 0, 0, {}, "negligible", "equivalent"),
        (2.0, 0, 0, {"tolerance": 0.2}, "reproduced", "size"),
        (3.0, 0, 0, {"tolerance": 0.2}, "another size", "another size"),
        (0.5, 0, 0, {}, "direction only", "size open"),
        # Five seeds of one arm prove nothing of collapses (2 / 2⁵): the mean decides.
        (3.0, 5, 0, {}, "reproduced", "direction"),
        (3.0, 0, 5, {}, "reproduced", "direction"),
        # Six do (2 / 2⁶), and two parts in a family of one claim ask for half: seven (2 / 2⁷).
        (0.0, 6, 0, {}, "absent", "equivalent"),
        (3.0, 7, 0, {}, "reproduced", "direction"),
        (0.0, 7, 0, {}, "direction only", "collapses"),
        (0.0, 0, 7, {}, "reversed", "collapses, opposite"),
        (-3.0, 0, 7, {}, "reversed", "collapses, opposite"),
        (3.0, 0, 7, {}, "inconclusive", "parts contradict"),
        (-3.0, 7, 0, {}, "inconclusive", "parts contradict"),
        (-3.0, 7, 0, {"direction": "less"}, "inconclusive", "parts contradict"),
        (-3.0, 0, 7, {"direction": "less"}, "reproduced", "direction"),
        # No seed is left, or one: the collapses alone.
        (3.0, 10, 0, {}, "direction only", "collapses"),
        (3.0, 0, 9, {}, "reversed", "collapses, opposite"),
        (3.0, 10, 10, {}, "inconclusive", "open"),
    ],
)
def test_both_parts_decide(
    judge: Judge,
    planted: Make,
    shift: float,
    in_a: int,
    in_b: int,
    decision: dict[str, Any],
    verdict: str,
    finding: str,
) -> None:
    a = collapsed(FIVE, *ORDER[:in_a])
    # So small a spread that three seeds show what ten do.
    b = collapsed(planted(shift, spread=0.05), *ORDER[:in_b])
    result = judge(b, {**TWO_PART, **decision}, a=a)
    assert (result.verdict, result.ruling.finding) == (verdict, finding)
    found = result.ruling.collapses
    assert (found.plus.held, found.minus.held, found.plus.checked) == (in_b, in_a, 10)
    assert result.effect.n == 10 - max(in_a, in_b)
    assert f"{in_b} of 10 seeds in 'b'" in result.reason
    assert f"{in_a} of 10 in 'a'" in result.reason


def test_the_mean_is_that_of_the_seeds_in_which_neither_collapsed(
    judge: Judge, planted: Make
) -> None:
    b = collapsed(planted(1.0), 2, 7)
    result = judge(b, TWO_PART, a=collapsed(FIVE, 2, 4))
    kept = {seed: b[seed] - 5.0 for seed in range(10) if seed not in (2, 4, 7)}
    expected = student_t([*kept.values()])
    assert dict(result.effect.per_seed) == kept
    assert (result.effect.n, result.effect.n_failed) == (7, 0)
    assert result.effect.estimate == pytest.approx(expected.mean)
    assert (result.effect.low, result.effect.high) == pytest.approx((expected.low, expected.high))
    assert result.effect.p_value == pytest.approx(expected.p_value)


def test_shares_and_their_test_are_exact(judge: Judge, planted: Make) -> None:
    """By hand: `a` collapses in seeds 0 to 7, `b` in 7 and 8; of eight alone, one is of `b`."""
    result = judge(collapsed(planted(3.0), 7, 8), TWO_PART, a=collapsed(FIVE, *range(8)))
    found = result.ruling.collapses
    assert (found.alone.held, found.alone.checked) == (1, 8)
    # McNemar: twice the tail of (1 + 8) / 2⁸.
    assert found.alone.p_value == pytest.approx(2 * 9 / 256)
    # Clopper and Pearson: quantiles of beta distributions.
    for share, held in ((found.plus, 2), (found.minus, 8)):
        limits = (
            stats.beta.ppf(0.025, held, 11 - held),
            stats.beta.ppf(0.975, held + 1, 10 - held),
        )
        assert (share.low, share.high) == pytest.approx(limits)
    assert found.side == "above"
    # Collapses upwards pull the other way.
    up = judge(
        planted(3.0) | dict.fromkeys(range(8), 99.0), {**TWO_PART, "collapse": {"above": 50.0}}
    )
    assert (up.ruling.collapses.pull, up.ruling.collapses.side) == ("above", "above")
    assert (up.verdict, up.effect.n) == ("reproduced", 2) or up.verdict == "direction only"


def test_both_parts_count_in_the_family(
    make_ablation: Make, make_claim: Make, make_frame: Make, planted: Make
) -> None:
    a = collapsed(FIVE, *range(8))
    ablation = make_ablation(
        [make_claim(TWO_PART), make_claim({}, id="TT02", effect={"terms": _terms("c", "late")})]
    ).model_copy(update={})
    frame = make_frame({"a": a, "b": planted(3.0), "c": planted(0.04), "late": FIVE})
    ablation = ablation.model_copy(
        update={
            "variants": {
                key: variant.model_copy(update={"tiers": None})
                for key, variant in ablation.variants.items()
            }
        }
    )
    first, second = adjudicate(ablation, frame, tier="small")
    assert first.effect is not None
    assert second.effect is not None
    assert first.ruling is not None
    assert first.ruling.collapses is not None
    raw = {"mean": first.effect.p_value, "other": second.effect.p_value, "share": math.nan}
    adjusted = holm(raw)
    assert first.p_adjusted == pytest.approx(adjusted["mean"])
    assert second.p_adjusted == pytest.approx(adjusted["other"])
    # Three places: its own, and those of the two means.
    share = first.ruling.evidence["collapses"]
    assert share.p == pytest.approx(3 * 2 / 2**8)
    assert share.shown
    assert first.panel is not None
    assert (first.panel.holm_m, first.panel.holm_m_within) == (3, 2)
    # Withdrawn later, it leaves both of its places.
    gone = ablation.model_copy(update={"claims": ablation.claims[1:]})
    recorded = {c.id: [c.model_dump(mode="json")] for c in ablation.claims}
    kept, withdrawn = adjudicate(gone, frame, tier="small", recorded_claims=recorded)
    assert withdrawn.verdict == "withdrawn"
    assert kept.p_adjusted == pytest.approx(min(1.0, 3 * second.effect.p_value))


def _terms(*variants: str) -> list[dict[str, Any]]:
    return [
        {"variant": variant, "metric": "loss", "stage": "test", "weight": weight}
        for variant, weight in zip(variants, (1.0, -1.0), strict=True)
    ]


def test_a_failed_run_is_a_collapse_and_keeps_sameness_from_being_shown(
    judge: Judge, planted: Make
) -> None:
    failed = [("a", seed) for seed in ORDER[:7]]
    result = judge(planted(0.0, spread=0.05), TWO_PART, failed=failed)
    assert (result.ruling.collapses.minus.held, result.ruling.collapses.failed) == (7, 7)
    assert (result.verdict, result.ruling.finding) == ("direction only", "collapses")
    one = judge(planted(0.0, spread=0.05), TWO_PART, failed=[("a", 3)])
    assert (one.verdict, one.effect.n) == ("inconclusive", 9)
    assert "sameness cannot be shown where runs fail (1 run failed)" in one.reason
    # All runs of an arm failed: nothing is left but the collapses.
    lost = judge(planted(0.0), TWO_PART, failed=[("b", seed) for seed in range(10)])
    assert (lost.verdict, lost.effect.n) == ("reversed", 0)
    assert math.isnan(lost.effect.estimate)


@pytest.mark.parametrize(
    ("decision", "changes", "message"),
    [
        ({"collapse": None}, {}, "decision.collapse.*which a 'two_part' rule needs"),
        ({"margin": None}, {}, "decision.margin.*which a 'two_part' rule needs"),
        ({"direction": None}, {}, "decision.direction"),
        ({}, {"effect": {"terms": _terms("b", "a")[:1]}}, "effect; expected terms with positive"),
        (
            {},
            {"effect": {"terms": [_terms("b", "a")[0], _terms("b", "a")[1] | {"metric": "norm"}]}},
            "effect; expected terms of one metric",
        ),
        ({"rule": "difference"}, {}, "decision.collapse.*no such key with a 'difference' rule"),
    ],
)
def test_a_bad_declaration_is_refused(
    make_ablation: Make, make_claim: Make, decision: Any, changes: Any, message: str
) -> None:
    ablation = make_ablation([make_claim({**TWO_PART, **decision}, **changes)])
    with pytest.raises(InputError, match=f"claims.TT01.{message}"):
        check_claims(ablation, "claims.yaml")


@pytest.mark.parametrize("collapse", [{}, {"below": 1.0, "above": 2.0}, {"under": 1.0}])
def test_a_collapse_is_one_bound(make_claim: Make, collapse: Any) -> None:
    with pytest.raises(ValueError, match=r"exactly one of 'below' and 'above'|under"):
        Claim.model_validate(make_claim({**TWO_PART, "collapse": collapse}))


def test_claims_without_the_key_keep_their_hash(make_claim: Make) -> None:
    plain = Claim.model_validate(make_claim({}))
    content = plain.model_dump(mode="json")
    assert "collapse" not in content["decision"]
    two = Claim.model_validate(make_claim(TWO_PART))
    assert Claim.model_validate(two.model_dump(mode="json")) == two
    assert claim_hash(two) != claim_hash(plain)


def test_seeds_needed_count_the_seeds_that_collapse(judge: Judge, planted: Make) -> None:
    wide = planted(0.6, spread=15.0)
    healthy = judge(wide, {**TWO_PART, "collapse": {"below": -100.0}})
    deviation = healthy.effect.standard_deviation
    # Both parts count: half of alpha for each.
    bounds = {"low": -0.5, "high": 0.5}
    assert healthy.seeds_needed == seeds_for_window(0.6, deviation, alpha=0.025, **bounds)
    # In half of the seeds both arms collapse: twice as many are needed.
    twice = {2 * seed: value for seed, value in wide.items()}
    runs = twice | {2 * seed + 1: 0.0 for seed in range(10)}
    a = {seed: 0.0 if seed % 2 else 5.0 for seed in range(20)}
    half = judge(runs, {**TWO_PART, "collapse": {"below": 0.0001}}, a=a)
    assert half.effect.n == 10
    assert half.seeds_needed == 2 * healthy.seeds_needed


def test_looks_see_both_parts(
    make_ablation: Make, make_claim: Make, make_frame: Make, planted: Make
) -> None:
    ablation = make_ablation([make_claim(TWO_PART)])
    a = dict.fromkeys(range(20), 5.0)
    b = {seed: 5.0 + 0.001 * (-1) ** seed for seed in range(20)}

    def looked(collapsing: range, seeds: int) -> Any:
        runs = {"a": a, "b": collapsed(b, *collapsing)}
        frame = make_frame({k: {s: v[s] for s in range(seeds)} for k, v in runs.items()})
        _, progress = look_at(ablation, frame, tier="small", looks=(10, 20))
        (result,) = adjudicate(ablation, frame, tier="small", looks=(10, 20))
        return result, progress

    # Nine of ten seeds of b collapse: shown at the first look.
    result, progress = looked(range(9), 10)
    assert result.ruling.evidence["collapses"].shown
    assert (result.verdict, progress.next_n) == ("reversed", None)
    # It stands at the second.
    result, _ = looked(range(9), 20)
    assert result.ruling.evidence["collapses"].crossing.look == 1
    assert result.verdict == "reversed"


def test_a_result_is_kept_whole(judge: Judge, planted: Make, tmp_path: Any) -> None:
    result = judge(planted(3.0), TWO_PART, a=collapsed(FIVE, 1, 2))
    save_claims(tmp_path / "claims.json", [result])
    (again,) = load_claims(tmp_path / "claims.json")
    # NaN equals nothing, itself included.
    assert repr(again.ruling.collapses) == repr(result.ruling.collapses)
    assert again.worst == result.worst


def test_the_rule_in_words_names_the_bound(make_claim: Make) -> None:
    claim = Claim.model_validate(make_claim(TWO_PART))
    text = " ".join(decision_rule(claim, 0.95))
    assert "A run with loss below 1 counts as collapsed" in text
    assert "exact McNemar test" in text


def test_outside_of_the_family_the_two_parts_are_a_family_of_their_own(
    judge: Judge, planted: Make
) -> None:
    result = judge(planted(3.0), TWO_PART, a=collapsed(FIVE, *ORDER[:6]), primary=False)
    evidence, found = result.ruling.evidence, result.ruling.collapses
    assert found.alone.p_value == pytest.approx(2 / 2**6)
    assert evidence["collapses"].p == pytest.approx(2 * 2 / 2**6)
    assert not evidence["collapses"].shown
    assert evidence["different"].p == pytest.approx(2 * result.effect.p_value)
    assert evidence["equivalent"].p == pytest.approx(result.p_equivalence)
    assert "p is adjusted for its two parts alone" in result.reason


def test_a_seed_collapsed_if_it_did_on_any_data_draw(
    make_ablation: Make, make_claim: Make, make_frame: Make, planted: Make
) -> None:
    b = planted(1.0)
    frames = [
        make_frame({"a": FIVE, "b": collapsed(b, *lost)}).assign(data_seed=draw)
        for draw, lost in enumerate(((2,), (2, 5)))
    ]
    (result,) = adjudicate(make_ablation([make_claim(TWO_PART)]), pd.concat(frames), tier="small")
    assert result.ruling is not None
    assert result.ruling.collapses is not None
    assert result.ruling.collapses.plus.held == 2
    assert result.effect is not None
    kept = {seed: value - 5.0 for seed, value in b.items() if seed not in (2, 5)}
    assert dict(result.effect.per_seed) == pytest.approx(kept)
    assert result.data is not None
    assert result.data.components.seeds == 8


def test_a_table_without_rows_does_not_show_collapses(
    make_ablation: Make, make_claim: Make, judge: Judge, planted: Make
) -> None:
    rows = claims_table([judge(planted(3.0), TWO_PART)])
    with pytest.raises(InputError, match=r"TT01: rule.*single runs show collapses alone"):
        rejudge(make_ablation([make_claim(TWO_PART)]), rows, tier="small")
