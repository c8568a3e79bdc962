"""Each short form of an effect is the terms that one would write by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from fixbench.ablation import Ablation, Effect, claim_hash, load_ablation
from fixbench.errors import InputError

Write = Callable[[dict[str, Any]], Path]
Form = dict[str, Any] | str

LOSSES = ("lav", "gtcc", "tcc")
CLAIM = {
    "id": "AA01",
    "statement": "s",
    "section": "s",
    "kind": "outcome",
    "documented": {"text": "t"},
    "decision": {"rule": "difference", "direction": "greater", "margin": 2.0},
}
EFFECT = {"variant": "lav_off_global", "metric": "error", "against": "lav_on_global"}
SAME = "what differs from the first reading; both read"
NAME = "a name of printable characters, with text before and after each '/'"
FORMS = "'levels' (with 'over'), 'terms', 'slope' and 'factorial'"


def term(variant: str, weight: float, metric: str = "error", **other: Any) -> dict[str, Any]:
    return {"variant": variant, "metric": metric, "stage": "test", "weight": weight, **other}


def crossed(**changes: Any) -> dict[str, Any]:
    design = {"cross": {"rescale": ["on", "off"]}, "of": ["rescale"], "metric": "error"}
    return {"factorial": design | changes}


def loaded(
    write: Write, form: Form, metrics: dict[str, Any] | None = None, **more: Any
) -> Ablation:
    factors = {
        "loss": {loss: {"loss": loss} if loss != "lav" else {} for loss in LOSSES},
        "clip": {"global": {}, "none": {"clip": "none"}},
        "rescale": {"on": {}, "off": {"rescale": False}},
    }
    content = {
        "title": "t",
        "question": "q",
        "document": {"file": "f", "title": "t", "section": "s"},
        "system": "system.py",
        "baseline_variant": "lav_on_global",
        "baseline": {"loss": "lav", "clip": "global", "rescale": True, "size": 1},
        "factors": factors,
        "grids": [{"cross": ["loss", "clip", "rescale"], "name": "{loss}_{rescale}_{clip}"}],
        "variants": {"alone": {"reason": "r", "changes": {"size": 2}}},
        "metrics": {
            "error": {"description": "d", "stage": "test"},
            "norm/*": {"description": "d", "unit": "norm", "stage": "end", "scale": "log"},
            "norm/own": {"description": "own", "stage": "end", "at": "mean"},
            "bare": {"description": "d"},
            **(metrics or {}),
        },
        "tiers": {"small": {"seeds": "0-5"}},
        "threats": ["t"],
        "claims": [{**CLAIM, "effect": form, **more}],
    }
    return load_ablation(write(content))


def effect_of(write: Write, form: Form) -> Effect:
    found = loaded(write, form).claims[0].effect
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("form", "terms"),
    [
        ({"variant": "alone", "metric": "error"}, [term("alone", 1.0)]),
        (EFFECT, [term("lav_off_global", 1.0), term("lav_on_global", -1.0)]),
        (
            {"variant": "alone", "metric": "error", "at": "last", "against": {"at": "first"}},
            [term("alone", 1.0), term("alone", -1.0, at="first")],
        ),
        (
            {"levels": {"rescale": "off", "clip": "none"}, "metric": "error", "at": 3},
            [term("lav_off_none", 1.0, at=3)],
        ),
        (
            {
                "levels": {"rescale": "off", "clip": "none"},
                "over": "loss",
                "metric": "error",
                "against": {"levels": {"rescale": "on"}},
            },
            [term(f"{loss}_off_none", 1 / 3) for loss in LOSSES]
            + [term(f"{loss}_on_none", -1 / 3) for loss in LOSSES],
        ),
        (
            {
                "variant": "alone",
                "metric": "error",
                "stage": "start",
                "against": {"variant": "lav_on_none", "stage": "test"},
            },
            [term("alone", 1.0, stage="start"), term("lav_on_none", -1.0)],
        ),
        (
            # The second reading differs from the first one's levels.
            {
                "variant": "tcc_off_none",
                "metric": "error",
                "against": {"levels": {"rescale": "on"}, "over": {"loss": ["gtcc", "tcc"]}},
            },
            [term("tcc_off_none", 1.0)] + [term(f"{loss}_on_none", -0.5) for loss in LOSSES[1:]],
        ),
        (
            # A level in the second reading ends the mean over its factor.
            {"over": "loss", "metric": "error", "against": {"levels": {"loss": "tcc"}}},
            [term(f"{loss}_on_global", 1 / 3) for loss in LOSSES] + [term("tcc_on_global", -1.0)],
        ),
        (
            {"over": ["loss", "rescale"], "metric": "error"},
            [
                term(f"{loss}_{rescale}_global", 1 / 6)
                for loss, rescale in product(LOSSES, ("on", "off"))
            ],
        ),
        (
            {
                "variants": ["alone", "tcc_on_none"],
                "metric": "error",
                "against": {"variants": ["lav_on_none", "lav_off_none"]},
            },
            [
                *(term(name, 0.5) for name in ("alone", "tcc_on_none")),
                *(term(name, -0.5) for name in ("lav_on_none", "lav_off_none")),
            ],
        ),
        (
            {"terms": [{"variant": "alone", "metric": "error"}, term("tcc_on_none", -0.25)]},
            [term("alone", 1.0), term("tcc_on_none", -0.25)],
        ),
    ],
)
def test_a_short_form_is_its_terms(write: Write, form: Form, terms: list[dict[str, Any]]) -> None:
    by_hand = loaded(write, {"terms": terms}).claims[0]
    short = loaded(write, form).claims[0]
    assert short == by_hand
    assert short.model_dump_json() == by_hand.model_dump_json()
    assert claim_hash(short) == claim_hash(by_hand)


def test_a_design_by_its_factors_is_the_design_by_its_cells(write: Write) -> None:
    crossed = {"rescale": ["on", "off"], "clip": ["none", "global"]}
    cells = {"tcc_on_none": "++", "tcc_off_none": "-+", "tcc_on_global": "+-"}
    shared = {"metric": "error"}
    short = effect_of(
        write,
        {"factorial": {"cross": crossed, "levels": {"loss": "tcc"}, "of": ["clip"], **shared}},
    )
    by_hand = effect_of(
        write,
        {
            "factorial": {
                "factors": ["rescale", "clip"],  # the options, whose values signs are checked with
                "cells": {**cells, "tcc_off_global": "--"},
                "of": ["clip"],
                **shared,
            }
        },
    )
    assert short.model_dump_json() == by_hand.model_dump_json()
    weights = {item.variant: item.weight for item in short.weighted}
    assert weights == {
        "tcc_on_none": 0.5,
        "tcc_off_none": 0.5,
        "tcc_on_global": -0.5,
        "tcc_off_global": -0.5,
    }


def test_an_effect_takes_what_it_leaves_out_from_its_claim_or_its_metric(write: Write) -> None:
    def beside(form: Form) -> Effect:
        item = {"name": "n", "meaning": "m", "effect": form}
        claim = {"variant": "alone", "metric": "norm/a", "at": "first", "against": "lav_on_none"}
        return loaded(write, claim, supporting=[item]).claims[0].supporting[0].effect

    usual = {"metric": "norm/a", "stage": "end", "at": "first"}
    assert beside("tcc_on_none").model_dump()["terms"] == [
        {"variant": "tcc_on_none", **usual, "weight": 1.0}
    ]
    assert beside("tcc_on_none").scale == "log"
    assert beside({"against": "tcc_on_none"}).model_dump()["terms"] == [
        {"variant": "alone", **usual, "weight": 1.0},
        {"variant": "tcc_on_none", **usual, "weight": -1.0},
    ]
    # Another metric brings its own stage, step and scale; a step that is given stays.
    (own,) = beside({"metric": "norm/own"}).terms
    assert (own.stage, own.at, beside({"metric": "norm/own"}).scale) == ("end", "mean", "plain")
    (other,) = beside({"metric": "norm/b", "at": 7}).terms
    assert (other.stage, other.at) == ("end", 7)
    assert beside({"stage": "start", "scale": "plain"}).scale == "plain"


def test_what_is_usual_enters_no_definition(write: Write) -> None:
    metric = loaded(write, EFFECT).metric("norm/a")
    assert metric.definition == {"better": "neither", "unit": "norm"}
    assert "stage" not in metric.model_dump()


def test_members_of_a_family(write: Write) -> None:
    ablation = loaded(write, {"variant": "alone", "metric": "norm/used"})
    assert list(ablation.metrics) == ["error", "norm/used", "norm/own", "bare"]
    assert ablation.metric("norm/other") == ablation.families["norm/*"]
    assert ablation.metric("norm/own").description == "own"
    assert list(ablation.declared(["norm/x", "else"])) == [*ablation.metrics, "norm/x"]
    # What is in use of a family changes no unit that jobs are made with.
    assert ablation.units == loaded(write, EFFECT).units
    with pytest.raises(KeyError):
        ablation.metric("else")


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"metric": "error"}, f"effect; expected exactly one of 'variant', 'variants', {FORMS}"),
        (
            {**EFFECT, "levels": {}},
            f"effect; expected exactly one of 'variant', 'variants', {FORMS}",
        ),
        ({"variant": "alone"}, "effect.metric; expected this key: what is read"),
        (
            {"variant": "alone", "metric": "bare"},
            "stage; expected this key: bare declares no usual",
        ),
        (
            {"variant": "alon", "metric": "error"},
            "effect.variant is 'alon'; expected one of lav_on",
        ),
        (
            {"variant": "alone", "metric": "e"},
            "effect.metric is 'e'; expected one of error, norm/*",
        ),
        (
            {"levels": {"los": "lav"}, "metric": "error"},
            "effect.levels.los is 'los'; expected a factor of ablation.yaml: loss, clip, rescale",
        ),
        (
            {"levels": {"loss": "vava"}, "metric": "error"},
            "effect.levels.loss is 'vava'; expected a level of loss: lav, gtcc, tcc",
        ),
        (
            {"levels": {"loss": "tcc"}, "over": "loss", "metric": "error"},
            "effect.over; expected loss in 'levels' or in 'over'",
        ),
        ({**EFFECT, "against": {}}, "effect.against; expected what differs from the first reading"),
        (
            {"variant": "alone", "metric": "error", "against": {"levels": {"clip": "none"}}},
            "effect.against; expected a variant's name: the first reading is of variants that no",
        ),
        ({**EFFECT, "against": {"variant": "x"}}, "effect.against.variant is 'x'; expected one of"),
        (
            {"terms": [term("alone", 1.0)], "metric": "error"},
            "effect.metric; expected no 'metric' beside 'terms'",
        ),
        # Both sides are the same number, however they are written.
        *(
            ({"metric": "error", **form}, f"effect.against; expected {SAME} lav_on_global")
            for form in (
                {"levels": {}, "against": "lav_on_global"},
                {"levels": {"loss": "lav"}, "against": {"levels": {"clip": "global"}}},
                {"over": {"loss": ["lav"]}, "against": {"variants": ["lav_on_global"]}},
                {"variant": "lav_on_global", "against": {"at": "last"}},
            )
        ),
        (
            {"terms": [term("alone", 0.1), term("alone", 0.2), term("alone", -0.3)]},
            "effect.terms; expected weights that do not add up to 0 for every variant",
        ),
        (
            {"terms": [term("alone", 1.0), term("lav_on_none", 0.0)]},
            "effect.terms.1.weight is 0.0; expected a weight other than 0, or no such term",
        ),
        (
            {"over": {"loss": ["tcc", "lav", "tcc"]}, "metric": "error"},
            "effect.over.loss is ['tcc', 'lav', 'tcc']; expected each level once",
        ),
        (
            {"over": ["loss", "loss"], "metric": "error"},
            "effect.over is ['loss', 'loss']; expected each factor once",
        ),
        (
            crossed(levels={"clip": "none", "rescale": "on"}),
            "effect.factorial.levels.rescale is 'on'; expected rescale in 'levels' or in 'cross'",
        ),
        (
            crossed(cross={"rescale": ["on", "on"]}),
            "effect.factorial.cross.rescale is ['on', 'on']; expected two levels that differ",
        ),
        (
            crossed(of=["clip"]),
            "effect.factorial.of.0 is 'clip'; expected a factor of this design: rescale",
        ),
        (
            crossed(of=["rescale", "rescale"]),
            "effect.factorial.of is ['rescale', 'rescale']; expected each factor once",
        ),
        *(
            ({"variant": "alone", "metric": name}, f"effect.metric is {name!r}; expected {text}")
            for name, text in (
                ("norm/*", "the name of one metric, not of a family"),
                ("norm/", NAME),
                ("norm//a", NAME),
                ("/norm/a", NAME),
                ("norm/a\nb", NAME),
                ("norm/a ", NAME),
                ("", NAME),
                ("norm/*a", f"{NAME}; '*' stands only at the end of a family's name"),
            )
        ),
    ],
)
def test_what_an_effect_refuses(write: Write, form: Form, message: str) -> None:
    with pytest.raises(InputError) as caught:
        loaded(write, form)
    text = str(caught.value)
    assert f"claims.AA01.{message}" in text or f"claims.AA01.effect.{message}" in text
    assert "/claims.yaml:" in text


@pytest.mark.parametrize(
    "name", ["*", "/*", "norm//*", "norm/*/x", "n*rm", "norm/", "a\nb", "", " norm"]
)
def test_names_that_no_metric_can_have(write: Write, name: str) -> None:
    with pytest.raises(InputError) as caught:
        loaded(write, EFFECT, metrics={name: {"description": "d"}})
    assert re.search(r"/ablation.yaml:\d\d+: metrics\.", str(caught.value))
    assert NAME in str(caught.value)
    assert str(caught.value).isprintable()


def test_what_a_run_measures_belongs_to_a_family_by_a_proper_name(write: Write) -> None:
    ablation = loaded(write, EFFECT)
    assert ablation.declared(["norm/x/y", "norm/", "norm//x", "norm/*"]).keys() - (
        ablation.metrics.keys()
    ) == {"norm/x/y"}
