"""Which curves are drawn, and which variants share a panel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from fixbench.ablation import Variant
from fixbench.reports._views import FigureView
from fixbench.reports.sections import curves
from fixbench.reports.sections._section import Paragraph, Picture


def drawn(case: Any) -> tuple[list[FigureView], list[str]]:
    """The figures, and the sentences below them."""
    section = curves.build(case.inputs())
    assert section is not None
    pictures = [block.figure for block in section.blocks if isinstance(block, Picture)]
    return pictures, [block.text for block in section.blocks if isinstance(block, Paragraph)]


def test_curves_show_named_variants_with_their_baseline(planted: Any) -> None:
    (loss,), _ = drawn(planted)
    assert "starts afresh" in loss.svg
    assert "starts from none" in loss.svg
    effects = [claim.effect for claim in planted.ablation.claims if claim.effect is not None]
    named = {term.variant for effect in effects for term in effect.terms}
    for variant in planted.ablation.variants:
        assert (f" {variant}" in loss.alternative) == (variant in named)
    assert "up to 5 consecutive steps" in loss.caption  # 130 steps, 30 points
    ablation = planted.ablation.model_copy(update={"curves": ["gradient_norm"]})
    more, _ = drawn(replace(planted, ablation=ablation))
    assert len(more) == 2
    assert any("over steps in gradient/base" in f.alternative for f in more)


def test_steps_that_claims_only_average_are_no_curve(planted: Any) -> None:
    claims = [claim.model_copy(update={"supporting": []}) for claim in planted.ablation.claims]
    ablation = planted.ablation.model_copy(update={"claims": claims, "curves": ["gradient_norm"]})
    results = [replace(result, supporting=()) for result in planted.results]
    figures, sentences = drawn(replace(planted, ablation=ablation, results=results))
    assert len(figures) == 1  # the loss, of which claims take the first and last value
    assert [sentence.endswith(": gradient_norm in gradient/base.") for sentence in sentences] == [
        True
    ]


def test_no_steps_are_no_section(planted: Any) -> None:
    assert curves.build(replace(planted, frame=planted.frame.iloc[:0]).inputs()) is None


def test_variants_compare_where_they_start_alike_and_run_as_long(planted: Any) -> None:
    def variant(start: str | None = None) -> Variant:
        return Variant(reason="", starts_from=start)

    many = {f"arm_{index}": variant("b") for index in range(8)}
    variants = {"b": variant(), **many, "short": variant(), "text": variant("b")}
    ablation = planted.ablation.model_copy(
        update={"variants": variants, "baseline_variant": "arm_2"}
    )
    steps = {"b": 200, "short": 40} | dict.fromkeys(many, 40)
    rows = [(arm, "image", step) for arm, count in steps.items() for step in range(count)]
    # The variant that lacks the long stage is as long as its fellows in the one that it runs.
    rows += [(arm, "text", step) for arm in variants for step in range(20 if arm == "b" else 6)]
    frame = pd.DataFrame(rows, columns=["variant", "stage", "step"])
    panels = curves.comparable_panels(ablation, frame)
    assert [(panel.title, panel.family, len(panel.arms)) for panel in panels] == [
        ("starts from b", 0, 5),
        ("starts from b", 0, 5),
        ("starts afresh", 1, 1),
        ("starts afresh, longer", 2, 1),
    ]
    # With the baseline no more than five.
    assert panels[0].arms == ["arm_2", "arm_0", "arm_1", "arm_3", "arm_4"]
    assert panels[1].arms == ["arm_2", "arm_5", "arm_6", "arm_7", "text"]
    assert (panels[2].arms, panels[3].arms) == (["short"], ["b"])


def test_a_metric_has_few_panels_and_says_what_is_left_out(planted: Any) -> None:
    """A page that draws every variant of a large grid weighs megabytes, and nobody reads it."""
    names = [f"arm_{index:02d}" for index in range(24)]
    claim = planted.ablation.claims[0]
    assert claim.effect is not None
    terms = [claim.effect.terms[0].model_copy(update={"variant": name}) for name in names]
    effect = claim.effect.model_copy(update={"terms": terms})
    ablation = planted.ablation.model_copy(
        update={
            "variants": {name: Variant(reason="") for name in names},
            "baseline_variant": names[0],
            "claims": [claim.model_copy(update={"effect": effect})],
            "conclusions": [],
        }
    )
    rows = planted.frame[(planted.frame["variant"] == "none") & (planted.frame["step"] < 4)]
    rows = rows[rows["metric"] == "loss"]
    frame = pd.concat([rows.assign(variant=name) for name in names])
    (figure,), _ = drawn(
        replace(planted, ablation=ablation, frame=frame, results=planted.results[:1])
    )
    shown = [name for name in names if f" {name}" in figure.alternative]
    assert len(shown) <= 1 + 4 * 4
    assert "left out" in figure.caption
