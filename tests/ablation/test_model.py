"""What the rest of the package reads of an ablation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fixbench.ablation import flatten, load_ablation

TOY = Path(__file__).parents[1] / "fixtures" / "ablations" / "toy"
CONCLUSION = {"text": "Take the larger step.", "given": {"TY01": "reproduced"}}

Write = Callable[[dict[str, Any]], Path]


def test_options_are_baseline_then_tier_then_variant() -> None:
    ablation = load_ablation(TOY)
    assert ablation.at("smoke").options("slow") == {
        "data": {"samples": 32, "noise": 0.1},
        "optimiser": {"learning_rate": 0.001},
        "training": {"steps": 12},
    }
    assert ablation.at("small").options("fast") == ablation.baseline
    assert ablation.at("smoke").difference("slow") == {"optimiser.learning_rate": (0.1, 0.001)}
    assert ablation.at("small").difference("continued") == {}
    # The ablation itself stays as it was read.
    assert ablation.baseline["training"]["steps"] == 20


def test_variants_of_a_tier_keep_order_and_leave_out_other_tiers(
    toy: dict[str, Any], write: Write
) -> None:
    toy["variants"]["slow"]["tiers"] = ["small"]
    ablation = load_ablation(write(toy))
    assert list(ablation.at("smoke").variants) == ["fast", "unstable", "continued"]
    assert list(ablation.at("small").variants) == ["fast", "slow", "unstable", "continued"]


def test_a_conclusion_supposes_one_verdict_or_any_of_several(
    toy: dict[str, Any], write: Write
) -> None:
    several = {"text": "t", "given": {"TY01": ["absent", "reversed"]}}
    toy["conclusions"] = [CONCLUSION, several]
    conclusions = load_ablation(write(toy)).conclusions
    assert [c.given for c in conclusions] == [{"TY01": ["reproduced"]}, several["given"]]
    assert load_ablation(TOY).conclusions == []


def test_a_threat_is_text_or_names_claims(toy: dict[str, Any], write: Write) -> None:
    toy["threats"] = ["general", {"claims": ["TY01"], "text": "special"}]
    threats = load_ablation(write(toy)).threats
    assert [(t.claims, t.text) for t in threats] == [(None, "general"), (["TY01"], "special")]


def test_bundle_may_change_several_groups(toy: dict[str, Any], write: Write) -> None:
    changes = {"optimiser.learning_rate": 1.0, "training.steps": 3}
    toy["variants"]["slow"] = {"reason": "", "bundle": True, "changes": changes}
    assert load_ablation(write(toy)).variants["slow"].changes == changes


def test_flatten() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": []}}, "e": {}}) == {"a.b": 1, "a.c.d": [], "e": {}}
