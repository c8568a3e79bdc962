"""Numbers of a paper: every figure by its key, and what an author sees of a wrong one."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixbench.errors import InputError
from fixbench.reports._claim_fields import p_text
from fixbench.reports.paper import numbers_file
from fixbench.reports.paper._numbers import ablation_numbers

Compile = Callable[..., str]


def fields(text: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Claim and field → both texts of a file, read as LaTeX reads it."""
    found, claim = {}, ""
    for line in text.splitlines():
        if match := re.fullmatch(r"\\fixbenchclaim\{(.*)\}\{(.*)\}\{(.*)\}", line):
            claim = match[3]
        elif line.startswith(r"\fixbenchfield{"):
            name, shown, bookmark = arguments(line.removeprefix(r"\fixbenchfield"))
            assert (claim, name) not in found
            found[claim, name] = (shown, bookmark or shown)
    return found


def arguments(text: str) -> list[str]:
    """The contents of outer braces, which must be all of the text."""
    depth, start, found = 0, 0, []
    for match in re.finditer(r"(?<!\\)[{}]", text):
        if match[0] == "{":
            start = match.end() if depth == 0 else start
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                found.append(text[start : match.start()])
    assert depth == 0
    assert "".join(f"{{{item}}}" for item in found) == text
    return found


def close(printed: str, value: float) -> bool:
    """Whether a number is printed to its last digit; a dash, where there is none."""
    if math.isnan(value):
        return printed == "-"
    half = 0.5 * 10.0 ** -len(printed.partition(".")[2])
    return float(printed) == pytest.approx(value, rel=1e-9, abs=half)


def test_every_figure_has_its_key(planted: Any) -> None:
    found = fields(numbers_file([planted.judged]))
    for result in planted.results:
        assert found[result.id, "verdict"] == (result.verdict, result.verdict)
        if result.effect is None:
            assert found[result.id, "measured"][0] == "--"
            continue
        for name, value in (
            ("measured", result.effect.estimate),
            ("low", result.effect.low),
            ("high", result.effect.high),
        ):
            assert close(found[result.id, name][1], value), (result.id, name)
        for place, control in enumerate(result.controls, start=1):
            assert found[result.id, f"control{place}state"][0] == control.state
            assert control.effect is not None
            assert close(found[result.id, f"control{place}measured"][1], control.effect.estimate)


def test_what_is_said_of_all_claims(planted: Any) -> None:
    found = fields(numbers_file([planted.judged]))
    counts = Counter(result.verdict for result in planted.results)
    assert found["all", "claims"][0] == "13"
    assert found["all", "confounded"][0] == str(counts["confounded"]) == "2"
    assert found["all", "doesnothold"][0] == str(counts["does not hold"])
    assert found["all", "seeds"] == ("0--9", "0-9")


def test_every_claim_has_the_same_fields_but_for_what_stands_beside_it(planted: Any) -> None:
    own = [
        {name for name in item.fields if not re.match(r"(control|precondition|supporting)\d", name)}
        for item in ablation_numbers(planted.judged)
        if item.claim != "all"
    ]
    assert len(own) == 13
    assert all(names == own[0] for names in own)


def test_a_withdrawn_claim_has_its_keys(planted: Any) -> None:
    gone = replace(planted.results[0], id="XX99", verdict="withdrawn", effect=None)
    found = fields(numbers_file([replace(planted, results=[gone]).judged]))
    assert found["XX99", "verdict"][0] == "withdrawn"
    assert found["XX99", "margin"][0] == "--"


def test_a_key_with_two_numbers_is_refused(planted: Any) -> None:
    with pytest.raises(InputError, match="id is 'all'; expected each claim of planted in tier"):
        numbers_file([planted.judged, planted.judged])


def test_p_is_a_relation() -> None:
    found = [p_text(p) for p in (0.0321, 1e-9, float("nan"))]
    assert found == ["p = 0.032", "p < 0.001", "–"]


@pytest.fixture
def numbers(planted: Any, tmp_path: Path) -> Path:
    """A folder with the numbers of two tiers."""
    for tier in ("small", "extended"):
        text = numbers_file([replace(planted, tier=tier).judged])
        (tmp_path / f"{tier}.tex").write_text(text, encoding="utf-8")
    other = replace(planted, results=planted.results[:-1])
    text = numbers_file([other.judged])
    (tmp_path / "other.tex").write_text(text, encoding="utf-8")
    return tmp_path


BOTH = r"\usepackage{hyperref}\input{small}\input{extended}\input{small}"


def test_numbers_stand_in_titles_and_captions(numbers: Path, compile_paper: Compile) -> None:
    # \A: an author may keep a part of a key in a macro.
    body = r"""
    \def\A{planted}\tableofcontents\listoffigures
    \section{Of \fixbench{planted}{small}{all}{claims}, \fixbench{\A}{extended}{CA04}{measured}}
    \begin{figure}\caption{Interval \fixbench{\A}{small}{CA04}{interval}}\end{figure}
    \edef\expanded{\fixbench{planted}{small}{CA12}{verdict}}\typeout{NUMBER \expanded}
    """
    found = compile_paper(numbers, body, preamble=BOTH, runs=2)
    assert "NUMBER does not hold" in found
    bookmarks = (numbers / "paper.out").read_text(encoding="latin-1")
    assert "Token not allowed" not in found
    number = (numbers / "small.tex").read_text()
    measured = fields(number)["CA04", "measured"][1]
    # A bookmark is UTF-16 in octal numbers: \000 before each ASCII character.
    plain = re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), bookmarks).replace("\0", "")
    assert f"Of 13, {measured}" in plain


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("{planted}{small}{CA2}{measured}", "unknown claim 'CA2', nearest: CA02, CA12,"),
        ("{planted}{smal}{CA02}{measured}", "unknown tier 'smal', nearest: small, extended."),
        ("{plantd}{small}{CA02}{measured}", "unknown ablation 'plantd', nearest: planted."),
        ("{planted}{small}{CA02}{mesured}", "unknown field 'mesured', nearest: measured,"),
        ("{planted}{small}{ca02}{measured}", "unknown claim 'ca02', nearest: CA02,"),
    ],
)
def test_an_unknown_key_names_the_nearest(
    key: str, nearest: str, numbers: Path, compile_paper: Compile
) -> None:
    found = compile_paper(numbers, rf"\fixbench{key}", preamble=BOTH, fails=True)
    assert f"No number {key}: {nearest}" in found


def test_two_values_of_one_key_are_an_error(
    planted: Any, numbers: Path, compile_paper: Compile
) -> None:
    found = compile_paper(numbers, "x", preamble=r"\input{small}\input{other}", fails=True)
    assert "Two values for planted/small/all/claims" in found
