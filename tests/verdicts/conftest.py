"""Frames and ablation files with planted effects: every number here is made up on purpose."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from fixbench.ablation import Ablation
from fixbench.results import COLUMNS
from fixbench.verdicts import ClaimResult, adjudicate

# A slow machine must not fail a test, and every run draws the same examples.
settings.register_profile("verdicts", deadline=None, derandomize=True)
settings.load_profile("verdicts")

# Ten fixed, balanced deviations with mean 0 and SD 0.1.
NOISE = np.array([-1.4, -1.1, -0.8, -0.5, -0.1, 0.1, 0.5, 0.8, 1.1, 1.4])
NOISE = 0.1 * NOISE / NOISE.std(ddof=1)

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


def plant(
    shift: float, n: int = 10, spread: float = 1.0, base: float = 5.0, rolled: int = 0
) -> dict[int, float]:
    """Seed → value with the mean ``base + shift`` (of ten seeds) and the SD ``0.1 * spread``."""
    noise = np.roll(NOISE, rolled)[:n] * spread
    return {seed: base + shift + float(value) for seed, value in enumerate(noise)}


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


@pytest.fixture
def planted() -> Callable[..., dict[int, float]]:
    return plant


@pytest.fixture
def lost() -> Callable[..., list[tuple[str, int]]]:
    """Ten failed runs of each of the variants."""
    return lambda *variants: [(variant, seed) for variant in variants for seed in range(10)]


@pytest.fixture
def passes() -> Callable[..., dict[int, float]]:
    """Seed → 1 in the first ``held`` of ``n`` seeds, 0 in the others."""
    return lambda held, n=10: {seed: float(seed < held) for seed in range(n)}


@pytest.fixture
def control() -> Callable[..., dict[str, Any]]:
    """A control with the effect and the bounds that are given."""
    fixed = {"name": "inert", "meaning": "An inert module passes too."}
    return lambda effect, **bounds: {**fixed, "effect": effect, **bounds}


@pytest.fixture
def judge() -> Callable[..., ClaimResult]:
    """One claim, its frame (a constant baseline ``a``, planted ``b``) → its result."""

    def judge_one(
        b: Mapping[int, Curve],
        decision: Mapping[str, Any] | None = None,
        *,
        a: Mapping[int, Curve] | None = None,
        failed: Sequence[tuple[str, int]] = (),
        tier: str = "small",
        recorded: Any = None,
        runs: Mapping[str, Mapping[int, Curve]] | None = None,
        metric: str = "loss",
        **changes: Any,
    ) -> ClaimResult:
        base: Mapping[int, Curve] = dict.fromkeys(range(10), 5.0)
        arms = {"a": base if a is None else a, "b": b, **(runs or {})}
        frame = build_frame(arms, metric=metric, failed=failed)
        ablation = build_ablation([build_claim(decision or {}, **changes)])
        (result,) = adjudicate(ablation, frame, tier=tier, recorded_claims=recorded)
        return result

    return judge_one
