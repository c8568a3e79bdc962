"""The answer counts verdicts, and says what limits them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

from fixbench.reports.sections import answer
from fixbench.statistics import Crossing
from fixbench.verdicts import Looks


def sentences(case: Any) -> list[str]:
    return answer.build(case.inputs()).sentences


def with_word(found: list[str], word: str) -> list[str]:
    return [sentence for sentence in found if word in sentence]


def test_answer_counts_the_verdicts_in_the_order_of_the_table(page: Any, planted: Any) -> None:
    (printed,) = (element.text for element in page.of_class("answer"))
    first, *_ = sentences(planted)
    assert printed.startswith(first)
    counts = re.findall(r"(\d+) ([a-z ]+) \(([^)]*)\)", first)
    expected = Counter(result.verdict for result in planted.results)
    assert {verdict: int(count) for count, verdict, _ in counts} == expected
    for _, verdict, ids in counts:
        assert ids.split(", ") == [r.id for r in planted.results if r.verdict == verdict]
    assert [verdict for _, verdict, _ in counts][:2] == ["reproduced", "holds"]


def test_answer_names_controls_preconditions_sources_and_edits(planted: Any) -> None:
    found = sentences(planted)
    for ids, others in (
        ("CA02", "inert module"),
        ("CA08", "the loss falls"),
        ("CA08", "document itself"),
        ("CA09", "Edited"),
    ):
        assert any(ids in sentence and others in sentence for sentence in found[1:])
    withdrawn = replace(planted.results[0], id="CA99", verdict="withdrawn")
    found = sentences(replace(planted, results=[*planted.results, withdrawn]))
    assert [sentence.endswith(" CA99.") for sentence in found].count(True) == 1


def test_the_smoke_tier_is_said_first(planted: Any) -> None:
    small = planted.ablation.tiers["small"]
    ablation = planted.ablation.model_copy(update={"tiers": {"smoke": small}})
    first, *others = sentences(replace(planted, ablation=ablation, tier="smoke"))
    assert "smoke" in first
    assert others == sentences(planted)


def test_looks_at_growing_seeds_are_told_with_what_is_valid_then(planted: Any) -> None:
    looks = Looks(
        planned=(5, 10, 15),
        made=2,
        alpha=0.05,
        spending="pocock",
        levels=(0.0192, 0.0164, 0.0157),
        p_values={"different": (0.3, 0.00012), "equivalent": (0.9, 0.8)},
        shown={"different": Crossing(look=2, n=10, p=0.00012, level=0.0015)},
    )
    results = [
        replace(result, looks=looks if result.effect else replace(looks, p_values={}, shown={}))
        for result in planted.results
    ]
    plain = sentences(planted)
    told = [s for s in sentences(replace(planted, results=results)) if s not in plain]
    plan, levels, validity = told
    assert re.findall(r"\d+", plan) == ["5", "10", "15", "2"]
    assert "CA" not in plan
    # Alpha, then the levels of the looks that were made, and not of the third.
    assert re.findall(r"0\.\d+", levels) == ["0.05", "0.0192", "0.0164"]
    assert "Pocock" in levels
    assert "95 %" in validity
    open_one = [replace(results[0], looks=replace(looks, shown={})), *results[1:]]
    (spent,) = with_word(sentences(replace(planted, results=open_one)), "budget")
    assert re.findall(r"CA\d+", spent) == ["CA01"]


def test_looks_of_an_earlier_run_are_counted(planted: Any) -> None:
    plain = sentences(planted)
    for count, words in ((1, "once"), (3, "3 times")):
        results = [replace(result, unadjusted_looks=count) for result in planted.results]
        (told,) = (s for s in sentences(replace(planted, results=results)) if s not in plain)
        assert words in told


def test_seeds_that_differ_from_the_tier_are_said(planted: Any) -> None:
    chosen = replace(planted, frame=planted.frame[planted.frame["seed"] < 4])
    assert len(with_word(sentences(chosen), "that the tier declares")) == 1
    assert not with_word(sentences(planted), "that the tier declares")
