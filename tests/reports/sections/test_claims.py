"""Each claim with its rule, its preconditions, its controls, and what qualifies it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from fixbench.ablation import Control
from fixbench.reports._format import number
from fixbench.reports.sections import claims
from fixbench.statistics import Crossing, proportion
from fixbench.verdicts import Looks, Ruling, WorstRate
from fixbench.verdicts._ruling import Collapses


def rule_of(page: Any, id_: str) -> str:
    (found,) = (p.text for p in page.of_id(id_).all("p") if p.text.startswith("Decision rule."))
    return str(found)


def facts_of(page: Any, id_: str) -> dict[str, str]:
    (found,) = page.of_id(id_).of_class("facts")
    return {pair.all("dt")[0].text: pair.all("dd")[0].text for pair in found.all("div")}


def test_controls_show_their_numbers_and_whether_they_explain(
    page: Any, pages: Any, planted: Any
) -> None:
    for result in planted.results:
        if not result.controls:
            continue
        rows = page.of_id(result.id).table("Control")
        assert len(rows) == len(result.controls)
        for control, row in zip(result.controls, rows, strict=True):
            assert row[0] == control.name
            assert row[1].startswith(control.meaning)
            pages.check_measured(row[2], control.effect)
            pages.check_p(row[3], control.effect.p_value)
            assert row[-1].startswith(control.state or "–")
    assert page.of_id("CA01").table("Control")[0][5] == "interval below 1"
    supporting = page.of_id("CA01").table("Supporting measurement")
    pages.check_measured(supporting[0][2], planted.results[0].supporting[0].effect)


def test_claim_without_controls_says_so(page: Any, planted: Any) -> None:
    section = claims.build(planted.inputs())
    for result in planted.results:
        said = section.no_control in page.of_id(result.id).text
        assert said == (result.effect is not None and not result.controls)


def test_claim_shows_its_effect_and_the_numbers_of_its_rule(page: Any) -> None:
    text = page.of_id("CA01").text
    assert "gradient_norm(scale_1.0, gradient/base, mean) ÷ gradient_norm(none" in text
    rule = rule_of(page, "CA01")
    for bound in (1 / 1.1, 1.1, 0.37 / 1.25, 0.37 * 1.25):
        assert number(bound, 3) in rule


def test_sensitivity_shows_other_methods(page: Any, pages: Any, planted: Any) -> None:
    facts = facts_of(page, "CA01")
    effect = planted.results[0].effect
    assert facts["Bootstrap-t p"] == "0.0020"
    low, high = facts["Bootstrap-t 95 % interval"].strip("[]").split(", ")
    assert pages.close(low, effect.bootstrap_low)
    assert pages.close(high, effect.bootstrap_high)
    (clustered,) = (value for label, value in facts.items() if "11 to 12 samples" in label)
    assert clustered == "[0.21, 0.64]"
    (needed,) = (value for label, value in facts_of(page, "CA04").items() if "settle" in label)
    assert needed == "37"
    assert "Two failed seeds were imputed." in page.of_id("CA05").text


def test_collapses_and_the_worst_rates_stand_beside_a_claim(
    planted: Any, pages: Any, tmp_path: Any
) -> None:
    collapses = Collapses(
        plus=proportion(1, 10),
        minus=proportion(8, 10),
        variants=("fixed", "old"),
        bound="score below 0.2",
        alone=proportion(0, 7, null=0.5),
        failed=0,
        mean="direction",
        pull="below",
    )
    ruling = Ruling(rule="two_part", verdict="reproduced", finding="direction", collapses=collapses)
    worst = (
        WorstRate(said="reproduced", rate=0.151, n=10, shape="bimodal"),
        WorstRate(said="control ruled out", rate=0.22, n=5, shape="skewed"),
    )
    first = replace(planted.results[0], ruling=ruling, worst=worst)
    results = [first, *planted.results[1:]]
    page = pages.read(replace(planted, results=results).write(tmp_path)["html"].read_text())
    facts = facts_of(page, "CA01")
    # Clopper and Pearson by hand: 8 of 10 lies between 0.444 and 0.975.
    assert facts["Seeds in which old collapsed"] == "8 of 10 [0.44, 0.97] (exact)"
    assert facts["fixed alone, old alone"] == "0, 7 (exact McNemar p 0.016)"
    (said,) = (value for label, value in facts.items() if label.startswith("Errs at worst"))
    assert "reproduced: 15 % (bimodal, n = 10)" in said
    assert "control ruled out: 22 % (skewed, n = 5)" in said
    # The table has the larger of both.
    assert page.table("Claim", "Label", "Verdict", "Measured")[0][6] == "22 %"


def test_properties_are_counted_and_not_drawn(page: Any) -> None:
    for id_, held, bounds in (
        ("CA10", "10 of 10", "[0.69, 1.00]"),
        ("CA12", "9 of 10", "[0.555, 0.997]"),
    ):
        assert not page.of_id(id_).all("figure")
        assert list(facts_of(page, id_).values())[:2] == [held, bounds]


def test_an_edited_claim_shows_old_beside_new(page: Any) -> None:
    (paragraph,) = page.of_id("CA09").of_class("edited")
    assert [code.text for code in paragraph.all("code")] == [
        "decision.margin: 0.02 → 0.01",
        'source: – → "planted & notes"',
        "controls.new: – → added",
        "controls.kept.explains_below: 0.1 → 0.2",
        "supporting.old: present → removed",
    ]
    assert len(page.of_class("edited")) == 1


def test_the_hash_of_the_rule_stands_beside_those_of_the_results(
    page: Any, latex: str, planted: Any
) -> None:
    for id_, hashes in (
        ("CA01", ["000000000000"]),
        ("CA09", ["080808080808", "abababababab", "cdcdcdcdcdcd"]),
        ("CA13", ["121212121212"]),
    ):
        printed = rule_of(page, id_)[rule_of(page, id_).index("SHA-256") :]
        assert re.findall(r"[0-9a-f]{12}", printed) == hashes
        assert printed in latex
    added = [replace(result, edited=True, recorded=()) for result in planted.results]
    view = claims.build(replace(planted, results=added, frame=planted.frame.iloc[:9]).inputs())
    assert view.claims[0].rule[-1] == "SHA-256 000000000000, not in the results."


def test_p_at_each_look_stands_under_sensitivity(planted: Any) -> None:
    looks = Looks(
        planned=(5, 10),
        made=2,
        alpha=0.05,
        spending="pocock",
        levels=(0.0192, 0.0164),
        p_values={"different": (0.3, 0.00012), "equivalent": (0.9, 0.8)},
        shown={"different": Crossing(look=2, n=10, p=0.00012, level=0.0015)},
    )
    results = [replace(planted.results[0], looks=looks), *planted.results[1:]]
    case = replace(planted, results=results, frame=planted.frame.iloc[:9])
    first = claims.build(case.inputs()).claims[0]
    at_looks = [value for label, value in first.sensitivity if "look" in label]
    assert at_looks == ["0.30, <0.001", "0.90, 0.80"]
    assert "level of a look" in " ".join(first.rule)


def test_preconditions_show_what_is_required_and_whether_it_is_met(
    page: Any, pages: Any, latex: str, planted: Any
) -> None:
    for result in planted.results:
        if not result.preconditions:
            continue
        ((name, effect, measured, n, required, met),) = page.of_id(result.id).table("Precondition")
        (item,) = result.preconditions
        assert name == item.name
        assert effect.startswith(item.meaning)
        pages.check_measured(measured, item.effect)
        assert n == "10 (0)"
        assert met.startswith(item.state)
        bound = {"CA06": "−0.05", "CA08": "−5"}[result.id]
        assert required == f"interval below {bound}"
        assert f"(the loss falls: interval below {bound})" in rule_of(page, result.id)
        assert rf"& \textbf{{{met}}} \\" in latex
    assert sum(bool(result.preconditions) for result in planted.results) == 2


def test_a_control_that_the_tier_leaves_out_is_open_and_not_measured(planted: Any) -> None:
    (result,) = (r for r in planted.results if r.id == "CA02")
    first, *others = result.controls
    left_out = replace(first, effect=None, state="open")
    waiting = replace(others[0], state="open", seeds_needed=37) if others else None
    found = replace(result, controls=(left_out, *([waiting] if waiting else [])))
    results = [found if r.id == "CA02" else r for r in planted.results]
    case = replace(planted, results=results, frame=planted.frame.iloc[:9])
    (view,) = (view for view in claims.build(case.inputs()).claims if view.head.id == "CA02")
    assert view.controls[0].explains == "open (not measured)"
    assert (view.controls[0].measured.value, view.controls[0].measured.n) == ("–", "–")
    if waiting:
        assert view.controls[1].explains == "open (about 37 seeds)"
    assert view.uncontrolled is False


def test_a_state_stands_with_the_p_that_shows_it(planted: Any) -> None:
    (result,) = (r for r in planted.results if r.id == "CA02")
    for state, words in (("ruled out", "ruled out (p 0.012)"), ("explains", "would explain")):
        control = replace(result.controls[0], state=state, p_explains=0.031, p_ruled_out=0.012)
        found = replace(result, verdict="reversed", controls=(control,))
        results = [found if r.id == "CA02" else r for r in planted.results]
        case = replace(planted, results=results, frame=planted.frame.iloc[:9])
        (view,) = (view for view in claims.build(case.inputs()).claims if view.head.id == "CA02")
        assert view.controls[0].explains.startswith(words)


def test_a_claim_without_a_control_that_decides_says_so(
    page: Any, latex: str, planted: Any
) -> None:
    text = "No control: no rival explanation of this claim is tested."
    bare = [r for r in planted.results if r.effect is not None and r.control == "none"]
    for result in planted.results:
        claim = next((c for c in planted.ablation.claims if c.id == result.id), None)
        expected = claim is not None and claim.effect is not None and result.control == "none"
        assert (text in page.of_id(result.id).text) == expected, result.id
    assert bare
    assert latex.count(text) == page.text.count(text) > 0


def test_claim_that_is_not_testable_keeps_its_numbers(page: Any, pages: Any, planted: Any) -> None:
    (result,) = (r for r in planted.results if r.id == "CA08")
    (row,) = (row for row in page.table("Claim", "Label", "Verdict") if row[0] == "CA08")
    pages.check_measured(row[3].lstrip("×"), result.effect)  # behind the mark of its verdict
    (figure,) = page.of_id("CA08").all("figure")
    label = figure.all("svg")[0].attributes["aria-label"]
    assert "Precondition: the loss falls" in label


def test_source_outside_the_document_stands_with_the_section(page: Any, latex: str) -> None:
    where = "Results, in the planted notes"
    assert where in page.of_id("CA08").text
    assert page.text.count(where) == 1
    assert where in latex


def test_single_readings_stand_beside_what_averages_them(
    page: Any, latex: str, planted: Any
) -> None:
    frame = planted.frame[planted.frame["metric"] == "gradient_norm"]
    wide = frame.pivot(index=["seed", "step"], columns="variant", values="value")
    effect = wide["scale_1.0"] / wide["none"]
    share = number(100 * (effect <= 0.37).mean(), 2)
    text = page.of_id("CA01").text
    assert "120 readings from 10 seeds" in text
    assert f"{share} % at or below the documented 0.37" in text
    assert "1320 ordered pairs" in text  # 10 seeds, 12 · 11 pairs
    assert "Single readings." not in page.of_id("CA03").text
    assert "120 readings from 10 seeds" in latex


def test_level_has_no_p(planted: Any) -> None:
    level = {"terms": [{"variant": "none", "metric": "loss", "stage": "feedback"}]}
    item = Control.model_validate({"name": "level", "effect": level, "meaning": ""})
    declared = [planted.ablation.claims[0].model_copy(update={"supporting": [item]})]
    found = replace(planted.results[0].supporting[0], name="level")
    results = [replace(planted.results[0], supporting=(found,))]
    ablation = planted.ablation.model_copy(update={"claims": declared, "conclusions": []})
    case = replace(planted, ablation=ablation, results=results, frame=planted.frame.iloc[:9])
    (view,) = claims.build(case.inputs()).claims
    assert view.supporting[0].measured.p == "–"
    assert view.controls[0].measured.p != "–"


def test_a_threat_to_single_claims_stands_beside_them(page: Any, latex: str, planted: Any) -> None:
    caveat = "100 % of <one> base_model & #1."
    for result in planted.results:
        paragraphs = [p.text for p in page.of_id(result.id).all("p")]
        beside = [place for place, text in enumerate(paragraphs) if text.endswith(caveat)]
        assert len(beside) == (result.id in ("CA03", "CA08"))
        parts = [part.text for part in page.of_id(result.id).all("h4")]
        assert ("Caveats" in parts) == bool(beside or result.notes)
    escaped = r"100 \% of \ensuremath{<}one\ensuremath{>} base\_model \& \#1."
    assert len(re.findall(rf"\\noindent .*{re.escape(escaped)}", latex)) == 2


def test_a_withdrawn_claim_says_what_was_recorded(planted: Any) -> None:
    changes = planted.results[8].changes
    gone = replace(planted.results[3], id="CA99", verdict="withdrawn", changes=changes)
    case = replace(planted, results=[*planted.results, gone], frame=planted.frame.iloc[:9])
    *_, view = claims.build(case.inputs()).claims
    assert (view.head.id, view.head.verdict, view.head.measured.value) == ("CA99", "withdrawn", "–")
    assert "decision.margin 0.02" in view.rule[0]
    assert (view.controls, view.figure, view.formula) == ([], None, "")
