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
import yaml

from fixbench.ablation import load_ablation
from fixbench.cli import main
from fixbench.datasets.procedure_generator import generate_procedures
from fixbench.errors import InputError
from fixbench.job import RUN_METRIC, check_runnable
from fixbench.results import read_results
from fixbench.systems import alignment
from fixbench.systems.alignment import MEASURES, Options, run
from fixbench.systems.alignment._loop import SKIPS
from fixbench.testing import check_system, make_context
from fixbench.training import Diverged, Failed, Outcome

from ..conftest import values_of
from .conftest import ABLATION, MakeOptions, write_procedures

SEED = 7


def _run(
    options: Options,
    *,
    seed: int = SEED,
    measure: set[str] | None = None,
    parent: Mapping[str, Any] | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Outcome:
    return run(options, seed, make_context(measure=measure, parent=parent, progress=progress))


def _shorten(folder: Path, handle: str, frames: int) -> None:
    """Cut a video's features and annotation: background, and one action to its end."""
    file = folder / "egoprocel.json"
    annotation = json.loads(file.read_text())
    for entry in annotation.values():
        if handle in entry["handles"]:
            place = entry["handles"].index(handle)
            entry["hdl_actions"][place] = ["0", "1"]
            entry["hdl_start_times"][place] = [0, 2]
            entry["hdl_end_times"][place] = [2, frames]
    file.write_text(json.dumps(annotation))
    array = folder / "egoprocel" / "features" / f"{handle}.npy"
    numpy.save(array, numpy.load(array)[:frames])


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
    measured = {row.metric for row in outcome.rows}
    assert measured <= load_ablation(ABLATION).declared(measured).keys() | {RUN_METRIC}
    assert list(values_of(outcome.rows, "ogpe", "progress")) == [0, 2, 4, 6]
    for metric in ("alignment_loss", "progress_loss", "skipped_batches"):
        assert list(values_of(outcome.rows, metric, "training")) == [2, 4, 6]
    for metric in ("gradient_ratio", "gradient_cosine", "gradient_after/head"):
        assert list(values_of(outcome.rows, metric, "gradient")) == [0, 2, 5]
    for metric in ("parameter_displacement/head", "below_epsilon/encoder", "kendall_tau", "kappa"):
        assert list(values_of(outcome.rows, metric, "end")) == [6]
    assert calls == [("training", done, 6) for done in (2, 4, 6)]


def test_every_declared_metric_is_measured(make_options: MakeOptions) -> None:
    """But those by length that this test's videos have not."""
    measured = {row.metric for row in _run(make_options("gtcc_on_global")).rows}
    ablation = load_ablation(ABLATION)
    assert ablation.metrics.keys() - measured == {"early_error/long"}
    for family in ablation.families:
        assert any(metric.startswith(family.removesuffix("*")) for metric in measured)


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
    assert len(MEASURES) == 8


def test_progress_before_training_and_embeddings_only_where_asked(
    make_options: MakeOptions,
) -> None:
    rows = _run(make_options(), measure={"training"}).rows
    assert list(values_of(rows, "ogpe", "progress")) == [3]
    assert "kendall_tau" not in {row.metric for row in rows}
    rows = _run(make_options(), measure={"training", "training/before"}).rows
    assert list(values_of(rows, "ogpe", "progress")) == [0, 3]


# Pairing


def test_other_seeds_give_other_runs(make_options: MakeOptions) -> None:
    options = make_options("gtcc_on_global")
    first, second = (_run(options, seed=seed, measure={"training"}).rows for seed in (1, 2))
    assert first != second


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
        assert values_of(rows, f"parameter_displacement/{frozen}", "end") == {3: 0.0}
        assert values_of(rows, f"parameter_displacement/{other}", "end")[3] > 0


def test_skipped_batches_are_counted_by_kind(make_options: MakeOptions, tmp_path: Path) -> None:
    """One of two batches an epoch holds a video that is too short for GTCC."""
    folder = write_procedures(tmp_path / "short", train=2)
    _shorten(folder, "cook_0", frames=15)
    options = make_options("gtcc_on_global", data=str(folder), training__steps=4)
    rows = _run(options, measure={"training", "training/skips"}).rows
    assert values_of(rows, "skipped_batches", "training") == {4: 2.0}
    found = {kind: values_of(rows, f"skipped_batches/{kind}", "end") for kind in SKIPS}
    assert found == {"length": {4: 2.0}, "actions": {4: 0.0}, "total": {4: 0.0}}
    rows = _run(options, measure={"training"}).rows
    assert not [row for row in rows if row.metric.startswith("skipped_batches/")]


def test_videos_too_short_to_train_on_fail_with_that_reason(
    make_options: MakeOptions, tmp_path: Path
) -> None:
    folder = write_procedures(tmp_path / "short")
    for task in json.loads((folder / "data_splits.json").read_text())["splits"].values():
        for handle in task["train"]:
            _shorten(folder, handle, frames=12)
    options = make_options("gtcc_on_global", data=str(folder))
    with pytest.raises(Failed, match=r"left out: a video under 20 frames \(3\)"):
        _run(options, measure={"training"})


def test_a_run_that_trains_on_nothing_fails(make_options: MakeOptions) -> None:
    """With so large a lambda every batch is above the fork's limit."""
    options = make_options(
        objective__method="tcc",
        objective__limited=["tcc"],
        objective__lambda=1e9,
        training__steps=4,
        training__evaluations=2,
        measures__identity_steps=1,
    )
    with pytest.raises(
        Failed, match="no step was made; every batch was left out: a total"
    ) as found:
        _run(options, measure={"training", "baselines"})
    rows = found.value.rows
    assert found.value.step == 4
    assert values_of(rows, "skipped_batches", "training") == {2: 2.0, 4: 4.0}
    assert values_of(rows, "skipped_batches/total", "end") == {4: 4.0}
    # Nothing at the end may pass for what training has led to.
    assert list(values_of(rows, "ogpe", "progress")) == [2]
    assert not [row for row in rows if row.metric.startswith("parameter_displacement")]


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


# The promises of every system


@pytest.mark.parametrize(
    ("variant", "changes", "parts"),
    [
        ("gtcc_on_global", {}, {"update"}),
        ("lav_on_global", {"update__clear_gradients": False}, {"sampling"}),
        ("lav_on_global", {"update__optimiser": "sgd"}, {"baselines"}),
    ],
    ids=["gtcc", "uncleared", "sgd"],
)
def test_the_promises_of_every_system(
    make_options: MakeOptions, variant: str, changes: dict[str, Any], parts: set[str]
) -> None:
    """Saves: the part without training, then one an evaluation."""
    options = make_options(variant, training__steps=6, training__evaluations=3, **changes)
    measures = {"training", "training/before", "training/skips"} | parts
    done = check_system(
        alignment, options, root=Path("/"), inputs=[options.data.folder], measures=measures
    )
    assert done.saves == 4


# Failures


def test_a_diverged_run_keeps_what_was_measured(make_options: MakeOptions) -> None:
    options = make_options(
        "lav_off_none", update__optimiser="sgd", update__learning_rate=1e6, training__steps=5
    )
    with pytest.raises(Diverged, match="non-finite") as raised:
        _run(options, measure={"training", "baselines"})
    assert raised.value.step > 0
    assert values_of(raised.value.rows, "ogpe", "baseline/oracle") == {0: 0.0}
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


# The command line, on data that need settings of the reader


@pytest.fixture
def own_data(
    make_options: MakeOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Any], int]:
    """Run an ablation of one variant on annotations at three frames for each of the features."""
    folder = write_procedures(tmp_path / "mine")
    file = folder / "egoprocel.json"
    annotation = json.loads(file.read_text())
    for entry in annotation.values():
        for key in ("hdl_start_times", "hdl_end_times"):
            entry[key] = [[3 * time for time in times] for times in entry[key]]
    # A step between two feature frames, and features that go on after the annotation.
    cook = annotation["cook"]
    cook["hdl_actions"][0].insert(1, "9")
    cook["hdl_start_times"][0][1:1] = [cook["hdl_end_times"][0][0] - 2]
    cook["hdl_end_times"][0][0:1] = [cook["hdl_end_times"][0][0] - 2, cook["hdl_end_times"][0][0]]
    file.write_text(json.dumps(annotation))
    array = folder / "egoprocel" / "features" / "cook_1.npy"
    numpy.save(array, numpy.pad(numpy.load(array), ((0, 4), (0, 0)), mode="edge"))
    monkeypatch.chdir(tmp_path)
    template = yaml.safe_load(ABLATION.read_text(encoding="utf-8"))
    options = make_options().model_dump(mode="json", by_alias=True)

    def start(data: Any) -> int:
        content = {
            "title": "mine",
            "question": "does it run?",
            "document": template["document"],
            "system": template["system"],
            "baseline_variant": "alone",
            "baseline": options | {"data": data},
            "variants": {"alone": {"reason": "one", "measure": {"smoke": ["training"]}}},
            "metrics": template["metrics"],
            "tiers": {"smoke": {"seeds": "0"}},
            "threats": ["a test"],
        }
        Path("ablations/mine").mkdir(parents=True, exist_ok=True)
        Path("ablations/mine/ablation.yaml").write_text(yaml.safe_dump(content))
        Path("ablations/mine/claims.yaml").write_text("claims: []\n")
        arguments = ["run", "mine", "alone", "--tier", "smoke", "--seeds", "0"]
        return main([*arguments, "--output", "x.parquet"])

    return start


