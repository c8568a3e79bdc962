"""What can be varied in the model, checked before anything runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from fixbench.training import StrictOptions

__all__ = ["AttentionOptions", "ModelOptions", "Norm", "published"]

Count = Annotated[int, Field(ge=1)]
Stride = Literal[4, 8, 16, 32]
Norm = Literal["batch", "none"]


class AttentionOptions(StrictOptions):
    """Attention behind the pyramid. Defaults: everything off, and where the document leaves a
    choice open, this project's choice.

    ``half`` stands for a gate that is always 0.5, ``matched`` for 1 x 1 convolutions with as many
    parameters as the module in whose place they stand.

    Attributes:
        spatial, channel: ``on`` is the documented module.
        temporal: what the documented module compares a frame with. ``global_buffer``, as
            documented: the features of the previous call, whatever streams they are of, kept in a
            registered buffer; after a call of another shape, the frame itself. ``per_stream``: the
            previous labelled frame of the same sequence, forgotten at its start. ``shuffled``: the
            previous frame of another sequence.
        strides: where spatial and temporal attention stand; ``null`` for the first two outputs, as
            documented.
        channel_strides: where channel attention stands; ``null`` for all outputs, as documented.
        dilations: of the spatial convolutions, as documented.
        kernel: their side; norm: between convolution and ReLU. Open in the document.
        temporal_input: what the 3 x 1 x 1 convolution sees: a ``single`` frame, zeros around it, of
            which only the middle slice of the kernel is left, or the ``pair`` with the previous
            one. Open; the documented input is one frame.
        combination: ``residual``: x + t · motion · weights, with t from the 3 x 1 x 1 convolution;
            ``gate``: x + x · motion · weights, which leaves t to the weights alone. Open.
        motion: whether the motion gate has all ``channels`` or ``one``. Open.
        missing: what stands for a previous frame that is not there: the frame itself (``current``)
            or ``zeros``. Open.
        integration: how the convolution behind both starts: with PyTorch's weights (``fresh``), or
            as the ``identity``, so that it does not undo a pyramid that is pretrained. Open.
        detach: whether the global buffer leaves the graph. The document names no such step;
            without it a second backward pass fails.
        small_channels: what the channel attention does with fewer channels than its reduction:
            ``clamp`` to one hidden unit; ``as_written``: C // reduction = 0 hidden units, so that
            the gate is a learned constant; ``refuse``.
        small_stride_gain: of the last layer's initial weights at strides up to 8. The document has
            "higher weights for high-frequency features" without saying how.
    """

    spatial: Literal["off", "on", "half", "matched"] = "off"
    temporal: Literal["off", "global_buffer", "per_stream", "shuffled", "half", "matched"] = "off"
    channel: Literal["off", "on", "half", "matched"] = "off"
    strides: list[Stride] | None = None
    channel_strides: list[Stride] | None = None
    dilations: list[Count] = Field(default=[1, 2, 4], min_length=1)
    kernel: Literal[1, 3, 5] = 3
    norm: Norm = "batch"
    temporal_input: Literal["single", "pair"] = "single"
    combination: Literal["residual", "gate"] = "residual"
    motion: Literal["channels", "one"] = "channels"
    missing: Literal["current", "zeros"] = "current"
    integration: Literal["fresh", "identity"] = "fresh"
    detach: bool = True
    small_channels: Literal["clamp", "as_written", "refuse"] = "clamp"
    small_stride_gain: float = Field(default=1.0, gt=0)

    @field_validator("strides", "channel_strides")
    @classmethod
    def _each_once(cls, strides: list[int] | None) -> list[int] | None:
        if strides is not None and strides != sorted(set(strides)):
            raise ValueError("ascending strides, each once")
        return strides

    @property
    def any(self) -> bool:
        """Whether a module is there at all."""
        return (self.spatial, self.temporal, self.channel) != ("off", "off", "off")


class ModelOptions(StrictOptions):
    """The detector. Defaults are the published ones of the base model.

    Attributes:
        bins: channels of a frame: time bins times two polarities.
        classes: that are told apart.
        embed: channels of the first stage; the later ones have 2, 4 and 8 times as many.
        head_width: of one attention head.
        partition: rows and columns of a window, and of a grid.
        convolution_in_lstm: the 3 x 3 depthwise convolution of the hidden state; the published
            configuration has none (``dws_conv: False``).
        depth: of the pyramid: round(3 · depth) bottlenecks a block.
        scales: 3 for strides 8 to 32; 4 adds stride 4, which the published pyramid refuses and the
            document describes.
        layer_scale: initial factor of every residual branch.
    """

    bins: Count = 20
    classes: Count
    embed: Count = 64
    head_width: Count = 32
    partition: Annotated[list[Count], Field(min_length=2, max_length=2)]
    convolution_in_lstm: bool = False
    depth: float = Field(default=0.67, gt=0)
    scales: Literal[3, 4] = 3
    layer_scale: float = Field(default=1e-5, gt=0)
    attention: AttentionOptions = AttentionOptions()

    @field_validator("depth")
    @classmethod
    def _a_bottleneck(cls, depth: float) -> float:
        if round(3 * depth) < 1:
            raise ValueError("a depth of which round(3 · depth) is 1 or more")
        return depth

    @model_validator(mode="after")
    def _fits(self) -> ModelOptions:
        if self.embed % self.head_width:
            raise ValueError(f"model.head_width that divides embed, {self.embed}")
        attention = self.attention
        for name in ("strides", "channel_strides"):
            chosen = getattr(attention, name) or []
            if unknown := sorted(set(chosen) - set(self.strides)):
                raise ValueError(
                    f"attention.{name} among {list(self.strides)}, the strides of {self.scales} "
                    f"scales; {unknown[0]} is none of them"
                )
        return self

    @property
    def strides(self) -> tuple[int, ...]:
        """Of the pyramid's outputs."""
        return (4, 8, 16, 32)[4 - self.scales :]

    @property
    def channels(self) -> tuple[int, ...]:
        """Of the pyramid's inputs and outputs."""
        return tuple(self.embed * factor for factor in (1, 2, 4, 8)[4 - self.scales :])

    @property
    def attended(self) -> tuple[int, ...]:
        """Strides with spatial and temporal attention."""
        chosen = self.attention.strides
        return self.strides[:2] if chosen is None else tuple(chosen)

    @property
    def channel_attended(self) -> tuple[int, ...]:
        """Strides with channel attention."""
        chosen = self.attention.channel_strides
        return self.strides if chosen is None else tuple(chosen)


#: Size → what differs from the defaults (configuration files of RVT).
_PUBLISHED: dict[str, dict[str, Any]] = {
    "base": {},
    "small": {"embed": 48, "head_width": 24, "depth": 0.33},
    "tiny": {"embed": 32, "depth": 0.33},
}


def published(size: Literal["base", "small", "tiny"], **changes: Any) -> ModelOptions:
    """A published model (Gehrig and Scaramuzza, "Recurrent Vision Transformers for Object Detection
    with Event Cameras", CVPR 2023; code MIT) on Gen1: 2 classes, windows of 8 x 10 cells.
    """
    options = {"classes": 2, "partition": [8, 10]} | _PUBLISHED[size] | changes
    return ModelOptions.model_validate(options)
