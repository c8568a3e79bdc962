"""GTCC: cycle consistency with several neighbours, and frames that may be dropped.

Paper: Donahue & Elhamifar, "Learning to Predict Activity Progress by Self-Supervised Video
Alignment", CVPR 2024 (code without a licence; nothing copied). For a frame t of X, α = softmax(−D /
.1) over Y is split into K neighbours by a Gaussian mixture (`fit_mixtures`); each returns to X by
β_k = softmax(−D / .1) within a window, at μ_k = Σ β_k n, with loss L_t = Σ_k π_k (t − μ_k)². A drop
network gives each video a direction w and a bias b. Frames of X are kept with weight B_t =
γ^(epoch+1) + (1 − γ^(epoch+1)) · sigmoid(z-score over X of x_t · w + b of Y), in B_t · L_t + (1 −
B_t) / L_t; the z-score removes b, which gets no gradient. Summed over up to 20 frames t and both
orders of each pair.

`as_found` is the fork's code, which is the authors'. α and π are constants and neighbours are g_k ·
Y, so that the gradient passes only through Y and the way back to X. The window is δN frames,
rounded half to even, and one-sided: [t, t + δN) or, on the flip of a coin, [t − δN, t), which
excludes t itself; within δN frames of either end it includes that end's δN frames. Frames and side
are drawn once for each video X and hold for all its partners. β is exp(−D / .1) / (Σ exp(−D / .1) +
1e-6) in the window: a neighbour that is far from all of X loses its mass, and its μ tends to 0. A
video of fewer than 20 frames raises an IndexError, which the loop swallows together with the batch
(here: `skip_reason`, and an error). The fork divides by Σ exp(−D / .1) in α too, without taking the
largest out first, which is the same but for underflow: where all of Y is more than 10 away it has 0
/ 0.

`paper` is this suite's reading of the abstract; the text of the paper was not at hand. The gradient
passes through α: neighbour k is the mean of Y under α times the mixture's responsibility of k (a
constant), and π_k is its mass, so that with K = 1 and δ = 1 the loss is TCC's cycle-back squared
error. The window is [t − δN, t + δN]. A short video contributes all its frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fixbench.errors import InputError
from fixbench.systems.alignment.losses._mixture import Mixture, fit_mixtures
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

__all__ = ["MINIMUM_FRAMES", "Departure", "draw_departures", "gtcc_loss"]

TEMPERATURE = 0.1
#: Frames below which the fork's GTCC raises an error.
MINIMUM_FRAMES = 20
#: What the fork adds to the mass of β within its window.
MASS_FLOOR = 1e-6


@dataclass(frozen=True, kw_only=True)
class Departure:
    """What is drawn for a video as the first of a pair.

    Attributes:
        frames: t (F,), ascending, on the CPU.
        forward: whether the window as found is [t, t + δN).
    """

    frames: Tensor
    forward: bool


def draw_departures(
    lengths: Sequence[int], options: LossOptions, generator: torch.Generator
) -> list[Departure]:
    """Frames and side of each video, of ``lengths`` frames."""
    return [
        Departure(
            frames=sample_frames(length, options.frames, generator),
            forward=bool(torch.randint(2, (1,), generator=generator).item()),
        )
        for length in lengths
    ]


def gtcc_loss(
    embeddings: Sequence[Tensor],
    *,
    formulation: Formulation,
    epoch: int,
    generator: torch.Generator,
    drop: Tensor | None = None,
    options: LossOptions | None = None,
    departures: Sequence[Departure] | None = None,
) -> Tensor:
    """The loss, a scalar.

    Args:
        embeddings: videos (T_i, D).
        epoch: from 0.
        generator: draws the frames t and, as found, the side of the window.
        drop: of each video the drop network's D weights and bias (B, D + 1); without it every
            frame is kept (B_t = 1).
        departures: of each video, instead of what ``generator`` draws.

    Raises:
        InputError: see `check_embeddings`; an unknown formulation; ``drop`` of another shape; as
            found, a video of fewer than 20 frames.
    """
    check_choice("formulation", formulation, Formulation)
    check_embeddings(embeddings)
    options = options or LossOptions()
    _check(embeddings, formulation, drop)
    if departures is None:
        departures = draw_departures([len(video) for video in embeddings], options, generator)
    pairs = ordered_pairs(len(embeddings))
    log_alpha = []
    with torch.set_grad_enabled(formulation == "paper" and torch.is_grad_enabled()):
        for a, b in pairs:
            departed = select_frames(embeddings[a], departures[a].frames)
            logits = -distances(departed, embeddings[b]) / TEMPERATURE
            log_alpha.append(logits.log_softmax(dim=1))
    mixtures = fit_mixtures(
        [item.detach().exp() for item in log_alpha],
        components=options.components,
        calls=options.fit_calls,
    )
    terms = []
    for number, (a, b) in enumerate(pairs):
        x, y = embeddings[a], embeddings[b]
        t = departures[a].frames.to(x.device)
        width = max(1, round(options.window * len(x)))
        if formulation == "paper":
            weights, shares = _owned(mixtures[number], log_alpha[number])
            window, floor = _window(t, len(x), width), 0.0
        else:
            weights = mixtures[number].log_weights.exp()
            shares = mixtures[number].log_components.exp()
            window = _one_sided_window(t, len(x), width, forward=departures[a].forward)
            floor = MASS_FLOOR
        loss = _cycle_back(x, shares @ y, weights, t, window, floor)
        if drop is not None:
            kept = _kept(x, drop[b], options.drop_decay ** (epoch + 1))
            loss = _dropped(loss, select_frames(kept[:, None], t)[:, 0])
        terms.append(loss.sum())
    return torch.stack(terms).sum()


def _check(embeddings: Sequence[Tensor], formulation: Formulation, drop: Tensor | None) -> None:
    if formulation == "as_found":
        for number, video in enumerate(embeddings):
            if len(video) < MINIMUM_FRAMES:
                expected = f"{MINIMUM_FRAMES} frames or more for GTCC as found (see skip_reason)"
                raise InputError(
                    "alignment loss", f"embeddings[{number}]", tuple(video.shape), expected=expected
                )
    expected_shape = (len(embeddings), embeddings[0].shape[1] + 1)
    if drop is not None and drop.shape != expected_shape:
        raise InputError(
            "alignment loss",
            "drop",
            tuple(drop.shape),
            expected=f"weights and a bias for each video, {expected_shape}",
        )


def _owned(mixture: Mixture, log_alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Mass (F, K) of each component's part of α, and that part as a distribution (F, K, M)."""
    joint = mixture.log_weights[..., None] + mixture.log_components
    log_owned = joint.log_softmax(dim=1) + log_alpha[:, None]
    return log_owned.logsumexp(dim=2).exp(), log_owned.softmax(dim=2)


