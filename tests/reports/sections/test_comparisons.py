"""Tables of several variants."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fixbench.reports import _render
from fixbench.reports._format import number
from fixbench.reports._report import build_report
from fixbench.reports.sections import comparisons
from fixbench.verdicts import compare_variants


def test_several_variants_stand_in_one_table(page: Any, pages: Any, planted: Any) -> None:
    both = page.table("Variant or pair")
    levels, rows = both[:4], both[4:]
    names = ["none", "scale_0.01", "scale_1.0", "random_towers"]
    assert [row[0] for row in levels] == names
    assert [row[0] for row in rows] == [f"{name} − none" for name in names[1:]]
    (found,) = compare_variants(planted.ablation, planted.frame)
    for (_, measured, p, n), item in zip(levels, found.levels, strict=True):
        pages.check_measured(measured, item.level)
        assert (p, n) == ("–", f"10 ({item.level.n_failed})")
    for (_, measured, p, n), row in zip(rows, found.rows, strict=True):
        pages.check_measured(measured, row.effect)
        raw, adjusted = p.split(" / ")
        pages.check_p(raw, row.effect.p_value)
        pages.check_p(adjusted, row.p_adjusted)
        assert n == f"10 ({row.effect.n_failed})"
    assert rows[2][3] == "10 (2)"


def test_what_failed_and_what_is_lacking_stands_below(planted: Any) -> None:
    (found,) = compare_variants(planted.ablation, planted.frame)
    section = comparisons.build(planted.inputs())
    assert section is not None
    (view,) = section.comparisons
    values = [found.levels[3].level.complete_case, found.rows[2].effect.complete_case]
    assert view.notes[: len(found.policy)] == list(found.policy)
    assert [note.rsplit(" ", 1)[1] for note in view.notes[len(found.policy) :]] == [
        f"{number(value)}." for value in values
    ]
    nothing = replace(planted, frame=planted.frame.iloc[:0])
    section = comparisons.build(nothing.inputs())
    assert section is not None
    assert section.comparisons[0].notes[-1].endswith("none, scale_0.01, scale_1.0, random_towers.")


def test_levels_of_ratios_are_geometric_means_in_their_own_unit(light: Any) -> None:
    comparison = light.ablation.comparisons[0].model_copy(
        update={"metric": "loss", "stage": "base", "scale": "log"}
    )
    ablation = light.ablation.model_copy(update={"comparisons": [comparison]})
    inputs = replace(light, ablation=ablation).inputs()
    section = comparisons.build(inputs)
    assert section is not None
    (view,) = section.comparisons
    assert view.quantity == "Image loss, base, last; levels are geometric means"
    assert {item.unit for _, item in view.levels} == {"nat"}
    assert {item.unit for _, item, _ in view.rows} == {"ratio"}
    name, item = view.levels[0]
    assert item.p == "–"
    report = build_report(inputs, sections=[comparisons.build])
    assert r"\texttt{random\_\allowbreak{}towers} & " in _render.latex("report", report)
    assert f">{name}</code></th><td><span" in _render.html("report", report)


def test_no_declared_comparison_is_no_section(light: Any) -> None:
    ablation = light.ablation.model_copy(update={"comparisons": []})
    assert comparisons.build(replace(light, ablation=ablation).inputs()) is None
