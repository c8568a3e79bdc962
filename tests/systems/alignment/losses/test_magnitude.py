"""How the fork's losses grow with the length of the videos (claim LB04)."""

from __future__ import annotations

import pytest
import torch

from fixbench.errors import InputError
from fixbench.systems.alignment.losses import LossOptions, alignment_loss, magnitude_curve

from .conftest import seeded

LENGTHS = (30, 60, 120)
FEW = LossOptions(components=3, fit_calls=2)


def _growth(values: tuple[float, ...]) -> float:
    """Exponent over the last doubling."""
    return float(torch.tensor(values[-1] / values[-2]).log2())


def test_a_value_is_the_loss_of_two_videos_of_that_length() -> None:
    generator = seeded(2)
    expected = []
    for length in LENGTHS:
        clips = list(torch.randn(2, length, 128, generator=generator))
        value = alignment_loss(
            clips,
            method="vava",
            formulation="as_found",
            epoch=0,
            step=0,
            generator=generator,
        )
        expected.append(value.item())
    found = magnitude_curve("vava", "as_found", LENGTHS, "random", seeded(2))
    assert found == tuple(expected)


def test_collapsed_lav_and_vava_grow_with_the_fourth_power() -> None:
    for method in ("lav", "vava"):
        values = magnitude_curve(
            method,
            "as_found",
            LENGTHS,
            "collapsed",
            seeded(),
        )
        assert _growth(values) == pytest.approx(4, abs=0.1)
    # 6e7 at 100 frames.
    (value,) = magnitude_curve("vava", "as_found", [100], "collapsed", seeded())
    assert value == pytest.approx(6.7e7, rel=0.05)


def test_collapsed_tcc_grows_linearly_and_gtcc_with_the_square() -> None:
    tcc = magnitude_curve("tcc", "as_found", LENGTHS, "collapsed", seeded())
    assert _growth(tcc) == pytest.approx(1, abs=0.02)
    gtcc = magnitude_curve("gtcc", "as_found", (60, 240), "collapsed", seeded(), options=FEW)
    # Uniform β over a window of .2 N: errors grow with N, their squares with N².
    assert _growth(gtcc) / 2 == pytest.approx(2, abs=0.35)


def test_published_formulations_do_not_grow_with_the_fourth_power() -> None:
    for method in ("tcc", "lav", "vava"):
        values = magnitude_curve(
            method,
            "paper",
            LENGTHS,
            "random",
            seeded(),
        )
        assert all(abs(value) < 100 for value in values)


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(InputError, match="state is 'spread'; expected one of random, collapsed"):
        magnitude_curve("tcc", "paper", [30], "spread", seeded())  # type: ignore[arg-type]
