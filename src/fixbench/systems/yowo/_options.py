"""What can be varied in the model, checked before anything runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from fixbench.systems.yowo._blocks import Rescale
from fixbench.training import StrictOptions

__all__ = ["Level", "ModelOptions", "SceneContextOptions"]

Kind = Literal["none", "gated_attention", "logit_attention", "attention", "global", "local"]
Level = Literal["P3", "P4", "P5"]
Four = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=4, max_length=4)]

#: Option of a scene context → the kinds that have it.
_KINDS: dict[str, tuple[Kind, ...]] = {
    "heads": ("gated_attention", "logit_attention", "attention"),
    "output_gain": ("attention",),
    "attention_width": ("attention",),
    "values": ("attention",),
    "told": ("attention",),
    "rescale": ("attention", "global"),
    "learned_scale": ("global",),
    "pooling": ("global",),
    "positions": ("global",),
}


class SceneContextOptions(StrictOptions):
    """What the action branch is told about the scene. Defaults are the documented values.

    Attributes:
        kind: ``none``; three states of the cross-attention before the fix: ``gated_attention``
            (A), ``logit_attention`` (B), ``attention`` (C, the parent of the fix); ``global``, the
            fix (D) and with ``positions`` its first revision (E); ``local``, the 5 x 5 average
            pooling to which its author moved on.
        heads: of the attention (a later revision has C with 8).
        output_gain: of the Glorot weights of C's output projection.
        attention_width: ``matched`` narrows C's attention until C has as many parameters as D.
        values: what C's attention carries from a cell: the ``features`` beside an embedding of the
            ``predictions``, as recorded, or one of them alone (controls; the other is zeros).
        told: ``nothing`` is the control that has C's layers and an empty scene's predictions.
        rescale: over what the context is brought to the features' magnitude; in C keys too.
        learned_scale: D's learned factor ``context_scale``.
        pooling: how D pools over space; ``zero`` is the control that has D's layers and is told
            nothing.
        positions: E's expected position of each class, absolute and relative to the person.
        cooccurrence: E's prior on actions from the objects present.
    """

    kind: Kind
    heads: int = Field(default=4, ge=1)
    output_gain: float = Field(default=0.1, gt=0)
    attention_width: Literal["full", "matched"] = "full"
    values: Literal["both", "features", "predictions"] = "both"
    told: Literal["scene", "nothing"] = "scene"
    rescale: Rescale = "batch"
    learned_scale: bool = True
    pooling: Literal["max", "mean", "zero"] = "max"
    positions: bool = False
    cooccurrence: bool = False

    @field_validator(*_KINDS)
    @classmethod
    def _of_this_kind(cls, value: Any, info: ValidationInfo) -> Any:
        """A change that would change nothing is a mistake in an ablation."""
        name, kind = str(info.field_name), info.data.get("kind")
        default = cls.model_fields[name].default
        if kind is not None and kind not in _KINDS[name] and value != default:
            kinds = " or ".join(_KINDS[name])
            raise ValueError(f"{default!r}, or kind {kinds}: kind {kind!r} has no {name}")
        return value


class ModelOptions(StrictOptions):
    """Everything about the model but its scene context.

    Attributes:
        yolo11: scale of the 2D trunk.
        detect_layer: keep YOLO11's Detect layer, which nothing uses, as the document's model does.
        x3d_widths: channels of X3D's four stages (M and S: 24, 48, 96, 192); depths: their blocks
            (3, 5, 11, 7).
        temporal_pooling: of X3D's map; ``attention`` belongs to revision E.
        levels: of the pyramid, at strides 8, 16 and 32.
        head_dim: channels of encoders, heads and contexts; the published configuration has 128.
        object_context: what objects a relation is told of; without it, none.
        object_biases: of the object context's embedding at first: ``zero``, as recorded, or
            PyTorch's ``default``.
        object_evidence: what the object context is told; with ``none``, zeros; with ``true``, a
            ceiling, the class of the box for which a cell answers.
        input_scaling: what is done to clips in [0, 1]: ``pixels`` times 255, as at the documented
            commit; ``unit`` nothing, as a day later; ``standardised``, a control, nothing in 2D, in
            3D X3D's published (x - 0.45) / 0.225.
    """

    yolo11: Literal["n", "s", "m"]
    detect_layer: bool = False
    x3d_widths: Four
    x3d_depths: Four
    temporal_pooling: Literal["mean", "attention"] = "mean"
    levels: list[Level] = Field(default=["P3", "P4", "P5"], min_length=1)
    head_dim: int = Field(gt=0, multiple_of=32)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    object_context: bool = True
    object_biases: Literal["zero", "default"] = "zero"
    object_evidence: Literal["predicted", "true", "none"] = "predicted"
    input_scaling: Literal["pixels", "unit", "standardised"] = "pixels"

    @field_validator("levels")
    @classmethod
    def _ascending(cls, levels: list[Level]) -> list[Level]:
        if levels != sorted(set(levels)):
            raise ValueError("levels in ascending order, each once")
        return levels
