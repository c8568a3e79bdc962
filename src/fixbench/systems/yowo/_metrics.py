"""How well boxes, objects, relations and actions are found.

Average precision of detections: Everingham et al., "The PASCAL Visual Object Classes Challenge",
IJCV 2010, with the area under the whole interpolated curve (VOC 2010 and later). A detection, by
falling score, takes the box of its class and frame that overlaps it most among those still free,
as COCO's evaluator and the document's have it. Triplet recall: Ji et al., "Action Genome", CVPR
2020, whose scene has one person.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from fixbench.detection import iou_matrix, suppress
from fixbench.systems.yowo._model import Predictions

__all__ = [
    "Detections",
    "SceneGraph",
    "Task",
    "Truth",
    "average_precision",
    "box_overlaps",
    "detect",
    "detected_cells",
    "detected_graph",
    "mean_of",
    "presence_auc",
    "triplet_recall",
    "true_graph",
    "video_average_precision",
]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Task = Literal["objects", "relations", "actions"]

#: Relations by their place among the 26: attention, spatial, contacting.
_KINDS_OF_RELATION = (slice(0, 3), slice(3, 9), slice(9, 26))


@dataclass(frozen=True)
class Truth:
    """One key frame.

    Attributes:
        boxes: float64 [K, 4] in pixels; objects: int64 [K], 0 is the person; relations: bool
            [K, 26]; actions: bool [K, 157].
        video, subset: to group frames by.
    """

    boxes: Array
    objects: NDArray[np.int64]
    relations: Flags
    actions: Flags
    video: str = ""
    subset: str = ""


@dataclass(frozen=True)
class Detections:
    """What was found in one frame.

    Attributes:
        boxes: float64 [D, 4]; confidence: [D]; objects: [D, 36], relations: [D, 26], actions:
            [D, 157], probabilities.
    """

    boxes: Array
    confidence: Array
    objects: Array
    relations: Array
    actions: Array


@torch.no_grad()
def detected_cells(
    predictions: Predictions,
    *,
    least_confidence: float = 0.01,
    candidates: int = 50,
    overlap: float = 0.5,
) -> list[Tensor]:
    """Which cells of every frame of a batch are detections, most confident first.

    The most confident cells, at most ``candidates`` and none below ``least_confidence``; of those
    whose likeliest object is the same and that overlap by more than ``overlap``, the most
    confident.
    """
    cells = []
    for frame in range(len(predictions.confidence)):
        confidence = predictions.confidence[frame].sigmoid()
        best = confidence.argsort(descending=True, stable=True)[:candidates]
        best = best[confidence[best] >= least_confidence]
        classes = predictions.objects[frame, best].softmax(dim=-1).argmax(dim=-1)
        boxes = predictions.boxes[frame, best]
        cells.append(best[suppress(boxes, confidence[best], overlap, classes=classes)])
    return cells


@torch.no_grad()
def detect(predictions: Predictions, cells: Sequence[Tensor] | None = None) -> list[Detections]:
    """Detections of every frame of a batch.

    Args:
        cells: of the frames; by default `detected_cells`.
    """
    cells = detected_cells(predictions) if cells is None else cells
    return [
        Detections(
            boxes=_array(predictions.boxes[frame, kept]),
            confidence=_array(predictions.confidence[frame, kept].sigmoid()),
            objects=_array(predictions.objects[frame, kept].softmax(dim=-1)),
            relations=_array(predictions.relations[frame, kept].sigmoid()),
            actions=_array(predictions.actions[frame, kept].sigmoid()),
        )
        for frame, kept in enumerate(cells)
    ]


def average_precision(
    truths: Sequence[Truth],
    detections: Sequence[Detections],
    task: Task,
    *,
    threshold: float = 0.5,
    with_confidence: bool = True,
    classes: Collection[int] | None = None,
    overlaps: Sequence[Array] | None = None,
) -> Array:
    """Average precision of each class; NaN for classes of which there is no true box.

    Args:
        truths, detections: by frame, in the same order.
        classes: the others are NaN too (default: none is left out).
        overlaps: `box_overlaps` of both, where they are known.
        with_confidence: score a detection by confidence times the class's probability. The
            document's evaluator ranks by the probability alone, which background cells also have.
    """
    if not truths:
        raise ValueError("average precision of no frames")
    if overlaps is None:
        overlaps = box_overlaps(truths, detections)
    members = [_members(truth, task) for truth in truths]
    if classes is not None:
        asked = np.isin(np.arange(members[0].shape[1]), list(classes))
        members = [member & asked for member in members]
    scores = [
        getattr(d, task) * (d.confidence[:, None] if with_confidence else 1.0) for d in detections
    ]
    scored, boxes = np.concatenate(scores), np.concatenate(members).sum(axis=0)
    hits = np.zeros(scored.shape, dtype=bool)
    start = 0
    for overlap, member, score in zip(overlaps, members, scores, strict=True):
        for index in np.flatnonzero(member.any(axis=0)):
            order = np.argsort(-score[:, index], kind="stable")
            hits[start + order, index] = _matched(overlap[order][:, member[:, index]], threshold)
        start += len(score)
    precisions = np.full(len(boxes), np.nan)
    for index in np.flatnonzero(boxes):
        precisions[index] = _area_under_curve(scored[:, index], hits[:, index], boxes[index])
    return precisions


def box_overlaps(truths: Sequence[Truth], detections: Sequence[Detections]) -> list[Array]:
    """Of every frame, intersection over union [D, K] of its detections and its true boxes."""
    return [_overlaps(d.boxes, t.boxes) for t, d in zip(truths, detections, strict=True)]


def mean_of(values: Array, classes: Collection[int] | None = None) -> float:
    """The mean over ``classes`` (default: all), without those that are NaN; NaN if none is left."""
    chosen = values if classes is None else values[sorted(classes)]
    chosen = chosen[~np.isnan(chosen)]
    return float(chosen.mean()) if len(chosen) else float("nan")


def _matched(overlap: Array, threshold: float) -> Flags:
    """Which detections [D], by falling score, take a box: ``overlap`` [D, K]."""
    hit = np.zeros(len(overlap), dtype=bool)
    free = np.ones(overlap.shape[1], dtype=bool)
    for row in np.flatnonzero((overlap >= threshold).any(axis=1)):
        best = int(np.argmax(np.where(free, overlap[row], -1.0)))
        if free[best] and overlap[row, best] >= threshold:
            hit[row], free[best] = True, False
    return hit


def _area_under_curve(scores: Array, hits: Flags, boxes: np.int_) -> float:
    order = np.argsort(-scores, kind="stable")
    true = np.cumsum(hits[order])
    precision = true / np.arange(1, len(true) + 1)
    # The highest precision at this recall or a higher one.
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    return float(highest[hits[order]].sum() / boxes)


def _members(truth: Truth, task: Task) -> Flags:
    """bool [K, classes]: which boxes are of which class."""
    if task == "objects":
        return truth.objects[:, None] == np.arange(36)
    members: Flags = getattr(truth, task)
    return members


def _overlaps(first: Array, second: Array) -> Array:
    return _array(iou_matrix(torch.as_tensor(first), torch.as_tensor(second)))


def _array(tensor: Tensor) -> Array:
    values: Array = tensor.double().cpu().numpy()
    return values


@dataclass(frozen=True)
class SceneGraph:
    """Persons, things and what relates them, with scores.

    Attributes:
        persons: boxes [P, 4]; person_scores: [P].
        things: boxes [Q, 4]; classes: int64 [Q], never 0; thing_scores: [Q]; relations: [Q, 26],
            probabilities of the relations between a person and this thing.
    """

    persons: Array
    person_scores: Array
    things: Array
    classes: NDArray[np.int64]
    thing_scores: Array
    relations: Array


def detected_graph(detections: Detections) -> SceneGraph:
    """Scene graph detection (SGDet): boxes and classes are the model's too."""
    classes = detections.objects.argmax(axis=1)
    scores = detections.confidence * detections.objects.max(axis=1, initial=0)
    person = classes == 0
    return SceneGraph(
        persons=detections.boxes[person],
        person_scores=scores[person],
        things=detections.boxes[~person],
        classes=classes[~person],
        thing_scores=scores[~person],
        relations=detections.relations[~person],
    )


