import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from fixbench.verdicts import adjudicate, claims_table

Make = Callable[..., Any]

KEYS = [
    "id",
    "ablation",
    "label",
    "statement",
    "documented",
    "measured",
    "interval_low",
    "interval_high",
    "confidence",
    "scale",
    "p_raw",
    "p_adjusted",
    "p_equivalence",
    "p_equivalence_adjusted",
    "n",
    "n_failed",
    "complete_case",
    "effect_size",
    "seeds_needed",
    "worst_error",
    "verdict",
    "reason",
    "primary",
    "edited",
    "claim_sha256",
    "preconditions",
    "control",
    "controls",
    "panel",
    "levels",
]


@pytest.fixture
def results(make_frame: Any, make_ablation: Any, make_claim: Any, minus: Any) -> Any:
    ablation = make_ablation(
        [
            make_claim(
                {},
                controls=[{"name": "c", "effect": minus("c", "a"), "meaning": "m"}],
            ),
            make_claim(
                {"rule": "not_testable", "direction": None, "margin": None, "reason": "r"},
                id="TT02",
                kind="not_testable",
                effect=None,
            ),
        ]
    )
    frame = make_frame({"a": {0: 1.0}, "b": {0: 4.0}, "c": {0: 2.0}})
    more = make_frame({"a": {1: 1.1, 2: 1.2}, "b": {1: 4.3, 2: 4.1}, "c": {1: 2.3, 2: 2.1}})
    one_seed = adjudicate(ablation, frame, tier="small")
    return one_seed + adjudicate(ablation, pd.concat([frame, more]), tier="small")


def test_rows_have_every_key_in_order_and_no_nan(results: Any) -> None:
    table = claims_table(results)
    assert all(list(row) == KEYS for row in table)
    text = json.dumps(table, allow_nan=False)
    assert json.loads(text) == table
    single, untestable, tested, _ = table
    assert (single["measured"], single["n"], single["interval_low"]) == (3.0, 1, None)
    assert untestable["measured"] is untestable["n"] is untestable["scale"] is None
    assert (untestable["verdict"], untestable["reason"]) == ("not testable", "r.")
    assert tested["p_raw"] == results[2].effect.p_value
    assert tested["controls"] == [
        {
            "name": "c",
            "meaning": "m",
            "measured": results[2].controls[0].effect.estimate,
            "interval_low": results[2].controls[0].effect.low,
            "interval_high": results[2].controls[0].effect.high,
            "scale": "plain",
            "n": 3,
            "n_failed": 0,
            "complete_case": pytest.approx(results[2].controls[0].effect.estimate),
            "state": None,
            "p_explains": None,
            "p_ruled_out": None,
            "seeds_needed": None,
        }
    ]


def test_failed_seeds_are_counted_and_left_out_beside(
    make_frame: Make, make_ablation: Make, make_claim: Make, minus: Make
) -> None:
    rival = {"name": "c", "effect": minus("c", "a"), "meaning": "m"}
    ablation = make_ablation(
        [make_claim({}, controls=[rival], preconditions=[{**rival, "above": 0}])]
    )
    runs = {"a": dict.fromkeys(range(3), 1.0), "b": {0: 4.0, 1: 5.0, 2: 9.0}}
    frame = make_frame({**runs, "c": {0: 2.0, 1: 3.0, 2: 0.0}}, failed=[("b", 0), ("c", 0)])
    (row,) = claims_table(adjudicate(ablation, frame, tier="small"))
    # The worst loss of a and b is 9, of a and c 3; without seed 0 there are 4 and 8, 2 and -1.
    for item, measured, complete in (
        (row, (8 + 4 + 8) / 3, 6.0),
        (row["controls"][0], (2 + 2 - 1) / 3, 0.5),
        (row["preconditions"][0], (2 + 2 - 1) / 3, 0.5),
    ):
        assert (item["n"], item["n_failed"]) == (3, 1)
        assert item["measured"] == pytest.approx(measured)
        assert item["complete_case"] == pytest.approx(complete)


def test_numbers_are_plain_and_survive_a_csv(results: Any) -> None:
    row = claims_table(results)[2]
    assert all(
        type(value) in (str, int, float, bool, list, dict, type(None)) for value in row.values()
    )
    nested = ("preconditions", "controls", "panel", "levels")
    flat = {key: value for key, value in row.items() if key not in nested}
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, flat)
    writer.writeheader()
    writer.writerow(flat)
    (read,) = csv.DictReader(io.StringIO(buffer.getvalue()))
    assert float(read["measured"]) == row["measured"]
    assert float(read["p_adjusted"]) == row["p_adjusted"]


def test_an_interval_that_is_not_finite_is_none(
    make_frame: Make, make_ablation: Make, make_claim: Make, minus: Make
) -> None:
    ablation = make_ablation([make_claim({"margin": 1.1}, effect=minus("b", "a", scale="log"))])
    frame = make_frame({"a": {0: 1.0, 1: 1.0}, "b": {0: 1e-200, 1: 1e200}})
    (row,) = claims_table(adjudicate(ablation, frame, tier="small"))
    assert row["measured"] == pytest.approx(1.0)
    assert row["interval_high"] is None
    json.dumps(row, allow_nan=False)
