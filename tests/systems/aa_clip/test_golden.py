"""AA-CLIP against numbers that the fork's own code made (`golden/README.md`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fixbench.systems.aa_clip import CLIP, AdaptedCLIP, AdapterLayout, CLIPDimensions
from fixbench.systems.aa_clip._clip import ValuePaths
from fixbench.systems.aa_clip._detection import (
    Domain,
    detection_map,
    detection_score,
    image_scores,
    unit_range,
)
from fixbench.systems.aa_clip._losses import detection_loss, segmentation_loss, similarity_maps
from fixbench.systems.aa_clip._material import Family
from fixbench.systems.aa_clip._measure import image_loss, orthogonality, text_loss

from .conftest import cross

GOLDEN = Path(__file__).parent / "golden"
NORMAL = 6
FEATURES, TOKENS, MAPS, SCALED, LOSS, GRADIENT = 5e-6, 3e-5, 1e-4, 1e-5, 1e-6, 5e-6
#: The fork's three states.
VARIANTS: dict[str, dict[str, Any]] = {
    "V0": {"image": {}, "text": {}},
    "V1": {"image": {"scale": 0.1}, "text": {"scale": 0.1}},
    "V2": {
        "image": {"scale": 0.1, "context": "normalised", "norm_match": True},
        "text": {"scale": 0.1, "norm_match": True},
    },
}
Values = Mapping[str, Tensor]


def _read(name: str) -> dict[str, Tensor]:
    with np.load(GOLDEN / f"{name}.npz") as content:
        return {key: torch.from_numpy(value) for key, value in content.items()}


@pytest.fixture(scope="module")
def shared() -> Values:
    return _read("shared")


@pytest.fixture(scope="module", params=VARIANTS)
def variant(request: pytest.FixtureRequest, shared: Values) -> tuple[AdaptedCLIP, Values]:
    """The fork's model in one of its states, and what it made."""
    return _model(shared, **VARIANTS[request.param]), {**shared, **_read(request.param)}


def _model(
    shared: Values, *, image: Mapping[str, Any], text: Mapping[str, Any], **layout: Any
) -> AdaptedCLIP:
    dimensions = CLIPDimensions(
        image_size=28,
        patch_size=7,
        image_width=32,
        image_depth=5,
        image_heads=4,
        text_width=16,
        text_depth=3,
        text_heads=4,
        joint=16,
        vocabulary=64,
        context_length=12,
    )
    places: dict[str, Any] = {
        "image_adapters": 2,
        "text_adapters": 2,
        "taps": (2, 3, 4, 5),
        "cross_heads": 2,
        "value_blocks": 4,
    }
    model = AdaptedCLIP(
        CLIP(dimensions, generator=None, quick_gelu=False).eval(),
        AdapterLayout(**places | layout),
        image_cross=cross(**image),
        text_cross=cross(**text),
        seed=0,
    )
    state = {k.removeprefix("weight."): v for k, v in shared.items() if k.startswith("weight.")}
    model.load_state_dict(state)
    return model


def _batch(values: Values) -> Family:
    return Family(
        images=values["input.images"],
        masks=values["input.masks"].squeeze(1),
        labels=values["input.labels"],
        classes=torch.zeros(3, dtype=torch.long),
        class_names=("thing",),
        prompts=values["input.prompts"].unsqueeze(0),
    )


def _close(found: Tensor | np.ndarray, golden: Tensor, tolerance: float) -> None:
    found = torch.as_tensor(found).to(golden.dtype)
    torch.testing.assert_close(found, golden, rtol=0, atol=tolerance)


def _close_gradients(model: AdaptedCLIP, values: Values, prefix: str) -> None:
    golden = {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}
    found = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert found.keys() == golden.keys()
    largest = max(value.norm().item() for value in golden.values())
    for name, value in golden.items():
        gradient = found[name]
        assert gradient is not None
        if name.endswith("key_bias"):  # moves no softmax: zero, up to rounding
            assert max(gradient.norm().item(), value.norm().item()) <= 1e-7 * largest
            continue
        assert (gradient - value).norm().item() <= GRADIENT * value.norm().item(), name


