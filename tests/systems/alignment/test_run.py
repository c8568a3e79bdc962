"""Whole runs: rows, pairing, interruption, failures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from fixbench.ablation import load_ablation
from fixbench.datasets import generate_procedures
from fixbench.errors import InputError
from fixbench.job import RUN_METRIC, check_runnable
from fixbench.results import Row
from fixbench.systems.alignment import MEASURES, Options, run
from fixbench.training import Diverged, FileCheckpointer, Outcome, RunContext

from .conftest import ABLATION, MakeOptions, write_procedures

SEED = 7


class _NoCheckpoint:
    def load(self) -> None:
        return None

    def save(self, state: Mapping[str, Any]) -> None:
        pass


class Interrupted(Exception):  # noqa: N818
    pass


class _Interrupting(FileCheckpointer):
    """Saves to a file and kills the run right after its ``limit``-th save."""

    def __init__(self, path: Path, limit: float) -> None:
        super().__init__(path)
        object.__setattr__(self, "left", limit)

    def save(self, state: Mapping[str, Any]) -> None:
        super().save(state)
        object.__setattr__(self, "left", self.left - 1)  # type: ignore[attr-defined]
        if self.left == 0:  # type: ignore[attr-defined]
            raise Interrupted


def _run(
    options: Options,
    *,
    seed: int = SEED,
    measure: set[str] | None = None,
    parent: Mapping[str, Any] | None = None,
    checkpointer: Any = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Outcome:
    context = RunContext(
        root=Path("/"),
        device=torch.device("cpu"),
        progress=progress,
        checkpointer=checkpointer or _NoCheckpoint(),
        parent=parent,
        measure=frozenset(measure) if measure is not None else None,
    )
    return run(options, seed, context)


def _values(rows: list[Row], metric: str, stage: str) -> dict[int, float]:
    found = {row.step: row.value for row in rows if (row.metric, row.stage) == (metric, stage)}
    assert found
    return found


# Rows


def test_a_full_run_measures_everything_once(make_options: MakeOptions) -> None:
    options = make_options(training__steps=6, training__evaluations=3, training__probes=3)
    calls: list[tuple[str, int, int]] = []
    outcome = _run(options, progress=lambda *call: calls.append(call))
    keys = [(row.stage, row.step, row.metric) for row in outcome.rows]
    assert len(set(keys)) == len(keys)
    assert all(math.isfinite(row.value) and row.status == "ok" for row in outcome.rows)
    stages = {row.stage for row in outcome.rows}
    assert {stage for stage in stages if not stage.startswith(("baseline/", "magnitude/"))} == {
        *("update", "sampling", "sampling/length", "sampling/video"),
        *("start", "progress", "training", "gradient", "end"),
    }
    declared = load_ablation(ABLATION).metrics.keys() | {RUN_METRIC}
    assert {row.metric for row in outcome.rows} <= declared
    assert list(_values(outcome.rows, "ogpe", "progress")) == [0, 2, 4, 6]
    for metric in ("alignment_loss", "progress_loss", "skipped_batches"):
        assert list(_values(outcome.rows, metric, "training")) == [2, 4, 6]
    for metric in ("gradient_ratio", "gradient_cosine", "gradient_after/head"):
        assert list(_values(outcome.rows, metric, "gradient")) == [0, 2, 5]
    for metric in ("parameter_displacement/head", "below_epsilon/encoder", "kendall_tau", "kappa"):
        assert list(_values(outcome.rows, metric, "end")) == [6]
    assert calls == [("training", done, 6) for done in (2, 4, 6)]


def test_every_declared_metric_is_measured(make_options: MakeOptions) -> None:
    """But those by length that this test's videos have not."""
    measured = {row.metric for row in _run(make_options("gtcc_on_global")).rows}
    missing = load_ablation(ABLATION).metrics.keys() - measured
    assert missing == {"ogpe/long", "early_error/long", "late_error/long"}


def test_the_ablation_file_runs_in_every_tier() -> None:
    ablation = load_ablation(ABLATION)
    check_runnable(ABLATION, ablation, ablation.tiers)


