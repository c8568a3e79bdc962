"""The page of all ablations: every claim once, with the numbers of its verdict."""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import html5lib
import pytest

from fixbench.ablation import Ablation
from fixbench.reports import _render
from fixbench.reports._margin_axis import percent
from fixbench.reports.overview import build_overview
from fixbench.reports.paper._sentence import sentence
from fixbench.reports.paper._standard import LIMIT, placed, standard_effect

CONTRADICTED = ("reversed", "refuted", "does not hold")


def test_bars_count_every_claim(planted: Any) -> None:
    (item,) = build_overview([planted.judged], "small").ablations
    assert {part.verdict: part.count for part in item.bar} == Counter(
        result.verdict for result in planted.results
    )
    assert [line.id for line in item.claims] == [result.id for result in planted.results]


def test_the_sentence_adds_up(planted: Any) -> None:
    text = sentence(planted.judged)
    counts = [int(count) for count in re.findall(r"(\d+) (?:is|are) ", text)]
    assert sum(counts) == len(planted.results) == 13
    # A change of results changes the sentence: no figure stands there by hand.
    other = replace(planted.results[0], verdict="absent")
    changed = sentence(replace(planted, results=[other, *planted.results[1:]]).judged)
    assert changed != text
    assert "is absent (Global L2: documented × 0.37" in changed
    assert sentence(replace(planted, results=[]).judged) == "No claim was judged."


def test_the_headline_claim_is_told_with_what_it_measures(planted: Any) -> None:
    assert "the first with a measured size, “" in sentence(planted.judged)
    ablation = planted.ablation.model_copy(update={"headline": "CA03"})
    text = sentence(replace(planted, ablation=ablation).judged)
    claim, result = {found.id: (one, found) for one, found in planted.judged.claims}["CA03"]
    name = result.statement.rstrip(".")
    assert f"is most about, “{name}”, is {result.verdict} (" in text
    metric = claim.effect.weighted[0].metric
    assert f"({ablation.metric(metric).description}: documented" in text
    results = [replace(one, edited=one.id == "CA03") for one in planted.results]
    said = sentence(replace(planted, ablation=ablation, results=results).judged)
    assert said.endswith("by a rule that was edited after its results existed.")
    assert "edited" not in text


def test_every_claim_has_its_figures_and_what_made_its_verdict(planted: Any) -> None:
    (item,) = build_overview([planted.judged], "small").ablations
    found = {line.id: line for line in item.claims}
    for result in planted.results:
        named = [
            one.name
            for one in (*result.preconditions, *result.controls)
            if (result.verdict, one.state)
            in (
                ("confounded", "explains"),
                ("unresolved", "open"),
                ("inconclusive", "open"),
                ("not testable", "unmet"),
            )
        ]
        line = found[result.id]
        assert bool(line.why) == bool(named)
        assert all(name in line.why for name in named)
        assert line.said
    assert any(line.why for line in item.claims)


def test_advice_names_the_rows_of_its_figures_and_arms_are_explained(planted: Any) -> None:
    text = "It is {CA03.measured}."
    told = {"given": {"CA01": "reproduced"}, "text": text}
    content = planted.ablation.model_dump() | {"conclusions": [told]}
    case = replace(planted, ablation=Ablation.model_validate(content))
    (item,) = build_overview([case.judged], "small").ablations
    assert [advice.claims for advice in item.advice] == [("CA03", "CA01")]
    named = {level.variant for result in planted.results for level in result.levels}
    assert {name for name, _ in item.arms} == named
    assert all(planted.ablation.variants[name].reason == said for name, said in item.arms)


def test_a_figure_that_a_conclusion_tells_has_a_row_with_its_interval(planted: Any) -> None:
    text = "It is {CA01.global norm.measured}, and {CA01.measured}."
    content = planted.ablation.model_dump() | {
        "conclusions": [{"given": {"CA01": "reproduced"}, "text": text}]
    }
    case = replace(planted, ablation=Ablation.model_validate(content))
    (item,) = build_overview([case.judged], "small").ablations
    (row,) = item.told
    (found,) = [one for one in planted.results[0].supporting if one.name == "global norm"]
    assert (row.claim, row.name) == ("CA01", "global norm")
    printed = [float(number.replace("−", "-")) for number in re.findall(r"[−\d.]+", row.said)]
    assert printed[:3] == pytest.approx(
        [found.effect.estimate, found.effect.low, found.effect.high], rel=0.01
    )


