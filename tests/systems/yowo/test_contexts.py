"""Every context module against a derivation of its own in NumPy, and its invariances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import erf
from torch import nn
from torch.nn import functional

from fixbench.systems.yowo import _object_context
from fixbench.systems.yowo._attention_context import Attention, GatedAttention, LogitAttention
from fixbench.systems.yowo._blocks import match_magnitude
from fixbench.systems.yowo._global_context import (
    Cooccurrence,
    GlobalContext,
    LocalContext,
    expected_positions,
)
from fixbench.systems.yowo._heads import PRIOR_BIAS
from fixbench.systems.yowo._model import build_scene_context
from fixbench.systems.yowo._object_context import ObjectContext
from fixbench.systems.yowo._scene_context import SceneContext

from .conftest import context

Array = np.ndarray[Any, np.dtype[np.float64]]
WIDTH, ROWS, COLUMNS = 64, 3, 5


def _inputs(batch: int = 2, *, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)

    def normal(channels: int, scale: float) -> torch.Tensor:
        shape = (batch, channels, ROWS, COLUMNS)
        return torch.randn(shape, generator=draw, dtype=torch.float64) * scale

    return normal(WIDTH, 3.0), normal(36, 2.0), normal(26, 2.0)


def _shaken(module: SceneContext | ObjectContext) -> Any:
    """Double precision, every parameter away from trivial initial values."""
    module = module.double()
    draw = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=draw, dtype=torch.float64)
            parameter.add_(noise, alpha=0.1)
    return module


def _arrays(module: nn.Module) -> dict[str, Array]:
    return {name: p.detach().numpy() for name, p in module.named_parameters()}


def _softmax(x: Array, axis: int) -> Array:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _probabilities(objects: torch.Tensor, relations: torch.Tensor) -> Array:
    sigmoid = 1 / (1 + np.exp(-relations.numpy()))
    return np.concatenate([_softmax(objects.numpy(), 1), sigmoid], axis=1)


def _linear(p: dict[str, Array], name: str, x: Array) -> Array:
    """1 x 1 convolution ``name`` on [B, C, …]."""
    weight = p[f"{name}.weight"].reshape(len(p[f"{name}.weight"]), -1)
    bias = p[f"{name}.bias"].reshape(-1, *[1] * (x.ndim - 2))
    return np.einsum("oc,bc...->bo...", weight, x) + bias


def _mlp(p: dict[str, Array], name: str, x: Array) -> Array:
    hidden = _linear(p, f"{name}.0", x)
    return _linear(p, f"{name}.2", hidden * 0.5 * (1 + erf(hidden / math.sqrt(2))))


def _group_norm(p: dict[str, Array], x: Array) -> Array:
    groups = x.reshape(len(x), 32, -1)
    centred = groups - groups.mean(axis=2, keepdims=True)
    normed = (centred / np.sqrt((centred**2).mean(axis=2, keepdims=True) + 1e-5)).reshape(x.shape)
    return normed * p["norm.weight"][:, None, None] + p["norm.bias"][:, None, None]


def _magnitude(x: Array) -> float:
    return max(float(np.abs(x).mean()), 0.01)


def _check(found: torch.Tensor, expected: Array) -> None:
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-8, atol=1e-9)


def test_object_context() -> None:
    module = _shaken(ObjectContext(WIDTH))
    features, objects, _ = _inputs()
    p, x = _arrays(module), features.numpy()
    embedded = _mlp(p, "project", _softmax(objects.numpy(), 1))
    embedded = embedded * _magnitude(x) / _magnitude(embedded)
    expected = _group_norm(p, x + _mlp(p, "fuse", np.concatenate([x, embedded], axis=1)))
    _check(module(features, objects), expected)


def test_an_object_context_that_is_told_nothing() -> None:
    told, silent = _shaken(ObjectContext(WIDTH)), ObjectContext(WIDTH, silent=True).double()
    silent.load_state_dict(told.state_dict())  # the same layers
    features, objects, _ = _inputs()
    assert torch.equal(silent(features, objects), silent(features, -objects))
    assert not torch.equal(told(features, objects), told(features, -objects))


def test_objects_act_at_their_own_cell_but_for_scaling_and_normalising(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_object_context, "match_magnitude", lambda x, *_: x)
    module = _shaken(ObjectContext(WIDTH))
    module.norm = nn.Identity()
    features, objects, _ = _inputs(1)
    moved = objects.clone()
    moved[:, 3, 1, 2] += 5
    change = (module(features, objects) - module(features, moved)).abs().sum(dim=(0, 1))
    assert change.nonzero().tolist() == [[1, 2]]


# Attention


def _attended(q: Array, k: Array, v: Array, heads: int) -> tuple[Array, Array]:
    """[B, C, N] each → what is attended to [B, C, N] and weights [B, heads, N, N], by loops."""
    size = q.shape[1] // heads
    out, weights = np.empty_like(v), np.empty((len(q), heads, q.shape[2], k.shape[2]))
    for b in range(len(q)):
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            scores = q[b, part].T @ k[b, part] / math.sqrt(size)
            weights[b, h] = _softmax(scores, 1)
            out[b, part] = v[b, part] @ weights[b, h].T
    return out, weights


def _position(p: dict[str, Array]) -> Array:
    """[C, H, W] by the documented resampling of two tables as images."""
    rows = torch.from_numpy(p["rows"])[None, :, :, None]
    columns = torch.from_numpy(p["columns"])[None, :, None, :]
    r = functional.interpolate(rows, size=(ROWS, 1), mode="bilinear", align_corners=False)
    c = functional.interpolate(columns, size=(1, COLUMNS), mode="bilinear", align_corners=False)
    both = [r.expand(-1, -1, -1, COLUMNS), c.expand(-1, -1, ROWS, -1)]
    return torch.cat(both, dim=1)[0].numpy()


@pytest.mark.parametrize(
    ("heads", "inner", "rescale", "values"),
    [
        (4, WIDTH, "batch", "both"),
        (8, WIDTH, "batch", "both"),
        (4, 40, "batch", "both"),
        (4, WIDTH, "off", "both"),
        (4, WIDTH, "batch", "features"),
        (4, WIDTH, "batch", "predictions"),
    ],
)
def test_attention_c(heads: int, inner: int, rescale: Any, values: Any) -> None:
    module = _shaken(
        Attention(WIDTH, inner=inner, heads=heads, output_gain=0.1, rescale=rescale, values=values)
    )
    features, objects, relations = _inputs()
    p, x = _arrays(module), features.numpy()
    probabilities = _probabilities(objects, relations)
    query = _linear(p, "query", x) + _position(p)
    key = _mlp(p, "key", probabilities)
    embedded = _mlp(p, "context", probabilities)
    if rescale == "batch":
        key = key * _magnitude(query) / _magnitude(key)
        embedded = embedded * _magnitude(x) / _magnitude(embedded)
    carried = [x * (values != "predictions"), embedded * (values != "features")]
    value = _linear(p, "value", np.concatenate(carried, axis=1))
    q, k, v = (a.reshape(*a.shape[:2], -1) for a in (query, key, value))
    attended, weights = _attended(q, k, v, heads)
    out = _linear(p, "out", attended.reshape(query.shape))
    _check(module(features, objects, relations), _group_norm(p, x + out))
    _check(module.attention(features, objects, relations), weights)


def test_c_told_nothing_is_c_told_of_an_empty_scene() -> None:
    module = _shaken(Attention(WIDTH, inner=WIDTH, heads=4, output_gain=0.1))
    silent = Attention(WIDTH, inner=WIDTH, heads=4, output_gain=0.1, told="nothing").double()
    silent.load_state_dict(module.state_dict())  # the same layers
    features, objects, relations = _inputs()
    empty = (torch.full_like(objects, PRIOR_BIAS), torch.full_like(relations, PRIOR_BIAS))
    assert torch.equal(silent(features, objects, relations), module(features, *empty))
    assert not torch.equal(
        silent(features, objects, relations), module(features, objects, relations)
    )


def test_attention_b() -> None:
    module = _shaken(LogitAttention(WIDTH, heads=4))
    features, objects, relations = _inputs()
    p, x = _arrays(module), features.numpy()
    logits = torch.cat([objects, relations], dim=1).numpy()
    query = _linear(p, "query", x) + _position(p) * p["position_scale"]
    key = _mlp(p, "key", logits) * p["context_scale"]
    embedded = _mlp(p, "context", logits) * p["context_scale"]
    value = _linear(p, "value", np.concatenate([x, embedded], axis=1))
    q, k, v = (a.reshape(*a.shape[:2], -1) for a in (query, key, value))
    attended, weights = _attended(q, k, v, 4)
    out = _linear(p, "out", attended.reshape(query.shape))
    _check(module(features, objects, relations), _group_norm(p, x + out))
    _check(module.attention(features, objects, relations), weights)


def test_attention_a() -> None:
    module = _shaken(GatedAttention(WIDTH, heads=4))
    features, objects, relations = _inputs()
    p, x = _arrays(module), features.numpy().reshape(2, WIDTH, -1)
    probabilities = _probabilities(objects, relations).reshape(2, 62, -1)
    halves = [
        _linear(p, "objects", probabilities[:, :36]),
        _linear(p, "relations", probabilities[:, 36:]),
    ]
    joined = np.concatenate(halves, axis=1)
    kv = _linear(p, "mix.2", np.maximum(_linear(p, "mix.0", joined), 0))
    packed, bias = p["attend.in_proj_weight"], p["attend.in_proj_bias"]
    q, k, v = (
        np.einsum("oc,bcn->bon", packed[i * WIDTH : (i + 1) * WIDTH], source)
        + bias[i * WIDTH : (i + 1) * WIDTH, None]
        for i, source in enumerate((x, kv, kv))
    )
    attended, weights = _attended(q, k, v, 4)
    summed = x + p["gate"] * _linear(p, "attend.out_proj", attended)
    centred = summed - summed.mean(axis=1, keepdims=True)
    normed = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    expected = normed * p["norm.weight"][:, None] + p["norm.bias"][:, None]
    _check(module(features, objects, relations), expected.reshape(features.shape))
    _check(module.attention(features, objects, relations), weights)


def test_the_gate_of_a_is_closed_at_first() -> None:
    module = build_scene_context(context("gated_attention"), WIDTH).double()
    features, objects, relations = _inputs()
    out = module(features, objects, relations)
    assert torch.equal(out, module(features, -objects, relations + 3))
    out.square().sum().backward()
    reached = {n for n, p in module.named_parameters() if p.grad is not None and p.grad.any()}
    assert reached == {"gate", "norm.weight", "norm.bias"}


# The fix, its revisions, controls


@pytest.mark.parametrize("pooling", ["max", "mean", "zero"])
@pytest.mark.parametrize("rescale", ["batch", "sample", "off"])
@pytest.mark.parametrize("scale", [None, 0.02, -1.3, 7.0])
def test_the_fix(pooling: Any, rescale: Any, scale: float | None) -> None:
    module = _shaken(
        GlobalContext(WIDTH, pooling=pooling, rescale=rescale, learned_scale=scale is not None)
    )
    features, objects, relations = _inputs()
    features[1] *= 4
    factor = 1.0
    if scale is not None:
        with torch.no_grad():
            module.context_scale.fill_(scale)
        factor = min(max(abs(scale), 0.1), 2.0)
    p, x = _arrays(module), features.numpy()
    probabilities = _probabilities(objects, relations)
    pooled = {
        "max": probabilities.max(axis=(2, 3)),
        "mean": probabilities.mean(axis=(2, 3)),
        "zero": np.zeros((2, 62)),
    }[pooling]
    vector = _mlp(p, "project", pooled)
    if rescale == "batch":
        vector = vector * _magnitude(x) / _magnitude(vector)
    if rescale == "sample":
        vector = np.stack([vector[b] * _magnitude(x[b]) / _magnitude(vector[b]) for b in (0, 1)])
    everywhere = np.broadcast_to((vector * factor)[:, :, None, None], x.shape)
    expected = _group_norm(p, x + _mlp(p, "fuse", np.concatenate([x, everywhere], axis=1)))
    _check(module(features, objects, relations), expected)
    assert module.attention(features, objects, relations) is None


def test_revision_e_by_hand() -> None:
    module = _shaken(GlobalContext(WIDTH, positions=True))
    features, objects, relations = _inputs()
    probabilities = _probabilities(objects, relations)
    weights = _softmax(probabilities.reshape(2, 62, -1) / 0.1, 2).reshape(probabilities.shape)
    y = (weights * (np.arange(ROWS) / (ROWS - 1))[:, None]).sum(axis=(2, 3))
    x = (weights * (np.arange(COLUMNS) / (COLUMNS - 1))).sum(axis=(2, 3))
    pooled = np.empty((2, 310))
    pooled[:, 0::5] = probabilities.max(axis=(2, 3))
    pooled[:, 1::5], pooled[:, 2::5] = x, y
    pooled[:, 3::5], pooled[:, 4::5] = x - x[:, :1], y - y[:, :1]
    _check(module.pooled(objects, relations), pooled)
    p, f = _arrays(module), features.numpy()
    vector = _mlp(p, "project", pooled)
    vector = vector * _magnitude(f) / _magnitude(vector) * p["context_scale"]
    everywhere = np.broadcast_to(vector[:, :, None, None], f.shape)
    expected = _group_norm(p, f + _mlp(p, "fuse", np.concatenate([f, everywhere], axis=1)))
    _check(module(features, objects, relations), expected)


def test_expected_positions_of_certain_and_of_flat_maps() -> None:
    maps = torch.zeros(1, 2, 3, 5)
    maps[0, 0, 2, 1] = 1
    certain, flat = expected_positions(maps, temperature=0.01)[0]
    # The second of five columns, the last of three rows.
    torch.testing.assert_close(certain, torch.tensor([0.25, 1.0]))
    torch.testing.assert_close(flat, torch.tensor([0.5, 0.5]))
    assert expected_positions(torch.rand(1, 1, 1, 1)).tolist() == [[[0, 0]]]


def test_local_context_averages_the_cells_that_lie_near() -> None:
    module = _shaken(LocalContext(WIDTH))
    features, objects, relations = _inputs()
    p, x = _arrays(module), features.numpy()
    probabilities = _probabilities(objects, relations)
    near = np.empty_like(probabilities)
    for i in range(ROWS):
        for j in range(COLUMNS):
            window = probabilities[:, :, max(i - 2, 0) : i + 3, max(j - 2, 0) : j + 3]
            near[:, :, i, j] = window.mean(axis=(2, 3))
    joined = np.concatenate([x, _mlp(p, "project", near)], axis=1)
    expected = _group_norm(p, x + _mlp(p, "fuse", joined))
    _check(module(features, objects, relations), expected)


def test_the_local_variant_is_the_unscaled_fix_but_for_its_pooling() -> None:
    """On an even scene a mean over cells is the mean over all: the two are one."""
    local: Any = LocalContext(WIDTH).double()
    fix: Any = GlobalContext(WIDTH, rescale="off", learned_scale=False).double()
    fix.load_state_dict(local.state_dict())
    features, objects, relations = _inputs()
    even = [logits[..., :1, :1].expand_as(logits) for logits in (objects, relations)]
    torch.testing.assert_close(local(features, *even), fix(features, *even))
    assert (local(features, objects, relations) - fix(features, objects, relations)).abs().max() > 0


def test_no_context_hands_the_features_on() -> None:
    features, objects, relations = _inputs()
    module: Any = build_scene_context(context("none"), WIDTH)
    assert module(features, objects, relations) is features
    assert module.attention(features, objects, relations) is None


def test_cooccurrence_by_hand() -> None:
    module = Cooccurrence(rank=3).double()
    with torch.no_grad():
        module.scale.fill_(0.1)
    _, objects, _ = _inputs()
    actions = torch.zeros(2, 157, ROWS, COLUMNS, dtype=torch.float64)
    presence = _softmax(objects.numpy(), 1).max(axis=(2, 3))
    p = _arrays(module)
    factors = p["action_factors"], p["object_factors"]
    prior = 0.1 * np.einsum("ar,or,bo->ba", *factors, presence)
    found = module(actions, objects).detach().numpy()
    np.testing.assert_allclose(found, np.broadcast_to(prior[:, :, None, None], found.shape),
                               rtol=1e-6)  # fmt: skip


# Invariances

MODULES: dict[str, dict[str, Any]] = {
    "A": {"kind": "gated_attention"},
    "B": {"kind": "logit_attention"},
    "C": {"kind": "attention"},
    "C by sample": {"kind": "attention", "rescale": "sample"},
    "D": {"kind": "global"},
    "D by sample": {"kind": "global", "rescale": "sample"},
    "D unscaled": {"kind": "global", "rescale": "off"},
    "E": {"kind": "global", "positions": True},
    "5x5": {"kind": "local"},
}


def _module(name: str) -> Any:
    return _shaken(build_scene_context(context(**MODULES[name]), WIDTH))


@pytest.mark.parametrize("name", MODULES)
def test_who_depends_on_batch_mates(name: str) -> None:
    module = _module(name)
    features, objects, relations = _inputs()
    brighter = features.clone()
    brighter[1] *= 5
    change = (module(features, objects, relations) - module(brighter, objects, relations))[0]
    if name in ("C", "D", "E"):
        assert change.abs().mean() > 1e-4
    else:
        # Other samples enter no formula; sums of a batch may be ordered otherwise.
        assert change.abs().max() < 1e-12


@pytest.mark.parametrize("name", MODULES)
def test_who_depends_on_where_things_are(name: str) -> None:
    """Mirror the scene, not the features."""
    module = _module(name)
    features, objects, relations = _inputs()
    change = module(features, objects, relations) - module(
        features, objects.flip(2, 3), relations.flip(2, 3)
    )
    if name.startswith("D"):
        # The same to the last bit but for what a processor's lanes round differently.
        assert change.abs().max() < 1e-13
    elif name in ("A", "B") or name.startswith("C"):
        # A sum over keys: queries know where they are, keys do not.
        assert (change.abs().max() < 1e-9) == (name == "A")
    else:
        assert change.abs().mean() > 1e-3


@pytest.mark.parametrize("name", MODULES)
def test_who_is_told_of_remote_things(name: str) -> None:
    """An object in a corner: is the opposite corner's output told, before GroupNorm?"""
    module = _module(name)
    if not name.startswith("A"):
        module.norm = nn.Identity()
    features, objects, relations = _inputs(1)
    if "rescale" not in MODULES[name] and module.__class__ in (Attention, GlobalContext):
        module.rescale = "off"
    moved = objects.clone()
    moved[:, :, 0, 0] = 0
    moved[:, 5, 0, 0] = 20
    change = module(features, objects, relations) - module(features, moved, relations)
    remote = change[..., -1, -1].abs().max()
    assert (remote == 0) == (name == "5x5")
    assert change[..., 0, 0].abs().max() > 0


