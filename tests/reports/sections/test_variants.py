"""Variants with what they change, and metrics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fixbench.ablation import Variant
from fixbench.reports import _render
from fixbench.reports._report import build_report
from fixbench.reports.sections import variants


def test_variants_show_exactly_what_they_change(page: Any, planted: Any) -> None:
    rows = {row[0]: row for row in page.table("Variant", "Reason")}
    assert list(rows) == list(planted.ablation.variants)
    for name, row in rows.items():
        for key, (old, new) in planted.ablation.at("small").difference(name).items():
            assert f"{key}: {old} → {new}" in row[2]
    assert rows["none"][2] == "baseline"
    assert rows["documented_bundle"][3] == "yes"
    assert "optimiser.rate: 0.0005 → 0.0001" in rows["documented_bundle"][2]
    assert rows["normalised"][4] == "none"  # the variant called "none"
    assert rows["scale_0.1"][4] == "–"


def test_a_variant_names_what_it_is_relative_to(light: Any) -> None:
    changes = {"attention.scale": 0.5}
    again = Variant(reason="between", relative_to="scale_0.1", changes=changes)
    ablation = light.ablation.model_copy(
        update={"variants": {**light.ablation.variants, "again": again}}
    )
    inputs = replace(light, ablation=ablation).inputs()
    *_, view = variants.build(inputs).variants
    assert (view.reference, view.changes) == ("scale_0.1", [("attention.scale", "0.1", "0.5")])
    report = build_report(inputs, sections=[variants.build])
    assert _render.html("report", report).count("against <code>scale_0.1</code>:") == 1
    assert _render.latex("report", report).count("against ") == 1


def test_metrics_show_what_is_declared(page: Any, planted: Any) -> None:
    rows = {row[0]: row[1:] for row in page.table("Metric")}
    assert list(rows) == list(planted.ablation.metrics)
    assert rows["loss"] == ["nat", "lower", "0.05", "Image loss"]
    assert rows["gradient_norm"] == ["–", "neither", "–", "Global L2"]
