"""Detection metrics: by hand, against plain loops, and against their definitions."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from fixbench.systems.yowo._metrics import (
    Detections,
    SceneGraph,
    Truth,
    average_precision,
    detect,
    detected_cells,
    detected_graph,
    mean_of,
    presence_auc,
    triplet_recall,
    true_graph,
    video_average_precision,
)
from fixbench.systems.yowo._model import Predictions

OBJECTS, RELATIONS, ACTIONS = 36, 26, 157


def _truth(boxes: Any, objects: Any, relations: Any = (), actions: Any = (), **names: Any) -> Truth:
    """``relations`` and ``actions``: (row, class) pairs."""
    rows = len(objects)
    related, acting = np.zeros((rows, RELATIONS), bool), np.zeros((rows, ACTIONS), bool)
    for row, index in relations:
        related[row, index] = True
    for row, index in actions:
        acting[row, index] = True
    places = np.array(boxes, dtype=float).reshape(-1, 4)
    return Truth(places, np.array(objects, dtype=int), related, acting, **names)


def _found(
    boxes: Any, confidence: Any, objects: Any = (), relations: Any = (), actions: Any = ()
) -> Detections:
    """Probabilities as (row, class, probability)."""
    rows = len(confidence)
    out = []
    for given, width in ((objects, OBJECTS), (relations, RELATIONS), (actions, ACTIONS)):
        values = np.zeros((rows, width))
        for row, index, probability in given:
            values[row, index] = probability
        out.append(values)
    places = np.array(boxes, dtype=float).reshape(-1, 4)
    return Detections(places, np.array(confidence, dtype=float), *out)


BOX, ASIDE, FAR = [0, 0, 10, 10], [0, 0, 10, 4], [50, 50, 60, 60]


def test_average_precision_by_hand() -> None:
    """Three boxes; by score: hit, miss, hit. Precision 1, then 2/3 (not 1/2): (1 + 2/3) / 3."""
    truths = [_truth([BOX, FAR], [5, 5]), _truth([BOX], [5])]
    found = [
        _found([BOX, ASIDE], [0.9, 0.8], objects=[(0, 5, 1), (1, 5, 1)]),
        _found([BOX], [0.7], objects=[(0, 5, 1)]),
    ]
    precisions = average_precision(truths, found, "objects")
    assert precisions[5] == pytest.approx((1 + 2 / 3) / 3)
    assert np.isnan(precisions).sum() == OBJECTS - 1
    assert mean_of(precisions) == pytest.approx((1 + 2 / 3) / 3)


def test_a_box_is_found_once() -> None:
    truths = [_truth([BOX], [5])]
    twice = [_found([BOX, BOX], [0.9, 0.8], objects=[(0, 5, 1), (1, 5, 1)])]
    assert average_precision(truths, twice, "objects")[5] == 1
    # The first of two that hit leaves nothing to the second, which now ranks before a real hit.
    more = [_truth([BOX, FAR], [5, 5])]
    found = [_found([BOX, BOX, FAR], [0.9, 0.8, 0.7], objects=[(i, 5, 1) for i in range(3)])]
    assert average_precision(more, found, "objects")[5] == pytest.approx((1 + 2 / 3) / 2)


def test_a_detection_takes_the_free_box_that_it_overlaps_most() -> None:
    """As in COCO's evaluator: the second detection takes the other box, which it overlaps by .6."""
    truths = [_truth([[0, 0, 10, 10], [0, 0, 10, 6]], [5, 5])]
    found = [_found([BOX, BOX], [0.9, 0.8], objects=[(0, 5, 1), (1, 5, 1)])]
    assert average_precision(truths, found, "objects")[5] == 1
    assert average_precision(truths, found, "objects", threshold=0.61)[5] == pytest.approx(0.5)


def test_frames_are_kept_apart() -> None:
    """Both boxes are found, each in the other's frame."""
    truths = [_truth([BOX], [5]), _truth([FAR], [7])]
    found = [_found([FAR], [0.9], objects=[(0, 7, 1)]), _found([BOX], [0.9], objects=[(0, 5, 1)])]
    precisions = average_precision(truths, found, "objects")
    assert precisions[5] == precisions[7] == 0
    assert (average_precision(truths, found[::-1], "objects")[[5, 7]] == 1).all()


