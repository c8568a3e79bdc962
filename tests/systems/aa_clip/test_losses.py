"""Losses against loops, hand values and finite differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from fixbench.systems.aa_clip._losses import (
    detection_loss,
    dice_loss,
    focal_loss,
    segmentation_loss,
    similarity_maps,
)
from fixbench.systems.aa_clip._measure import (
    image_loss,
    orthogonality,
    probe_image_loss,
    text_loss,
)

from .conftest import cross, tiny_family, tiny_model


def _random(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(7))


def _mask(*shape: int) -> torch.Tensor:
    return (_random(*shape) > 0.6).double()


def test_focal_loss_by_hand() -> None:
    """One pixel, p = 0.9 for the true class: 0.1² · (−ln 0.9), up to the smoothing of 1e-5."""
    probabilities = torch.tensor([0.1, 0.9]).reshape(1, 2, 1, 1).double()
    mask = torch.ones(1, 1, 1, dtype=torch.float64)
    assert focal_loss(probabilities, mask).item() == pytest.approx(0.01 * -np.log(0.9), rel=1e-3)
    wrong = focal_loss(probabilities, 1 - mask).item()
    assert wrong == pytest.approx(0.81 * -np.log(0.1), rel=1e-3)


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_focal_loss_against_a_loop(gamma: float) -> None:
    logits = _random(2, 2, 3, 4) * 6
    mask = _mask(2, 3, 4)
    p = logits.softmax(dim=1).numpy()
    total = 0.0
    for b, i, j in np.ndindex(2, 3, 4):
        target = [1 - 1e-5, 1e-5] if mask[b, i, j] == 0 else [1e-5, 1 - 1e-5]
        correct = sum(t * p[b, k, i, j] for k, t in enumerate(target)) + 1e-5
        total += -((1 - correct) ** gamma) * np.log(correct)
    found = focal_loss(logits.softmax(dim=1), mask, gamma=gamma).item()
    assert found == pytest.approx(total / 24, rel=1e-12)


def test_dice_loss_against_a_loop() -> None:
    p, mask = _random(3, 4, 5), _mask(3, 4, 5)
    losses = []
    for b in range(3):
        overlap = sum(p[b, i, j] * mask[b, i, j] for i, j in np.ndindex(4, 5))
        losses.append(1 - (2 * overlap + 1) / (p[b].sum() + mask[b].sum() + 1))
    assert dice_loss(p, mask).item() == pytest.approx(float(np.mean(losses)), rel=1e-12)


def test_dice_loss_by_hand() -> None:
    mask = torch.zeros(1, 2, 2)
    mask[0, 0] = 1
    assert dice_loss(mask, mask).item() == pytest.approx(0)
    assert dice_loss(1 - mask, mask).item() == pytest.approx(1 - 1 / 5)
    assert dice_loss(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2)).item() == pytest.approx(0)


def test_segmentation_loss_of_a_perfect_and_of_a_reversed_prediction() -> None:
    mask = _mask(2, 8, 8)
    logits = 200 * torch.stack([1 - mask, mask], dim=1) - 100
    assert segmentation_loss(logits, mask).item() == pytest.approx(0, abs=1e-6)
    assert segmentation_loss(-logits, mask).item() > 5


def test_segmentation_loss_is_the_sum_of_its_three_parts() -> None:
    logits, mask = _random(2, 2, 4, 4) * 3, _mask(2, 4, 4)
    p = logits.softmax(dim=1)
    expected = focal_loss(p, mask) + dice_loss(p[:, 0], 1 - mask) + dice_loss(p[:, 1], mask)
    assert segmentation_loss(logits, mask).item() == pytest.approx(expected.item(), rel=1e-12)


def test_similarity_maps_upsample_between_the_corner_patches() -> None:
    patches, text = _random(2, 9, 4), _random(2, 4, 2)
    maps = similarity_maps(patches, text, 7).numpy()
    for b, k, row, column in np.ndindex(2, 2, 7, 7):
        # align_corners: pixel 0 lies on patch 0 and pixel 6 on patch 2.
        y, x = row / 6 * 2, column / 6 * 2
        value = 0.0
        for i, j in np.ndindex(3, 3):
            closeness = max(0, 1 - abs(y - i)) * max(0, 1 - abs(x - j))
            value += closeness * 100 * float(patches[b, 3 * i + j] @ text[b, :, k])
        assert maps[b, k, row, column] == pytest.approx(value, rel=1e-9)


def test_detection_loss_has_no_temperature() -> None:
    detection, text = _random(3, 4), _random(3, 4, 2)
    label = torch.tensor([0, 1, 1])
    losses = []
    for b in range(3):
        scores = np.array([float(detection[b] @ text[b, :, k]) for k in (0, 1)])
        losses.append(np.log(np.exp(scores).sum()) - scores[label[b]])
    found = detection_loss(detection, text, label).item()
    assert found == pytest.approx(np.mean(losses), rel=1e-12)


def test_orthogonality_by_hand() -> None:
    anchors = torch.tensor([[[1.0, 0.6], [0.0, 0.8]], [[0.0, 1.0], [1.0, 0.0]]])
    assert orthogonality(anchors).item() == pytest.approx(((0.6 + 0.0) / 2) ** 2)
    assert orthogonality(anchors[1:]).item() == 0


def test_text_loss_is_one_taps_segmentation_loss_and_a_tenth_of_the_orthogonality() -> None:
    patches, anchors, masks = _random(2, 9, 4), _random(2, 4, 2), _mask(2, 6, 6)
    inner = [float(anchors[b, :, 0] @ anchors[b, :, 1]) for b in range(2)]
    expected = segmentation_loss(similarity_maps(patches, anchors, 6), masks).item()
    expected += 0.1 * float(np.mean(inner)) ** 2
    assert text_loss(patches, anchors, masks).item() == pytest.approx(expected, rel=1e-12)


def test_image_loss_is_detection_plus_every_taps_segmentation() -> None:
    model = tiny_model(image=cross())
    family = tiny_family()
    anchors = torch.randn(2, 8, 2)
    contexts = torch.randn(2, 9, 16)
    own = contexts[[0, 0, 1, 1]]
    segments, detection = model.segment_and_detect(model.image_taps(family.images, own))
    text = anchors[[0, 0, 1, 1]]
    expected = detection_loss(detection, text, family.labels)
    assert len(segments) == 3
    for segment in segments:
        expected = expected + segmentation_loss(similarity_maps(segment, text, 16), family.masks)
    torch.testing.assert_close(image_loss(model, family, anchors, contexts), expected)


def test_probe_loss_does_not_depend_on_the_chunks() -> None:
    model = tiny_model()
    family = tiny_family(7)
    anchors = torch.randn(2, 8, 2)
    contexts = torch.randn(2, 9, 16)
    whole = image_loss(model, family, anchors, contexts).item()
    for chunk in (2, 3, 16):
        found = probe_image_loss(model, family, anchors, contexts, chunk=chunk)
        assert found == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [{}, {"norm_match": True, "context": "normalised", "scale": 0.1}, {"token_mean": True}],
    ids=["V0", "V2", "token mean"],
)
@pytest.mark.parametrize("stage", ["image", "text"])
def test_gradients_by_finite_differences(stage: Any, options: dict[str, Any]) -> None:
    model = tiny_model(image=cross(**options), text=cross(**options)).double()
    family = tiny_family()
    family = type(family)(
        **vars(family) | {"images": family.images.double(), "masks": family.masks.double()}
    )
    seen = model.frozen_features(family.images)
    constant = torch.randn(2, 8, 2, dtype=torch.float64)
    contexts = torch.stack([model.prompt_context(tokens) for tokens in family.prompts])

    def loss() -> torch.Tensor:
        if stage == "image":
            return image_loss(model, family, constant, contexts)
        anchors = model.text_anchors(family.prompts, seen.context.mean(dim=0))
        return text_loss(seen.patches[-1], anchors[family.classes], family.masks)

    model.zero_grad()
    loss().backward()
    generator = torch.Generator().manual_seed(0)
    parameters = model.stage_parameters(stage)
    directions = [torch.randn(p.shape, dtype=p.dtype, generator=generator) for p in parameters]
    gradients = [p.grad for p in parameters]
    assert all(gradient is not None for gradient in gradients)
    for wanted in range(len(parameters)):
        parameter, direction, step = parameters[wanted], directions[wanted], 1e-6
        with torch.no_grad():
            parameter.add_(direction, alpha=step)
            above = loss().item()
            parameter.add_(direction, alpha=-2 * step)
            below = loss().item()
            parameter.add_(direction, alpha=step)
        slope = (above - below) / (2 * step)
        expected = (gradients[wanted] * direction).sum().item()
        assert slope == pytest.approx(expected, rel=1e-4, abs=1e-7)
