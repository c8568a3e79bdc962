"""Contexts, matching and loss on the weights and inputs of numbers that the origin's code gave.

``golden/README.md`` says what each file pins, at which commit, and within what.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fixbench.detection import decode_boxes
from fixbench.systems.yowo._assignment import pad_targets
from fixbench.systems.yowo._attention_context import GatedAttention
from fixbench.systems.yowo._global_context import Cooccurrence, GlobalContext
from fixbench.systems.yowo._loss import LossTerms, multi_task_loss
from fixbench.systems.yowo._model import Predictions, build_scene_context
from fixbench.systems.yowo._object_context import ObjectContext

from .conftest import context

FOLDER = Path(__file__).with_name("golden")
WIDTH = 32
CONTEXTS: dict[str, dict[str, Any]] = {
    "A": {"kind": "gated_attention"},
    "B": {"kind": "logit_attention"},
    "C": {"kind": "attention"},
    "D": {"kind": "global"},
    "E": {"kind": "global", "positions": True},
}
INPUTS = ("features", "object_logits", "relation_logits")


def read(name: str) -> dict[str, torch.Tensor]:
    """The arrays of a file."""
    with np.load(FOLDER / f"{name}.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays}


def loaded(module: nn.Module, numbers: dict[str, torch.Tensor]) -> Any:
    """The module with a file's weights: every parameter has one, and every weight is one."""
    weights = {
        name.removeprefix("weight."): value
        for name, value in numbers.items()
        if name.startswith("weight.")
    }
    module.load_state_dict(weights)
    return module.eval()


def relative(found: torch.Tensor | None, expected: torch.Tensor) -> float:
    """Length of the difference over the expected length."""
    assert found is not None
    return ((found - expected).norm() / expected.norm()).item()


def check_gradients(
    module: nn.Module, inputs: dict[str, torch.Tensor], numbers: dict[str, torch.Tensor]
) -> None:
    """Output within 1e-5, every recorded gradient within 1e-5 of its length."""
    for value in inputs.values():
        value.requires_grad_()
    out = module(*inputs.values())
    assert (out - numbers["out"]).abs().max() < 1e-5
    (out * numbers["upstream"]).sum().backward()
    parameters = dict(module.named_parameters())
    recorded = [name.removeprefix("grad.") for name in numbers if name.startswith("grad.")]
    assert set(inputs) <= set(recorded)
    for name in recorded:
        source = inputs[name] if name in inputs else parameters[name]
        assert relative(source.grad, numbers[f"grad.{name}"]) < 1e-5, name


@pytest.mark.parametrize("name", CONTEXTS)
def test_scene_contexts_are_the_origin_s(name: str) -> None:
    numbers = read(f"context_{name}")
    module = loaded(build_scene_context(context(**CONTEXTS[name]), WIDTH), numbers)
    check_gradients(module, {key: numbers[f"input.{key}"] for key in INPUTS}, numbers)


def test_the_object_context_is_the_origin_s() -> None:
    numbers = read("object_context")
    module = loaded(ObjectContext(WIDTH), numbers)
    inputs = {key: numbers[f"input.{key}"] for key in INPUTS[:2]}
    check_gradients(module, inputs, numbers)


@pytest.mark.parametrize("name", ["A", "B", "C"])
def test_attention_weights_are_the_origin_s(name: str) -> None:
    numbers = read(f"context_{name}")
    module = loaded(build_scene_context(context(**CONTEXTS[name]), WIDTH), numbers)
    with torch.no_grad():
        weights = module.attention(*(numbers[f"input.{key}"] for key in INPUTS))
    expected = numbers["attention_mean_over_heads"]
    assert (weights.mean(dim=1) - expected).abs().max() < 1e-6


@pytest.mark.parametrize("scale", ["-3", "0.02", "-0.5"])
def test_the_fix_s_scale_is_clamped_as_the_origin_s(scale: str) -> None:
    numbers = read("context_D")
    module = loaded(GlobalContext(WIDTH), numbers)
    with torch.no_grad():
        module.context_scale.fill_(float(scale))
        out = module(*(numbers[f"input.{key}"] for key in INPUTS))
    assert (out - numbers[f"out.context_scale_{scale}"]).abs().max() < 1e-5