def test_the_smoke_tier_as_it_stands(tmp_path: Path, make_options: MakeOptions) -> None:
    """The ablation's own dimensions on generated procedures."""
    generate_procedures(tmp_path / "procedures", seed=1, train=2, validation=1, test=1)
    plan = json.loads(json.dumps(make_options().model_dump(mode="json", by_alias=True)))
    ablation = load_ablation(ABLATION)
    options = plan | {
        "data": str(tmp_path / "procedures"),
        "encoder": ablation.baseline["encoder"],
        "progress": ablation.baseline["progress"],
    }
    rows = _run(Options.model_validate(options), measure={"training", "baselines", "sampling"}).rows
    values = {(row.stage, row.metric): row.value for row in rows}
    assert values["sampling", "h0_shape"] == values["sampling", "segment_input"] == 1
    assert values["baseline/oracle", "ogpe"] == 0
    assert 0 < values["progress", "ogpe"] < 1
    assert values["training", "skipped_batches"] == 0


def test_measure_restricts_the_parts(make_options: MakeOptions) -> None:
    def stages(*measure: str) -> set[str]:
        rows = _run(make_options(), measure=set(measure)).rows
        return {row.stage.split("/")[0] for row in rows}

    assert stages() == set()
    for part, stage in (("update", "update"), ("sampling", "sampling"), ("baselines", "baseline")):
        assert stages(part) == {stage}
    assert stages("magnitudes") == {"magnitude"}
    assert stages("training") == {"start", "progress", "training", "gradient", "end"}
    assert len(MEASURES) == 7


def test_progress_before_training_and_embeddings_only_where_asked(
    make_options: MakeOptions,
) -> None:
    rows = _run(make_options(), measure={"training"}).rows
    assert list(_values(rows, "ogpe", "progress")) == [3]
    assert "kendall_tau" not in {row.metric for row in rows}
    rows = _run(make_options(), measure={"training", "training/before"}).rows
    assert list(_values(rows, "ogpe", "progress")) == [0, 3]


# Pairing


def test_equal_seeds_give_equal_runs(make_options: MakeOptions) -> None:
    options = make_options("gtcc_on_global")
    first, second = (_run(options, measure={"training"}) for _ in range(2))
    assert first.rows == second.rows
    assert all(torch.equal(first.state[name], second.state[name]) for name in first.state)
    assert _run(options, seed=SEED + 1, measure={"training"}).rows != first.rows


def test_a_seed_does_not_depend_on_its_block(make_options: MakeOptions) -> None:
    """Nor on random numbers that were drawn elsewhere, of which it draws none."""
    options = make_options("gtcc_on_global")
    alone = _run(options, measure={"training", "update"}).rows
    torch.manual_seed(99)
    numpy.random.seed(99)
    before = torch.random.get_rng_state()
    _run(options, seed=SEED + 1, measure={"training"})
    assert _run(options, measure={"training", "update"}).rows == alone
    assert torch.equal(before, torch.random.get_rng_state())


def test_arms_of_a_seed_start_alike(make_options: MakeOptions) -> None:
    """Same first batch, same weights, same draws: what stands before the first update is equal."""

    def start(variant: str) -> list[tuple[str, int, str, float]]:
        rows = _run(make_options(variant), measure={"training", "training/before"}).rows
        before = [row for row in rows if row.step == 0 and "after" not in row.metric]
        return [(row.stage, row.step, row.metric, row.value) for row in before]

    reference = start("lav_on_global")
    assert {stage for stage, *_ in reference} == {"start", "progress", "gradient"}
    for variant in ("lav_off_global", "lav_on_none", "lav_off_separate", "lav_on_global_matched"):
        assert start(variant) == reference


def test_frozen_parts_do_not_move(make_options: MakeOptions) -> None:
    for frozen, other in (("head", "encoder"), ("encoder", "head")):
        rows = _run(make_options(update__frozen=frozen), measure={"training"}).rows
        assert _values(rows, f"parameter_displacement/{frozen}", "end") == {3: 0.0}
        assert _values(rows, f"parameter_displacement/{other}", "end")[3] > 0


def test_skipped_batches_are_counted(make_options: MakeOptions) -> None:
    """With so large a lambda every batch is above the fork's limit, and nothing is learned."""
    options = make_options(objective__method="tcc", objective__lambda=1e9)
    rows = _run(options, measure={"training"}).rows
    assert _values(rows, "skipped_batches", "training") == {3: 3.0}
    assert _values(rows, "parameter_displacement/encoder", "end") == {3: 0.0}
    assert not {"gradient", "start"} & {row.stage for row in rows}
    assert list(_values(rows, "ogpe", "progress")) == [3]


