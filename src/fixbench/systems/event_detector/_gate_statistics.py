"""What the gates of a trained detector are like, stride by stride.

The document has small strides emphasise spatial detail and large ones semantics, without saying how
that would be seen. Two measures are given: where the spatial gate is open, by its correlation with
small boxes; and which channels the channel gate opens, by the correlation over channels of its mean
with the share of the channel's variance that is detail, that is, what a mean over 3 x 3 cells
removes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fixbench.systems.event_detector._detections import Evaluated
from fixbench.systems.event_detector._material import Material

__all__ = ["correlation", "gate_values", "small_box_map"]

#: A gate this near to 0 or 1 counts as saturated.
_MARGIN = 0.05


def gate_values(found: Evaluated, material: Material, small_area: float) -> dict[str, float]:
    """Metric → value: mean, variance and saturated share of every gate at every stride; the two
    correlations, which are 0 where a side does not vary; and ``kept``, the mean cosine between what
    goes into the attention of a stride and what comes out.
    """
    values: dict[str, float] = {}
    for stride, gates in sorted(found.gates.items()):
        for name, parts in sorted(gates.items()):
            if name == "detail":
                continue
            if name.startswith("kept/"):
                kept = torch.cat([part for part, _ in parts]).double()
                values[f"{name}/{stride}"] = kept.mean().item()
                continue
            gate = torch.cat([part.flatten() for part, _ in parts]).double()
            saturated = (gate < _MARGIN) | (gate > 1 - _MARGIN)
            values[f"gate_mean/{name}/{stride}"] = gate.mean().item()
            values[f"gate_variance/{name}/{stride}"] = gate.var(correction=0).item()
            values[f"gate_saturated/{name}/{stride}"] = saturated.double().mean().item()
        if "spatial" in gates:
            pairs = [
                (part[row, 0], small_box_map(material.boxes[n], part.shape[2:], stride, small_area))
                for part, numbers in gates["spatial"]
                for row, n in enumerate(numbers.tolist())
            ]
            values[f"gate_on_small_boxes/{stride}"] = correlation(
                torch.cat([gate.flatten() for gate, _ in pairs]),
                torch.cat([inside.flatten() for _, inside in pairs]),
            )
        if "channel" in gates and "detail" in gates:
            gate = torch.cat([part for part, _ in gates["channel"]]).mean(dim=0)
            detail = torch.cat([part for part, _ in gates["detail"]]).mean(dim=0)
            values[f"gate_on_detail/{stride}"] = correlation(gate, detail)
    return values


def small_box_map(boxes: Tensor, size: torch.Size, stride: int, small_area: float) -> Tensor:
    """1 in cells whose square touches a box of less than ``small_area``, else 0: [H, W]."""
    covered = torch.zeros(tuple(size))
    for x1, y1, x2, y2 in boxes.tolist():
        if (x2 - x1) * (y2 - y1) < small_area:
            rows = slice(max(0, math.floor(y1 / stride)), max(0, math.ceil(y2 / stride)))
            columns = slice(max(0, math.floor(x1 / stride)), max(0, math.ceil(x2 / stride)))
            covered[rows, columns] = 1
    return covered


def correlation(first: Tensor, second: Tensor) -> float:
    """Pearson's; 0 where one of them does not vary."""
    a = first.double() - first.double().mean()
    b = second.double() - second.double().mean()
    size = (a.square().sum() * b.square().sum()).sqrt()
    return ((a * b).sum() / size).item() if size > 0 else 0.0
