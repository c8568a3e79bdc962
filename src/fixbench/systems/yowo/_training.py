"""The model of a run, on cached features or on clips, and how it is trained.

Both forms have one interface: what the model *sees* of a batch before its scene context, and what
it predicts once the context has been *told* objects and relations, its own or others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from fixbench.detection import Assignment, cell_centres, decode_boxes
from fixbench.errors import InputError
from fixbench.systems.yowo._assignment import Targets
from fixbench.systems.yowo._cache import Features, Pretrained
from fixbench.systems.yowo._heads import ACTIONS, OBJECTS, PRIOR_BIAS
from fixbench.systems.yowo._loss import LossTerms, multi_task_loss
from fixbench.systems.yowo._material import Split, SplitName, load_clips, targets_at
from fixbench.systems.yowo._model import YOWO, Cascade, ContextInput, Predictions
from fixbench.systems.yowo._run_options import Options, TrainingOptions

__all__ = [
    "CachedModel",
    "Evidence",
    "Seen",
    "TrainedModel",
    "WholeModel",
    "build_model",
    "loss_terms",
    "make_optimiser",
    "true_evidence",
    "true_objects",
]

#: The logit of what is true.
_CERTAIN = 10.0
#: Parts of a level's cascade that come pretrained, besides what precedes it.
_PRETRAINED = ("class_encoder", "box_encoder", "head", "predict.confidence", "predict.boxes")
#: Options of the model that concern nothing pretrained.
_NOT_PRETRAINED = ("object_context", "object_biases", "object_evidence", "detect_layer")


class Evidence(NamedTuple):
    """What a scene context is told at one level: logits [B, 36, H, W] and [B, 26, H, W]."""

    objects: Tensor
    relations: Tensor


@dataclass(frozen=True)
class Seen:
    """What the model says of B frames before its scene context, at N cells of all levels.

    Attributes:
        inputs: by level; confidence: logits [B, N]; boxes: corners in pixels [B, N, 4].
        centres: [N, 2]; strides: [N].
    """

    inputs: tuple[ContextInput, ...]
    confidence: Tensor
    boxes: Tensor
    centres: Tensor
    strides: Tensor

    @property
    def own(self) -> tuple[Evidence, ...]:
        """The model's own evidence."""
        return tuple(Evidence(seen.object_logits, seen.relation_logits) for seen in self.inputs)


class TrainedModel(nn.Module):
    """What both forms have in common: `Cascade` and what follows from what it sees."""

    cascade: Cascade
    #: Names of the parameters and buffers that came pretrained.
    pretrained: frozenset[str]

    def see(self, part: SplitName, index: Tensor) -> Seen:
        """Frames ``index`` [B] of a split."""
        raise NotImplementedError

    def predict(self, seen: Seen, told: Sequence[Evidence]) -> Predictions:
        """Predictions with the scene context told ``told``, by level."""
        actions = []
        for level, own, other in zip(self.cascade.levels, seen.inputs, told, strict=True):
            part: Any = level
            logits = part.predict.actions(part.scene_context(own.features, *other))
            if self.cascade.cooccurrence is not None:
                logits = self.cascade.cooccurrence(logits, other.objects)
            actions.append(logits)
        return Predictions(
            confidence=seen.confidence,
            objects=_cells([own.object_logits for own in seen.inputs]),
            relations=_cells([own.relation_logits for own in seen.inputs]),
            actions=_cells(actions),
            boxes=seen.boxes,
            centres=seen.centres,
            strides=seen.strides,
        )

    def assignment(self, part: SplitName, index: Tensor) -> Assignment | None:
        """Which cells answer, where that is fixed."""
        return None

    def groups(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """What is trained: parameters that start afresh, and pretrained ones."""
        named = [(n, p) for n, p in self.named_parameters() if p.requires_grad]
        fresh = [parameter for name, parameter in named if name not in self.pretrained]
        return fresh, [parameter for name, parameter in named if name in self.pretrained]


def _cells(maps: Sequence[Tensor]) -> Tensor:
    """[B, C, H, W] of each level → [B, N, C]."""
    return torch.cat([each.flatten(2).transpose(1, 2) for each in maps], dim=1)


class CachedModel(TrainedModel):
    """Contexts and class predictors behind cached features; everything else is frozen.

    Args:
        features: of both splits, on the device.
        truths: of both splits, if the object context is told the true objects.
    """

    def __init__(
        self,
        cascade: Cascade,
        features: Mapping[str, Features],
        pretrained: frozenset[str],
        *,
        truths: Mapping[str, Targets] | None = None,
    ) -> None:
        super().__init__()
        self.cascade = cascade
        self.features = features
        self.truths = truths
        self.pretrained = pretrained
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name not in pretrained)

    def see(self, part: SplitName, index: Tensor) -> Seen:
        cached = self.features[part]
        classes = cached.classes[index]
        (level,) = self.cascade.levels
        head: Any = level
        objects = head.predict.objects(classes)
        aware = classes
        if head.object_context is not None:
            told = objects
            if self.truths is not None:
                truth = targets_at(self.truths[part], index)
                told = true_objects(cached.target[index], truth).view_as(objects)
            aware = head.object_context(classes, told)
        return Seen(
            inputs=(ContextInput(classes, objects, head.predict.relations(aware)),),
            confidence=cached.confidence[index],
            boxes=cached.boxes[index],
            centres=cached.centres,
            strides=cached.strides,
        )

    def assignment(self, part: SplitName, index: Tensor) -> Assignment:
        return Assignment(self.features[part].target[index])


