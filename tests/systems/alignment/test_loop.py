"""The update as documented, one stage after the other, and what every arm of a seed shares."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from fixbench.datasets.procedures import Step
from fixbench.systems.alignment import PUBLISHED_KAPPA, Trainer
from fixbench.systems.alignment._loop import (
    Clip,
    Losses,
    Skipped,
    batch_plan,
    gradient_shares,
    norm,
    progress_loss,
    split_gradients,
)

from .conftest import MakeOptions, MakeTrainer

METHODS = ("lav", "gtcc", "vava", "tcc")


def _backward(trainer: Trainer, step: int = 0) -> Losses:
    losses = trainer.losses(step)
    assert isinstance(losses, Losses)
    trainer.backward(losses)
    return losses


def _gradients(parameters: list[torch.nn.Parameter]) -> list[Tensor]:
    return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in parameters]


def _close(found: list[Tensor], expected: list[Tensor], rtol: float = 1e-4) -> None:
    difference = norm(a - b for a, b in zip(found, expected, strict=True))
    assert difference <= rtol * norm(expected)


# The documented order


@pytest.mark.parametrize("method", METHODS)
def test_the_documented_order_stage_by_stage(make_trainer: MakeTrainer, method: str) -> None:
    """backward → head ÷ lambda → global clip → Adam, each against its formula."""
    trainer = make_trainer(objective__method=method)
    update, model = trainer.update, trainer.model
    encoder, head = model.encoder_parameters(), model.head_parameters()
    losses = trainer.losses(0)
    assert isinstance(losses, Losses)
    every = [*encoder, *head]
    parts = [
        torch.autograd.grad(
            loss, every, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        for loss in (losses.alignment, losses.progress)
    ]
    alignment, progress = (list(part) for part in parts)
    count = len(encoder)
    assert norm(alignment[:count]) > 0
    assert norm(progress[:count]) > 0
    assert norm(alignment[count:]) == 0  # the alignment loss does not reach the head

    trainer.backward(losses)
    total = [a + 1e6 * p for a, p in zip(alignment, progress, strict=True)]
    _close(_gradients(encoder), total[:count])
    _close(_gradients(head), [1e6 * p for p in progress[count:]])

    update.rescale()
    _close(_gradients(encoder), total[:count])
    _close(_gradients(head), progress[count:])

    before = _gradients(every)
    update.clip()
    factor = 1e-5 / (norm(before) + 1e-6)  # torch's clip adds the small number
    clipped = _gradients(every)
    assert norm(clipped) == pytest.approx(1e-5, rel=1e-4)
    _close(clipped, [factor * gradient for gradient in before])

    start = [p.detach().clone() for p in every]
    update.optimiser.step()
    # The first step of Adam: both moments are corrected to the gradient itself.
    rate = trainer.options.update.learning_rate
    for now, was, gradient in zip(every, start, clipped, strict=True):
        expected = was - rate * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(now.detach(), expected, rtol=1e-5, atol=1e-7)


def test_apply_is_those_stages_and_clears(make_trainer: MakeTrainer) -> None:
    by_hand, whole = make_trainer(), make_trainer()
    for trainer in (by_hand, whole):
        _backward(trainer)
    by_hand.update.rescale()
    by_hand.update.clip()
    by_hand.update.optimiser.step()
    whole.update.apply()
    for a, b in zip(by_hand.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(a, b)
        assert b.grad is None


@pytest.mark.parametrize(("factor", "divisor"), [(0.1, 0.1), (1.0, 1.0), (0.0, 1.0), (5.0, 5.0)])
def test_rescaling_by_lambda(make_trainer: MakeTrainer, factor: float, divisor: float) -> None:
    """Below 1 it multiplies; at 0 and 1 it is left out."""
    trainer = make_trainer(objective__lambda=factor)
    _backward(trainer)
    head = trainer.model.head_parameters()
    before = _gradients(head)
    trainer.update.rescale()
    for gradient, was in zip(_gradients(head), before, strict=True):
        assert torch.equal(gradient, was / divisor)
    off = make_trainer("lav_off_global", objective__lambda=factor)
    _backward(off)
    off.update.rescale()
    for gradient, was in zip(_gradients(off.model.head_parameters()), before, strict=True):
        assert torch.equal(gradient, was)


@pytest.mark.parametrize(
    ("clip", "limits"),
    [("global", None), ("separate", (1e-5, 1.0)), ("none", (math.inf, math.inf))],
)
def test_clips(make_trainer: MakeTrainer, clip: str, limits: tuple[float, float] | None) -> None:
    trainer = make_trainer("lav_off_global", update__clip=clip)
    _backward(trainer)
    before = trainer.update.gradient_norms()
    trainer.update.clip()
    after = trainer.update.gradient_norms()
    if limits is None:
        factor = 1e-5 / math.hypot(*before.values())
        limits = factor * before["encoder"], factor * before["head"]
    for name, limit in zip(("encoder", "head"), limits, strict=True):
        assert after[name] == pytest.approx(min(before[name], limit), rel=1e-4)
    assert before["head"] > 1  # so that every clip has something to do


def test_a_small_gradient_is_not_scaled_up(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(update__clip="separate", update__head_max_norm=1e6)
    _backward(trainer)
    trainer.update.rescale()
    before = trainer.update.gradient_norms()["head"]
    trainer.update.clip()
    assert trainer.update.gradient_norms()["head"] == before


# Optimisers


def test_sgd_and_adamw_by_hand(make_trainer: MakeTrainer) -> None:
    for optimiser, decay in (("sgd", 0.0), ("adamw", 0.01)):
        trainer = make_trainer(
            update__optimiser=optimiser,
            update__weight_decay=decay,
            update__learning_rate=2e-3,
            update__head_rate_factor=3.0,
        )
        _backward(trainer)
        trainer.update.rescale()
        trainer.update.clip()
        groups = (
            (trainer.model.encoder_parameters(), 2e-3),
            (trainer.model.head_parameters(), 6e-3),
        )
        expected = []
        for parameters, rate in groups:
            for parameter, gradient in zip(parameters, _gradients(parameters), strict=True):
                step = gradient if optimiser == "sgd" else gradient / (gradient.abs() + 1e-8)
                expected.append((1 - rate * decay) * parameter.detach() - rate * step)
        trainer.update.optimiser.step()
        found = [parameter.detach() for parameters, _ in groups for parameter in parameters]
        for now, wanted in zip(found, expected, strict=True):
            torch.testing.assert_close(now, wanted, rtol=1e-5, atol=1e-8)


def test_matched_epsilon_is_the_encoders_alone(make_trainer: MakeTrainer) -> None:
    """Its κ is the published one; the head has its published size and epsilon. Adam by hand."""
    assert pytest.approx(0.1434, abs=1e-4) == PUBLISHED_KAPPA
    trainer = make_trainer("gtcc_on_global", update__epsilon="matched")
    count = sum(p.numel() for p in trainer.model.encoder.parameters())  # no drop network
    epsilon = 1e-5 / (math.sqrt(count) * PUBLISHED_KAPPA)
    assert epsilon > 1e-7
    groups = (
        (trainer.model.encoder_parameters(), epsilon),  # with the drop network
        (trainer.model.head_parameters(), 1e-8),
    )
    wanted = [p.detach().double() for parameters, _ in groups for p in parameters]
    first = [torch.zeros_like(p) for p in wanted]
    second = [torch.zeros_like(p) for p in wanted]
    epsilons = [e for parameters, e in groups for _ in parameters]
    generator = torch.Generator().manual_seed(5)
    for step in (1, 2, 3):
        for place, parameter in enumerate(p for parameters, _ in groups for p in parameters):
            gradient = 1e-8 * torch.randn(parameter.shape, generator=generator)
            parameter.grad = gradient
            first[place] = 0.9 * first[place] + 0.1 * gradient.double()
            second[place] = 0.999 * second[place] + 0.001 * gradient.double().square()
            mean = first[place] / (1 - 0.9**step)
            deviation = (second[place] / (1 - 0.999**step)).sqrt()
            wanted[place] = wanted[place] - 1e-3 * mean / (deviation + epsilons[place])
        trainer.update.optimiser.step()
    found = [p.detach().double() for parameters, _ in groups for p in parameters]
    for now, expected in zip(found, wanted, strict=True):
        torch.testing.assert_close(now, expected, rtol=1e-5, atol=1e-7)
    raw = make_trainer().update.optimiser.param_groups
    assert [group["eps"] for group in raw] == [1e-8, 1e-8]


def test_below_epsilon_counts_the_denominators(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(update__clip="none", update__rescale=False)
    update = trainer.update
    assert update.below_epsilon() == {}
    _backward(trainer)
    for parameter in trainer.model.encoder_parameters():
        parameter.grad = torch.full_like(parameter, 3e-9)
    for parameter in trainer.model.head_parameters():
        parameter.grad = torch.full_like(parameter, 3e-8)
    trainer.model.head_parameters()[0].grad.zero_()
    update.optimiser.step()
    update.optimiser.step()
    head = trainer.model.head_parameters()
    share = head[0].numel() / sum(parameter.numel() for parameter in head)
    assert update.below_epsilon() == {"encoder": 1.0, "head": pytest.approx(share)}


@pytest.mark.parametrize("frozen", ["head", "encoder"])
def test_what_is_frozen_stays(make_trainer: MakeTrainer, frozen: str) -> None:
    trainer = make_trainer("gtcc_on_global", update__frozen=frozen, update__clip="none")
    parts = {
        "head": trainer.model.head_parameters(),
        "encoder": trainer.model.encoder_parameters(),
    }
    start = {name: [p.detach().clone() for p in part] for name, part in parts.items()}
    losses = trainer.losses(0)
    assert isinstance(losses, Losses)
    measured: dict[str, float] = {}
    trainer.learn(losses, measured)
    for name, part in parts.items():
        same = all(torch.equal(p, was) for p, was in zip(part, start[name], strict=True))
        assert same is (name == frozen)
    assert f"gradient_before/{frozen}" not in measured
    assert ("gradient_ratio" in measured) is (frozen == "head")


def test_gradients_that_are_not_cleared_are_added_to(make_trainer: MakeTrainer) -> None:
    kept = make_trainer(update__clear_gradients=False)
    losses = kept.losses(0)
    assert isinstance(losses, Losses)
    kept.learn(losses)
    left = _gradients(list(kept.model.parameters()))
    assert norm(left) == pytest.approx(1e-5, rel=1e-3)
    fresh = make_trainer()
    fresh.model.load_state_dict(kept.model.state_dict())
    for trainer in (kept, fresh):
        _backward(trainer, 1)
    for now, alone, before in zip(
        _gradients(list(kept.model.parameters())),
        _gradients(list(fresh.model.parameters())),
        left,
        strict=True,
    ):
        torch.testing.assert_close(now, alone + before)


# Gradient shares


def test_both_gradients_before_they_meet(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer("gtcc_on_global")
    losses = trainer.losses(0)
    assert isinstance(losses, Losses)
    alignment, progress = split_gradients(trainer.model, losses)
    shares = gradient_shares(trainer.model, losses, 1e6)
    a, p = (
        torch.cat([g.flatten() for g in part["encoder"]]).double() for part in (alignment, progress)
    )
    assert shares["gradient_ratio"] == pytest.approx((1e6 * p.norm() / a.norm()).item())
    cosine = torch.nn.functional.cosine_similarity(a, p, dim=0).item()
    assert shares["gradient_cosine"] == pytest.approx(cosine)
    assert norm(alignment["head"]) == 0
    # Measuring changes nothing.
    measured: dict[str, float] = {}
    trainer.learn(losses, measured)
    other = make_trainer("gtcc_on_global")
    again = other.losses(0)
    assert isinstance(again, Losses)
    other.learn(again)
    for x, y in zip(trainer.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(x, y)
    assert measured["gradient_after/encoder"] < measured["gradient_before/encoder"]


# Draws


def test_batches_are_pairs_of_a_task() -> None:
    plan = batch_plan([5, 4, 2], 3, 0)
    assert len(plan) == 2 + 2 + 1
    assert Counter(task for task, _ in plan) == {0: 2, 1: 2, 2: 1}
    for task, size in enumerate([5, 4, 2]):
        videos = [video for owner, pair in plan if owner == task for video in pair]
        assert len(set(videos)) == len(videos) == size - size % 2
        assert set(videos) <= set(range(size))
    assert batch_plan([5, 4, 2], 3, 0) == plan
    assert batch_plan([5, 4, 2], 3, 1) != plan
    assert batch_plan([5, 4, 2], 4, 0) != plan


def test_every_video_is_left_out_now_and_then() -> None:
    seen = Counter(
        video for epoch in range(30) for _, pair in batch_plan([3], 0, epoch) for video in pair
    )
    assert sorted(seen) == [0, 1, 2]
    assert max(seen.values()) < 30


def test_arms_of_a_seed_see_the_same_draws(make_trainer: MakeTrainer) -> None:
    """Whatever the arms have drawn before, their draws of a step are those of the seed."""
    arms = [
        make_trainer(),
        make_trainer("lav_off_global", update__clip="none"),
        make_trainer(progress__position="none"),
        make_trainer(sampling__weighted=False),
    ]
    arms[1].losses(0)
    for arm in arms[1:]:
        arm.model.load_state_dict(arms[0].model.state_dict())
    for step in (0, 5):
        found = [arm.losses(step) for arm in arms]
        assert all(isinstance(losses, Losses) for losses in found)
        assert len({losses.alignment.item() for losses in found}) == 1
        assert found[0].progress.item() == found[1].progress.item()
        assert [clip.handle for clip in arms[0].batch(step)] == [
            clip.handle for clip in arms[1].batch(step)
        ]
    other = make_trainer(seed=8)
    other.model.load_state_dict(arms[0].model.state_dict())
    assert [other.losses(0).alignment.item()] != [arms[0].losses(0).alignment.item()]


def test_epochs_and_tasks_of_steps(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer()
    assert trainer.batches_per_epoch == 4  # two tasks of four videos
    handles = [clip.handle for step in range(4) for clip in trainer.batch(step)]
    assert len(set(handles)) == 8
    for step in range(8):
        tasks = {clip.handle.split("_")[0] for clip in trainer.batch(step)}
        assert len(tasks) == 1


# Batches that are left out


def _clip(handle: str, frames: int, *steps: Step) -> Clip:
    return Clip(handle, torch.randn(frames, 5), steps)


def _trainer(
    make_options: MakeOptions, clips: list[Clip], variant: str = "lav_on_global"
) -> Trainer:
    return Trainer(make_options(variant), 0, [clips], device=torch.device("cpu"))


def test_short_videos_and_videos_without_actions_are_left_out(make_options: MakeOptions) -> None:
    action = Step("1", 2, 8)
    short = [_clip("a", 9, action), _clip("b", 30, action)]
    assert _trainer(make_options, short).losses(0) == Skipped("length", "a video under 10 frames")
    brief = [_clip("a", 30, Step("1", 2, 3), Step("0", 4, 20)), _clip("b", 30, Step("2", 0, 1))]
    assert _trainer(make_options, brief).losses(0) == Skipped(
        "actions", "no action is long enough to be sampled"
    )
    for_gtcc = [_clip("a", 19, action), _clip("b", 30, action)]
    assert isinstance(_trainer(make_options, for_gtcc).losses(0), Losses)
    assert _trainer(make_options, for_gtcc, "gtcc_on_global").losses(0) == Skipped(
        "length", "a video under 20 frames"
    )


def test_a_total_beyond_the_forks_limit_is_left_out(make_trainer: MakeTrainer) -> None:
    """With the losses that are named; at the document's commit that is GTCC alone."""
    for method, limited, left_out in (
        ("gtcc", ["gtcc"], True),
        ("tcc", ["gtcc"], False),
        ("tcc", ["gtcc", "tcc"], True),
        ("lav", ["gtcc"], False),
    ):
        changes = {"objective__method": method, "objective__limited": limited}
        found = make_trainer(objective__lambda=1e9, **changes).losses(0)
        assert isinstance(found, Skipped if left_out else Losses)
        if isinstance(found, Skipped):
            assert found.kind == "total"
            assert "total loss over 1e+07" in found.reason


