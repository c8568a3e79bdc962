"""A published table judged again: from three numbers an effect, as from its rows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fixbench.ablation import load_ablation
from fixbench.analysis import analyse
from fixbench.errors import InputError
from fixbench.published import read_rows
from fixbench.rejudge import Rejudged, _moments, rejudge, rejudge_tables

ROOT = Path(__file__).parents[1]
ABLATIONS = ROOT / "ablations"
REFERENCE = ROOT / "reports" / "reference"
NAMES = ("cross_attention_scale", "lambda_rescaling", "scene_context")


def rows(name: str, tier: str = "small") -> list[dict[str, Any]]:
    table = read_rows(REFERENCE / tier / "claims.json")
    return [row for row in table if row["ablation"] == name]


def again(name: str, table: list[dict[str, Any]]) -> list[Rejudged]:
    return rejudge(load_ablation(ABLATIONS / name / "ablation.yaml"), table, tier="small")


@pytest.mark.parametrize("name", NAMES)
def test_a_table_judged_again_says_what_its_rows_say(name: str) -> None:
    from_rows = analyse(ABLATIONS / name, "small", [REFERENCE / "small" / f"{name}.parquet"])
    from_table = {item.id: item for item in again(name, rows(name))}
    assert len(from_table) == len(from_rows) >= 13
    for result in from_rows:
        found = from_table[result.id]
        assert found.now == result.verdict, result.id
        states = {item.name: item.state for item in result.controls if item.state is not None}
        assert found.controls == states, result.id
        assert found.preconditions == {i.name: i.state for i in result.preconditions}, result.id


@pytest.mark.parametrize("scale", ["plain", "log"])
def test_the_stand_in_gives_the_p_of_the_sample_that_was_published(scale: str) -> None:
    sample = np.random.default_rng(3).gamma(2.0, 0.4, size=11) - 0.2
    ends = stats.t.interval(0.95, 10, np.mean(sample), stats.sem(sample))
    natural = np.exp if scale == "log" else np.asarray
    keys = ("measured", "interval_low", "interval_high")
    item = dict(zip(keys, map(float, natural([np.mean(sample), *ends])), strict=True))
    found = np.array(_moments({**item, "n": 11, "scale": scale}, 0.95))
    analysed = np.log(found) if scale == "log" else found
    for bound in (0.0, 0.4, 1.1):
        expected = stats.ttest_1samp(sample, bound)
        assert stats.ttest_1samp(analysed, bound).pvalue == pytest.approx(expected.pvalue)


def test_an_effect_that_is_the_same_in_all_seeds_stays_so() -> None:
    item = {"measured": 0.3, "interval_low": 0.3, "interval_high": 0.3, "n": 7, "scale": "plain"}
    assert _moments(item, 0.95) == [0.3] * 7


def test_the_published_table_by_hand() -> None:
    """Of some zones one claim, whose place can be read off its printed interval."""
    found = {
        item.id: item
        for item in rejudge_tables(REFERENCE / "small" / "claims.json", ABLATIONS, "small")
    }
    # 0.9996 where 1 within 0.01 is claimed; 0.897 [0.873, 0.922] where the same is.
    assert found["SC01"].now == "reproduced"
    assert found["SC01b"].now == "refuted"
    # -0.0028 [-0.0061, 0.0005] with a margin of 0.01: inside, and not on the documented side.
    assert found["LB14"].now == "absent"
    # 0.116 [0.112, 0.120], documented 0.22 within 0.05: wholly outside.
    assert found["SC03"].now == "another size"
    # The control lies on both sides of its bound.
    assert found["SC02"].now == "unresolved"
    assert list(found["SC02"].controls.values()).count("open") == 1
    # By its own rules a table says what it said.
    assert not any(item.why for item in found.values())


@pytest.mark.parametrize(
    ("claim", "then", "now", "why"),
    [
        ("SC15", "reproduced", "direction only", "that it is at least as large as matters is not"),
        ("SC03", "direction only", "another size", "the whole interval lies outside the tolerance"),
        ("SC01b", "reversed", "refuted", "the document claims no change, and one that matters is"),
        ("SC02", "reproduced", "unresolved", "control 'the same with the old output projection"),
    ],
)
def test_what_moved_from_the_verdict_of_an_older_rule(
    claim: str, then: str, now: str, why: str
) -> None:
    table = [
        row | {"verdict": then} if row["id"] == claim else row for row in rows("scene_context")
    ]
    found = {item.id: item for item in again("scene_context", table)}
    assert (found[claim].then, found[claim].now) == (then, now)
    assert found[claim].why.startswith(why)
    assert not any(item.why for key, item in found.items() if key != claim)


def edited(key: str, value: object, item: str = "") -> list[dict[str, Any]]:
    table = rows("cross_attention_scale")
    row = next(row for row in table if row["id"] == "CA02")
    (row[item][0] if item else row)[key] = value
    return table


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (edited("claim_sha256", "0" * 64), "CA02: claim_sha256"),
        (edited("looks", {"planned": [5, 10]}), "CA02: looks"),
        (edited("n_failed", 1), "CA02: n_failed of the effect"),
        (edited("n_failed", 2, "controls"), "CA02: n_failed of the same check without the fix"),
        (edited("n", 9), r"\[9, 10\].*one number of seeds"),
        (edited("id", "CA99"), "'CA02'.*a row of this claim"),
    ],
)
def test_a_table_that_cannot_be_judged_again_is_refused(
    table: list[dict[str, Any]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        again("cross_attention_scale", table)


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    path.write_text('{"a": 1}')
    with pytest.raises(InputError, match="the table of claims that a run wrote"):
        rejudge_tables(path, ABLATIONS, "small")


def test_a_narrower_interval_decides_what_was_open() -> None:
    table = rows("lambda_rescaling")
    row = next(row for row in table if row["id"] == "LB19")
    (control,) = (item for item in row["controls"] if item["name"] == "the same without rescaling")
    middle = control["measured"]
    for width, verdict in ((0.1, "unresolved"), (1e-5, "reproduced")):
        control["interval_low"], control["interval_high"] = middle - width, middle + width
        (found,) = (item for item in again("lambda_rescaling", table) if item.id == "LB19")
        assert found.now == verdict
        assert math.isclose(middle, control["measured"])
