"""Whole runs of a tiny model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from fixbench.errors import InputError
from fixbench.results import Row
from fixbench.systems import dcal
from fixbench.systems.dcal import Options, build_model, run
from fixbench.systems.dcal._learning_rate import rate_at
from fixbench.systems.dcal._material import load_material
from fixbench.systems.dcal._optimiser import PUBLISHED_PARAMETERS
from fixbench.systems.dcal._training import Trainer
from fixbench.testing import check_system, make_context
from fixbench.training import Diverged, Outcome, save_state

from ..conftest import values_of
from .conftest import CLASSES, MakeOptions, write_birds

SEED = 3
#: All seven edits of the fix.
AFTER: dict[str, Any] = {
    "learning_rate__rule": "sqrt",
    "learning_rate__base": 0.1 / 64,
    "learning_rate__warm_up": 0.3,
    "training__physical_batch": 2,
    "training__accumulation": 4,
    "training__empty_cache": 3,
    "training__non_finite": "report",
    "model__glca__rollout_epsilon": 1e-8,
    "model__glca__fallback": "validated",
    "model__pwca__stream": "restarted",
    "model__loss_weights__bound": 1.0,
    "model__loss_weights__start": "duplicate",
}


def _run(options: Options, *parts: str, seed: int = SEED) -> Outcome:
    return run(options, seed, make_context(measure=parts or None))


def _value(rows: list[Row], metric: str, stage: str) -> float:
    return list(values_of(rows, metric, stage).values())[-1]


def _trainer(options: Options, seed: int = SEED) -> Trainer:
    material = load_material(Path("/"), options.data, options.model.trunk.image)
    model = build_model(options.model, material.classes, seed, Path("/"))
    return Trainer(options, seed, model, material)


# Promises


@pytest.mark.parametrize("changes", [{}, AFTER], ids=["before", "after"])
def test_the_promises_of_every_system(make_options: MakeOptions, changes: dict[str, Any]) -> None:
    """Saves: one for each of the two parts without training, then one an evaluation."""
    changes = {"model__trunk__dropout": 0.1, "model__trunk__drop_path": 0.2} | changes
    options = make_options(**changes)
    done = check_system(dcal, options, root=Path("/"), inputs=[options.data.folder])
    assert done.saves == 5


# Training


def test_a_run_learns_what_can_be_learned(make_options: MakeOptions) -> None:
    options = make_options(
        learning_rate__rule="fixed",
        learning_rate__base=5e-3,
        optimiser__weight_decay=0.0,
        training__steps=150,
        training__flip=False,
        data__margin=0,
        data__test_sample=200,
    )
    rows = _run(options, "training").rows
    accuracy = values_of(rows, "accuracy", "test")
    assert accuracy[0] < 0.5 < accuracy[150]
    losses = values_of(rows, "loss/sa", "train")
    assert losses[150] < losses[50] < math.log(CLASSES) + 0.5


@pytest.mark.parametrize("stream", ["separate", "restarted"])
def test_physical_batches_together_are_physical_batches_apart(
    make_options: MakeOptions, stream: str
) -> None:
    """Gradients add up, and pairs stay within their physical batch."""
    vectors, values = [], []
    for together in (True, False):
        changes = {"training__together": together, "model__pwca__stream": stream}
        options = make_options(model__glca__read_out="mean_local", **changes)
        trainer = _trainer(options)
        values.append(trainer.step(0))
        vectors.append(trainer.update.gradient.clone())
    torch.testing.assert_close(*vectors, rtol=0, atol=1e-6 * vectors[0].abs().max().item())
    assert values[0] == pytest.approx(values[1], rel=1e-4)


def test_rates_add_up_and_weights_move_by_the_rate(make_options: MakeOptions) -> None:
    """With coupled decay alone, as behind a clip to nothing, weights fall by the rate a step."""
    options = make_options(
        optimiser__clip_norm=1e-30, learning_rate__base=0.032, learning_rate__anchor=None
    )
    rows = _run(options, "training").rows
    steps = options.training.steps_taken
    total = sum(rate_at(options.learning_rate, step, steps, 8) for step in range(steps))
    assert _value(rows, "rate_sum", "train") == pytest.approx(total)
    assert _value(rows, "weight_rms_relative", "train") < 1
    assert _value(rows, "decay_to_gradient", "train") == 1e6
    first = values_of(rows, "learning_rate", "train")[2]
    assert first == pytest.approx(0.0005, rel=0.1)  # 0.032 · 8 / 512 at the start


def test_loss_weights_start_at_the_integrated_rate(make_options: MakeOptions) -> None:
    """Adam moves w by about the rate a step while L is far from its optimum."""
    options = make_options(optimiser__weight_decay=0.0, learning_rate__base=0.01)
    rows = _run(options, "training").rows
    assert _value(rows, "loss_weight_to_rate_sum", "train") == pytest.approx(1, abs=0.05)
    assert _value(rows, "loss_weights_too_similar", "train") == 1
    assert _value(rows, "loss_weights_at_bound", "train") == 0


def test_variants_of_a_seed_start_alike_and_see_the_same_images(make_options: MakeOptions) -> None:
    both = [_trainer(make_options(**changes)) for changes in ({}, AFTER)]
    assert torch.equal(both[0].start, both[1].start)
    one, other = (trainer.model.state_dict() for trainer in both)
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    drawn = [trainer._draw(0) for trainer in both]
    assert torch.equal(drawn[0][0], drawn[1][0])
    assert torch.equal(drawn[0][1], drawn[1][1])
    other_seed = _trainer(make_options(), seed=SEED + 1)
    assert not torch.equal(other_seed.start, both[0].start)


def test_budgets(make_options: MakeOptions) -> None:
    """Twice the images a step, half the steps."""
    changes = {"training__steps": 12, "training__budget": "images"}
    options = make_options(training__physical_batch=8, training__accumulation=4, **changes)
    assert options.training.steps_taken == 6
    assert make_options(training__steps=12).training.steps_taken == 12


# What is measured


def test_before_and_after_by_arithmetic(make_options: MakeOptions) -> None:
    before, after = (_run(make_options(**each), "arithmetic").rows for each in ({}, AFTER))

    def value(rows: list[Row], metric: str) -> float:
        return _value(rows, metric, "arithmetic")

    assert value(before, "rate/linear") == 1.5625e-5
    assert value(before, "rate/sqrt") == 5e-4
    assert value(before, "rate/used") == pytest.approx(0.1 * 8 / 512)
    assert [value(rows, "layers/pwca") for rows in (before, after)] == [2, 1]
    assert [value(rows, "self_pair_rate/exact") for rows in (before, after)] == [1 / 96, 0.5]
    for rows in (before, after):
        assert value(rows, "self_pair_difference") < 1e-5
        assert value(rows, "selection_inert") == 1
        assert value(rows, "selection_change/mean_local") > 1e-4
        assert value(rows, "epsilon_change") == 0
        assert value(rows, "loss_weight_start/live") == 0
    assert value(after, "loss_weight_start/duplicate") > 0


def test_the_published_size_is_measured_with_the_options_parts(make_options: MakeOptions) -> None:
    changes = {"measures__published": True}
    rows = _run(make_options(**changes), "arithmetic").rows
    assert _value(rows, "parameters/published", "arithmetic") == PUBLISHED_PARAMETERS
    rows = _run(make_options(model__glca__enabled=False, **changes), "arithmetic").rows
    block, head = 12 * 768 * 768 + 13 * 768, 200 * 769
    left = PUBLISHED_PARAMETERS - block - head - 1
    assert _value(rows, "parameters/published", "arithmetic") == left


def test_saved_activations_by_physical_batch(make_options: MakeOptions) -> None:
    """What is saved is for single images, but for constants: twice the images, twice the bytes."""
    rows = _run(make_options(), "memory").rows
    four, two = (_value(rows, f"activation_bytes/{size}", "memory") for size in (4, 2))
    assert 1.9 < four / two <= 2
    assert _value(rows, "activation_bytes_ratio", "memory") == four / two
    assert _value(rows, "activation_bytes/2/cleared", "memory") == two
    alone = make_options(model__glca__enabled=False, model__pwca__enabled=False)
    assert _value(_run(alone, "memory").rows, "activation_bytes/2", "memory") < two / 2


def test_published_activations_are_those_of_the_published_shapes(make_options: MakeOptions) -> None:
    """Of self-attention alone, in single precision, without what has width 768 only.

    A block keeps its weights [2 · 12, 785, 785] before dropout and behind it, and of the MLP's
    hidden values [2 · 785, 3072] those that enter GELU and those that leave dropout; of each
    dropout a mask of one byte or four.
    """
    alone = make_options(
        model__glca__enabled=False, model__pwca__enabled=False, measures__published=True
    )
    rows = _run(alone, "memory").rows
    kept = _value(rows, "activation_bytes/published/2", "memory")
    numbers = 12 * (2 * 12 * 785 * 785 + 2 * 785 * 3072)
    narrow = 12 * 2 * 785 * 768
    assert numbers * (4 + 4 + 1) < kept < numbers * (4 + 4 + 4) + narrow * 4 * 16


def test_fallbacks_self_pairs_and_checks_are_counted(make_options: MakeOptions) -> None:
    rows = _run(make_options(training__steps=30, **AFTER), "training").rows
    assert _value(rows, "fallbacks", "train") == 0
    assert _value(rows, "non_finite_steps", "train") == 0
    # Physical batches of 2 by fours: cleared before batches 0, 3, 6, and so on, in 30 steps.
    assert _value(rows, "cache_clearings", "train") == 30
    # 120 pairs of two, half of them in place; four standard deviations.
    seen = _value(rows, "self_pair_rate/seen", "train")
    assert seen == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(120))


def test_inference_adds_probabilities(make_options: MakeOptions) -> None:
    outcome = _run(make_options(), "training")
    for which in ("sa", "glca", "both"):
        share = _value(outcome.rows, f"accuracy/{which}", "test")
        assert share * 20 == pytest.approx(round(share * 20))
    assert _value(outcome.rows, "accuracy", "test") == _value(outcome.rows, "accuracy/both", "test")
    alone = _run(make_options(model__glca__enabled=False), "training").rows
    assert _value(alone, "accuracy", "test") == _value(alone, "accuracy/sa", "test")
    assert _value(alone, "chance", "end") == 1 / CLASSES


# Failures


def _with_a_hole(options: Options) -> Trainer:
    """A trainer whose model says NaN at its second step."""
    trainer = _trainer(options)
    trainer.step(0)
    trainer.model.head.bias.data[0] = math.nan
    return trainer


@pytest.mark.parametrize(("check", "skipped"), [("ignore", 0), ("report", 0), ("skip", 1)])
def test_a_check_that_reports_goes_on_with_what_it_found(
    make_options: MakeOptions, check: str, skipped: int
) -> None:
    trainer = _with_a_hole(make_options(training__non_finite=check))
    trainer.step(1)
    assert trainer.counts["non_finite_steps"] == 1
    assert trainer.counts["skipped_steps"] == skipped
    assert trainer.matrices.isfinite().all().item() is bool(skipped)


def test_what_was_reached_after_a_third_of_training(make_options: MakeOptions) -> None:
    """Of evaluations at 2, 4, …, 12 steps that at 4 is read again, whatever came later."""
    options = make_options(training__steps=12, measures__evaluations=6)
    rows = _run(options, "training").rows
    early = values_of(rows, "accuracy", "early")
    assert early == {4: values_of(rows, "accuracy", "test")[4]}


def test_properties_of_a_run_are_one_or_zero(make_options: MakeOptions) -> None:
    rows = _run(make_options(), "training", "arithmetic").rows
    assert _value(rows, "finite", "train") == 1
    assert _value(rows, "fallback_used", "train") == 0
    assert _value(rows, "documented_rates", "arithmetic") == 1


def test_a_diverged_run_keeps_what_was_counted(make_options: MakeOptions) -> None:
    options = make_options(learning_rate__base=1e30, training__steps=6)
    with pytest.raises(Diverged) as raised:
        _run(options, "training")
    assert values_of(raised.value.rows, "non_finite_steps", "train")[raised.value.step] > 0


def test_a_trunk_of_other_dimensions_is_refused(make_options: MakeOptions, tmp_path: Path) -> None:
    trunk = _trainer(make_options(model__trunk__depth=1)).model.trunk
    save_state(tmp_path / "trunk.pt", {"trunk": trunk.state_dict()})
    options = make_options(model__pretrained=str(tmp_path / "trunk.pt"))
    with pytest.raises(InputError, match=r"trunk\.pt: trunk; expected a trunk with the dimensions"):
        _run(options, "training")


def test_a_pretrained_trunk_is_what_training_starts_from(
    make_options: MakeOptions, tmp_path: Path
) -> None:
    trunk = _trainer(make_options(), seed=99).model.trunk
    save_state(tmp_path / "trunk.pt", {"trunk": trunk.state_dict()})
    trainer = _trainer(make_options(model__pretrained=str(tmp_path / "trunk.pt")))
    start = torch.cat([p.flatten() for p in trunk.parameters() if p.ndim >= 2])
    assert torch.equal(trainer.start, start)


def test_fewer_images_than_a_batch_are_refused(make_options: MakeOptions, tmp_path: Path) -> None:
    folder = write_birds(tmp_path / "few", train=5)
    with pytest.raises(InputError, match="training images is 5; expected at least 8"):
        _run(make_options(data__folder=str(folder)), "training")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model__trunk__patch": 5}, "a multiple of patch"),
        ({"model__trunk__heads": 5}, "a multiple of heads"),
        ({"training__steps": 2}, "at most 2, the steps that are taken"),
        (
            {"training__physical_batch": 1, "model__pwca__pairing": "derangement"},
            "an image alone has no other",
        ),
        (
            {"training__physical_batch": 256, "optimiser__scaled_moments": True},
            "1 − beta at most 0.03125",
        ),
    ],
)
def test_options_that_cannot_work_are_refused(
    make_options: MakeOptions, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        make_options(**changes)
