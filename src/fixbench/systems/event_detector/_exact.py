"""Properties that no training decides: 1 where they hold, 0 where they do not."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from fixbench.systems.event_detector._attention import Attention, SmallObjectAttention
from fixbench.systems.event_detector._channel import ScaleAwareChannelAttention
from fixbench.systems.event_detector._cost import DOCUMENTED, saved_bytes
from fixbench.systems.event_detector._gates import count_parameters
from fixbench.systems.event_detector._head import Head, Predictions
from fixbench.systems.event_detector._model import Neck
from fixbench.systems.event_detector._options import AttentionOptions, ModelOptions
from fixbench.systems.event_detector._pyramid import Pyramid
from fixbench.systems.event_detector._rows import Rows
from fixbench.systems.event_detector._spatial import MultiScaleSpatialAttention
from fixbench.systems.event_detector._temporal import EventTemporalAttention
from fixbench.training import generator, seeded

__all__ = ["CHANNELS", "exact_properties"]

#: Awkward and usual numbers of channels.
CHANNELS = (1, 2, 3, 5, 7, 12, 16, 30, 64)
#: A sigmoid of it is exactly zero in single precision.
_CLOSED = -200.0
_MEMORIES = ("global_buffer", "per_stream")


class _Plain(nn.Module):
    """Pyramid and head of a detector that knows of no attention."""

    def __init__(self, pyramid: Pyramid, head: Head) -> None:
        super().__init__()
        self.pyramid, self.head = pyramid, head

    def forward(self, maps: Sequence[Tensor], rows: Rows) -> Predictions:
        return self.head(self.pyramid(maps))


def exact_properties(options: ModelOptions, seed: int) -> dict[str, float]:
    """Metric → value, for the model of ``options`` and the modules at its choices."""
    values = _disabled(options, seed) | _shapes(options.attention, seed)
    for memory in _MEMORIES:
        values |= _memory(options.attention, memory, seed)
    values |= _second_backward(options.attention, seed)
    return values | _placement(options) | _identity(options.attention, seed)


def _disabled(options: ModelOptions, seed: int) -> dict[str, float]:
    """The detector with attention off against one that knows of none, at the same seed."""
    off = options.model_copy(update={"attention": AttentionOptions()})
    toggled = Neck(off, seed)
    with seeded(seed, "pyramid"):
        pyramid = Pyramid(off.channels, off.depth)
    with seeded(seed, "head"):
        head = Head(off.channels, off.strides, off.classes)
    plain = _Plain(pyramid, head)
    maps = _maps(off, seed)
    one = toggled([x.clone() for x in maps], Rows.alone(2))
    other: Predictions = plain([x.clone() for x in maps], Rows.alone(2))
    equal = all(
        torch.equal(getattr(one, name), getattr(other, name))
        for name in ("confidence", "classes", "boxes")
    )
    _sum(one).backward()
    _sum(other).backward()
    named = dict(plain.named_parameters())
    gradients = all(
        torch.equal(_gradient(p), _gradient(named[name])) for name, p in toggled.named_parameters()
    )
    same_keys = list(toggled.state_dict()) == list(plain.state_dict())
    # The same checks of a detector with attention: they must tell the two apart.
    documented = off.model_copy(update={"attention": DOCUMENTED})
    enabled = Neck(documented, seed)
    attended = enabled([x.clone() for x in maps], Rows.alone(2))
    return {
        "disabled/outputs_equal": float(equal),
        "disabled/gradients_equal": float(gradients),
        "disabled/keys_equal": float(same_keys),
        "disabled/parameters_equal": float(count_parameters(toggled) == count_parameters(plain)),
        "disabled/saved_bytes_equal": float(saved_bytes(toggled, maps) == saved_bytes(plain, maps)),
        "enabled/outputs_equal": float(torch.equal(attended.confidence, other.confidence)),
        "enabled/keys_equal": float(list(enabled.state_dict()) == list(plain.state_dict())),
    }


def _maps(options: ModelOptions, seed: int) -> list[Tensor]:
    """Random maps of the backbone, of two frames."""
    draw = generator(seed, "exact/maps")
    largest = options.strides[-1]
    return [
        torch.randn(2, channels, 2 * largest // stride, 3 * largest // stride, generator=draw)
        for channels, stride in zip(options.channels, options.strides, strict=True)
    ]


def _sum(predictions: Predictions) -> Tensor:
    return predictions.confidence.sum() + predictions.classes.sum() + predictions.boxes.sum()


def _gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _shapes(options: AttentionOptions, seed: int) -> dict[str, float]:
    """Shapes over `CHANNELS`, and whether outputs are finite where channels are no multiple."""
    draw = generator(seed, "exact/shapes")
    kept: dict[str, list[bool]] = {"spatial": [], "temporal": [], "channel": []}
    whole, finite, unfixed = [], [], []
    clamped = options.model_copy(update={"small_channels": "clamp"})
    written = options.model_copy(update={"small_channels": "as_written"})
    constant = []
    for channels in CHANNELS:
        x = torch.randn(2, channels, 4, 6, generator=draw)
        with seeded(seed, "exact/modules", channels):
            spatial = MultiScaleSpatialAttention(channels, options)
            temporal = _temporal(channels, options, "per_stream")
            both = options.model_copy(update={"spatial": "on", "temporal": "per_stream"})
            orchestrated = SmallObjectAttention(channels, both)
            squeezed = [ScaleAwareChannelAttention(channels, s, clamped) for s in (8, 16)]
            literal = ScaleAwareChannelAttention(channels, 8, written)
        outputs = {
            "spatial": [spatial(x), orchestrated(x, Rows.alone(2))],
            "temporal": [temporal(x, Rows.alone(2))],
            "channel": [module(x) for module in squeezed],
        }
        for name, found in outputs.items():
            kept[name] += [y.shape == x.shape for y in found]
        if channels % len(options.dilations):
            finite.append(bool(torch.isfinite(outputs["spatial"][0]).all()))
            combined = sum(scale[0].out_channels for scale in spatial.scales)  # type: ignore[index]
            whole.append(combined % len(options.dilations) == 0)
            unfixed.append(_fails_without_the_fix(x, len(options.dilations)))
        if channels < 16:
            constant.append(torch.equal(literal.gate(x), literal.gate(-x)))
    values = {f"shape_kept/{name}": float(all(each)) for name, each in kept.items()}
    return values | {
        "odd_channels_well_formed": float(all(finite) and all(whole)),
        "odd_channels_fail_unfixed": float(all(unfixed)),
        "gate_constant_below_reduction": float(all(constant)),
    }


def _fails_without_the_fix(x: Tensor, scales: int) -> bool:
    """Whether a layer for all channels refuses the ⌊C / scales⌋ channels of each scale together."""
    channels = x.shape[1]
    joined = torch.cat([x[:, : channels // scales]] * scales, dim=1)
    try:
        nn.Conv2d(channels, 1, 1, device="meta")(joined.to("meta"))
    except RuntimeError:
        return True
    return False


def _temporal(
    channels: int, options: AttentionOptions, memory: str, **changes: bool
) -> EventTemporalAttention:
    chosen = options.model_copy(update={"temporal": memory, **changes})
    return EventTemporalAttention(channels, chosen)


def _memory(options: AttentionOptions, memory: str, seed: int) -> dict[str, float]:
    """What reaches a stream from others: two calls of one row each, of streams 0 and 1."""
    draw = generator(seed, "exact/memory")
    x, other, next_x = torch.randn(3, 1, 12, 4, 6, generator=draw)
    with seeded(seed, "exact/memory"):
        fresh = _temporal(12, options, memory, detach=True)

    def last(*calls: tuple[Tensor, int, bool], training: Callable[[int], bool]) -> Tensor:
        """The output of the last of some calls (frame, stream, first of its sequence)."""
        module = copy.deepcopy(fresh)
        output = torch.zeros(0)
        for number, (frame, stream, first) in enumerate(calls):
            module.train(training(number))
            with torch.no_grad():
                output = module(frame, Rows((stream,), (first,)))
        return output

    def always(number: int) -> bool:
        return True

    def only_before(number: int) -> bool:
        return number == 0

    # A frame of a sequence that starts, alone and behind another stream.
    alone = last((x, 0, True), training=always)
    behind = last((other, 1, True), (x, 0, True), training=always)
    # A second frame behind its own first, and with another stream's frame between them.
    own = last((x, 0, True), (next_x, 0, False), training=always)
    between = last((x, 0, True), (other, 1, True), (next_x, 0, False), training=always)
    swapped = last((other, 1, True), (x, 0, True), (next_x, 0, False), training=always)
    evaluated = last((x, 0, True), training=lambda _: False)
    after_training = last((other, 1, True), (x, 0, True), training=only_before)
    grown = copy.deepcopy(fresh)
    keys = set(grown.state_dict())
    with torch.no_grad():
        grown(x, Rows((0,), (True,)))
    try:
        copy.deepcopy(fresh).load_state_dict(grown.state_dict())
        refused = False
    except RuntimeError:
        refused = True
    return {
        f"leaks_between_streams/{memory}": float(not torch.equal(alone, behind)),
        f"leaks_into_evaluation/{memory}": float(not torch.equal(evaluated, after_training)),
        f"depends_on_order/{memory}": float(not torch.equal(between, swapped)),
        f"sees_own_previous/{memory}": float(torch.equal(own, between)),
        f"state_grows/{memory}": float(set(grown.state_dict()) != keys),
        f"strict_load_fails/{memory}": float(refused),
    }


def _second_backward(options: AttentionOptions, seed: int) -> dict[str, float]:
    """Whether the second training step fails, with the buffer in the graph and detached."""
    draw = generator(seed, "exact/backward")
    frames = torch.randn(2, 1, 12, 4, 6, generator=draw)
    values = {}
    for name, detach in (("as_found", False), ("detached", True)):
        with seeded(seed, "exact/backward"):
            before = nn.Conv2d(12, 12, 1)
            module = _temporal(12, options, "global_buffer", detach=detach)
        failed = False
        for frame in frames:
            try:
                module(before(frame), Rows.alone(1)).sum().backward()
            except RuntimeError:
                failed = True
        values[f"second_backward_fails/{name}"] = float(failed)
    return values


def _placement(options: ModelOptions) -> dict[str, float]:
    """Where spatial and temporal attention stand by default, in both modes."""
    values = {}
    for scales, expected in ((3, ["8", "16"]), (4, ["4", "8"])):
        attention = AttentionOptions(spatial="on", channel="on")
        chosen = options.model_copy(update={"scales": scales, "attention": attention})
        with torch.device("meta"):
            placed = Attention(chosen, 0)
        everywhere = list(placed.channels) == [str(stride) for stride in chosen.strides]
        as_documented = list(placed.small_objects) == expected and everywhere
        values[f"strides_as_documented/{scales}_scales"] = float(as_documented)
    return values


def _identity(options: AttentionOptions, seed: int) -> dict[str, float]:
    """Whether a module whose gate is zero hands on its input, bit for bit."""
    draw = generator(seed, "exact/identity")
    x = torch.randn(2, 12, 4, 6, generator=draw)
    with seeded(seed, "exact/identity"):
        spatial = MultiScaleSpatialAttention(12, options)
        temporal = _temporal(12, options, "per_stream")
        channel = ScaleAwareChannelAttention(
            12, 8, options.model_copy(update={"small_channels": "clamp"})
        )
    last = temporal.weights[2]
    for layer in (spatial.map, temporal.motion, last, channel.excite):
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        with torch.no_grad():
            layer.weight.zero_()
            layer.bias.fill_(_CLOSED)  # type: ignore[union-attr]
    with seeded(seed, "exact/integration"):
        both = SmallObjectAttention(
            12, options.model_copy(update={"spatial": "on", "temporal": "per_stream"})
        )
    both.spatial, both.temporal = spatial, temporal
    outputs = {
        "spatial": spatial(x),
        "temporal": temporal(x, Rows.alone(2)),
        "integrated": both(x, Rows.alone(2)),
        "channel": channel(x),
    }
    return {
        f"identity_at_zero_gate/{name}": float(torch.equal(y, x)) for name, y in outputs.items()
    }
