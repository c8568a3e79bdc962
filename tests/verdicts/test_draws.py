"""Verdicts on drawn data: the mean over draws decides, and the data are counted beside it."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fixbench.ablation import Ablation, Effect
from fixbench.analysis import load_claims, save_claims
from fixbench.errors import InputError
from fixbench.statistics import clustered_interval, crossed_interval
from fixbench.verdicts import ClaimResult, Measurements, adjudicate, claims_table
from fixbench.verdicts._draws import DrawnEffects, DrawnMeasurements, measure

BETTER = {"loss": "lower"}
Make = Callable[..., Any]


def drawn(
    make_frame: Make, effects: Any, *, failed: Mapping[int, list[tuple[str, int]]] | None = None
) -> pd.DataFrame:
    """Variant b is higher than a by ``effects``, (seeds, draws); a is the same in all draws."""
    parts = []
    for draw, column in enumerate(np.asarray(effects, dtype=float).T):
        runs = {
            "a": {seed: 1.0 + seed for seed in range(len(column))},
            "b": {seed: 1.0 + seed + float(effect) for seed, effect in enumerate(column)},
        }
        part = make_frame(runs, failed=(failed or {}).get(draw, ()))
        parts.append(part.assign(data_seed=draw, file=f"results/{draw}.parquet"))
    return pd.concat(parts, ignore_index=True)


def judge(
    make_ablation: Make, make_claim: Make, frame: pd.DataFrame, draws: str | None, **decision: Any
) -> ClaimResult:
    seeds = f"0-{frame['seed'].max()}"
    tiers = {"small": {"seeds": seeds, **({"data_seeds": draws} if draws else {})}}
    (result,) = adjudicate(make_ablation([make_claim(decision)], tiers=tiers), frame, tier="small")
    return result


@pytest.fixture
def scattered() -> Any:
    """Ten seeds on four draws: 2 on average, 0.1 of seeds, 1 of draws."""
    random = np.random.default_rng(1)
    y = 0.1 * random.normal(size=(10, 1)) + np.array([[-1.2, -0.4, 0.4, 1.2]])
    y = y + 0.1 * random.normal(size=(10, 4))
    return 2 + y - y.mean()


def test_the_effect_of_a_seed_is_its_mean_over_draws(
    make_frame: Make, minus: Make, scattered: Any
) -> None:
    results = measure(drawn(make_frame, scattered), BETTER)
    assert isinstance(results, DrawnMeasurements)
    assert results.draws == (0, 1, 2, 3)
    assert results.seeds == frozenset(range(10))
    found = results.per_seed(Effect.model_validate(minus("b", "a")))
    assert isinstance(found, DrawnEffects)
    assert list(found.values.values()) == pytest.approx(scattered.mean(axis=1))
    assert found.table == pytest.approx(scattered)
    # Without the column everything is as it was.
    plain = measure(make_frame({"a": {0: 1.0}}), BETTER)
    assert type(plain) is Measurements


def test_verdict_speaks_of_draws_and_the_interval_of_data(
    make_frame: Make, make_ablation: Make, make_claim: Make, scattered: Any
) -> None:
    frame = drawn(make_frame, scattered)
    result = judge(make_ablation, make_claim, frame, "0-3", direction="greater")
    # Student's t of the means of seeds, as on one data set.
    means = scattered.mean(axis=1)
    expected = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert result.effect is not None
    assert (result.effect.low, result.effect.high) == pytest.approx((expected.low, expected.high))
    assert result.effect.n == 10
    assert result.verdict == "reproduced"
    data, both = result.data, crossed_interval(scattered)
    assert data is not None
    assert (data.estimate, data.low, data.high) == pytest.approx((2.0, both.low, both.high))
    assert data.low < result.effect.low
    assert data.by_draw == pytest.approx(dict(enumerate(scattered.mean(axis=0))))
    assert data.next.buy == "draw"
    said = " ".join(result.notes)
    assert "over 4 data draws and 10 seeds is 2.00 nat (95 % interval" in said
    assert "One more data draw for all seeds narrows it more" in said
    assert "declares" not in said


def test_what_is_shown_of_these_draws_only(
    make_frame: Make, make_ablation: Make, make_claim: Make, scattered: Any
) -> None:
    # A mean of 0.7 with draws from -0.5 to 1.9: seeds alone show a difference.
    frame = drawn(make_frame, scattered - 1.3)
    result = judge(make_ablation, make_claim, frame, "0-3", direction="greater")
    assert result.ruling is not None
    assert result.ruling.evidence["different"].shown
    assert result.data is not None
    assert result.data.low < 0 < result.data.high
    only = [note for note in result.notes if "of these data draws only" in note]
    assert len(only) == 1
    assert "reaches no effect (0)" in only[0]
    # Where the mean is null, equivalence is shown of these draws and not beyond them.
    frame = drawn(make_frame, scattered - 2)
    result = judge(make_ablation, make_claim, frame, "0-3", direction="greater", margin=0.5)
    assert result.verdict == "absent"
    assert any("reaches effects that matter (from -0.500 on)" in note for note in result.notes)


def test_draws_that_agree_add_no_such_note(
    make_frame: Make, make_ablation: Make, make_claim: Make, planted: Make
) -> None:
    values = np.array(list(planted(2, base=0.0).values()))
    frame = drawn(make_frame, np.stack([values, values + 0.01, values - 0.01], axis=1))
    result = judge(make_ablation, make_claim, frame, "0-2", direction="greater")
    assert result.data is not None
    assert result.data.next.buy == "seed"
    said = " ".join(result.notes)
    assert "of these data draws only" not in said
    assert "With fewer than 4 draws this interval is right less often than said." in said


def test_log_effects_are_ratios(
    make_frame: Make, make_ablation: Make, make_claim: Make, minus: Make
) -> None:
    random = np.random.default_rng(2)
    logs = 0.7 + 0.1 * random.normal(size=(6, 3)) + np.array([[-0.2, 0.0, 0.2]])
    runs = [
        make_frame(
            {
                "a": dict.fromkeys(range(6), 2.0),
                "b": {seed: 2.0 * math.exp(log) for seed, log in enumerate(column)},
            }
        ).assign(data_seed=draw)
        for draw, column in enumerate(logs.T)
    ]
    claim = make_claim({"direction": "greater", "margin": 1.1}, effect=minus("b", "a", scale="log"))
    ablation = make_ablation([claim], tiers={"small": {"seeds": "0-5", "data_seeds": "0-2"}})
    (result,) = adjudicate(ablation, pd.concat(runs), tier="small")
    expected = crossed_interval(logs)
    assert result.data is not None
    assert result.data.low == pytest.approx(math.exp(expected.low))
    assert result.data.components.draw == pytest.approx(expected.components.draw)
    assert result.data.by_draw[1] == pytest.approx(math.exp(logs[:, 1].mean()))


def test_failed_runs_count_within_their_draw(
    make_frame: Make, make_ablation: Make, make_claim: Make, minus: Make, scattered: Any
) -> None:
    frame = drawn(make_frame, scattered, failed={1: [("b", 3)]})
    found = measure(frame, BETTER).per_seed(Effect.model_validate(minus("b", "a")))
    assert (set(found.failed), found.failed_runs) == ({3}, 1)
    alone = Measurements(frame[frame["data_seed"] == 1], BETTER)
    column = alone.per_seed(Effect.model_validate(minus("b", "a"))).values
    others = np.delete(scattered[3], 1)
    assert found.values[3] == pytest.approx((others.sum() + column[3]) / 4)
    assert len(found.notes) == 1
    lost = drawn(make_frame, scattered, failed={2: [("b", seed) for seed in range(10)]})
    result = judge(make_ablation, make_claim, lost, "0-3", direction="greater")
    assert (result.verdict, result.data) == ("inconclusive", None)
    assert any("'data draw 2': No run of variant 'b' succeeded" in note for note in result.notes)


def test_a_draw_with_other_seeds_is_refused(make_frame: Make, minus: Make, scattered: Any) -> None:
    frame = drawn(make_frame, scattered)
    frame = frame[(frame["data_seed"] != 2) | (frame["seed"] != 4)]
    with pytest.raises(InputError, match=r"seed, data draw 2 .*the same seeds on every data draw"):
        measure(frame, BETTER).per_seed(Effect.model_validate(minus("b", "a")))


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        (None, "Run on data draws [0, 1, 2, 3]; tier 'small' declares the tracked data."),
        ("0-4", "Run on data draws [0, 1, 2, 3]; tier 'small' declares data draws [0, 1, 2, 3, 4]"),
    ],
)
def test_other_draws_than_declared_are_noted(
    make_frame: Make,
    make_ablation: Make,
    make_claim: Make,
    scattered: Any,
    declared: str | None,
    told: str,
) -> None:
    frame = drawn(make_frame, scattered)
    result = judge(make_ablation, make_claim, frame, declared, direction="greater")
    assert any(told in note for note in result.notes)


def test_samples_and_properties_of_all_draws(make_frame: Make, minus: Make) -> None:
    curves = [
        {"a": {0: [1.0, 3.0], 1: [2.0, 4.0]}},
        {"a": {0: [5.0, 5.0, 8.0], 1: [6.0, 6.0, 6.0]}},
    ]
    frame = pd.concat([make_frame(runs).assign(data_seed=draw) for draw, runs in enumerate(curves)])
    effect = Effect.model_validate({**minus("a", at="mean"), "samples": "crossed"})
    results = measure(frame, BETTER)
    seeds = results.per_seed(effect)
    assert seeds.values == {0: pytest.approx(4.0), 1: pytest.approx(4.5)}
    rows = results.samples(effect, seeds)
    assert [row.mean() for row in rows] == pytest.approx([4.0, 4.5])
    # By hand: two samples of draw 0 stand 1 from their mean of 2, three of draw 1 from 6; each
    # draw has half of the weight, and there are five: times 5 / (2 * 2) and 5 / (2 * 3).
    assert rows[0] - 4.0 == pytest.approx([-1.25, 1.25, -5 / 6, -5 / 6, 10 / 6])
    # The variance of the mean over draws of their means: 1 / 2 and 2 / 3, by 2 squared.
    assert rows[0].var() / 5 == pytest.approx((1 / 2 + 2 / 3) / 4)
    marks = [{"a": {0: [1.0, 1.0], 1: [0.0, 1.0]}}, {"a": {0: [1.0, 1.0], 1: [1.0, 1.0]}}]
    frame = pd.concat([make_frame(runs).assign(data_seed=draw) for draw, runs in enumerate(marks)])
    count = measure(frame, BETTER).count_property(Effect.model_validate(minus("a", at="mean")))
    assert (count.held, count.checked) == (7, 8)
    assert count.share == {0: 1.0, 1: 0.75}


def test_the_interval_that_counts_samples_is_of_these_draws(
    make_frame: Make, make_ablation: Make, make_claim: Make, minus: Make
) -> None:
    """Draws far apart do not widen it, other samples do; it holds the truth as often as it says."""
    random = np.random.default_rng(5)

    def judged(far: float, spread: float) -> Any:
        parts = []
        for draw in range(3):
            values = 1.0 + far * (draw - 1) + spread * random.normal(size=(6, 8))
            values += 0.1 * random.normal(size=(6, 1))
            runs = {"a": {s: [0.0] * 8 for s in range(6)}, "b": dict(enumerate(values.tolist()))}
            parts.append(make_frame(runs).assign(data_seed=draw))
        effect = {**minus("b", "a", at="mean"), "samples": "nested"}
        ablation = make_ablation(
            [make_claim({}, effect=effect)], tiers={"small": {"seeds": "0-5", "data_seeds": "0-2"}}
        )
        (result,) = adjudicate(ablation, pd.concat(parts), tier="small")
        return result.effect.clustered

    near, far, wide = judged(0.0, 0.5), judged(50.0, 0.5), judged(0.0, 3.0)
    assert near.standard_error == pytest.approx(far.standard_error, rel=0.8)
    assert wide.standard_error > 2.5 * near.standard_error
    assert (near.seeds, near.fewest, near.most) == (6, 24, 24)


def test_coverage_of_samples_on_draws(make_frame: Make, minus: Make) -> None:
    random = np.random.default_rng(6)
    effect = Effect.model_validate({**minus("a", at="mean"), "samples": "nested"})
    held = 0
    for _ in range(150):
        parts = []
        for draw, size in enumerate((4, 12)):
            values = 10.0 * draw + random.normal(size=(5, 1)) + 2 * random.normal(size=(5, size))
            frame = make_frame({"a": dict(enumerate(values.tolist()))})
            parts.append(frame.assign(data_seed=draw))
        results = measure(pd.concat(parts), BETTER)
        found = clustered_interval(results.samples(effect, results.per_seed(effect)))
        held += found.low < 5.0 < found.high
    assert held >= 135  # of 150; 95 % is 142.5, with a standard error of 2.7


def test_a_seed_undefined_on_one_draw_has_no_effect(
    make_frame: Make, minus: Make, scattered: Any
) -> None:
    frame = drawn(make_frame, scattered)
    here = (frame["data_seed"] == 2) & (frame["seed"] == 4) & (frame["variant"] == "b")
    frame.loc[here, "value"], frame.loc[here, "status"] = math.nan, "undefined"
    found = measure(frame, BETTER).per_seed(Effect.model_validate(minus("b", "a")))
    assert (set(found.undefined), set(found.failed)) == ({4}, set())
    kept = [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert list(found.values) == kept
    assert list(found.values.values()) == pytest.approx(scattered.mean(axis=1)[kept])


def test_in_files_only_where_there_are_draws(
    make_frame: Make, make_ablation: Make, make_claim: Make, scattered: Any, tmp_path: Path
) -> None:
    frame = drawn(make_frame, scattered)
    result = judge(make_ablation, make_claim, frame, "0-3", direction="greater")
    save_claims(tmp_path / "claims.json", [result])
    (back,) = load_claims(tmp_path / "claims.json")
    assert back.data == result.data
    (row,) = claims_table([result])
    assert row["data"]["draws"] == 4
    assert row["data"]["share_of_variance"]["draws"] > 0.9
    assert json.loads(json.dumps(row["data"], allow_nan=False)) == row["data"]
    one = frame[frame["data_seed"] == 0].drop(columns="data_seed")
    plain = judge(make_ablation, make_claim, one, None, direction="greater")
    save_claims(tmp_path / "claims.json", [plain])
    assert "data" not in json.loads((tmp_path / "claims.json").read_text())["verdicts"][0]
    assert "data" not in claims_table([plain])[0]


def test_one_draw_is_no_source_of_chance(
    make_frame: Make, make_ablation: Make, make_claim: Make, scattered: Any
) -> None:
    frame = drawn(make_frame, scattered[:, :1])
    result = judge(make_ablation, make_claim, frame, "0", direction="greater")
    assert result.data is None
    assert result.verdict != "inconclusive"


def test_only_primary_claims_have_it(
    make_frame: Make, make_ablation: Make, make_claim: Make, scattered: Any
) -> None:
    claim = make_claim({"direction": "greater"}, primary=False)
    ablation: Ablation = make_ablation(
        [claim], tiers={"small": {"seeds": "0-9", "data_seeds": "0-3"}}
    )
    (result,) = adjudicate(ablation, drawn(make_frame, scattered), tier="small")
    assert result.data is None
