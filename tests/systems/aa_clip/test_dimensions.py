"""The published sizes, from the code that the small tier runs."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from fixbench.systems.aa_clip import (
    CLIP,
    AdaptedCLIP,
    AdapterLayout,
    CrossAttentionOptions,
    ViT_L_14_336,
)

ENABLED = CrossAttentionOptions(enabled=True, scale=1.0, context="raw")


def _parameters(module: nn.Module | None) -> int:
    assert module is not None
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="module")
def published() -> AdaptedCLIP:
    """ViT-L/14@336 at 518 px without storage: shapes are computed, numbers are not."""
    layout = AdapterLayout(
        image_adapters=6, text_adapters=3, taps=(6, 12, 18, 24), cross_heads=8, value_blocks=19
    )
    with torch.device("meta"):
        clip = CLIP(ViT_L_14_336, generator=None, quick_gelu=False).eval()
    model = AdaptedCLIP(clip, layout, image_cross=ENABLED, text_cross=ENABLED, seed=0)
    return model.to("meta")


def test_trainable_parameters_are_as_published(published: AdaptedCLIP) -> None:
    assert _parameters(published.image_adapter) == 10_223_616
    assert _parameters(published.text_adapter) == 2_359_296
    assert _parameters(published.image_cross) == 2_755_840
    assert _parameters(published.text_cross) == 2_362_368
    trainable = {name for name, p in published.named_parameters() if p.requires_grad}
    assert not any(name.startswith("clip.") for name in trainable)
    assert len(trainable) == (6 + 4 + 1) + (3 + 1) + 8 + 8


def test_tower_parameters_agree_with_a_count_by_hand(published: AdaptedCLIP) -> None:
    def block(width: int) -> int:
        attention = 3 * width * width + 3 * width + width * width + width
        mlp = width * 4 * width + 4 * width + 4 * width * width + width
        return attention + mlp + 2 * 2 * width

    image = 3 * 14 * 14 * 1024 + 1024 + 1370 * 1024 + 2 * 1024 + 24 * block(1024) + 2 * 1024
    image += 1024 * 768
    text = 49408 * 768 + 77 * 768 + 12 * block(768) + 2 * 768 + 768 * 768
    assert _parameters(published.clip.visual) == image
    assert _parameters(published.clip.text) == text
    assert _parameters(published.clip) == image + text + 1


def test_shapes_at_the_published_size(published: AdaptedCLIP) -> None:
    tokens = torch.empty(16, 77, dtype=torch.long, device="meta")
    context = published.prompt_context(tokens)
    assert context.shape == (16 * 77, 768) == (1232, 768)
    with torch.no_grad():
        images = torch.empty(2, 3, 518, 518, device="meta")
        taps = published.image_taps(images, context.expand(2, -1, -1))
        segments, detection = published.segment_and_detect(taps)
    assert [tuple(tap.shape) for tap in taps] == [(2, 1369, 1024)] * 4
    assert [tuple(segment.shape) for segment in segments] == [(2, 1369, 768)] * 4
    assert detection.shape == (2, 768)
    for features in (published.frozen_features(images), published.adapted_features(images)):
        assert features.context.shape == features.raw_context.shape == (2, 1369, 768)
        assert [tuple(p.shape) for p in features.patches] == [(2, 1369, 768)] * 4


def test_grid_leaves_out_what_no_patch_covers() -> None:
    assert ViT_L_14_336.grid == 37
    assert dataclasses.replace(ViT_L_14_336, image_size=520).grid == 37
