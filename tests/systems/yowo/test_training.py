"""The model of a run in its two forms: what it sees, is told, predicts, and which parts train."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from fixbench.errors import InputError
from fixbench.systems.yowo._assignment import Targets
from fixbench.systems.yowo._cache import load_features, load_pretrained
from fixbench.systems.yowo._heads import PRIOR_BIAS
from fixbench.systems.yowo._material import load_clips, load_split
from fixbench.systems.yowo._model import YOWO, ContextInput
from fixbench.systems.yowo._run_options import Options
from fixbench.systems.yowo._training import (
    CachedModel,
    Evidence,
    Seen,
    TrainedModel,
    WholeModel,
    build_model,
    loss_terms,
    make_optimiser,
    true_evidence,
    true_objects,
)

from .conftest import MakeOptions

CPU = torch.device("cpu")
SOME = torch.tensor([0, 4, 9])


def _build(options: Options, seed: int = 0) -> TrainedModel:
    pretrained = load_pretrained(Path(options.pretrained))
    frames = {
        name: load_split(Path(options.data), name, pretrained.clips) for name in ("train", "test")
    }
    features = None
    if options.training.part == "heads":
        features = {
            name: load_features(Path(options.features), name).at(range(15), CPU)
            for name in ("train", "test")
        }
    return build_model(options, seed, pretrained, features=features, frames=frames)


def _state(model: TrainedModel) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


# Two forms of one model


@pytest.mark.parametrize("variant", ["none", "cross_attention", "positions"])
def test_the_whole_form_is_the_model(make_options: MakeOptions, variant: str) -> None:
    options = make_options(variant, training__part="all")
    model = _build(options).eval()
    assert isinstance(model, WholeModel)
    plain = YOWO(options.model, options.scene_context, seed=0).eval()
    plain.trunk.load_state_dict(model.trunk.state_dict())
    plain.cascade.load_state_dict(model.cascade.state_dict())
    with torch.no_grad():
        seen = model.see("train", SOME)
        found = model.predict(seen, seen.own)
        clips = load_clips([model.frames["train"].frames[i] for i in SOME], 112, CPU)
        expected = plain(clips)
    for name in ("confidence", "objects", "relations", "actions", "boxes", "centres", "strides"):
        assert torch.equal(getattr(found, name), getattr(expected, name)), name


@pytest.mark.parametrize("variant", ["none", "cross_attention", "global", "gated", "positions"])
def test_both_forms_agree_where_features_are_not_rounded(
    make_options: MakeOptions, variant: str
) -> None:
    cached = _build(make_options(variant)).eval()
    whole = _build(make_options(variant, training__part="all")).eval()
    assert isinstance(cached, CachedModel)
    with torch.no_grad():
        two = whole.see("test", SOME)
        test = cached.features["test"]
        test.classes[SOME] = two.inputs[0].features
        test.confidence[SOME], test.boxes[SOME] = two.confidence, two.boxes
        one = cached.see("test", SOME)
        first, second = cached.predict(one, one.own), whole.predict(two, two.own)
    for name in ("confidence", "objects", "relations", "actions", "boxes", "centres", "strides"):
        assert torch.equal(getattr(first, name), getattr(second, name)), name


def test_what_it_is_told_moves_actions_alone(make_options: MakeOptions) -> None:
    model = _build(make_options("global")).eval()
    with torch.no_grad():
        seen = model.see("test", SOME)
        own = model.predict(seen, seen.own)
        told = [Evidence(torch.zeros_like(e.objects), e.relations + 3) for e in seen.own]
        other = model.predict(seen, told)
    assert not torch.equal(own.actions, other.actions)
    for name in ("confidence", "objects", "relations", "boxes"):
        assert torch.equal(getattr(own, name), getattr(other, name))


def test_pretrained_weights_land_at_their_level(make_options: MakeOptions) -> None:
    options = make_options("global", training__part="all", model__levels=["P3", "P4", "P5"])
    model = _build(options)
    state = load_pretrained(Path(options.pretrained)).state
    mine = model.state_dict()
    name = "class_encoder.0.0.weight"
    assert torch.equal(mine[f"cascade.levels.1.{name}"], state[f"cascade.levels.0.{name}"])
    fresh, pretrained = model.groups()
    names = {id(p): n for n, p in model.named_parameters()}
    assert {names[id(p)].split(".")[2] for p in pretrained if "levels" in names[id(p)]} == {"1"}
    # The trunk's last layers lead to P5 alone and were not pretrained either.
    assert {names[id(p)].split(".")[2] for p in fresh} == {"0", "1", "2", "down4", "out5"}
    with torch.no_grad():
        seen = model.eval().see("test", SOME)
    assert [each.features.shape[-1] for each in seen.inputs] == [14, 7, 4]


# What trains


def test_with_cached_features_contexts_and_class_predictors_train(
    make_options: MakeOptions,
) -> None:
    model = _build(make_options("cross_attention"))
    assert isinstance(model, CachedModel)
    fresh, pretrained = model.groups()
    names = {id(p): n for n, p in model.named_parameters()}
    parts = {".".join(names[id(p)].split(".")[3:5]) for p in fresh}
    assert pretrained == []
    assert {part for part in parts if part.startswith("predict")} == {
        "predict.objects",
        "predict.relations",
        "predict.actions",
    }
    assert {part.split(".")[0] for part in parts} == {
        "predict",
        "object_context",
        "scene_context",
    }


def test_training_moves_what_it_should_and_nothing_else(make_options: MakeOptions) -> None:
    for part in ("heads", "all"):
        options = make_options("global", training__part=part)
        model = _build(options)
        before = _state(model)
        optimiser, _ = make_optimiser(model, options.training)
        seen = model.train().see("train", SOME)
        targets = (
            load_split(Path(options.data), "train", load_pretrained(Path(options.pretrained)).clips)
            .at(SOME.tolist())
            .targets
        )
        terms = loss_terms(model, seen, seen.own, targets, model.assignment("train", SOME))
        terms.total.backward()
        optimiser.step()
        after = model.state_dict()
        moved = {name for name in before if not torch.equal(before[name], after[name])}
        if part == "heads":
            assert moved.isdisjoint(model.pretrained)
        else:
            assert any(name.startswith("trunk.x3d.stem") for name in moved)
        trained = {n for n, p in model.named_parameters() if p.requires_grad}
        # Of the trunk everything but what leads to P5 alone.
        assert {name.split(".")[2] for name in trained - moved} <= {"down4", "out5"}


def test_variants_share_everything_but_their_context(make_options: MakeOptions) -> None:
    states = {
        variant: _state(_build(make_options(variant), seed=3))
        for variant in ("cross_attention", "global", "none", "gain_matched")
    }
    shared = [name for name in states["none"] if "scene_context" not in name]
    for state in states.values():
        assert all(torch.equal(state[name], states["none"][name]) for name in shared)
    other = _state(_build(make_options("none"), seed=4))
    fresh = "cascade.levels.0.predict.actions.weight"
    assert not torch.equal(other[fresh], states["none"][fresh])
    frozen = "cascade.levels.0.head.classes.0.0.weight"
    assert torch.equal(other[frozen], states["none"][frozen])
    # The arm with the larger gain starts as the old one does, times ten.
    out = "cascade.levels.0.scene_context.out.weight"
    scaled = states["cross_attention"][out] * 10
    assert torch.allclose(states["gain_matched"][out], scaled, rtol=1e-5)


def test_rates_by_hand(make_options: MakeOptions) -> None:
    options = make_options(
        "global",
        training__part="all",
        training__steps=20,
        training__warm_up=0.1,
        training__milestones=[0.5, 0.75],
        training__learning_rate=0.4,
        training__pretrained_rate=0.04,
    )
    model = _build(options)
    optimiser, scheduler = make_optimiser(model, options.training)
    rates: list[tuple[float, ...]] = []
    for _ in range(20):
        rates.append(tuple(group["lr"] for group in optimiser.param_groups))
        optimiser.step()
        scheduler.step()
    expected = [0.2] + [0.4] * 9 + [0.2] * 5 + [0.1] * 5
    assert [rate for rate, _ in rates] == pytest.approx(expected)
    assert [rate for _, rate in rates] == pytest.approx([rate / 10 for rate in expected])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model__head_dim": 64}, r"model.head_dim is 64; expected 32, with which .* pretrained"),
        ({"model__levels": ["P5"]}, r"model.levels is \['P5'\]; expected \['P4'\]"),
        ({"model__input_scaling": "unit"}, "model.input_scaling is 'unit'; expected 'pixels'"),
    ],
)
def test_another_model_than_was_pretrained_is_refused(
    make_options: MakeOptions, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        _build(make_options("global", **change))


# The truth as evidence


def test_true_evidence_by_hand() -> None:
    labels = torch.zeros(1, 3, 219)
    labels[0, 0, [0, 36 + 132, 193 + 0]] = 1  # a person who watches
    labels[0, 1, [32, 193 + 0, 193 + 17]] = 1  # a television, looked at, not touched
    labels[0, 2, 7] = 1  # padding
    targets = Targets(
        boxes=torch.tensor([[[0.0, 0, 30, 20], [40, 90, 60, 112], [0, 0, 0, 0]]]),
        labels=labels,
        present=torch.tensor([[True, True, False]]),
    )
    blank = ContextInput(
        torch.zeros(1, 8, 7, 7), torch.zeros(1, 36, 7, 7), torch.zeros(1, 26, 7, 7)
    )
    seen = Seen(
        inputs=(blank,),
        confidence=torch.zeros(1, 49),
        boxes=torch.zeros(1, 49, 4),
        centres=torch.zeros(49, 2),
        strides=torch.full((49,), 16.0),
    )
    (told,) = true_evidence(seen, targets)
    objects = torch.full((36, 7, 7), PRIOR_BIAS)
    relations = torch.full((26, 7, 7), PRIOR_BIAS)
    # Centres (15, 10) and (50, 101): row 0, column 0 and row 6, column 3.
    objects[0, 0, 0] = objects[32, 6, 3] = 10
    relations[0, 0, 0] = relations[0, 6, 3] = relations[17, 6, 3] = 10
    assert torch.equal(told.objects[0], objects)
    assert torch.equal(told.relations[0], relations)


def test_true_objects_by_hand() -> None:
    labels = torch.zeros(2, 2, 219)
    labels[0, 0, [0, 36 + 132]] = labels[0, 1, [32, 193]] = labels[1, 0, 0] = 1
    truth = Targets(
        boxes=torch.zeros(2, 2, 4),
        labels=labels,
        present=torch.tensor([[True, True], [True, False]]),
    )
    target = torch.tensor([[1, -1, 0], [-1, 0, -1]])
    expected = torch.full((2, 36, 3), PRIOR_BIAS)
    expected[0, 32, 0] = expected[0, 0, 2] = expected[1, 0, 1] = 10
    assert torch.equal(true_objects(target, truth), expected)


def test_the_object_context_can_be_told_the_truth(make_options: MakeOptions) -> None:
    """Relations then hang on the true objects, which its own object head cannot move."""

    def relations(shift: float, **changes: Any) -> Tensor:
        model = _build(make_options("global", **changes))
        with torch.no_grad():
            for level in model.cascade.levels:
                cast(Any, level).predict.objects.bias[5] += shift
        model.eval()
        return model.see("train", torch.arange(4)).inputs[0].relation_logits

    true = {"model__object_evidence": "true"}
    assert torch.equal(relations(0, **true), relations(3, **true))
    assert not torch.equal(relations(0), relations(3))
    assert not torch.equal(relations(0), relations(0, **true))
