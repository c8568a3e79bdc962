"""Temporal cycle-consistency: to the other video and back, ending at the frame of departure.

Paper: Dwibedi et al., "Temporal Cycle-Consistency Learning", CVPR 2019 (code Apache-2.0),
cycle-back regression with its variance. With distances D, α = softmax(similarity of x_i and Y), ỹ =
αY, β = softmax(similarity of ỹ and X), μ = Σ β_k k, σ² = Σ β_k (k − μ)²:

    (i − μ)² / σ² + 0.001 · log σ²

`paper`: 20 frames of each video, similarity −D² / channels / 0.1, positions k as fractions of the
video, mean over the frames of all ordered pairs. The paper's other objectives (plain squared error,
Huber, classification) are not here.

`as_found` differs: all frames; similarity −D / 0.1, unsquared and not divided by the channels;
positions in frames; a sum over frames and ordered pairs, pairs of a video with itself included,
divided by the number of these pairs; 0.001 · log(σ + 1e-20); and in σ² each k is compared with its
own mean, Σ β_ik (k − μ_k)², an error of broadcasting. Nothing keeps that σ² from 0: a frame that
returns to itself alone, to working precision, has 0 / 0, and the loss is NaN. `variance_floor` can
keep it from 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fixbench.systems.alignment.losses._options import LossOptions
from fixbench.systems.alignment.losses._pairs import (
    Formulation,
    check_choice,
    check_embeddings,
    distances,
    ordered_pairs,
    sample_frames,
    select_frames,
)

__all__ = ["tcc_loss"]

TEMPERATURE = 0.1
VARIANCE_WEIGHT = 0.001
LOG_FLOOR = 1e-20


def tcc_loss(
    embeddings: Sequence[Tensor],
    *,
    formulation: Formulation,
    generator: torch.Generator,
    options: LossOptions | None = None,
) -> Tensor:
    """The loss, a scalar.

    In the paper's formulation a variance below the machine epsilon counts as that, since β can be
    one-hot to working precision.

    Args:
        embeddings: videos (T_i, D).
        generator: draws the frames of the paper's formulation; as found nothing is drawn.

    Raises:
        InputError: see `check_embeddings`; or an unknown formulation.
    """
    check_choice("formulation", formulation, Formulation)
    check_embeddings(embeddings)
    if formulation == "paper":
        return _paper(embeddings, generator, options or LossOptions())
    return _as_found(embeddings, (options or LossOptions()).variance_floor)


def _paper(
    embeddings: Sequence[Tensor], generator: torch.Generator, options: LossOptions
) -> Tensor:
    drawn = [sample_frames(len(video), options.frames, generator) for video in embeddings]
    clips = [select_frames(video, frames) for video, frames in zip(embeddings, drawn, strict=True)]
    times = [frames.to(video) / len(video) for video, frames in zip(embeddings, drawn, strict=True)]
    scale = TEMPERATURE * embeddings[0].shape[1]
    terms = []
    for a, b in ordered_pairs(len(clips)):
        x, y, time = clips[a], clips[b], times[a]
        neighbour = (-distances(x, y).square() / scale).softmax(dim=1) @ y
        back = (-distances(neighbour, x).square() / scale).softmax(dim=1)
        mean = back @ time
        variance = _floored((back * (time - mean[:, None]).square()).sum(dim=1))
        terms.append((time - mean).square() / variance + VARIANCE_WEIGHT * variance.log())
    return torch.cat(terms).mean()


def _as_found(embeddings: Sequence[Tensor], floor: float) -> Tensor:
    pairs = ordered_pairs(len(embeddings), itself=True)
    terms = []
    for a, b in pairs:
        x, y = embeddings[a], embeddings[b]
        index = torch.arange(len(x), dtype=x.dtype, device=x.device)
        neighbour = (-distances(x, y) / TEMPERATURE).softmax(dim=1) @ y
        back = (-distances(neighbour, x) / TEMPERATURE).softmax(dim=1)
        mean = back @ index
        variance = back @ (index - mean).square()
        if floor:
            variance = variance.clamp_min(floor)
        log_deviation = (variance.sqrt() + LOG_FLOOR).log()
        terms.append((index - mean).square() / variance + VARIANCE_WEIGHT * log_deviation)
    return torch.cat(terms).sum() / len(pairs)


def _floored(variance: Tensor) -> Tensor:
    return variance.clamp_min(torch.finfo(variance.dtype).eps)
