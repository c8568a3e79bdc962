"""Which frames of which sequences a step sees.

RVT (Gehrig and Scaramuzza, CVPR 2023): half of a batch goes through whole sequences, piece by
piece, with the state of the piece before; the other half takes pieces at random places, which start
without one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from fixbench.systems.event_detector._rows import Rows

__all__ = ["LabelledRows", "Piece", "in_order", "labelled_rows", "training_pieces"]


@dataclass(frozen=True)
class Piece:
    """Frames ``start`` to ``stop`` of a sequence.

    Attributes:
        first: whether the state is zero before it.
    """

    sequence: int
    start: int
    stop: int
    first: bool


#: Place in the batch → its piece.
Pieces = Mapping[int, Piece]


def training_pieces(
    frames: Sequence[int],
    *,
    samples: int,
    length: int,
    steps: int,
    sampling: Literal["stream", "random", "mixed"],
    generator: torch.Generator,
) -> list[Pieces]:
    """What each of ``steps`` steps sees.

    Places that stream take the next sequence of a random order when theirs ends. The last piece of
    a sequence may be shorter than ``length``.

    Args:
        frames: how many each sequence has.
    """
    streaming = {"stream": samples, "random": 0, "mixed": (samples + 1) // 2}[sampling]
    queue = _shuffled(len(frames), generator)
    open_pieces: dict[int, Piece] = {}
    batches: list[Pieces] = []
    for _ in range(steps):
        batch = {}
        for place in range(samples):
            if place < streaming:
                batch[place] = _next(open_pieces.get(place), frames, length, queue)
            else:
                sequence = int(torch.randint(len(frames), (), generator=generator))
                latest = max(0, frames[sequence] - length)
                start = int(torch.randint(latest + 1, (), generator=generator))
                stop = min(start + length, frames[sequence])
                batch[place] = Piece(sequence, start, stop, first=True)
        open_pieces = {place: batch[place] for place in range(streaming)}
        batches.append(batch)
    return batches


def in_order(frames: Sequence[int], *, samples: int, length: int) -> list[Pieces]:
    """All frames of all sequences once, in order; places fall empty at the end."""
    queue = iter(range(len(frames)))
    open_pieces: dict[int, Piece] = {}
    batches: list[Pieces] = []
    while True:
        batch: dict[int, Piece] = {}
        for place in range(samples):
            try:
                batch[place] = _next(open_pieces.get(place), frames, length, queue)
            except StopIteration:
                open_pieces.pop(place, None)
        if not batch:
            return batches
        open_pieces = dict(batch)
        batches.append(batch)


def _shuffled(count: int, generator: torch.Generator) -> Iterator[int]:
    while True:
        yield from torch.randperm(count, generator=generator).tolist()


def _next(piece: Piece | None, frames: Sequence[int], length: int, queue: Iterator[int]) -> Piece:
    """What follows a piece: the rest of its sequence, or the start of another."""
    if piece is not None and piece.stop < frames[piece.sequence]:
        stop = min(piece.stop + length, frames[piece.sequence])
        return Piece(piece.sequence, piece.stop, stop, first=False)
    sequence = next(queue)
    return Piece(sequence, 0, min(length, frames[sequence]), first=True)


@dataclass(frozen=True)
class LabelledRows:
    """The labelled frames of a step, times first, then places in the batch.

    Attributes:
        places: in the batch; times: within the piece; labels: of each row, which of all labelled
            frames of the split it is.
    """

    places: tuple[int, ...]
    times: tuple[int, ...]
    labels: tuple[int, ...]
    rows: Rows


def labelled_rows(pieces: Pieces, labels: Sequence[Mapping[int, int]]) -> LabelledRows:
    """The rows that the pyramid sees.

    Args:
        labels: of each sequence, labelled frame → which of all labelled frames of the split it is.
    """
    found = sorted(
        (frame - piece.start, place, labels[piece.sequence][frame])
        for place, piece in pieces.items()
        for frame in range(piece.start, piece.stop)
        if frame in labels[piece.sequence]
    )
    seen: set[int] = set()
    first = []
    for _, place, _ in found:
        piece = pieces[place]
        earlier = not piece.first and min(labels[piece.sequence]) < piece.start
        first.append(place not in seen and not earlier)
        seen.add(place)
    return LabelledRows(
        places=tuple(place for _, place, _ in found),
        times=tuple(time for time, _, _ in found),
        labels=tuple(label for _, _, label in found),
        rows=Rows(tuple(place for _, place, _ in found), tuple(first)),
    )
