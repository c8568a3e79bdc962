"""The small trunk's pretraining, cut short."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fixbench.systems.dcal._model import build_model
from fixbench.systems.dcal._options import ModelOptions
from fixbench.systems.dcal._pretraining import RECIPE, SMALL_TRUNK, Pretrained, pretrain
from fixbench.training import load_state

SHORT = replace(RECIPE, steps=12, batch=8)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pretrained]:
    path = tmp_path_factory.mktemp("trunk") / "trunk.pt"
    return path, pretrain(path, SHORT, progress=lambda done, total: None)


def test_pretraining_again_gives_the_same_bytes(
    short: tuple[Path, Pretrained], tmp_path: Path
) -> None:
    torch.manual_seed(99)
    again = pretrain(tmp_path / "trunk.pt", SHORT, progress=lambda done, total: None)
    assert again == short[1]
    assert (tmp_path / "trunk.pt").read_bytes() == short[0].read_bytes()
    assert len((tmp_path / "trunk.pt").read_bytes()) < 1_000_000


def test_the_checkpoint_is_the_trunk_of_every_seed(short: tuple[Path, Pretrained]) -> None:
    path, found = short
    options = ModelOptions(trunk=SMALL_TRUNK, pretrained=path.name)
    stored = load_state(path)["trunk"]
    for seed in (0, 1):
        model = build_model(options, 20, seed, path.parent)
        assert all(
            torch.equal(value, stored[name]) for name, value in model.trunk.state_dict().items()
        )
    matrices = torch.cat([value.flatten() for value in stored.values() if value.ndim >= 2])
    assert found.weight_rms == pytest.approx(matrices.square().mean().sqrt().item())


def test_coarse_kinds_are_learned(tmp_path: Path) -> None:
    """Of five, in a fraction of the recipe's steps."""
    recipe = replace(RECIPE, steps=60, batch=16)
    found = pretrain(tmp_path / "trunk.pt", recipe, progress=lambda done, total: None)
    assert found.accuracy > 0.5
