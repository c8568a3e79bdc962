"""What the backbone says of frames: computed at every step, or once by a frozen backbone.

The frozen backbone runs through each sequence from its start, so that its features carry the whole
past, also where a run takes a piece from the middle.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from fixbench.systems.event_detector._backbone import Backbone, BackboneState, reset
from fixbench.systems.event_detector._material import Material, load_material
from fixbench.systems.event_detector._model import Detector
from fixbench.systems.event_detector._pretrained import load_pretrained
from fixbench.systems.event_detector._sampling import LabelledRows, Pieces

__all__ = ["frozen_features", "labelled_features", "unroll"]

#: Sequences side by side, and frames of each, that the frozen backbone sees in one call.
_TOGETHER, _AT_ONCE = 16, 6


def unroll(
    backbone: Backbone,
    material: Material,
    pieces: Pieces,
    found: LabelledRows,
    state: BackboneState | None,
    device: torch.device,
) -> tuple[list[Tensor], BackboneState]:
    """Run the backbone over a step's pieces, from ``state`` where a piece continues.

    Returns:
        the maps of the labelled rows, and the state behind the step, detached.
    """
    places = sorted(pieces)
    state = reset(state, torch.tensor([pieces[p].first for p in places], device=device))
    length = max(piece.stop - piece.start for piece in pieces.values())
    # Behind its end a piece sees nothing, and its sequence ends there too.
    frames = [
        material.batch([(pieces[p].sequence, pieces[p].start + time) for p in places], device)
        for time in range(length)
    ]
    maps, state = backbone(torch.stack(frames), state)
    times = torch.tensor(found.times, dtype=torch.int64, device=device)
    of = torch.tensor([places.index(place) for place in found.places], dtype=torch.int64)
    chosen = [level[times, of.to(device)] for level in maps]
    return chosen, tuple((hidden.detach(), cell.detach()) for hidden, cell in state)


@torch.no_grad()
def labelled_features(backbone: Backbone, material: Material, device: torch.device) -> list[Tensor]:
    """The maps of all labelled frames of a split, each sequence from its start: [N, C, H, W]."""
    training = backbone.training
    backbone.eval()
    numbers: list[int] = []
    maps: list[list[Tensor]] = []
    for start in range(0, len(material.frames), _TOGETHER):
        places = range(start, min(start + _TOGETHER, len(material.frames)))
        length = max(material.lengths[place] for place in places)
        state: BackboneState | None = None
        for first in range(0, length, _AT_ONCE):
            times = range(first, min(first + _AT_ONCE, length))
            frames = [material.batch([(p, time) for p in places], device) for time in times]
            seen, state = backbone(torch.stack(frames), state)
            rows = [
                (row, column, material.labels[place][time])
                for row, time in enumerate(times)
                for column, place in enumerate(places)
                if time in material.labels[place]
            ]
            if rows:
                row, column, number = zip(*rows, strict=True)
                numbers += number
                maps.append([level[list(row), list(column)] for level in seen])
    backbone.train(training)
    order = torch.tensor(numbers).argsort().to(device)
    return [torch.cat(level)[order] for level in zip(*maps, strict=True)]


@functools.cache
def frozen_features(
    pretrained: Path, data: Path, split: str, classes: int, device: str, scales: int
) -> Sequence[Tensor]:
    """The same of a pretrained backbone; kept for all seeds of a job."""
    known = load_pretrained(pretrained)
    backbone = Detector(known.model.model_copy(update={"scales": scales}), 0).backbone
    backbone.load_state_dict(known.part("backbone"))
    material = load_material(data, split, classes)
    return labelled_features(backbone.to(device), material, torch.device(device))
