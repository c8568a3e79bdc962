"""What is measured: exact properties, memory, accuracy on held-out images, and along training."""

from __future__ import annotations

import functools
import math
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from fixbench.systems.dcal._learning_rate import peak_rate
from fixbench.systems.dcal._material import Images
from fixbench.systems.dcal._model import DualCrossAttention
from fixbench.systems.dcal._options import (
    LearningRateOptions,
    ModelOptions,
    Options,
    TrunkOptions,
)
from fixbench.systems.dcal._pair_wise import self_pair_rate
from fixbench.systems.dcal._rollout import rollout_scores
from fixbench.systems.dcal._training import Trainer, clear_cache, root_mean_square
from fixbench.training import generator

__all__ = [
    "DOCUMENTED_BATCHES",
    "PUBLISHED_TRUNK",
    "arithmetic",
    "draw_test_sample",
    "memory",
    "on_test_images",
    "pair_wise_reach",
    "saved_bytes",
    "training_state",
]

#: ViT-B/16 at 448 pixels; its dropout and stochastic depth are the documented 0.1.
PUBLISHED_TRUNK = TrunkOptions(image=448, patch=16, width=768, depth=12, heads=12)
#: Physical batches before and after the fix.
DOCUMENTED_BATCHES = (4, 2)
#: The monitor of the documented training script calls loss weights nearer than this too similar.
_TOO_SIMILAR = 0.01
#: A loss can be 0 in single precision; its logarithm is cut off here.
_LEAST_LOSS = 1e-12
_CHUNK = 256


# Exact properties


def arithmetic(options: Options, model: DualCrossAttention, images: Tensor) -> dict[str, float]:
    """What no training decides, of the untrained ``model`` on some ``images`` [B, 3, S, S].

    Evaluation mode throughout, so that nothing is dropped.
    """
    model.eval()
    values = _rates(options) | _self_pair_rates(options)
    layers = {
        "sa": float(len(model.trunk.blocks)),
        "glca": float(model.glca is not None),
        "pwca": 0.0,
    }
    if options.model.pwca.enabled:
        pairs = torch.arange(len(images), device=images.device)
        layers["pwca"] = float(pair_wise_reach(model, images, pairs.roll(1)))
        with torch.no_grad():
            logits = model(images, pairs)
        assert logits.pwca is not None
        # [K; K] has each weight twice, by half: self-attention.
        values["self_pair_difference"] = _largest(logits.pwca - logits.sa)
    values |= {f"layers/{name}": count for name, count in layers.items()}
    values["layers_as_documented"] = float(layers == {"sa": 12, "glca": 1, "pwca": 12})
    if model.glca is not None:
        values |= _selection(model, images)
    values |= _start_weights(model)
    values["parameters"] = float(_count(model))
    if options.measures.published:
        published = _published_model(options.model.model_dump_json())
        values["parameters/published"] = float(_count(published))
    return values


def _rates(options: Options) -> dict[str, float]:
    """The documented rates at an effective batch of 16, and the one that is used."""
    linear = peak_rate(LearningRateOptions(rule="linear"), 16)
    root = peak_rate(LearningRateOptions(rule="sqrt"), 16)
    return {
        "rate/linear": linear,
        "rate/sqrt": root,
        "rate/ratio": root / linear,
        "documented_rates": float(linear == 1.5625e-5 and root == 5e-4),
        "rate/used": peak_rate(options.learning_rate, options.training.batch),
    }


def _self_pair_rates(options: Options) -> dict[str, float]:
    """Of the documented repair at the documented physical batches, and of the pairs drawn here."""
    values = {
        f"self_pair_rate/documented/{size}": self_pair_rate(size, "sequential_swap")
        for size in DOCUMENTED_BATCHES
    }
    size = options.training.physical_batch
    if options.model.pwca.enabled and size <= 8:
        values["self_pair_rate/exact"] = self_pair_rate(size, options.model.pwca.pairing)
    return values


def pair_wise_reach(model: DualCrossAttention, images: Tensor, pairs: Tensor) -> int:
    """How many blocks' pair-wise cross-attention changes its logits, by their gradient."""
    logits = model(images, pairs).pwca
    found = torch.autograd.grad(logits.square().sum(), model.attended_pairs, allow_unused=True)
    return sum(each is not None and bool(each.any()) for each in found)


