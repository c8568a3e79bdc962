"""Where the document says what was claimed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fixbench.ablation import Origin, Quote
from fixbench.reports import write_claims
from fixbench.reports._citations import citation, origin_text, quoted_words
from fixbench.reports._published import published_rows
from fixbench.reports.sections import citations

ORIGIN = {"repository": "https://host.example/owner/name", "commit": "0123abc", "path": "REPORT.md"}


@pytest.fixture
def cited(planted: Any) -> Any:
    """The planted report, whose first claim cites lines and words."""
    first, *rest = planted.ablation.claims
    quotes = [Quote(words="a third of it"), Quote(words="two", section="Notes", lines=[9, 9])]
    first = first.model_copy(update={"section": "Evidence", "lines": [3, 5], "quotes": quotes})
    document = planted.ablation.document.model_copy(update={"origin": Origin(**ORIGIN)})
    update = {"claims": [first, *rest], "document": document}
    return replace(planted, ablation=planted.ablation.model_copy(update=update))


def test_each_claim_has_its_place_and_words(cited: Any) -> None:
    paragraph, table = citations.build(cited.inputs()).blocks
    assert all(value in paragraph.text for value in ORIGIN.values())
    assert len(table.rows) == len(cited.ablation.claims)
    claim, place, words = table.rows[0]
    assert (claim, place) == (cited.ablation.claims[0].id, "Evidence, lines 3 to 5")
    assert words.endswith("“a third of it”; “two” (Notes, line 9)")


def test_what_is_not_recorded_is_said(cited: Any, planted: Any) -> None:
    document = cited.ablation.document
    assert "not recorded" not in origin_text(document)
    without = document.model_copy(update={"origin": Origin(repository=ORIGIN["repository"])})
    assert origin_text(without).count("not recorded") == 2  # commit and path
    assert "not recorded" in origin_text(planted.ablation.document)


def test_words_of_the_text_are_not_printed_twice(planted: Any) -> None:
    claim = planted.ablation.claims[0]
    text = claim.documented.model_copy(update={"text": "“Half” before, “all” after"})
    claim = claim.model_copy(update={"documented": text, "quotes": [Quote(words="about half")]})
    assert quoted_words(claim) == "“all”; “about half”"
    assert citation(claim.model_copy(update={"source": "a talk"})) == "not in the document: a talk"


def test_rows_for_programs_have_origin_lines_and_words(cited: Any, tmp_path: Any) -> None:
    first, second, *_ = published_rows([cited.judged])
    assert {key: first[key] for key in ORIGIN} == ORIGIN
    assert first["document"] == cited.ablation.document.file
    assert first["lines"] == [3, 5]
    assert first["quotes"] == [
        {"words": "a third of it", "section": "Evidence", "lines": [3, 5]},
        {"words": "two", "section": "Notes", "lines": [9, 9]},
    ]
    assert (second["lines"], second["quotes"]) == (None, [])
    _, sheet, *_ = write_claims([cited.judged], tmp_path, tier="small")
    # A list fits no cell.
    columns = sheet.read_text().splitlines()[0].split(",")
    assert {"repository", "commit", "path"} < set(columns)
    assert not {"lines", "quotes"} & set(columns)
