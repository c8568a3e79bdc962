"""Stage 2's augmentation: what moves together, how often, how far."""

from __future__ import annotations

import math

import pytest
import torch

from fixbench.systems.aa_clip._augment import augment
from fixbench.systems.aa_clip._towers import PIXEL_MEAN, PIXEL_STD

MEAN = torch.tensor(PIXEL_MEAN)[:, None, None]
STD = torch.tensor(PIXEL_STD)[:, None, None]


def _augment(
    pixels: torch.Tensor, masks: torch.Tensor, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same on pixels in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    images, moved = augment((pixels - MEAN) / STD, masks, generator)
    return images * STD + MEAN, moved


def _half(count: int, size: int) -> torch.Tensor:
    masks = torch.zeros(count, size, size)
    masks[:, :, : size // 2] = 1
    return masks


def _near(fraction: float, expected: float, count: int, slack: float = 0.0) -> bool:
    """Within four standard deviations of a binomial proportion, plus ``slack`` of the detector."""
    return abs(fraction - expected) < 4 * math.sqrt(expected * (1 - expected) / count) + slack


def test_an_image_moves_as_its_mask_does() -> None:
    masks = torch.zeros(200, 32, 32)
    masks[:, 4:14, 6:24] = 1  # neither centred nor symmetric
    pixels, moved = _augment(masks[:, None].expand(-1, 3, -1, -1), masks)
    seen = pixels[:, 0] > pixels[:, 0].amax(dim=(1, 2), keepdim=True) / 2
    wanted = moved > 0.5
    overlap = (seen & wanted).sum(dim=(1, 2)) / (seen | wanted).sum(dim=(1, 2))
    assert overlap.min() > 0.8  # a pixel's row around an edge is decided by interpolation
    still = (seen & (masks > 0.5)).sum(dim=(1, 2)) / (seen | (masks > 0.5)).sum(dim=(1, 2))
    assert still.mean() < 0.6


def test_masks_stay_binary_and_keep_their_size() -> None:
    masks = _half(300, 32)
    _, moved = _augment(torch.zeros(300, 3, 32, 32), masks)
    assert set(moved.unique().tolist()) == {0.0, 1.0}
    share = moved.mean(dim=(1, 2)) / 0.5
    # 15 % of the side may leave the picture on either axis, and rotation costs corners.
    assert share.min() > 0.45
    assert share.max() < 1.2


def test_equal_generators_give_equal_batches() -> None:
    pixels, masks = torch.rand(6, 3, 16, 16), _half(6, 16)
    first, second, other = (_augment(pixels, masks, seed) for seed in (1, 1, 2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[0], other[0])


def test_pixels_stay_between_black_and_white() -> None:
    pixels = torch.rand(400, 3, 16, 16).pow(3)
    found, _ = _augment(pixels, _half(400, 16))
    assert found.min() > -1e-6
    assert found.max() < 1 + 1e-6


def test_both_flips_happen_half_the_time_and_independently() -> None:
    count, size = 2000, 24
    masks = torch.zeros(count, size, size)
    masks[:, : size // 2, : size // 2] = 1  # the quadrant stays in its own under 30° and 15 %
    _, moved = _augment(torch.zeros(count, 3, size, size), masks)
    axis = torch.linspace(-1, 1, size)
    left = torch.einsum("bij,j->b", moved, axis) < 0
    top = torch.einsum("bij,i->b", moved, axis) < 0
    # A shifted, turned quadrant may cross an axis; that is rare and symmetric.
    assert _near(left.float().mean().item(), 0.5, count)
    assert _near(top.float().mean().item(), 0.5, count)
    assert _near((left & top).float().mean().item(), 0.25, count)


def test_rotations_happen_half_the_time_and_reach_30_degrees() -> None:
    count, size = 1500, 64
    # A vertical edge through the middle: its slope is the angle, whatever the shift.
    _, moved = _augment(torch.zeros(count, 3, size, size), _half(count, size))
    middle = moved[:, size // 2 - 8 : size // 2 + 8]
    widths = middle.sum(dim=2)  # of the rows of a half-plane (or of what shifts left of it)
    slope = (widths[:, -1] - widths[:, 0]) / 15
    turned = widths.amax(dim=1) != widths.amin(dim=1)
    # 16 rows cannot show angles below about 2° (7 % of all rotations).
    assert _near(turned.float().mean().item(), 0.5, count, slack=0.05)
    angle = torch.rad2deg(slope.abs().atan())
    assert 26 < angle.max() < 34


def test_shifts_happen_half_the_time_and_reach_15_percent() -> None:
    count, size = 2000, 60
    masks = torch.zeros(count, size, size)
    masks[:, 20:40, 20:40] = 1  # a square that stays inside whatever happens
    _, moved = _augment(torch.zeros(count, 3, size, size), masks)
    rows, columns = moved.amax(dim=2), moved.amax(dim=1)
    upright = moved[(moved == rows[:, :, None] * columns[:, None]).flatten(1).all(dim=1)]
    assert 0.5 < len(upright) / count < 0.65  # half, and rotations that no pixel shows
    axis = torch.arange(size) - (size - 1) / 2
    for equation in ("bij,j->b", "bij,i->b"):
        shift = torch.einsum(equation, upright, axis) / upright.sum(dim=(1, 2))
        # A shift of up to half a pixel (5 % of all) moves nothing.
        fraction = (shift.abs() > 0.25).float().mean().item()
        assert _near(fraction, 0.5, len(upright), slack=0.03)
        assert 8 <= shift.abs().max() <= 9.5  # 15 % of 60 pixels


def _unmoved(colour: tuple[float, float, float], count: int) -> torch.Tensor:
    """Centre colours [n, 3] of the constant pictures into which no black was moved."""
    pixels = torch.tensor(colour)[None, :, None, None].expand(count, 3, 8, 8)
    found, moved = _augment(pixels, torch.ones(count, 8, 8))
    kept = (found == found[:, :, :1, :1]).all(dim=(1, 2, 3)) | (
        (found - found[:, :, :1, :1]).abs().amax(dim=(1, 2, 3)) < 1e-5
    )
    whole = moved.flatten(1).all(dim=1) & kept
    return found[whole, :, 4, 4]


def test_brightness_changes_70_percent_of_pictures_by_up_to_half() -> None:
    # On a constant grey picture contrast and saturation do nothing.
    factor = _unmoved((0.5, 0.5, 0.5), 6000)[:, 0] / 0.5
    assert len(factor) > 400  # 1/8 is neither turned nor shifted
    assert _near(((factor - 1).abs() > 1e-4).float().mean().item(), 0.7, len(factor))
    assert 0.49 < factor.min() < 0.55
    assert 1.45 < factor.max() < 1.51


def test_contrast_and_saturation_spread_colours_around_grey() -> None:
    colour = (0.45, 0.40, 0.35)
    found = _unmoved(colour, 6000)
    luma = torch.tensor([0.299, 0.587, 0.114])
    before = (colour[0] - colour[2]) / float(torch.tensor(colour) @ luma)
    factor = (found[:, 0] - found[:, 2]) / (found @ luma) / before
    # Of a constant colour either one multiplies the distance from grey: 1 − 0.3² of the pictures.
    changed = ((factor - 1).abs() > 1e-3).float().mean().item()
    assert _near(changed, 0.91, len(factor))
    assert factor.min() + 1e-4 >= 0.25
    assert factor.max() - 1e-4 <= 2.25
    assert factor.max() > 1.6


@pytest.mark.parametrize("shape", [(1, 8), (5, 16)])
def test_shapes(shape: tuple[int, int]) -> None:
    count, size = shape
    images, masks = _augment(torch.rand(count, 3, size, size), _half(count, size))
    assert images.shape == (count, 3, size, size)
    assert masks.shape == (count, size, size)
