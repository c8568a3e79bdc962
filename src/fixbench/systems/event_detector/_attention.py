"""Which attention stands behind which output of the pyramid (document 002).

Spatial, then temporal attention, then a convolution that integrates them, only where both are on;
then channel attention. As documented the first two stand behind the first two outputs, strides 8
and 16 (4 and 8 with four scales), and the last behind all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn import functional

from fixbench.systems.event_detector._channel import ScaleAwareChannelAttention
from fixbench.systems.event_detector._gates import HalfGate, Matched, Record
from fixbench.systems.event_detector._options import AttentionOptions, ModelOptions
from fixbench.systems.event_detector._rows import Rows
from fixbench.systems.event_detector._spatial import MultiScaleSpatialAttention
from fixbench.systems.event_detector._temporal import EventTemporalAttention, Previous
from fixbench.training import seeded

__all__ = ["Attention", "Memory", "SmallObjectAttention"]

#: Stride → stream → the features of its last labelled frame.
Memory = dict[int, dict[int, Tensor]]


class SmallObjectAttention(nn.Module):
    """The document's orchestrator; [B, C, H, W] → the same shape."""

    def __init__(self, channels: int, options: AttentionOptions) -> None:
        super().__init__()
        self.spatial = _in_place(options.spatial, channels, options, residual=True)
        self.temporal: nn.Module | None = None
        if options.temporal == "matched":
            documented = options.model_copy(update={"temporal": "per_stream"})
            self.temporal = Matched.of(
                channels, lambda: EventTemporalAttention(channels, documented)
            )
        elif options.temporal != "off":
            self.temporal = EventTemporalAttention(channels, options)
        both = self.spatial is not None and self.temporal is not None
        self.integrate = nn.Conv2d(channels, channels, 1) if both else None
        if self.integrate is not None and options.integration == "identity":
            assert self.integrate.bias is not None
            nn.init.dirac_(self.integrate.weight)
            nn.init.zeros_(self.integrate.bias)

    def forward(self, x: Tensor, rows: Rows, record: Record = None) -> Tensor:
        if self.spatial is not None:
            x = self.spatial(x, record)
        if isinstance(self.temporal, EventTemporalAttention):
            x = self.temporal(x, rows, record)
        elif self.temporal is not None:
            x = self.temporal(x, record)
        return x if self.integrate is None else self.integrate(x)


def _in_place(
    kind: str, channels: int, options: AttentionOptions, *, residual: bool
) -> nn.Module | None:
    """Spatial attention or what stands in its place."""
    if kind == "off":
        return None
    if kind == "half":
        return HalfGate(residual=residual)
    if kind == "matched":
        return Matched.of(channels, lambda: MultiScaleSpatialAttention(channels, options))
    return MultiScaleSpatialAttention(channels, options)


class Attention(nn.Module):
    """All of it: outputs of the pyramid → maps of the same shapes.

    Without attention it has no parameters, no buffers, and hands on its inputs.

    Args:
        seed: the initial weights of each stride depend on it and on the stride alone.
    """

    def __init__(self, options: ModelOptions, seed: int) -> None:
        super().__init__()
        self.strides = options.strides
        attention = options.attention
        self.small_objects = nn.ModuleDict()
        self.channels = nn.ModuleDict()
        for stride, channels in zip(options.strides, options.channels, strict=True):
            on = (attention.spatial, attention.temporal) != ("off", "off")
            if on and stride in options.attended:
                with seeded(seed, "attention/small_objects", stride):
                    self.small_objects[str(stride)] = SmallObjectAttention(channels, attention)
            if attention.channel != "off" and stride in options.channel_attended:
                with seeded(seed, "attention/channels", stride):
                    self.channels[str(stride)] = _channel(channels, stride, attention)

    def forward(
        self, maps: Sequence[Tensor], rows: Rows, record: dict[int, dict[str, Tensor]] | None = None
    ) -> list[Tensor]:
        outputs = []
        for stride, x in zip(self.strides, maps, strict=True):
            gates = None if record is None else record.setdefault(stride, {})
            name = str(stride)
            before = x
            if name in self.small_objects:
                x = self.small_objects[name](x, rows, gates)
                if gates is not None:
                    gates["kept/small_objects"] = _similarity(before, x)
            before = x
            if name in self.channels:
                x = self.channels[name](x, gates)
                if gates is not None:
                    gates["kept/channels"] = _similarity(before, x)
            outputs.append(x)
        return outputs

    def memories(self) -> Iterator[tuple[int, Previous]]:
        """Stride and memory of the temporal modules that have one."""
        for name, module in self.small_objects.items():
            for part in module.modules():
                if isinstance(part, Previous):
                    yield int(name), part

    def memory(self) -> Memory:
        """What is kept until the next call."""
        return {stride: part.memory() for stride, part in self.memories()}

    def remember(self, memory: Memory) -> None:
        """Put back what `memory` gave; ``{}`` forgets everything."""
        for stride, part in self.memories():
            part.remember(memory.get(stride, {}))

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Memories are empty inside and put back afterwards, but for those that leak."""
        kept = [(part, part.memory()) for _, part in self.memories() if not part.leaks]
        for part, _ in kept:
            part.remember({})
        yield
        for part, memory in kept:
            part.remember(memory)

    def counts(self) -> dict[int, list[int]]:
        """Stride → how many calls its memory had, and in how many the shape did not fit."""
        return {stride: [part.calls, part.mismatches] for stride, part in self.memories()}

    def count(self, counts: Mapping[int, Sequence[int]]) -> None:
        """Put back what `counts` gave."""
        for stride, part in self.memories():
            part.calls, part.mismatches = counts[stride]


def _similarity(before: Tensor, after: Tensor) -> Tensor:
    """The cosine between what goes in and what comes out, of each row [B]."""
    return functional.cosine_similarity(before.detach().flatten(1), after.detach().flatten(1))


def _channel(channels: int, stride: int, options: AttentionOptions) -> nn.Module:
    if options.channel == "half":
        return HalfGate(residual=False)
    if options.channel == "matched":
        return Matched.of(channels, lambda: ScaleAwareChannelAttention(channels, stride, options))
    return ScaleAwareChannelAttention(channels, stride, options)
