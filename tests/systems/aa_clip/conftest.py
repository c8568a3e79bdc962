"""Small towers, small families and the real ablation's options for the tests of AA-CLIP."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fixbench.datasets.anomaly_generator import generate_families
from fixbench.datasets.prompts import anomaly_prompts, tokenise, vocabulary
from fixbench.systems.aa_clip import (
    CLIP,
    AdaptedCLIP,
    AdapterLayout,
    CLIPDimensions,
    CrossAttentionOptions,
    Options,
    pretrain,
)
from fixbench.systems.aa_clip._material import Family
from fixbench.systems.aa_clip._towers import Phase, Recipe
from fixbench.training import load_state, pack_weights, save_state, unpack_weights

from ..conftest import changed_options

ABLATION = Path(__file__).parents[3] / "ablations" / "cross_attention_scale" / "ablation.yaml"
NOUNS = ("coin", "brick")
#: Of the image stage, as documented.
IMAGE_RATE = 5e-4

#: Every width differs from every other, so that a wrong axis cannot go unnoticed.
TINY = CLIPDimensions(
    image_size=16,
    patch_size=4,
    image_width=24,
    image_depth=3,
    image_heads=2,
    text_width=16,
    text_depth=3,
    text_heads=4,
    joint=8,
    vocabulary=len(vocabulary()),
)


def cross(**changes: Any) -> CrossAttentionOptions:
    """V0 with ``changes``."""
    options = {"enabled": True, "scale": 1.0, "context": "raw"} | changes
    return CrossAttentionOptions.model_validate(options)


OFF = cross(enabled=False)


def tiny_model(
    *,
    seed: int = 0,
    towers: int = 1,
    image: CrossAttentionOptions = OFF,
    text: CrossAttentionOptions = OFF,
    **layout: Any,
) -> AdaptedCLIP:
    """Three blocks a tower, random weights large enough for every part to matter."""
    clip = CLIP(TINY, generator=torch.Generator().manual_seed(towers), quick_gelu=False).eval()
    with torch.no_grad():
        generator = torch.Generator().manual_seed(towers + 1)
        for parameter in clip.parameters():
            # LayerNorm gains and biases leave their trivial initial values.
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
    options: dict[str, Any] = {
        "image_adapters": 2,
        "text_adapters": 2,
        "taps": (1, 2, 3),
        "cross_heads": 4,
        "value_blocks": 2,
    } | layout
    return AdaptedCLIP(
        clip, AdapterLayout(**options), image_cross=image, text_cross=text, seed=seed
    )


def tiny_prompts(nouns: Sequence[str] = NOUNS) -> torch.Tensor:
    """Token ids [K, 16, 77] of the real prompts."""
    prompts = [tokenise([t for group in anomaly_prompts(noun) for t in group]) for noun in nouns]
    return torch.as_tensor(np.stack(prompts))


def tiny_family(count: int = 4, *, seed: int = 0) -> Family:
    """Random images of both classes, every second one with a square anomaly."""
    generator = torch.Generator().manual_seed(seed)
    size = TINY.image_size
    masks = torch.zeros(count, size, size)
    masks[1::2, 3:9, 5:12] = 1
    return Family(
        images=torch.randn(count, 3, size, size, generator=generator),
        masks=masks,
        labels=torch.arange(count) % 2,
        classes=torch.arange(count) // 2 % 2,
        class_names=NOUNS,
        prompts=tiny_prompts(),
    )


def recipe(*, seed: int = 1, batch: int = 3, steps: Sequence[int] = (1,)) -> Recipe:
    """Pretraining in phases of ``steps``; all but the first draw from two photographs a batch."""
    phases = [
        Phase(steps=count, learning_rate=1e-3, subjects=2 if number else None, damaged=0.25)
        for number, count in enumerate(steps)
    ]
    return Recipe(seed=seed, batch=batch, quick_gelu=True, phases=tuple(phases))


@pytest.fixture(scope="session")
def towers_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Towers of the small tier after one step of pretraining."""
    path = tmp_path_factory.mktemp("towers") / "towers.pt"
    pretrain(path, recipe(batch=4), progress=lambda *_: None)
    return path


@pytest.fixture(scope="session")
def families(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both anomaly families with two images of each class and label."""
    directory = tmp_path_factory.mktemp("families")
    generate_families(directory, seed=5, normal=2, anomalous=2)
    return directory


@pytest.fixture(scope="session")
def cut_towers_file(towers_file: Path) -> Path:
    """The first blocks of the same towers on 32-pixel images: the small tier's cost without it."""
    content = load_state(towers_file)
    depth = {"visual": 4, "text": 2}

    def kept(name: str) -> bool:
        tower, *rest = name.split(".")
        return rest[:2] != ["transformer", "resblocks"] or int(rest[2]) < depth[tower]

    weights = {name: v for name, v in unpack_weights(content["weights"]).items() if kept(name)}
    weights["visual.positional_embedding"] = weights["visual.positional_embedding"][:17]
    content["weights"] = pack_weights(weights)
    content["dimensions"] |= {"image_size": 32, "image_depth": 4, "text_depth": 2}
    path = towers_file.with_name("cut.pt")
    save_state(path, content)
    return path


@pytest.fixture(scope="session")
def few_classes(families: Path) -> Path:
    """The same images, listing two classes of each family."""
    for family in ("workshop", "field"):
        directory = families / f"two_{family}"
        directory.mkdir()
        for source in (families / family).iterdir():
            if source.is_dir():
                shutil.copytree(source, directory / source.name)
        rows = (families / family / "meta.jsonl").read_text().splitlines(keepends=True)
        names = sorted({json.loads(row)["class_name"] for row in rows})[:2]
        chosen = [row for row in rows if json.loads(row)["class_name"] in names]
        (directory / "meta.jsonl").write_text("".join(chosen))
    return families


MakeOptions = Callable[..., Options]


@pytest.fixture(scope="session")
def make_options(cut_towers_file: Path, few_classes: Path) -> MakeOptions:
    """A variant's options in the smoke tier, with dotted changes (``__`` for the dot).

    Unless told otherwise on the cut towers and two classes a family.
    """

    def make(variant: str, **changes: Any) -> Options:
        changes = {
            "model__towers": str(cut_towers_file),
            "model__taps": [1, 2, 3, 4],
            "model__image_adapters": 2,
            "model__text_adapters": 1,
            "model__value_blocks": 3,
            "data": str(few_classes),
            "train_family": "two_workshop",
            "test_family": "two_field",
            "measures__gradient_points": ["base"],
            "measures__gradient_batches": 2,
            "measures__displacement_batches": 1,
            "measures__test_images": 1,
            "training__augment": True,
            "training__image_learning_rate": IMAGE_RATE,
        } | changes
        return Options.model_validate(changed_options(ABLATION, variant, "smoke", changes))

    return make
