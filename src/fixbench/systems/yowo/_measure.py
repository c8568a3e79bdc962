"""What is measured on a model: what it finds, what it is told, and what it makes of that."""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from fixbench.datasets.action_genome import OBJECT_CLASSES
from fixbench.datasets.scenes import MOTION_ACTIONS, SUBSETS, WATCH_ACTIONS
from fixbench.systems.yowo._global_context import GlobalContext
from fixbench.systems.yowo._heads import ACTIONS, OBJECTS, PRIOR_BIAS, RELATIONS, Predictors
from fixbench.systems.yowo._loss import LossTerms, multi_task_loss
from fixbench.systems.yowo._material import Split, targets_at
from fixbench.systems.yowo._mechanism import (
    batch_mate_dependence,
    context_sensitivity,
    gradient_reach,
    object_context_change,
    position_dependence,
    quick_check,
    summarise_attention,
    transfer_checkpoint,
)
from fixbench.systems.yowo._metrics import (
    Detections,
    Task,
    average_precision,
    box_overlaps,
    detect,
    detected_cells,
    detected_graph,
    mean_of,
    presence_auc,
    triplet_recall,
    true_graph,
    video_average_precision,
)
from fixbench.systems.yowo._model import (
    YOWO,
    Cascade,
    Predictions,
    build_scene_context,
    parameter_counts,
)
from fixbench.systems.yowo._options import ModelOptions, SceneContextOptions
from fixbench.systems.yowo._streams import generator, seeded
from fixbench.systems.yowo._training import Evidence, TrainedModel, true_evidence
from fixbench.training import relative_displacement

__all__ = [
    "Evaluation",
    "exact_properties",
    "gradient_properties",
    "initial_mechanism",
    "loss_values",
    "movement",
    "part_norms",
]

#: Action of watching → the class of what is watched; actions that can be told from the figure.
WATCHED = {int(code[1:]): OBJECT_CLASSES.index(name) for name, code in WATCH_ACTIONS.items()}
MOTION = [int(code[1:]) for code in MOTION_ACTIONS.values()]
#: Test frames that go through a model together; fixed, because contexts depend on batch mates.
_CHUNK = 32
#: Test frames of which attention is summarised.
_ATTENTION_FRAMES = 32
_TRIPLETS = (10, 20, 50)
#: Cells of the published levels P3, P4 and P5 (side 224).
_GRIDS = (28, 14, 7)

Told = Sequence[tuple[Evidence, ...]]


