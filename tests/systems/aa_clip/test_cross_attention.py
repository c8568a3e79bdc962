"""The fork's cross-attention in its documented states, and its controls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fixbench.systems.aa_clip import CrossAttention
from fixbench.systems.aa_clip._measure import image_loss

from .conftest import OFF, cross, tiny_family, tiny_model

WIDTH, CONTEXT, HEADS = 6, 8, 4


def _module(*, biased: bool = True, **changes: Any) -> CrossAttention:
    module = CrossAttention(
        WIDTH,
        CONTEXT,
        heads=HEADS,
        options=cross(**changes),
        generator=torch.Generator().manual_seed(0),
    ).double()
    if biased:
        torch.manual_seed(1)
        for name, parameter in module.named_parameters():
            if name.endswith("bias"):
                nn.init.normal_(parameter)
    return module


def _inputs() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, 3, WIDTH, dtype=torch.float64, generator=generator) * 4
    context = torch.randn(2, 5, CONTEXT, dtype=torch.float64, generator=generator) * 7
    return x, context


def _by_hand(
    module: CrossAttention, x: np.ndarray, context: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Output [N, D] and weights [heads, N, M] of one image, one head after the other."""
    p = {name: value.detach().numpy() for name, value in module.named_parameters()}
    query = x @ p["query"].T + p["query_bias"]
    key = context @ p["key"].T + p["key_bias"]
    value = context @ p["value"].T + p["value_bias"]
    size = CONTEXT // HEADS
    joined, weights = [], []
    for head in range(HEADS):
        part = slice(head * size, (head + 1) * size)
        scores = query[:, part] @ key[:, part].T / np.sqrt(size)
        exponential = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights.append(exponential / exponential.sum(axis=1, keepdims=True))
        joined.append(weights[-1] @ value[:, part])
    return np.concatenate(joined, axis=1) @ p["out"].T + p["out_bias"], np.stack(weights)


@pytest.mark.parametrize("context_kind", ["raw", "normalised"])
def test_output_head_by_head(context_kind: str) -> None:
    module = _module(context=context_kind)
    x, context = _inputs()
    found = module(x, context).detach().numpy()
    for image in range(2):
        tokens = context[image].numpy()
        if context_kind == "normalised":
            tokens = tokens / np.sqrt((tokens**2).sum(axis=1, keepdims=True))
        out, weights = _by_hand(module, x[image].numpy(), tokens)
        np.testing.assert_allclose(found[image], x[image].numpy() + out, atol=1e-11)
        attention = module.attention(x, context).detach().numpy()
        np.testing.assert_allclose(attention[image], weights, atol=1e-12)


def test_scale_multiplies_the_branch_and_nothing_else() -> None:
    x, context = _inputs()
    full = _module(scale=1.0).branch(x, context)
    for scale in (0.0, 0.1, 0.3):
        scaled = _module(scale=scale)
        torch.testing.assert_close(scaled.branch(x, context), scale * full)
        torch.testing.assert_close(scaled(x, context), x + scale * full)


def test_normalised_context_ignores_the_tokens_norms() -> None:
    x, context = _inputs()
    stretched = context * torch.rand(2, 5, 1, dtype=torch.float64).add(0.1)
    module = _module(context="normalised")
    torch.testing.assert_close(module(x, stretched), module(x, context))
    raw = _module(context="raw")
    assert not torch.allclose(raw(x, stretched), raw(x, context), rtol=0.01)


@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_norm_matching_gives_the_scale_times_the_tokens_norm(scale: float) -> None:
    x, context = _inputs()
    module = _module(scale=scale, norm_match=True)
    branch = module.branch(x, context)
    torch.testing.assert_close(
        branch.norm(dim=-1), scale * x.norm(dim=-1), rtol=1e-5, atol=0
    )  # 1e-6 in the denominator
    raw = _module(scale=1.0).branch(x, context)
    cosine = nn.functional.cosine_similarity(branch, raw, dim=-1)
    torch.testing.assert_close(cosine, torch.ones_like(cosine))
    # The later revision's guard stands in the denominator.
    expected = scale * raw * x.norm(dim=-1, keepdim=True) / (raw.norm(dim=-1, keepdim=True) + 1e-6)
    torch.testing.assert_close(branch, expected)


def test_token_mean_adds_one_vector_to_every_token() -> None:
    x, context = _inputs()
    branch = _module(token_mean=True).branch(x, context)
    mean = _module().branch(x, context).mean(dim=1)
    for token in range(x.shape[1]):
        torch.testing.assert_close(branch[:, token], mean)
    assert not torch.allclose(mean[0], mean[1])