def test_text_tower(variant: tuple[AdaptedCLIP, Values]) -> None:
    model, values = variant
    prompts = values["input.prompts"]
    _close(model.prompt_tokens(prompts), values["out.prompt_tokens"], FEATURES)
    assert model.image_cross is not None
    contexts = model.prompt_contexts(prompts.unsqueeze(0))
    assert contexts is not None
    if model.image_cross.options.context == "normalised":
        contexts = torch.nn.functional.normalize(contexts, dim=-1)
    _close(contexts.expand(3, -1, -1), values["out.image_tower_context"], FEATURES)
    # Anchors of stage 2 and of testing: the branch exists and is not used.
    anchors = model.text_anchors(prompts.unsqueeze(0), None)[0]
    _close(anchors, values["out.anchors_stage2_and_test"], FEATURES)


@pytest.mark.parametrize("loop", [1, 2])
def test_stage_1(variant: tuple[AdaptedCLIP, Values], loop: int) -> None:
    model, values = variant
    images, prompts = values["input.images"], values["input.prompts"].unsqueeze(0)
    features = model.frozen_features(images) if loop == 1 else model.adapted_features(images)
    stage = f"stage1.loop{loop}."
    _close(features.context, values[f"{stage}image_context"], FEATURES)
    for tap, patches in enumerate(features.patches):
        _close(patches, values[f"{stage}patches.{tap}"], FEATURES)
    anchors = model.text_anchors(prompts, features.context)
    _close(anchors[0], values[f"{stage}anchors"], FEATURES)
    anchors = anchors.expand(3, -1, -1)
    masks = values["input.masks"].squeeze(1)
    assert orthogonality(anchors).item() == pytest.approx(
        values[f"{stage}orthogonality"].item(), rel=1e-5
    )
    losses = [text_loss(patches, anchors, masks) for patches in features.patches]
    for tap, loss in enumerate(losses):
        assert loss.item() == pytest.approx(values[f"{stage}loss_of_tap.{tap}"].item(), rel=LOSS)
    assert losses[-1].item() == pytest.approx(values[f"{stage}loss"].item(), rel=LOSS)
    model.zero_grad()
    losses[-1].backward()
    _close_gradients(model, values, f"{stage}grad.")


def test_as_many_images_as_normal_prompts_are_paired(variant: tuple[AdaptedCLIP, Values]) -> None:
    model, values = variant
    context = values["stage1.six_images.image_context"]
    prompts = values["input.prompts"].unsqueeze(0)
    assert len(context) == NORMAL
    golden = values["stage1.six_images.anchors"]
    _close(model.text_anchors(prompts, context)[0], golden, FEATURES)
    mean = context.mean(dim=0, keepdim=True)
    unpaired = model.text_anchors(prompts, mean)[0]
    assert (unpaired[:, 0] - golden[:, 0]).norm() > 1e-3
    _close(unpaired[:, 1], golden[:, 1], FEATURES)


def test_image_tower_and_stage_2(variant: tuple[AdaptedCLIP, Values]) -> None:
    model, values = variant
    batch = _batch(values)
    anchors = values["out.anchors_stage2_and_test"].unsqueeze(0)
    contexts = model.prompt_contexts(batch.prompts)
    assert contexts is not None
    for suffix, context in (("", contexts[batch.classes]), ("_without_cross", None)):
        segments, detection = model.segment_and_detect(model.image_taps(batch.images, context))
        for tap, segment in enumerate(segments):
            _close(segment, values[f"out.segment{suffix}.{tap}"], FEATURES)
        _close(detection, values[f"out.detect{suffix}"], FEATURES)
        if context is not None:
            loss = detection_loss(detection, anchors.expand(3, -1, -1), batch.labels)
            assert loss.item() == pytest.approx(values["stage2.detection_loss"].item(), rel=LOSS)
            for tap, segment in enumerate(segments):
                maps = similarity_maps(segment, anchors.expand(3, -1, -1), 28)
                golden = values[f"stage2.segmentation_loss.{tap}"].item()
                assert segmentation_loss(maps, batch.masks).item() == pytest.approx(
                    golden, rel=LOSS
                )
    model.zero_grad()
    loss = image_loss(model, batch, anchors, contexts)
    assert loss.item() == pytest.approx(values["stage2.loss"].item(), rel=LOSS)
    loss.backward()
    _close_gradients(model, values, "stage2.grad.")


