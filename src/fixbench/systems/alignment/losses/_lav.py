"""Learning by Aligning Videos in Time: soft-DTW between videos, contrast within them.

Paper: Haresh et al., CVPR 2021 (no licence; nothing copied): 20 frames, L2-normalised, (softDTW(D²,
γ = .1) + .5 · (I(X) + I(Y))) / frames, with `intra_lav`; its weight of near frames, 1, is the
published code's.

`as_found` differs: all frames, not normalised; softDTW(D², γ = .1) + .01 · (I(X) + I(Y)), a sum,
with `intra_as_found`.

Soft-DTW and the sum of I are symmetric, so both orders of a pair have the same value: the fork adds
both, the paper's formulation is the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional

from fixbench.systems.alignment.losses._intra import intra_as_found, intra_lav
from fixbench.systems.alignment.losses._options import LossOptions
from fixbench.systems.alignment.losses._pairs import (
    Formulation,
    check_choice,
    check_embeddings,
    distances,
    sample_frames,
    select_frames,
)
from fixbench.systems.alignment.losses._soft_dtw import soft_dtw

__all__ = ["lav_loss"]

GAMMA = 0.1
PAPER_WEIGHT = 0.5
FORK_WEIGHT = 0.01


def lav_loss(
    embeddings: Sequence[Tensor],
    *,
    formulation: Formulation,
    generator: torch.Generator,
    options: LossOptions | None = None,
) -> Tensor:
    """The loss, a scalar.

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
    intra = [intra_as_found(video) for video in embeddings]
    terms = [
        soft_dtw(distances(embeddings[a], embeddings[b]).square(), GAMMA)
        + FORK_WEIGHT * (intra[a] + intra[b])
        for a, b in combinations(range(len(embeddings)), 2)
    ]
    return 2 * torch.stack(terms).sum()


def _paper(
    embeddings: Sequence[Tensor], generator: torch.Generator, options: LossOptions
) -> Tensor:
    clips, intra = [], []
    for video in embeddings:
        frames = sample_frames(len(video), options.frames, generator)
        clips.append(functional.normalize(select_frames(video, frames), dim=1))
        intra.append(intra_lav(clips[-1], frames, len(video)))
    terms = []
    for a, b in combinations(range(len(clips)), 2):
        warped = soft_dtw(distances(clips[a], clips[b]).square(), GAMMA)
        frames_of_both = (len(clips[a]) + len(clips[b])) / 2
        terms.append((warped + PAPER_WEIGHT * (intra[a] + intra[b])) / frames_of_both)
    return torch.stack(terms).mean()
