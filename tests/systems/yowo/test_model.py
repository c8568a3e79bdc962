"""The whole model: parameters and shapes at the published size, seeds, trunk and cascade."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fixbench.detection import cell_centres, decode_boxes
from fixbench.errors import InputError
from fixbench.systems.yowo._model import (
    YOWO,
    Cascade,
    Predictions,
    build_scene_context,
    parameter_counts,
)
from fixbench.systems.yowo._options import ModelOptions
from fixbench.training import seeded

from .conftest import PUBLISHED, context, model_options

#: As counted by hand from the documented layers, at 128 and at 256 channels.
COUNTS = {
    128: {
        "yolo11": 18_641_984,
        "detect": 1_472_704,
        "x3d": 2_006_130,
        "encoders": 2_348_294,
        "heads": 1_772_544,
        "predictors": 86_688,
        "object_context": 212_736,
        "scene_context": 222_723,
        "total": 26_763_803,
    },
    256: {
        "yolo11": 18_641_984,
        "detect": 1_472_704,
        "x3d": 2_006_130,
        "encoders": 8_432_134,
        "heads": 7_084_032,
        "predictors": 172_704,
        "object_context": 818_688,
        "scene_context": 838_659,
        "total": 39_467_035,
    },
}


def _published(head_dim: int = 128, **changes: Any) -> YOWO:
    """Without storage: shapes are computed, numbers are not."""
    options = ModelOptions.model_validate(PUBLISHED | {"head_dim": head_dim} | changes)
    with torch.device("meta"):
        return YOWO(options, context(), seed=0)


@pytest.mark.parametrize("head_dim", [128, 256])
def test_parameters_of_the_published_configuration_by_part(head_dim: int) -> None:
    assert parameter_counts(_published(head_dim)) == COUNTS[head_dim]


def test_only_128_channels_agree_with_the_document() -> None:
    """26.7M, cut or rounded; the unused Detect layer has to be counted."""
    millions = {width: counts["total"] / 1e6 for width, counts in COUNTS.items()}
    assert math.floor(10 * millions[128]) / 10 == 26.7
    assert abs(millions[256] - 26.7) > 12
    without = parameter_counts(_published(detect_layer=False))
    assert without["total"] == COUNTS[128]["total"] - COUNTS[128]["detect"] == 25_291_099


def test_shapes_of_the_published_configuration() -> None:
    model = _published()
    features = model.forward_features(torch.empty(2, 3, 16, 224, 224, device="meta"))
    assert [tuple(x.shape) for x in features] == [
        (2, 448, 28, 28),
        (2, 704, 14, 14),
        (2, 704, 7, 7),
    ]
    found = model.forward_from_features(features)
    cells = 28**2 + 14**2 + 7**2
    shapes = {f.name: tuple(getattr(found, f.name).shape) for f in dataclasses.fields(found)}
    assert shapes == {
        "confidence": (2, cells),
        "objects": (2, cells, 36),
        "relations": (2, cells, 26),
        "actions": (2, cells, 157),
        "boxes": (2, cells, 4),
        "centres": (cells, 2),
        "strides": (cells,),
    }


KINDS: dict[str, dict[str, Any]] = {
    "none": {"kind": "none"},
    "A": {"kind": "gated_attention"},
    "B": {"kind": "logit_attention"},
    "C": {"kind": "attention"},
    "C gain": {"kind": "attention", "output_gain": 1.0},
    "C matched": {"kind": "attention", "attention_width": "matched"},
    "C 8 heads": {"kind": "attention", "heads": 8},
    "D": {"kind": "global"},
    "D unscaled": {"kind": "global", "rescale": "off"},
    "D mean": {"kind": "global", "pooling": "mean"},
    "D blind": {"kind": "global", "pooling": "zero"},
    "E": {"kind": "global", "positions": True, "cooccurrence": True},
    "5x5": {"kind": "local"},
}


CHANNELS = [5, 6, 7]


def _small(name: str = "D", *, seed: int = 0, **changes: Any) -> YOWO:
    return YOWO(model_options(**changes), context(**KINDS[name]), seed=seed)


def _cascade(name: str = "D", *, seed: int = 0, **changes: Any) -> Cascade:
    """What lies behind the trunk, for features of few channels."""
    options = model_options(**changes)
    return Cascade(CHANNELS, [8, 16, 32], options, context(**KINDS[name]), seed=seed)


def _clip(batch: int = 1, *, frames: int = 3, size: int = 64) -> torch.Tensor:
    shape = (batch, 3, frames, size, size)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def _features(batch: int = 2) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    sizes = zip(CHANNELS, (8, 4, 2), strict=True)
    return [torch.randn(batch, c, g, g, generator=draw) for c, g in sizes]


def _equal(first: Predictions, second: Predictions) -> bool:
    return all(
        torch.equal(getattr(first, f.name), getattr(second, f.name))
        for f in dataclasses.fields(Predictions)
    )


def test_end_to_end_is_features_then_cascade() -> None:
    model = _small().eval()
    features = model.forward_features(_clip())
    assert [tuple(x.shape[1:]) for x in features] == [(80, 8, 8), (144, 4, 4), (272, 2, 2)]
    whole = model(_clip())
    assert _equal(whole, model.forward_from_features(features))
    assert whole.strides.tolist() == [8] * 64 + [16] * 16 + [32] * 4


def test_every_context_trains_and_repeats_itself_to_the_last_bit() -> None:
    features = _features()[1:2]
    options = model_options(levels=["P4"])
    for name, kind in KINDS.items():
        states = []
        for _ in range(2):
            cascade = Cascade([6], [16], options, context(**kind), seed=3)
            optimiser = torch.optim.SGD(cascade.parameters(), lr=0.1)
            for step in range(2):
                with seeded(3, "dropout", step):
                    found = cascade(features)
                loss = sum(getattr(found, part).square().mean() for part in
                           ("confidence", "objects", "relations", "actions"))  # fmt: skip
                optimiser.zero_grad()
                (loss + found.boxes.mean()).backward()
                optimiser.step()
            states.append(cascade.state_dict())
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0]), name
        assert all(torch.isfinite(value).all() for value in states[0].values()), name


def test_variants_of_a_seed_start_alike_wherever_they_share_a_part() -> None:
    states = {name: _cascade(name, seed=4).state_dict() for name in KINDS}
    reference = states["D"]
    for name, state in states.items():
        shared = [key for key in state if ".scene_context." not in key and "cooc" not in key]
        assert len(shared) > 200
        assert all(torch.equal(state[key], reference[key]) for key in shared), name
    for one, other in (("C", "C gain"), ("D", "D mean"), ("D", "D unscaled")):
        same = [key for key in states[one] if torch.equal(states[one][key], states[other][key])]
        differing = {key.split("scene_context.")[-1] for key in set(states[one]) - set(same)}
        assert differing == ({"out.weight"} if one == "C" else set())
    trunk, again, unlike = (_small(seed=seed).trunk.state_dict() for seed in (4, 4, 5))
    assert all(torch.equal(trunk[key], again[key]) for key in trunk)
    for state, another in ((reference, _cascade(seed=5).state_dict()), (trunk, unlike)):
        weights = [key for key in state if state[key].ndim > 1]
        assert not any(torch.equal(state[key], another[key]) for key in weights)


def test_a_level_alone_is_the_same_level() -> None:
    """The small tier trains on one cached level."""
    features = _features()
    whole = _cascade(seed=2).eval()
    options = model_options(levels=["P5"])
    alone = Cascade([7], [32], options, context(), seed=2).eval()
    mine, all_levels = alone(features[2:]), whole(features)
    for field in dataclasses.fields(Predictions):
        last = getattr(all_levels, field.name)
        last = last[-4:] if field.name in ("centres", "strides") else last[:, -4:]
        torch.testing.assert_close(getattr(mine, field.name), last)


def test_building_and_dropout_leave_the_global_generator_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    _small("C matched")
    assert torch.equal(torch.rand(3), expected)
    cascade = _cascade().train()
    found = []
    for step in (0, 0, 1):
        with seeded(1, "dropout", step):
            found.append(cascade(_features()).objects)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


# The trunk


def test_yolo_reads_the_key_frame_and_x3d_the_clip() -> None:
    trunk = _small(input_scaling="unit").trunk.eval()
    clip = _clip()
    other = clip.clone()
    other[:, :, 0] = 0
    maps = trunk.yolo11(clip[:, :, -1])
    for before, after, flat in zip(trunk(clip), trunk(other), maps, strict=True):
        count = flat.shape[1]
        assert torch.equal(before[:, :count], flat)
        assert torch.equal(after[:, :count], flat)
        assert not torch.equal(before[:, count:], after[:, count:])
    # Nearest enlargement: each value of the 2 x 2 map fills a block.
    motion = trunk.x3d(clip)
    for level, factor in zip(trunk(clip), (4, 2, 1), strict=True):
        enlarged = torch.kron(motion, torch.ones(1, 1, factor, factor))
        torch.testing.assert_close(level[:, -16:], enlarged)


def test_input_scalings() -> None:
    clip = _clip()
    trunks = {
        name: _small(input_scaling=name).trunk.eval() for name in ("pixels", "unit", "standardised")
    }
    for pixels, unit in zip(trunks["pixels"](clip), trunks["unit"](clip * 255), strict=True):
        assert torch.equal(pixels, unit)
    assert not torch.equal(trunks["pixels"](clip)[0], trunks["unit"](clip)[0])
    standardised = trunks["standardised"](clip)
    assert torch.equal(standardised[2][:, :256], trunks["unit"](clip)[2][:, :256])
    moving = trunks["unit"].x3d((clip - 0.45) / 0.225)
    assert torch.equal(standardised[2][:, 256:], moving)


# The cascade


def test_relations_see_objects_and_actions_see_both() -> None:
    """Shift the logits of one head: which of the others move says who reads whom."""

    def moved(name: str, shifted: str, **changes: Any) -> set[str]:
        cascade = _cascade(name, **changes).eval()
        features = _features(1)
        before = cascade(features)
        with torch.no_grad():
            for level in cascade.levels:
                predictor = getattr(level.predict, shifted)
                predictor.bias[-1] += 3
        after = cascade(features)
        return {
            part
            for part in ("confidence", "objects", "relations", "actions", "boxes")
            if not torch.equal(getattr(before, part), getattr(after, part))
        }

    assert moved("D", "objects") == {"objects", "relations", "actions"}
    assert moved("D", "relations") == {"relations", "actions"}
    assert moved("D", "actions") == {"actions"}
    assert moved("none", "objects") == {"objects", "relations"}
    assert moved("none", "objects", object_context=False) == {"objects"}
    assert moved("none", "objects", object_evidence="none") == {"objects"}
    assert moved("D blind", "relations") == {"relations"}
    assert moved("D", "confidence") == {"confidence"}


def test_actions_start_from_the_class_features() -> None:
    """Without scene context actions are read linearly from what objects are read from."""
    cascade = _cascade("none").eval()
    seen = cascade.context_inputs(_features(1))[0]
    level: Any = cascade.levels[0]
    actions = level.predict.actions(seen.features).flatten(2).transpose(1, 2)
    assert torch.equal(cascade(_features(1)).actions[:, :64], actions)
    objects = level.predict.objects(seen.features)
    assert torch.equal(objects, seen.object_logits)


def test_classes_start_at_one_percent() -> None:
    for level in _cascade().levels:
        predict: Any = level.predict
        for head in (predict.confidence, predict.objects, predict.relations, predict.actions):
            np.testing.assert_allclose(head.bias.sigmoid().detach(), 0.01, rtol=1e-5)
            np.testing.assert_allclose(head.bias.detach(), -4.595, atol=2e-4)
        assert predict.boxes.bias.abs().max() < 1 / np.sqrt(32)


def test_cooccurrence_adds_the_same_prior_to_every_cell() -> None:
    cascade = _cascade("E").eval()
    features = _features(1)
    with_prior = cascade(features).actions
    prior, cascade.cooccurrence = cascade.cooccurrence, None
    added = with_prior - cascade(features).actions
    assert prior is not None
    inputs = cascade.context_inputs(features)
    for cells, seen in zip(added.split([64, 16, 4], dim=1), inputs, strict=True):
        presence = seen.object_logits.softmax(dim=1).amax(dim=(2, 3))
        expected = prior.scale * (prior.action_factors @ prior.object_factors.T @ presence[0])
        torch.testing.assert_close(cells[0], expected.expand_as(cells[0]), atol=1e-6, rtol=1e-3)


def test_evidence_replaces_what_the_scene_context_is_told_and_nothing_else() -> None:
    cascade = _cascade("E").eval()
    features = _features(1)
    own = cascade(features)
    seen = [each[1:] for each in cascade.context_inputs(features)]
    assert _equal(cascade(features, seen), own)
    told = cascade(features, [(objects.flip(1), relations) for objects, relations in seen])
    for field in dataclasses.fields(Predictions):
        same = torch.equal(getattr(told, field.name), getattr(own, field.name))
        assert same == (field.name != "actions")


def test_attention_is_the_real_one_or_none() -> None:
    features = _features()
    for name, options in KINDS.items():
        weights = _cascade(name).eval().attention(features)
        if "attention" in options["kind"]:
            heads = options.get("heads", 4)
            for each, cells in zip(weights, (64, 16, 4), strict=True):
                assert each is not None
                assert each.shape == (2, heads, cells, cells)
                torch.testing.assert_close(each.sum(dim=-1), torch.ones(2, heads, cells))
                assert each.std() > 0
        else:
            assert weights == [None, None, None]


# Boxes


def test_decoding_by_hand() -> None:
    centres = cell_centres(2, 3, 8, torch.device("cpu"))
    assert centres.tolist() == [[4, 4], [12, 4], [20, 4], [4, 12], [12, 12], [20, 12]]
    raw = torch.zeros(1, 6, 4)
    raw[0, 5] = torch.tensor([0.5, -0.25, math.log(3), math.log(2)])
    boxes = decode_boxes(raw, centres, torch.full((6,), 8.0))
    assert boxes[0, 0].tolist() == [0, 0, 8, 8]
    # Centre (20 + 4, 12 − 2), size (24, 16).
    torch.testing.assert_close(boxes[0, 5], torch.tensor([12.0, 2.0, 36.0, 18.0]))


def test_boxes_of_all_levels_are_in_pixels_of_the_input() -> None:
    cascade = _cascade().eval()
    with torch.no_grad():
        level: Any
        for level in cascade.levels:
            nn.init.zeros_(level.predict.boxes.weight)
            nn.init.zeros_(level.predict.boxes.bias)
    found = cascade(_features(1))
    size = found.boxes[0, :, 2:] - found.boxes[0, :, :2]
    torch.testing.assert_close(size, found.strides[:, None].expand(-1, 2).float())
    middle = (found.boxes[0, :, 2:] + found.boxes[0, :, :2]) / 2
    torch.testing.assert_close(middle, found.centres)
    assert found.centres[-1].tolist() == [48, 48]


# Choosing a context


def test_heads_have_to_divide_the_width() -> None:
    with pytest.raises(InputError, match=r"options: scene_context\.heads is 5; expected a divisor "
                       r"of model\.head_dim, which is 32"):  # fmt: skip
        build_scene_context(context("attention", heads=5), 32)


@pytest.mark.parametrize(("width", "heads"), [(64, 4), (128, 4), (256, 4), (128, 8)])
def test_matched_attention_has_as_many_parameters_as_the_fix(width: int, heads: int) -> None:
    def count(**options: Any) -> int:
        module = build_scene_context(context(**options), width)
        return sum(parameter.numel() for parameter in module.parameters())

    fix = count(kind="global")
    full = count(kind="attention", heads=heads)
    matched = count(kind="attention", heads=heads, attention_width="matched")
    assert full > 1.4 * fix
    assert abs(matched / fix - 1) < 0.1
    assert abs(matched / fix - 1) < 0.03 or heads == 8
