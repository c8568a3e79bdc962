"""Which rates of the worst shape of seeds stand beside which verdict."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from fixbench.verdicts import (
    SHAPE_RATES,
    adjudicate,
    calibrated_shapes,
    claims_table,
    worst_rates,
)

Make = Callable[..., Any]
Judge = Callable[..., Any]

RATES = json.loads(SHAPE_RATES.read_text(encoding="utf-8"))["rates"]
SHARE = {"rule": "share", "direction": "greater", "null": 0.5, "margin": None}


def said(result: Any) -> dict[str, float]:
    return {item.said: item.rate for item in result.worst}


def test_a_verdict_on_a_mean_states_its_rate(judge: Judge, planted: Make) -> None:
    result = judge(planted(3.0))
    (item,) = result.worst
    assert (item.said, item.n) == ("reproduced", 10)
    assert item.rate == RATES["reproduced"]["10"]["rate"]
    assert item.shape in calibrated_shapes()
    assert said(judge(planted(0.0))) == {"absent": RATES["absent"]["10"]["rate"]}
    assert said(judge(planted(-3.0))) == {"reversed": RATES["reversed"]["10"]["rate"]}
    same = judge(planted(0.0), {"rule": "no_difference", "direction": None})
    assert said(same) == {"reproduced": RATES["no_difference: reproduced"]["10"]["rate"]}
    (row,) = claims_table([result])
    assert row["worst_error"] == item.rate


def test_what_says_nothing_of_a_mean_states_none(judge: Judge, planted: Make, passes: Make) -> None:
    term = {"variant": "b", "metric": "loss", "stage": "test"}
    share = judge(passes(10), SHARE, effect={"terms": [term]})
    assert (share.verdict, share.worst) == ("reproduced", ())
    unsure = judge(planted(0.3, spread=15.0))
    assert (unsure.verdict, unsure.worst) == ("inconclusive", ())
    assert claims_table([unsure])[0]["worst_error"] is None


@pytest.mark.parametrize(
    ("n", "calibrated"),
    [(2, "3"), (3, "3"), (4, "3"), (9, "5"), (10, "10"), (19, "10"), (25, "20")],
)
def test_the_rate_is_that_of_the_next_smaller_number_of_seeds(
    judge: Judge, n: int, calibrated: str
) -> None:
    b = {seed: 8.0 + 1e-4 * (seed % 2) for seed in range(n)}
    result = judge(b, a=dict.fromkeys(range(n), 5.0))
    (item,) = result.worst
    assert item.n == int(calibrated)
    assert item.rate == RATES["reproduced"][calibrated]["rate"]


def test_controls_and_preconditions_have_rates_of_their_own(
    judge: Judge, planted: Make, minus: Make, control: Make
) -> None:
    def judged(c: Any, **changes: Any) -> Any:
        return judge(planted(3.0), runs={"c": c}, **changes)

    rival = control(minus("c", "a"), explains_above=1.0)
    other = {**rival, "name": "other"}
    ruled_out = judged(planted(0.0), controls=[rival])
    own = RATES["reproduced"]["10"]["rate"]
    assert said(ruled_out) == {
        "reproduced": own,
        "control ruled out": RATES["control ruled out"]["10"]["rate"],
    }
    explained = judged(planted(3.0), controls=[rival])
    assert explained.verdict == "confounded"
    assert said(explained)["control explains"] == RATES["control explains"]["10"]["rate"]
    several = judged(planted(3.0), controls=[rival, other])
    found = RATES["control explains, of several"]["10"]["rate"]
    assert said(several)["control explains"] == found
    # An open one says nothing.
    assert said(judged(planted(1.0), controls=[rival])) == {"reproduced": own}
    needed = {"name": "needed", "meaning": "m", "effect": minus("c", "a"), "above": 1.0}
    met = judged(planted(3.0), preconditions=[needed])
    assert said(met)["precondition met"] == RATES["precondition met"]["10"]["rate"]
    unmet = judged(planted(0.0), preconditions=[needed])
    # The effect is not judged, so that its rate does not matter.
    assert said(unmet) == {"precondition unmet": RATES["precondition unmet"]["10"]["rate"]}


def test_with_looks_the_rate_is_that_of_looks(
    make_ablation: Make, make_claim: Make, make_frame: Make, planted: Make
) -> None:
    frame = make_frame({"a": dict.fromkeys(range(10), 5.0), "b": planted(3.0)})
    (result,) = adjudicate(make_ablation([make_claim({})]), frame, tier="small", looks=(10, 20))
    (item,) = result.worst
    assert (item.n, item.rate) == (None, RATES["reproduced"]["looks"]["rate"])


def test_of_two_parts_only_the_mean_has_a_rate(judge: Judge, planted: Make) -> None:
    rule = {"rule": "two_part", "collapse": {"below": 1.0}}
    mean = judge(planted(3.0) | {0: 0.0}, rule)
    (item,) = worst_rates(mean)
    assert (mean.effect.n, item.n) == (9, 5)
    few = dict.fromkeys(range(9), 0.0)
    exact = judge(planted(3.0) | few, rule)
    assert (exact.ruling.finding, exact.worst) == ("collapses, opposite", ())
