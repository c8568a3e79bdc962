"""The replication panel in print."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from fixbench.reports.sections import replication, verdicts
from fixbench.reports.sections._section import Paragraph, Picture, Table
from fixbench.statistics import Aggregate, Pairing, Superiority
from fixbench.verdicts import ReplicationPanel, adjudicate


def pairing(finding: Any, offset: int | None = None) -> Pairing:
    return Pairing(
        n=10,
        correlation=0.8,
        gain=5.0,
        seeds_saved=40,
        p_value=0.5,
        offset=offset,
        finding=finding,
    )


PANEL = ReplicationPanel(
    documented_in_interval=False,
    documented_in_prediction=True,
    prediction_low=0.5,
    prediction_high=2.0,
    minimum_effect_p=0.25,
    superiority=Superiority(probability=0.9, low=0.75, high=1.0),
    pairing=pairing("gain"),
    sceptical_p=0.03,
    interquartile=Aggregate(value=1.5, low=1.25, high=1.75),
    tasks=3,
    holm_m=9,
    holm_m_within=8,
)


@pytest.fixture
def build(light: Any) -> Any:
    def built(*panels: ReplicationPanel | None) -> Any:
        """The section, the first claims having these panels."""
        measured = [one for one in light.results if one.effect and one.verdict != "withdrawn"]
        chosen = dict(zip((one.id for one in measured), panels, strict=False))
        results = [replace(one, panel=chosen.get(one.id)) for one in light.results]
        inputs = replace(light, results=results).inputs()
        return replication.build(inputs), verdicts.build(inputs)

    return built


def texts(section: Any) -> str:
    return " ".join(block.text for block in section.blocks if isinstance(block, Paragraph))


def test_a_row_says_what_the_panel_says(build: Any) -> None:
    section, table = build(PANEL, ReplicationPanel())
    (found,) = (block for block in section.blocks if isinstance(block, Table))
    first, second = found.rows
    assert first[1:] == ["no / yes", "0.25", "0.90 [0.75, 1.00]", "0.8 (5 times)", "0.030"]
    assert second[1:] == ["– / –", "–", "–", "–", "–"]
    assert len(found.text.columns) == len(found.widths) == len(first)
    text = texts(section)
    assert "Of 1 documented value, the interval of the mean contains 0, that of one run 1." in text
    assert f"{first[0]} spans 3 tasks." in text
    assert "1.50 [1.25, 1.75] (stratified bootstrap)" in text
    assert table.table.caption.endswith("m = 9 for difference, m = 8 for absence.")


def test_nothing_to_print(build: Any) -> None:
    section, table = build(None)
    assert section is None
    assert "m =" not in table.table.caption


def test_pairs_in_doubt_are_said(build: Any) -> None:
    unpaired = replace(PANEL, pairing=pairing("no gain shown"))
    assert "do not look paired" not in texts(build(PANEL, unpaired, unpaired)[0])
    assert "do not look paired" in texts(build(unpaired, unpaired, unpaired)[0])
    moved = replace(PANEL, pairing=pairing("other pairs correlate more", 1))
    text = texts(build(moved, moved, PANEL)[0])
    assert "In 2, another assignment of seeds" in text
    assert "do not look paired" in text


def test_one_line_for_each_claim_in_the_picture(build: Any) -> None:
    section, _ = build(PANEL, PANEL)
    (picture,) = (block for block in section.blocks if isinstance(block, Picture))
    assert picture.figure.alternative.count("one run [0.5, 2]") == 2
    without, _ = build(PANEL, replace(PANEL, prediction_low=None, prediction_high=None))
    (other,) = (block for block in without.blocks if isinstance(block, Picture))
    thin = re.compile(r"stroke-width: 0\.7\b")
    count = len(thin.findall(picture.figure.svg))
    assert count == len(thin.findall(other.figure.svg)) + 1


def test_panels_of_judged_claims_are_printed(light: Any) -> None:
    results = adjudicate(light.ablation, light.frame, tier="small")
    section = replication.build(replace(light, results=results).inputs())
    assert section is not None
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    assert [row[0] for row in table.rows] == [one.id for one in results if one.panel is not None]
