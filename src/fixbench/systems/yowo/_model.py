"""The multi-task model of document 000: trunk, encoders, heads, and the cascade of classes.

Objects are predicted first, relations from features that know the objects at their place, actions
from features that know the scene. Published configuration: X3D-M, YOLO11m, 128 channels.
Re-implemented from the document and recorded facts; origins of the parts: see their files.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from fixbench.detection import cell_centres, decode_boxes
from fixbench.errors import InputError
from fixbench.systems.yowo._attention_context import Attention, GatedAttention, LogitAttention
from fixbench.systems.yowo._encoder import ChannelEncoder
from fixbench.systems.yowo._global_context import Cooccurrence, GlobalContext, LocalContext
from fixbench.systems.yowo._heads import DecoupledHead, Predictors
from fixbench.systems.yowo._object_context import ObjectContext
from fixbench.systems.yowo._options import ModelOptions, SceneContextOptions
from fixbench.systems.yowo._scene_context import NoContext, SceneContext
from fixbench.systems.yowo._streams import seeded
from fixbench.systems.yowo._x3d import X3D
from fixbench.systems.yowo._yolo11 import YOLO11, detect_layer

__all__ = [
    "YOWO",
    "Cascade",
    "ContextInput",
    "Predictions",
    "Trunk",
    "build_scene_context",
    "parameter_counts",
]

#: Pyramid level → stride in pixels.
STRIDES = {"P3": 8, "P4": 16, "P5": 32}

#: Mean and standard deviation of pixels in [0, 1] that PyTorchVideo publishes for X3D.
_X3D_MEAN, _X3D_DEVIATION = 0.45, 0.225


class ContextInput(NamedTuple):
    """What a scene context sees at one level: [B, d, H, W], [B, 36, H, W], [B, 26, H, W]."""

    features: Tensor
    object_logits: Tensor
    relation_logits: Tensor


@dataclass(frozen=True)
class Predictions:
    """One prediction for each of the N cells of all levels: level by level, row by row.

    Attributes:
        confidence: logits [B, N].
        objects, relations, actions: logits [B, N, 36], [B, N, 26], [B, N, 157].
        boxes: corners (x1, y1, x2, y2) in pixels of the input, not clipped, [B, N, 4].
        centres: of the cells, (x, y) in pixels, [N, 2].
        strides: of the cells' levels, in pixels, [N].
    """

    confidence: Tensor
    objects: Tensor
    relations: Tensor
    actions: Tensor
    boxes: Tensor
    centres: Tensor
    strides: Tensor


def _parameters(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


@functools.cache
def _matched_width(width: int, heads: int) -> int:
    """The inner width at which C comes nearest to D in parameters."""

    def distance(inner: int) -> int:
        attention = Attention(width, inner=inner, heads=heads, output_gain=1.0)
        return abs(_parameters(attention) - _parameters(GlobalContext(width)))

    step = math.lcm(2, heads)
    with torch.device("meta"):
        return min(range(step, width + 1, step), key=distance)


def build_scene_context(options: SceneContextOptions, width: int) -> SceneContext:
    """A scene context for features of ``width`` channels, from the global generator.

    Raises:
        InputError: attention heads that do not divide the width.
    """
    if options.kind in ("gated_attention", "logit_attention", "attention") and (
        width % options.heads
    ):
        expected = f"a divisor of model.head_dim, which is {width}"
        raise InputError("options", "scene_context.heads", options.heads, expected=expected)
    match options.kind:
        case "none":
            return NoContext()
        case "gated_attention":
            return GatedAttention(width, heads=options.heads)
        case "logit_attention":
            return LogitAttention(width, heads=options.heads)
        case "attention":
            matched = options.attention_width == "matched"
            return Attention(
                width,
                inner=_matched_width(width, options.heads) if matched else width,
                heads=options.heads,
                output_gain=options.output_gain,
                values=options.values,
                told=options.told,
                rescale=options.rescale,
            )
        case "global":
            return GlobalContext(
                width,
                pooling=options.pooling,
                positions=options.positions,
                rescale=options.rescale,
                learned_scale=options.learned_scale,
            )
        case "local":
            return LocalContext(width)


class Trunk(nn.Module):
    """Clip [B, 3, T, S, S] in [0, 1] → the encoders' input of each level (S a multiple of 8).

    YOLO11 reads the last frame, the key frame; X3D the clip, its map enlarged to each level's.
    The maps serve classes and boxes alike.

    Attributes:
        channels, strides: of the levels.
    """

    def __init__(self, options: ModelOptions, *, seed: int) -> None:
        super().__init__()
        with seeded(seed, "trunk_2d"):
            self.yolo11 = YOLO11(options.yolo11)
        with seeded(seed, "trunk_3d"):
            self.x3d = X3D(options.x3d_widths, options.x3d_depths, pooling=options.temporal_pooling)
        if options.detect_layer:
            with seeded(seed, "detect_layer"):
                self.detect = detect_layer(self.yolo11.channels)
        self.input_scaling = options.input_scaling
        self.levels = [list(STRIDES).index(level) for level in options.levels]
        self.strides = [STRIDES[level] for level in options.levels]
        self.channels = [self.yolo11.channels[i] + self.x3d.channels for i in self.levels]

    def forward(self, clip: Tensor) -> list[Tensor]:
        if self.input_scaling == "pixels":
            clip = clip * 255
        standardised = self.input_scaling == "standardised"
        motion = self.x3d((clip - _X3D_MEAN) / _X3D_DEVIATION if standardised else clip)
        maps = self.yolo11(clip[:, :, -1])
        return [
            torch.cat([maps[i], functional.interpolate(motion, size=maps[i].shape[2:])], dim=1)
            for i in self.levels
        ]


class _LevelCascade(nn.Module):
    """Encoders, heads, contexts and predictors of one level."""

    def __init__(
        self,
        inputs: int,
        options: ModelOptions,
        scene_context: SceneContextOptions,
        *,
        seed: int,
        level: int,
    ) -> None:
        super().__init__()
        width = options.head_dim
        with seeded(seed, "encoders", level):
            self.class_encoder = ChannelEncoder(inputs, width, dropout=options.dropout)
            self.box_encoder = ChannelEncoder(inputs, width, dropout=options.dropout)
        with seeded(seed, "heads", level):
            self.head = DecoupledHead(width)
        with seeded(seed, "predictors", level):
            self.predict = Predictors(width)
        self.object_context = None
        if options.object_context:
            with seeded(seed, "object_context", level):
                self.object_context = ObjectContext(
                    width,
                    zero_bias=options.object_biases == "zero",
                    silent=options.object_evidence == "none",
                )
        with seeded(seed, "scene_context", level):
            self.scene_context = build_scene_context(scene_context, width)

    def context_input(self, features: Tensor) -> tuple[ContextInput, Tensor]:
        """What the scene context sees, and the box features."""
        classes, boxes = self.head(self.class_encoder(features), self.box_encoder(features))
        objects = self.predict.objects(classes)
        aware = classes if self.object_context is None else self.object_context(classes, objects)
        return ContextInput(classes, objects, self.predict.relations(aware)), boxes


class Cascade(nn.Module):
    """The encoders' input of each level → `Predictions`; all of the model behind its trunk.

    Args:
        channels, strides: of the levels: a trunk's, or those of cached features.
    """

    def __init__(
        self,
        channels: Sequence[int],
        strides: Sequence[int],
        options: ModelOptions,
        scene_context: SceneContextOptions,
        *,
        seed: int,
    ) -> None:
        super().__init__()
        self.strides = list(strides)
        self.levels = nn.ModuleList(
            _LevelCascade(inputs, options, scene_context, seed=seed, level=stride)
            for inputs, stride in zip(channels, strides, strict=True)
        )
        self.cooccurrence = None
        if scene_context.cooccurrence:
            with seeded(seed, "cooccurrence"):
                self.cooccurrence = Cooccurrence()

    def parts(self) -> dict[str, list[nn.Module]]:
        """Part → its modules over all levels; parts without parameters are left out."""
        levels = self._levels()
        parts: dict[str, list[nn.Module | None]] = {
            "encoders": [e for level in levels for e in (level.class_encoder, level.box_encoder)],
            "heads": [level.head for level in levels],
            "predictors": [level.predict for level in levels],
            "object_context": [level.object_context for level in levels],
            "scene_context": [level.scene_context for level in levels],
            "cooccurrence": [self.cooccurrence],
        }
        kept = {name: [m for m in modules if m is not None] for name, modules in parts.items()}
        return {name: modules for name, modules in kept.items() if _parameters(*modules)}

    def _levels(self) -> list[_LevelCascade]:
        return [level for level in self.levels if isinstance(level, _LevelCascade)]

    def context_inputs(self, features: Sequence[Tensor]) -> list[ContextInput]:
        """What each level's scene context sees, for measurement."""
        levels = zip(self._levels(), features, strict=True)
        return [level.context_input(each)[0] for level, each in levels]

    def attention(self, features: Sequence[Tensor]) -> list[Tensor | None]:
        """Each level's real attention weights [B, heads, N, N], for measurement."""
        inputs = zip(self._levels(), self.context_inputs(features), strict=True)
        return [level.scene_context.attention(*seen) for level, seen in inputs]

    def forward(
        self,
        features: Sequence[Tensor],
        evidence: Sequence[tuple[Tensor, Tensor]] | None = None,
    ) -> Predictions:
        """Predictions; ``evidence``: see `YOWO.forward_from_features`."""
        outputs: list[tuple[Tensor, ...]] = []
        centres: list[Tensor] = []
        levels = zip(self._levels(), self.strides, features, strict=True)
        for place, (level, stride, each) in enumerate(levels):
            seen, box_features = level.context_input(each)
            told = seen[1:] if evidence is None else evidence[place]
            actions = level.predict.actions(level.scene_context(seen.features, *told))
            if self.cooccurrence is not None:
                actions = self.cooccurrence(actions, told[0])
            confidence = level.predict.confidence(box_features)
            boxes = level.predict.boxes(box_features)
            maps = (confidence, seen.object_logits, seen.relation_logits, actions, boxes)
            outputs.append(tuple(_cells(x) for x in maps))
            height, width = each.shape[2:]
            centres.append(cell_centres(height, width, stride, each.device))
        joined = [torch.cat(parts, dim=1) for parts in zip(*outputs, strict=True)]
        confidence, objects, relations, actions, raw = joined
        where = torch.cat(centres)
        strides = torch.cat(
            [c.new_full((len(c),), s) for c, s in zip(centres, self.strides, strict=True)]
        )
        return Predictions(
            confidence=confidence.squeeze(-1),
            objects=objects,
            relations=relations,
            actions=actions,
            boxes=decode_boxes(raw, where, strides),
            centres=where,
            strides=strides,
        )


