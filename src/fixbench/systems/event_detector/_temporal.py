"""Event temporal attention (document 002): a frame and the one before.

Three parts: a 3 x 1 x 1 convolution over time gives t; a 3 x 3 convolution of the frame beside the
previous one gives, by a sigmoid, a motion gate; global average pooling of t and two layers give
channel weights. How they combine is open; see `AttentionOptions`.

Which frame is "the previous one" is what the memories differ in. `GlobalBuffer` is the documented
one: it holds the features of the previous call. As RVT calls its pyramid on labelled frames of many
streams, row i of one call and row i of the next mostly belong to different streams; the buffer also
outlives sequences, and the change between training and evaluation. `PerStream` is the correction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from fixbench.systems.event_detector._gates import Record
from fixbench.systems.event_detector._options import AttentionOptions
from fixbench.systems.event_detector._rows import Rows

__all__ = ["EventTemporalAttention", "GlobalBuffer", "PerStream", "Previous", "Shuffled"]

#: Stream → the features of its last labelled frame.
_Memory = dict[int, Tensor]


class Previous(nn.Module, ABC):
    """Where the previous frame comes from: [B, C, H, W] → the same shape.

    Attributes:
        calls, mismatches: how many calls there were, and in how many nothing was there to compare
            with because the shape was not that of the call before.
    """

    #: Whether what is kept outlives the change between training and evaluation.
    leaks = False

    def __init__(self, *, missing: str) -> None:
        super().__init__()
        self.missing = missing
        self.calls = self.mismatches = 0

    @abstractmethod
    def memory(self) -> _Memory:
        """What is kept until the next call, to be saved or set aside."""

    @abstractmethod
    def remember(self, memory: _Memory) -> None:
        """Put back what `memory` gave, or ``{}`` for nothing."""


class GlobalBuffer(Previous):
    """The previous call's features, as documented; the buffer enters the ``state_dict``.

    Args:
        detach: whether it leaves the graph; without, a second backward pass fails.
    """

    leaks = True
    previous: Tensor | None

    def __init__(self, *, missing: str, detach: bool) -> None:
        super().__init__(missing=missing)
        self.detach = detach
        self.register_buffer("previous", None)

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        previous = self.previous
        self.calls += 1
        if previous is None or previous.shape != x.shape:
            self.mismatches += 1
            previous = x if self.missing == "current" else torch.zeros_like(x)
        self.previous = x.detach() if self.detach else x
        return previous

    def memory(self) -> _Memory:
        return {} if self.previous is None else {0: self.previous.detach()}

    def remember(self, memory: _Memory) -> None:
        self.previous = memory.get(0)


class PerStream(Previous):
    """The previous labelled frame of the same sequence.

    Within a call it stays in the graph; what is kept for the next call does not. At the start of a
    sequence there is none.
    """

    def __init__(self, *, missing: str) -> None:
        super().__init__(missing=missing)
        self._kept: _Memory = {}

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        return self._look_up(x, rows, range(len(x)))

    def _look_up(self, x: Tensor, rows: Rows, of: Sequence[int]) -> Tensor:
        """The previous frames of the rows ``of``."""
        before = rows.before()
        index: list[int] = []
        others: list[Tensor] = []
        for row in of:
            place, stream = before[row], rows.streams[row]
            if place >= 0:
                index.append(place)
            elif place == -1 and stream in self._kept:
                index.append(len(x) + len(others))
                others.append(self._kept[stream])
            elif self.missing == "current":
                index.append(row)
            else:
                index.append(len(x) + len(others))
                others.append(torch.zeros_like(x[0]))
        for stream, row in rows.last().items():
            self._kept[stream] = x[row].detach()
        # One look-up in one tensor: its backward pass is one operation too.
        known = torch.cat([x, torch.stack(others)]) if others else x
        return known[torch.tensor(index, device=x.device)]

    def memory(self) -> _Memory:
        return dict(self._kept)

    def remember(self, memory: _Memory) -> None:
        self._kept = dict(memory)


class Shuffled(PerStream):
    """The control: of each row the previous frame of another stream, the next one in the batch.

    A stream that is alone in a batch sees its own.
    """

    def forward(self, x: Tensor, rows: Rows) -> Tensor:
        return self._look_up(x, rows, rows.others())


class EventTemporalAttention(nn.Module):
    """[B, C, H, W] → the same shape, for any C.

    Args:
        half: the gates are 0.5 instead, and nothing is remembered (a control).
    """

    def __init__(self, channels: int, options: AttentionOptions) -> None:
        super().__init__()
        self.fixed = options.temporal == "half"
        self.combination = options.combination
        self.pair = options.temporal_input == "pair" and not self.fixed
        self.time = nn.Conv3d(channels, channels, (3, 1, 1), padding=(1, 0, 0))
        if self.fixed:
            return
        gates = channels if options.motion == "channels" else 1
        self.motion = nn.Conv2d(2 * channels, gates, 3, padding=1)
        hidden = max(1, channels // 4)
        self.weights = nn.Sequential(
            nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels)
        )
        self.previous: Previous
        if options.temporal == "global_buffer":
            self.previous = GlobalBuffer(missing=options.missing, detach=options.detach)
        elif options.temporal == "shuffled":
            self.previous = Shuffled(missing=options.missing)
        else:
            self.previous = PerStream(missing=options.missing)

    def forward(self, x: Tensor, rows: Rows, record: Record = None) -> Tensor:
        if self.fixed:
            return x + 0.5 * (self._over_time(x, None) if self.combination == "residual" else x)
        before = self.previous(x, rows)
        over_time = self._over_time(x, before if self.pair else None)
        motion = self.motion(torch.cat([x, before], dim=1)).sigmoid()
        weights = self.weights(over_time.mean(dim=(2, 3))).sigmoid()
        if record is not None:
            record["motion"] = motion.detach()
            record["weights"] = weights.detach()
        base = over_time if self.combination == "residual" else x
        return x + base * motion * weights[..., None, None]

    def _over_time(self, x: Tensor, before: Tensor | None) -> Tensor:
        """t at the present frame: [B, C, H, W]."""
        if before is None:
            # Between zeros only the middle slice of the kernel counts: a 1 x 1 convolution.
            return functional.conv2d(x, self.time.weight[:, :, 1], self.time.bias)
        return self.time(torch.stack([before, x], dim=2))[:, :, -1]