class Evaluation:
    """A model on the test frames, its scene context told this or that.

    Args:
        true: tell it the true objects and relations instead of its own.
    """

    @torch.no_grad()
    def __init__(self, model: TrainedModel, split: Split, *, true: bool) -> None:
        self.model = model.eval()
        self.split = split
        self.index = torch.arange(len(split.frames)).split(_CHUNK)
        self.targets = [targets_at(split.targets, index) for index in self.index]
        self.seen = [model.see("test", index) for index in self.index]
        if true:
            pairs = zip(self.seen, self.targets, strict=True)
            self.told: Told = [true_evidence(seen, targets) for seen, targets in pairs]
        else:
            self.told = [seen.own for seen in self.seen]
        self.predictions = self._predict(self.told)
        # Confidence, objects and boxes do not depend on what the scene context is told.
        self.cells = detected_cells(self.predictions)
        self.detections = detect(self.predictions, self.cells)
        self.overlaps = box_overlaps(split.truths, self.detections)

    def _predict(self, told: Told) -> Predictions:
        pairs = zip(self.seen, told, strict=True)
        parts = [self.model.predict(seen, evidence) for seen, evidence in pairs]
        whole = {
            name: torch.cat([getattr(part, name) for part in parts])
            for name in ("confidence", "objects", "relations", "actions", "boxes")
        }
        return Predictions(centres=parts[0].centres, strides=parts[0].strides, **whole)

    def _shuffled(self) -> Told:
        """Every frame is told what belongs to the frame half the test set away."""
        half = len(self.split.frames) // 2
        shifted = [
            Evidence(*(torch.cat(maps).roll(half, dims=0) for maps in zip(*level, strict=True)))
            for level in zip(*self.told, strict=True)
        ]
        return [
            tuple(Evidence(each.objects[index], each.relations[index]) for each in shifted)
            for index in self.index
        ]

    def _emptied(self) -> Told:
        """Every frame is told that nothing is there: −4.595 everywhere."""
        return [
            tuple(Evidence(*(torch.full_like(maps, PRIOR_BIAS) for maps in each)) for each in told)
            for told in self.told
        ]

    @torch.no_grad()
    def _watch_map(self, told: Told) -> float:
        found = detect(self._predict(told), self.cells)
        return mean_of(self._precision(found, "actions", classes=WATCHED))

    def _precision(
        self,
        found: Sequence[Detections],
        task: Task,
        *,
        with_confidence: bool = True,
        classes: Collection[int] | None = None,
    ) -> NDArray[np.float64]:
        return average_precision(
            self.split.truths,
            found,
            task,
            with_confidence=with_confidence,
            classes=classes,
            overlaps=self.overlaps,
        )

    @torch.no_grad()
    def context(self) -> dict[str, float]:
        """What is followed along training: actions with and without their context."""
        precisions = self._precision(self.detections, "actions", classes=[*WATCHED, *MOTION])
        watch = mean_of(precisions, WATCHED)
        shuffled, emptied = self._watch_map(self._shuffled()), self._watch_map(self._emptied())
        values = {
            "action_map/watch": watch,
            "action_map/motion": mean_of(precisions, MOTION),
            "action_map_shuffled/watch": shuffled,
            "action_map_emptied/watch": emptied,
            "context_use/shuffled": watch - shuffled,
            "context_use/emptied": watch - emptied,
        }
        values |= self._presence() | self._attention() | self._scale()
        values |= loss_values(self.losses()) | self._action_losses()
        return values

    @torch.no_grad()
    def detection(self) -> dict[str, float]:
        """What is found: objects, relations, actions by subset, triplets.

        Left out is what the test frames cannot show, such as actions that nobody does in them.
        """
        truths = self.split.truths
        actions = self._precision(self.detections, "actions")
        values = {
            "action_map/watch": mean_of(actions, WATCHED),
            "action_map/motion": mean_of(actions, MOTION),
            "object_map": mean_of(self._precision(self.detections, "objects")),
            "relation_map": mean_of(self._precision(self.detections, "relations")),
            "action_map/all": mean_of(actions),
            "action_map_chance/watch": mean_of(
                self._precision(
                    [_uninformed(found) for found in self.detections], "actions", classes=WATCHED
                )
            ),
            "action_map_unweighted/watch": mean_of(
                self._precision(self.detections, "actions", with_confidence=False, classes=WATCHED)
            ),
            "video_action_map": mean_of(video_average_precision(truths, self.detections)),
        }
        for subset in SUBSETS:
            places = [place for place, truth in enumerate(truths) if truth.subset == subset]
            chosen = [truths[place] for place in places]
            found = [self.detections[place] for place in places]
            overlaps = [self.overlaps[place] for place in places]
            precisions = average_precision(
                chosen, found, "actions", classes=WATCHED, overlaps=overlaps
            )
            values[f"action_map/{subset}"] = mean_of(precisions)
        graphs = {
            "predcls": [
                true_graph(truth, boxes, relations)
                for truth, boxes, relations in zip(
                    truths, self.predictions.boxes, self.predictions.relations, strict=True
                )
            ],
            "sgdet": [detected_graph(found) for found in self.detections],
        }
        for task, found_graphs in graphs.items():
            for k, recall in triplet_recall(truths, found_graphs, ks=_TRIPLETS).items():
                values[f"triplet_recall/{task}/{k}"] = recall
        values |= self._dependence()
        return {name: value for name, value in values.items() if not math.isnan(value)}

    @torch.no_grad()
    def losses(self) -> LossTerms:
        """On all test frames."""
        index = torch.arange(len(self.split.frames))
        assignment = self.model.assignment("test", index)
        return multi_task_loss(self.predictions, self.split.targets, assignment)

    def _action_losses(self) -> dict[str, float]:
        """Binary cross-entropy of actions in the cells that answer for a person, a mean each."""
        index = torch.arange(len(self.split.frames))
        assignment = self.model.assignment("test", index)
        if assignment is None:
            return {}
        frame, cell = assignment.foreground.nonzero(as_tuple=True)
        labels = self.split.targets.labels[frame, assignment.target[frame, cell]]
        person = labels[:, 0] == 1
        logits = self.predictions.actions[frame, cell][person]
        truth = labels[person][:, OBJECTS : OBJECTS + ACTIONS]
        loss = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        kinds = {"watch": list(WATCHED), "motion": MOTION}
        return {f"action_loss/{kind}": loss[:, each].mean().item() for kind, each in kinds.items()}

    def _presence(self) -> dict[str, float]:
        """How well pooled presence tells what is there, and how actions go along with it."""
        truths = self.split.truths
        pooled = self.predictions.objects.softmax(dim=-1).amax(dim=1).double().cpu().numpy()
        present = np.stack([np.isin(np.arange(OBJECTS), truth.objects) for truth in truths])
        known: NDArray[np.bool_] = np.asarray(present.any(axis=0) & ~present.all(axis=0))
        score = np.stack([_best_action(found) for found in self.detections])
        pairs = [(action, thing) for action, thing in WATCHED.items() if known[thing]]
        return {
            "presence_auroc": mean_of(presence_auc(pooled, present)),
            "presence/present": float(pooled[:, known][present[:, known]].mean()),
            "presence/absent": float(pooled[:, known][~present[:, known]].mean()),
            "action_object_correlation": _mean_correlation(
                [(score[:, action], pooled[:, thing]) for action, thing in pairs]
            ),
            "action_object_correlation/true_object": _mean_correlation(
                [(score[:, action], present[:, thing].astype(float)) for action, thing in pairs]
            ),
        }

    def _attention(self) -> dict[str, float]:
        """Entropy of the real weights, by cells of the level."""
        values = {}
        for place, (level, own) in enumerate(
            zip(self.model.cascade.levels, self.seen[0].inputs, strict=True)
        ):
            part: Any = level
            told = self.told[0][place]
            weights = part.scene_context.attention(own.features, told.objects, told.relations)
            if weights is not None:
                found = summarise_attention(weights[:_ATTENTION_FRAMES])
                cells = f"{weights.shape[-1]}_cells"
                values[f"attention_entropy/{cells}"] = found.entropy
                values[f"attention_entropy_of_mean/{cells}"] = found.entropy_of_mean
        return values

    def _scale(self) -> dict[str, float]:
        """``context_scale`` of the first level, and how the fusion weighs context and features."""
        (part, *_) = self.model.cascade.levels
        context: Any = part.scene_context
        scale = getattr(context, "context_scale", None)
        if scale is None:
            return {}
        values = {"context_scale": scale.item()}
        if isinstance(context, GlobalContext):
            weight: Tensor = context.fuse.get_parameter("0.weight")
            features, told = weight.chunk(2, dim=1)
            ratio = told.norm() / features.norm()
            values["context_gain"] = (scale.abs().clamp(0.1, 2.0) * ratio).item()
        return values

    def _dependence(self) -> dict[str, float]:
        """Of the trained contexts: on batch mates, and on whether a cell holds an object."""
        (part, *_) = self.model.cascade.levels
        level: Any = part
        own, told = self.seen[0].inputs[0], self.told[0][0]
        together = level.scene_context(own.features, *told)
        changes = [
            level.scene_context(own.features[i : i + 1], *(maps[i : i + 1] for maps in told))
            - together[i : i + 1]
            for i in range(min(8, len(together)))
        ]
        values = {"batch_mate/scene_context": torch.cat(changes).abs().mean().item()}
        assignment = self.model.assignment("test", self.index[0])
        if assignment is not None and level.object_context is not None:
            aware = level.object_context(own.features, own.object_logits)
            change = (aware - own.features).abs().mean(dim=1).flatten(1)
            there = assignment.foreground
            ratio = change[there].mean() / change[~there].mean()
            values["object_context/modification"] = ratio.item()
        return values


