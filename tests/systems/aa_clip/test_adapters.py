"""The adapters' equation by hand, and where a model applies it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from fixbench.systems.aa_clip._adapters import (
    ImageAdapter,
    TextAdapter,
    match_norm,
    xavier_uniform,
)

from .conftest import TINY, cross, tiny_model, tiny_prompts


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def _leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.01 * x)


@pytest.mark.parametrize("weight", [0.0, 0.1, 1.0])
def test_residual_adapter_by_hand(weight: float) -> None:
    adapter = TextAdapter(6, 4, count=2, weight=weight, generator=_generator()).double()
    x = torch.randn(3, 2, 6, dtype=torch.float64, generator=_generator())
    found = adapter.adapt(1, x).detach().numpy()
    matrix = adapter.layer_adapters[1].detach().numpy()
    for position in np.ndindex(3, 2):
        token = x.numpy()[position]
        adapted = _leaky(matrix @ token)
        adapted = adapted * np.sqrt((token**2).sum()) / np.sqrt((adapted**2).sum())
        np.testing.assert_allclose(
            found[position], weight * adapted + (1 - weight) * token, atol=1e-11
        )


def test_adapters_end_after_their_last_block() -> None:
    adapter = TextAdapter(6, 4, count=2, weight=0.1, generator=_generator())
    x = torch.randn(3, 2, 6)
    assert adapter.adapt(2, x) is x


def test_norm_matching_keeps_each_tokens_norm_and_direction() -> None:
    source = torch.randn(4, 5, 7, dtype=torch.float64) * 30
    target = torch.randn(4, 5, 7, dtype=torch.float64)
    matched = match_norm(source, target)
    torch.testing.assert_close(matched.norm(dim=-1), target.norm(dim=-1), rtol=1e-14, atol=0)
    cosine = functional.cosine_similarity(matched, source, dim=-1)
    torch.testing.assert_close(cosine, torch.ones_like(cosine))
    alone = TextAdapter(7, 4, count=1, weight=1.0, generator=_generator()).double()
    torch.testing.assert_close(alone.adapt(0, target).norm(dim=-1), target.norm(dim=-1))


def test_a_zero_token_stays_zero() -> None:
    adapter = TextAdapter(6, 4, count=1, weight=0.1, generator=_generator())
    assert torch.equal(adapter.adapt(0, torch.zeros(2, 6)), torch.zeros(2, 6))


def test_initial_weights_are_glorots() -> None:
    weight = xavier_uniform(300, 500, _generator())
    limit = np.sqrt(6 / 800)
    assert weight.shape == (300, 500)
    assert 0.99 * limit < weight.abs().max() <= limit
    assert weight.abs().mean().item() == pytest.approx(limit / 2, rel=0.01)


@pytest.mark.parametrize("relu", [False, True])
def test_image_projections_by_hand(relu: bool) -> None:
    adapter = ImageAdapter(
        6, 4, count=1, taps=2, weight=0.1, relu=relu, generator=_generator()
    ).double()
    patches = torch.randn(2, 3, 6, dtype=torch.float64)

    def unit(matrix: torch.Tensor, patch: torch.Tensor) -> np.ndarray:
        out = matrix.detach().numpy() @ patch.numpy()
        out = _leaky(out) if relu else out
        return out / np.linalg.norm(out)

    for tap in (0, 1):
        found = adapter.segment(tap, patches).detach().numpy()
        for position in np.ndindex(2, 3):
            expected = unit(adapter.seg_proj[tap], patches[position])
            np.testing.assert_allclose(found[position], expected, atol=1e-12)
    for image in (0, 1):
        mean = np.mean([unit(adapter.det_proj, patch) for patch in patches[image]], axis=0)
        np.testing.assert_allclose(
            adapter.detect(patches).detach().numpy()[image], mean, atol=1e-12
        )


def test_text_projection_has_a_leaky_relu() -> None:
    adapter = TextAdapter(6, 4, count=1, weight=0.1, generator=_generator()).double()
    features = torch.randn(5, 6, dtype=torch.float64)
    expected = _leaky(features.numpy() @ adapter.projection.detach().numpy().T)
    np.testing.assert_allclose(adapter.project(features).detach().numpy(), expected, atol=1e-14)


# Their places in a model


def test_image_path_step_by_step() -> None:
    """Block, cross-attention (first block only), adapter; then no class token, final norm."""
    model = tiny_model(image=cross(scale=0.7))
    images = torch.randn(2, 3, 16, 16)
    context = torch.randn(2, 9, TINY.text_width)
    tower = model.clip.visual
    assert model.image_cross is not None
    x = tower.embed(images)
    taps = []
    for index, block in enumerate(tower.blocks):
        x = block(x)
        if index == 0:
            branch = model.image_cross.branch(x.transpose(0, 1), context).transpose(0, 1)
            assert branch.shape == (17, 2, TINY.image_width)
            x = x + branch
        if index < 2:
            adapted = functional.leaky_relu(x @ model.image_adapter.layer_adapters[index].T, 0.01)
            scale = x.norm(dim=-1, keepdim=True) / adapted.norm(dim=-1, keepdim=True)
            x = 0.1 * adapted * scale + 0.9 * x
        taps.append(tower.ln_post(x[1:]).transpose(0, 1))
    found = model.image_taps(images, context)
    assert len(found) == 3
    for tap, expected in zip(found, taps, strict=True):
        torch.testing.assert_close(tap, expected, atol=1e-5, rtol=1e-5)
    segments, detection = model.segment_and_detect(found)
    assert torch.equal(segments[1], model.image_adapter.segment(1, found[1]))
    assert torch.equal(detection, model.image_adapter.detect(found[2]))


def test_prompt_context_is_block_then_adapter_without_gradient() -> None:
    model = tiny_model(text=cross(scale=5.0), image=cross())
    tokens = tiny_prompts()[0]
    context = model.prompt_context(tokens)
    assert context.shape == (16 * 77, TINY.text_width)
    assert not context.requires_grad
    x = model.clip.text(tokens, depth=1)
    x = model.text_adapter.adapt(0, x)
    for prompt, position in ((0, 0), (3, 20), (15, 76)):
        assert torch.equal(context[77 * prompt + position], x[position, prompt])


@pytest.mark.parametrize("with_cross", [False, True])
def test_text_anchors_from_uncut_prompts(with_cross: bool) -> None:
    """Each class by itself, all 77 positions: block, cross-attention, adapter; then ensembles."""
    model = tiny_model(text=cross(scale=0.7, enabled=with_cross))
    prompts = tiny_prompts()
    image_context = torch.randn(4, 5, TINY.joint)
    context = image_context.mean(dim=0)
    found = model.text_anchors(prompts, image_context)
    assert found.shape == (2, TINY.joint, 2)
    tower = model.clip.text
    mask = torch.nn.Transformer.generate_square_subsequent_mask(77)
    for kind, tokens in enumerate(prompts):
        x = (tower.token_embedding(tokens) + tower.positional_embedding).permute(1, 0, 2)
        for index, block in enumerate(tower.blocks):
            x = block(x, mask)
            if index == 0 and model.text_cross is not None:
                x = x + torch.stack(
                    [model.text_cross.branch(x[:, [p]].transpose(0, 1), context[None])[0]
                     for p in range(16)],
                    dim=1,
                )  # fmt: skip
            x = model.text_adapter.adapt(index, x)
        end = tower.ln_final(x)[tokens.argmax(dim=1), torch.arange(16)]
        features = functional.leaky_relu(end @ model.text_adapter.projection.T, 0.01)
        features = features / features.norm(dim=-1, keepdim=True)
        for column, group in enumerate((features[:6], features[6:])):
            mean = group.sum(dim=0) / len(group)
            torch.testing.assert_close(
                found[kind, :, column], mean / mean.norm(), atol=1e-5, rtol=1e-5
            )


def test_frozen_patches_are_unit_vectors_plus_the_unit_class_token() -> None:
    model = tiny_model(image=cross(), value_paths="dual")
    images = torch.randn(2, 3, 16, 16)
    features = model.frozen_features(images)
    assert torch.equal(features.context, features.patches[0])
    tower = model.clip.visual
    cls = model.clip.encode_image(images)
    tokens, last = tower.surgery(images, (1, 2, 3), value_blocks=2, paths="dual")
    torch.testing.assert_close(tower.project(last[0]), cls)
    first = (tower.ln_post(tokens[0][1:]) @ tower.proj).transpose(0, 1)
    torch.testing.assert_close(features.raw_context, first + cls[:, None], atol=1e-5, rtol=1e-5)
    for tap, x in zip(features.patches, tokens, strict=True):
        patches = (tower.ln_post(x[1:]) @ tower.proj).transpose(0, 1)
        expected = patches / patches.norm(dim=-1, keepdim=True)
        expected = expected + (cls / cls.norm(dim=-1, keepdim=True))[:, None]
        torch.testing.assert_close(tap, expected, atol=1e-5, rtol=1e-5)
        assert not tap.requires_grad


def test_what_trains_in_a_stage() -> None:
    model = tiny_model(image=cross(), text=cross())

    def prefixes(stage: Any) -> set[str]:
        chosen = {id(parameter) for parameter in model.stage_parameters(stage)}
        names = [name for name, p in model.named_parameters() if id(p) in chosen]
        assert len(names) == len(chosen)
        return {name.split(".")[0] for name in names}

    assert prefixes("image") == {"image_adapter", "image_cross"}
    assert prefixes("text") == {"text_adapter", "text_cross"}
    assert not any(p.requires_grad for p in model.clip.parameters())
    assert {name.split(".")[0] for name in model.adapter_state()} == {
        "image_adapter",
        "text_adapter",
        "image_cross",
        "text_cross",
    }
