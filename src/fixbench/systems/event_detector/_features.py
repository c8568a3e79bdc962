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
    maps: list[list[Tensor]] = []
    for time in range(length):
        frames = [
            # Behind its end a piece sees nothing, and its sequence ends there too.
            (pieces[p].sequence, pieces[p].start + time)
            for p in places
        ]
        seen, state = backbone(material.batch(frames, device), state)
        maps.append(seen)
    rows = [
        (time, places.index(place)) for time, place in zip(found.times, found.places, strict=True)
    ]
    chosen = [
        torch.stack([maps[time][level][place] for time, place in rows])
        for level in range(len(maps[0]))
    ]
    assert state is not None
    behind = tuple((hidden.detach(), cell.detach()) for hidden, cell in state)
    return (chosen if rows else []), behind


@torch.no_grad()
def labelled_features(backbone: Backbone, material: Material, device: torch.device) -> list[Tensor]:
    """The maps of all labelled frames of a split, each sequence from its start: [N, C, H, W]."""
    training = backbone.training
    backbone.eval()
    numbers: list[int] = []
    maps: list[list[Tensor]] = []
    state: BackboneState | None = None
    places = range(len(material.frames))
    for frame in range(max(material.lengths)):
        seen, state = backbone(material.batch([(p, frame) for p in places], device), state)
        here = [p for p in places if frame in material.labels[p]]
        if here:
            numbers += [material.labels[p][frame] for p in here]
            maps.append([level[here] for level in seen])
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
