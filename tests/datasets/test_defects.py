"""Defects: what a mask promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from fixbench.datasets import DEFECTS, Severity, apply_defect, photograph_region
from fixbench.datasets._defects import AREA, VISIBLE

SEVERITY = Severity(extent=(0.3, 0.5), contrast=(0.3, 0.9))


def _surface(name: str, size: int = 64) -> np.ndarray:
    return photograph_region(name, "evaluation")[40 : 40 + size, 30 : 30 + size].copy()


def _damage(kind: str, seed: int, surface: np.ndarray, severity: Severity = SEVERITY):
    generator = np.random.default_rng(seed)
    donor = photograph_region("grass", "evaluation")[: surface.shape[0], : surface.shape[1]]
    return apply_defect(surface, generator, kind, severity, donor=donor)


@pytest.mark.parametrize("kind", DEFECTS)
@pytest.mark.parametrize("size", [48, 64, 112])
@pytest.mark.parametrize("name", ["brick", "coffee", "flower"])
def test_mask_is_the_visible_change(kind, size, name):
    surface = _surface(name, size)
    before = surface.copy()
    for seed in range(4):
        result = _damage(kind, seed, surface)
        assert result is not None
        image, mask = result
        assert np.array_equal(surface, before)
        assert image.dtype == np.uint8
        assert image.shape == surface.shape
        assert mask.dtype == bool
        assert mask.shape == surface.shape[:2]
        change = np.abs(image.astype(int) - surface).max(axis=2)
        assert not change[~mask].any()
        visible = change >= VISIBLE
        assert not (visible & ~mask).any()
        # What is filled in lies between visible pixels, and is the smaller part.
        assert visible[mask].mean() > 0.5
        near = ndimage.distance_transform_edt(~visible) < 5
        assert near[mask].all()
        assert AREA[0] <= mask.mean() <= AREA[1]


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(sorted(DEFECTS)),
    seed=st.integers(0, 2**32 - 1),
    low=st.floats(0.1, 0.6),
    contrast=st.floats(0.0, 0.9),
)
def test_any_severity_keeps_the_promise(kind, seed, low, contrast):
    surface = _surface("gravel")
    severity = Severity(extent=(low, low + 0.3), contrast=(contrast, contrast + 0.1))
    result = _damage(kind, seed, surface, severity)
    if result is not None:
        image, mask = result
        changed = (image != surface).any(axis=2)
        assert not (changed & ~mask).any()
        assert AREA[0] <= mask.mean() <= AREA[1]


@pytest.mark.parametrize("kind", DEFECTS)
def test_seed_decides(kind):
    surface = _surface("brick")
    first, again, other = (_damage(kind, seed, surface) for seed in (7, 7, 8))
    assert first is not None
    assert again is not None
    assert other is not None
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


def test_extent_and_contrast_do_what_they_say():
    surface = _surface("brick")
    areas, changes = [], []
    for severity in (
        Severity(extent=(0.2, 0.25), contrast=(0.1, 0.2)),
        Severity(extent=(0.4, 0.45), contrast=(0.9, 1.0)),
    ):
        results = [_damage("hole", seed, surface, severity) for seed in range(30)]
        areas.append(np.mean([mask.mean() for _, mask in results]))
        changes.append(
            np.mean([np.abs(image.astype(int) - surface)[mask].mean() for image, mask in results])
        )
    # An ellipse (mean axis ratio 0.775) with all, some or nothing of a rim two pixels wide.
    for area, diameter in zip(areas, (0.225, 0.425), strict=True):
        semi = np.array([1, 0.775]) * diameter / 2
        assert 0.9 * np.pi * semi.prod() < area < np.pi * (semi + 2 / 64).prod()
    assert changes[1] > 1.3 * changes[0]


def test_contamination_shows_the_donor():
    surface = np.full((64, 64, 3), 20, np.uint8)
    donor = np.full((64, 64, 3), (200, 120, 240), np.uint8)
    severity = Severity(extent=(0.4, 0.4), contrast=(1.0, 1.0))
    generator = np.random.default_rng(0)
    result = apply_defect(surface, generator, "contamination", severity, donor=donor)
    assert result is not None
    image, mask = result
    core = ndimage.binary_erosion(mask, iterations=4)
    assert core.any()
    assert (image[core] == donor[0, 0]).all()


def test_contamination_without_donor_is_a_mistake():
    with pytest.raises(ValueError, match="needs a donor"):
        apply_defect(_surface("brick"), np.random.default_rng(0), "contamination", SEVERITY)


def test_a_defect_that_cannot_be_seen_is_not_returned():
    faint = Severity(extent=(0.005, 0.01), contrast=(0.0, 0.0))
    assert _damage("hole", 0, _surface("brick"), faint) is None