# Starting points


def test_a_start_from_another_variants_encoder(make_options: MakeOptions) -> None:
    parent = _run(make_options(objective__lambda=0.0), measure={"training"})
    options = make_options("lav_frozen_encoder", start="parent")
    outcome = _run(options, measure={"training"}, parent=parent.state)
    fresh = _run(make_options("lav_frozen_encoder"), measure={"training"})
    assert outcome.state.keys() == parent.state.keys()
    for name, value in parent.state.items():
        assert torch.equal(outcome.state[name], value)
        assert not torch.equal(fresh.state[name], value)
    with pytest.raises(InputError, match="start is 'parent'; expected 'fresh', or a variant with"):
        _run(options, measure=set())


# Interruption

EVALUATED = {"training__steps": 6, "training__evaluations": 3}


@pytest.mark.parametrize(
    ("variant", "changes"),
    [
        ("gtcc_on_global", {}),
        ("lav_on_global", {"update__clear_gradients": False}),
        ("lav_on_global", {"update__optimiser": "sgd"}),
    ],
    ids=["gtcc", "uncleared", "sgd"],
)
def test_an_interrupted_run_ends_like_an_uninterrupted_one(
    make_options: MakeOptions, tmp_path: Path, variant: str, changes: dict[str, Any]
) -> None:
    options = make_options(variant, **EVALUATED, **changes)
    measure = {"training", "training/before", "sampling"}
    expected = _run(options, measure=measure)
    # Saves: sampling, then one an evaluation.
    for limit in (1, 2, 3):
        path = tmp_path / f"{limit}.pt"
        with pytest.raises(Interrupted):
            _run(options, measure=measure, checkpointer=_Interrupting(path, limit))
        outcome = _run(options, measure=measure, checkpointer=FileCheckpointer(path))
        assert outcome.rows == expected.rows
        assert all(torch.equal(outcome.state[n], value) for n, value in expected.state.items())


def test_a_run_killed_again_and_again(make_options: MakeOptions, tmp_path: Path) -> None:
    options = make_options(**EVALUATED)
    measure = {"training", "sampling", "baselines"}
    path = tmp_path / "state.pt"
    for _ in range(2):
        with pytest.raises(Interrupted):
            _run(options, measure=measure, checkpointer=_Interrupting(path, 2))
    outcome = _run(options, measure=measure, checkpointer=FileCheckpointer(path))
    assert outcome.rows == _run(options, measure=measure).rows


# Failures


def test_a_diverged_run_keeps_what_was_measured(make_options: MakeOptions) -> None:
    options = make_options(
        "lav_off_none", update__optimiser="sgd", update__learning_rate=1e6, training__steps=5
    )
    with pytest.raises(Diverged, match="non-finite") as raised:
        _run(options, measure={"training", "baselines"})
    assert raised.value.step > 0
    assert _values(raised.value.rows, "ogpe", "baseline/oracle") == {0: 0.0}
    assert all(math.isfinite(row.value) for row in raised.value.rows)


def test_features_of_another_width_are_refused(make_options: MakeOptions, tmp_path: Path) -> None:
    folder = write_procedures(tmp_path / "wide", width=6)
    with pytest.raises(InputError, match=r"features is \(6,\); expected \(5,\) for each frame, as"):
        _run(make_options(data=str(folder)))
    message = r"features is \(5,\); expected \(5, h, w\) for each frame"
    with pytest.raises(InputError, match=message):
        _run(make_options(encoder__base="conv3d", encoder__linears=[6]))


def test_a_task_with_one_training_video_is_refused(
    make_options: MakeOptions, tmp_path: Path
) -> None:
    folder = write_procedures(tmp_path / "few", train=1)
    message = "cook: train is 1; expected at least two training videos a task, which make a batch"
    with pytest.raises(InputError, match=message):
        _run(make_options(data=str(folder)))


def test_missing_data_are_said_so(make_options: MakeOptions, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"egoprocel\.json"):
        _run(make_options(data=str(tmp_path)))
