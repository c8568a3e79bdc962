"""The published verdicts of the first ablation, worked out again from its rows by other code.

As a reader would in a notebook: the claims expanded by `expansion.py`, the rows with pandas, the
tests of scipy and statsmodels, and the rules as README and CONTRIBUTING state them. Nothing of
fixbench is imported. The rows stand beside the published report and were collected by

    fixbench rows cross_attention_scale --tier small \
        --results results/cross_attention_scale/small/*/*.parquet \
        --output reports/reference/small/cross_attention_scale.parquet
"""

import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

ROOT = Path(__file__).parents[2]
TIER = "small"
REFERENCE = ROOT / "reports" / "reference" / TIER
ROWS = pd.read_parquet(REFERENCE / "cross_attention_scale.parquet").sort_values(["seed", "step"])
PUBLISHED = {
    row["id"]: row
    for row in json.loads((REFERENCE / "claims.json").read_text())
    if row["ablation"] == "cross_attention_scale"
}
EXPAND = runpy.run_path(str(Path(__file__).with_name("expansion.py")))["claims"]
CLAIMS = EXPAND("cross_attention_scale")
TESTED = {
    key: claim
    for key, claim in CLAIMS.items()
    if claim["decision"]["rule"] in ("difference", "no_difference")
}


def cell(term: Any) -> Any:
    """The readings of a term, which `at` selects, in the order of seeds and steps."""
    found = ROWS[(ROWS["variant"] == term["variant"]) & (ROWS["stage"] == term["stage"])]
    found = found[found["metric"] == term["metric"]]
    at = term["at"]
    if at in ("first", "last"):
        return found.drop_duplicates("seed", keep=at)
    return found if at == "mean" else found[found["step"] == at]


def on_log_scale(effect: Any) -> bool:
    return effect["scale"] == "log"


def per_seed(effect: Any) -> Any:
    """One number a seed; None where a variant did not run."""
    total: Any = 0.0
    for term in effect["terms"]:
        found = cell(term)
        if found.empty:
            return None
        values = np.log(found["value"]) if on_log_scale(effect) else found["value"]
        total = total + term["weight"] * values.groupby(found["seed"]).mean()
    assert total.notna().all(), "every seed in every variant"
    return total.to_numpy()


def without_variance(x: Any) -> bool:
    return np.ptp(x) <= 1e-9 * np.abs(x).max()


def summary(effect: Any, null: Any = None) -> list[Any]:
    """Estimate, interval and two-sided p; the first three as ratios for logarithms."""
    x = per_seed(effect)
    origin = 0.0 if null is None else (np.log(null) if on_log_scale(effect) else null)
    if without_variance(x):
        numbers = [np.median(x)] * 3
        p = 1.0 if np.isclose(numbers[0], origin) else 2 / 2 ** len(x)
    else:
        described = DescrStatsW(x)
        numbers = [described.mean, *described.tconfint_mean(0.05)]
        p = described.ttest_mean(origin)[1]
    return [*(np.exp(numbers) if on_log_scale(effect) else numbers), p]


def null_of(claim: Any) -> Any:
    null = claim["decision"]["null"]
    return float(on_log_scale(claim["effect"])) if null is None else null


def margins(claim: Any) -> Any:
    """The values too small to matter, on the scale of the test."""
    margin = claim["decision"]["margin"]
    if on_log_scale(claim["effect"]):
        return np.log(null_of(claim)) + np.log(margin) * np.array([-1, 1])
    return null_of(claim) + margin * np.array([-1, 1])


def equivalence(claim: Any) -> Any:
    x, (low, high) = per_seed(claim["effect"]), margins(claim)
    if without_variance(x):
        return 0.5 ** len(x) if low < np.median(x) < high else 1.0
    return DescrStatsW(x).ttost_mean(low, high)[0]


def lies(item: Any, names: Any) -> Any:
    """Whether the whole interval lies above the one bound and below the other."""
    _, low, high, _ = summary(item["effect"])
    above, below = (item[name] for name in names)
    return (above is None or low > above) and (below is None or high < below)


def explains(control: Any) -> Any:
    bounds = ("explains_above", "explains_below")
    return any(control[name] is not None for name in bounds) and lies(control, bounds)


def measured(items: Any) -> list[Any]:
    return [item for item in items if per_seed(item["effect"]) is not None]


def adjusted(p_values: Any) -> Any:
    family = {key: p_values[key] for key, claim in TESTED.items() if claim["primary"]}
    values = [1.0 if p is None else p for p in family.values()]
    return dict(zip(family, multipletests(values, method="holm")[1], strict=True))


