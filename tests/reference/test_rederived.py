"""The published verdicts of the first ablation, worked out again from its rows by other code.

As a reader would in a notebook: the claims expanded by `expansion.py`, the rows with pandas, the
tests of scipy and statsmodels, and the rules as README and CONTRIBUTING state them. Only what it
is compared with comes from fixbench: the published verdicts, and those judged anew. The rows
stand beside the published report and were collected by

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
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from fixbench.ablation import load_ablation
from fixbench.verdicts import adjudicate

ROOT = Path(__file__).parents[2]
TIER = "small"
REFERENCE = ROOT / "reports" / "reference" / TIER
ROWS = pd.read_parquet(REFERENCE / "cross_attention_scale.parquet").sort_values(["seed", "step"])
PUBLISHED = {
    row["id"]: row
    for row in json.loads((REFERENCE / "claims.json").read_text())["claims"]
    if row["ablation"] == "cross_attention_scale"
}
EXPAND = runpy.run_path(str(Path(__file__).with_name("expansion.py")))["claims"]
CLAIMS = EXPAND("cross_attention_scale")
FRESH = {
    result.id: result
    for result in adjudicate(
        load_ablation(ROOT / "ablations" / "cross_attention_scale"),
        ROWS.assign(file="rows"),
        tier=TIER,
    )
}
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


def sides(item: Any, names: Any) -> tuple[float, float]:
    """p that the effect lies between its bounds, and that it lies outside: one-sided, doubled."""
    x = per_seed(item["effect"])
    if x is None:
        return 1.0, 1.0
    inner: list[float] = []
    outer: list[float] = []
    for name, within, beyond in zip(names, ("greater", "less"), ("less", "greater"), strict=True):
        if item[name] is None:
            continue
        bound = np.log(item[name]) if on_log_scale(item["effect"]) else item[name]
        for found, side in ((inner, within), (outer, beyond)):
            if without_variance(x):
                right = np.median(x) > bound if side == "greater" else np.median(x) < bound
                found.append(2 * 0.5 ** len(x) if right else 1.0)
            else:
                found.append(min(1.0, 2 * stats.ttest_1samp(x, bound, alternative=side).pvalue))
    return max(inner), min(outer)


def holm_of(values: Any) -> Any:
    return multipletests(values, method="holm")[1] if values else []


def states(items: Any, names: Any, words: Any, *, adjust: int) -> list[str | None]:
    """The word of each item: inside, outside, or open; ``adjust`` says which p gets Holm's."""
    decide = [item for item in items if any(item[name] is not None for name in names)]
    p = [list(sides(item, names)) for item in decide]
    known = [index for index, item in enumerate(decide) if per_seed(item["effect"]) is not None]
    for index, value in zip(known, holm_of([p[index][adjust] for index in known]), strict=True):
        p[index][adjust] = value
    found = {
        item["name"]: words[0] if inner < 0.05 else words[1] if outer < 0.05 else "open"
        for item, (inner, outer) in zip(decide, p, strict=True)
    }
    return [found.get(item["name"]) for item in items]


def control_states(claim: Any) -> list[str | None]:
    bounds = ("explains_above", "explains_below")
    return states(claim["controls"], bounds, ("explains", "ruled out"), adjust=0)


def precondition_states(claim: Any) -> list[str | None]:
    return states(claim["preconditions"], ("above", "below"), ("met", "unmet"), adjust=1)


def beyond(claim: Any) -> float:
    """p that the effect is beyond the margin on one side."""
    x = per_seed(claim["effect"])
    low, high = margins(claim)
    if without_variance(x):
        return 1.0 if low <= np.median(x) <= high else 2 * 0.5 ** len(x)
    below, above = (
        stats.ttest_1samp(x, bound, alternative=side).pvalue
        for bound, side in ((low, "less"), (high, "greater"))
    )
    return min(1.0, 2 * min(below, above))


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
P_BEYOND = {key: beyond(claim) if key in RAN else None for key, claim in TESTED.items()}
P_ADJUSTED, P_ABSENT_ADJUSTED = adjusted(P), adjusted(P_ABSENT)
P_BEYOND_ADJUSTED = adjusted(P_BEYOND)


