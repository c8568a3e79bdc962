"""Facts about the run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fixbench.reports.sections import facts


def test_seeds_are_those_of_the_results_beside_those_of_the_tier(planted: Any) -> None:
    assert dict(facts.build(planted.inputs()).facts)["Seeds"] == "0–9 (10)"
    chosen = replace(planted, frame=planted.frame[planted.frame["seed"] < 4])
    found = dict(facts.build(chosen.inputs()).facts)["Seeds"]
    assert found.startswith("0–3 (4)")
    assert found.endswith("0–9")


def test_facts_stand_on_the_page_in_order(page: Any) -> None:
    found, *_ = page.of_class("facts")
    labels = [label.text for label in found.all("dt")]
    assert labels == ["Tier", "Seeds", "Determinism"]
