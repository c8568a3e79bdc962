"""Fixtures of the tests of all systems."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def _initial_values() -> None:
    """Modules draw their initial values from the global generator: the same in every test run."""
    torch.manual_seed(5)
