"""A document with planted words and figures: what stands where it is said to, and what does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from fixbench.ablation import Claim, claim_difference, claim_hash, load_ablation
from fixbench.cli import main
from fixbench.documents import check_citations, figures, read_document
from fixbench.documents._figures import derivation
from fixbench.documents._plain import plain
from fixbench.errors import InputError
from fixbench.reading import read_source, read_yaml

TOY = Path(__file__).parents[1] / "fixtures" / "ablations" / "toy"

#: Lines are counted in the tests below.
REPORT = """\
# A fix

## 1. **Learning Rate** ✅ FIXED
**Problem**: the rate was 0.000016, “far
too low” for a batch of 1,000,000

**Evidence:**
- Loss 3.12 → 2.26, accuracy from 15.38% to 1.17%
| arm | retained |
| on  | `37%`    |

```python
# Learning Rate: no heading, since this is a listing
```

## Outlook
### Learning Rate
4. *Expected*: about 5e-4, with range 0.1-0.5
"""


@pytest.fixture
def check(tmp_path: Path) -> Any:
    """Look up one claim of the toy with these keys in the document above."""
    (tmp_path / "report.md").write_text(REPORT, encoding="utf-8")

    def run(**keys: Any) -> Any:
        content = {**read_yaml(TOY / "ablation.yaml"), **read_yaml(TOY / "claims.yaml")}
        claim = {**content.pop("claims")[0], **keys}
        (tmp_path / "ablation.yaml").write_text(json.dumps(content))
        (tmp_path / "claims.yaml").write_text(json.dumps({"claims": [claim]}, indent=1))
        document = read_document(tmp_path / "report.md")
        ablation = load_ablation(tmp_path / "ablation.yaml")
        (found,) = check_citations(ablation, document, read_source(tmp_path / "claims.yaml"))
        return found

    return run


def test_sections_are_headings_and_labels_outside_listings(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    path.write_text(REPORT, encoding="utf-8")
    document = read_document(path)
    found = {section.title: section.passage for section in document.sections}
    assert {title: (item.first, item.last) for title, item in found.items()} == {
        "A fix": (1, 18),
        "1. **Learning Rate** ✅ FIXED": (3, 14),
        "Problem": (4, 5),
        "Evidence": (7, 14),
        "Outlook": (16, 18),
        "Learning Rate": (17, 18),
    }
    # The whole heading goes before one that only begins so.
    assert [item.passage.first for item in document.named("Learning rate")] == [17]
    assert [item.passage.first for item in document.named("learning rate ✅ fixed")] == [3]
    assert [item.passage.first for item in document.named("Evid")] == []  # half a word


def test_words_are_found_as_a_reader_sees_them(check: Any) -> None:
    found = check(
        section="Problem",
        documented={"text": "“The rate … 'Far too low'” for a batch of 1M"},
    )
    assert found.problem is None
    assert found.found[1:] == ["“The rate … 'Far too low'” at lines 4 to 5", "1M at line 5"]


@pytest.mark.parametrize(
    ("documented", "line"),
    [
        ({"text": "1.6e-5"}, "line 4"),
        ({"text": "kept 37 %", "value": 0.37}, "line 10"),
        ({"text": "3.12 → 2.26 (x 0.72)", "value": 0.724}, "0.724 is 2.26 / 3.12"),
        ({"text": "15.38 % → 1.17 %", "value": -0.142}, "-0.142 is 1.17 % - 15.38 %"),
        ({"text": "nothing changed", "value": 0.0}, "no effect"),
    ],
)
def test_figures_are_numbers_and_may_follow_from_two(
    check: Any, documented: dict[str, Any], line: str
) -> None:
    found = check(section="1. Learning Rate ✅ FIXED", documented=documented)
    assert found.problem is None
    assert line in " ".join(found.found)


@pytest.mark.parametrize(
    ("keys", "key", "nearest"),
    [
        # Words, figures and values that stand nowhere, or elsewhere.
        ({"documented": {"text": "“far too high”"}}, "documented.text", "line 5"),
        ({"documented": {"text": "about 5e-4"}}, "documented.text", "line 18"),
        ({"documented": {"text": "“rate was 0.00001”"}}, "documented.text", "line 4"),
        ({"documented": {"text": "0.000016", "value": 0.5}}, "documented.value", "line 18"),
        ({"documented": {"text": "0.000016", "value": 0.72}}, "documented.value", "0.72 does not"),
        ({"section": "Learning Rates"}, "section", "line 17"),
        ({"lines": [3, 8]}, "lines", "lines 4 to 5"),
        ({"lines": [4, 4], "documented": {"text": "1M"}}, "documented.text", "line 5"),
        ({"quotes": ["was far too low"]}, "quotes.0.words", "line 5"),
        ({"quotes": [{"words": "Loss 3.12", "section": "None"}]}, "quotes.0.section", "heading"),
        ({"quotes": [{"words": "Loss 3.12", "lines": [1, 99]}]}, "quotes.0.lines", "has 18"),
    ],
)
def test_what_is_not_there_is_named_with_the_nearest_passage(
    check: Any, keys: dict[str, Any], key: str, nearest: str
) -> None:
    found = check(**{"section": "Problem", "documented": {"text": "said so"}} | keys)
    assert found.problem is not None
    assert found.problem.key.endswith(f".{key}")
    assert nearest in str(found.problem)


def test_a_quote_with_a_place_of_its_own_counts_for_the_text(check: Any) -> None:
    keys = {"section": "Problem", "documented": {"text": "3.12 before, 5e-4 after"}}
    assert check(**keys).problem is not None
    quotes = [
        {"words": "Loss 3.12", "section": "Evidence"},
        {"words": "about 5e-4", "lines": [18, 18]},
    ]
    assert check(**keys, quotes=quotes).problem is None
    # The lines decide between headings of one name.
    twice = {"section": "Learning Rate", "lines": [4, 4], "documented": {"text": "0.000016"}}
    assert check(**twice).problem is not None  # the heading at line 17 is the exact one


def test_what_another_text_states_is_not_looked_up(check: Any) -> None:
    found = check(source="the appendix", documented={"text": "“stands nowhere”"})
    assert (found.elsewhere, found.problem) == ("the appendix", None)


def test_figures_of_a_text() -> None:
    def numbers(text: str) -> list[float]:
        return [figure.value for figure in figures(plain(text))]

    assert numbers("L=12, h0 (1, 1, 64), scales 0,1; 40k – 2M") == [12, 1, 1, 64, 0, 1, 4e4, 2e6]
    assert numbers("[-2, 2], 0.1–0.5, −0.3, 1e-5") == [-2, 2, 0.1, 0.5, -0.3, 1e-5]
    # One digit says too little: almost any number is a ratio of two others.
    known = figures("0.6 and 0.9")
    assert derivation(0.67, "0.67", known) == "0.67 is 0.6 / 0.9"
    assert derivation(1.0, "1", known) is None


def test_citations_belong_to_no_hash() -> None:
    plain_claim = read_yaml(TOY / "claims.yaml")["claims"][0]
    cited = plain_claim | {"lines": [3, 4], "quotes": ["words", {"words": "w", "lines": [1, 2]}]}
    before, after = Claim.model_validate(plain_claim), Claim.model_validate(cited)
    assert after.lines == [3, 4]
    assert claim_hash(before) == claim_hash(after)
    assert claim_difference(before.model_dump(mode="json"), after) == {}
    # What a result records has no citations, and is still the same claim.
    assert claim_hash(json.loads(json.dumps(after.model_dump(mode="json")))) == claim_hash(after)


def test_check_documents_prints_places_and_fails_with_a_message_for_each_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    content = {**read_yaml(TOY / "ablation.yaml"), **read_yaml(TOY / "claims.yaml")}
    (claim,) = content.pop("claims")
    content["document"] |= {"file": "report.md"}
    content["system"] = str(TOY / "system.py")
    cited = {**claim, "section": "Problem", "documented": {"text": "“too low”"}}
    wrong = {**cited, "id": "TY02", "documented": {"text": "“too high”"}}
    folder = tmp_path / "own" / "toy"
    folder.mkdir(parents=True)
    (folder / "ablation.yaml").write_text(json.dumps(content))
    (folder / "claims.yaml").write_text(json.dumps({"claims": [cited]}))
    command = ["check", "toy", "--documents", "texts", "--ablations", "own"]

    with pytest.raises(SystemExit, match="1"):
        main(command)
    assert "document.file is 'report.md'; expected" in capsys.readouterr().err

    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "report.md").write_text(REPORT, encoding="utf-8")
    assert main(command) == 0
    assert "“too low” at line 5" in capsys.readouterr().out

    (folder / "claims.yaml").write_text(json.dumps({"claims": [cited, wrong]}))
    with pytest.raises(SystemExit, match="1"):
        main(command)
    shown = capsys.readouterr()
    assert "“too low” at line 5" in shown.out
    (message,) = shown.err.splitlines()
    assert "TY02.documented.text" in message
    assert "line 5" in message


def test_places_of_claims_in_a_file_of_their_own(tmp_path: Path) -> None:
    folder = shutil.copytree(TOY, tmp_path / "toy")
    plainly = load_ablation(folder).claims[0]
    places = folder / "citations.yaml"
    here = {"lines": [4, 5], "quotes": ["too low", {"words": "5e-4", "lines": [18, 18]}]}
    places.write_text(json.dumps({"citations": {plainly.id: here}}, indent=1))
    claim = load_ablation(folder).claims[0]
    assert claim.lines == [4, 5]
    assert [(quote.words, quote.lines) for quote in claim.quotes] == [
        ("too low", None),
        ("5e-4", [18, 18]),
    ]
    assert claim_hash(claim) == claim_hash(plainly)

    (tmp_path / "report.md").write_text(REPORT, encoding="utf-8")
    document = read_document(tmp_path / "report.md")
    sources = read_source(folder / "claims.yaml"), read_source(places)
    found = check_citations(load_ablation(folder), document, *sources)
    assert found[0].problem is None
    assert "“5e-4” at line 18" in found[0].found
    places.write_text(json.dumps({"citations": {"TY99": here}}))
    with pytest.raises(InputError, match=r"citations\.yaml:1: citations\.TY99.*a claim of .*TY01"):
        load_ablation(folder)
    content = read_yaml(folder / "claims.yaml")
    content["claims"][0]["lines"] = [1, 2]
    (folder / "claims.yaml").write_text(json.dumps(content))
    places.write_text(json.dumps({"citations": {plainly.id: here}}))
    with pytest.raises(InputError, match=r"citations\.yaml:1: .*the place of a claim once"):
        load_ablation(folder)


def test_a_line_beyond_the_document_is_named_in_the_file_of_places(tmp_path: Path) -> None:
    folder = shutil.copytree(TOY, tmp_path / "toy")
    content = read_yaml(folder / "claims.yaml")
    content["claims"] = [{**content["claims"][0], "section": "Learning Rate"}]
    (folder / "claims.yaml").write_text(json.dumps(content))
    places = folder / "citations.yaml"
    places.write_text(json.dumps({"citations": {content["claims"][0]["id"]: {"lines": [1, 2]}}}))
    (tmp_path / "report.md").write_text(REPORT, encoding="utf-8")
    document = read_document(tmp_path / "report.md")
    sources = read_source(folder / "claims.yaml"), read_source(places)
    (found,) = check_citations(load_ablation(folder), document, *sources)
    assert str(found.problem).startswith(f"{places}:1: citations.TY01.lines is [1, 2]; expected")
