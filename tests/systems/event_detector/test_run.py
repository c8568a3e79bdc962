"""Whole runs of the smallest detector."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fixbench.errors import InputError
from fixbench.results import Row
from fixbench.systems import event_detector
from fixbench.systems.event_detector import MEASURES, Options, run
from fixbench.testing import check_system, make_context
from fixbench.training import Diverged, Failed

from ..conftest import values_of
from .conftest import MakeOptions

EVERYTHING = {"spatial": "on", "temporal": "global_buffer", "channel": "on"}


def _rows(options: Options, *parts: str, seed: int = 0) -> list[Row]:
    return run(options, seed, make_context(measure=parts or None)).rows


def _value(rows: list[Row], metric: str, stage: str) -> float:
    (value,) = values_of(rows, metric, stage).values()
    return value


# The promises of every system


@pytest.mark.parametrize("temporal", ["global_buffer", "per_stream"])
def test_the_promises_of_every_system(make_options: MakeOptions, temporal: str) -> None:
    attention = EVERYTHING | {"temporal": temporal}
    options = make_options(model={"attention": attention})
    inputs = [str(options.pretrained), options.data]
    done = check_system(
        event_detector,
        options,
        root=Path("/"),
        inputs=inputs,
        measures={"training", "sequences", "gates"},
    )
    assert done.saves == 2


def test_the_promises_hold_end_to_end_without_a_checkpoint(make_options: MakeOptions) -> None:
    options = make_options(
        model={"attention": EVERYTHING},
        training={"part": "whole", "steps": 2},
        pretrained=None,  # type: ignore[arg-type]
    )
    done = check_system(
        event_detector, options, root=Path("/"), inputs=[options.data], measures={"training"}
    )
    assert done.saves == 2


def test_parts_without_training_keep_the_promises(make_options: MakeOptions) -> None:
    options = make_options()
    done = check_system(
        event_detector,
        options,
        root=Path("/"),
        inputs=[options.data],
        measures={"exact", "cost", "boxes"},
    )
    assert done.saves == 3


# Rows


def test_all_parts_are_measured_by_default(make_options: MakeOptions) -> None:
    options = make_options(model={"attention": EVERYTHING})
    rows = _rows(options)
    assert {row.stage for row in rows} == {
        "exact",
        "cost",
        "boxes",
        "start",
        "training",
        "test",
        "sequences",
        "end",
    }
    assert all(math.isfinite(row.value) for row in rows)
    for part in MEASURES:
        only = _rows(options, part)
        assert only
        assert set(only) <= set(rows)
    assert values_of(rows, "loss/total", "training").keys() == {2, 4}
    assert values_of(rows, "ap50", "test").keys() == {2, 4}


def test_losses_add_up(make_options: MakeOptions) -> None:
    rows = _rows(make_options(loss={"size_weight": 2.0, "area_scale": 150.0}), "training")
    for step, total in values_of(rows, "loss/total", "training").items():
        terms = [
            values_of(rows, f"loss/{name}", "training")[step]
            for name in ("boxes", "confidence", "classes")
        ]
        assert total == pytest.approx(sum(terms), rel=1e-5)


def test_exact_properties(make_options: MakeOptions) -> None:
    rows = _rows(make_options(), "exact")
    values = {row.metric: row.value for row in rows}
    expected = {
        "disabled/outputs_equal": 1,
        "disabled/gradients_equal": 1,
        "disabled/keys_equal": 1,
        "disabled/parameters_equal": 1,
        "disabled/saved_bytes_equal": 1,
        "enabled/outputs_equal": 0,
        "enabled/keys_equal": 0,
        "shape_kept/spatial": 1,
        "shape_kept/temporal": 1,
        "shape_kept/channel": 1,
        "odd_channels_well_formed": 1,
        "odd_channels_fail_unfixed": 1,
        "gate_constant_below_reduction": 1,
        "leaks_between_streams/global_buffer": 1,
        "leaks_between_streams/per_stream": 0,
        "leaks_into_evaluation/global_buffer": 1,
        "leaks_into_evaluation/per_stream": 0,
        "depends_on_order/global_buffer": 1,
        "depends_on_order/per_stream": 0,
        "sees_own_previous/global_buffer": 0,
        "sees_own_previous/per_stream": 1,
        "state_grows/global_buffer": 1,
        "state_grows/per_stream": 0,
        "strict_load_fails/global_buffer": 1,
        "strict_load_fails/per_stream": 0,
        "second_backward_fails/as_found": 1,
        "second_backward_fails/detached": 0,
        "strides_as_documented/3_scales": 1,
        "strides_as_documented/4_scales": 1,
        "identity_at_zero_gate/spatial": 1,
        "identity_at_zero_gate/temporal": 1,
        "identity_at_zero_gate/integrated": 0,
        "identity_at_zero_gate/channel": 0,
    }
    assert values == expected


def test_cost_is_paid_when_attention_is_on(make_options: MakeOptions) -> None:
    rows = _rows(make_options(model={"embed": 16, "head_width": 16}), "cost")
    for metric in ("parameters", "operations", "saved_bytes", "parameters_published"):
        off, on = (_value(rows, f"{metric}/{name}", "cost") for name in ("off", "on"))
        assert 0 < off < on
        assert _value(rows, f"{metric}_added", "cost") == pytest.approx(on / off - 1)
    parts = [row.value for row in rows if row.metric.startswith("parameters/on/")]
    assert sum(parts) == _value(rows, "parameters/on", "cost")
    # The published base model with 8 classes: 18.536 M with two, 3 x (128 + 1) more for each other.
    assert _value(rows, "parameters_published/off", "cost") == 18_536_469 + 6 * 3 * 129


def test_gates_of_a_fixed_gate_are_not_rows(make_options: MakeOptions) -> None:
    rows = _rows(make_options(model={"attention": {"spatial": "half"}}), "gates")
    assert {row.metric for row in rows} == {"kept/small_objects/8", "kept/small_objects/16"}
    assert all(row.value == pytest.approx(1) for row in rows)
    rows = _rows(make_options(model={"attention": {"spatial": "on", "strides": [16]}}), "gates")
    found = {row.metric for row in rows}
    assert {"gate_mean/spatial/16", "gate_on_small_boxes/16"} <= found
    assert {metric.rsplit("/", 1)[1] for metric in found} == {"16"}
    for metric in ("gate_mean", "gate_saturated"):
        assert 0 <= _value(rows, f"{metric}/spatial/16", "end") <= 1


def test_what_is_measured_does_not_change_what_is_trained(make_options: MakeOptions) -> None:
    """Also with the buffer that leaks."""
    options = make_options(model={"attention": EVERYTHING})
    alone = _rows(options, "training")
    among = [row for row in _rows(options) if row in alone]
    assert among == alone


def test_variants_of_a_seed_differ_by_their_attention_alone(make_options: MakeOptions) -> None:
    first: Mapping[str, list[Row]] = {
        temporal: _rows(make_options(model={"attention": {"temporal": temporal}}), "training")
        for temporal in ("off", "global_buffer", "per_stream", "shuffled", "half", "matched")
    }
    ends = {name: values_of(rows, "loss/total", "training")[4] for name, rows in first.items()}
    assert len(set(ends.values())) == 6
    again = _rows(make_options(model={"attention": {"temporal": "off"}}), "training", seed=1)
    assert values_of(again, "loss/total", "training")[4] != ends["off"]


def test_four_scales_train_on_the_same_backbone(make_options: MakeOptions) -> None:
    options = make_options(model={"scales": 4, "attention": EVERYTHING})
    rows = _rows(options, "training", "gates")
    assert _value(rows, "ap50", "end") >= 0
    strides = {row.metric.rsplit("/", 1)[1] for row in rows if row.metric.startswith("gate_mean")}
    assert strides == {"4", "8", "16", "32"}
    spatial = {row.metric for row in rows if row.metric.startswith("gate_mean/spatial")}
    assert spatial == {"gate_mean/spatial/4", "gate_mean/spatial/8"}


# Failures


def test_a_buffer_that_stays_in_the_graph_ends_the_run(make_options: MakeOptions) -> None:
    """With equally many rows in every step: two samples in step, one labelled frame each."""
    options = make_options(
        model={"attention": {"temporal": "global_buffer", "detach": False}},
        training={"length": 2, "sampling": "stream"},
    )
    with pytest.raises(Failed, match="still in the graph of the step before") as caught:
        _rows(options, "training")
    assert caught.value.step == 1


def test_a_run_that_diverges_says_where(make_options: MakeOptions) -> None:
    with pytest.raises(Diverged) as caught:
        _rows(make_options(training={"learning_rate": 1e30, "steps": 8}), "training")
    assert caught.value.stage in ("training", "test")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pretrained": None}, "a checkpoint in 'pretrained' with training.part 'heads'"),
        ({"training": {"samples": 1}}, "2 or more with training.sampling 'mixed'"),
        ({"evaluation": {"areas": [900.0, 150.0]}}, "evaluation.areas that ascend"),
        ({"loss": {"size_weight": 0.5}}, "greater than or equal to 1"),
        ({"training": {"part": "all"}}, "'heads' or 'whole'"),
        ({"training": {"warm_up": 1.0}}, "less than 1"),
    ],
)
def test_wrong_options_are_refused(
    make_options: MakeOptions, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        make_options(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"classes": 8}}, "model.classes is 8; expected 3, the classes of"),
        ({"model": {"bins": 10}}, "model.bins is 10; expected 20, as many as"),
    ],
)
def test_a_model_that_does_not_fit_the_data_is_refused(
    make_options: MakeOptions, changes: dict[str, Any], message: str
) -> None:
    options = make_options(
        pretrained=None,  # type: ignore[arg-type]
        training={"part": "whole"},
        **changes,
    )
    with pytest.raises(InputError, match=message):
        _rows(options, "training")