@pytest.mark.parametrize("with_branch", [True, False])
def test_testing(variant: tuple[AdaptedCLIP, Values], with_branch: bool) -> None:
    model, values = variant
    batch = _batch(values)
    contexts = model.prompt_contexts(batch.prompts)
    assert contexts is not None
    context = contexts[batch.classes] if with_branch else None
    anchors = values["out.anchors_stage2_and_test"].expand(3, -1, -1)
    with torch.no_grad():
        taps = model.image_taps(batch.images, context)
        segments, detection = model.segment_and_detect(taps)
    prefix = "test." if with_branch else "test_without_cross."
    maps = detection_map(segments, anchors, 28, domain="industrial")
    _close(maps, values[f"{prefix}map"], MAPS)
    scores = detection_score(detection, anchors)
    _close(scores, values[f"{prefix}image_score_before_mixing"], FEATURES)
    ranked = image_scores(unit_range(maps), scores, domain="industrial")
    _close(ranked, values[f"{prefix}image_score"], SCALED)


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_value_attention_as_found(shared: Values, batch: int) -> None:
    golden = _read("value_attention")
    model = _model(shared, **VARIANTS["V0"])
    tokens = _surgery(model, shared, batch)
    for tap, found in enumerate(tokens):
        _close(found, golden[f"out.batch{batch}.tokens.{tap}"], TOKENS)
    embedding = model.clip.visual.project(tokens[-1][:, 0])
    _close(embedding, golden[f"out.batch{batch}.class_embedding"], FEATURES)


def _surgery(
    model: AdaptedCLIP, shared: Values, batch: int, paths: ValuePaths = "as_found"
) -> list[Tensor]:
    with torch.no_grad():
        tokens, _ = model.clip.visual.surgery(
            shared["input.images"][:batch], model.layout.taps, value_blocks=4, paths=paths
        )
    return [x.permute(1, 0, 2) for x in tokens]


def test_an_image_depends_on_its_batch_as_found_alone(shared: Values) -> None:
    model = _model(shared, **VARIANTS["V0"])
    changes = {}
    for paths in ("as_found", "single", "dual"):
        pair = [_surgery(model, shared, batch, paths)[-1][0] for batch in (2, 3)]
        changes[paths] = ((pair[0] - pair[1]).norm() / pair[0].norm()).item()
    assert changes["as_found"] > 0.05
    assert max(changes["single"], changes["dual"]) < 1e-5


@pytest.mark.parametrize("domain", ["industrial", "medical"])
def test_maps_and_scores(domain: Domain) -> None:
    values = _read("detection_map")
    anchors = values["input.anchors"].expand(4, -1, -1)
    maps = detection_map([values["input.patches"]], anchors, 60, domain=domain)
    _close(maps, values[f"out.map_{domain}"], MAPS)
    scaled = unit_range(maps)
    _close(scaled, values[f"out.map_scaled_{domain}"], SCALED)
    scores = values[f"input.image_score_{domain}"].double().numpy()
    _close(image_scores(scaled, scores, domain=domain), values[f"out.image_score_{domain}"], SCALED)


def test_segmentation_loss() -> None:
    values = _read("detection_map")
    patches = values["input.patches"].clone().requires_grad_()
    anchors = values["loss.input.anchors"].clone().requires_grad_()
    maps = similarity_maps(patches, anchors, 60)
    loss = segmentation_loss(maps, values["loss.input.masks"].squeeze(1))
    assert loss.item() == pytest.approx(values["loss.out.segmentation_loss"].item(), rel=LOSS)
    loss.backward()
    for name, leaf in (("patches", patches), ("anchors", anchors)):
        golden = values[f"loss.grad.{name}"]
        assert leaf.grad is not None
        assert (leaf.grad - golden).norm() <= GRADIENT * golden.norm()
