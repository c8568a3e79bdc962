"""Decoupled heads and predictors, as in YOWOv2 with the document's three class heads.

Re-implemented from recorded facts; initial weights, and the boxes' biases, are PyTorch's.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from fixbench.systems.yowo._blocks import convolution

__all__ = [
    "ACTIONS",
    "OBJECTS",
    "PRIOR_BIAS",
    "RELATIONS",
    "DecoupledHead",
    "Predictors",
]

#: Action Genome's objects (the person is 0) and relations, Charades' actions.
OBJECTS, RELATIONS, ACTIONS = 36, 26, 157

#: Initial bias of every class and of the confidence: the logit of 1 %, −4.595.
PRIOR_BIAS = -math.log(99)


class DecoupledHead(nn.Module):
    """Two 3 x 3 convolutions each for the class and the box features [B, width, H, W]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.classes = nn.Sequential(convolution(width, width, 3), convolution(width, width, 3))
        self.boxes = nn.Sequential(convolution(width, width, 3), convolution(width, width, 3))

    def forward(self, classes: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        return self.classes(classes), self.boxes(boxes)


class Predictors(nn.Module):
    """1 x 1 convolutions: confidence and box from box features, the classes from theirs."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.confidence = nn.Conv2d(width, 1, 1)
        self.boxes = nn.Conv2d(width, 4, 1)
        self.objects = nn.Conv2d(width, OBJECTS, 1)
        self.relations = nn.Conv2d(width, RELATIONS, 1)
        self.actions = nn.Conv2d(width, ACTIONS, 1)
        for predictor in (self.confidence, self.objects, self.relations, self.actions):
            assert predictor.bias is not None
            nn.init.constant_(predictor.bias, PRIOR_BIAS)
