"""Frames and ablation files with planted effects: every number here is made up on purpose."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
import pytest
from hypothesis import settings

from fixbench.ablation import Ablation
from fixbench.results import COLUMNS

# A busy machine is no failure, and neither is a lucky draw of another day.
settings.register_profile("statistics", deadline=None, derandomize=True)
settings.load_profile("statistics")

# A run's curve: one value, or one value a step.
Curve = float | Sequence[float]


def build_frame(
    runs: Mapping[str, Mapping[int, Curve]],
    *,
    metric: str = "loss",
    stage: str = "test",
    failed: Sequence[tuple[str, int]] = (),
    steps: Sequence[int] | None = None,
) -> pd.DataFrame:
    """``runs``: variant → seed → curve."""
    rows = []
    for variant, seeds in runs.items():
        for seed, curve in seeds.items():
            values = list(curve) if isinstance(curve, Sequence) else [curve]
            for step, value in zip(steps or range(len(values)), values, strict=True):
                status = "diverged" if (variant, seed) in failed else "ok"
                row = ("toy", variant, seed, stage, step, metric, value, "nat", status)
                rows.append((*row, f"results/{variant}.parquet"))
    return pd.DataFrame(rows, columns=[*COLUMNS, "file"])


def build_ablation(claims: Sequence[Mapping[str, Any]], **changes: Any) -> Ablation:
    options = {"scale": 1.0}
    content: dict[str, Any] = {
        "title": "Toy",
        "question": "Does it?",
        "document": {"file": "toy.txt", "title": "Toy", "section": "1"},
        "system": "toy",
        "baseline_variant": "a",
        "baseline": options,
        "variants": {
            "a": {"reason": "baseline"},
            "b": {"reason": "changed", "changes": {"scale": 0.1}},
            "c": {"reason": "control", "changes": {"scale": 0.2}},
            "partly": {
                "reason": "measured in part",
                "changes": {"scale": 0.4},
                "measure": {"small": ["training"]},
            },
            "late": {"reason": "big", "changes": {"scale": 0.3}, "tiers": ["extended"]},
        },
        "metrics": {
            "loss": {"unit": "nat", "better": "lower", "description": "d"},
            "score": {"unit": "1", "better": "higher", "description": "d"},
            "norm": {"unit": "1", "better": "neither", "description": "d"},
        },
        "claims": list(claims),
        "tiers": {"small": {"seeds": "0-9"}, "extended": {"seeds": "0-29"}},
        "threats": ["made up"],
        **changes,
    }
    return Ablation.model_validate(content)


def difference(
    *variants: str, metric: str = "loss", at: str | int = "last", scale: str = "plain"
) -> dict[str, Any]:
    """The effect "first variant minus second"."""
    return {
        "scale": scale,
        "terms": [
            {"variant": v, "metric": metric, "stage": "test", "at": at, "weight": w}
            for v, w in zip(variants, (1.0, -1.0), strict=False)
        ],
    }


def build_claim(decision: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    claim: dict[str, Any] = {
        "id": "TT01",
        "statement": "b is higher than a",
        "section": "1",
        "kind": "outcome",
        "documented": {"text": "+2", "value": 2.0},
        "decision": {"rule": "difference", "direction": "greater", "margin": 0.5, **decision},
        "effect": difference("b", "a"),
    }
    return {**claim, **changes}


@pytest.fixture(scope="module", autouse=True)
def frozen_garbage() -> Iterator[None]:
    """multipletests collects garbage at every call: keep what is already loaded out of it."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def make_frame() -> Callable[..., pd.DataFrame]:
    return build_frame


@pytest.fixture
def make_ablation() -> Callable[..., Ablation]:
    return build_ablation


@pytest.fixture
def make_claim() -> Callable[..., dict[str, Any]]:
    return build_claim


@pytest.fixture
def minus() -> Callable[..., dict[str, Any]]:
    return difference