# Initial values


def _glorot(weight: torch.Tensor, gain: float) -> None:
    limit = gain * math.sqrt(6 / (weight.shape[0] + weight.shape[1]))
    assert 0.95 * limit < weight.abs().max() <= limit


def test_initial_values_of_c() -> None:
    for gain in (0.1, 1.0):
        module: Any = build_scene_context(context("attention", output_gain=gain), 128)
        _glorot(module.out.weight, gain)
        assert 0.03 < module.out.bias.abs().max() <= 1 / math.sqrt(128)
        for mlp in (module.key, module.context):
            _glorot(mlp[0].weight, 1.0)
            _glorot(mlp[2].weight, 1.0)
            assert not mlp[0].bias.any()
            assert not mlp[2].bias.any()
        for default in (module.query, module.value):
            limit = 1 / math.sqrt(default.in_channels)
            assert 0.95 * limit < default.weight.abs().max() <= limit
        assert abs(module.rows.std() - 0.02) < 0.001
        assert module.columns.shape == (64, 32)


def test_initial_values_of_b_and_of_the_fix() -> None:
    b: Any = build_scene_context(context("logit_attention"), 128)
    _glorot(b.key[0].weight, 2.0)
    _glorot(b.context[2].weight, 2.0)
    assert b.key[0].out_channels == 64
    for bias in (b.key[0].bias, b.key[2].bias, b.context[0].bias, b.context[2].bias):
        assert not bias.any()
    assert b.position_scale.item() == pytest.approx(0.3)
    assert abs(b.rows.std() - 0.5) < 0.02
    assert b.context_scale.item() == 2.0
    assert 0.95 / math.sqrt(128) < b.out.weight.abs().max() <= 1 / math.sqrt(128)
    d: Any = build_scene_context(context(), 128)
    for layer in (d.project[0], d.project[2], d.fuse[0], d.fuse[2]):
        _glorot(layer.weight, 1.0)
    assert not d.project[0].bias.any()
    assert not d.project[2].bias.any()
    assert d.fuse[0].bias.any()
    assert d.fuse[2].bias.any()
    assert d.context_scale.item() == 1.0
    e: Any = build_scene_context(context(positions=True), 128)
    local: Any = build_scene_context(context("local"), 128)
    for layer in (e.project[0], local.project[0], local.project[2], local.fuse[0], local.fuse[2]):
        _glorot(layer.weight, 1.0)
    assert not e.project[0].bias.any()
    o: Any = ObjectContext(128)
    assert not o.project[0].bias.any()
    assert not o.project[2].bias.any()
    assert o.fuse[0].bias.any()
    assert ObjectContext(128, zero_bias=False).project[2].bias.any()
    for layer in (o.fuse[0], o.fuse[2]):
        _glorot(layer.weight, 0.5)


