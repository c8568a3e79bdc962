"""Failed runs, what is scaled down, and threats."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fixbench.reports.sections import failures, scaled_down
from fixbench.reports.sections._section import Paragraph


def test_failed_runs_are_counted_once_each(page: Any, planted: Any) -> None:
    assert page.of_id("failures").table("Variant", "Status") == [
        ["random_towers", "diverged", "2", "3, 7"]
    ]
    sentence = failures.failed_runs(planted.frame).sentence
    assert sentence.startswith("2 of 140 runs failed")
    assert page.text.count(sentence) == 2  # in the answer, too


def test_no_failed_runs_are_reported_as_none(planted: Any) -> None:
    found = failures.failed_runs(planted.frame[planted.frame["status"] == "ok"])
    assert found.rows == []
    assert found.sentence == "None of the 140 runs failed."


def test_what_is_scaled_down_is_listed(page: Any, light: Any) -> None:
    items = [item.text for item in page.of_id("scaled-down").all("li")]
    assert items == light.ablation.tiers["small"].scaled_down
    bare = light.ablation.tiers["small"].model_copy(update={"scaled_down": []})
    ablation = light.ablation.model_copy(update={"tiers": {"small": bare}})
    (block,) = scaled_down.build(replace(light, ablation=ablation).inputs()).blocks
    assert isinstance(block, Paragraph)


def test_general_threats_come_before_those_to_single_claims(page: Any, latex: str) -> None:
    caveat = "100 % of <one> base_model & #1."
    assert [item.text for item in page.of_id("threats").all("li")] == [
        "A planted table proves nothing.",
        "Towers are not CLIP's.",
        f"CA03, CA08: {caveat}",
    ]
    escaped = r"100 \% of \ensuremath{<}one\ensuremath{>} base\_model \& \#1."
    assert latex.count(rf"\item CA03, CA08: {escaped}") == 1
