"""A table of claims alone, in one column and in two."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixbench.reports import table_alone
from fixbench.reports.paper._row import claim_row

PACKAGES = r"\usepackage{array,booktabs,tabularx}"


@pytest.mark.parametrize("options", ["", "[twocolumn]"])
def test_it_compiles(
    options: str, planted: Any, tmp_path: Path, compile_paper: Callable[..., str]
) -> None:
    text = table_alone(planted.judged, label="tab:one")
    log = compile_paper(
        tmp_path,
        rf"See table~\ref{{tab:one}}. {text}",
        style=rf"\documentclass{options}{{article}}",
        preamble=PACKAGES,
        runs=2,
    )
    for problem in ("undefined", "multiply", "too large", "Missing character"):
        assert problem not in log, problem


def test_it_has_a_row_for_each_claim_and_nothing_else(planted: Any) -> None:
    judged = planted.judged
    text = table_alone(judged, title="Our 3 % of runs", label="tab:one")
    rows = re.findall(r"^([A-Z]{2}\d{2}[a-z]?) & .* & (.*) \\\\$", text, re.MULTILINE)
    found = [claim_row(judged, claim, result) for claim, result in judged.claims]
    mark = r"\textsuperscript{r}"  # a rule that was edited
    assert rows == [(row.id, row.verdict + mark * row.edited) for row in found]
    assert any(row.edited for row in found)
    assert (mark in text) == ("r: its rule was edited" in text)
    assert r"\caption{Our 3 \% of runs: documented and measured values" in text
    for word in ("includegraphics", r"\section", r"\cite", "fixbenchcite"):
        assert word not in text
    begun, ended = (re.findall(rf"\\{word}{{(.*?)}}", text) for word in ("begin", "end"))
    assert sorted(begun) == sorted(ended)


def test_claims_that_were_written_afterwards_are_said_to_be(planted: Any) -> None:
    judged = planted.judged
    assert "written after" not in table_alone(judged, label="a")
    given = replace(
        judged, ablation=judged.ablation.model_copy(update={"results": "results.parquet"})
    )
    assert "The claims were written after the results." in table_alone(given, label="a")


def test_a_long_table_is_divided(planted: Any) -> None:
    judged = planted.judged
    many = replace(judged, results=[judged.results[0]] * 31)
    text = table_alone(many, label="tab:x")
    assert re.findall(r"\\label{(.*?)}", text) == ["tab:x", "tab:x-2"]