def _cells(x: Tensor) -> Tensor:
    """[B, C, H, W] → [B, H · W, C]."""
    return x.flatten(2).transpose(1, 2)


class YOWO(nn.Module):
    """The whole model, end to end: clip [B, 3, T, S, S] in [0, 1] → `Predictions`.

    Dropout draws from the global generators: train inside `seeded` to repeat a run.
    """

    def __init__(
        self, options: ModelOptions, scene_context: SceneContextOptions, *, seed: int
    ) -> None:
        super().__init__()
        self.trunk = Trunk(options, seed=seed)
        self.cascade = Cascade(
            self.trunk.channels, self.trunk.strides, options, scene_context, seed=seed
        )

    def forward_features(self, clip: Tensor) -> list[Tensor]:
        """The encoders' input of each level, [B, C, S / stride, S / stride]; may be cached."""
        return self.trunk(clip)

    def forward_from_features(
        self,
        features: Sequence[Tensor],
        evidence: Sequence[tuple[Tensor, Tensor]] | None = None,
    ) -> Predictions:
        """What is left to do with (cached) features.

        Args:
            evidence: each level's object logits [B, 36, H, W] and relation logits [B, 26, H, W]
                that the scene context is told instead of the predicted ones.
        """
        return self.cascade(features, evidence)

    def forward(self, clip: Tensor) -> Predictions:
        return self.forward_from_features(self.forward_features(clip))


def parameter_counts(model: YOWO) -> dict[str, int]:
    """Parameters by part, with ``total``."""
    counts = {"yolo11": _parameters(model.trunk.yolo11), "x3d": _parameters(model.trunk.x3d)}
    if hasattr(model.trunk, "detect"):
        counts["detect"] = _parameters(model.trunk.detect)
    for name, modules in model.cascade.parts().items():
        counts[name] = _parameters(*modules)
    return counts | {"total": sum(counts.values())}
