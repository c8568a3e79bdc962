"""What a report says of other data, where there are data draws, and nothing where there are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fixbench.reports import _render
from fixbench.reports._inputs import Inputs
from fixbench.reports._report import build_report
from fixbench.reports.sections import data_draws
from fixbench.statistics import crossed_interval, next_hour
from fixbench.verdicts import DataInterval

RANDOM = np.random.default_rng(3)
# Ten seeds on three draws, which scatter ten times as much as seeds.
EFFECTS = (
    np.array([[-1.0, 0.0, 1.0]])
    + 0.1 * RANDOM.normal(size=(10, 1))
    + 0.1 * RANDOM.normal(size=(10, 3))
)


def planted(scale: str) -> DataInterval:
    found = crossed_interval(EFFECTS)
    turn = np.exp if scale == "log" else float
    return DataInterval(
        estimate=float(turn(found.estimate)),
        low=float(turn(found.low)),
        high=float(turn(found.high)),
        confidence=0.95,
        scale=scale,  # type: ignore[arg-type]
        degrees=found.degrees,
        components=found.components,
        by_draw={draw: float(turn(mean)) for draw, mean in enumerate(EFFECTS.mean(axis=0))},
        next=next_hour(found.components),
    )


@pytest.fixture(scope="module")
def drawn(light: Any) -> Inputs:
    """The planted report as if it had been drawn: the first claims with an interval."""
    inputs: Inputs = light.inputs()
    results = [
        replace(result, data=planted(result.effect.scale))
        if result.primary and result.effect is not None and result.proportion is None
        else result
        for result in inputs.results
    ]
    return replace(inputs, frame=inputs.frame.assign(data_seed=0), results=results)


def test_nothing_without_draws(light: Any) -> None:
    assert data_draws.build(light.inputs()) is None


def test_section(drawn: Inputs, pages: Any) -> None:
    report = build_report(drawn, opening=[], sections=[data_draws.build])
    section = pages.read(_render.html("report", report)).of_id("data-draws")
    known = [claim.id for claim, result in drawn.judged if result.data is not None]
    assert len(known) > 2
    rows = section.table("Claim", "Effect", "Seeds", "Seeds and data")
    assert [row[0] for row in rows] == known
    results = {result.id: result for result in drawn.results}
    for row in rows:
        data = results[row[0]].data
        low, high = row[3].strip("[]").split(", ")
        assert pages.close(row[1].split()[0], data.estimate)
        assert pages.close(low, data.low)
        assert pages.close(high, data.high)
        shares = [float(cell.split()[0]) / 100 for cell in row[4:7]]
        assert shares == pytest.approx(data.components.shares, abs=0.005)
        assert row[7] == "a data draw"
    by_draw = section.table("Claim", "Draw 0", "Draw 1", "Draw 2")
    assert [row[0] for row in by_draw] == known
    for row in by_draw:
        for draw, cell in enumerate(row[1:]):
            assert pages.close(cell, results[row[0]].data.by_draw[draw])
    (caption,) = section.all("figcaption")
    assert "one draw each, mean over seeds" in caption.text
    assert "speak of these draws only" in section.text
    latex = _render.latex("report", report)
    assert "Draw 2" in latex


def test_one_draw_has_no_interval(light: Any, pages: Any) -> None:
    inputs = light.inputs()
    alone = replace(inputs, frame=inputs.frame.assign(data_seed=7))
    report = build_report(alone, opening=[], sections=[data_draws.build])
    section = pages.read(_render.html("report", report)).of_id("data-draws")
    assert "Every seed ran on 1 data draw" in section.text
    assert "No primary claim has an interval that counts data" in section.text
    assert not section.all("table")