def test_an_opposite_effect_of_no_size_that_matters_says_so(planted: Any) -> None:
    """Its verdict is "reversed", and the sentence of the ablation says how little it is."""
    shown, large = (
        SimpleNamespace(evidence={"beyond": SimpleNamespace(shown=beyond)}, finding="difference")
        for beyond in (False, True)
    )
    for given, words in (
        (shown, "1 is contradicted (reversed by no size that is shown to matter)"),
        (large, "1 is contradicted (reversed)"),
    ):
        other = replace(planted.results[0], verdict="reversed", ruling=given)
        rest = [one for one in planted.results[1:] if one.verdict not in CONTRADICTED]
        assert words in sentence(replace(planted, results=[other, *rest]).judged)


def test_rows_have_the_levels_of_their_arms(planted: Any) -> None:
    (item,) = build_overview([planted.judged], "small").ablations
    (row,) = [one for one in item.claims if one.id == "CA01"]
    found = dict(re.findall(r"([\w.]+) ([\d.]+) ±", row.levels))
    assert {name: float(mean) for name, mean in found.items()} == {
        level.variant: pytest.approx(level.mean, rel=0.06) for level in planted.results[0].levels
    }
    exact = [one for one in item.claims if one.of.startswith("checked: ")]
    assert exact
    assert all(not one.levels for one in exact)


def test_the_level_that_is_named_is_that_of_the_intervals(planted: Any) -> None:
    results = [
        result
        if result.effect is None
        else replace(result, effect=replace(result.effect, confidence=0.9))
        for result in planted.results
    ]
    for case, level in ((planted, "0.05"), (replace(planted, results=results), "0.1")):
        said = build_overview([case.judged], "small").method
        assert f"the adjusted p is below {level}." in said


def test_effects_are_counted_in_margins(planted: Any) -> None:
    pairs = {result.id: (claim, result) for claim, result in planted.judged.claims}
    claim, result = pairs["CA01"]  # a ratio that the document puts below 1, margin 1.1
    found = standard_effect(claim, result)
    assert found is not None
    assert found.value == pytest.approx(-math.log(result.effect.estimate) / math.log(1.1))
    assert found.documented == pytest.approx(-math.log(0.37) / math.log(1.1))
    assert found.low < found.value < found.high
    claim, result = pairs["CA03"]  # a difference that the document puts below 0, margin 0.05
    found = standard_effect(claim, result)
    assert found is not None
    assert found.value == pytest.approx(-result.effect.estimate / 0.05)
    assert standard_effect(*pairs["CA10"]) is None  # an exact property


def test_the_axis_is_symmetric_and_ends() -> None:
    values = [placed(value) for value in (-1e9, -LIMIT, -1, 0, 0.5, 1, 3, LIMIT, math.inf)]
    assert values == sorted(values)
    assert values[0] == values[1] == -1
    assert values[-1] == 1
    assert placed(-3) == -placed(3)
    assert (percent(0), percent(LIMIT)) == (50, 96)


def test_the_page_is_sound_and_needs_nothing_else(planted: Any) -> None:
    text = _render.html("index", build_overview([planted.judged], "small"))
    parser = html5lib.HTMLParser(strict=True)
    parser.parse(text)
    assert "<script" not in text
    rows = text[text.index('<h2 id="claims">') :]
    assert not re.search(r"(src|href)=\"(?!planted\.html)", text)
    for result in planted.results:
        assert rows.count(f'href="planted.html#{result.id}"') == 1
    smoke = _render.html("index", build_overview([replace(planted, tier="smoke").judged], "smoke"))
    assert "verdicts mean nothing" in smoke
    assert "verdicts mean nothing" not in text
    _render.html("index", build_overview([], "small"))


def test_the_page_as_pdf_says_the_same(planted: Any, tmp_path: Path) -> None:
    view = build_overview([planted.judged], "small")
    pdf = _render.overview_pdf(view)
    assert pdf == _render.overview_pdf(view)
    assert b"/Type3" not in pdf
    assert _render.overview_pdf(build_overview([], "small")).startswith(b"%PDF-")
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    (tmp_path / "appendix.pdf").write_bytes(pdf)
    command = ["pdftotext", "-layout", str(tmp_path / "appendix.pdf"), "-"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    words = " ".join(text.split())
    for result in planted.results:
        assert re.search(rf"\b{result.id}\b", words)
    for verdict, count in Counter(result.verdict for result in planted.results).items():
        rows = [line for line in text.splitlines() if line.rstrip().endswith(verdict)]
        assert len(rows) == count
    # Words are set closer than a text extractor's spaces are kept: compared without them.
    assert "".join(sentence(planted.judged).split()) in "".join(words.replace("-\n", "").split())
