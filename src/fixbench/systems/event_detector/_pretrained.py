"""What the small tier takes as given: a detector that was trained without attention.

Its backbone is frozen in runs of ``part: heads``. The weights are kept as eight-bit integers.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from torch import Tensor

from fixbench.errors import InputError
from fixbench.systems.event_detector._model import Detector
from fixbench.systems.event_detector._options import ModelOptions
from fixbench.training import load_state, pack_weights, save_state, unpack_weights

__all__ = ["Pretrained", "check_model", "load_pretrained", "save_pretrained"]

#: Options of the model that its backbone depends on.
_OF_BACKBONE = (
    "bins",
    "embed",
    "head_width",
    "partition",
    "convolution_in_lstm",
    "layer_scale",
)
_OF_PYRAMID = ("classes", "depth", "scales")


@dataclass(frozen=True)
class Pretrained:
    """A pretrained detector: its options and its weights, or those of its backbone alone."""

    model: ModelOptions
    state: Mapping[str, Tensor]

    def part(self, name: str) -> dict[str, Tensor]:
        """The weights of a part, such as ``neck.pyramid``, by their names within it."""
        prefix = f"{name}."
        return {
            key.removeprefix(prefix): value
            for key, value in self.state.items()
            if key.startswith(prefix)
        }


def save_pretrained(
    path: Path, detector: Detector, options: ModelOptions, *, backbone_only: bool
) -> None:
    """Write a detector without attention."""
    state = detector.state_dict()
    if backbone_only:
        state = {name: value for name, value in state.items() if name.startswith("backbone.")}
    save_state(path, {"model": options.model_dump(mode="json"), "weights": pack_weights(state)})


@functools.cache
def load_pretrained(path: Path) -> Pretrained:
    """Read what `save_pretrained` wrote.

    Raises:
        InputError: the file is missing, damaged, or of another layout.
    """
    content = load_state(path)
    try:
        model = ModelOptions.model_validate(content["model"])
        state = unpack_weights(content["weights"])
        detector = Detector(model, 0)
        pretrained = Pretrained(model, state)
        detector.backbone.load_state_dict(pretrained.part("backbone"))
        if pretrained.part("neck"):
            detector.neck.load_state_dict(pretrained.part("neck"))
    except (KeyError, TypeError, ValidationError, RuntimeError, AttributeError):
        expected = "a pretrained detector of the present layout; run `fixbench data pull`"
        raise InputError(path, "", expected=expected) from None
    return pretrained


def check_model(path: Path, pretrained: Pretrained, model: ModelOptions, *, pyramid: bool) -> None:
    """Refuse a checkpoint of another model.

    Args:
        pyramid: whether its pyramid and head are used too.

    Raises:
        InputError: an option of the model differs, or there is no pyramid.
    """
    if pyramid and not pretrained.part("neck.pyramid"):
        expected = f"'fresh': {path} has a backbone only"
        raise InputError("options", "training.pyramid", "pretrained", expected=expected)
    for name in (*_OF_BACKBONE, *(_OF_PYRAMID if pyramid else ())):
        value, trained = getattr(model, name), getattr(pretrained.model, name)
        if value != trained:
            expected = f"{trained!r}, with which {path} was pretrained"
            raise InputError("options", f"model.{name}", value, expected=expected)