def test_an_overlap_of_exactly_the_threshold_counts() -> None:
    truths = [_truth([[0, 0, 10, 10]], [5])]
    found = [_found([[0, 0, 10, 5]], [0.9], objects=[(0, 5, 1)])]
    assert average_precision(truths, found, "objects")[5] == 1


def test_the_documents_evaluator_ignores_confidence() -> None:
    """A background cell that is sure of its class: last by our score, first by the document's."""
    truths = [_truth([BOX], [0], actions=[(0, 132)])]
    found = [_found([BOX, FAR], [0.9, 0.01], actions=[(0, 132, 0.8), (1, 132, 0.99)])]
    assert average_precision(truths, found, "actions")[132] == 1
    ranked = average_precision(truths, found, "actions", with_confidence=False)
    assert ranked[132] == pytest.approx(0.5)


def test_relations_and_actions_are_of_boxes_with_several_classes() -> None:
    truths = [_truth([BOX, FAR], [0, 9], relations=[(0, 0), (0, 3), (1, 3)])]
    found = [_found([BOX, FAR], [1, 1], relations=[(0, 0, 0.5), (0, 3, 0.4), (1, 3, 0.9)])]
    precisions = average_precision(truths, found, "relations")
    assert precisions[0] == precisions[3] == 1
    assert np.isnan(precisions[1])


def test_nothing_found_is_zero_and_nothing_true_is_nan() -> None:
    truths = [_truth([BOX], [5])]
    nothing = [_found([], [])]
    assert average_precision(truths, nothing, "objects")[5] == 0
    assert math.isnan(mean_of(average_precision(truths, nothing, "actions")))
    with pytest.raises(ValueError, match="no frames"):
        average_precision([], [], "objects")


def test_means_over_some_classes() -> None:
    values = np.array([0.5, np.nan, 1.0, 0.0])
    assert mean_of(values) == 0.5
    assert mean_of(values, {0, 1, 2}) == 0.75
    assert math.isnan(mean_of(values, {1}))


def _random_frames(seed: int, frames: int = 12) -> tuple[Any, Any]:
    generator = np.random.default_rng(seed)

    def boxes(count: int) -> np.ndarray:
        corner = generator.integers(0, 12, size=(count, 2))
        return np.concatenate([corner, corner + generator.integers(4, 10, (count, 2))], 1) * 1.0

    truths, found = [], []
    for number in range(frames):
        count, guesses = int(generator.integers(0, 5)), int(generator.integers(0, 12))
        places = boxes(count)
        truths.append(
            Truth(
                places,
                generator.integers(0, 3, size=count),
                generator.random((count, RELATIONS)) < 0.2,
                generator.random((count, ACTIONS)) < 0.05,
                video=f"v{number % 4}",
            )
        )
        near = places[generator.integers(0, count, size=guesses)] if count else boxes(guesses)
        near = near + generator.integers(-2, 3, size=(guesses, 4)) * 0.5
        objects = generator.random((guesses, OBJECTS))
        found.append(
            Detections(
                near,
                generator.random(guesses),
                objects / objects.sum(axis=1, keepdims=True),
                generator.random((guesses, RELATIONS)),
                generator.random((guesses, ACTIONS)),
            )
        )
    return truths, found


def _overlap(a: Any, b: Any) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / union


