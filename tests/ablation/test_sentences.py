"""Sentences with figures by key: what is refused, and what counts as a figure typed by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixbench.ablation import (
    Claim,
    Constant,
    Reference,
    claim_hash,
    load_ablation,
    parse_condition,
    parse_sentence,
)
from fixbench.ablation._sentences import hand_written
from fixbench.errors import InputError

Write = Callable[[dict[str, Any]], Path]
ABLATIONS = Path(__file__).parents[2] / "ablations"

ENTRY = {"name": "the slow arm", "meaning": "m", "effect": {"variant": "slow", "metric": "loss"}}
RATIO = {
    "id": "ratio",
    "name": "fast over slow",
    "meaning": "m",
    "effect": {"variant": "fast", "metric": "loss", "against": "slow", "scale": "log"},
}


@pytest.fixture
def told(toy: dict[str, Any]) -> dict[str, Any]:
    """The toy with something beside its claim, and a figure of its own."""
    toy["metrics"]["loss"]["stage"] = "train"
    # A number in a claim's own words is one that was fixed before results.
    toy["claims"][0]["documented"]["text"] = "lower by 63 %, after twelve steps"
    toy["claims"][0]["supporting"] = [{**ENTRY, "id": "slow"}, {**ENTRY, "name": "v. 2"}, RATIO]
    toy["claims"].append(
        {
            "id": "TY02",
            "statement": "s",
            "section": "1",
            "kind": "not_testable",
            "documented": {"text": "d"},
            "decision": {"rule": "not_testable", "reason": "r"},
        }
    )
    toy["figures"] = {"start": {"variant": "fast", "metric": "loss", "at": "first"}}
    return toy


@pytest.fixture
def load(told: dict[str, Any], write: Write) -> Callable[..., Any]:
    """Load the toy with one conclusion, or with one later threat."""

    def loaded(text: str, *, threat: bool = False, also: str = "", **keys: Any) -> Any:
        content = copy.deepcopy(told)
        figures = content.pop("figures")
        sentence = {"text": text, **({} if threat else {"given": {"TY01": "reproduced"}}), **keys}
        content["later_threats" if threat else "conclusions"] = [sentence]
        path = write(content)
        findings = path.with_name("findings.yaml")
        text = findings.read_text()
        findings.write_text(text[:-1] + f', "figures": {figures}{also}'.replace("'", '"') + "\n}")
        return load_ablation(path)

    return loaded


@pytest.mark.parametrize(
    "text",
    [
        "The loss falls by {TY01.measured|down} {TY01.interval|down}, {TY01.n} seeds.",
        "The slow arm ends at {TY01.slow.measured}, by its name {TY01.v. 2.measured}.",
        "It changes by {TY01.ratio.measured|change} ({TY01.ratio.measured | down}).",
        "It starts at {start.measured} {start.unit}.",
        "The document has {TY01.documented}; margin {TY01.margin}; {TY02.verdict}.",
        "At a step of {=0.001}, after {=12 steps}, {=twelve} times {= 63 %}.",
        "Names keep their digits: YOLO11, P3, x32, TY01, and one is a pronoun.",
    ],
)
def test_what_a_sentence_may_say(load: Callable[..., Any], text: str) -> None:
    (conclusion,) = load(text).conclusions
    assert conclusion.text == text


KEYS: list[tuple[str, str]] = [
    ("{TY1.measured}", "{TY01.measured}"),
    ("{TY01.mesured}", "{TY01.measured}"),
    ("{TY01.slw.measured}", "{TY01.slow.measured}"),
    ("{TY01.slow.hi}", "{TY01.slow.high}"),
    ("{strat.measured}", "{start.measured}"),
    ("{start.slow.measured}", "{TY01.slow.measured}"),
    ("{start.p}", "{start.n}"),
]


@pytest.mark.parametrize(("key", "nearest"), KEYS)
def test_an_unknown_key_names_place_and_nearest(
    load: Callable[..., Any], key: str, nearest: str
) -> None:
    with pytest.raises(InputError) as caught:
        load(f"It is {key}.")
    text = str(caught.value)
    assert "findings.yaml:" in text
    assert f"conclusions.0.text is '{key}'; expected a figure that there is; the nearest: " in text
    assert nearest in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("It falls by 0.13.", "0.13"),
        ("From −0.5 to 1e-8, or 5,625 steps.", "0.5, 1e-8, 5,625"),
        ("By .5, 10 %, 3x and n=10.", ".5, 10, 3, 10"),
        ("Two of three, twice, and a million.", "Two, three, twice, million"),
        ("It halves.", "halves"),
        ("½ of 10⁻³.", "½, 10, ³"),
        ("Right {TY01.measured}, stale 0.5.", "0.5"),
    ],
)
def test_a_figure_typed_by_hand_is_refused(load: Callable[..., Any], text: str, value: str) -> None:
    with pytest.raises(InputError, match="expected a key in the place of each figure") as caught:
        load(text)
    assert caught.value.value == value
    with pytest.raises(InputError, match=r"threats\.0\.text is .*expected a key"):
        load(text, threat=True)


@pytest.mark.parametrize(
    ("text", "keys", "expected"),
    [
        ("{TY01}", {}, "a key with its field"),
        ("{TY01.measured", {}, "braces in pairs"),
        ("a } b", {}, "braces in pairs"),
        ("{=many}", {}, "a number behind '='"),
        ("{=0.137}", {}, "what was measured has a key"),
        ("{=between 0.1 and 0.137}", {}, "what was measured has a key"),
        ("{TY02.measured}", {}, "TY02 measures nothing"),
        ("{TY01.measured|size}", {}, "a format: up, down, percent, change"),
        ("{TY01.n|percent}", {}, "no format behind 'n'"),
        ("{TY01.measured|up|down}", {}, "one of 'up' and 'down'"),
        ("{TY01.measured|up|up}", {}, "each format once"),
        ("{TY01.measured|change}", {}, "'percent': it is no ratio"),
        ("{TY01.ratio.measured|change|percent}", {}, "one of 'change' and 'percent'"),
        ("t", {"when": "TY01.measured"}, "one figure, one of < <= > >="),
        ("t", {"when": "0 < TY01.low < 1"}, "one figure, one of < <= > >="),
        ("t", {"when": "0 < 1"}, "a figure on one side"),
        ("t", {"when": ["TY01.low > 0", "TY01.hihg > 0"]}, "the nearest: {TY01.high}"),
        ("t", {"when": "TY01.interval > 0"}, "measured, low, high, p, n to compare"),
        ("t", {"tier": "smoke"}, "a tier whose verdicts mean something: small"),
        ("t", {"tier": ["small", "full"]}, "a tier whose verdicts mean something: small"),
    ],
)
def test_what_no_report_could_print_is_refused(
    load: Callable[..., Any], text: str, keys: dict[str, Any], expected: str
) -> None:
    with pytest.raises(InputError) as caught:
        load(text, **keys)
    assert expected in str(caught.value)
    assert ": conclusions.0." in str(caught.value)


@pytest.mark.parametrize(
    ("also", "place", "expected"),
    [
        ("'setting': 'Trained for 31 steps.'", "setting.text is '31'", "a key in the place"),
        (
            "'found': [{'text': 'It is 3.', 'given': {'TY01': 'reproduced'}}]",
            "found.0.text is '3'",
            "a key in the place",
        ),
        (
            "'found': [{'text': 't', 'given': {'TY01': 'reproduced', 'TY02': 'holds'}}]",
            "found.0.given is 'TY01, TY02'",
            "one claim",
        ),
        ("'found': [{'text': 't', 'given': {'TY09': 'holds'}}]", "found.0.given", "TY01"),
    ],
)
def test_what_stands_beside_a_verdict_or_a_title(
    load: Callable[..., Any], also: str, place: str, expected: str
) -> None:
    right = ", 'setting': 'Small.', 'found': [{'text': 't', 'given': {'TY01': 'absent'}}]"
    assert load("t", also=right).setting.text == "Small."
    with pytest.raises(InputError) as caught:
        load("t", also=f", {also}")
    assert place in str(caught.value)
    assert expected in str(caught.value)


def test_a_number_that_a_condition_checks_may_stand_in_the_text(load: Callable[..., Any]) -> None:
    assert load("It falls by more than {=0.137}.", when="TY01.high < -0.137").conclusions


def test_a_figure_that_no_tier_of_the_sentence_has(
    told: dict[str, Any], load: Callable[..., Any]
) -> None:
    told["tiers"]["extended"] = told["tiers"]["small"]
    told["variants"]["slow"]["tiers"] = ["small"]
    text = "It is {TY01.slow.measured}."
    assert load(text).conclusions
    with pytest.raises(InputError, match="a figure that extended can have; that of small"):
        load(text, tier="extended")


def test_history_is_written_by_hand_and_says_nothing_of_these_results(
    load: Callable[..., Any],
) -> None:
    text = "An earlier trial, with seeds 0 to 9, found 0.31."
    (threat,) = load(text, threat=True, history=True).later_threats
    assert threat.text == text
    with pytest.raises(InputError, match="no figure of these results beside 'history'"):
        load("It was {TY01.measured}.", threat=True, history=True)
    with pytest.raises(InputError, match="no such key beside 'history'"):
        load(text, threat=True, history=True, when="TY01.low > 0")


def test_the_parts_of_a_sentence() -> None:
    assert parse_sentence("a {LB02.x y. z.low | up} {= 1\n x 1}") == [
        "a ",
        Reference(
            owner="LB02", entry="x y. z", field="low", formats=("up",), text="LB02.x y. z.low | up"
        ),
        " ",
        Constant("1 x 1"),
        "",
    ]
    assert hand_written(["v2 and 2", Constant("3")]) == ["2"]


@pytest.mark.parametrize(
    ("text", "low", "holds"),
    [
        ("LB02.low > -0.5", -0.5, False),
        ("LB02.low >= -0.5", -0.5, True),
        ("1e-3 < LB02.low", 0.002, True),
        ("LB02.low <= LB02.low", 3.0, True),
        ("LB02.low < 1", float("nan"), False),
        ("LB02.low >= LB02.low", float("nan"), False),
    ],
)
def test_a_condition(text: str, low: float, holds: bool) -> None:
    assert parse_condition(text).holds(lambda reference: low) is holds


def test_an_id_belongs_to_no_hash_and_is_there_once(told: dict[str, Any], write: Write) -> None:
    told.pop("figures")
    claim: Claim = load_ablation(write(told)).claims[0]
    del told["claims"][0]["supporting"][0]["id"]
    assert claim_hash(load_ablation(write(told)).claims[0]) == claim_hash(claim)
    told["claims"][0]["supporting"][0]["id"] = "ratio"
    with pytest.raises(InputError, match="an id that nothing else beside TY01 has"):
        load_ablation(write(told))
