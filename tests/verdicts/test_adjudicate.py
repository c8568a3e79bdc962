"""Frames that cannot be judged, and units that must not matter."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from fixbench.errors import InputError
from fixbench.verdicts import adjudicate

Make = Callable[..., Any]
Judge = Callable[..., Any]

BASE = dict.fromkeys(range(10), 5.0)


def test_a_seed_that_one_variant_lacks_is_refused(judge: Judge, planted: Make) -> None:
    with pytest.raises(InputError) as caught:
        judge(planted(3.0, n=9))
    assert str(caught.value) == (
        "results/b.parquet: toy, claim TT01 (effect): seed of variant 'b' is [0, 1, 2, 3, 4, 5, 6, "
        "7, 8]; expected every seed of the run; [9] are missing. Tier 'small' plans them: run "
        "them, or record them as failed"
    )


@pytest.mark.parametrize("key", ["controls", "supporting", "preconditions"])
def test_a_variant_that_vanished_is_refused(
    judge: Judge, minus: Make, planted: Make, control: Make, key: str
) -> None:
    """It is in the tier, so that no row of it is a fault and never the tier's design."""
    item = control(minus("c", "a"), explains_above=20.0)
    if key == "supporting":
        item = control(minus("c", "a"))
    elif key == "preconditions":
        item = {"name": "inert", "meaning": "m", "effect": minus("c", "a"), "above": 0.0}
    with pytest.raises(InputError) as caught:
        judge(planted(3.0), **{key: [item]})
    message = str(caught.value)
    assert f"toy, claim TT01 ({key}.0.effect): seed of variant 'c' is []" in message
    assert judge(planted(3.0), runs={"c": planted(9.0)}, **{key: [item]}).verdict == "reproduced"


def test_a_metric_that_a_run_lost_is_refused(
    judge: Judge, minus: Make, planted: Make, control: Make
) -> None:
    """``c`` should have the score as the others do: no tier leaves it out."""
    rival = control(minus("c", metric="score"), explains_above=0.0)
    with pytest.raises(InputError) as caught:
        judge(planted(3.0), runs={"c": planted(0.0)}, controls=[rival])
    assert str(caught.value) == (
        "results/c.parquet: toy, claim TT01 (controls.0.effect): metric 'score' of variant 'c'; "
        "expected rows of it in stage 'test' (last) in every seed; seeds [0, 1, 2, 3, 4, 5, 6, 7, "
        "8, 9] have none; stage 'test' has 'loss'. Run them again, or correct the claim"
    )


def test_a_metric_that_some_runs_lost_is_refused(
    make_ablation: Make, make_claim: Make, make_frame: Make, planted: Make
) -> None:
    frame = make_frame({"a": BASE, "b": planted(3.0)})
    gone = frame[(frame["variant"] != "b") | ~frame["seed"].isin([4, 7])]
    score = make_frame({"b": dict.fromkeys(range(10), 1.0)}, metric="score")
    with pytest.raises(InputError, match=r"toy, claim TT01 \(effect\): metric 'loss' of variant "):
        adjudicate(make_ablation([make_claim({})]), pd.concat([gone, score]), tier="small")


def test_a_value_without_a_logarithm_keeps_its_own_claim_alone_from_being_judged(
    make_ablation: Make, make_claim: Make, make_frame: Make, planted: Make, minus: Make
) -> None:
    claims = [
        make_claim({"margin": 1.1}, id="TT01", effect=minus("b", "a", scale="log")),
        make_claim({}, id="TT02", effect=minus("b", "a")),
        make_claim(
            {},
            id="TT03",
            controls=[
                {
                    "name": "ratio",
                    "meaning": "m",
                    "effect": minus("c", "a", scale="log"),
                    "explains_above": 1.0,
                }
            ],
        ),
    ]
    frame = make_frame({"a": BASE | {6: 0.0}, "b": planted(3.0), "c": planted(0.0)})
    log, plain, controlled = adjudicate(make_ablation(claims), frame, tier="small")
    assert (log.verdict, log.ruling and log.ruling.finding) == ("not testable", "no logarithm")
    assert log.reason == (
        "No effect can be computed. Metric 'loss' of variant 'a' in stage 'test' is 0 in seed 6 at "
        "step 0, and an effect on the log scale needs positive values; declare it on the scale "
        "'plain'."
    )
    # It counts in the family as p = 1; its own p is none.
    assert plain.effect is not None
    alone = adjudicate(make_ablation(claims[1:2]), frame, tier="small")[0]
    assert plain.verdict == alone.verdict
    assert plain.p_adjusted == pytest.approx(3 * alone.p_adjusted)
    # What a control does not say is open.
    assert (controlled.verdict, controlled.controls[0].state) == ("unresolved", "open")
    assert any("is 0 in seed 6" in note for note in controlled.notes)