def _plain_average_precision(
    truths: Any, found: Any, index: Any, is_member: Any, score_of: Any
) -> float:
    """Step by step: match, curve, envelope, integral."""
    ranked = sorted(
        (
            (score_of(d, row, index), f, row)
            for f, d in enumerate(found)
            for row in range(len(d.boxes))
        ),
        key=lambda entry: -entry[0],
    )
    free = {
        (f, row)
        for f, t in enumerate(truths)
        for row in range(len(t.boxes))
        if is_member(t, row, index)
    }
    positives = len(free)
    if not positives:
        return math.nan
    true, recalls, precisions = 0, [0.0], [0.0]
    for rank, (_, f, row) in enumerate(ranked, start=1):
        best, where = 0.0, None
        for place in sorted(free):
            if place[0] == f:
                overlap = _overlap(found[f].boxes[row], truths[f].boxes[place[1]])
                if overlap > best:
                    best, where = overlap, place
        if where is not None and best >= 0.5:
            free.remove(where)
            true += 1
        recalls.append(true / positives)
        precisions.append(true / rank)
    for i in range(len(precisions) - 2, -1, -1):
        precisions[i] = max(precisions[i], precisions[i + 1])
    pairs = zip(itertools.pairwise(recalls), precisions[1:], strict=True)
    return sum((after - before) * precision for (before, after), precision in pairs)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("task", ["objects", "relations", "actions"])
@pytest.mark.parametrize("with_confidence", [True, False])
def test_average_precision_is_that_of_a_plain_loop(
    seed: int, task: Any, with_confidence: bool
) -> None:
    truths, found = _random_frames(seed)
    precisions = average_precision(truths, found, task, with_confidence=with_confidence)

    def member(truth: Any, row: Any, index: Any) -> Any:
        return (
            truth.objects[row] == index if task == "objects" else getattr(truth, task)[row, index]
        )

    def score(detections: Any, row: Any, index: Any) -> Any:
        weight = detections.confidence[row] if with_confidence else 1
        return getattr(detections, task)[row, index] * weight

    expected = [
        _plain_average_precision(truths, found, index, member, score)
        for index in range(min(12, len(precisions)))
    ]
    np.testing.assert_allclose(precisions[: len(expected)], expected, atol=1e-12)
    assert np.nanmax(precisions) > 0.1


def _predictions(confidence: Any, objects: Any, boxes: Any) -> Predictions:
    cells = confidence.shape[1]
    return Predictions(
        confidence=confidence,
        objects=objects,
        relations=torch.zeros(*confidence.shape, RELATIONS),
        actions=torch.zeros(*confidence.shape, ACTIONS),
        boxes=boxes,
        centres=torch.zeros(cells, 2),
        strides=torch.ones(cells),
    )


