"""Effects whose seeds average samples: the interval that counts both stands beside."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fixbench.ablation import Effect
from fixbench.errors import InputError
from fixbench.statistics import clustered_interval
from fixbench.verdicts import Measurements, adjudicate

Make = Callable[..., Any]

BETTER = {"loss": "lower"}


def contrast(samples: Any = "nested", scale: Any = "plain") -> Any:
    terms = [
        {"variant": variant, "metric": "loss", "stage": "test", "at": "mean", "weight": weight}
        for variant, weight in (("b", 1.0), ("a", -1.0))
    ]
    return Effect.model_validate({"terms": terms, "samples": samples, "scale": scale})


@pytest.fixture
def curves() -> Any:
    random = np.random.default_rng(4)
    return {v: {seed: list(random.uniform(1, 2, 6)) for seed in (0, 3, 7)} for v in "ab"}


@pytest.mark.parametrize("scale", ["plain", "log"])
def test_samples_are_paired_and_average_to_the_effect_of_their_seed(
    make_frame: Make, curves: Any, scale: str
) -> None:
    results = Measurements(make_frame(curves), BETTER)
    effects = results.per_seed(contrast(scale=scale))
    found = results.samples(contrast(scale=scale), effects)
    turn = np.log if scale == "log" else np.asarray
    for seed, row in zip((0, 3, 7), found, strict=True):
        assert row == pytest.approx(turn(curves["b"][seed]) - turn(curves["a"][seed]))
        assert row.mean() == pytest.approx(effects.values[seed])


@pytest.mark.parametrize(("samples", "size"), [("nested", 1), ("crossed", 6)])
def test_a_failed_seed_has_its_imputed_value_as_samples(
    make_frame: Make, curves: Any, samples: Any, size: int
) -> None:
    results = Measurements(make_frame(curves, failed=[("b", 3)]), BETTER)
    effects = results.per_seed(contrast(samples))
    found = results.samples(contrast(samples), effects)[1]
    assert found == pytest.approx(np.full(size, effects.values[3]))


@pytest.mark.parametrize(
    ("samples", "changed", "message"),
    [
        ("nested", "b", "expected the same samples (steps) in every term of an effect"),
        ("crossed", "ab", "of an effect and in every seed"),
    ],
)
def test_samples_that_do_not_pair_are_refused(
    make_frame: Make, curves: Any, samples: Any, changed: str, message: str
) -> None:
    for variant in changed:
        curves[variant][3] = curves[variant][3][:4]
    results = Measurements(make_frame(curves), BETTER)
    effects = results.per_seed(contrast(samples), describes=True)
    with pytest.raises(InputError) as caught:
        results.samples(contrast(samples), effects)
    assert str(caught.value).endswith(message)
    assert "seed 3" in str(caught.value)


def test_seeds_may_have_samples_of_their_own(make_frame: Make, curves: Any) -> None:
    for variant in "ab":
        curves[variant][3] = curves[variant][3][:4]
    results = Measurements(make_frame(curves), BETTER)
    found = results.samples(contrast(), results.per_seed(contrast()))
    assert [len(row) for row in found] == [6, 4, 6]


@pytest.mark.parametrize("scale", ["plain", "log"])
def test_the_seed_stays_the_unit_and_the_interval_stands_beside(
    make_ablation: Make, make_claim: Make, make_frame: Make, curves: Any, scale: str
) -> None:
    def judge(samples: Any) -> Any:
        effect = contrast(samples, scale).model_dump()
        ablation = make_ablation([make_claim({"margin": 1.5}, effect=effect)])
        return adjudicate(ablation, make_frame(curves), tier="small")[0]

    plain, nested = judge(None), judge("nested")
    assert plain.effect.clustered is None
    assert (nested.verdict, nested.reason, nested.p_adjusted) == (
        plain.verdict,
        plain.reason,
        plain.p_adjusted,
    )
    found = nested.effect.clustered
    assert found.low < nested.effect.low < nested.effect.high < found.high
    turn, back = (np.log, np.exp) if scale == "log" else (np.asarray, float)
    rows = [turn(curves["b"][seed]) - turn(curves["a"][seed]) for seed in (0, 3, 7)]
    again = clustered_interval(rows)
    assert (found.low, found.high) == pytest.approx((back(again.low), back(again.high)))


def test_samples_need_means() -> None:
    content = contrast().model_dump()
    content["terms"][0]["at"] = "last"
    with pytest.raises(ValueError, match="every term at 'mean', which is over the samples"):
        Effect.model_validate(content)
