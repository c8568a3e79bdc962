"""Options are refused with a message; a change that would change nothing is one of them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from fixbench.reading import validation_problem
from fixbench.systems.yowo._options import ModelOptions, SceneContextOptions

from .conftest import PUBLISHED


def _message(model: type[BaseModel], value: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return str(validation_problem("options", caught.value))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"kind": "globl"},
            "options: kind is 'globl'; expected 'none', 'gated_attention', 'logit_attention', "
            "'attention', 'global' or 'local'",
        ),
        (
            {"kind": "global", "output_gain": 1.0},
            "options: output_gain is 1.0; expected 0.1, or kind attention: kind 'global' has no "
            "output_gain",
        ),
        (
            {"kind": "none", "heads": 8},
            "options: heads is 8; expected 4, or kind gated_attention or logit_attention or "
            "attention: kind 'none' has no heads",
        ),
        (
            {"kind": "attention", "positions": True},
            "options: positions is True; expected False, or kind global: kind 'attention' has no "
            "positions",
        ),
        (
            {"kind": "local", "rescale": "off"},
            "options: rescale is 'off'; expected 'batch', or kind attention or global: kind "
            "'local' has no rescale",
        ),
        ({"kind": "attention", "heads": 0}, "options: heads is 0; expected greater than or equal"),
        (
            {"kind": "attention", "output_gain": 0.0},
            "options: output_gain is 0.0; expected greater",
        ),
        ({"kind": "global", "pool": "max"}, "options: pool is 'max'; expected no such key"),
        ({}, "options: kind; expected this key, which is required"),
    ],
)
def test_scene_contexts_refused(changes: dict[str, Any], message: str) -> None:
    assert _message(SceneContextOptions, changes).startswith(message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"yolo11": "l"}, "options: yolo11 is 'l'; expected 'n', 's' or 'm'"),
        ({"x3d_widths": [24, 48, 96]}, "options: x3d_widths is [24, 48, 96]; expected"),
        ({"x3d_depths": [3, 5, 0, 7]}, "options: x3d_depths.2 is 0; expected greater than"),
        ({"head_dim": 100}, "options: head_dim is 100; expected a multiple of 32"),
        ({"head_dim": 128.0}, "options: head_dim is 128.0; expected integer"),
        ({"levels": []}, "options: levels is []; expected"),
        (
            {"levels": ["P5", "P4"]},
            "options: levels is ['P5', 'P4']; expected levels in ascending order, each once",
        ),
        ({"levels": ["P6"]}, "options: levels.0 is 'P6'; expected 'P3', 'P4' or 'P5'"),
        ({"dropout": 1.0}, "options: dropout is 1.0; expected less than 1"),
        (
            {"input_scaling": "255"},
            "options: input_scaling is '255'; expected 'pixels', 'unit' or 'standardised'",
        ),
    ],
)
def test_models_refused(changes: dict[str, Any], message: str) -> None:
    assert _message(ModelOptions, PUBLISHED | changes).startswith(message)


def test_defaults_are_the_documented_values() -> None:
    options = SceneContextOptions(kind="global")
    assert (options.pooling, options.rescale, options.learned_scale) == ("max", "batch", True)
    assert (options.heads, options.output_gain) == (4, 0.1)
    # Saying a default aloud is no change, whatever the kind.
    SceneContextOptions(kind="none", heads=4, output_gain=0.1, pooling="max")
    model = ModelOptions.model_validate(PUBLISHED)
    assert model.levels == ["P3", "P4", "P5"]
    assert (model.dropout, model.input_scaling) == (0.1, "pixels")