@torch.no_grad()
def true_graph(truth: Truth, boxes: Tensor, relations: Tensor) -> SceneGraph:
    """Predicate classification (PredCls): boxes and classes are given, relations the model's.

    A thing's relations are those of the cell whose predicted box overlaps it most.

    Args:
        boxes: predicted in this frame, [N, 4]; relations: logits [N, 26].
    """
    person = truth.objects == 0
    things = truth.boxes[~person]
    given = torch.as_tensor(things).to(boxes)
    best = iou_matrix(given, boxes).argmax(dim=-1)
    return SceneGraph(
        persons=truth.boxes[person],
        person_scores=np.ones(int(person.sum())),
        things=things,
        classes=truth.objects[~person],
        thing_scores=np.ones(len(things)),
        relations=_array(relations[best].sigmoid()),
    )


def triplet_recall(
    truths: Sequence[Truth],
    graphs: Sequence[SceneGraph],
    *,
    ks: Sequence[int] = (10, 20, 50),
    threshold: float = 0.5,
    constraint: bool = False,
) -> dict[int, float]:
    """Recall@K of (person, relation, thing), averaged over frames with one person.

    A triplet scores person × thing × relation, and finds a true one if relation and class agree
    and both boxes overlap theirs by ``threshold`` or more. The annotation does not say which of
    two persons a relation is about, so frames with two are left out, as are those without triplets.

    Args:
        constraint: allow each pair only its likeliest attention, spatial and contacting relation.

    Returns:
        K → recall, NaN if no frame counts.
    """
    recalls: dict[int, list[float]] = {k: [] for k in ks}
    for truth, graph in zip(truths, graphs, strict=True):
        person = truth.objects == 0
        wanted = np.argwhere(truth.relations & ~person[:, None])
        if person.sum() != 1 or not len(wanted):
            continue
        of_person = _overlaps(graph.persons, truth.boxes[person])[:, 0] >= threshold
        same = graph.classes[:, None] == truth.objects
        of_thing = (_overlaps(graph.things, truth.boxes) >= threshold) & same
        relations = _likeliest(graph.relations) if constraint else graph.relations
        pairs = graph.person_scores[:, None] * graph.thing_scores
        scores = pairs[..., None] * relations
        ranking = np.argsort(-scores, axis=None, kind="stable")[: max(ks)]
        ranking = ranking[scores.ravel()[ranking] > 0]
        subject, thing, relation = np.unravel_index(ranking, scores.shape)
        found = (
            of_person[subject, None]
            & of_thing[thing][:, wanted[:, 0]]
            & (relation[:, None] == wanted[:, 1])
        )
        for k in ks:
            recalls[k].append(float(found[:k].any(axis=0).mean()))
    return {k: float(np.mean(values)) if values else float("nan") for k, values in recalls.items()}


