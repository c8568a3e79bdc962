from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fixbench.reports._format import (
    bytes_,
    duration,
    interval,
    mean_and_deviation,
    number,
    p_value,
    seed_ranges,
)

SUPERSCRIPT = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def read(text: str) -> tuple[float, float]:
    """A printed number and half a unit of its last digit."""
    mantissa, _, power = text.replace("−", "-").partition("×10")
    scale = 10.0 ** int(power.translate(SUPERSCRIPT) or 0)
    decimals = len(mantissa.partition(".")[2])
    return float(mantissa) * scale, 0.5 * 10.0**-decimals * scale


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (None, 4, "–"),
        (math.nan, 4, "–"),
        (math.inf, 4, "∞"),
        (-math.inf, 4, "−∞"),
        (0.0, 4, "0"),
        (0.05, 4, "0.05"),
        (1.0, 4, "1"),
        (0.4625, 3, "0.463"),  # the float lies just above the tie
        (-12.3456, 3, "−12.3"),
        (120.0, 2, "120"),
        (129.0, 2, "130"),
        (9.9999, 3, "10"),
        (1e5, 4, "100000"),
        (1.25e7, 3, "1.25×10⁷"),
        (-3.2e-7, 2, "−3.2×10⁻⁷"),
    ],
)
def test_number(value: float | None, digits: int, text: str) -> None:
    assert number(value, digits) == text


@pytest.mark.parametrize(
    ("mean", "deviation", "text"),
    [
        (0.20921, 0.00876, "0.2092 ± 0.0088"),
        (-12.34, 5.6, "−12.3 ± 5.6"),
        (123456.0, 0.25, "123456 ± 0.25"),
        (0.251, 0.0, "0.251 ± 0"),
        (0.251, math.nan, "0.251"),
        (math.nan, math.nan, "–"),
        (3e-9, 2e-10, "3.00×10⁻⁹ ± 2.0×10⁻¹⁰"),
    ],
)
def test_mean_and_deviation(mean: float, deviation: float, text: str) -> None:
    assert mean_and_deviation(mean, deviation) == text


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        # The shorter arm, 0.0213, is worth two digits: three decimals.
        ((0.37712, 0.35582, 0.39971), ("0.377", "[0.356, 0.400]")),
        ((-0.0071, -0.01063, -0.00349), ("−0.0071", "[−0.0106, −0.0035]")),
        ((1234.4, 934.0, 1534.0), ("1234", "[934, 1534]")),
        ((0.9999979, 0.9999945, 1.0000013), ("1.0000", "[1.0000, 1.0000]")),
        ((-0.0001, -0.5, 0.5), ("0.00", "[−0.50, 0.50]")),
        ((2.5, 2.5, 2.5), ("2.5", "[2.5, 2.5]")),
        ((0.5, math.nan, math.nan), ("0.5", "–")),
        ((0.5, -math.inf, math.inf), ("0.5", "[−∞, ∞]")),
        ((2.0e-8, 1.0e-8, 3.0e-8), ("2.0×10⁻⁸", "[1.0×10⁻⁸, 3.0×10⁻⁸]")),
        ((3.0e7, 2.0e7, 4.0e7), ("3.0×10⁷", "[2.0×10⁷, 4.0×10⁷]")),
    ],
)
def test_interval(values: tuple[float, float, float], texts: tuple[str, str]) -> None:
    assert interval(*values) == texts


@given(
    st.floats(-1e4, 1e4),
    st.floats(1e-3, 1e3),
    st.floats(1e-3, 1e3),
)
def test_printed_interval_is_the_interval_rounded_and_keeps_its_arms(
    centre: float, below: float, above: float
) -> None:
    assume(min(below, above) > 1e-3 * max(abs(centre), abs(centre - below), abs(centre + above)))
    value, bounds = interval(centre, centre - below, centre + above)
    low, high = bounds.strip("[]").split(", ")
    for text, exact in ((value, centre), (low, centre - below), (high, centre + above)):
        printed, half_unit = read(text)
        assert abs(printed - exact) <= half_unit * (1 + 1e-9)
        assert half_unit <= 0.051 * min(below, above) or half_unit == 0.5
    if min(below, above) > 1:
        assert read(low)[0] < read(high)[0]


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (math.nan, "–"),
        (0.0, "<0.001"),
        (0.00099, "<0.001"),
        (2 / 1024, "0.0020"),
        (0.0123, "0.012"),
        (0.34, "0.34"),
        (0.9949, "0.99"),
        (1.0, "1.0"),
    ],
)
def test_p_value(p: float, text: str) -> None:
    assert p_value(p) == text


def test_seed_ranges() -> None:
    assert seed_ranges([3, 0, 1, 2, 7, 9, 8, 8]) == "0–3, 7–9"
    assert seed_ranges([5]) == "5"
    assert seed_ranges([]) == "none"


def test_durations_and_sizes() -> None:
    assert [duration(s) for s in (1.25, 119.9, 120.0, 7200.0)] == [
        "1.2 s",
        "119.9 s",
        "2.0 min",
        "2.0 h",
    ]
    assert [bytes_(n) for n in (512, 1536, 600 * 2**20, 3 * 2**30)] == [
        "512 B",
        "1.5 KiB",
        "600.0 MiB",
        "3.0 GiB",
    ]
