"""Figures of sentences come from the results: other results, other figures, and no stale one."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fixbench.ablation import (
    CLAIM_FIELDS,
    ENTRY_FIELDS,
    Ablation,
    Constant,
    Reference,
    load_ablation,
    parse_sentence,
)
from fixbench.analysis import analyse
from fixbench.reports import _render
from fixbench.reports._claim_fields import claim_fields, entry_fields
from fixbench.reports._figures import Figure
from fixbench.reports._format import interval
from fixbench.reports._inputs import Inputs, read_inputs
from fixbench.reports._report import build_report
from fixbench.reports._sentences import Sentences
from fixbench.reports.sections import conclusions, threats
from fixbench.results import read_results
from fixbench.statistics import EffectEstimate
from fixbench.verdicts import ClaimResult

ROOT = Path(__file__).parents[2]


def scaled(effect: EffectEstimate | None, factor: float) -> EffectEstimate | None:
    if effect is None:
        return None
    return replace(
        effect,
        estimate=factor * effect.estimate,
        low=factor * effect.low,
        high=factor * effect.high,
    )


def other(result: ClaimResult, factor: float) -> ClaimResult:
    """A result with the same verdict and other figures."""
    beside: dict[str, Any] = {
        kind: tuple(
            replace(item, effect=scaled(item.effect, factor)) for item in getattr(result, kind)
        )
        for kind in ("preconditions", "controls", "supporting")
    }
    return replace(result, effect=scaled(result.effect, factor), **beside)


@dataclass(frozen=True)
class Trial:
    """A published run, and its results with every figure changed."""

    ablation: Ablation
    before: Inputs
    after: Inputs


@pytest.fixture(scope="module", params=["small", "extended"])
def trial(request: pytest.FixtureRequest) -> Trial:
    folder, tier = ROOT / "ablations" / "learning_rate", request.param
    rows = [ROOT / "reports" / "reference" / tier / "learning_rate.parquet"]
    ablation, results, frame = (
        load_ablation(folder),
        analyse(folder, tier, rows),
        read_results(rows),
    )

    def inputs(results: Sequence[ClaimResult], frame: pd.DataFrame) -> Inputs:
        return read_inputs("learning_rate", ablation, tier, frame, results, [])

    # Verdicts, and most of the bounds of this ablation, stand a factor of 1.25.
    return Trial(
        ablation,
        inputs(results, frame),
        inputs(
            [other(result, 1.25) for result in results],
            frame.assign(value=1.25 * frame["value"]),
        ),
    )


#: What a sentence says that is no result.
DECLARED = ("documented", "unit")


def measured_in(text: str, printed: str) -> list[str]:
    """The figures of results in a printed sentence, found by its written form."""
    pattern = ""
    for part in parse_sentence(" ".join(text.split())):
        if isinstance(part, Reference):
            pattern += "(?:.+?)" if part.field in DECLARED else "(.+?)"
        else:
            pattern += re.escape(part.text if isinstance(part, Constant) else part)
    match = re.fullmatch(pattern, printed)
    assert match is not None, printed
    return list(match.groups())


def page(inputs: Inputs) -> str:
    """The page of the two sections, as text."""
    report = build_report(inputs, opening=(conclusions.build,), sections=(threats.build,))
    text = re.sub(r"<(style|script).*?</\1>", "", _render.html("report", report), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", text)).split())


def sentences(inputs: Inputs) -> list[tuple[str, str]]:
    """The written and the printed form of every sentence that is printed."""
    found = [*inputs.sentences.conclusions(), *inputs.sentences.threats()]
    return [(sentence.text, said.text) for sentence, said in found if said.text]


def test_other_results_leave_no_stale_figure(trial: Trial) -> None:
    before, after = dict(sentences(trial.before)), dict(sentences(trial.after))
    pages = page(trial.before), page(trial.after)
    figures = 0
    for written, old in before.items():
        if written not in after:  # A bound does not hold any more.
            assert old.removesuffix(".") not in pages[1]
            continue
        new = after[written]
        # What is measured stands on the page of its own results, and not on that of others.
        assert old.removesuffix(".") in pages[0]
        assert new.removesuffix(".") in pages[1]
        olds, news = measured_in(written, old), measured_in(written, new)
        if olds:
            assert old.removesuffix(".") not in pages[1]
        for one, another in zip(olds, news, strict=True):
            assert one != another, written
            figures += 1
    assert figures >= 12
    assert set(after) <= set(before)


def test_sentences_have_no_digit_but_those_of_keys_and_of_the_design(trial: Trial) -> None:
    ablation = trial.ablation
    assert ablation.setting is not None
    assert ablation.found
    written = (*ablation.conclusions, *ablation.later_threats, *ablation.found, ablation.setting)
    for sentence in written:
        literal = "".join(part for part in parse_sentence(sentence.text) if isinstance(part, str))
        assert not re.search(r"\d", literal), literal


def test_every_figure_is_one_of_the_paper(trial: Trial) -> None:
    """A figure is decided once: a sentence prints what ``numbers.tex`` has."""
    by_id = {claim.id: (claim, result) for claim, result in trial.before.judged}
    checked = 0
    for sentence, said in trial.before.sentences.conclusions():
        parts = [part for part in parse_sentence(sentence.text) if isinstance(part, Reference)]
        if not said.text or any(part.field in DECLARED for part in parts):
            continue
        for part, printed in zip(parts, measured_in(sentence.text, said.text), strict=True):
            if part.owner in by_id and not part.formats:
                claim, result = by_id[part.owner]
                fields = claim_fields(trial.ablation, claim, result)
                assert printed in fields.values()
                checked += 1
    assert checked >= 3


def speaking(planted: Any, *sentences: dict[str, Any], threat: bool = False, **update: Any) -> Any:
    """The planted case with these sentences alone."""
    content = planted.ablation.model_dump(exclude={"conclusions", "later_threats"})
    content["later_threats" if threat else "conclusions"] = list(sentences)
    return replace(planted, ablation=Ablation.model_validate({**content, **update}))


def said(planted: Any, text: str, *, frame: bool = True, **keys: Any) -> Any:
    update = keys.pop("update", {})
    case = speaking(planted, {"given": {"CA01": "reproduced"}, "text": text, **keys}, **update)
    inputs = case.inputs()
    found = Sentences(
        inputs.ablation, case.tier, inputs.results, inputs.frame if frame else None
    ).conclusions()
    return found[0][1]


def test_a_bound_that_is_not_found_keeps_a_sentence_out(planted: Any) -> None:
    effect = planted.results[0].effect
    text = "It is {CA01.measured}."
    assert said(planted, text, when=f"CA01.low >= {effect.low!r}").text
    found = said(planted, text, when=[f"CA01.low > {effect.low!r}", "CA01.p < 0.05"])
    assert not found.text
    assert found.why_not.startswith("on CA01: lower end of CA01 > ")
    assert "found 0." in found.why_not
    beside = said(planted, text, when="CA01.random towers.measured < CA01.measured")
    assert "effect of CA01 “random towers” < effect of CA01 (found 3." in beside.why_not


def test_a_sentence_of_another_tier_is_listed(planted: Any) -> None:
    found = said(planted, "It is so.", tier=["extended"])
    assert (found.text, found.why_not) == ("", "on CA01: it speaks of tier extended")
    assert said(planted, "It is so.", tier=["small", "extended"]).text == "It is so."


def test_what_is_so_stands_beside_its_verdict_with_the_figures_of_the_run(trial: Trial) -> None:
    """LR12 does not hold; how many blocks there are is measured."""
    before, after = (item.sentences.found("LR12") for item in (trial.before, trial.after))
    assert re.fullmatch(r"Of 12 PWCA blocks 1(\.0)? changes a loss: .*", before)
    assert after
    assert after != before
    other = [
        replace(result, verdict="holds") if result.id == "LR12" else result
        for result in trial.before.results
    ]
    assert not Sentences(trial.ablation, "small", other).found("LR12")
    assert not trial.before.sentences.found("LR01")
    assert "0.0214" in trial.before.sentences.setting()
    # Tier smoke trains for fewer steps than the text says.
    assert not Sentences(trial.ablation, "smoke", trial.before.results).setting()


def test_a_figure_that_is_not_there_leaves_no_gap(planted: Any) -> None:
    (first, *rest) = planted.results
    text = "It is {CA01.global norm.measured}."
    assert said(planted, text).text
    absent = replace(planted, results=[replace(first, supporting=()), *rest])
    assert said(absent, text).why_not.endswith("“global norm” (not measured here)")
    lost = replace(first, effect=scaled(first.effect, math.nan))
    found = said(replace(planted, results=[lost, *rest]), "It is {CA01.measured|percent}.")
    assert found.why_not == "on CA01: effect of CA01 (not measured here)"


def test_a_figure_on_the_other_side_of_no_effect_leaves_no_wrong_word(planted: Any) -> None:
    # CA01 is a ratio below 1, CA03 a fall.
    assert said(planted, "It loses {CA03.measured|down}.").text.startswith("It loses 0.")
    assert "supposed above no effect, found −0." in said(planted, "{CA03.measured|up}").why_not
    assert said(planted, "{CA01.measured|up}").why_not
    assert said(planted, "It falls by {CA01.measured|change|down}.").text.endswith(" %.")


def test_a_figure_that_no_claim_has_is_measured_from_the_rows(planted: Any) -> None:
    term = {"variant": "scale_1.0", "metric": "pixel_auroc", "stage": "test"}
    update = {"figures": {"auroc": {"terms": [term]}}}
    rows = planted.frame.query("variant == 'scale_1.0' and metric == 'pixel_auroc'")
    found = said(planted, "It reaches {auroc.measured|percent}.", update=update)
    printed = float(found.text.split()[2])
    assert printed == pytest.approx(100 * rows["value"].mean(), abs=0.05)
    assert found.chosen == ("auroc",)
    # Without rows, as for a page of all ablations, it is left out.
    assert said(planted, "{auroc.measured}", update=update, frame=False).why_not
    assert said(planted, "{CA01.measured}", frame=False).text


def test_threats_follow_the_results_and_history_is_marked(planted: Any) -> None:
    case = speaking(
        planted,
        {"text": "General, {CA03.measured|down}."},
        {"text": "An earlier trial found 0.31.", "history": True, "claims": ["CA03"]},
        {"text": "Never.", "given": {"CA01": "reversed"}, "claims": ["CA03"]},
        threat=True,
    )
    inputs = case.inputs()
    section = threats.build(inputs)
    listed, paragraph = section.blocks
    assert listed.items[2].startswith("General, 0.")  # type: ignore[union-attr]
    by_hand = "Of earlier results, with figures written by hand: An earlier trial found 0.31."
    assert listed.items[-1] == f"CA03: {by_hand}"  # type: ignore[union-attr]
    assert paragraph.text == (  # type: ignore[union-attr]
        "One threat is left out: CA01 (supposed reversed, found reproduced)."
    )
    # In the smoke tier nothing is said of results.
    small = case.ablation.tiers["small"]
    tiers = {"small": small, "smoke": small}
    smoke = replace(case, tier="smoke", ablation=case.ablation.model_copy(update={"tiers": tiers}))
    items = threats.build(smoke.inputs()).blocks[0].items  # type: ignore[union-attr]
    assert [item for item in items if "General" in item or "Never" in item] == []


def test_fields_of_keys_are_those_of_the_paper(planted: Any) -> None:
    ablation, result = planted.ablation, planted.results[0]
    claim = ablation.claims[0]
    fields = claim_fields(ablation, claim, result)
    own = [name for name in fields if not re.match(r"(control|precondition|supporting)\d", name)]
    assert sorted(own) == sorted(CLAIM_FIELDS)
    entry = entry_fields(ablation, claim.controls[0].effect, result.controls[0])
    assert set(ENTRY_FIELDS) <= set(entry)


EXAMPLES: list[tuple[tuple[float, float, float], bool, tuple[str, ...], dict[str, str]]] = [
    ((-0.054, -0.0733, -0.0344), False, (), {"measured": "−0.054", "low": "−0.073"}),
    ((-0.054, -0.0733, -0.0344), False, ("down",), {"interval": "[0.034, 0.073]"}),
    ((0.34, 0.31, 0.37), False, ("percent",), {"measured": "34.0 %", "low": "31.0 %"}),
    # Three digits in per cent; the ends have more where they would be one number.
    ((0.18371, 0.1832, 0.1842), False, ("percent",), {"measured": "18.4 %", "high": "18.4 %"}),
    ((0.18371, 0.1837, 0.1838), False, ("percent",), {"measured": "18.4 %", "low": "18.370 %"}),
    ((0.48712, 0.48712, 0.48712), False, ("percent",), {"measured": "48.7 %"}),
    ((1.05171, 1.0512, 1.0522), True, ("percent",), {"measured": "105 %"}),
    ((0.37, 0.356, 0.385), True, ("change", "down"), {"measured": "63.0 %", "high": "64.4 %"}),
    ((0.25, 0.2, 0.5), True, ("down",), {"measured": "4.0", "interval": "[2.0, 5.0]"}),
    ((1.9, 1.7, 2.1), True, ("up",), {"measured": "1.90"}),
]


@pytest.mark.parametrize(("values", "ratio", "formats", "printed"), EXAMPLES)
def test_formats(
    values: tuple[float, float, float],
    ratio: bool,
    formats: tuple[str, ...],
    printed: dict[str, str],
) -> None:
    found = make(*values, ratio=ratio).turned(formats)
    assert found is not None
    assert {field: found.printed(field) for field in printed} == printed


def make(value: float, low: float, high: float, *, ratio: bool = False) -> Figure:
    return Figure(value=value, low=low, high=high, none=1.0 if ratio else 0.0, ratio=ratio)


size = st.floats(1e-4, 1e4)


@given(size, size, size, st.booleans(), st.sampled_from([1, -1]))
def test_a_format_changes_what_is_printed_and_not_what_was_found(
    value: float, below: float, above: float, ratio: bool, sign: int
) -> None:
    value *= 1 if ratio else sign
    figure = make(
        value, value / (1 + below) if ratio else value - below, value + above, ratio=ratio
    )
    assume(value != figure.none)
    plain = interval(figure.value, figure.low, figure.high)
    assert (figure.printed("measured"), figure.printed("interval")) == plain
    hundred = figure.turned(["percent"])
    assert hundred is not None
    texts = interval(100 * figure.value, 100 * figure.low, 100 * figure.high, 3)
    assert hundred.printed("measured") == f"{texts[0]} %"
    # One side alone can be said, and the other way round is the same size.
    up, down = figure.turned(["up"]), figure.turned(["down"])
    assert (up is None) != (down is None)
    if down is not None:
        assert down.low <= down.value <= down.high
        if not ratio:
            assert down.printed("measured") == figure.printed("measured").removeprefix("−")
        else:
            assert down.value == pytest.approx(1 / figure.value)