def _uninformed(found: Detections) -> Detections:
    """Every person does everything, as likely as it is a person."""
    person = found.objects[:, :1]
    return replace(found, actions=np.broadcast_to(person, found.actions.shape))


def _best_action(found: Detections) -> NDArray[np.float64]:
    """[157]: the highest score of each action in a frame."""
    return (found.actions * found.confidence[:, None]).max(axis=0, initial=0)


def _mean_correlation(pairs: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> float:
    """Mean Pearson correlation; 0 where one side does not vary."""
    found = [
        float(np.corrcoef(x, y)[0, 1]) if np.ptp(x) > 0 and np.ptp(y) > 0 else 0.0 for x, y in pairs
    ]
    return float(np.mean(found))


def loss_values(terms: LossTerms) -> dict[str, float]:
    """The parts of the multi-task loss, and their weighted sum."""
    names = ("total", "confidence", "objects", "relations", "actions", "boxes")
    return {f"loss/{name}": getattr(terms, name).item() for name in names}


def part_norms(cascade: Cascade) -> dict[str, float]:
    """Global L2 norms of the present gradients, by part of the cascade that is trained."""
    values = {}
    for name, modules in cascade.parts().items():
        gradients = [
            p.grad.flatten() for m in modules for p in m.parameters() if p.grad is not None
        ]
        if gradients:
            values[f"gradient_norm/{name}"] = torch.cat(gradients).norm().item()
    return values


def movement(cascade: Cascade, initial: Mapping[str, Tensor]) -> dict[str, float]:
    """How far the trained parameters of each part moved, over their initial norm.

    Args:
        initial: the cascade's state at the start.
    """
    names = {id(p): name for name, p in cascade.named_parameters() if p.requires_grad}
    values = {}
    for part, modules in cascade.parts().items():
        trained = [p for m in modules for p in m.parameters() if id(p) in names]
        if trained:
            before = [initial[names[id(p)]] for p in trained]
            values[f"parameters_moved/{part}"] = relative_displacement(trained, before)
    return values


def initial_mechanism(
    options: SceneContextOptions, initialisation: int, *, width: int, all_levels: bool
) -> dict[str, float]:
    """Everything that is measured on one fresh context module (and one `ObjectContext`).

    Args:
        all_levels: measure attention on the published grids of P3 and P4 as well as of P5.
    """
    impact = quick_check(options, initialisation, width=width)
    alone = batch_mate_dependence(options, initialisation, width=width)
    values = {"quick_check": impact, "quick_check_passes": float(impact > 0.1)}
    sensitivity = context_sensitivity(options, initialisation, width=width)
    values |= {f"sensitivity/{name}": value for name, value in sensitivity.items()}
    position = position_dependence(options, initialisation, width=width)
    values |= {f"position/{name}": value for name, value in position.items()}
    values |= {"batch_mate/scene_context": alone, "batch_independent": float(alone == 0)}
    for biases, zero_bias in (("default_biases", False), ("zero_biases", True)):
        change = object_context_change(initialisation, width=width, zero_bias=zero_bias)
        values |= {f"object_context/{name}/{biases}": value for name, value in change.items()}
    values["batch_mate/object_context"] = batch_mate_dependence(None, initialisation, width=width)
    grids = _GRIDS if all_levels else _GRIDS[-1:]
    return values | _initial_entropies(options, initialisation, width, grids)


@torch.no_grad()
def _initial_entropies(
    options: SceneContextOptions, initialisation: int, width: int, grids: Sequence[int]
) -> dict[str, float]:
    """Of fresh modules, told what fresh predictors say of standard normal features."""
    with seeded(initialisation, "mechanism/predictors"):
        module = build_scene_context(options, width)
        predict = Predictors(width)
    values: dict[str, float] = {}
    for grid in grids:
        draw = generator(initialisation, "mechanism/grid", grid)
        features = torch.randn(1, width, grid, grid, generator=draw)
        told = predict.objects(features), predict.relations(features)
        weights = module.attention(features, *told)
        if weights is not None:
            found = summarise_attention(weights)
            values[f"attention_entropy/{grid**2}_cells"] = found.entropy
            values[f"attention_entropy_of_mean/{grid**2}_cells"] = found.entropy_of_mean
            values[f"attention_entropy_predicted/{grid**2}_cells"] = found.predicted
    return values


def gradient_properties(
    model: ModelOptions, scene_context: SceneContextOptions, seed: int
) -> dict[str, float]:
    """What reaches the context modules of a fresh cascade in one backward pass."""
    cascade = Cascade([model.head_dim], [32], model, scene_context, seed=seed)
    draw = generator(seed, "gradients/features")
    features = torch.randn(2, model.head_dim, 7, 7, generator=draw)
    reach = gradient_reach(cascade, [features], seed=seed)
    contexts = [reach[name] for name in ("object_context", "scene_context") if name in reach]
    values = {f"gradient_norm/{name}": found.norm for name, found in reach.items()}
    values |= {f"gradient_reached/{name}": found.reached for name, found in reach.items()}
    return values | {"context_gradients": float(all(found.reached == 1 for found in contexts))}


def exact_properties(model: ModelOptions, seed: int) -> dict[str, float]:
    """Properties that no training decides: sizes, shapes, and what becomes of old checkpoints."""
    values = {name: value for width in (128, 256) for name, value in _published(width).items()}
    fix = SceneContextOptions(kind="global")
    old = YOWO(model, SceneContextOptions(kind="attention"), seed=seed)
    transfer = transfer_checkpoint(old, YOWO(model, fix, seed=seed))
    values["strict_load_fails"] = float(bool(transfer.strict_message))
    values["loose_load_passes"] = float(bool(transfer.missing))
    values["loose_load_reinitialised"] = transfer.reinitialised
    return values


@functools.cache
def _published(width: int) -> dict[str, float]:
    """Size and shapes of the published model with heads of ``width`` channels and the fix."""
    published = ModelOptions(
        yolo11="m",
        detect_layer=True,
        x3d_widths=[24, 48, 96, 192],
        x3d_depths=[3, 5, 11, 7],
        head_dim=width,
    )
    # Sizes and shapes without the numbers.
    with torch.device("meta"):
        whole = YOWO(published, SceneContextOptions(kind="global"), seed=0)
        found = whole(torch.zeros(1, 3, 16, 224, 224))
    parts = parameter_counts(whole)
    total = parts.pop("total")
    cells = sum(grid**2 for grid in _GRIDS)
    shapes = [tuple(x.shape) for x in (found.objects, found.relations, found.actions)]
    documented = [(1, cells, count) for count in (OBJECTS, RELATIONS, ACTIONS)]
    return {
        f"parameters/{width}": float(total),
        **{f"parameters/{width}/{part}": float(count) for part, count in parts.items()},
        # With one decimal, rounded or cut off.
        f"parameters_as_documented/{width}": float(26.65e6 <= total < 26.8e6),
        f"shapes_as_documented/{width}": float(shapes == documented),
    }
