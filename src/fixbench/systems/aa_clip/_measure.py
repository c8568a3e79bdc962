"""What is measured on a model: losses, gradients, displacement, detection, exact properties."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from fixbench.systems.aa_clip._adapters import TextAdapter
from fixbench.systems.aa_clip._detection import (
    Domain,
    detection_map,
    detection_score,
    image_scores,
    unit_range,
)
from fixbench.systems.aa_clip._losses import detection_loss, segmentation_loss, similarity_maps
from fixbench.systems.aa_clip._material import Family
from fixbench.systems.aa_clip._model import AdaptedCLIP
from fixbench.training import generator

__all__ = [
    "batch_dependence",
    "detection_metrics",
    "displacement",
    "flattening_properties",
    "gradient_norms",
    "image_loss",
    "mean_absolute_weight",
    "orthogonality",
    "probe_image_loss",
    "text_loss",
    "trained_base_check",
]


def image_loss(
    model: AdaptedCLIP, batch: Family, anchors: Tensor, contexts: Tensor | None
) -> Tensor:
    """Stage-2 loss: detection cross-entropy plus the segmentation losses of all taps.

    Args:
        anchors: [K, J, 2] and contexts: [K, M, C] (none without cross-attention), by class.
    """
    context = None if contexts is None else contexts[batch.classes]
    segments, detection = model.segment_and_detect(model.image_taps(batch.images, context))
    text = anchors[batch.classes]
    loss = detection_loss(detection, text, batch.labels)
    for segment in segments:
        maps = similarity_maps(segment, text, batch.images.shape[-1])
        loss = loss + segmentation_loss(maps, batch.masks)
    return loss


def orthogonality(anchors: Tensor) -> Tensor:
    """(mean of ⟨normal, abnormal⟩)² over anchors [B, J, 2]."""
    return (anchors[..., 0] * anchors[..., 1]).sum(dim=-1).mean() ** 2


def text_loss(patches: Tensor, anchors: Tensor, masks: Tensor, *, weight: float = 0.1) -> Tensor:
    """Stage-1 loss of one tap.

    Args:
        patches: [B, N, J]; anchors: [B, J, 2], of each image's class; masks: [B, S, S].
    """
    maps = similarity_maps(patches, anchors, masks.shape[-1])
    return segmentation_loss(maps, masks) + weight * orthogonality(anchors)


@torch.no_grad()
def probe_image_loss(
    model: AdaptedCLIP, probe: Family, anchors: Tensor, contexts: Tensor | None, *, chunk: int = 16
) -> float:
    """Stage-2 loss on the probe images, averaged over chunks of ``chunk``."""
    losses = [
        image_loss(model, probe.at(index), anchors, contexts).item() * len(index)
        for index in torch.arange(len(probe.labels)).split(chunk)
    ]
    return sum(losses) / len(probe.labels)


def gradient_norms(adapter: nn.Module) -> dict[str, float]:
    """Norms of ``adapter``'s gradients by layer group, in both conventions.

    ``l2``: global L2 norm; ``sum``: sum of the tensors' L2 norms (what the fork's trainer logs).
    """
    norms: dict[str, list[float]] = {}
    for name, parameter in adapter.named_parameters():
        assert parameter.grad is not None
        norms.setdefault(name.split(".")[0], []).append(parameter.grad.norm().item())
    norms["all"] = [value for values in list(norms.values()) for value in values]
    out = {}
    for group, values in norms.items():
        out[f"gradient_l2/{group}"] = float(np.sqrt(np.square(values).sum()))
        out[f"gradient_sum/{group}"] = float(np.sum(values))
    return out


@torch.no_grad()
def displacement(model: AdaptedCLIP, batch: Family, contexts: Tensor | None) -> dict[str, float]:
    """How far cross-attention moves features, against the same model without the branch.

    ``branch_ratio``: |branch| / |x| at the point of insertion, token average; ``common_fraction``:
    share of the branch's energy that is one vector common to an image's tokens;
    ``attention_entropy``: of the attention weights over log(context length);
    ``displacement/tapK``: relative L2 change of the K-th tap's patches;
    ``token_cosine``: mean cosine between patches of the last tap (1 = all alike).
    """
    context = None if contexts is None else contexts[batch.classes]
    taps = model.image_taps(batch.images, context)
    last = torch.nn.functional.normalize(taps[-1], dim=-1)
    count = last.shape[1]
    cosine = (last.sum(dim=1).square().sum(dim=-1) - count) / (count * (count - 1))
    out = {"token_cosine": cosine.mean().item()}
    if model.image_cross is None or context is None:
        return out
    plain = model.image_taps(batch.images, None)
    for index, (moved, still) in enumerate(zip(taps, plain, strict=True)):
        change = (moved - still).norm(dim=-1) / still.norm(dim=-1)
        out[f"displacement/tap{index + 1}"] = change.mean().item()
    x = model.clip.visual.blocks[0](model.clip.visual.embed(batch.images)).permute(1, 0, 2)
    branch = model.image_cross.branch(x, context)
    out["branch_ratio"] = (branch.norm(dim=-1) / x.norm(dim=-1)).mean().item()
    energy = branch.square().sum(dim=(1, 2))
    common = branch.mean(dim=1).square().sum(dim=1) * branch.shape[1]
    if bool((energy > 0).all()):
        out["common_fraction"] = (common / energy).mean().item()
    weights = model.image_cross.attention(x, context)
    entropy = -(weights * weights.clamp_min(1e-30).log()).sum(dim=-1)
    out["attention_entropy"] = (entropy.mean() / np.log(weights.shape[-1])).item()
    return out


@torch.no_grad()
def detection_metrics(
    model: AdaptedCLIP,
    test: Family,
    anchors: Tensor,
    contexts: Tensor | None,
    *,
    domain: Domain,
    chunk: int = 48,
) -> dict[str, float]:
    """AUROC and average precision of pixels and of images, each averaged over classes.

    Args:
        anchors, contexts: as in `image_loss`.
        domain: of `detection_map`; maps and scores are scaled within each class.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score  # takes a second

    maps, scores = [], []
    for index in torch.arange(len(test.labels)).split(chunk):
        batch = test.at(index)
        context = None if contexts is None else contexts[batch.classes]
        segments, detection = model.segment_and_detect(model.image_taps(batch.images, context))
        text = anchors[batch.classes]
        maps.append(detection_map(segments, text, test.images.shape[-1], domain=domain))
        scores.append(detection_score(detection, text))
    pixel, image = np.concatenate(maps), np.concatenate(scores)
    found: dict[str, list[float]] = {}
    for name in range(len(test.class_names)):
        of_class = (test.classes == name).cpu().numpy()
        if not of_class.any():
            continue
        mask = test.masks.cpu().numpy()[of_class].ravel() > 0.5
        label = test.labels.cpu().numpy()[of_class]
        heat = unit_range(pixel[of_class])
        combined = image_scores(heat, image[of_class], domain=domain)
        for metric, truth, score in (
            ("pixel", mask, heat.ravel()),
            ("image", label, combined),
        ):
            found.setdefault(f"{metric}_auroc", []).append(roc_auc_score(truth, score))
            found.setdefault(f"{metric}_ap", []).append(average_precision_score(truth, score))
    return {name: float(np.mean(values)) for name, values in found.items()}


