"""Pieces of sequences, and the rows of their labelled frames."""

from __future__ import annotations

import torch

from fixbench.systems.event_detector._rows import Rows
from fixbench.systems.event_detector._sampling import (
    Piece,
    in_order,
    labelled_rows,
    training_pieces,
)


def _pieces(sampling: str, **changes: int) -> list[dict[int, Piece]]:
    settings = {"samples": 3, "length": 5, "steps": 30} | changes
    return training_pieces(  # type: ignore[return-value]
        [12, 7, 5, 9],
        sampling=sampling,  # type: ignore[arg-type]
        generator=torch.Generator().manual_seed(3),
        **settings,
    )


def test_streams_go_through_whole_sequences_and_start_afresh() -> None:
    batches = _pieces("stream")
    lengths = [12, 7, 5, 9]
    started = []
    for place in range(3):
        before = None
        for batch in batches:
            piece = batch[place]
            if before is None or before.stop == lengths[before.sequence]:
                assert piece.first
                assert piece.start == 0
            else:
                assert not piece.first
                assert (piece.sequence, piece.start) == (before.sequence, before.stop)
            assert piece.stop == min(piece.start + 5, lengths[piece.sequence])
            before = piece
    # The order is a new permutation each epoch, shared by all places.
    for batch in batches:
        started += [batch[place].sequence for place in range(3) if batch[place].first]
    for epoch in range(len(started) // 4):
        assert sorted(started[4 * epoch : 4 * epoch + 4]) == [0, 1, 2, 3]


def test_random_pieces_have_no_past_and_lie_within_their_sequence() -> None:
    pieces = [batch[place] for batch in _pieces("random") for place in range(3)]
    assert all(piece.first for piece in pieces)
    assert all(piece.stop - piece.start == 5 for piece in pieces)
    assert {piece.sequence for piece in pieces} == {0, 1, 2, 3}
    starts = {piece.start for piece in pieces if piece.sequence == 0}
    assert min(starts) >= 0
    assert max(starts) == 7


def test_mixed_batches_are_half_and_half() -> None:
    batches = _pieces("mixed", samples=4, steps=40)
    for batch in batches:
        assert all(batch[place].first for place in (2, 3))
    continued = [batch[place] for batch in batches for place in (0, 1)]
    assert not all(piece.first for piece in continued)


def test_longer_training_begins_like_shorter() -> None:
    assert _pieces("mixed", steps=10) == _pieces("mixed", steps=30)[:10]


def test_in_order_shows_every_frame_once() -> None:
    lengths = [12, 7, 5, 9]
    seen: dict[int, list[int]] = {}
    for batch in in_order(lengths, samples=3, length=4):
        for piece in batch.values():
            assert piece.first == (piece.start == 0)
            seen.setdefault(piece.sequence, []).extend(range(piece.start, piece.stop))
    assert seen == {place: list(range(length)) for place, length in enumerate(lengths)}


def test_rows_are_labelled_frames_by_time_then_place() -> None:
    labels = [{1: 0, 4: 1, 6: 2}, {0: 3, 6: 4}]
    found = labelled_rows({0: Piece(0, 4, 8, False), 2: Piece(1, 0, 4, True)}, labels)
    # Sequence 1 frame 0, sequence 0 frame 4 (both at time 0), sequence 0 frame 6.
    assert found.labels == (1, 3, 2)
    assert found.times == (0, 0, 2)
    assert found.places == (0, 2, 0)
    assert found.rows == Rows((0, 2, 0), (False, True, False))
    # A piece without a past starts, wherever it lies; before its first label nothing was seen.
    assert labelled_rows({0: Piece(0, 4, 8, True)}, labels).rows.first == (True, False)
    assert labelled_rows({0: Piece(1, 4, 8, False)}, labels).rows.first == (False,)
    assert labelled_rows({0: Piece(0, 1, 4, False)}, labels).rows.first == (True,)


def test_rows_know_what_came_before() -> None:
    rows = Rows((0, 1, 0, 2, 1), (True, False, False, True, False))
    assert rows.before() == [-2, -1, 0, -2, 1]
    assert rows.others() == [1, 2, 3, 4, 0]
    assert rows.last() == {0: 2, 1: 4, 2: 3}
    assert Rows((5, 5), (True, False)).others() == [0, 1]
