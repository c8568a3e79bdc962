"""Verdicts where seeds were added in blocks, with a look after each."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fixbench.errors import InputError
from fixbench.statistics import proportion, spending_levels, student_t, tost
from fixbench.verdicts import adjudicate, claims_table, look_at

Make = Callable[..., Any]

LOOKS = (5, 10, 15)
LEVELS = [item.level for item in spending_levels(LOOKS)]
RANDOM = np.random.default_rng(12)
NULL = RANDOM.normal(size=15)
#: Five clear seeds, and ten after which nothing is left of it.
EARLY = np.concatenate([3 + 0.2 * RANDOM.normal(size=5), 0.5 + 4 * RANDOM.normal(size=10)])


@pytest.fixture
def runs(make_frame: Any) -> Any:
    """Effects of claims (variants against a constant ``a``) → rows."""

    def build(n: Any = 15, failed: Any = (), metric: Any = "loss", **effects: Any) -> Any:
        arms = {"a": dict.fromkeys(range(100, 100 + n), 5.0)}
        for variant, values in effects.items():
            arms[variant] = {100 + i: 5.0 + float(values[i]) for i in range(n)}
        return make_frame(arms, failed=failed, metric=metric)

    return build


@pytest.fixture
def judge(make_ablation: Any, make_claim: Any) -> Any:
    def judge_all(frame: Any, *claims: Any, **options: Any) -> Any:
        ablation = make_ablation(
            [make_claim(claim.get("decision", {}), **without(claim)) for claim in claims]
        )
        return adjudicate(ablation, frame, tier="small", looks=LOOKS, **options)

    return judge_all


def without(claim: Any, key: Any = "decision") -> Any:
    return {name: value for name, value in claim.items() if name != key}


def claim(minus: Any, id: Any = "TT01", variant: Any = "b", **changes: Any) -> Any:
    return {"id": id, "effect": minus(variant, "a")} | changes


def test_an_effect_that_is_shown_at_the_first_look(runs: Any, judge: Make, minus: Make) -> None:
    (found,) = judge(runs(5, b=EARLY), claim(minus))
    assert found.verdict == "reproduced"
    plain = student_t(EARLY[:5], confidence=1 - LEVELS[0])
    assert plain.p_value < LEVELS[0]
    # A repeated confidence interval, and p adjusted for nothing.
    assert found.effect.confidence == pytest.approx(1 - LEVELS[0])
    assert (found.effect.low, found.effect.high) == pytest.approx((plain.low, plain.high))
    assert found.effect.p_value == pytest.approx(plain.p_value)
    assert math.isnan(found.p_adjusted)
    crossing = found.ruling.evidence["different"].crossing
    assert (crossing.look, crossing.n) == (1, 5)
    assert crossing.level == pytest.approx(LEVELS[0])
    # In words, as it stands for every claim of such a run.
    assert f"({100 * (1 - LEVELS[0]):.3g} % interval" in found.reason
    assert "at look 1 with 5 seeds, level 0.0192)" in found.reason
    assert LEVELS[0] == pytest.approx(0.0192, abs=5e-5)
    seen = found.looks
    assert (seen.planned, seen.made, seen.alpha, seen.spending) == (LOOKS, 1, 0.05, "pocock")
    assert seen.levels == pytest.approx(LEVELS)
    assert seen.p_values["different"] == pytest.approx((plain.p_value,))
    assert seen.p_values["equivalent"] == pytest.approx((tost(EARLY[:5], low=-0.5, high=0.5),))
    # The tier declares other seeds, as is to be expected.
    assert not found.notes or "declares" not in " ".join(found.notes)


def test_nothing_is_shown_until_the_budget_is_spent(
    runs: Any, make_ablation: Make, make_claim: Make, judge: Make, minus: Make
) -> None:
    ablation = make_ablation([make_claim({})])
    for n, following in zip(LOOKS, (10, 15, None), strict=True):
        seen, progress = look_at(ablation, runs(n, b=NULL), tier="small", looks=LOOKS)
        assert (progress.undecided, progress.next_n) == (("TT01",), following)
        expected = [student_t(NULL[:k]).p_value for k in LOOKS if k <= n]
        assert seen["TT01"].p_values["different"] == pytest.approx(expected)
        assert min(expected) > max(LEVELS)
    (found,) = judge(runs(b=NULL), claim(minus))
    assert found.verdict == "inconclusive"
    assert {evidence.crossing for evidence in found.ruling.evidence.values()} == {None}
    assert found.seeds_needed is not None


def test_what_was_shown_stays_shown(runs: Any, judge: Make, minus: Make) -> None:
    late = student_t(EARLY)
    assert late.p_value > LEVELS[-1]
    assert late.mean > 0
    (found,) = judge(runs(b=EARLY), claim(minus))
    # The direction stays; that it is beyond the margin, the estimate from all seeds contradicts.
    assert late.mean < 0.5
    assert found.verdict == "direction only"
    assert found.ruling.evidence["different"].crossing.look == 1
    assert found.effect.n == 15
    assert found.effect.p_value == pytest.approx(late.p_value)


def test_what_all_seeds_contradict_does_not_count(runs: Any, judge: Make, minus: Make) -> None:
    turned = np.concatenate([EARLY[:5], -4 + 4 * NULL[:10]])
    assert turned.mean() < 0
    (found,) = judge(runs(b=turned), claim(minus))
    assert found.verdict == "inconclusive"
    (note,) = (note for note in found.notes if "contradicts" in note)
    assert note.startswith("At look 1 it was shown to be different, which the estimate from all")
    # The same for what was within the margin, or not worse, and no longer is.
    small = np.concatenate([0.01 * NULL[:5], 2 + 3 * NULL[:10]])
    assert small.mean() > 0.5
    for decision, kind in (
        ({"rule": "no_difference", "direction": None}, "equivalent"),
        ({"rule": "not_worse", "direction": "less"}, "not worse"),
    ):
        (found,) = judge(runs(5, b=small), claim(minus, decision=decision))
        assert found.verdict == "reproduced"
        assert kind in found.looks.shown
        (found,) = judge(runs(b=small), claim(minus, decision=decision))
        assert found.verdict == "inconclusive"
        assert any(f"to be {kind}, which" in note for note in found.notes)


def test_what_lies_beyond_the_margin_stays_shown_where_a_run_fails(
    runs: Any, judge: Make, minus: Make
) -> None:
    decision = {"rule": "no_difference", "direction": None}
    effects = 3 + 0.2 * NULL
    for n in (5, 15):
        frame = runs(n, b=effects, failed=[("b", 103)])
        (found,) = judge(frame, claim(minus, decision=decision))
        assert (found.verdict, found.effect.n_failed) == ("refuted", 1)
        assert found.ruling.evidence["beyond"].crossing.look == 1
        assert not any("contradicts" in note for note in found.notes)


def test_equivalence_meets_half_the_level_of_twice_alpha(
    runs: Any, judge: Make, minus: Make
) -> None:
    # TOST is one-sided: just within, and just beyond.
    level = spending_levels(LOOKS, alpha=0.1)[0].level / 2
    unit = np.array([-1.2, -0.5, 0.0, 0.5, 1.2])
    unit /= unit.std(ddof=1)
    critical = -stats.t.ppf(level, 4)
    for factor, verdict in ((0.99, "absent"), (1.01, "inconclusive")):
        effects = unit * factor * 0.5 * math.sqrt(5) / critical
        (found,) = judge(runs(5, b=effects), claim(minus))
        assert (tost(effects, low=-0.5, high=0.5) <= level) == (verdict == "absent")
        assert found.verdict == verdict


def test_holm_over_the_primary_claims_at_the_levels(runs: Any, judge: Make, minus: Make) -> None:
    # Both at the level of one claim, none at that of two: only alone would they be shown.
    one, two = (spending_levels(LOOKS, alpha=alpha)[0].level for alpha in (0.05, 0.025))
    unit = np.array([-1.2, -0.5, 0.0, 0.5, 1.2])
    unit /= unit.std(ddof=1)

    def with_p(p: Any) -> Any:
        return unit * 0.3 + 0.3 * stats.t.isf(p / 2, 4) / math.sqrt(5)

    between, below = with_p((one + two) / 2), with_p(two * 0.99)
    first, second = claim(minus), claim(minus, "TT02", "c")
    shown = [r.verdict for r in judge(runs(5, b=between, c=between), first, second)]
    assert shown == ["inconclusive", "inconclusive"]
    # Of about 0.46 ± 0.3, which is not shown to be beyond the margin of 0.5.
    assert judge(runs(5, b=between), first)[0].verdict == "direction only"
    # One that passes leaves all of alpha to the other.
    passed = judge(runs(5, b=between, c=below), first, second)
    assert [r.verdict for r in passed] == ["direction only", "direction only"]
    assert [r.looks.shown["different"].level for r in passed] == pytest.approx([one, two])
    # Who is not primary has the levels of one claim, and nobody waits for it.
    aside = second | {"primary": False}
    found = judge(runs(5, b=NULL, c=between), first, aside)
    assert [r.verdict for r in found] == ["inconclusive", "direction only"]
    assert found[1].looks.shown["different"].level == pytest.approx(one)


def test_nobody_waits_for_what_is_not_tested_or_not_measured(
    runs: Any, make_ablation: Make, make_claim: Make, minus: Make
) -> None:
    claims = [
        make_claim({}),
        make_claim({}, id="TT02", effect=minus("late", "a")),
        make_claim({}, id="TT03", effect=minus("b", "a"), primary=False),
        make_claim({"rule": "property"}, id="TT04"),
    ]
    claims[0]["effect"] = minus("c", "a")
    ablation = make_ablation(claims)
    options: dict[str, Any] = {"tier": "small", "looks": LOOKS}
    seen, progress = look_at(ablation, runs(5, b=NULL, c=EARLY), **options)
    assert (progress.undecided, progress.next_n) == ((), None)
    # It counts in the family all the same, and so does one that was withdrawn.
    shown = seen["TT01"].shown["different"].level
    assert shown == pytest.approx(spending_levels(LOOKS, alpha=0.025)[0].level)
    gone = {"TT09": [{**ablation.claims[0].model_dump(mode="json"), "id": "TT09"}]}
    seen, _ = look_at(ablation, runs(5, b=NULL, c=EARLY), recorded_claims=gone, **options)
    shown = seen["TT01"].shown["different"].level
    assert shown == pytest.approx(spending_levels(LOOKS, alpha=0.05 / 3)[0].level)
    (_, missing, _, exact) = adjudicate(ablation, runs(5, b=NULL, c=EARLY), **options)
    assert (missing.verdict, exact.verdict) == ("not testable", "does not hold")
    assert exact.looks is not None
    assert exact.looks.p_values == {}


def test_controls_and_preconditions_rest_on_intervals_that_hold_at_all_looks(
    runs: Any, judge: Make, minus: Make
) -> None:
    # An effect of 1 ± 0.5: its lower end at 95 % and at the level of the first look.
    unit = np.array([-1.2, -0.5, 0.0, 0.5, 1.2])
    effects = 1 + 0.5 * unit / unit.std(ddof=1)
    nominal, wide = (student_t(effects, confidence=c).low for c in (0.95, 1 - LEVELS[0]))
    bound = (nominal + wide) / 2
    other = {"name": "other", "meaning": "m", "effect": minus("b", "a")}
    (found,) = judge(
        runs(5, b=effects, c=EARLY),
        claim(minus, variant="c", controls=[{**other, "explains_above": bound}]),
    )
    assert (found.verdict, found.controls[0].effect.low) == ("unresolved", pytest.approx(wide))
    assert found.controls[0].state == "open"
    (found,) = judge(
        runs(5, b=effects, c=EARLY),
        claim(minus, variant="c", preconditions=[{**other, "above": bound}]),
    )
    assert (found.verdict, found.preconditions[0].state) == ("unresolved", "open")


@pytest.mark.parametrize("kind", ["controls", "preconditions"])
def test_several_controls_or_preconditions_meet_the_levels_of_their_shares_of_alpha(
    runs: Any, judge: Make, minus: Make, kind: str
) -> None:
    # At the last look, one p below the level of a fifth of alpha, or below a fifth of its level.
    fifth = spending_levels(LOOKS, alpha=0.05 / 5)[-1].level
    assert fifth < 0.9 * LEVELS[-1] / 5
    unit = (NULL - NULL.mean()) / NULL.std(ddof=1)
    effects = 1 + 0.5 * unit
    key, words = {
        "controls": ("explains_above", ("explains", "open")),
        "preconditions": ("above", ("unmet", "open")),
    }[kind]
    sign = 1 if kind == "controls" else -1
    for p, word in ((fifth * 0.99, words[0]), ((fifth + LEVELS[-1] / 5) / 2, words[1])):
        bound = 1 - sign * 0.5 * stats.t.isf(p / 2, 14) / math.sqrt(15)
        items = [
            {"name": f"{i}", "meaning": "m", "effect": minus("b", "a"), key: value}
            for i, value in enumerate([bound, *[1.0] * 4])
        ]
        (found,) = judge(runs(b=effects, c=EARLY), claim(minus, variant="c", **{kind: items}))
        states = [item.state for item in getattr(found, kind)]
        assert states == [word, *["open"] * 4]


@pytest.mark.parametrize("kind", ["controls", "preconditions"])
def test_an_open_control_or_precondition_is_waited_for_until_the_budget_is_spent(
    runs: Any, make_ablation: Make, make_claim: Make, minus: Make, kind: str
) -> None:
    bound = {"controls": "explains_above", "preconditions": "above"}[kind]
    options: dict[str, Any] = {"tier": "small", "looks": LOOKS}
    clear = 3 + 0.2 * NULL

    def following(n: int, c: Any, **changes: Any) -> Any:
        item = {"name": "other", "meaning": "m", "effect": minus("c", "a"), bound: 1.0, **changes}
        ablation = make_ablation([make_claim({}, **{kind: [item]})])
        _, progress = look_at(ablation, runs(n, b=clear, c=c), **options)
        return progress.undecided, progress.next_n

    # On its bound, it is open at every look; far from it, decided at the first.
    open_ = 1.0 + 0.5 * (NULL - NULL.mean())
    for n, more in zip(LOOKS, (10, 15, None), strict=True):
        assert following(n, open_) == (("TT01",), more)
    assert following(5, 9.0 + 0.5 * NULL) == ((), None)
    assert following(5, -9.0 + 0.5 * NULL) == ((), None)
    # What the tier does not measure is not waited for.
    if kind == "controls":
        assert following(5, open_, effect=minus("late", "a")) == ((), None)


def test_shares_by_their_exact_p(runs: Any, judge: Make, minus: Make) -> None:
    decision = {"rule": "share", "direction": "greater", "null": 0.3, "margin": None}
    effect = {"terms": [{"variant": "b", "metric": "norm", "stage": "test"}]}
    share = {"effect": effect, "decision": decision, "documented": {"text": "mostly"}}
    ones = np.full(15, -4.0)  # 5 less 4
    frame = runs(10, metric="norm", b=ones)
    (found,) = judge(frame, share)
    assert found.verdict == "reproduced"
    expected = [proportion(n, n, null=0.3).p_value for n in LOOKS[:2]]
    assert found.looks.p_values == {"different": pytest.approx(tuple(expected))}
    assert expected[0] < LEVELS[0]
    assert found.looks.shown["different"].look == 1


@pytest.mark.parametrize("looks", [(5, 10, 15, 20), (10, 20, 30, 40), (3, 6, 9, 12, 15)])
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 11])
def test_exact_shares_err_no_more_often_at_these_levels(looks: Any, alpha: float) -> None:
    # All counts at all looks, exactly: the levels are those of normal sums.
    levels = [item.level for item in spending_levels(looks, alpha=alpha)]
    for null in (0.05, 0.3, 0.5, 0.8, 0.95):
        mass, wrong = np.array([1.0]), 0.0
        for before, n, level in zip((0, *looks), looks, levels, strict=False):
            more = stats.binom.pmf(np.arange(n - before + 1), n - before, null)
            mass = np.convolve(mass, more)
            p = [proportion(held, n, null=null).p_value for held in range(n + 1)]
            shown = np.array(p) <= level
            wrong += mass[shown].sum()
            mass[shown] = 0.0
        assert wrong <= alpha


def test_the_seeds_must_be_those_of_a_look(runs: Any, judge: Make, minus: Make) -> None:
    with pytest.raises(InputError, match="as many seeds as there are at one of the looks: 5, 10"):
        judge(runs(7, b=NULL), claim(minus))


def test_the_table_says_that_there_were_looks(
    runs: Any, judge: Make, make_ablation: Make, make_claim: Make, minus: Make
) -> None:
    found = judge(runs(5, b=EARLY), claim(minus))
    plain = adjudicate(make_ablation([make_claim({})]), runs(5, b=EARLY), tier="small")
    (row,) = claims_table(found)
    assert row["looks"]["planned"] == LOOKS
    assert row["looks"]["shown"]["different"]["look"] == 1
    assert "too far from null" in row["looks"]["estimate"]
    assert row["p_adjusted"] is None
    (row,) = claims_table(plain)
    assert "looks" not in row
    assert [row["looks"] is None for row in claims_table([*found, *plain])] == [False, True]