def zone(key: Any) -> str:
    """What the effect of a tested claim gives by itself."""
    claim = CLAIMS[key]
    decision = claim["decision"]
    estimate, low, high, _ = summary(claim["effect"], decision["null"])
    different = P_ADJUSTED.get(key, P[key]) < 0.05
    equivalent = P_ABSENT_ADJUSTED.get(key, P_ABSENT[key]) < 0.05
    matters = P_BEYOND_ADJUSTED.get(key, P_BEYOND[key]) < 0.05
    if decision["rule"] == "no_difference":
        return "reproduced" if equivalent else "refuted" if matters else "inconclusive"
    documented = (estimate > null_of(claim)) == (decision["direction"] == "greater")
    if equivalent:
        return "negligible" if different and documented else "absent"
    if not different:
        return "inconclusive"
    if not documented:
        return "reversed"
    tolerance, size = decision["tolerance"], claim["documented"]["value"]
    if tolerance is None:
        return "reproduced" if matters else "direction only"
    if size is None:
        return "direction only"
    log = on_log_scale(claim["effect"])
    least, most = (
        (size / tolerance, size * tolerance) if log else (size - tolerance, size + tolerance)
    )
    if high < least or low > most:
        return "another size"
    return "reproduced" if matters and least <= low and high <= most else "direction only"


def verdict(key: Any) -> Any:
    claim = CLAIMS[key]
    if claim["decision"]["rule"] == "property":
        whole = all((cell(term)["value"] == 1).all() for term in claim["effect"]["terms"])
        return "holds" if whole else "does not hold"
    if key not in RAN or any(per_seed(item["effect"]) is None for item in claim["preconditions"]):
        return "not testable"
    needed, rivals = precondition_states(claim), control_states(claim)
    found = zone(key)
    if "unmet" in needed:
        return "not testable"
    if found == "inconclusive":
        return found
    if "open" in needed:
        return "unresolved"
    if found in ("reproduced", "direction only", "another size"):
        if "explains" in rivals:
            return "confounded"
        if "open" in rivals:
            return "unresolved"
    return found


def together(key: Any) -> str:
    found = control_states(CLAIMS[key])
    return next((word for word in ("explains", "open", "ruled out") if word in found), "none")


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
    assert together(key) == PUBLISHED[key]["control"]


@pytest.mark.parametrize("key", CLAIMS)
def test_the_rows_judged_anew_give_the_same(key: Any) -> None:
    assert (FRESH[key].verdict, FRESH[key].control) == (verdict(key), together(key))
    for items, found in (
        (FRESH[key].controls, control_states(CLAIMS[key])),
        (FRESH[key].preconditions, precondition_states(CLAIMS[key])),
    ):
        if items:
            assert [item.state for item in items] == [state for state in found if state is not None]


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
    claim = CLAIMS[key]
    for kind, found in (
        ("controls", control_states(claim)),
        ("preconditions", precondition_states(claim)),
    ):
        states_of = {item["name"]: state for item, state in zip(claim[kind], found, strict=True)}
        declared = {item["name"]: item for item in claim[kind]}
        for row in PUBLISHED[key][kind]:
            assert row["state"] == states_of[row["name"]]
            item = declared[row["name"]]
            if per_seed(item["effect"]) is None:
                continue
            names = ("measured", "interval_low", "interval_high")
            assert summary(item["effect"])[:3] == [close(row[name]) for name in names]


def test_properties_are_shares_of_all_readings() -> None:
    for key, claim in CLAIMS.items():
        if claim["decision"]["rule"] == "property":
            values = pd.concat([cell(term)["value"] for term in claim["effect"]["terms"]])
            assert (values == 1).mean() == PUBLISHED[key]["measured"]
