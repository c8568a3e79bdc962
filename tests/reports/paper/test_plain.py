"""Text in ASCII."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixbench.reports.paper._plain import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("−0.014 [−0.02, 1]", "-0.014 [-0.02, 1]"),
        ("1.2×10⁻⁷", "1.2e-7"),
        ("−3×10²³", "-3e23"),
        ("2 × 3 ÷ 4", "2 x 3 / 4"),
        ("λ ≥ 0.1 → Ω", "lambda >= 0.1 -> Omega"),
        ("0–9 – “q” it’s", '0-9 - "q" it\'s'),
        ("café m²", "cafe m2"),
        ("雪", "?"),
        ("two\nlines", "two lines"),
    ],
)
def test_plain(text: str, expected: str) -> None:
    assert plain(text) == expected


@given(st.text())
def test_it_is_ascii_without_control_characters(text: str) -> None:
    found = plain(text)
    assert found.isascii()
    assert found == "" or found.isprintable()
