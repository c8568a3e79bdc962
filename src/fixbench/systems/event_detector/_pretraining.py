"""Pretraining of the small tier's detector, without attention and without weights of size.

It sees sequences of `generate_pretraining`, which share no pixel of a photograph with those of a
run, and each of them mirrored too, one of RVT's augmentations.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from fixbench.datasets.event_generator import generate_pretraining
from fixbench.systems.event_detector._material import load_material
from fixbench.systems.event_detector._model import Detector
from fixbench.systems.event_detector._options import ModelOptions
from fixbench.systems.event_detector._pretrained import save_pretrained
from fixbench.systems.event_detector._run_options import Options, TrainingOptions
from fixbench.systems.event_detector._training import Trainer

__all__ = ["RECIPE", "Recipe", "pretrain"]


@dataclass(frozen=True)
class Recipe:
    """How the detector is pretrained, end to end.

    Attributes:
        sequences: how many are generated, with ``seed``.
        backbone_only: whether pyramid and head are left out of the file.
    """

    seed: int
    sequences: int
    model: ModelOptions
    training: TrainingOptions
    backbone_only: bool = False


#: Stopped at its highest rate, so that runs still have something to learn: a detector that has
#: settled can only be disturbed by modules that are put into it.
RECIPE = Recipe(
    seed=20261129,
    sequences=384,
    model=ModelOptions(classes=8, embed=16, head_width=16, partition=[2, 3], depth=0.33),
    training=TrainingOptions(
        part="whole", steps=500, samples=8, learning_rate=5e-3, warm_up=0.1, end_divisor=1.0
    ),
)


def pretrain(
    path: Path,
    recipe: Recipe,
    *,
    data: Path | None = None,
    progress: Callable[[str, int, int], None],
) -> list[float]:
    """Generate sequences, train on them, write the model to ``path``.

    Args:
        data: a folder of sequences to train on instead.

    Returns:
        the loss by step.
    """
    torch.set_deterministic_debug_mode("error")
    with tempfile.TemporaryDirectory() as folder:
        if data is None:
            data = Path(folder) / "events"
            generate_pretraining(data, seed=recipe.seed, count=recipe.sequences)
        detector, losses = _train(recipe, data, progress)
    save_pretrained(path, detector, recipe.model, backbone_only=recipe.backbone_only)
    return losses


def _train(
    recipe: Recipe, data: Path, progress: Callable[[str, int, int], None]
) -> tuple[Detector, list[float]]:
    options = Options(model=recipe.model, training=recipe.training, data=str(data))
    material = load_material(data, "train", recipe.model.classes).with_mirror_images()
    detector = Detector(recipe.model, recipe.seed).train()
    trainer = Trainer(options, recipe.seed, detector, material, torch.device("cpu"))
    losses = []
    for step in range(recipe.training.steps):
        terms = trainer.losses(step)
        trainer.learn(terms)
        if terms is not None:
            losses.append(terms.total.item())
        progress("pretraining", step + 1, recipe.training.steps)
    return detector, losses