def test_annotations_that_need_settings_of_the_reader(
    own_data: Callable[[Any], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every message names a setting, and following them one after another ends in a run."""
    data: dict[str, Any] = {"folder": "mine"}
    for message, setting in (
        ("or set length_mismatch='truncate'", {"frame_rate": {"cook": 3.0, "repair": 3.0}}),
        ("or set empty_steps='drop'", {"empty_steps": "drop"}),
        ("or set length_mismatch='truncate'", {"length_mismatch": "truncate"}),
    ):
        assert own_data(data) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
        assert not Path("x.parquet").exists()
        data |= setting
    assert own_data(data) == 0
    frame = read_results([Path("x.parquet")])
    assert set(frame["status"]) == {"ok"}
    capsys.readouterr()
    assert own_data(data | {"empty_steps": "skip"}) == 2
    expected = "baseline.data.empty_steps is 'skip'; expected 'refuse' or 'drop'"
    assert expected in capsys.readouterr().err


def test_joined_videos_are_longer_and_fewer(make_options: MakeOptions, procedures: Path) -> None:
    data = {"folder": str(procedures), "join": 40}
    rows = _run(make_options(data=data), measure={"training", "baselines"}).rows
    apart = _run(make_options(), measure={"training", "baselines"}).rows
    assert all(math.isfinite(row.value) for row in rows)
    # The same actions, in fewer means over a video; the loss of two videos grows with their length.
    stage = "baseline/best_constant"
    assert values_of(rows, "ogpe", stage)[0] != values_of(apart, "ogpe", stage)[0]
    assert values_of(rows, "ogpe", stage)[0] == pytest.approx(
        values_of(apart, "ogpe", stage)[0], abs=1e-3
    )
    assert (
        values_of(rows, "alignment_loss", "start")[0]
        > 4 * values_of(apart, "alignment_loss", "start")[0]
    )
