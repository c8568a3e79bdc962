"""Crops, flips and the seed's test sample."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from fixbench.errors import InputError
from fixbench.systems.dcal._material import Images, load_material, normalise
from fixbench.systems.dcal._measure import draw_test_sample
from fixbench.systems.dcal._options import DataOptions

from .conftest import CLASSES, MakeOptions


def _images(count: int, side: int) -> Images:
    """Each pixel has a value of its own within its image."""
    values = torch.arange(side * side).view(1, side, side, 1).expand(count, -1, -1, 3)
    return Images(values.to(torch.uint8).contiguous(), torch.zeros(count, dtype=torch.long))


def test_pixels_span_minus_one_to_one() -> None:
    pixels = torch.tensor([[[[0, 255, 51]]]], dtype=torch.uint8)
    assert normalise(pixels).flatten().tolist() == pytest.approx([-1, 1, -0.6])


def test_training_crops_are_windows_at_every_place_and_half_of_them_flipped() -> None:
    count, side, size = 3000, 7, 5
    images = _images(count, side)
    drawn = images.augmented(
        torch.arange(count), size, flip=True, generator=torch.Generator().manual_seed(1)
    )
    found = ((drawn + 1) * 127.5).round().long()[:, 0]
    flipped = found[:, 0, 0] > found[:, 0, 1]
    corner = torch.where(flipped, found[:, 0, -1], found[:, 0, 0])
    for top in range(3):
        for left in range(3):
            at = corner == top * side + left
            # A ninth of 3000 each, and half of all are flipped: four standard deviations.
            assert at.double().mean().item() == pytest.approx(
                1 / 9, abs=4 * 0.314 / math.sqrt(count)
            )
            window = images.pictures[0, top : top + size, left : left + size, 0].long()
            expected = torch.where(flipped[at][:, None, None], window.flip(1), window)
            assert torch.equal(found[at], expected)
    assert flipped.double().mean().item() == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(count))


def test_test_images_are_cropped_in_the_middle() -> None:
    images = _images(2, 6)
    expected = normalise(images.pictures[:, 1:5, 1:5])
    assert torch.equal(images.at(torch.arange(2), 4), expected)


def test_a_seed_draws_its_test_sample_with_replacement() -> None:
    samples = [draw_test_sample(seed, 10, 500) for seed in (1, 1, 2)]
    assert torch.equal(samples[0], samples[1])
    assert not torch.equal(samples[0], samples[2])
    assert samples[0].unique().tolist() == list(range(10))
    # Of 10 images, 10 draws see 1 − (1 − 1/10)¹⁰ = 65 % on average.
    seen = [len(draw_test_sample(seed, 10, 10).unique()) / 10 for seed in range(200)]
    assert sum(seen) / 200 == pytest.approx(1 - 0.9**10, abs=0.03)


def test_material_has_the_files_pictures(make_options: MakeOptions) -> None:
    data = make_options().data
    material = load_material(Path("/"), data, 12)
    assert material.classes == CLASSES
    assert material.train.pictures.shape == (24, 14, 14, 3)
    assert material.test.labels.tolist() == [number % CLASSES for number in range(25, 40)]


def test_missing_data_are_said_so(tmp_path: Path) -> None:
    data = DataOptions(folder=str(tmp_path), layout="cub", test_sample=5)
    with pytest.raises(InputError, match=r"classes\.txt|images\.txt"):
        load_material(Path("/"), data, 12)
