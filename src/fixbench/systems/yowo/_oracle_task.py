"""A task that needs the scene and nothing else, given the right predictions: a positive control.

One object lies in a random cell; the action to be read at another random cell is the object's
class. Object logits are given, features are noise. Where a scene context fails here, its fault is
its own; where it succeeds, it can use what lies elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fixbench.systems.yowo._heads import OBJECTS, PRIOR_BIAS, RELATIONS
from fixbench.systems.yowo._mechanism import summarise_attention
from fixbench.systems.yowo._model import build_scene_context
from fixbench.systems.yowo._options import SceneContextOptions
from fixbench.systems.yowo._streams import generator, seeded

__all__ = ["OracleOutcome", "run_oracle_task"]

#: Test scenes of a seed; attention is measured on the first of them.
_TEST_SCENES = 512


@dataclass(frozen=True)
class OracleOutcome:
    """What a scene context makes of the task.

    Attributes:
        accuracy: on new scenes, after training; chance is 1 / actions.
        entropy_before, entropy_after: of the real attention weights on these scenes, as a fraction
            of the uniform one's; ``None`` without attention.
    """

    accuracy: float
    entropy_before: float | None
    entropy_after: float | None


@dataclass(frozen=True)
class _Scenes:
    features: Tensor
    object_logits: Tensor
    relation_logits: Tensor
    read: Tensor
    action: Tensor


def _draw(count: int, width: int, grid: int, actions: int, draw: torch.Generator) -> _Scenes:
    cells = grid**2
    where = torch.randint(cells, (count,), generator=draw)
    # Any cell but the object's.
    read = (where + torch.randint(1, cells, (count,), generator=draw)) % cells
    action = torch.randint(actions, (count,), generator=draw)
    logits = torch.full((count, OBJECTS, cells), PRIOR_BIAS)
    logits[torch.arange(count), 1 + action, where] = 10.0
    return _Scenes(
        features=torch.randn(count, width, grid, grid, generator=draw),
        object_logits=logits.unflatten(2, (grid, grid)),
        relation_logits=torch.full((count, RELATIONS, grid, grid), PRIOR_BIAS),
        read=read,
        action=action,
    )


def run_oracle_task(
    options: SceneContextOptions,
    seed: int,
    *,
    steps: int = 200,
    width: int = 64,
    grid: int = 7,
    actions: int = 12,
    batch: int = 16,
    learning_rate: float = 2e-3,
) -> OracleOutcome:
    """Train a fresh scene context and a linear read-out with AdamW.

    Variants of one seed see the same scenes in the same order, and start from the same read-out.
    """
    with seeded(seed, "oracle/module"):
        module = build_scene_context(options, width)
    with seeded(seed, "oracle/read_out"):
        read_out = nn.Linear(width, actions)
    test = _draw(_TEST_SCENES, width, grid, actions, generator(seed, "oracle/test"))
    draw = generator(seed, "oracle/train")

    def predict(scenes: _Scenes) -> Tensor:
        out = module(scenes.features, scenes.object_logits, scenes.relation_logits).flatten(2)
        return read_out(out[torch.arange(len(out)), :, scenes.read])

    def entropy() -> float | None:
        with torch.no_grad():
            few = slice(64)
            weights = module.attention(
                test.features[few], test.object_logits[few], test.relation_logits[few]
            )
        return None if weights is None else summarise_attention(weights).entropy

    before = entropy()
    parameters = [*module.parameters(), *read_out.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=5e-4)
    for _ in range(steps):
        scenes = _draw(batch, width, grid, actions, draw)
        optimiser.zero_grad()
        functional.cross_entropy(predict(scenes), scenes.action).backward()
        optimiser.step()
    with torch.no_grad():
        accuracy = (predict(test).argmax(dim=1) == test.action).float().mean().item()
    return OracleOutcome(accuracy=accuracy, entropy_before=before, entropy_after=entropy())
