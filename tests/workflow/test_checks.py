"""What so few seeds cannot settle, and what a tier leaves out, by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fixbench.ablation import Ablation, Claim, load_ablation
from fixbench.statistics import proportion
from fixbench.workflow import left_out, unreachable

TOY = Path(__file__).parents[1] / "fixtures" / "ablations" / "toy" / "ablation.yaml"


def ablation(*decisions: dict[str, Any], primary: bool = True) -> Ablation:
    toy = load_ablation(TOY)
    content = toy.claims[0].model_dump()
    claims = [
        Claim.model_validate({**content, "id": f"TY0{i}", "primary": primary, "decision": decision})
        for i, decision in enumerate(decisions)
    ]
    return toy.model_copy(update={"claims": claims})


DIFFERENCE = {"rule": "difference", "direction": "less", "margin": 0.1}
SHARE = {"rule": "share", "direction": "greater", "null": 0.7}


def test_a_family_beyond_the_sign_test() -> None:
    # 2 · 2/2⁶ > 0.05 > 2 · 2/2⁷.
    assert unreachable(ablation(DIFFERENCE, DIFFERENCE), 6) == [
        "seeds that all agree (sign test) cannot settle a family of 2 claims: it takes 7 seeds "
        "(the t-test of seeds that vary has no such floor)"
    ]
    assert unreachable(ablation(DIFFERENCE, DIFFERENCE), 7) == []
    assert unreachable(ablation(DIFFERENCE, primary=False), 1) == []


@pytest.mark.parametrize("decision", [SHARE, {**SHARE, "direction": "less", "null": 0.3}])
def test_a_share_that_even_all_seeds_cannot_show(decision: dict[str, Any]) -> None:
    # 2 · 0.7¹⁰ = 0.056, 2 · 0.7¹¹ = 0.040.
    assert unreachable(ablation(decision), 10) == [
        "the exact test of TY00 cannot: it takes 11 seeds"
    ]
    assert unreachable(ablation(decision), 11) == []
    assert proportion(10, 10, null=0.7).p_value > 0.05 > proportion(11, 11, null=0.7).p_value
    # In a family of two it takes 4 · 0.7ⁿ < 0.05, so 13; outside of it 11 as before.
    assert "TY01 cannot: it takes 13 seeds" in unreachable(ablation(DIFFERENCE, decision), 12)[0]
    assert unreachable(ablation(DIFFERENCE, decision, primary=False), 11) == []


def test_claims_that_a_tier_leaves_out() -> None:
    toy = load_ablation(TOY)
    assert left_out(toy, "smoke") == []
    slow = toy.variants["slow"].model_copy(update={"tiers": ["small"]})
    partial = toy.model_copy(update={"variants": {**toy.variants, "slow": slow}})
    # TY01 compares with slow.
    assert (left_out(partial, "smoke"), left_out(partial, "small")) == (["TY01"], [])
