"""``claims.json`` for programs: its schema, what it says of a claim, and reading it into pandas."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest

import fixbench
from fixbench.ablation import load_ablation
from fixbench.errors import InputError
from fixbench.published import read_rows, read_table

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "reports" / "reference" / "small" / "claims.json"
SCHEMA = json.loads((ROOT / "config" / "claims_table.schema.json").read_text())


@pytest.fixture
def table() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(SMALL.read_text())
    return content


def write(folder: Path, content: Any) -> Path:
    path = folder / "claims.json"
    path.write_text(json.dumps(content))
    return path


def test_the_published_table_follows_the_published_schema(table: dict[str, Any]) -> None:
    jsonschema.validate(table, SCHEMA)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    # The schema is no empty promise: it refuses what is not in it, and what is missing.
    for change in ({"colour": 1}, {"measured": "1"}, {"scale": "log10"}, {"seeds": None}):
        wrong = table | {"claims": [table["claims"][0] | change]}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)
    short = {key: value for key, value in table["claims"][0].items() if key != "unit"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(table | {"claims": [short]}, SCHEMA)


def test_a_row_says_what_its_claim_declares(table: dict[str, Any]) -> None:
    for row in table["claims"]:
        ablation = load_ablation(ROOT / "ablations" / row["ablation"] / "ablation.yaml")
        (claim,) = (claim for claim in ablation.claims if claim.id == row["id"])
        decision = claim.decision
        assert (row["rule"], row["direction"], row["margin"], row["tolerance"]) == (
            decision.rule,
            decision.direction,
            decision.margin,
            decision.tolerance,
        )
        assert row["documented_value"] == claim.documented.value
        if decision.margin is None or claim.effect is None:
            assert row["margin_low"] is None
            continue
        # The band of no effect, worked out again: a factor on the log scale, else a distance.
        logarithmic = row["quantity"] == "ratio"
        null = decision.null if decision.null is not None else float(logarithmic)
        margin = decision.margin
        band = (null / margin, null * margin) if logarithmic else (null - margin, null + margin)
        assert row["null"] == null
        assert (row["margin_low"], row["margin_high"]) == pytest.approx(band)


def test_adjusted_p_follows_from_the_row(table: dict[str, Any]) -> None:
    rows = [row for row in table["claims"] if row["family_m"] is not None]
    assert rows
    for family in {row["family"] for row in rows}:
        own = sorted((row for row in rows if row["family"] == family), key=lambda row: row["p_raw"])
        m = own[0]["family_m"]
        # Whoever has the rows can do Holm's steps again; claims without a p count as the last ones.
        assert len(own) <= m
        largest = 0.0
        for place, row in enumerate(own):
            largest = min(1.0, max(largest, (m - place) * row["p_raw"]))
            assert row["p_adjusted"] == pytest.approx(largest, rel=1e-9), row["id"]


def test_controls_carry_bounds_and_p(table: dict[str, Any]) -> None:
    controls = [control for row in table["claims"] for control in row["controls"]]
    assert {control["state"] for control in controls} >= {"explains", "ruled out", "open"}
    for control in controls:
        low, high = control["interval_low"], control["interval_high"]
        if control["state"] != "explains" or low is None:
            continue
        above, below = control["explains_above"], control["explains_below"]
        assert (above is None or low > above) and (below is None or high < below)  # noqa: PT018
        assert control["p_explains"] is not None


def test_load_results(table: dict[str, Any], tmp_path: Path) -> None:
    frame = fixbench.load_results(str(SMALL))
    assert isinstance(frame, pd.DataFrame)
    assert frame["id"].tolist() == [row["id"] for row in table["claims"]]
    assert set(frame["tier"]) == {"small"}
    first, row = frame.iloc[0], table["claims"][0]
    assert first["measured"] == row["measured"]
    assert first["controls"][0]["p_explains"] == row["controls"][0]["p_explains"]
    empty = frame.set_index("id").loc["LB05"]
    assert math.isnan(empty["measured"])
    assert empty["n"] is pd.NA
    assert frame["n"].dtype == "Int64"
    assert frame["measured"].dtype == frame["tolerance"].dtype == "float64"
    reproduced = frame[(frame.verdict == "reproduced") & frame.primary]
    assert len(reproduced) == sum(
        item["verdict"] == "reproduced" and item["primary"] for item in table["claims"]
    )

    # A folder: every table in it and below it.
    for name, tier in (("a", "small"), ("b", "smoke")):
        (tmp_path / name).mkdir()
        write(tmp_path / name, table | {"tier": tier, "claims": table["claims"][:2]})
    both = fixbench.load_results(tmp_path)
    assert both.groupby("tier").size().to_dict() == {"small": 2, "smoke": 2}
    assert both["file"].nunique() == 2


def test_no_claims_are_an_empty_frame(table: dict[str, Any], tmp_path: Path) -> None:
    frame = fixbench.load_results(write(tmp_path, table | {"claims": []}))
    assert len(frame) == 0
    assert "measured" in frame


def test_other_versions_are_refused(table: dict[str, Any], tmp_path: Path) -> None:
    message = r"claims.json: version; expected 1; fixbench 0\.2\.0 or older wrote this table"
    with pytest.raises(InputError, match=message):
        fixbench.load_results(write(tmp_path, table["claims"]))
    with pytest.raises(InputError, match=r"version is 2; expected 1; install the fixbench that"):
        fixbench.load_results(write(tmp_path, table | {"version": 2}))
    verdicts = [{"id": "X", "ruling": None}]
    with pytest.raises(InputError, match="these are the verdicts of `fixbench analyse`"):
        fixbench.load_results(write(tmp_path, verdicts))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"measured": "x"}, "claims.0.measured is 'x'; expected Input should be a valid number"),
        ({"colour": 1}, "claims.0.colour is 1; expected Extra inputs are not permitted"),
        ({"id": None}, "claims.0.id; expected Input should be a valid string"),
    ],
)
def test_a_damaged_table_is_refused(
    change: dict[str, Any], message: str, table: dict[str, Any], tmp_path: Path
) -> None:
    path = write(tmp_path, table | {"claims": [table["claims"][0] | change]})
    with pytest.raises(InputError, match=message):
        read_table(path)


@pytest.mark.parametrize("content", ["", "[", "3", '{"a": 1}'])
def test_what_is_no_table_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    path.write_text(content)
    for read in (fixbench.load_results, read_rows):
        with pytest.raises(InputError, match=r"claims.json"):
            read(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"expected a folder with a claims\.json"):
        fixbench.load_results(tmp_path / "empty")


def test_rows_of_every_version_can_be_read(table: dict[str, Any], tmp_path: Path) -> None:
    assert read_rows(SMALL) == table["claims"]
    assert read_rows(write(tmp_path, table["claims"])) == table["claims"]
