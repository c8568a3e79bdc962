"""What the small tier takes as given: a pretrained model, and its features of every frame.

The model without scene context is trained once, on videos of the same generator that no run sees,
for objects, relations, boxes and those actions that can be told from a figure itself; the actions
that need the scene are left out, so that nothing frozen has been asked for them. Runs either start
from it (everything trained) or read its class features, confidences and boxes of the tracked
frames, which `cache_features` has computed once (the heads trained). Both are tracked; `pretrain`
and `cache_features` make them again. On other data than the tracked ones, such as a data draw,
whose frames have the same names, the features are computed anew (`features_of`).
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from fixbench.datasets.scene_generator import generate_scenes
from fixbench.datasets.scenes import MOTION_ACTIONS
from fixbench.errors import InputError
from fixbench.systems.yowo._assignment import Targets, assign
from fixbench.systems.yowo._loss import multi_task_loss
from fixbench.systems.yowo._material import (
    SPLITS,
    ClipFormat,
    Split,
    SplitName,
    load_clips,
    load_split,
    only_actions,
    targets_at,
)
from fixbench.systems.yowo._model import YOWO
from fixbench.systems.yowo._options import ModelOptions, SceneContextOptions
from fixbench.systems.yowo._streams import generator, seeded
from fixbench.training import (
    load_state,
    pack_weights,
    save_state,
    shuffled_batches,
    unpack_weights,
    warm_up_then_cosine,
)

__all__ = [
    "RECIPE",
    "Features",
    "Pretrained",
    "Recipe",
    "cache_features",
    "compute_features",
    "features_of",
    "load_features",
    "load_pretrained",
    "pretrain",
]

_NO_CONTEXT = SceneContextOptions(kind="none")
#: Frames that are computed at a time; fixed, so that features do not depend on who asks.
_CHUNK = 16


@dataclass(frozen=True)
class Recipe:
    """How the model is pretrained.

    Attributes:
        videos: generated for it, with a seed of their own, three frames each.
        rate: highest learning rate of AdamW, reached after a twentieth, then falling as a cosine.
    """

    seed: int
    videos: int
    steps: int
    batch: int
    rate: float
    weight_decay: float
    model: ModelOptions
    clips: ClipFormat


RECIPE = Recipe(
    seed=20261123,
    videos=600,
    steps=400,
    batch=16,
    rate=2e-3,
    weight_decay=5e-4,
    model=ModelOptions(
        yolo11="n",
        x3d_widths=[12, 24, 48, 96],
        x3d_depths=[1, 1, 2, 1],
        levels=["P4"],
        head_dim=64,
        # The tracked trunk was made so; its object context is not kept.
        object_biases="default",
    ),
    # Half the document's side at half its largest stride: seven cells a side, as at its P5.
    clips=ClipFormat(side=112, length=4, rate=2, gap=7),
)


@dataclass(frozen=True)
class Pretrained:
    """A pretrained model: its options, the format of its clips, its weights."""

    model: ModelOptions
    clips: ClipFormat
    state: Mapping[str, Tensor]

    def build(self) -> YOWO:
        """The model itself, without scene context, in evaluation mode."""
        model = YOWO(self.model, _NO_CONTEXT, seed=0)
        unused = {name: value for name, value in model.state_dict().items() if _is_unused(name)}
        model.load_state_dict(unused | dict(self.state))
        return model.eval()


@dataclass(frozen=True)
class Features:
    """What the frozen part says about F frames, at H · W cells of one level.

    Attributes:
        keys: of the frames.
        classes: class features [F, d, H, W].
        confidence: logits [F, H · W]; boxes: corners in pixels [F, H · W, 4].
        target: int64 [F, H · W], the box for which SimOTA makes a cell answer (−1: none), from the
            pretrained model's own predictions.
        centres: of the cells [H · W, 2]; strides: [H · W].
    """

    keys: tuple[str, ...]
    classes: Tensor
    confidence: Tensor
    boxes: Tensor
    target: Tensor
    centres: Tensor
    strides: Tensor

    def at(self, places: Sequence[int], device: torch.device) -> Features:
        """Some of the frames, on ``device``."""
        index = torch.as_tensor(places)
        return Features(
            keys=tuple(self.keys[place] for place in places),
            classes=self.classes[index].to(device),
            confidence=self.confidence[index].to(device),
            boxes=self.boxes[index].to(device),
            target=self.target[index].to(device),
            centres=self.centres.to(device),
            strides=self.strides.to(device),
        )


def pretrain(
    path: Path,
    recipe: Recipe,
    *,
    progress: Callable[[str, int, int], None],
) -> list[float]:
    """Generate videos, train on them, write the model to ``path``; returns the loss by step.

    Weights are kept as eight-bit integers, a scale for each output channel.
    """
    torch.set_deterministic_debug_mode("error")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "scenes"
        generate_scenes(data, seed=recipe.seed, train_videos=recipe.videos, test_videos=1)
        split = load_split(data, "train", recipe.clips)
        model = YOWO(recipe.model, _NO_CONTEXT, seed=recipe.seed)
        losses = _train(model, split, recipe, progress)
    save_state(
        path,
        {
            "model": recipe.model.model_dump(mode="json"),
            "clips": asdict(recipe.clips),
            "weights": pack_weights(
                {n: value for n, value in model.state_dict().items() if not _is_unused(n)}
            ),
        },
    )
    return losses


def _is_unused(name: str) -> bool:
    """Layers of the pyramid that lead to P5 alone, which is not among the levels."""
    return name.startswith(("trunk.yolo11.down4.", "trunk.yolo11.out5."))


def _train(
    model: YOWO, split: Split, recipe: Recipe, progress: Callable[[str, int, int], None]
) -> list[float]:
    targets = only_actions(split.targets, [int(code[1:]) for code in MOTION_ACTIONS.values()])
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay
    )
    scheduler = warm_up_then_cosine(optimiser, recipe.steps)
    draw = generator(recipe.seed, "pretraining/batches")
    order = shuffled_batches(len(split.frames), recipe.batch, recipe.steps, draw)
    flips = generator(recipe.seed, "pretraining/flips")
    losses = []
    model.train()
    for step, index in enumerate(order):
        clips = load_clips([split.frames[i] for i in index], recipe.clips.side, torch.device("cpu"))
        flip = torch.rand(len(index), generator=flips) < 0.5
        clips, wanted = _mirrored(clips, targets_at(targets, index), flip)
        with seeded(recipe.seed, "pretraining/dropout", step):
            predictions = model(clips)
        loss = multi_task_loss(predictions, wanted).total
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimiser.step()
        scheduler.step()
        losses.append(loss.item())
        progress("pretraining", step + 1, recipe.steps)
    return losses


def _mirrored(clips: Tensor, targets: Targets, flip: Tensor) -> tuple[Tensor, Targets]:
    """Left and right exchanged where ``flip`` [B] says so; no label depends on the side."""
    side = clips.shape[-1]
    x1, y1, x2, y2 = targets.boxes.unbind(dim=-1)
    boxes = torch.stack([side - x2, y1, side - x1, y2], dim=-1)
    chosen = replace(targets, boxes=torch.where(flip[:, None, None], boxes, targets.boxes))
    return torch.where(flip[:, None, None, None, None], clips.flip(-1), clips), chosen


@functools.cache
def load_pretrained(path: Path) -> Pretrained:
    """Read what `pretrain` wrote.

    Raises:
        InputError: the file is missing, damaged, or of another layout.
    """
    content = load_state(path)
    try:
        pretrained = Pretrained(
            model=ModelOptions.model_validate(content["model"]),
            clips=ClipFormat(**content["clips"]),
            state=unpack_weights(content["weights"]),
        )
        pretrained.build()
    except (KeyError, TypeError, ValidationError, RuntimeError, AttributeError):
        expected = "a pretrained model of the present layout; run `fixbench data pull`"
        raise InputError(path, "", expected=expected) from None
    return pretrained


@functools.cache
def features_of(path: Path, pretrained: Path, data: Path, split: SplitName) -> Features:
    """The features of one split of ``data``: those at ``path`` if they are of these pictures.

    Names do not tell: every draw of the same generator has them. So a few frames are computed and
    compared; if they are others, the whole split is computed, once in a process.

    Raises:
        InputError: as `load_features`; or the file is of other frames.
    """
    model, cached = load_pretrained(pretrained), load_features(path, split)
    frames = load_split(data, split, model.clips)
    if cached.keys != frames.keys:
        expected = f"those of {data}, {len(frames.keys)} frames; compute them again"
        raise InputError(path, f"{split} frames", len(cached.keys), expected=expected)
    count = len(frames.keys)
    places = sorted({place * count // _CHUNK for place in range(_CHUNK)})
    probe = compute_features(model, frames.at(places))
    if _are_alike(probe, cached.at(places, torch.device("cpu"))):
        return cached
    return compute_features(model, frames)


def _are_alike(first: Features, second: Features) -> bool:
    """Whether they differ by no more than other machines' sums: a step or a cell here and there.

    Pictures tell by their features, boxes by the cells that answer for them.
    """
    steps = (first.classes - second.classes).abs() * 255 / (_RANGE[1] - _RANGE[0])
    answering = (first.target >= 0) | (second.target >= 0)
    moved = (first.target != second.target)[answering].float()
    return bool((steps > 1.5).float().mean() < 0.01 and moved.mean() < 0.25)


def compute_features(pretrained: Pretrained, split: Split) -> Features:
    """The frozen part on every frame of a split, on the CPU, rounded as `cache_features` does."""
    return _unpack_features(_compute(pretrained, split), split.keys)


@torch.no_grad()
def _compute(pretrained: Pretrained, split: Split) -> dict[str, Any]:
    """A split's features as they are stored: class features in 256 steps, others in half floats."""
    model = pretrained.build()
    (level,) = model.cascade.levels
    found: dict[str, list[Tensor]] = {name: [] for name in ("classes", "confidence", "boxes")}
    targets = []
    for index in torch.arange(len(split.frames)).split(_CHUNK):
        clips = load_clips(
            [split.frames[i] for i in index], pretrained.clips.side, torch.device("cpu")
        )
        features = model.forward_features(clips)
        seen, _ = level.context_input(features[0])  # type: ignore[operator]
        predictions = model.forward_from_features(features)
        logits = [predictions.objects, predictions.actions, predictions.relations]
        found["classes"].append(seen.features)
        found["confidence"].append(predictions.confidence.half())
        found["boxes"].append(predictions.boxes.half())
        assignment = assign(
            predictions.centres,
            predictions.strides,
            predictions.confidence,
            torch.cat(logits, dim=-1),
            predictions.boxes,
            targets_at(split.targets, index),
        )
        targets.append(assignment.target.to(torch.int8))
    classes = torch.cat(found["classes"])
    # Of the pretraining alone, not of the split: a frame's features depend on no other frame.
    low, high = _RANGE
    steps = ((classes.clamp(low, high) - low) / (high - low) * 255).round().to(torch.uint8)
    return {
        "classes": steps,
        "confidence": torch.cat(found["confidence"]),
        "boxes": torch.cat(found["boxes"]),
        "target": torch.cat(targets),
        "centres": predictions.centres,
        "strides": predictions.strides,
    }