def _window(t: Tensor, length: int, width: int) -> Tensor:
    """Where frames t (F,) may return to (F, N): up to ``width`` frames to either side."""
    n = torch.arange(length, device=t.device)
    return (n - t[:, None]).abs() <= width


def _one_sided_window(t: Tensor, length: int, width: int, *, forward: bool) -> Tensor:
    """As found: ``width`` frames from t on, or before t; at either end that end's frames too."""
    n = torch.arange(length, device=t.device)
    t = t[:, None]
    side = (n >= t) & (n < t + width) if forward else (n >= t - width) & (n < t)
    start = (t < width) & (n < width)
    end = (t >= length - width) & (n >= length - width)
    return side | start | end


def _cycle_back(
    x: Tensor, neighbours: Tensor, weights: Tensor, t: Tensor, window: Tensor, floor: float
) -> Tensor:
    """L (F,) of frames t from their neighbours (F, K, D) in the other video.

    Args:
        floor: added to the mass of β; with 0 it is a softmax.
    """
    frames, components, channels = neighbours.shape
    distance = distances(neighbours.reshape(-1, channels), x).reshape(frames, components, -1)
    logits = (-distance / TEMPERATURE).masked_fill(~window[:, None], -torch.inf)
    index = torch.arange(len(x), dtype=x.dtype, device=x.device)
    if floor:
        mass = logits.exp()
        back = (mass / (mass.sum(dim=2, keepdim=True) + floor)) @ index
    else:
        back = logits.softmax(dim=2) @ index
    return (weights * (t.to(x)[:, None] - back).square()).sum(dim=1)


def _kept(x: Tensor, drop: Tensor, decayed: float) -> Tensor:
    """B (N,) of all frames of x."""
    score = x @ drop[:-1] + drop[-1]
    deviation = score.std().clamp_min(torch.finfo(score.dtype).eps)
    return decayed + (1 - decayed) * ((score - score.mean()) / deviation).sigmoid()


def _dropped(loss: Tensor, kept: Tensor) -> Tensor:
    # A frame that returns exactly to itself would be divided by 0; the huge value that it gets
    # instead is over the loop's limit (`limit_reason`).
    return kept * loss + (1 - kept) / loss.clamp_min(torch.finfo(loss.dtype).tiny)