def test_the_ablation_limits_gtcc_alone(make_options: MakeOptions) -> None:
    for variant, limited in (
        ("tcc_on_global", ["gtcc"]),
        ("gtcc_on_global", ["gtcc"]),
        ("tcc_on_global_limited", ["gtcc", "tcc"]),
    ):
        assert make_options(variant).objective.limited == limited
    assert make_options("tcc_on_global_unfloored").objective.loss.variance_floor == 0


# Progress loss


def test_progress_loss_by_hand(make_options: MakeOptions) -> None:
    predicted = torch.tensor([0.5, 0.5, 0.2], dtype=torch.float64)
    progress = np.array([0.05, 0.25, 1.0])
    weighted = make_options().sampling
    expected = (10 * 0.45 + 4 * 0.25 + 1 * 0.8) / (10 + 4 + 1)
    assert progress_loss(predicted, progress, weighted).item() == pytest.approx(expected)
    plain = make_options(sampling__weighted=False).sampling
    assert progress_loss(predicted, progress, plain).item() == pytest.approx(
        (0.45 + 0.25 + 0.8) / 3
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"update__weight_decay": 0.1}, "weight_decay 0, except for 'adamw'"),
        (
            {"update__optimiser": "sgd", "update__epsilon": "matched"},
            "epsilon 'raw' with 'sgd', which has none",
        ),
        ({"training__evaluations": 9}, r"evaluations no more than steps \(3\)"),
        ({"training__probes": 4}, r"probes no more than steps \(3\)"),
        (
            {"update__frozen": "encoder", "objective__lambda": 0.0},
            "a lambda above 0 with a frozen encoder: nothing else is trained",
        ),
        ({"objective__lambda": -1.0}, "greater than or equal to 0"),
        ({"sampling__weight_cap": 0.5}, "greater than or equal to 1"),
        ({"update__clip": "value"}, "'none', 'global' or 'separate'"),
        ({"objective__method": "dtw"}, "'lav', 'vava', 'gtcc' or 'tcc'"),
    ],
)
def test_options_that_do_not_fit(
    make_options: MakeOptions, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        make_options(**changes)
