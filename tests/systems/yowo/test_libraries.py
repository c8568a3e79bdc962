"""The same quantities by libraries that this project did not write, on random input."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest
import torch
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from sklearn.metrics import roc_auc_score
from torch import nn

from fixbench.detection import iou_matrix
from fixbench.systems.yowo._metrics import Detections, Truth, average_precision, presence_auc
from fixbench.systems.yowo._model import build_scene_context

from .conftest import context

SEEDS = range(4)
SIDE = 100


def _boxes(draw: np.random.Generator, count: int) -> Any:
    """Corners of boxes that often overlap."""
    low = draw.uniform(0, SIDE / 2, (count, 2))
    return np.concatenate([low, low + draw.uniform(20, SIDE / 2, (count, 2))], axis=1)


def _coco(boxes: Any) -> Any:
    """Corners as COCO writes them: x, y, width, height."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


@pytest.mark.parametrize("seed", SEEDS)
def test_overlaps_are_those_of_pycocotools(seed: int) -> None:
    draw = np.random.default_rng(seed)
    first, second = _boxes(draw, 40), _boxes(draw, 30)
    found = iou_matrix(torch.from_numpy(first), torch.from_numpy(second)).numpy()
    expected = mask.iou(_coco(first), _coco(second), [0] * len(second))
    assert (found > 0).mean() > 0.3
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def _frames(draw: np.random.Generator) -> tuple[list[Truth], list[Detections]]:
    """Boxes of three classes; detections near them, doubles, and some that are wrong."""
    truths, found = [], []
    for _ in range(8):
        boxes = _boxes(draw, int(draw.integers(1, 6)))
        classes = draw.integers(0, 3, len(boxes))
        nothing = np.zeros((len(boxes), 26), bool), np.zeros((len(boxes), 157), bool)
        truths.append(Truth(boxes, classes, *nothing))
        near = np.concatenate([boxes, boxes]) + draw.normal(0, 4, (2 * len(boxes), 4))
        places = np.concatenate([near, _boxes(draw, 3)])
        found.append(
            Detections(
                places,
                draw.uniform(size=len(places)),
                draw.uniform(size=(len(places), 36)),
                np.zeros((len(places), 26)),
                np.zeros((len(places), 157)),
            )
        )
    return truths, found


def _coco_precision(truths: list[Truth], found: list[Detections], label: int) -> float:
    """COCO's average precision of a class at IoU 0.5, on 20,001 recalls instead of 101."""
    annotations = [
        {
            "image_id": frame,
            "category_id": int(each),
            "bbox": box.tolist(),
            "area": float(box[2] * box[3]),
            "iscrowd": 0,
        }
        for frame, truth in enumerate(truths)
        for each, box in zip(truth.objects, _coco(truth.boxes), strict=True)
    ]
    scored = [
        {"image_id": frame, "category_id": label, "bbox": box.tolist(), "score": float(score)}
        for frame, one in enumerate(found)
        for box, score in zip(_coco(one.boxes), one.objects[:, label] * one.confidence, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        data = COCO()
        data.dataset = {
            "info": {},
            "images": [{"id": frame} for frame in range(len(truths))],
            "categories": [{"id": each} for each in range(36)],
            "annotations": [{"id": 1 + i, **each} for i, each in enumerate(annotations)],
        }
        data.createIndex()
        evaluation = COCOeval(data, data.loadRes(scored), "bbox")
        evaluation.params.catIds = [label]
        evaluation.params.iouThrs = np.array([0.5])
        evaluation.params.recThrs = np.linspace(0, 1, 20_001)
        evaluation.params.maxDets = [1000]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return float(evaluation.eval["precision"].mean())


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision_is_that_of_pycocotools(seed: int) -> None:
    """The difference is that between the area under the curve and its mean over 20,001 recalls."""
    truths, found = _frames(np.random.default_rng(seed))
    precisions = average_precision(truths, found, "objects")
    for label in range(3):
        assert 0.02 < precisions[label] < 0.98
        assert precisions[label] == pytest.approx(_coco_precision(truths, found, label), abs=2e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_presence_is_scored_as_by_scikit_learn(seed: int) -> None:
    """With ties, and a class that every frame has."""
    draw = np.random.default_rng(seed)
    pooled = draw.uniform(size=(50, 6)).round(1)
    present = draw.uniform(size=(50, 6)) < 0.2 + 0.6 * pooled
    present[:, 5] = True
    found = presence_auc(pooled, present)
    assert np.isnan(found[5])
    expected = [roc_auc_score(present[:, index], pooled[:, index]) for index in range(5)]
    np.testing.assert_allclose(found[:5], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["attention", "logit_attention"])
def test_attention_and_its_gradients_are_pytorch_s(kind: str) -> None:
    """`MultiheadAttention` between the projections of B and of C."""
    torch.manual_seed(0)
    module: Any = build_scene_context(context(kind), 64).double()
    maps = [torch.randn(2, n, 3, 5, dtype=torch.float64) for n in (64, 36, 26)]
    reference = nn.MultiheadAttention(64, 4, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.eye(64).repeat(3, 1))
        reference.in_proj_bias.zero_()
        reference.out_proj.weight.copy_(module.out.weight.flatten(1))
        reference.out_proj.bias.copy_(module.out.bias)

    def by_pytorch(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        query, key, told = module._query_key_context(x, *maps[1:])
        value = module.value(module._carried(x, told))
        tokens = [each.flatten(2).transpose(1, 2) for each in (query, key, value)]
        out, weights = reference(*tokens, average_attn_weights=False)
        return module.norm(x + out.transpose(1, 2).unflatten(2, (3, 5))), weights

    outs, gradients = [], []
    for forward in (lambda x: module(x, *maps[1:]), lambda x: by_pytorch(x)[0]):
        x = maps[0].clone().requires_grad_()
        out = forward(x)
        out.square().mul(maps[0]).sum().backward()
        outs.append(out)
        gradients.append(x.grad)
    torch.testing.assert_close(*outs)
    torch.testing.assert_close(*gradients)
    torch.testing.assert_close(module.attention(*maps), by_pytorch(maps[0])[1])
