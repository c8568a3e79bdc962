"""COCO's average precision and Prophesee's choice of boxes."""

from __future__ import annotations

import contextlib
import io
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from fixbench.datasets.event_sequences import BOX_TYPE
from fixbench.systems.event_detector._evaluation import (
    Matched,
    average_precision,
    keep_boxes,
    scaled_limits,
)

Boxes = NDArray[Any]
AREAS = (144.0, 576.0)


def _boxes(*rows: tuple[float, ...]) -> Boxes:
    """Boxes (x, y, w, h, class, confidence)."""
    listed = [(0, x, y, w, h, int(label), 0, score) for x, y, w, h, label, score in rows]
    return np.array(listed, dtype=BOX_TYPE)


NOTHING = _boxes()


def _score(
    detections: list[Boxes], truths: list[Boxes], class_agnostic: bool = False
) -> dict[str, float]:
    return average_precision(detections, truths, areas=AREAS, class_agnostic=class_agnostic)


# By the reference implementation.


def _reference(
    detections: list[Boxes], truths: list[Boxes], class_agnostic: bool
) -> dict[str, float]:
    """The same by pycocotools."""

    def dataset(frames: list[Boxes]) -> COCO:
        made = COCO()
        rows = [(frame, box) for frame, boxes in enumerate(frames) for box in boxes]
        made.dataset = {
            "images": [{"id": frame} for frame in range(len(frames))],
            "categories": [{"id": label} for label in range(3)],
            "annotations": [
                {
                    "id": number,
                    "image_id": frame,
                    "category_id": int(box["class_id"]),
                    "bbox": [float(box[side]) for side in "xywh"],
                    "area": float(box["w"]) * float(box["h"]),
                    "iscrowd": 0,
                    "score": float(box["class_confidence"]),
                }
                for number, (frame, box) in enumerate(rows, start=1)
            ],
        }
        made.createIndex()
        return made

    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(dataset(truths), dataset(detections), "bbox")
        evaluation.params.useCats = int(not class_agnostic)
        evaluation.params.maxDets = [100]
        low, high = AREAS
        evaluation.params.areaRng = [(0, 1e10), (0, low), (low, high), (high, 1e10)]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][..., 0]

    def mean(part: NDArray[np.float64]) -> float:
        return float(part[part > -1].mean())

    values = {"AP": mean(precision[..., 0]), "AP50": mean(precision[0, ..., 0])}
    values |= {f"AP_{name}": mean(precision[..., 1 + i]) for i, name in enumerate("SML")}
    if not class_agnostic:
        values |= {f"AP/{label}": mean(precision[:, :, label, 0]) for label in range(3)}
    return values


