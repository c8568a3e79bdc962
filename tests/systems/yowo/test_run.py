"""Whole runs of the ablation's own variants on the smallest model."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fixbench.ablation import load_ablation
from fixbench.errors import InputError
from fixbench.results import Row
from fixbench.systems import yowo
from fixbench.systems.yowo import MEASURES, Options, run
from fixbench.systems.yowo._cache import load_features
from fixbench.testing import check_system, make_context
from fixbench.training import Diverged, Outcome, load_state, save_state

from ..conftest import values_of
from .conftest import ABLATION, MakeOptions

SEED = 7
DECLARED = load_ablation(ABLATION)


def _run(options: Options, *parts: str, seed: int = SEED) -> Outcome:
    return run(options, seed, make_context(measure=parts or None))


def _value(rows: list[Row], metric: str, stage: str) -> float:
    (value,) = values_of(rows, metric, stage).values()
    return value


# Rows


@pytest.fixture(scope="module")
def measured(make_options: MakeOptions) -> Callable[[str], list[Row]]:
    """What a variant measures in the extended tier, on the smallest model and once."""

    @functools.cache
    def rows(variant: str) -> list[Row]:
        parts = DECLARED.at("extended").measured(variant)
        assert parts is not None
        few = {"test_frames": 3, "training__batch": 2} if "_whole" in variant else {}
        return _run(make_options(variant, **few), *parts).rows

    return rows


@pytest.mark.parametrize("variant", DECLARED.variants)
def test_every_variant_runs_and_measures_what_the_ablation_declares(
    measured: Callable[[str], list[Row]], variant: str
) -> None:
    rows = measured(variant)
    found = {row.metric for row in rows}
    assert found <= DECLARED.declared(found).keys()
    assert all(math.isfinite(row.value) for row in rows)
    assert {row.stage for row in rows} >= {"start", "training", "test", "end"}
    assert values_of(rows, "action_map/watch", "test").keys() == {2, 4}
    assert values_of(rows, "loss/total", "training").keys() == {2, 4}
    assert _value(rows, "loss/total", "start") > 0


def test_every_term_of_every_claim_finds_its_rows(
    measured: Callable[[str], list[Row]],
) -> None:
    """A misspelt stage would otherwise show only when a whole tier has run."""
    claims = DECLARED.claims
    terms = [term for claim in claims for _, effect in claim.effects() for term in effect.weighted]
    found = {
        name: {(row.metric, row.stage) for row in measured(name)}
        for name in {term.variant for term in terms}
    }
    assert [t for t in terms if (t.metric, t.stage) not in found[t.variant]] == []


def test_all_parts_are_measured_by_default(make_options: MakeOptions) -> None:
    rows = _run(make_options("global")).rows
    stages = {"exact", "mechanism", "gradients", "oracle", "training", "test", "start", "end"}
    assert {row.stage for row in rows} == stages
    found = {row.metric for row in rows}
    assert found <= DECLARED.declared(found).keys()
    for part in MEASURES:
        if part != "training":
            only = _run(make_options("global"), part).rows
            assert {row.stage for row in only} == {part}
            assert only == [row for row in rows if row.stage == part]


def test_exact_properties_are_the_documented_ones(make_options: MakeOptions) -> None:
    rows = _run(make_options("global"), "exact").rows
    assert _value(rows, "parameters/128", "exact") == 26_763_803
    parts = [row.value for row in rows if row.metric.startswith("parameters/128/")]
    assert len(parts) == 8
    assert sum(parts) == 26_763_803
    assert _value(rows, "parameters_as_documented/128", "exact") == 1
    assert _value(rows, "parameters_as_documented/256", "exact") == 0
    assert _value(rows, "shapes_as_documented/128", "exact") == 1
    assert _value(rows, "strict_load_fails", "exact") == 1
    assert 0 < _value(rows, "loose_load_reinitialised", "exact") < 0.5


def test_mechanism_of_the_fix_and_of_the_old_context(make_options: MakeOptions) -> None:
    """What holds by construction, on the initialisations that a seed is given."""
    measured = {
        variant: _run(
            make_options(variant, measures__initialisations=3, measures__width=256), "mechanism"
        ).rows
        for variant in ("global", "cross_attention", "gain_matched", "global_per_sample")
    }
    fix, old, louder, single = measured.values()
    assert values_of(fix, "position/identical", "mechanism") == {0: 1, 1: 1, 2: 1}
    assert values_of(old, "position/identical", "mechanism") == {0: 0, 1: 0, 2: 0}
    assert set(values_of(fix, "batch_independent", "mechanism").values()) == {0}
    assert set(values_of(single, "batch_independent", "mechanism").values()) == {1}
    name = "sensitivity/empty_rich/zero/everywhere"
    for step, value in values_of(old, name, "mechanism").items():
        ratio = values_of(louder, name, "mechanism")[step] / value
        assert 5 < ratio < 11, "ten times the gain, less what GroupNorm takes back"
    entropy = values_of(old, "attention_entropy/49_cells", "mechanism")
    predicted = values_of(old, "attention_entropy_predicted/49_cells", "mechanism")
    assert all(abs(entropy[step] - predicted[step]) < 1e-3 for step in entropy)
    assert values_of(old, "attention_entropy/784_cells", "mechanism").keys() == {0}
    # The summary of the check is that of its rows.
    passes = values_of(fix, "quick_check_passes", "mechanism")
    impact = values_of(fix, "quick_check", "mechanism")
    assert passes == {step: float(value > 0.1) for step, value in impact.items()}
    rate = _value(fix, "quick_check_pass_rate", "mechanism")
    assert rate == pytest.approx(sum(passes.values()) / 3)
    assert _value(fix, "quick_check_mostly_passes", "mechanism") == float(rate > 0.5)


def test_seeds_measure_different_initialisations(make_options: MakeOptions) -> None:
    one = _run(make_options("global", measures__initialisations=2), "mechanism", seed=1).rows
    two = _run(make_options("global", measures__initialisations=2), "mechanism", seed=2).rows
    values = [*values_of(one, "quick_check", "mechanism").values()]
    values += [*values_of(two, "quick_check", "mechanism").values()]
    assert len(set(values)) == 4


# Context


def test_a_model_that_is_told_nothing_does_not_use_it(make_options: MakeOptions) -> None:
    for variant in ("none", "global_silent"):
        rows = _run(make_options(variant), "training").rows
        assert set(values_of(rows, "context_use/shuffled", "test").values()) == {0}
        assert set(values_of(rows, "context_use/emptied", "test").values()) == {0}


def test_use_of_context_is_the_fall_of_the_actions(make_options: MakeOptions) -> None:
    rows = _run(make_options("ceiling", training__steps=12, training__batch=8), "training").rows
    for way in ("shuffled", "emptied"):
        for step, use in values_of(rows, f"context_use/{way}", "test").items():
            own = values_of(rows, "action_map/watch", "test")[step]
            other = values_of(rows, f"action_map_{way}/watch", "test")[step]
            assert use == pytest.approx(own - other)
    end = _value(rows, "action_map/watch", "end")
    assert end == values_of(rows, "action_map/watch", "test")[12]


def test_actions_that_need_the_scene_can_be_left_out_of_the_loss(
    make_options: MakeOptions,
) -> None:
    changes = {"training__steps": 40, "training__batch": 8, "training__learning_rate": 5e-3}
    rows = {
        variant: _run(make_options(variant, **changes), "training").rows
        for variant in ("global", "global_motion_only")
    }
    # Told nowhere to be right, such a model scores them low: its loss on them is higher.
    first, second = (values_of(r, "loss/actions", "test")[40] for r in rows.values())
    assert second > first
    one, two = (values_of(r, "loss/objects", "test")[40] for r in rows.values())
    assert one == pytest.approx(two, rel=1e-3)


# The promises of every system


@pytest.mark.parametrize("variant", ["global", "global_whole"])
def test_the_promises_of_every_system(make_options: MakeOptions, variant: str) -> None:
    """Saves: the mechanism, then two evaluations."""
    options = make_options(variant, test_frames=2, training__batch=2)
    inputs = [options.pretrained, options.features, options.data]
    parts = {"mechanism", "training"}
    done = check_system(yowo, options, root=Path("/"), inputs=inputs, measures=parts)
    assert done.saves == 3


def test_parts_without_training_keep_the_promises(make_options: MakeOptions) -> None:
    """Dropout, fresh modules and the read-out of the positive control draw from no global."""
    done = check_system(
        yowo, make_options("cross_attention"), root=Path("/"), measures={"gradients", "oracle"}
    )
    assert done.saves == 2


def test_other_seeds_give_other_runs(make_options: MakeOptions) -> None:
    options = make_options("cross_attention")
    first, second = (_run(options, "training", seed=seed).rows for seed in (1, 2))
    assert first != second


# Failures


def test_a_run_that_diverges_says_where_and_keeps_its_rows(make_options: MakeOptions) -> None:
    options = make_options("global", training__learning_rate=1e30, training__warm_up=0.0)
    with pytest.raises(Diverged) as caught:
        _run(options, "training")
    assert caught.value.stage in ("training", "test")
    assert _value(caught.value.rows, "loss/total", "start") > 0


def test_features_of_other_frames_are_refused(
    make_options: MakeOptions, features_file: Path, tmp_path: Path
) -> None:
    content = load_state(features_file)
    content["test"]["keys"][0] = "another.mp4/000008.png"
    save_state(tmp_path / "features.pt", content)
    options = make_options("none", features=str(tmp_path / "features.pt"))
    with pytest.raises(InputError, match=r"test frames is 15; expected those of .* 15 frames"):
        _run(options, "training")
    assert load_features(features_file, "test").keys[0] != "another.mp4/000008.png"


def test_fewer_test_frames_are_the_first_of_each_subset(make_options: MakeOptions) -> None:
    few = _run(make_options("none", test_frames=3), "training").rows
    all_frames = _run(make_options("none"), "training").rows
    # One subset has two videos: six frames, of which three are left.
    assert few != all_frames
    assert _value(few, "action_map/distractor", "end") == _value(
        all_frames, "action_map/distractor", "end"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__levels": ["P4", "P5"]}, "one level in model.levels, or training.part 'all'"),
        (
            {"training__part": "all", "model__object_evidence": "true"},
            "training.part 'heads' with model.object_evidence 'true'",
        ),
        ({"measures__checkpoints": [0.0, 0.5]}, "ascending fractions, each once, the last"),
        ({"measures__checkpoints": [0.5, 0.5, 1.0]}, "ascending fractions, each once"),
        ({"measures__checkpoints": [0.5, 1.5]}, "less than or equal to 1"),
        ({"training__part": "trunk"}, "'heads' or 'all'"),
        ({"training__batch": 0}, "greater than or equal to 1"),
        ({"evidence": "both"}, "'predicted' or 'true'"),
    ],
)
def test_wrong_options_are_refused(
    make_options: MakeOptions, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        make_options("global", **changes)