def test_the_scene_vector_of_the_first_revision_is_the_origin_s() -> None:
    """Five blocks there (presence, y, x, and the same from the person); class by class here."""
    numbers = read("context_E")
    module = loaded(GlobalContext(WIDTH, positions=True), numbers)
    with torch.no_grad():
        found = module.pooled(*(numbers[f"input.{key}"] for key in INPUTS[1:]))
    expected = numbers["scene_vector_in_origin_order"][:, numbers["column_permutation"]]
    assert (found - expected).abs().max() < 1e-6
    # The permutation moves columns of the first layer, and nothing else.
    columns = numbers["weight_in_origin_order.project.0.weight"][:, numbers["column_permutation"]]
    assert torch.equal(columns, numbers["weight.project.0.weight"].flatten(1))


def test_the_prior_of_the_first_revision_is_the_origin_s() -> None:
    numbers = read("context_E")
    module = Cooccurrence()
    module.load_state_dict(
        {name: numbers[f"prior.{name}"] for name in ("action_factors", "object_factors", "scale")}
    )
    logits = numbers["prior.input.object_probabilities"].log()  # their softmax is what went in
    with torch.no_grad():
        out = module(numbers["prior.input.action_logits"], logits)
    assert (out - numbers["prior.out"]).abs().max() < 1e-6


def test_the_prior_starts_as_the_origin_s() -> None:
    torch.manual_seed(0)
    module = Cooccurrence()
    for factors, std in zip(
        (module.action_factors, module.object_factors),
        read("context_E")["prior.init_std"].tolist(),
        strict=True,
    ):
        assert factors.std().item() == pytest.approx(std, rel=0.05)
        assert abs(factors.mean().item()) < 3 * std / factors.numel() ** 0.5
    assert module.scale.item() == pytest.approx(0.1)


def test_the_gated_attention_has_the_origin_s_number_of_parameters() -> None:
    assert sum(p.numel() for p in GatedAttention(256, heads=4).parameters()) == 403_457


# Matching and loss

#: Name in the files → attribute of `Predictions`.
LOGITS = ("confidence", "objects", "actions", "relations")


def loss_of(numbers: dict[str, torch.Tensor]) -> tuple[LossTerms, dict[str, torch.Tensor]]:
    """The loss of a file's inputs, and these inputs with their gradients to come."""
    inputs = {name: numbers[f"input.{name}"].requires_grad_() for name in (*LOGITS, "raw_boxes")}
    centres, strides = numbers["input.centres"], numbers["input.strides"]
    boxes = decode_boxes(inputs["raw_boxes"], centres, strides)
    assert (boxes - numbers["input.decoded_boxes"]).abs().max() < 1e-4  # pixels
    predictions = Predictions(
        **{name: inputs[name] for name in LOGITS}, boxes=boxes, centres=centres, strides=strides
    )
    frames = range(len(numbers["input.confidence"]))
    targets = pad_targets(
        [numbers[f"input.target_boxes.{frame}"] for frame in frames],
        [numbers[f"input.target_labels.{frame}"] for frame in frames],
    )
    return multi_task_loss(predictions, targets), inputs


@pytest.mark.parametrize("case", [2, 3])
def test_cells_answer_for_the_boxes_that_the_origin_gives_them(case: int) -> None:
    numbers = read(f"loss_{case}")
    terms, _ = loss_of(numbers)
    assert torch.equal(terms.assignment.target, numbers["out.assignment"])
    assert terms.assignment.foreground.sum() > 3


@pytest.mark.parametrize("case", [2, 3])
def test_losses_and_their_gradients_are_the_origin_s(case: int) -> None:
    numbers = read(f"loss_{case}")
    terms, inputs = loss_of(numbers)
    for name in ("confidence", "objects", "actions", "relations", "boxes", "total"):
        value = numbers[f"out.loss.{name}"].item()
        assert getattr(terms, name).item() == pytest.approx(value, rel=1e-6), name
    terms.total.backward()
    for name, given in inputs.items():
        # Nobody is there to act in case 2, whose actions then have no gradient.
        expected = numbers.get(f"grad.{name}", torch.zeros_like(given))
        assert given.grad is not None
        assert (given.grad - expected).abs().max() < 1e-6, name
    assert ("grad.actions" in numbers) == (case == 3)
