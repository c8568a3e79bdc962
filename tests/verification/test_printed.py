"""Printed numbers are read back as far as they are printed, and no further."""

from __future__ import annotations

import pytest

from fixbench.verification._numbers import read_numbers
from fixbench.verification._printed import agrees


@pytest.mark.parametrize(
    ("text", "value", "same"),
    [
        ("0.25", 0.2549, True),
        ("0.25", 0.2551, False),
        ("−0.119", -0.11867, True),
        ("0.119", -0.11867, False),
        ("1.2×10⁻⁷", 1.24e-7, True),
        ("1.2×10⁻⁷", 1.26e-7, False),
        ("1.773e6", 1773100.0, True),
        ("<0.001", 0.0002, True),
        ("<0.001", 0.002, False),
        ("10", 10, True),
        ("10", 11, False),
        # Four significant digits of a large number.
        ("86690", 86688.0, True),
        ("86690", 86680.0, False),
        ("–", None, True),
        ("–", 0.5, False),
        ("0.5", None, False),
        ("half", 0.5, False),
    ],
)
def test_rounding(text: str, value: float | None, same: bool) -> None:
    assert agrees(text, value) == same


def test_numbers_for_latex_are_read() -> None:
    lines = [
        r"\fixbenchclaim{a_b}{small}{XX01}",
        r"\fixbenchfield{interval}{{[}\ensuremath{-}0.15, 0.08{]}}{{[}-0.15, 0.08{]}}",
        r"\fixbenchfield{p}{\ensuremath{<}0.001}{}",
        r"\fixbenchfield{low}{2.5\ensuremath{\times}10\ensuremath{^{-}}\ensuremath{^{1}}"
        r"\ensuremath{^{1}}}{2.5e-11}",
        r"\fixbenchclaim{a_b}{small}{XX02}",
        r"\fixbenchfield{p}{--}{-}",
    ]
    assert read_numbers("\n".join(lines)) == {
        ("a_b", "small", "XX01"): {"interval": "[-0.15, 0.08]", "p": "<0.001", "low": "2.5e-11"},
        ("a_b", "small", "XX02"): {"p": "--"},
    }
