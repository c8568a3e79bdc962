"""Everything that can be wrong in the files of an ablation is refused in one message."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixbench.ablation import load_ablation
from fixbench.errors import InputError
from fixbench.reading import read_yaml
from fixbench.verdicts import check_claims

TOY = Path(__file__).parents[1] / "fixtures" / "ablations" / "toy"

Write = Callable[[dict[str, Any]], Path]
Edit = Callable[[Any], Any]


def find(content: Any, path: str) -> tuple[Any, Any]:
    """The container of a key and the key; "/" separates, numbers index lists."""
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("/"))
    for parent in parents:
        content = content[parent]
    return content, last


def put(path: str, value: Any) -> Edit:
    def edit(content: Any) -> None:
        container, key = find(content, path)
        container[key] = value

    return edit


def drop(path: str) -> Edit:
    def edit(content: Any) -> None:
        container, key = find(content, path)
        del container[key]

    return edit


def both(*edits: Edit) -> Edit:
    def edit(content: Any) -> None:
        for one in edits:
            one(content)

    return edit


CLAIM = read_yaml(TOY / "claims.yaml")["claims"][0]
TERM = "claims/0/effect/terms/0"
SLOPE = {"doses": {"fast": 0.1, "slow": 0.001}, "metric": "loss", "stage": "train"}
FACTORIAL: dict[str, Any] = {
    "factors": ["rate", "start"],
    "cells": {"fast": "+-", "slow": "--", "unstable": "++", "continued": "-+"},
    "of": ["rate"],
    "metric": "loss",
    "stage": "train",
}
COMPARISON = {
    "name": "all",
    "variants": ["fast", "slow"],
    "pairs": "all",
    "metric": "loss",
    "stage": "train",
}
FORMS = (
    "exactly one of 'variant', 'variants', 'levels' (with 'over'), 'terms', 'slope' and 'factorial'"
)
CONCLUSION = {"text": "Take the larger step.", "given": {"TY01": "reproduced"}}
NOT_TESTABLE = {"rule": "not_testable", "reason": "no data"}

BAD: dict[str, tuple[Edit, str]] = {
    "unknown key": (
        put("baselin", {}),
        "baselin is {}; expected no such key; see config/ablation.schema.json",
    ),
    "missing key": (drop("title"), "title; expected this key, which is required"),
    "misspelt required key": (
        both(drop("title"), put("titel", "T")),
        "titel is 'T'; expected no such key; see config/ablation.schema.json; is it the required "
        "key 'title'?",
    ),
    "a label of seven words": (
        put("claims/0/label", "one two three four five six seven"),
        "claims.TY01.label is 'one two three four five six seven'; expected one to 6 words",
    ),
    "wrong type": (put("title", 3), "title is 3; expected string"),
    "a curve of no metric": (put("curves", ["los"]), "curves.0 is 'los'; expected one of loss"),
    "nested wrong type": (
        put("variants/slow/changes", []),
        "variants.slow.changes is []; expected dictionary",
    ),
    "wrong choice": (
        put("claims/0/kind", "guess"),
        "claims.TY01.kind is 'guess'; expected 'arithmetic', 'mechanism', 'outcome' or "
        "'not_testable'",
    ),
    "unbounded precondition": (
        put(
            "claims/0/preconditions",
            [{"name": "n", "meaning": "m", "effect": CLAIM["effect"]}],
        ),
        "claims.TY01.preconditions.0; expected a precondition with 'above', 'below' or both",
    ),
    "precondition of a property": (
        both(
            put("claims/0/decision", {"rule": "property"}),
            put(
                "claims/0/preconditions",
                [{"name": "n", "meaning": "m", "effect": CLAIM["effect"], "above": 0}],
            ),
        ),
        "claims.TY01.preconditions; "
        "expected preconditions with a rule that is tested over seeds alone",
    ),
    "claim id": (
        put("claims/0/id", "toy1"),
        "claims.toy1.id is 'toy1'; expected pattern '^[A-Z]{2}[0-9]{2}[a-z]?$'",
    ),
    "variant name": (
        put("variants/a b", {"reason": ""}),
        "variants.a b is 'a b'; expected pattern '^[A-Za-z0-9][A-Za-z0-9_.-]*$'",
    ),
    "a threat to no claim": (
        put("threats", ["general", {"claims": ["TY01", "TY1"], "text": "t"}]),
        "threats.1.claims is 'TY1'; expected the id of a claim of claims.yaml: TY01",
    ),
    "a threat to claims, none named": (
        put("threats", [{"claims": [], "text": "t"}]),
        "threats.0.claims is []; expected at least 1 item after validation, not 0",
    ),
    "a threat that says nothing": (
        put("threats", [{"claims": ["TY01"]}]),
        "threats.0.text; expected this key, which is required",
    ),
    "a conclusion from no claim": (
        put("conclusions", [{**CONCLUSION, "given": {"TY01": "absent", "TY02": "absent"}}]),
        "conclusions.0.given is 'TY02'; expected the id of a claim of claims.yaml: TY01",
    ),
    "a conclusion from no verdict": (
        put("conclusions", [CONCLUSION, {**CONCLUSION, "given": {"TY01": ["absent", "shown"]}}]),
        "conclusions.1.given.TY01.1 is 'shown'; expected 'reproduced', 'direction only', 'another "
        "size', 'negligible', 'absent', 'reversed', 'refuted', 'unresolved', 'inconclusive', "
        "'holds', 'does not hold', 'confounded' or 'not testable'",
    ),
    "a conclusion from any verdict": (
        put("conclusions", [{**CONCLUSION, "given": {"TY01": []}}]),
        "conclusions.0.given.TY01 is []; expected at least 1 item after validation, not 0",
    ),
    "a conclusion from nothing": (
        put("conclusions", [{**CONCLUSION, "given": {}}]),
        "conclusions.0.given; expected at least 1 item after validation, not 0",
    ),
    "no variant": (
        put("variants", {}),
        "variants; expected a variant, or a grid that makes some",
    ),
    "no threat": (
        put("threats", []),
        "threats is []; expected at least 1 item after validation, not 0",
    ),
    "tier": (
        put("tiers/large", {"seeds": "0"}),
        "tiers.large is 'large'; expected 'smoke', 'small', 'extended' or 'full'",
    ),
    "block": (put("tiers/small/block", 0), "block is 0; expected greater than or equal to 1"),
    "system and command": (
        put("command", "true"),
        "expected exactly one of 'system' and 'command'",
    ),
    "neither": (drop("system"), "expected exactly one of 'system' and 'command'"),
    "baseline variant": (
        put("baseline_variant", "quick"),
        "baseline_variant is 'quick'; expected one of fast, slow, unstable, continued",
    ),
    "baseline with changes": (
        put("variants/fast/changes", {"training.steps": 3}),
        "variants.fast.changes; expected no changes in the baseline variant",
    ),
    "seeds": (
        put("tiers/small/seeds", "9-0"),
        "tiers.small.seeds is '9-0'; expected seeds such as '0-9' or '0-4,7', upwards",
    ),
    "duplicate seeds": (
        put("tiers/small/seeds", "0-4,3"),
        "tiers.small.seeds is '0-4,3'; expected each seed once; 3 stands twice",
    ),
    "no tier": (put("tiers", {}), "tiers; expected at least 1 item after validation, not 0"),
    "in no tier": (
        put("variants/slow/tiers", []),
        "variants.slow.tiers is []; expected at least 1 item after validation, not 0",
    ),
    "measured in no tier": (
        put("variants/slow/measure", {}),
        "variants.slow.measure; expected at least 1 item after validation, not 0",
    ),
    "in a tier that is not declared": (
        put("variants/slow/tiers", ["smoke", "full"]),
        "variants.slow.tiers.1 is 'full'; expected a tier of this file: smoke, small",
    ),
    "measured in a tier that is not declared": (
        put("measure", {"full": ["loss"]}),
        "measure.full is 'full'; expected a tier of this file: smoke, small",
    ),
    "too many seeds": (
        put("tiers/small/seeds", "0-99999999999"),
        "tiers.small.seeds is '0-99999999999'; expected at most 10000 seeds",
    ),
    "no system": (
        put("system", ""),
        "system is ''; expected a module such as 'fixbench.systems.yowo', or a .py file of the "
        "folder",
    ),
    "a relative system": (
        put("system", ".x"),
        "system is '.x'; expected a module such as 'fixbench.systems.yowo', or a .py file of the "
        "folder",
    ),
    "a long name": (
        put("variants/" + "a" * 101, {"reason": ""}),
        f"variants.{'a' * 101} is '{'a' * 101}'; expected at most 100 characters",
    ),
    "a dotted option of the baseline": (
        put("baseline/optimiser.momentum.beta", 0.9),
        "baseline.optimiser.momentum.beta is 'optimiser.momentum.beta'; expected nested keys: "
        "'optimiser: {momentum: {beta: ...}}'",
    ),
    "a slope over an option that becomes a mapping": (
        both(
            put("variants/slow/changes", {"optimiser.learning_rate": {"start": 0.1}}),
            put(
                "claims/0/effect",
                {"slope": {**SLOPE, "over": "optimiser.learning_rate"}},
            ),
        ),
        "claims.TY01.effect.slope.doses.slow is 0.001; expected its value of "
        "optimiser.learning_rate in tier 'smoke', which is {'start': 0.1}",
    ),
    "tier option": (
        put("tiers/smoke/options", {"training.step": 3}),
        "tiers.smoke.options.training.step is 'training.step'; expected an option of the "
        "baseline: data.noise, data.samples, optimiser.learning_rate, training.steps",
    ),
    "variant option": (
        put("variants/slow/changes", {"optimiser.rate": 3}),
        "variants.slow.changes.optimiser.rate is 'optimiser.rate'; expected an option of the "
        "baseline: data.noise, data.samples, optimiser.learning_rate, training.steps",
    ),
    "idle change": (
        put("variants/slow/changes", {"optimiser.learning_rate": 0.1}),
        "variants.slow.changes.optimiser.learning_rate is 0.1; expected a value that differs from "
        "the baseline's in tier 'smoke'",
    ),
    "idle change in one tier": (
        put("variants/slow/changes", {"training.steps": 12}),
        "variants.slow.changes.training.steps is 12; expected a value that differs from the "
        "baseline's in tier 'smoke'",
    ),
    "two factors": (
        put("variants/slow/changes", {"optimiser.learning_rate": 1.0, "training.steps": 3}),
        "variants.slow.changes is ['optimiser', 'training']; expected one option group (one "
        "factor), or 'bundle: true' with variants that take its parts apart",
    ),
    "starts from nothing": (
        put("variants/continued/starts_from", "quick"),
        "variants.continued.starts_from is 'quick'; expected another variant: fast, slow, unstable",
    ),
    "starts from itself": (
        put("variants/continued/starts_from", "continued"),
        "variants.continued.starts_from is 'continued'; expected another variant: fast, slow, "
        "unstable",
    ),
    "starts from each other": (
        both(
            put("variants/slow/starts_from", "continued"),
            put("variants/continued/starts_from", "slow"),
        ),
        "variants.continued.starts_from is 'slow'; expected another variant: fast, unstable",
    ),
    "parent not run": (
        put("variants/fast/tiers", ["smoke"]),
        "variants.continued.starts_from is 'fast'; expected a variant that tier 'small' runs",
    ),
    "command with parent": (
        both(drop("system"), put("command", "true")),
        "variants.continued.starts_from is 'fast'; expected no such key: a 'command' leaves no "
        "state to start from",
    ),
    "claim twice": (
        put("claims", [CLAIM, CLAIM]),
        "claims.TY01.id is 'TY01'; expected each id once",
    ),
    "claim variant": (
        put(f"{TERM}/variant", "fats"),
        "claims.TY01.effect.terms.0.variant is 'fats'; expected one of fast, slow, unstable, "
        "continued",
    ),
    "claim metric": (
        put(f"{TERM}/metric", "accuracy"),
        "claims.TY01.effect.terms.0.metric is 'accuracy'; expected one of loss",
    ),
    "control variant": (
        put(
            "claims/0/controls",
            [
                {
                    "name": "c",
                    "meaning": "m",
                    "effect": {"terms": [{"variant": "no", "metric": "loss", "stage": "train"}]},
                }
            ],
        ),
        "claims.TY01.controls.0.effect.terms.0.variant is 'no'; expected one of fast, slow, "
        "unstable, continued",
    ),
    "terms and slope": (
        put("claims/0/effect/slope", SLOPE),
        f"claims.TY01.effect; expected {FORMS}",
    ),
    "neither terms nor slope": (
        put("claims/0/effect", {"scale": "plain"}),
        f"claims.TY01.effect; expected {FORMS}",
    ),
    "one dose": (
        put("claims/0/effect", {"slope": {**SLOPE, "doses": {"fast": 1, "slow": 1.0}}}),
        "claims.TY01.effect.slope; expected at least two different doses",
    ),
    "logarithm of a dose": (
        put(
            "claims/0/effect",
            {"slope": {**SLOPE, "doses": {"fast": 1, "slow": 0}, "dose_scale": "log"}},
        ),
        "claims.TY01.effect.slope; expected positive doses, which their logarithms need",
    ),
    "slope variant": (
        put("claims/0/effect", {"slope": {**SLOPE, "doses": {"fast": 1, "slwo": 2}}}),
        "claims.TY01.effect.slope.doses is 'slwo'; expected one of fast, slow, unstable, continued",
    ),
    "slope metric": (
        put("claims/0/effect", {"slope": {**SLOPE, "metric": "accuracy"}}),
        "claims.TY01.effect.slope.metric is 'accuracy'; expected one of loss",
    ),
    "slope over no option": (
        put("claims/0/effect", {"slope": {**SLOPE, "over": "optimiser.rate"}}),
        "claims.TY01.effect.slope.over is 'optimiser.rate'; expected an option of the baseline: "
        "data.noise, data.samples, optimiser.learning_rate, training.steps",
    ),
    "dose that is not the option's": (
        put(
            "claims/0/effect",
            {
                "slope": {
                    **SLOPE,
                    "doses": {"fast": 0.1, "slow": 0.01},
                    "over": "optimiser.learning_rate",
                }
            },
        ),
        "claims.TY01.effect.slope.doses.slow is 0.01; expected its value of "
        "optimiser.learning_rate in tier 'smoke', which is 0.001",
    ),
    "slope of a property": (
        both(
            put("claims/0/decision", {"rule": "property"}),
            put("claims/0/effect", {"slope": SLOPE}),
        ),
        "claims.TY01.effect; expected terms, not a design, with a 'property' rule",
    ),
    "factor twice": (
        put("claims/0/effect", {"factorial": {**FACTORIAL, "factors": ["rate", "rate"]}}),
        "claims.TY01.effect.factorial; expected factors that differ",
    ),
    "effect of another factor": (
        put("claims/0/effect", {"factorial": {**FACTORIAL, "of": ["rate", "steps"]}}),
        "claims.TY01.effect.factorial.of.1 is 'steps'; expected a factor of this design: rate, "
        "start",
    ),
    "sign": (
        put("claims/0/effect", {"factorial": {**FACTORIAL, "cells": {"fast": "+0"}}}),
        "claims.TY01.effect.factorial.cells.fast is '+0'; expected pattern '^[+-]+$'",
    ),
    "cells that are not all": (
        put(
            "claims/0/effect",
            {"factorial": {**FACTORIAL, "cells": {**FACTORIAL["cells"], "fast": "--"}}},
        ),
        "claims.TY01.effect.factorial; expected one variant for each combination of levels: "
        "++, +-, -+, --",
    ),
    "factorial variant": (
        put(
            "claims/0/effect",
            {
                "factorial": {
                    **FACTORIAL,
                    "cells": {"fats": "+-", "slow": "--", "unstable": "++", "continued": "-+"},
                }
            },
        ),
        "claims.TY01.effect.factorial.cells is 'fats'; expected one of fast, slow, unstable, "
        "continued",
    ),
    "factor against its option": (
        put(
            "claims/0/effect",
            {
                "factorial": {
                    **FACTORIAL,
                    "factors": ["optimiser.learning_rate", "start"],
                    "of": ["start"],
                }
            },
        ),
        "expected the same sign exactly where optimiser.learning_rate is the same; in tier 'smoke' "
        "it is 0.1 in 'fast' and 1e+30 in 'unstable'",
    ),
    "comparison of a variant with itself": (
        put("comparisons", [{**COMPARISON, "variants": ["slow", "slow"]}]),
        "comparisons.0; expected each variant once",
    ),
    "comparison of one": (
        put("comparisons", [{**COMPARISON, "variants": ["slow"]}]),
        "comparisons.0; expected at least two variants, of which there are pairs",
    ),
    "comparison of the baseline": (
        put("comparisons", [{**COMPARISON, "variants": ["fast"], "pairs": "baseline"}]),
        "comparisons.0.variants is ['fast']; expected a variant besides the baseline",
    ),
    "comparison of no variant": (
        put("comparisons", [{**COMPARISON, "variants": ["fast", "slwo"]}]),
        "comparisons.0.variants.1 is 'slwo'; expected one of fast, slow, unstable, continued",
    ),
    "comparison of no metric": (
        put("comparisons", [{**COMPARISON, "metric": "accuracy"}]),
        "comparisons.0.metric is 'accuracy'; expected one of loss",
    ),
    "difference without direction": (
        put("claims/0/decision", {"rule": "difference", "margin": 1.0}),
        "claims.TY01.decision.direction; expected this key, which a 'difference' rule needs",
    ),
    "a tolerance of no size": (
        put("claims/0/decision/tolerance", 0.1),
        "claims.TY01.documented.value; expected this key: the size that 'tolerance' is around",
    ),
    "difference without margin": (
        put("claims/0/decision", {"rule": "difference", "direction": "less"}),
        "claims.TY01.decision.margin; expected this key, which a 'difference' rule needs",
    ),
    "no difference without margin": (
        put("claims/0/decision", {"rule": "no_difference"}),
        "claims.TY01.decision; expected a 'no_difference' rule with a margin",
    ),
    "not testable without reason": (
        both(drop("claims/0/effect"), put("claims/0/decision", {"rule": "not_testable"})),
        "claims.TY01.decision; expected a 'not_testable' rule with a reason",
    ),
    "not testable with effect": (
        put("claims/0/decision", NOT_TESTABLE),
        "claims.TY01.effect; expected no effect with a 'not_testable' rule",
    ),
    "no effect": (
        drop("claims/0/effect"),
        "claims.TY01.effect; expected an effect with a 'difference' rule",
    ),
    "log margin": (
        put("claims/0/effect/scale", "log"),
        "claims.TY01.decision.margin is 0.01; "
        "expected a margin above 1 (a factor) on the log scale",
    ),
    "log tolerance": (
        both(
            put("claims/0/effect/scale", "log"),
            put("claims/0/decision/margin", 1.1),
            put("claims/0/decision/tolerance", 0.9),
            put("claims/0/documented/value", 2.0),
        ),
        "claims.TY01.decision.tolerance is 0.9; "
        "expected a tolerance above 1 (a factor) on the log scale",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_one_message_for_each_mistake(name: str, toy: dict[str, Any], write: Write) -> None:
    edit, message = BAD[name]
    edit(toy)
    path = write(toy)
    with pytest.raises(InputError) as caught:
        check_claims(load_ablation(path), path.with_name("claims.yaml"))
    text = str(caught.value)
    assert re.match(rf"{path.parent}/(ablation|claims|findings)\.yaml:\d+", text)
    assert text.endswith(message)
    assert "\n" not in text


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("baseline/data/noise", "baseline.data.noise"),
        ("tiers/smoke/options/data.noise", "tiers.smoke.options.data.noise"),
        ("variants/slow/changes/data.noise", "variants.slow.changes.data.noise"),
    ],
)
def test_an_option_that_is_no_number(
    toy: dict[str, Any], write: Write, path: str, key: str
) -> None:
    put(path, "@")(toy)
    file = write(toy)
    file.write_text(file.read_text().replace('"@"', "[1, .nan]"))
    with pytest.raises(InputError) as caught:
        load_ablation(file)
    assert str(caught.value).endswith(f"{key}.1 is nan; expected a number")


def test_a_design_across_an_option_that_a_variant_makes_a_mapping_of(
    toy: dict[str, Any], write: Write
) -> None:
    toy["variants"]["slow"]["changes"] = {"optimiser.learning_rate": {"start": 0.1, "end": 0.0}}
    design = {
        **FACTORIAL,
        "factors": ["optimiser.learning_rate"],
        "cells": {"fast": "-", "slow": "+"},
        "of": ["optimiser.learning_rate"],
    }
    toy["claims"][0]["effect"] = {"factorial": design}
    (claim,) = load_ablation(write(toy)).claims
    assert claim.effect is not None
    assert [term.weight for term in claim.effect.weighted] == [-1.0, 1.0]


def test_a_tier_that_runs_no_variant_is_none(toy: dict[str, Any], write: Write) -> None:
    for variant in toy["variants"].values():
        variant["tiers"] = ["small"]
    assert list(load_ablation(write(toy)).tiers) == ["small"]
    toy["tiers"]["smoke"]["seeds"] = "x"
    with pytest.raises(InputError, match=r"tiers\.smoke\.seeds is 'x'"):
        load_ablation(write(toy))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"title: [", "valid YAML, indented with spaces, each key once"),
        (b"title: a\ntitle: b\n", "valid YAML, indented with spaces, each key once"),
        (b"title: \xff\xfe", "a readable UTF-8 file"),
        (b"- a\n", "keys with values, such as 'title'"),
        (b"", "keys with values, such as 'title'"),
    ],
)
def test_not_a_mapping(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "ablation.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_ablation(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a readable UTF-8 file"):
        load_ablation(tmp_path / "ablation.yaml")


def test_duplicate_key_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "ablation.yaml"
    path.write_text("title: a\nquestion: b\ntitle: c\n")
    with pytest.raises(InputError, match="line 3"):
        load_ablation(path)


@pytest.mark.parametrize("number", [".inf", "-.inf", ".nan", "1e400"])
@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("claims/0/decision/margin", "decision.margin"),
        ("claims/0/decision/null", "decision.null"),
        ("claims/0/decision/tolerance", "decision.tolerance"),
        ("claims/0/documented/value", "documented.value"),
        (f"{TERM}/weight", "effect.terms.0.weight"),
        ("metrics/loss/smallest_effect", "metrics.loss.smallest_effect"),
    ],
)
def test_numbers_that_are_none_are_refused(
    toy: dict[str, Any], write: Write, path: str, key: str, number: str
) -> None:
    put(path, "@")(toy)
    file = write(toy)
    for part in file.parent.glob("*.yaml"):
        part.write_text(part.read_text().replace('"@"', number))
    with pytest.raises(InputError) as caught:
        load_ablation(file)
    value = {"1e400": "inf"}.get(number, number.replace(".", ""))
    assert str(caught.value).endswith(f"{key} is {value}; expected a finite number")


@pytest.mark.parametrize(
    ("kind", "bounds", "expected"),
    [
        ("controls", {"explains_above": 2.0, "explains_below": 1.0}, "'explains_above' smaller"),
        ("preconditions", {"above": 1.0, "below": 1.0}, "'above' smaller than 'below'"),
    ],
)
def test_bounds_that_nothing_lies_between_are_refused(
    toy: dict[str, Any], write: Write, kind: str, bounds: dict[str, float], expected: str
) -> None:
    item = {"name": "n", "meaning": "m", "effect": toy["claims"][0]["effect"], **bounds}
    toy["claims"][0][kind] = [item]
    with pytest.raises(InputError, match=expected):
        load_ablation(write(toy))


@pytest.mark.parametrize("doses", [{"fast": 1e200, "slow": 0.0}, {"fast": 1e-200, "slow": 0.0}])
def test_doses_without_a_slope_are_refused(
    toy: dict[str, Any], write: Write, doses: dict[str, float]
) -> None:
    toy["claims"][0]["effect"] = {"slope": {**SLOPE, "doses": doses}}
    with pytest.raises(InputError, match="doses of 1e100 at most, and not all within 1e-100"):
        load_ablation(write(toy))