def test_runs_of_other_steps_are_refused_by_the_claim_that_compares_them(
    judge: Judge, minus: Make, control: Make
) -> None:
    curve = {seed: [5.0] if seed % 2 else [5.0, 6.0, 7.0] for seed in range(10)}
    whole = {seed: [5.0, 6.0, 7.0] for seed in range(10)}
    area = minus("b", "a", at="area")
    with pytest.raises(InputError, match=r"claim TT01: step of variant 'b', seed 1, .* is '\[0\]'"):
        judge(curve, a=whole, effect=area)
    bounded = control(minus("c", "a", at="area"), explains_above=0.0)
    runs = {"c": curve}
    for key, item in (
        ("controls", bounded),
        ("preconditions", {"name": "n", "meaning": "m", "effect": area, "above": 0.0}),
    ):
        frames = {"b": whole, "runs": runs} if key == "controls" else {"b": curve, "runs": {}}
        with pytest.raises(InputError, match=rf"claim TT01, '{item['name']}': step of variant"):
            judge(frames["b"], a=whole, runs=frames["runs"], effect=minus("a"), **{key: [item]})
    shown = control(minus("c", "a", at="area"))
    result = judge(whole, a=whole, runs=runs, controls=[shown])
    assert any("not measured at the same steps" in note for note in result.notes)


@pytest.mark.parametrize("exponent", [-900, 900])
@pytest.mark.parametrize(("shift", "verdict"), [(3.0, "reproduced"), (0.0, "absent")])
def test_a_verdict_depends_on_no_unit(
    judge: Judge, exponent: int, shift: float, verdict: str, planted: Make
) -> None:
    factor = 2.0**exponent
    a, b = ({s: v * factor for s, v in arm.items()} for arm in (BASE, planted(shift)))
    collapsed = b | {7: b[7] * 1.5}
    for arm in (b, collapsed):
        result = judge(arm, {"margin": 0.5 * factor}, a=a)
        plain = judge({s: v / factor for s, v in arm.items()})
        assert (result.verdict, result.seeds_needed) == (plain.verdict, plain.seeds_needed)
        assert (result.effect.p_value, result.p_equivalence) == (
            plain.effect.p_value,
            plain.p_equivalence,
        )
        assert (result.ruling.skewness is None) == (plain.ruling.skewness is None)
    assert judge(b, {"margin": 0.5 * factor}, a=a).verdict == verdict


def test_an_effect_that_overflows_is_refused(judge: Judge, minus: Make) -> None:
    huge, opposite = dict.fromkeys(range(10), 1e308), dict.fromkeys(range(10), -1e308)
    message = (
        r"results/b.parquet: claim TT01: effect of seed 0 is inf; expected at most 1e\+300 in "
        "magnitude, beyond which intervals overflow; record the run as diverged"
    )
    with pytest.raises(InputError, match=message):
        judge(huge, a=opposite)
    curves = {seed: [1.7e308, 1.7e308] for seed in range(10)}
    for at in ("mean", "area"):
        with pytest.raises(InputError, match="effect of seed 0"):
            judge(curves, a=curves, effect=minus("b", "a", at=at))


def test_results_of_another_or_of_no_ablation_are_refused(
    make_ablation: Make, make_claim: Make, make_frame: Make
) -> None:
    ablation = make_ablation([make_claim({})])
    frame = make_frame({"a": BASE})
    other = frame.assign(ablation="else")
    with pytest.raises(InputError) as caught:
        adjudicate(ablation, pd.concat([frame, other]), tier="small")
    assert str(caught.value) == (
        "results: ablation is ['else', 'toy']; expected the results of exactly one ablation"
    )
    with pytest.raises(InputError, match=r"ablation is \[\]"):
        adjudicate(ablation, frame.iloc[:0], tier="small")
