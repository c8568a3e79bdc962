"""Everything that can be wrong in an ablation file is refused in one message."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixbench.ablation import (
    Ablation,
    Claim,
    claim_difference,
    claim_hash,
    flatten,
    load_ablation,
    option_difference,
    parse_seeds,
    read_yaml,
    resolve_options,
)
from fixbench.errors import InputError
from fixbench.workflow import Settings, seed_label

ROOT = Path(__file__).parents[1]
TOY = ROOT / "tests" / "fixtures" / "ablations" / "toy" / "ablation.yaml"

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


def written(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "ablation.yaml"
    path.write_text(json.dumps(content))  # which is YAML, and keeps the order
    return path


CLAIM = read_yaml(TOY)["claims"][0]
TERM = "claims/0/effect/terms/0"
SLOPE = {"doses": {"fast": 0.1, "slow": 0.001}, "metric": "loss", "stage": "train"}
FACTORIAL = {
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
    "wrong type": (put("title", 3), "title is 3; expected string"),
    "a curve of no metric": (put("curves", ["los"]), "curves is 'los'; expected one of loss"),
    "nested wrong type": (
        put("variants/slow/changes", []),
        "variants.slow.changes is []; expected dictionary",
    ),
    "wrong choice": (
        put("claims/0/kind", "guess"),
        "claims.0.kind is 'guess'; expected 'arithmetic', 'mechanism', 'outcome' or 'not_testable'",
    ),
    "unbounded precondition": (
        put(
            "claims/0/preconditions",
            [{"name": "n", "meaning": "m", "effect": CLAIM["effect"]}],
        ),
        "claims.0.preconditions.0; expected a precondition with 'above', 'below' or both",
    ),
    "precondition of a property": (
        both(
            put("claims/0/decision", {"rule": "property"}),
            put(
                "claims/0/preconditions",
                [{"name": "n", "meaning": "m", "effect": CLAIM["effect"], "above": 0}],
            ),
        ),
        "claims.0; expected preconditions with a rule that is tested over seeds alone",
    ),
    "claim id": (
        put("claims/0/id", "toy1"),
        "claims.0.id is 'toy1'; expected pattern '^[A-Z]{2}[0-9]{2}[a-z]?$'",
    ),
    "variant name": (
        put("variants/a b", {"reason": ""}),
        "variants.a b.[key] is 'a b'; expected pattern '^[A-Za-z0-9][A-Za-z0-9_.-]*$'",
    ),
    "a threat to no claim": (
        put("threats", ["general", {"claims": ["TY01", "TY1"], "text": "t"}]),
        "threats.1.claims is 'TY1'; expected the id of a claim of this file: TY01",
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
        "conclusions.0.given is 'TY02'; expected the id of a claim of this file: TY01",
    ),
    "a conclusion from no verdict": (
        put("conclusions", [CONCLUSION, {**CONCLUSION, "given": {"TY01": ["absent", "shown"]}}]),
        "conclusions.1.given.TY01.1 is 'shown'; expected 'reproduced', 'direction only', 'absent', "
        "'reversed', 'inconclusive', 'holds', 'does not hold', 'confounded' or 'not testable'",
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
        "variants; expected at least 1 item after validation, not 0",
    ),
    "no threat": (
        put("threats", []),
        "threats is []; expected at least 1 item after validation, not 0",
    ),
    "tier": (
        put("tiers/large", {"seeds": "0"}),
        "tiers.large.[key] is 'large'; expected 'smoke', 'small', 'extended' or 'full'",
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
        "claims.1.id is 'TY01'; expected each id once",
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
        "claims.0.effect; expected exactly one of 'terms', 'slope' and 'factorial'",
    ),
    "neither terms nor slope": (
        put("claims/0/effect", {"scale": "plain"}),
        "claims.0.effect; expected exactly one of 'terms', 'slope' and 'factorial'",
    ),
    "one dose": (
        put("claims/0/effect", {"slope": {**SLOPE, "doses": {"fast": 1, "slow": 1.0}}}),
        "claims.0.effect.slope; expected at least two different doses",
    ),
    "logarithm of a dose": (
        put(
            "claims/0/effect",
            {"slope": {**SLOPE, "doses": {"fast": 1, "slow": 0}, "dose_scale": "log"}},
        ),
        "claims.0.effect.slope; expected positive doses, which their logarithms need",
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
        "claims.0; expected terms, not a design, with a 'property' rule",
    ),
    "factor twice": (
        put("claims/0/effect", {"factorial": {**FACTORIAL, "factors": ["rate", "rate"]}}),
        "claims.0.effect.factorial; expected factors that differ",
    ),
    "effect of another factor": (
        put("claims/0/effect", {"factorial": {**FACTORIAL, "of": ["rate", "steps"]}}),
        "claims.0.effect.factorial; expected 'of' some of the factors rate, start, each once",
    ),
    "sign": (
        put("claims/0/effect", {"factorial": {**FACTORIAL, "cells": {"fast": "+0"}}}),
        "claims.0.effect.factorial.cells.fast is '+0'; expected pattern '^[+-]+$'",
    ),
    "cells that are not all": (
        put(
            "claims/0/effect",
            {"factorial": {**FACTORIAL, "cells": {**FACTORIAL["cells"], "fast": "--"}}},
        ),
        "claims.0.effect.factorial; expected one variant for each combination of levels: ++, +-, "
        "-+, --",
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
        "comparisons.0.variants is 'slwo'; expected one of fast, slow, unstable, continued",
    ),
    "comparison of no metric": (
        put("comparisons", [{**COMPARISON, "metric": "accuracy"}]),
        "comparisons.0.metric is 'accuracy'; expected one of loss",
    ),
    "difference without direction": (
        put("claims/0/decision", {"rule": "difference", "margin": 1.0}),
        "claims.0.decision; expected a 'difference' rule with a direction and a margin",
    ),
    "difference without margin": (
        put("claims/0/decision", {"rule": "difference", "direction": "less"}),
        "claims.0.decision; expected a 'difference' rule with a direction and a margin",
    ),
    "no difference without margin": (
        put("claims/0/decision", {"rule": "no_difference"}),
        "claims.0.decision; expected a 'no_difference' rule with a margin",
    ),
    "not testable without reason": (
        put("claims/0/decision", {"rule": "not_testable"}),
        "claims.0.decision; expected a 'not_testable' rule with a reason",
    ),
    "not testable with effect": (
        put("claims/0/decision", NOT_TESTABLE),
        "claims.0; expected an effect exactly when the decision is not 'not_testable'",
    ),
    "no effect": (
        drop("claims/0/effect"),
        "claims.0; expected an effect exactly when the decision is not 'not_testable'",
    ),
    "log margin": (
        put("claims/0/effect/scale", "log"),
        "claims.0; expected a margin above 1 (a factor) on the log scale",
    ),
    "log tolerance": (
        both(
            put("claims/0/effect/scale", "log"),
            put("claims/0/decision/margin", 1.1),
            put("claims/0/decision/tolerance", 0.9),
        ),
        "claims.0; expected a tolerance above 1 (a factor) on the log scale",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_one_message_for_each_mistake(name: str, tmp_path: Path) -> None:
    edit, message = BAD[name]
    content = copy.deepcopy(read_yaml(TOY))
    edit(content)
    path = written(tmp_path, content)
    with pytest.raises(InputError) as caught:
        load_ablation(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert text.endswith(message)
    assert "\n" not in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"title: [", "valid YAML, indented with spaces, each key once"),
        (b"title: a\ntitle: b\n", "valid YAML, indented with spaces, each key once"),
        (b"title: \xff\xfe", "a readable UTF-8 file"),
        (b"- a\n", "dictionary or instance of Ablation"),
        (b"", "dictionary or instance of Ablation"),
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


def test_options_are_baseline_then_tier_then_variant(tmp_path: Path) -> None:
    ablation = load_ablation(TOY)
    assert resolve_options(ablation, "slow", "smoke") == {
        "data": {"samples": 32, "noise": 0.1},
        "optimiser": {"learning_rate": 0.001},
        "training": {"steps": 12},
    }
    assert resolve_options(ablation, "fast", "small") == ablation.baseline
    assert option_difference(ablation, "slow", "smoke") == {"optimiser.learning_rate": (0.1, 0.001)}
    assert option_difference(ablation, "continued", "small") == {}
    # The ablation itself stays as it was read.
    assert ablation.baseline["training"]["steps"] == 20


def test_variants_in_keeps_order_and_leaves_out_other_tiers(tmp_path: Path) -> None:
    content = read_yaml(TOY)
    content["variants"]["slow"]["tiers"] = ["small"]
    ablation = load_ablation(written(tmp_path, content))
    assert list(ablation.variants_in("smoke")) == ["fast", "unstable", "continued"]
    assert list(ablation.variants_in("small")) == ["fast", "slow", "unstable", "continued"]


def test_a_conclusion_supposes_one_verdict_or_any_of_several(tmp_path: Path) -> None:
    content = read_yaml(TOY)
    several = {"text": "t", "given": {"TY01": ["absent", "reversed"]}}
    content["conclusions"] = [CONCLUSION, several]
    conclusions = load_ablation(written(tmp_path, content)).conclusions
    assert [c.given for c in conclusions] == [{"TY01": ["reproduced"]}, several["given"]]
    assert load_ablation(TOY).conclusions == []


def test_a_threat_is_text_or_names_claims(tmp_path: Path) -> None:
    content = read_yaml(TOY)
    content["threats"] = ["general", {"claims": ["TY01"], "text": "special"}]
    threats = load_ablation(written(tmp_path, content)).threats
    assert [(t.claims, t.text) for t in threats] == [(None, "general"), (["TY01"], "special")]


def test_bundle_may_change_several_groups(tmp_path: Path) -> None:
    content = read_yaml(TOY)
    changes = {"optimiser.learning_rate": 1.0, "training.steps": 3}
    content["variants"]["slow"] = {"reason": "", "bundle": True, "changes": changes}
    assert load_ablation(written(tmp_path, content)).variants["slow"].changes == changes


def test_claim_difference_sees_content_and_nothing_else() -> None:
    rivals = [
        {"name": name, "meaning": "m", "effect": CLAIM["effect"], "explains_above": bound}
        for name, bound in (("one", 1.0), ("two", 2.0))
    ]
    content = {**CLAIM, "controls": rivals}
    claim = Claim.model_validate(content)
    recorded = claim.model_dump(mode="json")
    assert claim_difference(recorded, claim) == {}
    assert claim_difference(dict(reversed(content.items())), claim) == {}  # defaults left out
    # By name, so that nothing else seems to move when the first is taken away.
    fewer = {**recorded, "controls": recorded["controls"][1:]}
    found = claim_difference(fewer, claim)
    assert found["controls.one.explains_above"] == (None, 1.0)
    assert all(key.startswith("controls.one.") for key in found)
    edited = claim.model_copy(update={"statement": "Another.", "source": "notes"})
    assert claim_difference(recorded, edited) == {
        "statement": (CLAIM["statement"], "Another."),
        "source": (None, "notes"),
    }


def test_claim_difference_from_another_version_of_the_schema() -> None:
    claim = Claim.model_validate(CLAIM)
    older = claim.model_dump(mode="json") | {"weight": 2, "statement": None}
    del older["primary"]  # whose default says the same
    assert claim_difference(older, claim) == {
        "statement": (None, CLAIM["statement"]),
        "weight": (2, None),
    }


def test_the_hash_of_a_claim_is_that_of_what_results_record() -> None:
    claim = Claim.model_validate({**CLAIM, "statement": "λ ≥ 0.1 helps."})
    recorded = json.loads(json.dumps(claim.model_dump(mode="json")))
    text = json.dumps(recorded, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert claim_hash(claim) == hashlib.sha256(text.encode("utf-8")).hexdigest()
    for form in (
        recorded,
        dict(reversed(recorded.items())),
        {**CLAIM, "statement": "λ ≥ 0.1 helps."},
    ):
        assert claim_hash(form) == claim_hash(claim)
    older = {key: value for key, value in recorded.items() if key != "supporting"}
    assert claim_hash(older) == claim_hash(claim)  # the default says the same


@pytest.mark.parametrize(
    "edit",
    [
        put("statement", "Another."),
        put("decision/margin", 0.011),
        put("effect/terms/0/at", "first"),
        put("primary", False),
        put("documented/text", "lower "),
    ],
)
def test_every_edit_of_a_claim_changes_its_hash(edit: Edit) -> None:
    content = copy.deepcopy(CLAIM)
    edit(content)
    assert claim_hash(Claim.model_validate(content)) != claim_hash(Claim.model_validate(CLAIM))


def test_a_claim_of_another_schema_is_hashed_as_it_stands() -> None:
    foreign = {"weight": 2, "id": "TY01"}
    assert claim_hash(foreign) == hashlib.sha256(b'{"id":"TY01","weight":2}').hexdigest()


def test_flatten() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": []}}, "e": {}}) == {"a.b": 1, "a.c.d": [], "e": {}}


@given(st.sets(st.integers(0, 200), min_size=1))
def test_seed_label_is_the_inverse_of_parse_seeds(seeds: set[int]) -> None:
    assert parse_seeds(seed_label(list(seeds))) == sorted(seeds)


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
    tmp_path: Path, path: str, key: str, number: str
) -> None:
    content = read_yaml(TOY)
    put(path, "@")(content)
    file = written(tmp_path, content)
    file.write_text(file.read_text().replace('"@"', number))
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
    tmp_path: Path, kind: str, bounds: dict[str, float], expected: str
) -> None:
    content = read_yaml(TOY)
    item = {"name": "n", "meaning": "m", "effect": content["claims"][0]["effect"], **bounds}
    content["claims"][0][kind] = [item]
    with pytest.raises(InputError, match=expected):
        load_ablation(written(tmp_path, content))


@pytest.mark.parametrize("doses", [{"fast": 1e200, "slow": 0.0}, {"fast": 1e-200, "slow": 0.0}])
def test_doses_without_a_slope_are_refused(tmp_path: Path, doses: dict[str, float]) -> None:
    content = read_yaml(TOY)
    content["claims"][0]["effect"] = {"slope": {**SLOPE, "doses": doses}}
    with pytest.raises(InputError, match="doses of 1e100 at most, and not all within 1e-100"):
        load_ablation(written(tmp_path, content))


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "3-1", "1,,2", "1;2", "1.5"])
def test_parse_seeds_refuses(text: str) -> None:
    with pytest.raises(InputError, match=r"^--seeds is .*; expected seeds such as '0-9'"):
        parse_seeds(text)


@pytest.mark.parametrize(("name", "model"), [("ablation", Ablation), ("config", Settings)])
def test_exported_schema_is_current(name: str, model: type[Ablation]) -> None:
    exported = json.loads((ROOT / "config" / f"{name}.schema.json").read_text())
    assert exported == model.model_json_schema()
