"""Why verdicts of several runs differ, from planted tables and from the published ones."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fixbench.cli._main import main
from fixbench.published import read_rows
from fixbench.statistics import standard_error, two_effects_p
from fixbench.verdicts import synthesise

REFERENCE = Path(__file__).parents[2] / "reports" / "reference"


def row(
    values: Any, verdict: str = "reproduced", *, scale: str = "plain", **changes: Any
) -> dict[str, Any]:
    """A row of a table of claims, of seeds' effects on the analysis scale."""
    x = np.asarray(values, dtype=float)
    reach = stats.t.isf(0.025, len(x) - 1) * x.std(ddof=1) / math.sqrt(len(x))
    numbers = [x.mean(), x.mean() - reach, x.mean() + reach]
    measured, low, high = np.exp(numbers) if scale == "log" else numbers
    return {
        "id": "TT01",
        "ablation": "toy",
        "verdict": verdict,
        "measured": measured,
        "interval_low": low,
        "interval_high": high,
        "confidence": 0.95,
        "scale": scale,
        "n": len(x),
        "p_raw": 0.02,
        "p_adjusted": 0.04,
        "p_equivalence": None,
        "p_equivalence_adjusted": None,
        "claim_sha256": "1",
        "preconditions": [],
        "controls": [],
        **changes,
    }


def item(values: Any, **said: Any) -> dict[str, Any]:
    return {**row(values), "name": "a rival", **said}


RANDOM = np.random.default_rng(5)
NEAR, FAR = RANDOM.normal(1, 1, 10), RANDOM.normal(4, 1, 20)


@pytest.mark.parametrize("scale", ["plain", "log"])
def test_heterogeneity_of_two_tables(scale: str) -> None:
    (found,) = synthesise(
        {"one": [row(NEAR, scale=scale)], "two": [row(FAR, "reversed", scale=scale)]}
    )
    errors = [x.std(ddof=1) / math.sqrt(len(x)) for x in (NEAR, FAR)]
    expected = (NEAR.mean() - FAR.mean()) ** 2 / (errors[0] ** 2 + errors[1] ** 2)
    assert found.synthesis is not None
    assert found.synthesis.heterogeneity.q == pytest.approx(expected)
    welch = stats.ttest_ind(NEAR, FAR, equal_var=False).pvalue
    assert found.p_differ == pytest.approx(welch)
    assert found.cause == "effects differ"
    assert found.verdicts == {"one": "reproduced", "two": "reversed"}


def test_less_data() -> None:
    small, large = [0.0, 1.0, 2.0], np.tile([0.0, 1.0, 2.0], 12)
    (found,) = synthesise({"a": [row(small, "inconclusive")], "b": [row(large)]})
    assert found.cause == "less data"
    ratio = np.std(small, ddof=1) / math.sqrt(3) / (np.std(large, ddof=1) / 6)
    assert f"the standard error in a is {ratio:.1f} times that in b" in found.text


def test_only_p_differs() -> None:
    (found,) = synthesise({"a": [row(NEAR)], "b": [row(NEAR, "inconclusive", p_adjusted=0.06)]})
    assert found.cause == "adjusted p"
    assert "a: difference p = 0.0400; b: difference p = 0.0600" in found.text


def test_a_control_explains_in_one_table_only() -> None:
    tables = {
        "a": [row(NEAR, "confounded", controls=[item(NEAR, explains=True)])],
        "b": [row(NEAR, controls=[item(FAR, explains=False)])],
    }
    (found,) = synthesise(tables)
    assert found.cause == "control"
    assert "“a rival” explains the claim in a only, and its own effects differ" in found.text
    tables["b"] = [row(FAR, "reversed", controls=[item(FAR, explains=True)])]
    assert synthesise(tables)[0].cause == "effects differ"


def test_a_precondition_is_met_in_one_table_only() -> None:
    (found,) = synthesise(
        {
            "a": [row(NEAR, "not testable", preconditions=[item(NEAR, met=False)])],
            "b": [row(NEAR, preconditions=[item(NEAR, met=True)])],
        }
    )
    assert found.cause == "precondition"
    assert "“a rival” is not met in a" in found.text


def test_what_cannot_be_compared() -> None:
    keys = ("measured", "interval_low", "interval_high", "n", "scale")
    missing = {**row(NEAR, "not testable"), **dict.fromkeys(keys)}
    (found,) = synthesise({"a": [row(NEAR)], "b": [missing]})
    assert (found.cause, found.synthesis, found.p_differ) == ("not measured", None, None)
    (found,) = synthesise({"a": [row(NEAR)], "b": [row(NEAR, "absent", claim_sha256="2")]})
    assert found.cause == "edited claim"
    share = row(NEAR, measured=1.0, interval_low=0.7, interval_high=1.0)  # exact, not of t
    (found,) = synthesise({"a": [share], "b": [share]})
    assert (found.cause, found.synthesis) == ("same verdict", None)
    assert synthesise({"a": [row(NEAR)], "b": []}) == []


def test_three_tables() -> None:
    tables = {name: [row(NEAR + shift)] for name, shift in (("a", 0), ("b", 0.1), ("c", 0.2))}
    (found,) = synthesise(tables)
    assert found.synthesis is not None
    assert found.synthesis.k == 3
    assert found.p_differ == pytest.approx(stats.chi2.sf(found.synthesis.heterogeneity.q, 2))


def test_error_of_an_interval_and_welchs_p() -> None:
    made = row(NEAR)
    error = standard_error(made["interval_low"], made["interval_high"], n=10, confidence=0.95)
    assert error == pytest.approx(stats.sem(NEAR))
    assert math.isnan(standard_error(0, 1, n=1, confidence=0.95))
    found = two_effects_p(NEAR.mean(), error, 10, FAR.mean(), float(stats.sem(FAR)), 20)
    assert found == pytest.approx(stats.ttest_ind(NEAR, FAR, equal_var=False).pvalue)


def test_published_tiers(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tables = [str(REFERENCE / tier / "claims.json") for tier in ("small", "extended")]
    assert main(["synthesis", *tables, "--output", str(tmp_path / "s.json")]) == 0
    first, second, *lines = capsys.readouterr().out.splitlines()
    written = json.loads((tmp_path / "s.json").read_text())
    rows = [read_rows(Path(table)) for table in tables]
    small, extended = ({row["id"]: row for row in table} for table in rows)
    # An ablation is in the tiers in which it was published.
    pairs = [(row, extended[key]) for key, row in small.items() if key in extended]
    assert len(pairs) == len(extended) > 20
    differing = [a["id"] for a, b in pairs if a["verdict"] != b["verdict"]]
    same = len(pairs) - len(differing)
    assert first == f"{same} of {len(pairs)} verdicts are the same in small, extended"
    assert "Holm" in second
    assert [line.split()[1].removesuffix(":") for line in lines] == differing
    assert [one["id"] for one in written if one["cause"] != "same verdict"] == differing


def test_tables_that_are_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = REFERENCE / "small" / "claims.json"
    wrong, alone = tmp_path / "claims.json", tmp_path / "b" / "claims.json"
    wrong.write_text("[1]")
    alone.parent.mkdir()
    alone.write_text(json.dumps([{"ablation": "x", "id": "y", "verdict": "absent"}]))
    for arguments in ([table], [table, table], [table, wrong], [table, alone]):
        assert main(["synthesis", *map(str, arguments)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "claims.json" in error
