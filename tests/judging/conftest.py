"""One table of three variants, five seeds and two metrics, which every layout has to give again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

VALUES = {
    "baseline": [0.811, 0.794, 0.806, 0.823, 0.787],
    "mixup": [0.832, 0.818, 0.827, 0.839, 0.812],
    "cutout": [0.78, 0.791, 0.763, 0.81, 0.752],
}
LOSSES = {
    "baseline": [0.52, 0.49, 0.51, 0.47, 0.53],
    "mixup": [0.48, 0.5, 0.47, 0.46, 0.49],
    "cutout": [0.55, 0.51, 0.56, 0.5, 0.54],
}


@pytest.fixture
def values() -> dict[str, list[float]]:
    """Variant → accuracy in seeds 0 to 4."""
    return VALUES


@pytest.fixture
def losses() -> dict[str, list[float]]:
    """Variant → loss in seeds 0 to 4."""
    return LOSSES


@pytest.fixture
def long() -> pd.DataFrame:
    """The table, a row for each value."""
    return pd.DataFrame(
        [
            (variant, seed, metric, value)
            for metric, table in (("accuracy", VALUES), ("loss", LOSSES))
            for variant, found in table.items()
            for seed, value in enumerate(found)
        ],
        columns=["method", "seed", "metric", "value"],
    )


@pytest.fixture
def wide(long: pd.DataFrame) -> pd.DataFrame:
    """The table, a column for each metric."""
    found = long.pivot_table(index=["method", "seed"], columns="metric", values="value", sort=False)
    return found.reset_index().rename_axis(columns=None)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a text, or content as JSON, to a file of this name."""

    def put(name: str, content: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        return path

    return put