RAN = {key for key, claim in TESTED.items() if per_seed(claim["effect"]) is not None}
P = {
    key: summary(claim["effect"], claim["decision"]["null"])[3] if key in RAN else None
    for key, claim in TESTED.items()
}
P_ABSENT = {key: equivalence(claim) if key in RAN else None for key, claim in TESTED.items()}
P_ADJUSTED, P_ABSENT_ADJUSTED = adjusted(P), adjusted(P_ABSENT)


def verdict(key: Any) -> Any:
    claim = CLAIMS[key]
    decision = claim["decision"]
    if decision["rule"] == "property":
        whole = all((cell(term)["value"] == 1).all() for term in claim["effect"]["terms"])
        return "holds" if whole else "does not hold"
    if key not in RAN:
        return "not testable"
    if not all(lies(item, ("above", "below")) for item in claim["preconditions"]):
        return "not testable"
    log = on_log_scale(claim["effect"])
    estimate, low, high, _ = summary(claim["effect"], decision["null"])
    null = null_of(claim)
    different = P_ADJUSTED.get(key, P[key]) < 0.05
    equivalent = P_ABSENT_ADJUSTED.get(key, P_ABSENT[key]) < 0.05
    if decision["rule"] == "no_difference":
        least, most = np.exp(margins(claim)) if log else margins(claim)
        if not equivalent:
            beyond = different and (high < least or low > most)
            return "reversed" if beyond else "inconclusive"
        found = "reproduced"
    elif equivalent:
        return "absent"
    elif not different:
        return "inconclusive"
    elif (estimate > null) != (decision["direction"] == "greater"):
        return "reversed"
    else:
        found = "reproduced"
        if (tolerance := decision["tolerance"]) is not None:
            size = claim["documented"]["value"]
            near = size is not None and (
                size / tolerance <= low and high <= size * tolerance
                if log
                else size - tolerance <= low and high <= size + tolerance
            )
            found = "reproduced" if near else "direction only"
    if any(explains(control) for control in measured(claim["controls"])):
        return "confounded"
    return found


def close(number: Any) -> Any:
    return pytest.approx(number, rel=1e-6, abs=1e-12)


def test_the_rows_are_a_complete_run() -> None:
    assert set(ROWS["status"]) == {"ok"}, "a failed run would have to be imputed here too"
    assert set(ROWS["ablation"]) == {"cross_attention_scale"}
    assert ROWS.groupby("variant")["seed"].nunique().nunique() == 1
    assert set(PUBLISHED) == set(CLAIMS)
    rules = {claim["decision"]["rule"] for claim in CLAIMS.values()}
    assert rules <= {"difference", "no_difference", "property"}, "no other rule is worked out here"
    assert len(RAN) > 8


@pytest.mark.parametrize("key", CLAIMS)
def test_verdict(key: Any) -> None:
    assert verdict(key) == PUBLISHED[key]["verdict"]


@pytest.mark.parametrize("key", sorted(RAN))
def test_numbers(key: Any) -> None:
    claim, row = CLAIMS[key], PUBLISHED[key]
    found = summary(claim["effect"], claim["decision"]["null"])
    names = ("measured", "interval_low", "interval_high", "p_raw")
    assert found == [close(row[name]) for name in names]
    assert row["n"] == len(per_seed(claim["effect"]))
    assert P_ABSENT[key] == close(row["p_equivalence"])
    if claim["primary"]:
        assert P_ADJUSTED[key] == close(row["p_adjusted"])
        assert P_ABSENT_ADJUSTED[key] == close(row["p_equivalence_adjusted"])


@pytest.mark.parametrize("key", CLAIMS)
def test_controls_and_preconditions(key: Any) -> None:
    for kind, judged, holds in (
        ("controls", "explains", explains),
        ("preconditions", "met", lambda item: lies(item, ("above", "below"))),
    ):
        declared = measured(CLAIMS[key][kind])
        assert [item["name"] for item in PUBLISHED[key][kind]] == [
            item["name"] for item in declared
        ]
        for item, row in zip(declared, PUBLISHED[key][kind], strict=True):
            names = ("measured", "interval_low", "interval_high")
            assert summary(item["effect"])[:3] == [close(row[name]) for name in names]
            assert holds(item) == row[judged]


def test_properties_are_shares_of_all_readings() -> None:
    for key, claim in CLAIMS.items():
        if claim["decision"]["rule"] == "property":
            values = pd.concat([cell(term)["value"] for term in claim["effect"]["terms"]])
            assert (values == 1).mean() == PUBLISHED[key]["measured"]