def _likeliest(relations: Array) -> Array:
    kept = np.zeros_like(relations)
    rows = np.arange(len(relations))
    for kind in _KINDS_OF_RELATION:
        best = relations[:, kind].argmax(axis=1) + kind.start
        kept[rows, best] = relations[rows, best]
    return kept


def presence_auc(pooled: Array, present: Flags) -> Array:
    """ROC AUC of each class's pooled probability as evidence that the scene has it; NaN if all do
    or none does.

    Args:
        pooled: [frames, classes], such as the maximum over cells of the softmax; present: alike.
    """
    # Mann–Whitney: of pairs of a scene with the class and one without, the share that is in order.
    ranks = rankdata(pooled, axis=0)
    with_it, without = present.sum(axis=0), (~present).sum(axis=0)
    above = (ranks * present).sum(axis=0) - with_it * (with_it + 1) / 2
    mixed = (with_it > 0) & (without > 0)
    areas: Array = np.full(present.shape[1], np.nan)
    areas[mixed] = above[mixed] / (with_it * without)[mixed]
    return areas


def video_average_precision(truths: Sequence[Truth], detections: Sequence[Detections]) -> Array:
    """Charades' measure: average precision [157] of naming the actions of whole videos.

    A video's score for an action is the highest of its detections; places do not count. The curve
    is not interpolated (Charades_v1_classify); NaN for actions of no video.
    """
    from sklearn.metrics import average_precision_score  # takes a second

    videos = {name: row for row, name in enumerate(sorted({truth.video for truth in truths}))}
    scores = np.zeros((len(videos), 157))
    actions = np.zeros((len(videos), 157), dtype=bool)
    for truth, found in zip(truths, detections, strict=True):
        row = videos[truth.video]
        best = (found.actions * found.confidence[:, None]).max(axis=0, initial=0)
        scores[row] = np.maximum(scores[row], best)
        actions[row] |= truth.actions.any(axis=0)
    precisions = np.full(157, np.nan)
    for index in np.flatnonzero(actions.any(axis=0)):
        precisions[index] = average_precision_score(actions[:, index], scores[:, index])
    return precisions
