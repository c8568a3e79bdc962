"""The positive control: what can be learned when the predictions are given."""

from __future__ import annotations

import torch

from fixbench.systems.yowo._heads import PRIOR_BIAS
from fixbench.systems.yowo._oracle_task import _draw, run_oracle_task
from fixbench.training import generator

from .conftest import context


def test_the_action_is_the_object_and_is_read_elsewhere() -> None:
    scenes = _draw(200, 8, 5, 12, generator(0, "scenes"))
    objects = scenes.object_logits.flatten(2)
    present = (objects > 0).nonzero()
    assert len(present) == 200
    assert torch.equal(present[:, 1], 1 + scenes.action)
    assert (present[:, 2] != scenes.read).all()
    assert set(scenes.read.tolist()) == set(range(25))
    assert set(scenes.action.tolist()) == set(range(12))
    assert (objects == PRIOR_BIAS).sum() == 200 * (36 * 25 - 1)
    assert (scenes.relation_logits == PRIOR_BIAS).all()
    # Features are noise: the same whatever the action.
    assert abs(scenes.features.mean()) < 0.02
    assert abs(scenes.features.std() - 1) < 0.02


def test_the_fix_learns_and_the_blind_do_not() -> None:
    fix = run_oracle_task(context("global"), 0, steps=100)
    assert fix.accuracy > 0.9
    assert fix.entropy_before is fix.entropy_after is None
    for blind in (context("none"), context("global", pooling="zero")):
        assert run_oracle_task(blind, 0, steps=60).accuracy < 0.15


def test_attention_is_measured_before_and_after() -> None:
    found = run_oracle_task(context("attention"), 1, steps=20)
    assert found.entropy_before is not None
    assert found.entropy_after is not None
    assert 0.97 < found.entropy_before < 1
    assert found.entropy_after != found.entropy_before


def test_a_seed_repeats_itself() -> None:
    first = run_oracle_task(context("attention"), 2, steps=5)
    torch.rand(3)
    assert run_oracle_task(context("attention"), 2, steps=5) == first
    assert run_oracle_task(context("attention"), 3, steps=5) != first