@torch.no_grad()
def _selection(model: DualCrossAttention, images: Tensor) -> dict[str, float]:
    """What rollout's choice of patches and its details change in GLCA's logits.

    The best patches are replaced by the worst.
    """
    glca, options = model.glca, model.options
    assert glca is not None
    x, maps = model.trunk(images)
    scores, shifted = (
        rollout_scores(maps, heads=options.trunk.heads, epsilon=each) for each in (0.0, 1e-8)
    )
    first = torch.zeros(len(x), 1, dtype=torch.long, device=x.device)
    tokens = []
    for largest in (True, False):
        chosen = scores.topk(glca.local, dim=1, largest=largest).indices + 1
        tokens.append(glca.attend(x, torch.cat([first, chosen], dim=1)))

    def change(best: Tensor, worst: Tensor) -> float:
        return _largest(model.classify_locally(best) - model.classify_locally(worst))

    best, worst = tokens
    values = {
        "selection_change/cls": change(best[:, 0], worst[:, 0]),
        "selection_change/mean_local": change(best[:, 1:].mean(dim=1), worst[:, 1:].mean(dim=1)),
        "epsilon_change": _largest(shifted - scores),
        "local_queries": float(glca.local),
    }
    values["selection_inert"] = float(values["selection_change/cls"] < 1e-5)
    return values


def _start_weights(model: DualCrossAttention) -> dict[str, float]:
    """How far the loss weights are from zero before training: live ones, and the duplicate."""
    weighting = model.loss_weights
    values = {"loss_weight_start/live": _largest(weighting.log_variances.detach())}
    if weighting.duplicate is not None:
        values["loss_weight_start/duplicate"] = _largest(weighting.duplicate.detach())
    return values


def _count(model: DualCrossAttention) -> int:
    return sum(p.numel() for p in model.trained_parameters())


def _largest(x: Tensor) -> float:
    return x.abs().max().item()


# Memory


def memory(options: Options, model: DualCrossAttention) -> dict[str, float]:
    """What one training pass of each documented physical batch keeps for its backward pass.

    Bytes of distinct storages without the parameters', in single precision; of this model and, by
    shapes alone, of the published one with the same parts and the documented dropout. On CUDA also
    the highest allocation of a pass with its backward pass, and the same behind a cleared cache.
    """
    (device,) = {p.device for p in model.parameters()}
    values: dict[str, float] = {}
    found = {size: float(saved_bytes(model, size)) for size in DOCUMENTED_BATCHES}
    clear_cache(device)
    for size, count in found.items():
        values[f"activation_bytes/{size}"] = count
        values[f"activation_bytes/{size}/cleared"] = float(saved_bytes(model, size))
        if device.type == "cuda":
            values[f"peak_bytes/{size}"] = float(_peak_bytes(model, size, clear=False))
            values[f"peak_bytes/{size}/cleared"] = float(_peak_bytes(model, size, clear=True))
    before, after = (found[size] for size in DOCUMENTED_BATCHES)
    values["activation_bytes_ratio"] = before / after
    if options.measures.published:
        for size in DOCUMENTED_BATCHES:
            count = _published_bytes(options.model.model_dump_json(), size)
            values[f"activation_bytes/published/{size}"] = float(count)
    return values


