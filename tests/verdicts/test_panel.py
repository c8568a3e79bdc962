"""The replication panel of a judged claim, against the numbers of its seeds."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy import stats

from fixbench.ablation import Documented, claim_hash
from fixbench.analysis import load_claims, save_claims
from fixbench.statistics import pairs_in_doubt
from fixbench.verdicts import ReplicationPanel, adjudicate, claims_table

Make = Callable[..., Any]


@pytest.fixture
def runs() -> dict[str, dict[int, float]]:
    random = np.random.default_rng(2)
    shared = random.normal(5, 1, 10)
    a = dict(enumerate((shared + random.normal(0, 0.1, 10)).tolist()))
    b = dict(enumerate((shared + 2.3 + random.normal(0, 0.3, 10)).tolist()))
    return {"a": a, "b": b}


@pytest.fixture
def judge(make_frame: Make, make_ablation: Make, make_claim: Make) -> Callable[..., Any]:
    def judged(runs: Any, decision: Any = None, failed: Any = (), **changes: Any) -> Any:
        ablation = make_ablation([make_claim(decision or {}, **changes)])
        (result,) = adjudicate(ablation, make_frame(runs, failed=failed), tier="small")
        return result

    return judged


def panel_of(result: Any) -> ReplicationPanel:
    assert isinstance(result.panel, ReplicationPanel)
    return result.panel


def test_documented_value_in_either_interval(judge: Make, runs: Any) -> None:
    effects = np.array([runs["b"][seed] - runs["a"][seed] for seed in range(10)])
    reach = stats.t.isf(0.025, 9) * effects.std(ddof=1)
    inner, outer = reach / math.sqrt(10), reach * math.sqrt(1.1)
    for value, expected in (
        (effects.mean() + 0.9 * inner, (True, True)),
        (effects.mean() + 1.1 * inner, (False, True)),
        (effects.mean() - 0.99 * outer, (False, True)),
        (effects.mean() - 1.01 * outer, (False, False)),
    ):
        panel = panel_of(judge(runs, documented={"text": "x", "value": value}))
        assert (panel.documented_in_interval, panel.documented_in_prediction) == expected
        assert panel.prediction_high == pytest.approx(effects.mean() + outer)
    panel = panel_of(judge(runs, documented={"text": "x"}))
    assert panel.documented_in_interval is panel.documented_in_prediction is None
    assert panel.sceptical_p is None


def test_minimum_effect_is_the_claims_margin_and_direction(judge: Make, runs: Any) -> None:
    effects = [runs["b"][seed] - runs["a"][seed] for seed in range(10)]
    expected = stats.ttest_1samp(effects, 2.2, alternative="greater").pvalue
    assert panel_of(judge(runs, {"margin": 2.2})).minimum_effect_p == pytest.approx(expected)
    less = panel_of(judge(runs, {"margin": 2.2, "direction": "less"})).minimum_effect_p
    assert less is not None
    assert less > 0.99


def test_a_ratio_is_compared_on_its_logarithms(judge: Make, runs: Any, minus: Make) -> None:
    effects = [math.log(runs["b"][seed] / runs["a"][seed]) for seed in range(10)]
    effect = minus("b", "a", scale="log")
    panel = panel_of(
        judge(runs, {"margin": 1.2}, effect=effect, documented={"text": "x", "value": 1.5})
    )
    expected = stats.ttest_1samp(effects, math.log(1.2), alternative="greater").pvalue
    assert panel.minimum_effect_p == pytest.approx(expected)
    reach = stats.t.isf(0.025, 9) * np.std(effects, ddof=1) * math.sqrt(1.1)
    assert panel.prediction_low == pytest.approx(math.exp(np.mean(effects) - reach))
    nothing = {"text": "nothing is left", "value": 0.0}  # no ratio
    panel = panel_of(judge(runs, {"margin": 1.2}, effect=effect, documented=nothing))
    assert panel.documented_in_prediction is None


def test_arms_of_a_contrast(judge: Make, runs: Any) -> None:
    panel = panel_of(judge(runs))
    assert panel.superiority is not None
    assert panel.paired_superiority is not None
    assert panel.pairing is not None
    a, b = (np.array([*runs[name].values()]) for name in "ab")
    wins = np.mean([x > y for x in b for y in a])
    assert panel.superiority.probability == pytest.approx(wins)
    assert panel.paired_superiority.probability == 1
    assert panel.pairing.correlation == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert panel.pairing.finding == "gain"
    assert panel.interquartile is None


def test_failed_runs_are_left_out_of_the_arms(judge: Make, runs: Any) -> None:
    panel = panel_of(judge(runs, failed=[("b", 3), ("a", 5)]))
    assert panel.pairing is not None
    assert panel.pairing.n == 8


def test_a_level_has_no_arms(judge: Make, runs: Any) -> None:
    effect = {"terms": [{"variant": "b", "metric": "loss", "stage": "test"}]}
    panel = panel_of(judge(runs, effect=effect))
    assert panel.superiority is None
    assert panel.pairing is None
    assert panel.prediction_low is not None


def test_several_tasks_have_an_interquartile_mean(
    make_frame: Make, make_ablation: Make, make_claim: Make
) -> None:
    random = np.random.default_rng(4)
    tables = random.normal(0, 1, (2, 10, 2))  # variant, seed, metric
    frame = pd.concat(
        [
            make_frame(
                {
                    name: dict(enumerate(tables[place, :, column].tolist()))
                    for place, name in enumerate("ab")
                },
                metric=metric,
            )
            for column, metric in enumerate(("loss", "score"))
        ]
    )
    terms = [
        {"variant": name, "metric": metric, "stage": "test", "weight": weight / 2}
        for name, weight in (("b", 1), ("a", -1))
        for metric in ("loss", "score")
    ]
    (result,) = adjudicate(
        make_ablation([make_claim({}, effect={"terms": terms})]), frame, tier="small"
    )
    panel = panel_of(result)
    assert panel.superiority is None
    assert panel.tasks == 2
    assert panel.interquartile is not None
    expected = stats.trim_mean(tables[1] - tables[0], 0.25, axis=None)
    assert panel.interquartile.value == pytest.approx(expected)
    assert panel.interquartile.low < expected < panel.interquartile.high


def test_sceptical_p_needs_an_error_in_the_document(judge: Make, runs: Any) -> None:
    assert panel_of(judge(runs)).sceptical_p is None
    sharp = {"text": "+2 (SE 0.2)", "value": 2.0, "error": 0.2}
    vague = {**sharp, "error": 1.5}
    first = panel_of(judge(runs, documented=sharp)).sceptical_p
    second = panel_of(judge(runs, documented=vague)).sceptical_p
    assert first is not None
    assert second is not None
    assert first < 0.001 < 0.05 < second
    other = panel_of(judge(runs, documented={**sharp, "value": -2.0})).sceptical_p
    assert other == pytest.approx(1 - first)


def test_an_error_changes_a_hash_only_where_it_is_declared(make_claim: Make) -> None:
    def hashed(**documented: Any) -> str:
        return claim_hash(make_claim({}, documented=documented))

    assert "error" not in Documented(text="x", value=1).model_dump()
    assert hashed(text="x", value=1.0) == hashed(text="x", value=1.0, error=None)
    assert hashed(text="x", value=1.0) != hashed(text="x", value=1.0, error=0.5)
    for wrong in ({"text": "x", "error": 1}, {"text": "x", "value": 1, "error": 0}):
        with pytest.raises(ValidationError):
            Documented.model_validate(wrong)


def test_holms_m(make_frame: Make, make_ablation: Make, make_claim: Make, runs: Any) -> None:
    ablation = make_ablation(
        [
            make_claim({}),
            make_claim({}, id="TT02"),
            make_claim({}, id="TT03", primary=False),
            make_claim(
                {"rule": "not_testable", "direction": None, "margin": None, "reason": "r"},
                id="TT04",
                kind="not_testable",
                effect=None,
            ),
        ]
    )
    first, _, third, none = adjudicate(ablation, make_frame(runs), tier="small")
    assert (panel_of(first).holm_m, panel_of(first).holm_m_within) == (2, 2)
    assert panel_of(third).holm_m is None
    assert none.panel is None


def test_a_panel_survives_its_files(judge: Make, runs: Any, tmp_path: Path) -> None:
    result = judge(runs)
    save_claims(tmp_path / "claims.json", [result])
    (read,) = load_claims(tmp_path / "claims.json")
    assert read.panel == result.panel
    (row,) = claims_table([result])
    assert row["panel"]["pairing"]["correlation"] == result.panel.pairing.correlation


def test_one_seed_has_no_panel_to_speak_of(judge: Make) -> None:
    panel = panel_of(judge({"a": {0: 1.0}, "b": {0: 3.0}}))
    assert panel.prediction_low is panel.minimum_effect_p is panel.documented_in_interval is None


@pytest.mark.parametrize("offset", [0, 1, -3])
def test_rows_under_other_seeds_than_those_they_belong_to_are_noticed(
    make_frame: Make, make_ablation: Make, make_claim: Make, minus: Make, offset: int
) -> None:
    """Variant b was numbered from another seed on: its runs share nothing with those of a."""
    random = np.random.default_rng(3)
    frames, claims = [], []
    for place, metric in enumerate(("loss", "score", "norm")):
        shared = random.normal(5, 1, 10)
        a, b = shared, np.roll(shared + 2 + random.normal(0, 0.2, 10), offset)
        runs = {"a": dict(enumerate(a.tolist())), "b": dict(enumerate(b.tolist()))}
        frames.append(make_frame(runs, metric=metric))
        effect = minus("b", "a", metric=metric)
        claims.append(make_claim({}, id=f"TT0{place}", effect=effect))
    results = adjudicate(make_ablation(claims), pd.concat(frames), tier="small")
    pairings = [panel_of(result).pairing for result in results]
    # Counted from b, the first arm of the contrast.
    assert [one and one.offset for one in pairings] == [-offset or None] * 3
    assert pairs_in_doubt([one for one in pairings if one is not None]) == bool(offset)
    # The pairs would have saved seeds; the effects do not depend on them.
    for result, one in zip(results, pairings, strict=True):
        assert one is not None
        assert (one.gain > 5) == (offset == 0)
        assert result.effect is not None
        assert result.effect.estimate == pytest.approx(2, abs=0.2)
