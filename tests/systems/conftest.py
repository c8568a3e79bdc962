"""Fixtures and helpers of the tests of all systems."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from fixbench.ablation import load_ablation
from fixbench.results import Row


@pytest.fixture(autouse=True)
def _initial_values() -> None:
    """Modules draw their initial values from the global generator: the same in every test run."""
    torch.manual_seed(5)


@pytest.fixture(scope="session", autouse=True)
def _one_deterministic_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


#: Reading an ablation file takes a second.
_load = functools.cache(load_ablation)


def changed_options(
    ablation: Path, variant: str, tier: str, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """A variant's options with dotted changes, ``__`` for the dot; a key must be there already."""
    options = _load(ablation).at(tier).options(variant)
    for key, value in changes.items():
        *parents, last = key.split("__")
        node = options
        for parent in parents:
            node = node[parent]
        assert last in node, key
        node[last] = value
    return options


def values_of(rows: Sequence[Row], metric: str, stage: str) -> dict[int, float]:
    """Step → value of one metric in one stage, which is there."""
    found = {row.step: row.value for row in rows if (row.metric, row.stage) == (metric, stage)}
    assert found, (metric, stage)
    return found
