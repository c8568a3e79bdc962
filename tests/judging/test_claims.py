"""Claims that Python writes: the rule that each gets, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import fixbench
from fixbench import Claim
from fixbench.errors import InputError


def arm(frame: pd.DataFrame, name: str, metric: str = "accuracy") -> np.ndarray[Any, Any]:
    return np.asarray(frame[frame["method"] == name][metric], dtype=float)


def judged(frame: pd.DataFrame, **claim: Any) -> Any:
    """The comparison of one claim on mixup."""
    claim = {"treatment": "mixup", "metric": "accuracy"} | claim
    return fixbench.compare(frame, claims=Claim("what is claimed", **claim))


@pytest.mark.parametrize(
    ("claim", "rule", "direction", "verdict"),
    [
        ({}, "direction", "greater", "direction only"),
        ({"expects": "worse"}, "direction", "less", "reversed"),
        ({"metric": "loss", "expects": "greater"}, "direction", "greater", "inconclusive"),
        ({"metric": "loss", "treatment": "cutout"}, "direction", "less", "reversed"),
        ({"smallest_effect": 0.005}, "difference", "greater", "reproduced"),
        ({"smallest_effect": 0.1}, "difference", "greater", "negligible"),
        ({"smallest_effect": 0.1, "expects": "no difference"}, "no_difference", None, "reproduced"),
        ({"smallest_effect": 0.005, "expects": "no difference"}, "no_difference", None, "refuted"),
        ({"smallest_effect": 0.005, "expects": "not worse"}, "not_worse", "greater", "reproduced"),
        (
            {"smallest_effect": 0.01, "documented": 0.02, "tolerance": 0.01},
            "difference",
            "greater",
            "reproduced",
        ),
        (
            {"smallest_effect": 0.005, "documented": 0.2, "tolerance": 0.01},
            "difference",
            "greater",
            "another size",
        ),
    ],
)
def test_a_claim_gets_its_rule_and_its_verdict(
    claim: dict[str, Any], rule: str, direction: str | None, verdict: str, wide: pd.DataFrame
) -> None:
    comparison = judged(wide, **claim)
    (declared,) = comparison.ablation.claims
    assert declared.decision.rule == rule
    assert declared.decision.direction == direction
    assert declared.statement == "what is claimed"
    assert comparison.verdicts == {"what is claimed": verdict}
    assert declared.documented.value == claim.get("documented")


def test_absence_is_shown_by_two_one_sided_tests(wide: pd.DataFrame) -> None:
    a, b = arm(wide, "mixup"), arm(wide, "baseline")
    table = judged(wide, smallest_effect=0.1, expects="no difference").table
    ends = (
        stats.ttest_rel(a + 0.1, b, alternative="greater").pvalue,
        stats.ttest_rel(a - 0.1, b, alternative="less").pvalue,
    )
    assert table["p_equivalence"][0] == pytest.approx(max(ends))


def test_a_ratio_is_tested_on_logarithms(wide: pd.DataFrame) -> None:
    table = judged(wide, scale="log", metric="loss").table
    a, b = np.log(arm(wide, "mixup", "loss")), np.log(arm(wide, "baseline", "loss"))
    test = stats.ttest_rel(a, b)
    assert table["effect"][0] == pytest.approx(np.exp((a - b).mean()))
    assert table["p"][0] == pytest.approx(test.pvalue)
    assert (table["low"][0], table["high"][0]) == pytest.approx(np.exp(test.confidence_interval()))


def test_claims_are_one_family_and_may_have_baselines_of_their_own(wide: pd.DataFrame) -> None:
    comparison = fixbench.compare(
        wide,
        metric="accuracy",
        baseline="baseline",
        claims=[
            Claim("mixup helps", treatment="mixup"),
            Claim("mixup beats cutout", treatment="mixup", baseline="cutout"),
        ],
    )
    table = comparison.table
    assert table["baseline"].tolist() == ["baseline", "cutout"]
    raw = [
        stats.ttest_rel(arm(wide, "mixup"), arm(wide, name)).pvalue for name in table["baseline"]
    ]
    assert table["p"].tolist() == pytest.approx(raw)
    low, high = sorted(raw)
    assert sorted(table["p_holm"]) == pytest.approx([2 * low, max(2 * low, high)])
    assert str(comparison).splitlines()[1].startswith("claim ")


def test_claims_without_pairs_are_tested_by_welch(wide: pd.DataFrame) -> None:
    frame = wide[(wide["method"] != "cutout") | (wide["seed"] < 4)]
    claims = [Claim(f"{name} helps", treatment=name) for name in ("mixup", "cutout")]
    table = fixbench.compare(frame, metric="accuracy", claims=claims).table
    assert table["paired"].tolist() == [True, False]
    test = stats.ttest_ind(arm(frame, "cutout"), arm(frame, "baseline"), equal_var=False)
    assert table["p"][1] == pytest.approx(test.pvalue)


def test_the_smallest_effect_of_the_comparison_holds_for_claims_without_one(
    wide: pd.DataFrame,
) -> None:
    claims = [
        Claim("a", treatment="mixup"),
        Claim("b", treatment="mixup", smallest_effect=0.01),
        # A difference is no factor.
        Claim("c", treatment="mixup", scale="log"),
    ]
    found = fixbench.compare(wide, metric="accuracy", smallest_effect=0.02, claims=claims)
    assert [claim.decision.margin for claim in found.ablation.claims] == [0.02, 0.01, None]


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ({"treatment": "mixip"}, "claim 'what is claimed': treatment is 'mixip'; .* mean 'mixup'"),
        ({"baseline": "base line"}, "baseline is 'base line'; expected a variant: did you mean"),
        ({"treatment": "baseline"}, "another variant than the baseline: there are 'mixup'"),
        ({"metric": "los"}, "metric is 'los'; expected a metric: did you mean 'loss'"),
        ({"metric": None}, "metric; expected a metric: there are 'accuracy', 'loss'"),
        ({"stage": "test"}, "stage is 'test'; expected a stage: there are 'run'"),
        ({"expects": "bigger"}, "expects is 'bigger'; expected one of 'better'"),
        ({"scale": "ratio"}, "scale is 'ratio'; expected 'plain'"),
        ({"smallest_effect": 0}, "smallest_effect is 0; expected a positive number"),
        ({"smallest_effect": True}, "smallest_effect is True; expected a positive number"),
        ({"smallest_effect": 0.5, "scale": "log"}, "is 0.5; expected a factor above 1"),
        ({"documented": float("nan")}, "documented is nan; expected a finite number"),
        ({"documented": -1, "scale": "log"}, "documented is -1; .* a positive ratio"),
        ({"documented": -0.1}, "documented is -0.1; expected a number on the side .* greater"),
        ({"tolerance": 0.1}, "tolerance is 0.1; expected no tolerance without 'documented'"),
        ({"documented": 0.1, "tolerance": 0.1}, "smallest_effect; expected the smallest diff"),
        ({"expects": "no difference"}, "smallest_effect; expected the smallest difference"),
        (
            {"expects": "not worse", "documented": 0.1, "tolerance": 1, "smallest_effect": 1},
            "tolerance is 1; expected none where 'expects' is 'not worse'",
        ),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused(
    claim: dict[str, Any], message: str, wide: pd.DataFrame
) -> None:
    with pytest.raises(InputError, match=message):
        judged(wide, **claim)


def test_better_needs_a_direction(wide: pd.DataFrame) -> None:
    frame = wide.rename(columns={"accuracy": "width"})
    with pytest.raises(InputError, match="expects is 'better'; expected 'greater' or 'less'"):
        judged(frame, metric="width")
    claim = Claim("it is", treatment="mixup", metric="width")
    found = fixbench.compare(frame, claims=claim, better={"width": "lower"})
    assert found.ablation.claims[0].decision.direction == "less"


def test_a_statement_names_one_claim(wide: pd.DataFrame) -> None:
    claim = Claim("it is", treatment="mixup", metric="loss")
    with pytest.raises(InputError, match="claims: 1 is 'it is'; expected each statement once"):
        fixbench.compare(wide, claims=[claim, claim])
    with pytest.raises(InputError, match="statement is ''; expected the claim in words"):
        Claim("", treatment="mixup")


def test_a_file_of_claims_is_judged_and_its_faults_are_named(
    wide: pd.DataFrame, tmp_path: Any
) -> None:
    fixbench.compare(wide).report(tmp_path)
    path = tmp_path / "results" / "claims.yaml"
    assert fixbench.compare(wide, claims=path).verdicts == {
        f"{name[1]} {name[0]}": verdict
        for name, verdict in zip(
            [
                ("mixup vs baseline, accuracy", "JA01"),
                ("cutout vs baseline, accuracy", "JA02"),
                ("mixup vs baseline, loss", "JA03"),
                ("cutout vs baseline, loss", "JA04"),
            ],
            fixbench.compare(wide).verdicts.values(),
            strict=True,
        )
    }
    broken = tmp_path / "broken.yaml"
    broken.write_text(path.read_text().replace("rule: direction", "rule: directoin", 1))
    with pytest.raises(InputError, match=r"broken\.yaml.*directoin"):
        fixbench.compare(wide, claims=broken)