def test_context_scale_stops_learning_outside_its_clamp() -> None:
    features, objects, relations = _inputs()
    for scale, learns in ((1.0, True), (-0.5, True), (0.05, False), (3.0, False)):
        module = GlobalContext(WIDTH).double()
        with torch.no_grad():
            module.context_scale.fill_(scale)
        module(features, objects, relations)[:, 0].sum().backward()
        assert bool(module.context_scale.grad.any()) == learns


# Magnitudes


def test_matching_magnitudes() -> None:
    x = torch.tensor([[2.0, -2.0], [0.0, 4.0]])[:, :, None, None]
    target = torch.tensor([[6.0, 6.0], [1.0, -3.0]])[:, :, None, None]
    assert match_magnitude(x, target, "batch").flatten().tolist() == [4, -4, 0, 8]
    assert match_magnitude(x, target, "sample").flatten().tolist() == [6, -6, 0, 4]
    assert match_magnitude(x, target, "off") is x


def test_magnitudes_are_clamped_from_below() -> None:
    """A faint context is not lifted to the features: both means count as at least 0.01."""
    x = torch.full((1, 4, 1, 1), 0.001)
    torch.testing.assert_close(match_magnitude(x, torch.ones(1, 4, 1, 1), "batch"), 100 * x)
    torch.testing.assert_close(match_magnitude(x, x, "sample"), x)


def test_magnitudes_carry_gradients() -> None:
    x = torch.randn(2, 3, 1, 1, dtype=torch.float64, requires_grad=True)
    target = torch.randn(2, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    for scope in ("batch", "sample"):
        assert torch.autograd.gradcheck(lambda a, b, s=scope: match_magnitude(a, b, s), (x, target))