def test_detections_are_the_confident_cells_without_doubles_of_a_class() -> None:
    boxes = torch.tensor([[BOX, [0, 0, 10, 9], [0, 1, 10, 10], FAR, FAR]] * 2).float()
    probabilities = torch.tensor([[0.9, 0.8, 0.7, 0.6, 0.005], [0.001] * 5])
    objects = torch.zeros(2, 5, OBJECTS)
    for cell, index in enumerate([4, 4, 6, 4, 4]):
        objects[:, cell, index] = 9
    first, second = detect(_predictions(probabilities.logit(), objects, boxes))
    # The second box doubles the first; the third has another class; the last is not confident.
    assert first.boxes.tolist() == [BOX, [0, 1, 10, 10], FAR]
    np.testing.assert_allclose(first.confidence, [0.9, 0.7, 0.6], rtol=1e-5)
    np.testing.assert_allclose(first.objects.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(first.relations, 0.5)
    assert first.objects.argmax(axis=1).tolist() == [4, 6, 4]
    assert second.boxes.shape == (0, 4)
    assert second.actions.shape == (0, ACTIONS)
    predictions = _predictions(probabilities.logit(), objects, boxes)
    (top, _) = detect(predictions, detected_cells(predictions, candidates=1))
    assert top.boxes.tolist() == [BOX]


# --- scene graphs


PERSON, CUP, TABLE = [0, 0, 10, 20], [30, 0, 40, 10], [30, 20, 60, 40]
LOOKING, ABOVE, HOLDING = 0, 3, 14


def _scene() -> Truth:
    """A person who looks at the cup and holds it, and is above the table: three triplets."""
    related = [(1, LOOKING), (1, HOLDING), (2, ABOVE)]
    return _truth([PERSON, CUP, TABLE], [0, 10, 31], relations=[(0, LOOKING), *related])


def _graph(
    relations: Any,
    things: tuple[Any, Any] = (CUP, TABLE),
    classes: tuple[int, int] = (10, 31),
    persons: tuple[Any] = (PERSON,),
    scores: Any = None,
) -> SceneGraph:
    values = np.zeros((len(things), RELATIONS))
    for row, index, probability in relations:
        values[row, index] = probability
    return SceneGraph(
        persons=np.array(persons, dtype=float).reshape(-1, 4),
        person_scores=np.ones(len(persons)),
        things=np.array(things, dtype=float).reshape(-1, 4),
        classes=np.array(classes),
        thing_scores=np.ones(len(things)) if scores is None else np.array(scores),
        relations=values,
    )


def test_triplet_recall_by_hand() -> None:
    ranked = [(0, LOOKING, 0.9), (1, HOLDING, 0.8), (0, HOLDING, 0.7), (1, ABOVE, 0.1)]
    recall = triplet_recall([_scene()], [_graph(ranked)], ks=(1, 2, 3, 4, 50))
    assert recall == {1: 1 / 3, 2: 1 / 3, 3: 2 / 3, 4: 1, 50: 1}


def test_with_the_constraint_a_pair_has_one_relation_of_each_kind() -> None:
    """The cup's second contacting relation displaces the true one, its attention does not."""
    ranked = [(0, 20, 0.9), (0, HOLDING, 0.8), (0, LOOKING, 0.7), (1, ABOVE, 0.6)]
    graph = _graph(ranked)
    assert triplet_recall([_scene()], [graph], ks=(4,)) == {4: 1}
    assert triplet_recall([_scene()], [graph], ks=(4,), constraint=True) == {
        4: pytest.approx(2 / 3)
    }


def test_boxes_and_classes_must_agree() -> None:
    right = [(0, LOOKING, 0.9), (0, HOLDING, 0.8), (1, ABOVE, 0.7)]
    scene = [_scene()]

    def recall(relations: Any = right, **changes: Any) -> float:
        return triplet_recall(scene, [_graph(relations, **changes)], ks=(50,))[50]

    assert recall() == 1
    assert recall(classes=(11, 31)) == pytest.approx(1 / 3)
    assert recall(things=([30, 0, 40, 4], TABLE)) == pytest.approx(1 / 3)
    assert recall(persons=([0, 0, 10, 9],)) == 0
    assert recall(persons=([0, 0, 10, 9], PERSON)) == 1
    assert recall(persons=()) == 0
    assert recall(things=(), classes=(), relations=()) == 0


def test_scores_of_boxes_count() -> None:
    related = [(0, LOOKING, 0.5), (1, ABOVE, 0.9)]
    scene = _truth([PERSON, CUP, TABLE], [0, 10, 31], relations=[(1, LOOKING)])
    assert triplet_recall([scene], [_graph(related)], ks=(1,)) == {1: 0}
    assert triplet_recall([scene], [_graph(related, scores=[1, 0.5])], ks=(1,)) == {1: 1}


def test_frames_with_two_persons_or_without_triplets_do_not_count() -> None:
    two = _truth([PERSON, FAR, CUP], [0, 0, 10], relations=[(2, LOOKING)])
    none = _truth([PERSON, CUP], [0, 10])
    graph = _graph([(0, LOOKING, 0.9)])
    assert math.isnan(triplet_recall([two, none], [graph, graph], ks=(5,))[5])
    assert triplet_recall([two, none, _scene()], [graph] * 3, ks=(5,)) == {5: pytest.approx(1 / 3)}


def test_what_was_not_found_finds_nothing() -> None:
    """A relation of probability 0 is no guess, or any K beyond their number would find all."""
    assert triplet_recall([_scene()], [_graph([])], ks=(500,)) == {500: 0}


@pytest.mark.parametrize("seed", range(5))
def test_triplet_recall_is_that_of_a_plain_loop(seed: int) -> None:
    truths, found = _random_frames(seed, frames=8)
    truths = [
        Truth(t.boxes, np.minimum(np.arange(len(t.boxes)), 2), t.relations, t.actions)
        for t in truths
    ]
    graphs = [detected_graph(_sharpened(d)) for d in found]
    recalls = []
    for truth, graph in zip(truths, graphs, strict=True):
        wanted = [
            (row, relation)
            for row in range(1, len(truth.boxes))
            for relation in range(RELATIONS)
            if truth.relations[row, relation]
        ]
        if not wanted:
            continue
        guesses = sorted(
            (
                (graph.person_scores[p] * graph.thing_scores[q] * graph.relations[q, r], p, q, r)
                for p in range(len(graph.persons))
                for q in range(len(graph.things))
                for r in range(RELATIONS)
            ),
            reverse=True,
        )[:20]
        hit = {
            (row, relation)
            for row, relation in wanted
            for _, p, q, r in guesses
            if r == relation
            and graph.classes[q] == truth.objects[row]
            and _overlap(graph.persons[p], truth.boxes[0]) >= 0.5
            and _overlap(graph.things[q], truth.boxes[row]) >= 0.5
        }
        recalls.append(len(hit) / len(wanted))
    assert triplet_recall(truths, graphs, ks=(20,))[20] == pytest.approx(np.mean(recalls))


def _sharpened(detections: Detections) -> Detections:
    """Objects of the first three classes only."""
    objects = np.zeros_like(detections.objects)
    objects[:, :3] = detections.objects[:, :3] + 0.01
    return Detections(
        detections.boxes, detections.confidence, objects, detections.relations, detections.actions
    )


def test_a_detected_graph_has_the_likeliest_classes() -> None:
    found = _found(
        [PERSON, CUP, TABLE],
        [0.9, 0.5, 0.4],
        objects=[(0, 0, 0.8), (1, 10, 0.6), (1, 0, 0.3), (2, 31, 1.0)],
        relations=[(1, LOOKING, 0.7)],
    )
    graph = detected_graph(found)
    assert graph.persons.tolist() == [PERSON]
    np.testing.assert_allclose(graph.person_scores, [0.72])
    assert graph.classes.tolist() == [10, 31]
    np.testing.assert_allclose(graph.thing_scores, [0.3, 0.4])
    assert graph.relations[0, LOOKING] == 0.7
    assert detected_graph(_found([], [])).persons.shape == (0, 4)


def test_a_true_graph_takes_relations_from_the_best_cell() -> None:
    boxes = torch.tensor([PERSON, [31, 0, 40, 10], [30, 0, 40, 6], TABLE], dtype=torch.float32)
    relations = torch.full((4, RELATIONS), -50.0)
    relations[1, LOOKING] = relations[1, HOLDING] = relations[3, ABOVE] = 50
    relations[2, 1] = 50  # a worse box of the cup
    graph = true_graph(_scene(), boxes, relations)
    assert triplet_recall([_scene()], [graph], ks=(3,)) == {3: 1}
    assert graph.classes.tolist() == [10, 31]


# --- presence and videos


def test_presence_is_the_share_of_pairs_in_the_right_order() -> None:
    generator = np.random.default_rng(3)
    pooled = np.round(generator.random((30, 4)), 1)  # with ties
    present = generator.random((30, 4)) < 0.4
    present[:, 2], present[:, 3] = True, False
    areas = presence_auc(pooled, present)
    for index in range(2):
        yes, no = pooled[present[:, index], index], pooled[~present[:, index], index]
        pairs = (yes[:, None] > no) + 0.5 * (yes[:, None] == no)
        assert areas[index] == pytest.approx(pairs.mean())
    assert np.isnan(areas[2:]).all()


def test_actions_of_whole_videos() -> None:
    truths, found = _random_frames(2, frames=16)
    precisions = video_average_precision(truths, found)
    videos = ["v0", "v1", "v2", "v3"]
    index = int(np.flatnonzero(~np.isnan(precisions))[0])
    members = [[i for i, t in enumerate(truths) if t.video == name] for name in videos]
    labels = [any(truths[i].actions[:, index].any() for i in frames) for frames in members]
    scores = [
        max(
            (found[i].actions[:, index] * found[i].confidence).max() if len(found[i].boxes) else 0
            for i in frames
        )
        for frames in members
    ]
    assert precisions[index] == pytest.approx(average_precision_score(labels, scores))
    absent = [i for i in range(ACTIONS) if not any(t.actions[:, i].any() for t in truths)]
    assert np.isnan(precisions[absent]).all()