def test_a_detached_branch_adds_the_same_and_receives_no_gradient() -> None:
    x, context = _inputs()
    x.requires_grad_()
    whole, detached = _module(), _module(detached=True)
    assert torch.equal(detached(x, context), whole(x, context))
    detached(x, context).square().sum().backward()
    assert all(parameter.grad is None for parameter in detached.parameters())
    whole(x, context).square().sum().backward()
    assert all(parameter.grad is not None for parameter in whole.parameters())


def test_zero_initialised_output_is_exactly_zero() -> None:
    x, context = _inputs()
    module = _module(biased=False, zero_init=True)
    assert not module.branch(x, context).any()
    assert torch.equal(module(x, context), x)


def test_initial_weights_do_not_depend_on_the_state() -> None:
    first = _module(biased=False).state_dict()
    for changes in ({"scale": 0.1}, {"context": "normalised", "norm_match": True}):
        other = _module(biased=False, **changes).state_dict()
        assert all(torch.equal(first[name], other[name]) for name in first)
    assert not any(first[name].any() for name in first if name.endswith("bias"))
    zeroed = _module(biased=False, zero_init=True).state_dict()
    assert all(torch.equal(first[name], zeroed[name]) for name in first if name != "out")
    for name in ("query", "key", "value", "out"):
        limit = np.sqrt(6 / sum(first[name].shape))
        assert 0.8 * limit < first[name].abs().max() <= limit


# In a model

STATES: dict[str, dict[str, Any]] = {
    "none": {},
    "V0": {"image": cross(), "text": cross(context="normalised")},
    "V1": {"image": cross(scale=0.1), "text": cross(scale=0.1)},
    "V2": {"image": cross(scale=0.1, context="normalised", norm_match=True), "text": OFF},
}


def test_adapters_start_alike_in_every_variant() -> None:
    states = {
        name: tiny_model(seed=4, **options).adapter_state() for name, options in STATES.items()
    }
    reference = states["V0"]
    for state in states.values():
        assert all(torch.equal(value, reference[name]) for name, value in state.items())
    assert set(states["none"]) == {n for n in reference if not n.startswith(("image_c", "text_c"))}
    another = tiny_model(seed=5, **STATES["V0"]).adapter_state()
    same = [name for name in reference if torch.equal(reference[name], another[name])]
    assert all(name.endswith("bias") for name in same)


def test_the_models_modules_draw_from_streams_of_their_own() -> None:
    model = tiny_model(seed=4, **STATES["V0"])
    firsts = [parameter.flatten()[:3] for parameter in model.parameters() if parameter.requires_grad
              and parameter.ndim == 2]  # fmt: skip
    ratios = {round((values[1] / values[0]).item(), 4) for values in firsts}
    assert len(ratios) == len(firsts)


def _loss_and_gradients(**options: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    model = tiny_model(**options)
    family = tiny_family()
    anchors = model.text_anchors(family.prompts, None).detach()
    contexts = torch.stack([model.prompt_context(tokens) for tokens in family.prompts])
    loss = image_loss(model, family, anchors, contexts)
    loss.backward()
    gradients = {name: p.grad for name, p in model.image_adapter.named_parameters()}
    assert all(gradient is not None for gradient in gradients.values())
    return loss.detach(), gradients  # type: ignore[return-value]


@pytest.mark.parametrize("inert", [cross(zero_init=True), cross(scale=0.0)])
def test_an_inert_branch_changes_no_bit(inert: Any) -> None:
    loss, gradients = _loss_and_gradients()
    with_branch, with_gradients = _loss_and_gradients(image=inert)
    assert torch.equal(loss, with_branch)
    for name, gradient in gradients.items():
        assert torch.equal(gradient, with_gradients[name]), name
    full, _ = _loss_and_gradients(image=cross())
    assert not torch.equal(full, loss)


def test_the_branch_lies_upstream_of_every_image_adapter() -> None:
    """All that reaches the branch comes through adapter 0: block that way and nothing arrives."""
    images, context = torch.randn(2, 3, 16, 16), torch.randn(2, 5, 16)
    for blocked in (False, True):
        model = tiny_model(image=cross())
        assert model.image_cross is not None
        if blocked:
            model.image_adapter.weight = 1.0
            nn.init.zeros_(model.image_adapter.layer_adapters[0])
        sum(tap.square().sum() for tap in model.image_taps(images, context)).backward()
        reached = [p.grad is not None and bool(p.grad.any()) for p in (model.image_cross.out,)]
        assert reached == [not blocked]