@torch.no_grad()
def batch_dependence(first: Tensor, second: Tensor, anchors: Tensor, size: int) -> dict[str, float]:
    """What other images of the batch change in the text stage's view of the same images.

    ``patches``: mean relative L2 change; ``map``: mean absolute change of the abnormal probability
    in the map of ``size`` pixels.

    Args:
        first, second: patches [B, N, J] of the same images, read in two batches.
        anchors: [B, J, 2], of each image's class.
    """
    maps = [similarity_maps(x, anchors, size).softmax(dim=1)[:, 1] for x in (first, second)]
    change = (first - second).norm(dim=-1) / first.norm(dim=-1)
    return {
        "batch_dependence/patches": change.mean().item(),
        "batch_dependence/map": (maps[0] - maps[1]).abs().mean().item(),
    }


@torch.no_grad()
def flattening_properties(model: AdaptedCLIP, prompts: Tensor) -> dict[str, float]:
    """Does ``view`` raise where the prompts' context is flattened, and is ``reshape`` a copy of it?

    Taken on the model's own path (block 0, adapter 0). There the tokens lie sequence-first in
    memory because the adapter's mix allocates them so; behind the block alone they still have the
    embedding's batch-first layout and ``view`` would do.
    """
    tokens = model.prompt_tokens(prompts)
    try:
        tokens.view(-1, tokens.shape[-1])
        raises = False
    except RuntimeError:
        raises = True
    return {
        "view_raises": float(raises and not tokens.is_contiguous()),
        "reshape_equals_copy": float(
            torch.equal(tokens.reshape(-1, tokens.shape[-1]), torch.cat(list(tokens)))
        ),
    }


def trained_base_check(
    seed: int, *, threshold: float = 0.1, learning_rate: float = 1e-5, steps: int = 680
) -> dict[str, float]:
    """Can mean |weight| > 0.1 tell a trained text adapter of the published size from a fresh one?

    The fresh adapter is the real Xavier-uniform one (width 768). The trained one is granted what
    Adam does with constant gradients: every weight moves outward by ``learning_rate`` in each of
    ``steps`` steps (5 epochs of VisA at batch 16).
    """
    draw = generator(seed, "trained_base_check")
    adapter = TextAdapter(768, 768, count=3, weight=0.1, generator=draw)
    weights = torch.cat([p.detach().flatten() for p in adapter.parameters()])
    fresh = weights.abs().mean().item()
    trained = fresh + learning_rate * steps
    return {
        "full_width_fresh_weight": fresh,
        "full_width_trained_weight": trained,
        "trained_base_check_separates": float(fresh <= threshold < trained),
    }


def mean_absolute_weight(parameters: Sequence[Tensor]) -> float:
    """Mean |w| over all elements."""
    return torch.cat([p.detach().flatten() for p in parameters]).abs().mean().item()
