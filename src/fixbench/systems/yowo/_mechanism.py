"""What can be measured on the mechanism without training, over many initialisations.

Every function measures one model or module; the caller repeats it over seeds. Context is measured
in the document's unit: the mean absolute difference of a context module's output between two
scenes, the features being the same.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fixbench.systems.yowo._heads import OBJECTS, PRIOR_BIAS, RELATIONS
from fixbench.systems.yowo._model import Cascade, build_scene_context
from fixbench.systems.yowo._object_context import ObjectContext
from fixbench.systems.yowo._options import SceneContextOptions
from fixbench.systems.yowo._scene_context import SceneContext
from fixbench.systems.yowo._streams import generator, seeded

__all__ = [
    "AttentionSummary",
    "CheckpointTransfer",
    "Content",
    "GradientReach",
    "batch_mate_dependence",
    "context_sensitivity",
    "gradient_reach",
    "object_context_change",
    "position_dependence",
    "quick_check",
    "scene",
    "summarise_attention",
    "transfer_checkpoint",
]

#: The logit of something certain in the document's scenes.
_CERTAIN = 10.0


@dataclass(frozen=True)
class AttentionSummary:
    """How uniform attention weights are; entropies as fractions of log N, the uniform one.

    Attributes:
        entropy: mean over samples, heads and queries.
        entropy_of_mean: of the weights averaged over heads, which is what C is recorded to return.
        logit_variance: of a query's logits over keys, averaged.
        predicted: 1 − logit_variance / (2 ln N), the second-order value of ``entropy``.
    """

    entropy: float
    entropy_of_mean: float
    logit_variance: float
    predicted: float


@torch.no_grad()
def summarise_attention(weights: Tensor) -> AttentionSummary:
    """Summarise real weights [B, heads, N, N]; the last axis sums to 1."""
    uniform = math.log(weights.shape[-1])
    # In double precision, as what is asked for is often a few parts in 10⁵ below 1.
    weights = weights.double()
    variance = weights.clamp_min(1e-300).log().var(dim=-1, correction=0).mean().item()
    return AttentionSummary(
        entropy=_entropy(weights) / uniform,
        entropy_of_mean=_entropy(weights.mean(dim=1)) / uniform,
        logit_variance=variance,
        predicted=1 - variance / (2 * uniform),
    )


def _entropy(weights: Tensor) -> float:
    return -torch.special.xlogy(weights, weights).sum(dim=-1).mean().item()


class Content(NamedTuple):
    """What a scene holds: classes of objects and of relations (Action Genome's order)."""

    objects: tuple[int, ...]
    relations: tuple[int, ...]


#: A laptop held; a bag carried; a bed lain on.
RICH, BAG, BED = Content((18,), (14,)), Content((1,), (9,)), Content((2,), (16,))
#: The rich scene of the verification script at the fix's commit: a person and object 10, relations
#: 0 and 5.
SCRIPTED = Content((0, 10), (0, 5))


def scene(
    content: Content | None,
    *,
    background: float,
    cell: tuple[int, int] | None,
    grid: int = 7,
) -> tuple[Tensor, Tensor]:
    """Object logits [1, 36, G, G] and relation logits [1, 26, G, G] of a scene.

    Args:
        content: its objects and relations have logit 10; ``None`` leaves the background.
        background: every other logit: 0 as in the document, which makes every relation's
            probability 0.5, or `PRIOR_BIAS` for a scene with nothing in it.
        cell: (row, column) of the content; everywhere when ``None``.
    """
    objects = torch.full((1, OBJECTS, grid, grid), background)
    relations = torch.full((1, RELATIONS, grid, grid), background)
    if content is not None:
        rows, columns = (slice(None), slice(None)) if cell is None else cell
        for index in content.objects:
            objects[:, index, rows, columns] = _CERTAIN
        for index in content.relations:
            relations[:, index, rows, columns] = _CERTAIN
    return objects, relations


def _fresh(options: SceneContextOptions, seed: int, width: int) -> SceneContext:
    with seeded(seed, "mechanism/module"):
        return build_scene_context(options, width)


def _features(seed: int, width: int, grid: int, *, batch: int = 1) -> Tensor:
    return torch.randn(batch, width, grid, grid, generator=generator(seed, "mechanism/features"))


def _difference(
    module: SceneContext,
    features: Tensor,
    first: tuple[Tensor, Tensor],
    second: tuple[Tensor, Tensor],
) -> float:
    return (module(features, *first) - module(features, *second)).abs().mean().item()


@torch.no_grad()
def quick_check(options: SceneContextOptions, seed: int, *, width: int = 256) -> float:
    """The document's "Quick Verification" on a fresh module: its context impact.

    A person (logit 10) in every cell against zero logits, relations zero in both, one sample of
    standard normal features on 7 x 7 cells. The check passes above 0.1.
    """
    blank = torch.zeros(1, OBJECTS, 7, 7), torch.zeros(1, RELATIONS, 7, 7)
    person = blank[0].clone()
    person[:, 0] = _CERTAIN
    features = _features(seed, width, 7)
    return _difference(_fresh(options, seed, width), features, (person, blank[1]), blank)


@torch.no_grad()
def context_sensitivity(
    options: SceneContextOptions, seed: int, *, width: int = 256, grid: int = 7
) -> dict[str, float]:
    """Differences between scenes on a fresh module, features standard normal.

    Keys are ``pair/background/extent``: ``empty_scripted`` (background against the rich scene of
    the origin's verification script, which has a zero background and content everywhere),
    ``empty_rich`` (background against a held laptop) or ``bag_bed`` (carrying a bag against lying
    on a bed); ``zero`` or ``prior`` background; content ``everywhere`` or in ``one_cell``.
    """
    module, features = _fresh(options, seed, width), _features(seed, width, grid)
    backgrounds = {"zero": 0.0, "prior": PRIOR_BIAS}
    extents = {"everywhere": None, "one_cell": (grid // 2, grid // 2)}
    pairs = {
        "empty_scripted": (None, SCRIPTED),
        "empty_rich": (None, RICH),
        "bag_bed": (BAG, BED),
    }
    return {
        f"{pair}/{background}/{extent}": _difference(
            module,
            features,
            scene(first, background=level, cell=cell, grid=grid),
            scene(second, background=level, cell=cell, grid=grid),
        )
        for pair, (first, second) in pairs.items()
        for background, level in backgrounds.items()
        for extent, cell in extents.items()
    }


@torch.no_grad()
def position_dependence(
    options: SceneContextOptions,
    seed: int,
    *,
    width: int = 256,
    grid: int = 7,
    background: float = PRIOR_BIAS,
) -> dict[str, float]:
    """Does it matter where the content lies? On a fresh module, features standard normal.

    ``moved``: mean absolute difference when a carried bag moves from one corner to the opposite
    one; ``present``: when it is there at all; ``identical``: whether ``moved`` is exactly zero.
    """
    module, features = _fresh(options, seed, width), _features(seed, width, grid)
    here = scene(BAG, background=background, cell=(0, 0), grid=grid)
    there = scene(BAG, background=background, cell=(grid - 1, grid - 1), grid=grid)
    nowhere = scene(None, background=background, cell=None, grid=grid)
    moved = _difference(module, features, here, there)
    return {
        "moved": moved,
        "present": _difference(module, features, here, nowhere),
        "identical": float(moved == 0),
    }


@torch.no_grad()
def batch_mate_dependence(
    options: SceneContextOptions | None,
    seed: int,
    *,
    width: int = 256,
    grid: int = 7,
    factor: float = 5.0,
) -> float:
    """Mean absolute change of a sample's output when its batch mate's features grow by ``factor``.

    Exactly 0 where samples are independent. ``None`` measures `ObjectContext`.
    """
    features = _features(seed, width, grid, batch=2)
    brighter = torch.cat([features[:1], factor * features[1:]])
    here = scene(BAG, background=PRIOR_BIAS, cell=(0, 0), grid=grid)
    objects, relations = (logits.expand(2, -1, -1, -1) for logits in here)
    if options is None:
        with seeded(seed, "mechanism/module"):
            local = ObjectContext(width)
        before, after = (local(x, objects) for x in (features, brighter))
    else:
        module = _fresh(options, seed, width)
        before, after = (module(x, objects, relations) for x in (features, brighter))
    return (before[0] - after[0]).abs().mean().item()


@torch.no_grad()
def object_context_change(
    seed: int,
    *,
    width: int = 256,
    grid: int = 7,
    background: float = PRIOR_BIAS,
    objects: int = 3,
    zero_bias: bool = True,
) -> dict[str, float]:
    """What a fresh `ObjectContext` does at ``objects`` random cells with a certain object.

    The document's "3x modification at object positions" can be read in two ways, each a ratio of
    the mean at object cells to the mean elsewhere: ``modification``, of |output − features|;
    ``response``, of the output's change when the objects are removed.

    Args:
        zero_bias: of the module. The first ratio hangs on it: a bias moves cells with and without
            objects alike.
    """
    with seeded(seed, "mechanism/module"):
        module = ObjectContext(width, zero_bias=zero_bias)
    features = _features(seed, width, grid)
    draw = generator(seed, "mechanism/objects")
    cells = torch.randperm(grid**2, generator=draw)[:objects]
    classes = 1 + torch.randperm(OBJECTS - 1, generator=draw)[:objects]
    empty = torch.full((1, OBJECTS, grid**2), background)
    logits = empty.clone()
    logits[:, classes, cells] = _CERTAIN
    present = torch.zeros(grid**2, dtype=torch.bool)
    present[cells] = True
    output = module(features, logits.unflatten(2, (grid, grid)))
    without = module(features, empty.unflatten(2, (grid, grid)))

    def ratio(change: Tensor) -> float:
        by_cell = change.abs().mean(dim=(0, 1)).flatten()
        return (by_cell[present].mean() / by_cell[~present].mean()).item()

    return {"modification": ratio(output - features), "response": ratio(output - without)}


@dataclass(frozen=True)
class GradientReach:
    """What reaches a part of the cascade in one backward pass.

    Attributes:
        norm: global L2 norm of the part's gradients.
        reached: share of its parameter tensors with a gradient that is not all zero.
    """

    norm: float
    reached: float


def gradient_reach(
    cascade: Cascade, features: Sequence[Tensor], *, seed: int
) -> dict[str, GradientReach]:
    """Part of the cascade → what reaches it from a random projection of all predictions.

    The gradients that the cascade holds are replaced, and gone afterwards.

    Args:
        features: the encoders' input of each level.
    """
    cascade.zero_grad(set_to_none=True)
    with seeded(seed, "gradients/dropout"):
        predictions = cascade(features)
    draw = generator(seed, "gradients/projection")
    terms = []
    for name in ("confidence", "objects", "relations", "actions", "boxes"):
        values: Tensor = getattr(predictions, name)
        weights = torch.randn(values.shape, generator=draw).to(values)
        terms.append((values * weights).mean())
    torch.stack(terms).sum().backward()
    found = {name: _reach(modules) for name, modules in cascade.parts().items()}
    cascade.zero_grad(set_to_none=True)
    return found


def _reach(modules: Sequence[nn.Module]) -> GradientReach:
    gradients = [p.grad for module in modules for p in module.parameters()]
    norms = torch.tensor([0.0 if g is None else g.norm().item() for g in gradients])
    return GradientReach(norm=norms.norm().item(), reached=(norms > 0).float().mean().item())


@dataclass(frozen=True)
class CheckpointTransfer:
    """What happens to an old checkpoint in a new model.

    Attributes:
        strict_message: of the error that PyTorch raises by default; empty when it loads.
        missing: parameters of the new model that the checkpoint lacks: with ``strict=False`` they
            silently keep their random initial values.
        unexpected: names in the checkpoint that the new model does not have.
        reinitialised: share of the new model's parameters that are so left at random.
    """

    strict_message: str
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reinitialised: float


def transfer_checkpoint(old: nn.Module, new: nn.Module) -> CheckpointTransfer:
    """Load ``old``'s state into copies of ``new``, strictly and not. Neither model is changed.

    Raises:
        RuntimeError: tensors of one name differ in size, which PyTorch refuses in either way.
    """
    state = old.state_dict()
    message = ""
    try:
        copy.deepcopy(new).load_state_dict(state)
    except RuntimeError as error:
        message = str(error)
    loose = copy.deepcopy(new)
    result = loose.load_state_dict(state, strict=False)
    sizes = {name: p.numel() for name, p in loose.named_parameters()}
    left = sum(sizes.get(name, 0) for name in result.missing_keys)
    return CheckpointTransfer(
        strict_message=message,
        missing=tuple(result.missing_keys),
        unexpected=tuple(result.unexpected_keys),
        reinitialised=left / sum(sizes.values()),
    )
