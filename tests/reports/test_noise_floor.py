"""What a report says of the same seed, run again: a planted record, worked out by hand."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from fixbench.ablation import Ablation, Effect, Metric
from fixbench.analysis import report
from fixbench.determinism import Determinism, Repetition, Scatter
from fixbench.errors import InputError
from fixbench.reports._determinism import noise_floor
from fixbench.reports.sections import claims, facts

AGAIN = Repetition(how="again", label="bitwise", differences={"loss": 0.0}, scattered=())
THREADS = Repetition(
    how="with 2 threads",
    label="noisy",
    differences={"loss": 0.002, "gradient_norm": 0.04},
    scattered=(
        # First 0.001 more, last 0.002 less; ratios 1.02 and 1.04, of geometric mean 1.03.
        Scatter(
            stage="feedback",
            metric="loss",
            steps=(0, 1, 2),
            first=(3.0, 2.5, 2.26),
            repeated=(3.001, 2.5, 2.258),
        ),
        Scatter(
            stage="gradient/base",
            metric="gradient_norm",
            steps=(0, 1),
            first=(1.0, 2.0),
            repeated=(1.02, 2.08),
        ),
    ),
)


@pytest.fixture(scope="module")
def found(light: Any) -> Determinism:
    return Determinism(
        ablation="planted",
        variant="none",
        tier="small",
        seed=0,
        tolerance=1e-6,
        device="cpu",
        code="feed" * 16,
        options=light.ablation.at("small").options("none"),
        label="noisy",
        measured={"feedback": ("loss",), "gradient/base": ("gradient_norm",), "test": ("x",)},
        repetitions=(AGAIN, THREADS),
    )


def build(case: Any, record: Determinism | None) -> tuple[str, dict[str, dict[str, str]]]:
    """The label and, of each claim, what stands under sensitivity."""
    inputs = case.inputs(determinism=record)
    views = {claim.head.id: dict(claim.sensitivity) for claim in claims.build(inputs).claims}
    return dict(facts.build(inputs).facts)["Determinism"], views


FLOOR = "Noise floor: variant none, seed 0, against its repetition"
METRIC = Metric(unit="nat", better="lower", description="d")
ABLATION = Ablation.model_construct(metrics={"loss": METRIC})


def test_the_floor_stands_beside_the_effect_on_its_own_scale(
    light: Any, found: Determinism
) -> None:
    label, views = build(light, found)
    assert label == (
        "noisy (same seed again bitwise, with 2 threads noisy; tier small, variant none, seed 0, "
        "cpu)"
    )
    mean = math.sqrt(1.02 * 2.08 / 2)
    assert views["CA01"][FLOOR] == f"again: bitwise; with 2 threads: a factor of {mean:.4g}"
    # Last less first: the two terms are of opposite sign, and the larger moves it most.
    assert views["CA03"][FLOOR] == "again: bitwise; with 2 threads: 0.002 nat"
    assert views["CA05"][FLOOR] == "again: bitwise; with 2 threads: 0.002 nat"
    assert views["CA09"][FLOOR] == "not measured: variant none has no pixel_auroc in stage test"
    assert FLOOR not in views["CA13"]  # nothing is measured


def test_what_is_the_same_to_the_last_bit_is_said_in_a_word(light: Any, found: Determinism) -> None:
    ways = (AGAIN, replace(AGAIN, how="behind seed 1"))
    label, views = build(light, replace(found, label="bitwise", repetitions=ways))
    assert label == (
        "bitwise (same seed again, behind seed 1; tier small, variant none, seed 0, cpu)"
    )
    assert views["CA01"][FLOOR] == views["CA03"][FLOOR] == "none: bitwise the same"


def test_a_record_of_something_else_is_named_and_not_used(light: Any, found: Determinism) -> None:
    measures = "; 'fixbench determinism planted --tier small' measures it"
    other = "not measured for these results: the record is of other "
    cases = {
        "not measured": None,
        "not measured in tier small (noisy in tier smoke)": replace(found, tier="smoke"),
        f"{other}code (0dd0dd0dd0dd, and the results of feedfeedfeed)": replace(
            found, code="0dd" * 21
        ),
        f"{other}options of variant none": replace(found, options={"attention": {"scale": 3.0}}),
        f"{other}options of variant gone": replace(found, variant="gone"),
    }
    for said, record in cases.items():
        label, views = build(light, record)
        assert label == said + measures
        assert not any("Noise floor" in key for facts in views.values() for key in facts)
    unknown = replace(light, provenance=[])
    assert "cpu; the code of the results is not recorded)" in build(unknown, found)[0]


def test_a_record_of_another_ablation_is_refused(
    project: Path, tmp_path: Path, found: Determinism
) -> None:
    path = tmp_path / "determinism.json"
    path.write_text(json.dumps(asdict(found)))
    folder = project / "ablations" / "toy"
    with pytest.raises(InputError) as caught:
        report(folder, "smoke", [], [], tmp_path / "none", tmp_path, determinism=path)
    assert str(caught.value) == f"{path}: ablation is 'planted'; expected 'toy'"


def loss(at: str | int, weight: float = 1.0) -> dict[str, Any]:
    terms = {"variant": "a", "metric": "loss", "stage": "feedback"}
    return {**terms, "at": at, "weight": weight}


@pytest.mark.parametrize(
    ("effect", "floor"),
    [
        ({"terms": [loss("last")]}, "0.002 nat"),
        ({"terms": [loss("last", 3.0), loss(0, 2.0)]}, "0.008 nat"),
        ({"terms": [loss(1)]}, "0 nat"),
        # The mean of 0.001, 0 and -0.002.
        ({"terms": [loss("mean")]}, "0.00033 nat"),
        # Of trapezoids over two steps: (0.0005 - 0.001) / 2.
        ({"terms": [loss("area")]}, "0.00025 nat"),
        ({"terms": [loss("last")], "scale": "log"}, "a factor of 1 + 0.00089"),
        # Slope over doses 0 and 2: weights -1/2 and 1/2.
        (
            {"slope": {"doses": {"a": 0.0, "b": 2.0}, "metric": "loss", "stage": "feedback"}},
            "0.001 nat per unit",
        ),
        ({"terms": [loss(7)]}, "no number"),
    ],
)
def test_floors_by_hand(found: Determinism, effect: dict[str, Any], floor: str) -> None:
    said = noise_floor(Effect.model_validate(effect), ABLATION, found)
    assert said == (FLOOR, f"again: bitwise; with 2 threads: {floor}")


def test_other_rows_have_no_number(found: Determinism) -> None:
    cell = Scatter(stage="feedback", metric="loss", steps=(), first=(), repeated=())
    record = replace(found, repetitions=(replace(THREADS, scattered=(cell,)),))
    effect = Effect.model_validate({"terms": [loss("last")]})
    assert noise_floor(effect, ABLATION, record)[1] == "with 2 threads: other rows, no number"


def test_a_value_without_a_logarithm_has_no_number(found: Determinism) -> None:
    cell = Scatter(stage="feedback", metric="loss", steps=(0,), first=(0.0,), repeated=(1.0,))
    record = replace(found, repetitions=(replace(THREADS, scattered=(cell,)),))
    effect = Effect.model_validate({"terms": [loss("last")], "scale": "log"})
    assert noise_floor(effect, ABLATION, record)[1] == "with 2 threads: no number"
