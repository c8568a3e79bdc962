"""The small tier's towers: pretrained in-house on captioned crops of real photographs.

Weights of the published size cannot be had without a download. Random towers reverse the sign of
the documented gradient ratio (research page, §2.4), so the small tier pretrains its own pair with
CLIP's contrastive loss and keeps it as a tracked checkpoint (eight-bit integers, a scale for each
row) that `pretrain` re-creates.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fixbench.datasets.captions import caption_batch
from fixbench.datasets.prompts import tokenise, vocabulary
from fixbench.errors import InputError
from fixbench.systems.aa_clip._clip import CLIP, CLIPDimensions
from fixbench.training import pack_weights, save_state, unpack_weights, warm_up_then_cosine

__all__ = [
    "PIXEL_MEAN",
    "PIXEL_STD",
    "RECIPE",
    "Phase",
    "Recipe",
    "load_towers",
    "normalise",
    "pretrain",
    "small_dimensions",
]

#: CLIP's pixel statistics (RGB, in [0, 1]).
PIXEL_MEAN = (0.48145466, 0.4578275, 0.40821073)
PIXEL_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Phase:
    """One phase of pretraining: its length, its rate, and how its batches are drawn."""

    steps: int
    learning_rate: float
    subjects: int | None
    damaged: float


@dataclass(frozen=True)
class Recipe:
    """How towers are pretrained; every phase has a fresh optimiser and starts from half floats."""

    seed: int
    batch: int
    quick_gelu: bool
    phases: tuple[Phase, ...]


#: Of the tracked towers: what a picture shows first, then in which state it is.
RECIPE = Recipe(
    seed=20261122,
    batch=64,
    quick_gelu=True,
    phases=(
        Phase(steps=700, learning_rate=1e-3, subjects=None, damaged=0.25),
        Phase(steps=600, learning_rate=7e-4, subjects=4, damaged=0.5),
    ),
)


def small_dimensions() -> CLIPDimensions:
    """Half of ViT-L/14's depth, a tenth of its width, 8 x 8 patches."""
    return CLIPDimensions(
        image_size=64,
        patch_size=8,
        image_width=96,
        image_depth=12,
        image_heads=6,
        text_width=96,
        text_depth=6,
        text_heads=6,
        joint=96,
        vocabulary=len(vocabulary()),
    )


def normalise(images: np.ndarray | Tensor) -> Tensor:
    """uint8 [B, H, W, 3] → float32 [B, 3, H, W] in CLIP's pixel statistics."""
    x = torch.as_tensor(images).permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor(PIXEL_MEAN), torch.tensor(PIXEL_STD)
    return (x - mean[:, None, None]) / std[:, None, None]


def pretrain(
    path: Path,
    recipe: Recipe,
    *,
    progress: Callable[[str, int, int], None],
) -> list[float]:
    """Train small towers with CLIP's symmetric contrastive loss and write them to ``path``.

    AdamW (betas .9, .98; weight decay .1 on matrices), linear warm-up over 5 % and cosine decay,
    logit scale capped at 100, as in the CLIP paper. Pairs that share a caption count as positives
    of each other. Matrices and kernels are kept as eight-bit integers.

    Returns:
        the loss of every step.
    """
    torch.set_deterministic_debug_mode("error")
    dimensions = small_dimensions()
    generator = torch.Generator().manual_seed(recipe.seed)
    clip = CLIP(dimensions, generator=generator, quick_gelu=recipe.quick_gelu)
    losses: list[float] = []
    for number, phase in enumerate(recipe.phases):
        sampler = np.random.default_rng([recipe.seed, number] if number else recipe.seed)
        losses += _pretrain_phase(
            clip, phase, recipe.batch, sampler, f"phase {number + 1}", progress
        )
        clip.load_state_dict({n: value.half().float() for n, value in clip.state_dict().items()})
    save_state(
        path,
        {
            "dimensions": dataclasses.asdict(dimensions),
            "vocabulary": vocabulary(),
            "weights": pack_weights(clip.state_dict()),
        },
    )
    return losses


def _pretrain_phase(
    clip: CLIP,
    phase: Phase,
    batch: int,
    sampler: np.random.Generator,
    name: str,
    progress: Callable[[str, int, int], None],
) -> list[float]:
    matrices = [p for p in clip.parameters() if p.ndim >= 2]
    others = [p for p in clip.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=phase.learning_rate, betas=(0.9, 0.98), eps=1e-6)
    scheduler = warm_up_then_cosine(optimiser, phase.steps)
    losses = []
    for step in range(phase.steps):
        images, captions = caption_batch(
            sampler,
            batch,
            clip.dimensions.image_size,
            subjects=phase.subjects,
            damaged=phase.damaged,
        )
        tokens = torch.as_tensor(tokenise(captions))
        tokens = tokens[:, : int(tokens.argmax(dim=1).max()) + 1]
        image = functional.normalize(clip.encode_image(normalise(images)), dim=-1)
        text = functional.normalize(clip.encode_text(tokens), dim=-1)
        logits = clip.logit_scale.exp().clamp(max=100) * image @ text.T
        same = (tokens[:, None] == tokens[None]).all(dim=-1).float()
        target = same / same.sum(dim=1, keepdim=True)
        loss = (
            functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)
        ) / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        scheduler.step()
        losses.append(loss.item())
        progress(name, step + 1, phase.steps)
    return losses


def load_towers(path: Path, *, quick_gelu: bool) -> CLIP:
    """Towers of a checkpoint, as float32, with the activation that the caller chooses.

    AA-CLIP loads weights trained with QuickGELU into towers with plain GELU; ``quick_gelu=False``
    reproduces that.

    Raises:
        InputError: the file is missing, truncated, of another layout or another vocabulary.
    """
    try:
        content: dict[str, Any] = torch.load(path, weights_only=True)
        dimensions = CLIPDimensions(**content["dimensions"])
        clip = CLIP(dimensions, generator=None, quick_gelu=quick_gelu)
        clip.load_state_dict(unpack_weights(content["weights"]))
        words = list(content["vocabulary"])
    except FileNotFoundError:
        raise InputError(path, "", expected="a checkpoint; run `fixbench data pull`") from None
    except Exception:
        # torch raises half a dozen types for a damaged archive; to the user they are one.
        raise InputError(
            path, "", expected="a complete checkpoint of CLIP towers; run `fixbench data pull`"
        ) from None
    if words != list(vocabulary()):
        raise InputError(
            path,
            "vocabulary",
            len(words),
            expected="the words of the present caption grammar; pretrain the towers again",
        )
    return clip.eval()