@pytest.mark.parametrize("class_agnostic", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_values_are_those_of_pycocotools(seed: int, class_agnostic: bool) -> None:
    random = np.random.default_rng(seed)

    def boxes(count: int) -> Boxes:
        found = np.zeros(count, dtype=BOX_TYPE)
        found["x"], found["y"] = random.uniform(0, 60, (2, count))
        found["w"], found["h"] = random.uniform(4, 36, (2, count))
        found["class_id"] = random.integers(0, 3, count)
        # In steps, so that some detections are equally sure.
        found["class_confidence"] = random.integers(0, 50, count) / 50
        return found

    truths = [boxes(int(random.integers(1, 6))) for _ in range(30)]
    detections = []
    for true in truths:
        near = true.copy()
        for side in "xywh":
            near[side] += random.normal(0, 1.5, len(near))
        detections.append(np.concatenate([near, boxes(int(random.integers(0, 15)))]))
    # No frame has more than the limit of detections.
    assert _score(detections, truths, class_agnostic) == pytest.approx(
        _reference(detections, truths, class_agnostic), abs=1e-12
    )


# By hand.


def test_the_same_boxes_are_perfect() -> None:
    boxes = _boxes((0, 0, 10, 10, 0, 0.9), (20, 20, 20, 20, 1, 0.8), (50, 10, 30, 30, 1, 0.7))
    assert _score([boxes], [boxes]) == pytest.approx(
        {"AP": 1, "AP50": 1, "AP_S": 1, "AP_M": 1, "AP_L": 1, "AP/0": 1, "AP/1": 1}
    )


@pytest.mark.parametrize("shift", range(8))
def test_thresholds_are_from_half_in_steps_of_a_twentieth(shift: int) -> None:
    """A box of 20 x 10, moved across by s, has IoU (20 - s) / (20 + s)."""
    truth = _boxes((10, 10, 20, 10, 0, 1))
    found = _boxes((10 + shift, 10, 20, 10, 0, 0.5))
    overlap = (20 - shift) / (20 + shift)
    reached = sum(overlap >= 0.5 + 0.05 * step - 1e-9 for step in range(10))
    values = _score([found], [truth])
    assert values["AP"] == pytest.approx(reached / 10)
    assert values["AP50"] == pytest.approx(float(overlap >= 0.5))


def test_precision_is_averaged_over_101_recalls() -> None:
    """Hit, miss, hit of two boxes: precision 1 up to recall 1/2, then 2/3."""
    truth = _boxes((0, 0, 10, 10, 0, 1), (40, 40, 10, 10, 0, 1))
    found = _boxes((0, 0, 10, 10, 0, 0.9), (20, 0, 10, 10, 0, 0.8), (40, 40, 10, 10, 0, 0.7))
    assert _score([found], [truth])["AP"] == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_a_second_detection_of_a_box_is_a_miss() -> None:
    truth = _boxes((0, 0, 10, 10, 0, 1), (40, 40, 10, 10, 0, 1))
    twice = _boxes((0, 0, 10, 10, 0, 0.9), (0, 0, 10, 10, 0, 0.8), (40, 40, 10, 10, 0, 0.7))
    assert _score([twice], [truth])["AP"] == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_classes_count_alike_and_confusion_costs_both() -> None:
    """One class of one box, missed; one of three, found."""
    truth = _boxes(
        (0, 0, 10, 10, 0, 1),
        (20, 0, 10, 10, 2, 1),
        (40, 0, 10, 10, 2, 1),
        (60, 0, 10, 10, 2, 1),
    )
    found = truth.copy()
    found["class_id"][0] = 5  # a class without a true box
    values = _score([found], [truth])
    assert (values["AP"], values["AP/0"], values["AP/2"]) == pytest.approx((0.5, 0, 1))
    assert "AP/5" not in values
    assert _score([found], [truth], class_agnostic=True)["AP"] == pytest.approx(1)


def test_boxes_of_other_areas_neither_help_nor_harm() -> None:
    """Areas 100, 400 and 900; what is found wrongly is small, and the best of all."""
    truth = _boxes((0, 0, 10, 10, 0, 1), (20, 20, 20, 20, 0, 1), (50, 10, 30, 30, 0, 1))
    found = _boxes((80, 50, 9, 9, 0, 0.9), (20, 20, 20, 20, 0, 0.8), (50, 10, 30, 30, 0, 0.7))
    values = _score([found], [truth])
    assert (values["AP_S"], values["AP_M"], values["AP_L"]) == pytest.approx((0, 1, 1))
    assert values["AP"] == pytest.approx(67 * 2 / 3 / 101)  # recall ends at 2/3


@pytest.mark.parametrize(
    ("side", "sizes"), [(11.9, "S"), (12, "SM"), (12.1, "M"), (23.9, "M"), (24, "ML"), (24.1, "L")]
)
def test_the_edges_of_areas_belong_to_both(side: float, sizes: str) -> None:
    truth = _boxes((0, 0, side, side, 0, 1))
    truth["w"] = truth["h"] = side
    values = _score([truth], [truth])
    assert {size for size in "SML" if not math.isnan(values[f"AP_{size}"])} == set(sizes)


def test_frames_without_a_true_box_do_not_count() -> None:
    """Prophesee asks only about times at which there is something."""
    truth = _boxes((0, 0, 10, 10, 0, 1))
    wrong = _boxes((30, 30, 10, 10, 0, 0.99))
    assert _score([wrong, truth], [NOTHING, truth])["AP"] == pytest.approx(1)
    both = np.concatenate([wrong, truth])
    both["class_confidence"] = [0.99, 0.5]
    assert _score([NOTHING, both], [NOTHING, truth])["AP"] == pytest.approx(0.5)


def test_without_truth_there_is_no_value_and_without_detections_none_is_found() -> None:
    values = _score([_boxes((0, 0, 9, 9, 0, 1))], [NOTHING])
    assert all(math.isnan(value) for value in values.values())
    assert set(values) == {"AP", "AP50", "AP_S", "AP_M", "AP_L"}
    values = _score([NOTHING], [_boxes((0, 0, 9, 9, 3, 1))])
    assert (values["AP"], values["AP_S"], values["AP/3"]) == (0, 0, 0)
    assert math.isnan(values["AP_L"])


def test_at_most_a_hundred_detections_a_frame() -> None:
    truth = _boxes((0, 0, 10, 10, 0, 1))
    wrong = [(30, 30, 10, 10, 0, 0.9)] * 99
    right = (0, 0, 10, 10, 0, 0.1)
    assert _score([_boxes(*wrong, right)], [truth])["AP"] == pytest.approx(0.01)
    assert _score([_boxes(*wrong, wrong[0], right)], [truth])["AP"] == 0


def test_it_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    boxes = _boxes((0, 0, 10, 10, 0, 1))
    _score([boxes], [boxes])
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


# Against an independent computation.


def _scene(seed: int) -> tuple[list[Boxes], list[Boxes]]:
    """Detections near the true boxes of 15 frames, some of another class, and others anywhere."""
    draw = np.random.default_rng(seed)
    detections, truths = [], []
    for _ in range(15):
        count = int(draw.integers(0, 4))
        size = draw.uniform(5, 34, (count, 2))
        truth = np.concatenate([draw.uniform(0, 60, (count, 2)), size], axis=1)
        labels = draw.integers(0, 3, count)
        near = np.repeat(truth, 3, axis=0)
        near = near + draw.normal(0, 1.5, near.shape)
        confused = np.where(draw.random(3 * count) < 0.7, np.repeat(labels, 3), 4)
        far = np.concatenate([draw.uniform(0, 60, (9, 2)), draw.uniform(5, 34, (9, 2))], axis=1)
        found = np.concatenate([near, far])
        found[:, 2:] = np.maximum(found[:, 2:], 1)
        classes = np.concatenate([confused, draw.integers(0, 5, 9)])
        scores = draw.permutation(len(found)) / 97
        truths.append(_boxes(*zip(*truth.T, labels, np.ones(count), strict=True)))
        detections.append(_boxes(*zip(*found.T, classes, scores, strict=True)))
    return detections, truths


def _overlap(a: Any, b: Any) -> float:
    width = min(a["x"] + a["w"], b["x"] + b["w"]) - max(a["x"], b["x"])
    height = min(a["y"] + a["h"], b["y"] + b["h"]) - max(a["y"], b["y"])
    common = max(float(width), 0) * max(float(height), 0)
    return common / (float(a["w"]) * float(a["h"]) + float(b["w"]) * float(b["h"]) - common)


def _plain(
    detections: list[Boxes],
    truths: list[Boxes],
    threshold: float,
    limits: tuple[float, float],
    label: int | None,
) -> float:
    """COCO's rules, box by box, at one threshold."""
    ranked: list[tuple[float, bool]] = []
    count = 0
    for found, true in zip(detections, truths, strict=True):
        if not len(true):
            continue
        boxes = [box for box in true if label is None or box["class_id"] == label]
        counts = [limits[0] <= float(b["w"]) * float(b["h"]) <= limits[1] for b in boxes]
        count += sum(counts)
        free = [True] * len(boxes)
        chosen = [box for box in found if label is None or box["class_id"] == label]
        for box in sorted(chosen, key=lambda box: -float(box["class_confidence"])):
            fits = [
                (counts[n], overlap, n)
                for n, other in enumerate(boxes)
                if free[n] and (overlap := _overlap(box, other)) >= threshold
            ]
            if fits:
                # A box that counts goes before one that does not, however much they overlap.
                inside, _, n = max(fits)
                free[n] = False
                if inside:
                    ranked.append((float(box["class_confidence"]), True))
            elif limits[0] <= float(box["w"]) * float(box["h"]) <= limits[1]:
                ranked.append((float(box["class_confidence"]), False))
    if not count:
        return math.nan
    ranked.sort(key=lambda entry: -entry[0])
    points, hits = [], 0
    for number, (_, hit) in enumerate(ranked, start=1):
        hits += hit
        points.append((hits / count, hits / number))
    return float(
        np.mean(
            [
                max((p for recall, p in points if recall >= least), default=0)
                for least in np.linspace(0, 1, 101)
            ]
        )
    )


@pytest.mark.parametrize("class_agnostic", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_precision_is_that_of_a_plain_loop(seed: int, class_agnostic: bool) -> None:
    detections, truths = _scene(seed)
    values = _score(detections, truths, class_agnostic)
    labels = [None] if class_agnostic else [0, 1, 2]
    thresholds = [0.5 + 0.05 * step for step in range(10)]
    ranges = {"AP": (0, 1e9), "AP_S": (0, 144), "AP_M": (144, 576), "AP_L": (576, 1e9)}
    table = {
        name: np.array(
            [
                [_plain(detections, truths, threshold, limits, label) for threshold in thresholds]
                for label in labels
            ]
        )
        for name, limits in ranges.items()
    }
    for name, array in table.items():
        assert values[name] == pytest.approx(np.nanmean(array), abs=1e-9)
    assert values["AP50"] == pytest.approx(np.nanmean(table["AP"][:, 0]), abs=1e-9)
    assert 0.05 < values["AP"] < 0.7
    if not class_agnostic:
        for label in (0, 1, 2):
            assert values[f"AP/{label}"] == pytest.approx(table["AP"][label].mean(), abs=1e-9)


@pytest.mark.parametrize("class_agnostic", [False, True])
def test_a_choice_of_frames_is_as_if_there_were_no_others(class_agnostic: bool) -> None:
    detections, truths = _scene(7)
    matched = Matched(detections, truths, areas=AREAS, class_agnostic=class_agnostic)
    for frames in ([0, 1, 2], [14, 3, 3, 8], [5]):
        expected = _score(
            [detections[n] for n in frames], [truths[n] for n in frames], class_agnostic
        )
        found = matched.average_precision(frames)
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, nan_ok=True, abs=1e-12)
    empty = [number for number, boxes in enumerate(truths) if not len(boxes)]
    assert math.isnan(matched.average_precision(empty)["AP"])
    assert matched.average_precision() == matched.average_precision(range(len(truths)))


def test_one_class_alone_scores_the_same_with_and_without_classes() -> None:
    detections, truths = _scene(2)
    for boxes in (*detections, *truths):
        boxes["class_id"] = 1
    with_classes, without = _score(detections, truths), _score(detections, truths, True)
    assert {name: with_classes[name] for name in without} == without


def test_confusing_classes_costs_nothing_without_them() -> None:
    """Right places with classes by chance: every class loses, the class-agnostic value does not."""
    _, truths = _scene(4)
    detections = [boxes.copy() for boxes in truths]
    draw = np.random.default_rng(0)
    for boxes in detections:
        boxes["class_id"] = draw.integers(0, 3, len(boxes))
    values = _score(detections, truths)
    assert _score(detections, truths, True)["AP"] == pytest.approx(1)
    assert max(values[f"AP/{label}"] for label in range(3)) < 0.8


# Which boxes count.


def test_limits_scale_with_the_width_of_frames() -> None:
    assert scaled_limits(1280) == (60, 20)
    assert scaled_limits(640) == (30, 10)
    assert scaled_limits(96) == (4.5, 1.5)


@pytest.mark.parametrize("columns", [1280, 640, 96])
def test_boxes_that_count_are_those_of_a_plain_loop(columns: int) -> None:
    limits = scaled_limits(columns)
    draw = np.random.default_rng(5)
    boxes = np.zeros(500, dtype=BOX_TYPE)
    boxes["t"] = draw.choice([0, 499_999, 500_000, 500_001, 900_000], 500)
    scale = columns / 1280
    boxes["w"], boxes["h"] = draw.integers(1, 90, 500) * scale, draw.integers(1, 90, 500) * scale
    boxes["track_id"] = np.arange(500)
    expected = [
        int(box["track_id"])
        for box in boxes
        if box["t"] > 500_000
        and math.hypot(float(box["w"]), float(box["h"])) >= limits.diagonal - 1e-9
        and min(box["w"], box["h"]) >= limits.side
    ]
    found = keep_boxes(boxes, skip_us=500_000, diagonal=limits.diagonal, side=limits.side)
    assert found["track_id"].tolist() == expected
    assert 50 < len(expected) < 200
