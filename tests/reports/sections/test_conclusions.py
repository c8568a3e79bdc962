"""A conclusion is printed where its verdicts are found, and only there."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from fixbench.reports.sections import conclusions


def test_conclusions_stand_where_their_verdicts_are_found(page: Any, latex: str) -> None:
    section = page.of_id("conclusions")
    items = section.all("li")
    assert [item.text for item in items] == [
        "Scale by 0.1 <or less>, for my_model at 100 % #1 (CA01, CA04).",
        "Reshape (CA10).",
    ]
    links = [link.attributes["href"] for item in items for link in item.all("a")]
    assert links == ["#CA01", "#CA04", "#CA10"]
    text = page.text
    note = section.all("p")[0].text
    assert text.index("Of 13 claims:") < text.index(note) < text.index("Determinism")
    escaped = (
        r"Scale by 0.1 \ensuremath{<}or less\ensuremath{>}, for my\_model at 100 \% \#1 (CA01,"
    )
    assert rf"\item {escaped} CA04)." in latex
    assert "Use full scale" not in latex


def test_conclusions_left_out_say_what_they_supposed_and_what_was_found(
    planted: Any, latex: str
) -> None:
    section = conclusions.build(planted.inputs())
    assert section is not None
    assert section.left_out in latex
    supposed = re.findall(r"(CA\d+) \(supposed ([a-z ]+), found ([a-z ]+)\)", section.left_out)
    assert supposed == [
        ("CA01", "reversed or absent", "reproduced"),
        ("CA09", "reproduced", "absent"),
        ("CA12", "holds", "does not hold"),
    ]
    assert section.left_out.startswith("2 ")


def test_one_conclusion_left_out_and_none_in_the_smoke_tier(planted: Any) -> None:
    def conclude(tier: str, *places: int) -> Any:
        chosen = [planted.ablation.conclusions[place] for place in places]
        small = planted.ablation.tiers["small"]
        update = {"conclusions": chosen, "tiers": {"small": small, "smoke": small}}
        ablation = planted.ablation.model_copy(update=update)
        return conclusions.build(replace(planted, ablation=ablation, tier=tier).inputs())

    section = conclude("small", 2, 3)
    assert [item.text for item in section.conclusions] == ["Reshape"]
    assert re.findall(r"CA\d+|\(\d\)", section.left_out) == ["CA12"]
    assert conclude("small", 2).left_out == ""
    assert conclude("small") is None
    assert conclude("smoke", 0, 1, 2, 3) is None
