"""Training through time: states, rates, clipping, frozen features, going on."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from fixbench.errors import InputError
from fixbench.systems.event_detector._features import labelled_features, unroll
from fixbench.systems.event_detector._material import load_material
from fixbench.systems.event_detector._model import Detector
from fixbench.systems.event_detector._pretrained import load_pretrained
from fixbench.systems.event_detector._run_options import TrainingOptions
from fixbench.systems.event_detector._sampling import Piece, labelled_rows
from fixbench.systems.event_detector._training import Trainer, build_detector, one_cycle
from fixbench.testing import make_context

from .conftest import MakeOptions, small_model

CPU = torch.device("cpu")


def _trainer(options: Any, seed: int = 0) -> Trainer:
    material = load_material(Path(options.data), "train", 3)
    detector = build_detector(options, seed, make_context())
    return Trainer(options, seed, detector.train(), material, CPU)


def test_pieces_one_after_another_see_what_the_whole_sequence_sees(data: Path) -> None:
    material = load_material(data, "train", 3)
    backbone = Detector(small_model(), 0).backbone
    whole = labelled_features(backbone, material, CPU)
    state = None
    for start, stop in ((0, 2), (2, 4), (4, 6)):
        pieces = {0: Piece(1, start, stop, start == 0), 1: Piece(3, start, stop, start == 0)}
        found = labelled_rows(pieces, material.labels)
        maps, state = unroll(backbone, material, pieces, found, state, CPU)
        for level, expected in zip(maps, whole, strict=True):
            assert torch.allclose(level, expected[list(found.labels)], atol=1e-5)
        assert not any(tensor.requires_grad for stage in state for tensor in stage)


def test_gradients_flow_through_the_frames_of_a_step_and_not_further(data: Path) -> None:
    """The first frame of a piece reaches the loss of its last, the piece before does not."""
    material = load_material(data, "train", 3)
    backbone = Detector(small_model(), 0).backbone
    reached = []
    original = material.batch

    def leaves(pieces: Any, device: torch.device) -> torch.Tensor:
        frame = original(pieces, device).requires_grad_()
        reached.append(frame)
        return frame

    object.__setattr__(material, "batch", leaves)
    try:
        state = None
        for start in (0, 3):
            pieces = {0: Piece(0, start, start + 3, start == 0)}
            found = labelled_rows(pieces, material.labels)
            maps, state = unroll(backbone, material, pieces, found, state, CPU)
    finally:
        object.__delattr__(material, "batch")
    maps[0][-1].sum().backward()  # of frame 5
    flows = [frame.grad is not None and bool(frame.grad.any()) for frame in reached]
    assert flows == [False, False, False, True, True, True]


@pytest.mark.parametrize(("steps", "warm_up"), [(100, 0.3), (40, 0.05)])
def test_rates_are_those_of_torch_with_linear_annealing(steps: int, warm_up: float) -> None:
    def rates(scheduler_of: Any) -> list[float]:
        optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
        scheduler = scheduler_of(optimiser)
        found = []
        for _ in range(steps):
            found.append(optimiser.param_groups[0]["lr"])
            optimiser.step()
            scheduler.step()
        return found

    training = TrainingOptions(
        part="whole", steps=steps, samples=2, learning_rate=0.1, warm_up=warm_up
    )
    own = rates(lambda optimiser: one_cycle(optimiser, training))
    other = rates(
        lambda optimiser: torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            0.1,
            total_steps=steps + 1,
            pct_start=warm_up * steps / (steps + 1),
            anneal_strategy="linear",
            cycle_momentum=False,
            div_factor=20,
            final_div_factor=1e4 / 20,
        )
    )
    peak = round(warm_up * steps) - 1
    assert own[: peak + 1] == pytest.approx(other[: peak + 1])
    assert own[0] == pytest.approx(0.005)
    assert own[peak] == pytest.approx(0.1)
    assert own[-1] == pytest.approx(1e-5)


def test_a_single_step_has_the_highest_rate() -> None:
    training = TrainingOptions(part="whole", steps=1, samples=2, learning_rate=0.1)
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    one_cycle(optimiser, training)
    assert optimiser.param_groups[0]["lr"] == pytest.approx(0.1)


def test_gradients_are_clipped_by_value(make_options: MakeOptions) -> None:
    trainer = _trainer(make_options(training={"part": "whole", "clip": 1e-3}))
    trainer.learn(trainer.losses(0))
    largest = max(
        p.grad.abs().max().item() for p in trainer.detector.parameters() if p.grad is not None
    )
    assert largest == pytest.approx(1e-3)


def test_the_weight_of_size_reaches_the_loss(make_options: MakeOptions) -> None:
    plain = _trainer(make_options(training={"part": "whole"})).losses(0)
    heavy = _trainer(
        make_options(training={"part": "whole"}, loss={"size_weight": 2.5, "area_scale": 1024.0})
    ).losses(0)
    assert plain.confidence.item() == heavy.confidence.item()
    assert plain.size_weight.item() == 1
    assert 1 < heavy.size_weight.item() < 2.5
    assert heavy.boxes.item() > plain.boxes.item()


@pytest.mark.parametrize("temporal", ["off", "global_buffer", "per_stream", "shuffled"])
def test_a_trainer_goes_on_from_its_state(make_options: MakeOptions, temporal: str) -> None:
    options = make_options(
        model={"attention": {"temporal": temporal}}, training={"part": "whole", "steps": 6}
    )
    whole = _trainer(options)
    for step in range(3):
        whole.learn(whole.losses(step))
    resumed = _trainer(options)
    resumed.load_state_dict(copy.deepcopy(whole.state_dict()))
    for step in range(3, 6):
        losses = [trainer.losses(step) for trainer in (whole, resumed)]
        assert losses[0].total.item() == losses[1].total.item()
        for trainer, terms in zip((whole, resumed), losses, strict=True):
            trainer.learn(terms)
    one, other = whole.detector.state_dict(), resumed.detector.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_heads_leave_the_backbone_as_it_was_pretrained(make_options: MakeOptions) -> None:
    options = make_options()
    pretrained = load_pretrained(Path(str(options.pretrained))).part("backbone")
    detector = build_detector(options, 0, make_context())
    state = detector.backbone.state_dict()
    assert all(torch.equal(state[name], value) for name, value in pretrained.items())
    other = build_detector(options, 1, make_context()).neck.state_dict()
    assert not torch.equal(
        other["head.boxes.0.weight"], detector.neck.state_dict()["head.boxes.0.weight"]
    )
    kept = make_options(training={"pyramid": "pretrained"})
    one, two = (build_detector(kept, seed, make_context()).neck.state_dict() for seed in (0, 1))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"embed": 16}, "model.embed is 16; expected 8, with which"),
        ({"partition": [1, 1]}, r"model.partition is \[1, 1\]; expected \[1, 2\]"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(
    make_options: MakeOptions, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        build_detector(make_options(model=changes), 0, make_context())


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "detector.pt"
    with pytest.raises(InputError, match="expected a checkpoint"):
        load_pretrained(path)
    torch.save({"model": {"classes": 3}, "weights": {}}, path)
    with pytest.raises(InputError, match="a pretrained detector of the present layout"):
        load_pretrained(path)