class WholeModel(TrainedModel):
    """The whole model on clips.

    Args:
        frames: both splits; side: of a picture, in pixels.
    """

    def __init__(
        self, model: YOWO, frames: Mapping[str, Split], side: int, pretrained: frozenset[str]
    ) -> None:
        super().__init__()
        self.pretrained = pretrained
        self.trunk = model.trunk
        self.cascade = model.cascade
        self.frames = frames
        self.side = side

    def see(self, part: SplitName, index: Tensor) -> Seen:
        frames = [self.frames[part].frames[place] for place in index]
        device = next(self.parameters()).device
        maps = self.trunk(load_clips(frames, self.side, device))
        inputs, confidence, raw, centres, strides = [], [], [], [], []
        for level, stride, each in zip(
            self.cascade.levels, self.cascade.strides, maps, strict=True
        ):
            head: Any = level
            seen, boxes = head.context_input(each)
            inputs.append(seen)
            confidence.append(head.predict.confidence(boxes))
            raw.append(head.predict.boxes(boxes))
            height, width = each.shape[2:]
            centres.append(cell_centres(height, width, stride, device))
            strides.append(torch.full((height * width,), float(stride), device=device))
        where, scale = torch.cat(centres), torch.cat(strides)
        return Seen(
            inputs=tuple(inputs),
            confidence=_cells(confidence).squeeze(-1),
            boxes=decode_boxes(_cells(raw), where, scale),
            centres=where,
            strides=scale,
        )


def build_model(
    options: Options,
    seed: int,
    pretrained: Pretrained,
    *,
    features: Mapping[str, Features] | None,
    frames: Mapping[str, Split],
) -> TrainedModel:
    """The model of a run with its pretrained weights; all others depend on ``seed`` alone.

    Args:
        features: for ``part: heads``.

    Raises:
        InputError: the options of the model are not those that were pretrained.
    """
    for name, value in options.model:
        trained = getattr(pretrained.model, name)
        if name == "levels":
            trained = value if set(trained) <= set(value) else trained
        if name not in _NOT_PRETRAINED and value != trained:
            expected = f"{trained!r}, with which {options.pretrained} was pretrained"
            raise InputError("options", f"model.{name}", value, expected=expected)
    model = YOWO(options.model, options.scene_context, seed=seed)
    # Levels that were not pretrained start afresh, behind the same trunk.
    places = {
        f"cascade.levels.{pretrained.model.levels.index(level)}.": f"cascade.levels.{place}."
        for place, level in enumerate(options.model.levels)
        if level in pretrained.model.levels
    }
    state = {}
    for name, value in pretrained.state.items():
        if name.startswith("trunk."):
            state[name] = value
        elif ".".join(name.split(".")[3:5]).startswith(_PRETRAINED):
            old = next(prefix for prefix in places if name.startswith(prefix))
            state[places[old] + name.removeprefix(old)] = value
    model.load_state_dict(state, strict=False)
    names = frozenset(state)
    if features is not None:
        true = options.model.object_evidence == "true"
        truths = {name: frame.targets for name, frame in frames.items()} if true else None
        return CachedModel(model.cascade, features, names, truths=truths)
    return WholeModel(model, frames, pretrained.clips.side, names)


def make_optimiser(
    model: TrainedModel, training: TrainingOptions
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW with a linear warm-up, halved rates at milestones; pretrained parts at their own."""
    fresh, pretrained = model.groups()
    groups: list[dict[str, Any]] = [{"params": fresh, "lr": training.learning_rate}]
    if pretrained:
        groups.append({"params": pretrained, "lr": training.pretrained_rate})
    optimiser = torch.optim.AdamW(groups, weight_decay=training.weight_decay, fused=True)
    warm_up = max(1, round(training.warm_up * training.steps))
    milestones = [fraction * training.steps for fraction in training.milestones]

    def factor(step: int) -> float:
        return min(1.0, (step + 1) / warm_up) * 0.5 ** sum(step >= m for m in milestones)

    return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, factor)


def loss_terms(
    model: TrainedModel,
    seen: Seen,
    told: Sequence[Evidence],
    targets: Targets,
    assignment: Assignment | None,
) -> LossTerms:
    """The multi-task loss of a batch; without ``assignment`` by SimOTA, from the predictions."""
    return multi_task_loss(model.predict(seen, told), targets, assignment)


def true_objects(target: Tensor, truth: Targets) -> Tensor:
    """Object logits [B, 36, N] of a perfect detector: 10 for the class of the box for which a cell
    answers (``target`` [B, N]), −4.595 for the others and in cells that answer for none.
    """
    labels = truth.labels[..., :OBJECTS].transpose(1, 2)
    box = target.clamp(min=0)[:, None].expand(-1, OBJECTS, -1)
    certain = (labels.gather(2, box) > 0) & (target >= 0)[:, None]
    return torch.full_like(labels[:, :, :1], PRIOR_BIAS).where(~certain, _CERTAIN)


def true_evidence(seen: Seen, targets: Targets) -> tuple[Evidence, ...]:
    """What a perfect predictor would tell: logit 10 for each box's object and relations, in the
    cell of its centre, −4.595 elsewhere; at every level.
    """
    evidence = []
    start = 0
    for own in seen.inputs:
        batch, _, height, width = own.features.shape
        stride = float(seen.strides[start])
        start += height * width
        centre = (targets.boxes[..., :2] + targets.boxes[..., 2:]) / 2
        column, row = (centre / stride).floor().long().unbind(dim=-1)
        cell = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
        labels = targets.labels * targets.present[..., None]
        frame, box, label = labels.nonzero(as_tuple=True)
        maps = own.features.new_full((batch, labels.shape[-1], height * width), PRIOR_BIAS)
        maps[frame, label, cell[frame, box]] = _CERTAIN
        maps = maps.unflatten(2, (height, width))
        evidence.append(Evidence(maps[:, :OBJECTS], maps[:, OBJECTS + ACTIONS :]))
    return tuple(evidence)
