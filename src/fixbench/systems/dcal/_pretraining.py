"""The small tier's trunk: pretrained in-house on coarse kinds of pictures.

A collapse needs weights that are worth something, and weights of the published size cannot be had
without a download. Batches are drawn anew at each step from those parts of photographs that the
fine-grained pictures do not show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from fixbench.datasets.parts import BODIES, PICTURE_SIDE, coarse_batch
from fixbench.systems.dcal._material import normalise
from fixbench.systems.dcal._options import TrunkOptions
from fixbench.systems.dcal._training import root_mean_square
from fixbench.systems.dcal._vit import Trunk, initialise
from fixbench.training import make_deterministic, save_state, seeded, warm_up_then_cosine

__all__ = ["RECIPE", "SMALL_TRUNK", "Pretrained", "Recipe", "pretrain"]

#: 17 tokens of width 32, at the published depth.
SMALL_TRUNK = TrunkOptions(
    image=PICTURE_SIDE, patch=8, width=32, depth=12, heads=2, dropout=0.0, drop_path=0.0
)


@dataclass(frozen=True)
class Recipe:
    """How long, and how; rates rise over a twentieth of the steps and fall as a cosine."""

    seed: int = 20261129
    steps: int = 1000
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 0.05


RECIPE = Recipe()


@dataclass(frozen=True)
class Pretrained:
    """What came of it.

    Attributes:
        accuracy: on the last twentieth of the batches, before they are learned from.
        weight_rms: root mean square of the trunk's weights without gains and biases.
    """

    accuracy: float
    weight_rms: float


def pretrain(path: Path, recipe: Recipe, *, progress: Callable[[int, int], None]) -> Pretrained:
    """Train the trunk with AdamW and a linear head, and write it to ``path``; one thread.

    Args:
        progress: called with steps done and steps in all.
    """
    make_deterministic()
    with seeded(recipe.seed, "trunk"):
        trunk, head = Trunk(SMALL_TRUNK), nn.Linear(SMALL_TRUNK.width, len(BODIES))
        initialise(trunk)
        initialise(head)
    parameters = [*trunk.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(
        parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    scheduler = warm_up_then_cosine(optimiser, recipe.steps)
    draw = np.random.default_rng(recipe.seed)
    found = []
    for step in range(recipe.steps):
        pictures, kinds = coarse_batch(draw, recipe.batch)
        labels = torch.from_numpy(kinds)
        tokens, _ = trunk(normalise(torch.from_numpy(pictures)))
        logits = head(trunk.norm(tokens[:, 0]))
        optimiser.zero_grad()
        functional.cross_entropy(logits, labels).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        scheduler.step()
        found.append((logits.argmax(dim=1) == labels).double().mean().item())
        progress(step + 1, recipe.steps)
    save_state(path, {"options": SMALL_TRUNK.model_dump(), "trunk": trunk.state_dict()})
    last = found[-max(1, len(found) // 20) :]
    values = torch.cat([p.detach().flatten() for p in trunk.parameters() if p.ndim >= 2])
    return Pretrained(sum(last) / len(last), root_mean_square(values))
