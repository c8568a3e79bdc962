"""Tables of main effects and interactions, against regressions seed by seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from fixbench.ablation import Control, Effect, Factorial
from fixbench.reports import _render
from fixbench.reports._inputs import Inputs
from fixbench.reports._report import build_report
from fixbench.reports.sections import factorials
from fixbench.reports.sections._section import Table

CELLS = {"scale_1.0": "+-", "none": "--", "normalised": "++", "scale_0.01": "-+"}


def _with_designs(planted: Any, *designs: Factorial) -> Inputs:
    """The planted report whose first claim reads these designs."""
    first, *others = planted.ablation.claims
    supporting = [
        Control(name="an effect", meaning="", effect=Effect(factorial=design)) for design in designs
    ]
    claims = [first.model_copy(update={"supporting": supporting}), *others]
    ablation = planted.ablation.model_copy(update={"claims": claims})
    inputs: Inputs = replace(planted, ablation=ablation).inputs()
    return inputs


def _design(**changes: Any) -> Factorial:
    given = {"factors": ["model.depth", "b"], "cells": CELLS, "of": ["b"]}
    given |= {"metric": "pixel_auroc", "stage": "test"}
    return Factorial.model_validate(given | changes)


def _tables(inputs: Inputs) -> list[Table]:
    section = factorials.build(inputs)
    assert section is not None
    return [block for block in section.blocks if isinstance(block, Table)]


def test_effects_are_the_coefficients_of_a_regression(light: Any, pages: Any) -> None:
    frame = light.frame[light.frame["metric"] == "pixel_auroc"]
    values = frame.pivot_table(index="seed", columns="variant", values="value")[list(CELLS)]
    signs = np.array([[1 if sign == "+" else -1 for sign in CELLS[name]] for name in CELLS])
    a, b = 0.5 * signs.T
    predictors = np.column_stack([np.ones(4), a, b, a * b])
    by_seed = np.linalg.lstsq(predictors, values.to_numpy().T, rcond=None)[0][1:]
    p_values = [stats.ttest_1samp(effect, 0).pvalue for effect in by_seed]
    adjusted = multipletests(p_values, method="holm")[1]

    (table,) = _tables(_with_designs(light, _design()))
    assert [row[0] for row in table.rows] == ["depth", "b", "depth × b"]
    for row, effect, raw, holm in zip(table.rows, by_seed, p_values, adjusted, strict=True):
        assert float(row[1].replace("−", "-")) == pytest.approx(effect.mean(), rel=0.02, abs=1e-4)
        printed, printed_holm = row[3].split(" / ")
        pages.check_p(printed, raw)
        pages.check_p(printed_holm, holm)
        assert row[4] == "10 (0)"
    assert table.text.caption.endswith("4 variants, all low: none, all high: normalised")


def test_a_design_stands_once_however_many_effects_read_it(light: Any) -> None:
    both = _with_designs(light, _design(), _design(of=["model.depth", "b"]))
    assert len(_tables(both)) == 1
    assert len(_tables(_with_designs(light, _design(), _design(metric="image_auroc")))) == 2


def test_nothing_where_there_is_no_design_or_a_cell_was_not_run(light: Any) -> None:
    assert factorials.build(light.inputs()) is None
    left = replace(light, frame=light.frame[light.frame["variant"] != "normalised"])
    assert factorials.build(_with_designs(left, _design())) is None


def test_every_format_prints_it(light: Any) -> None:
    report = build_report(_with_designs(light, _design()))
    for text in (_render.html("report", report), _render.latex("report", report)):
        assert "Main effects and interactions" in text
