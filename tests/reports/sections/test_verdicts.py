"""The table of verdicts and the overview say what the results say."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from fixbench.reports._rules import VERDICTS
from fixbench.reports.sections import verdicts
from fixbench.verdicts import Ruling, adjudicate
from fixbench.verdicts._ruling import Evidence

COLUMNS = ("Claim", "Label", "Verdict", "Measured")


def test_verdict_table_says_what_the_results_say(page: Any, pages: Any, planted: Any) -> None:
    rows = page.table(*COLUMNS)
    assert len(rows) == len(planted.results)
    for result, row in zip(planted.results, rows, strict=True):
        id_, label, verdict, measured, p, n, worst = row
        assert (id_, verdict) == (result.id, result.verdict)
        assert label.startswith(result.label or result.statement)
        assert label.endswith("(edited)") == result.edited
        assert (worst == "–") == (not result.worst)
        p, _, equivalence = p.partition("equivalence ")
        raw, adjusted = p.split(" / ")
        if verdict in ("absent", "negligible"):  # which no p of a difference can show
            pages.check_p(equivalence, result.p_equivalence_adjusted)
        pages.check_p(adjusted, result.p_adjusted)
        if result.effect is None:
            assert (measured, raw, n) == ("–", "–", "–")
            continue
        pages.check_p(raw, result.effect.p_value)
        assert n == f"{result.effect.n} ({result.effect.n_failed})"
        if math.isnan(result.effect.low):
            percent, rest = measured.split(" % of measurements")
            assert math.isclose(float(percent) / 100, result.effect.estimate, abs_tol=0.005)
            assert rest == "documented true"
        else:
            measured = measured[measured.index(next(c for c in measured if c in "−0123456789")) :]
            pages.check_measured(measured, result.effect)
            assert ("ratio" in measured) == (result.effect.scale == "log")


def test_the_picture_of_a_claim_says_the_same_as_its_numbers(page: Any, planted: Any) -> None:
    table = page.of_class("verdicts")[0]
    strips = {row.all("a")[0].text: row.all("svg") for row in table.all("tr")[1:]}
    # CA01: a ratio with a margin, which the document puts below 1, so that its side is the right.
    (strip,) = strips["CA01"]
    assert "documented × 0.37" in strip.attributes["aria-label"]
    (mark,) = strip.all("text")
    assert float(mark.attributes["x"].rstrip("%")) > 50
    assert strips["CA10"] == []  # an exact property


def test_m_of_holm_stands_beside_the_adjusted_p(planted: Any, pages: Any, tmp_path: Path) -> None:
    ruling = Ruling(
        rule="difference",
        verdict="reproduced",
        finding="direction",
        evidence={"different": Evidence(p=0.01, shown=True, adjusted=True, family=7)},
    )
    results = [replace(planted.results[0], ruling=ruling, p_adjusted=0.01), *planted.results[1:]]
    text = replace(planted, results=results).write(tmp_path)["html"].read_text(encoding="utf-8")
    page = pages.read(text)
    assert page.table(*COLUMNS)[0][4].endswith("/ 0.010 (m = 7)")
    assert "(m = 7)" in page.of_id("CA01").text


def test_every_verdict_is_explained_once(page: Any, planted: Any) -> None:
    (meanings,) = (p for p in page.of_id("verdicts").all("ul") if p.of_class("badge"))
    badges = [badge.text for badge in meanings.of_class("badge")]
    assert len(badges) == len(set(badges))
    occurring = {result.verdict for result in planted.results}
    assert set(badges) - {"withdrawn"} == set(VERDICTS) - {"withdrawn"}
    assert occurring <= set(badges)


def test_the_key_to_zones_stands_once_and_names_its_words(page: Any) -> None:
    labels = [figure.all("svg")[0].attributes["aria-label"] for figure in page.all("figure")]
    (label,) = (label for label in labels if label.startswith("Examples of intervals"))
    assert page.of_id("verdicts").all("figure")[0].all("svg")[0].attributes["aria-label"] == label
    assert "negligible: on the documented side, inside the margin" in label


def test_a_document_without_a_difference_has_no_key(planted: Any) -> None:
    claims = [claim for claim in planted.ablation.claims if claim.decision.rule == "property"]
    kept = {claim.id for claim in claims}
    case = replace(
        planted,
        ablation=planted.ablation.model_copy(update={"claims": claims}),
        results=[result for result in planted.results if result.id in kept],
    )
    assert kept
    assert verdicts.build(case.inputs()).key is None
    assert verdicts.build(planted.inputs()).key is not None


def test_overview_shows_each_measured_effect_and_names_the_others(page: Any, planted: Any) -> None:
    _, figure = page.of_id("verdicts").all("figure")
    label = figure.all("svg")[0].attributes["aria-label"]
    drawn = [result for result in planted.results if result.effect and result.p_equivalence > 0]
    assert [f"{r.id} ({r.verdict})" in label for r in planted.results] == [
        r in drawn for r in planted.results
    ]
    caption = figure.all("figcaption")[0].text
    assert caption.endswith("CA10, CA12, CA13.")


def test_verdicts_of_this_package_can_be_reported(planted: Any, pages: Any, tmp_path: Path) -> None:
    results = adjudicate(planted.ablation, planted.frame, tier="small")
    written = replace(planted, results=results).write(tmp_path)["html"]
    rows = pages.read(written.read_text(encoding="utf-8")).table(*COLUMNS)
    assert [(row[0], row[2]) for row in rows] == [(r.id, r.verdict) for r in results]