def saved_bytes(model: DualCrossAttention, images: int) -> int:
    """Of a training pass of so many images, from its start to its loss."""
    device = next(model.parameters()).device
    weights = {p.untyped_storage()._cdata for p in model.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}  # kept alive, so that no address is used again

    def pack(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage
        return x

    model.train()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        _loss(model, images, device)
    return sum(storage.nbytes() for storage in kept.values())


def _loss(model: DualCrossAttention, images: int, device: torch.device) -> Tensor:
    side = model.options.trunk.image
    pairs = None
    if model.options.pwca.enabled:
        pairs = torch.arange(images, device=device).roll(1)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        logits = model(torch.zeros(images, 3, side, side, device=device), pairs)
    labels = torch.zeros(images, dtype=torch.long, device=device)
    return (0.5 * model.losses(logits, labels)).sum()


def _peak_bytes(model: DualCrossAttention, images: int, *, clear: bool) -> int:
    device = next(model.parameters()).device
    if clear:
        clear_cache(device)
    torch.cuda.reset_peak_memory_stats(device)
    loss = _loss(model, images, device)
    torch.autograd.grad(loss, model.trained_parameters(), allow_unused=True)
    return torch.cuda.max_memory_allocated(device)


@functools.cache
def _published_bytes(options: str, images: int) -> int:
    """The same at the published dimensions, on tensors without numbers."""
    return saved_bytes(_published_model(options), images)


@functools.cache
def _published_model(options: str) -> DualCrossAttention:
    """The same parts at the published dimensions, with the documented dropout."""
    model = ModelOptions.model_validate_json(options)
    with torch.device("meta"):
        return DualCrossAttention(model.model_copy(update={"trunk": PUBLISHED_TRUNK}), 200)


# Along training


@torch.no_grad()
def on_test_images(model: DualCrossAttention, images: Images, index: Tensor) -> dict[str, float]:
    """Accuracy on test images ``index``: of self-attention, of GLCA, of both.

    Both add their probabilities, as published. ``accuracy`` is that of the documented inference:
    both where there is GLCA, and self-attention where there is not.
    """
    model.eval()
    size = model.options.trunk.image
    found = [model(images.at(part, size)) for part in index.split(_CHUNK)]
    labels = images.labels[index]
    logits = {"sa": torch.cat([each.sa for each in found])}
    if model.glca is not None:
        logits["glca"] = torch.cat([each.glca for each in found if each.glca is not None])
    values = {
        f"test_loss/{name}": functional.cross_entropy(x, labels).item()
        for name, x in logits.items()
    }
    shown = {name: x.softmax(dim=1) for name, x in logits.items()}
    if "glca" in shown:
        shown["both"] = shown["sa"] + shown["glca"]
    for name, x in shown.items():
        values[f"accuracy/{name}"] = (x.argmax(dim=1) == labels).double().mean().item()
    values["accuracy"] = values["accuracy/both" if "both" in shown else "accuracy/sa"]
    return values


def draw_test_sample(seed: int, available: int, count: int) -> Tensor:
    """Which test images a seed looks at [count], drawn with replacement."""
    return torch.randint(available, (count,), generator=generator(seed, "test sample"))


def training_state(trainer: Trainer, losses: dict[str, float]) -> dict[str, float]:
    """Where training stands: the trunk's matrices against their start, and loss weights.

    Args:
        losses: ``loss/TERM`` → its mean since the last evaluation; none before training.
    """
    start = root_mean_square(trainer.start)
    now = trainer.matrices
    values = {
        "weight_rms": root_mean_square(now),
        "weight_rms_relative": root_mean_square(now) / start,
        "weight_displacement": root_mean_square(now - trainer.start) / start,
        "rate_sum": trainer.rate_sum,
        "rate_sum_to_weight_rms": trainer.rate_sum / start,
    }
    return values | _loss_weights(trainer, losses)


def _loss_weights(trainer: Trainer, losses: dict[str, float]) -> dict[str, float]:
    """w against the rates that could have moved it and against ln L, where it would settle."""
    weighting, terms = trainer.model.loss_weights, trainer.options.model.terms
    weighting.clamp()
    weights = weighting.log_variances.tolist()
    values = {f"loss_weight/{term}": w for term, w in zip(terms, weights, strict=True)}
    bound = weighting.options.bound
    if len(weights) > 1:
        neighbours = [abs(a - b) for a, b in pairwise(weights)]
        values["loss_weight_spread"] = max(weights) - min(weights)
        values["loss_weights_too_similar"] = float(max(neighbours) < _TOO_SIMILAR)
    if bound is not None:
        at_bound = [abs(w) >= bound * (1 - 1e-6) for w in weights]
        values["loss_weights_at_bound"] = sum(at_bound) / len(weights)
    if not losses:
        return values
    best = [math.log(max(losses[f"loss/{term}"], _LEAST_LOSS)) for term in terms]
    values |= {f"log_loss/{term}": x for term, x in zip(terms, best, strict=True)}
    if trainer.rate_sum:
        ratio = sum(weights) / len(weights) / trainer.rate_sum
        values["loss_weight_to_rate_sum"] = ratio
    if bound is not None:
        outside = [abs(x) > bound for x in best]
        values["loss_weight_optimum_outside"] = sum(outside) / len(outside)
    return values
