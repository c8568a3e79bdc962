"""Which rows of a batch follow which: the pyramid sees labelled frames of several streams at once.

RVT calls its pyramid once per step, on the labelled frames of all times and samples together. How
many there are differs from step to step, and neighbouring rows are mostly of different streams.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Rows"]


@dataclass(frozen=True)
class Rows:
    """The rows of a batch, times ascending within each stream.

    Attributes:
        streams: of each row: the place of the sample that it belongs to.
        first: of each row: whether it is the first labelled frame of its sequence.
    """

    streams: tuple[int, ...]
    first: tuple[bool, ...]

    @classmethod
    def alone(cls, count: int) -> Rows:
        """Rows that have nothing to do with each other."""
        return cls(tuple(range(count)), (True,) * count)

    def before(self) -> list[int]:
        """Of each row the row of its previous labelled frame; −1 where that is not in the batch,
        −2 where there is none.
        """
        last: dict[int, int] = {}
        places = []
        for row, (stream, first) in enumerate(zip(self.streams, self.first, strict=True)):
            places.append(-2 if first else last.get(stream, -1))
            last[stream] = row
        return places

    def others(self) -> list[int]:
        """Of each row the next row, cyclically, of another stream; itself if there is none."""
        count = len(self.streams)
        return [
            next(
                (
                    (row + step) % count
                    for step in range(1, count)
                    if self.streams[(row + step) % count] != stream
                ),
                row,
            )
            for row, stream in enumerate(self.streams)
        ]

    def last(self) -> dict[int, int]:
        """Stream → its last row."""
        return {stream: row for row, stream in enumerate(self.streams)}