#: Of class features that are kept: they end in SiLU, whose least value is −0.2785.
_RANGE = (-0.28, 6.0)


def _unpack_features(content: Mapping[str, Any], keys: Sequence[str]) -> Features:
    low, high = _RANGE
    return Features(
        keys=tuple(keys),
        classes=content["classes"].float() / 255 * (high - low) + low,
        confidence=content["confidence"].float(),
        boxes=content["boxes"].float(),
        target=content["target"].long(),
        centres=content["centres"],
        strides=content["strides"],
    )


def cache_features(path: Path, pretrained: Path, data: Path) -> None:
    """Compute the features of both splits of ``data`` and write them to ``path``."""
    model = load_pretrained(pretrained)
    content: dict[str, Any] = {}
    for name in SPLITS:
        split = load_split(data, name, model.clips)
        content[name] = {**_compute(model, split), "keys": list(split.keys)}
    save_state(path, content)


@functools.cache
def load_features(path: Path, split: str) -> Features:
    """One split's features, as `cache_features` wrote them.

    Raises:
        InputError: the file is missing, damaged, or of another layout.
    """
    content = load_state(path)
    try:
        return _unpack_features(content[split], content[split]["keys"])
    except (KeyError, TypeError, AttributeError):
        expected = "features of the present layout; run `fixbench data pull`"
        raise InputError(path, split, expected=expected) from None
