"""The pretrained file: small, equal when it is made again, complete or backbone alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fixbench.errors import InputError
from fixbench.systems.event_detector._model import Detector
from fixbench.systems.event_detector._pretrained import (
    check_model,
    load_pretrained,
    save_pretrained,
)
from fixbench.systems.event_detector._pretraining import RECIPE, Recipe, pretrain
from fixbench.systems.event_detector._run_options import TrainingOptions
from fixbench.training import compare_state_files

from .conftest import small_model


def test_pretraining_again_gives_the_same_bytes(data: Path, tmp_path: Path) -> None:
    training = TrainingOptions(part="whole", steps=3, samples=2, length=3, learning_rate=1e-3)
    recipe = Recipe(5, 1, small_model(), training)
    one, two = tmp_path / "one.pt", tmp_path / "two.pt"
    losses = [pretrain(path, recipe, data=data, progress=lambda *_: None) for path in (one, two)]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 3
    assert one.read_bytes() == two.read_bytes()
    assert "bit for bit" in compare_state_files(one, two)
    other = tmp_path / "other.pt"
    pretrain(other, Recipe(6, 1, small_model(), training), data=data, progress=lambda *_: None)
    assert "differs" in compare_state_files(one, other)


def test_the_tracked_file_is_small(tmp_path: Path) -> None:
    """A byte a weight: 1.1 million weights, of which the backbone has 0.8."""
    path = tmp_path / "detector.pt"
    detector = Detector(RECIPE.model, 0)
    save_pretrained(path, detector, RECIPE.model, backbone_only=True)
    assert path.stat().st_size < 1_000_000
    save_pretrained(path, detector, RECIPE.model, backbone_only=False)
    assert path.stat().st_size < 1_400_000
    loaded = load_pretrained(path)
    assert loaded.model == RECIPE.model
    for name, value in detector.backbone.state_dict().items():
        found = loaded.part("backbone")[name]
        # Half of one of 127 steps of each output channel's largest weight.
        largest = value.abs().amax() / 127 if value.ndim > 1 else torch.tensor(0.0)
        assert (found - value).abs().max() <= 0.51 * largest


def test_a_backbone_alone_offers_no_pyramid(tmp_path: Path) -> None:
    path = tmp_path / "detector.pt"
    save_pretrained(path, Detector(small_model(), 0), small_model(), backbone_only=True)
    check_model(path, load_pretrained(path), small_model(), pyramid=False)
    with pytest.raises(InputError, match=r"pyramid is 'pretrained'; expected 'fresh': .* backbone"):
        check_model(path, load_pretrained(path), small_model(), pyramid=True)
