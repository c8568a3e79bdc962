"""Folders and exports of other tools, laid out as these tools write them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fixbench.errors import InputError
from fixbench.judging import Judged, judge, reader_names
from fixbench.judging.readers._runs import run_of

Make = Callable[..., Any]
A = [0.61, 0.64, 0.6, 0.66]
B = [0.7, 0.71, 0.68, 0.75]


def is_paired(judged: Judged, metric: str = "accuracy") -> Any:
    """The one claim on the metric is scipy's paired test of B against A."""
    (result,) = [
        result
        for claim, result in zip(judged.ablation.claims, judged.results, strict=True)
        if claim.effect is not None and claim.effect.weighted[0].metric == metric
    ]
    assert result.effect is not None
    assert result.effect.n == 4
    assert result.effect.estimate == pytest.approx(np.mean(B) - np.mean(A))
    assert result.effect.p_value == pytest.approx(stats.ttest_rel(B, A).pvalue)
    return result


def test_hydra(write: Make, tmp_path: Path) -> None:
    number = 0
    for optimizer, values in (("sgd", A), ("adam", B)):
        for seed, value in enumerate(values):
            job = f"multirun/2026-01-02/10-00-00/{number}"
            overrides = [f"optimizer={optimizer}", f"train.seed={seed}", "data=cifar"]
            write(f"{job}/.hydra/overrides.yaml", "".join(f"- {item}\n" for item in overrides))
            rows = [f"{epoch},{value - 1 + epoch / 2}" for epoch in range(3)]
            write(f"{job}/metrics.csv", "\n".join(["epoch,accuracy", *rows]))
            number += 1
    judged = judge(tmp_path / "multirun", metric="accuracy", directory=tmp_path, pages=False)
    assert list(judged.given.labels.values()) == ["optimizer=sgd", "optimizer=adam"]
    is_paired(judged)


def test_a_job_of_hydra_without_metrics_failed(write: Make, tmp_path: Path) -> None:
    for number, (name, seed) in enumerate((n, s) for n in ("a", "b") for s in range(3)):
        write(f"m/{number}/.hydra/overrides.yaml", f"- model={name}\n- seed={seed}\n")
        if number != 5:
            write(f"m/{number}/result.json", {"loss": 1.0 + number * number})
    judged = judge(tmp_path / "m", directory=tmp_path, pages=False)
    assert judged.given.count() == {"ok": 5, "failed": 1}
    assert judged.results[0].effect.n_failed == 1
    assert "1 jobs left no file of metrics and count as failed." in judged.given.notes


def test_a_job_of_hydra_with_several_files_is_refused(write: Make, tmp_path: Path) -> None:
    write("m/0/.hydra/overrides.yaml", "- model=a\n")
    for name in ("x.json", "y.json"):
        write(f"m/0/{name}", {"loss": 1.0})
    with pytest.raises(InputError, match=r"files is 'x\.json, y\.json'; expected one file"):
        judge(tmp_path / "m", directory=tmp_path, pages=False)


def mlflow_run(write: Make, name: str, seed: int, value: float, **changes: Any) -> None:
    run = f"mlruns/1/{name}{seed}"
    meta = {"status": 3, "lifecycle_stage": "active", **changes}
    write(f"{run}/meta.yaml", "".join(f"{key}: {item}\n" for key, item in meta.items()))
    write(f"{run}/params/model", name)
    write(f"{run}/params/seed", str(seed))
    write(f"{run}/tags/mlflow.runName", "brave-owl")
    lines = [f"170000000000{step} {value - 2 + step} {step}" for step in range(3)]
    write(f"{run}/metrics/val/accuracy", "\n".join([lines[2], *lines[:2]]) + "\n")


def test_mlflow(write: Make, tmp_path: Path) -> None:
    write("mlruns/1/meta.yaml", "name: experiment\n")
    for name, values in (("plain", A), ("wide", B)):
        for seed, value in enumerate(values):
            mlflow_run(write, name, seed, value)
    mlflow_run(write, "wide", 9, 5.0, lifecycle_stage="deleted")
    mlflow_run(write, "wide", 8, 5.0, status=1)
    judged = judge(tmp_path / "mlruns", directory=tmp_path, pages=False)
    assert list(judged.given.labels.values()) == ["model=plain", "model=wide"]
    assert "1 runs were deleted in MLflow and are left out." in judged.given.notes
    assert "1 runs have not ended and are left out." in judged.given.notes
    is_paired(judged, "val/accuracy")


def test_a_run_of_mlflow_that_failed_is_a_failure(write: Make, tmp_path: Path) -> None:
    for name, values in (("plain", A), ("wide", B)):
        for seed, value in enumerate(values):
            mlflow_run(write, name, seed, value, status=4 if (name, seed) == ("wide", 1) else 3)
    judged = judge(tmp_path / "mlruns", directory=tmp_path, pages=False)
    assert judged.results[0].effect.n_failed == 1


def test_a_line_that_mlflow_does_not_write_is_refused(write: Make, tmp_path: Path) -> None:
    mlflow_run(write, "plain", 0, 0.5)
    write("mlruns/1/plain0/metrics/val/accuracy", "170000 0.5 0\nodd\n")
    with pytest.raises(InputError, match=r"accuracy:2 is 'odd'; expected a line of MLflow"):
        judge(tmp_path / "mlruns", directory=tmp_path, pages=False)


def test_ray(write: Make, tmp_path: Path) -> None:
    for name, values in (("relu", A), ("gelu", B)):
        for seed, value in enumerate(values):
            trial = f"exp/train_{name}_{seed}"
            write(f"{trial}/params.json", {"act": name, "opt": {"seed": seed}, "lr": 0.1})
            lines = [
                json.dumps(
                    {
                        "accuracy": value - back,
                        "time_total_s": 3.0,
                        "training_iteration": 3 - back,
                        "config": {"lr": 0.1},
                        "done": back == 0,
                        "trial_id": "ab12",
                    }
                )
                for back in (2, 1, 0)
            ]
            write(f"{trial}/result.json", "\n".join(lines) + "\n")
    write("exp/train_relu_5/params.json", {"act": "relu", "opt": {"seed": 0}, "lr": 0.1})
    with pytest.raises(InputError, match="each value once"):
        judge(tmp_path / "exp", directory=tmp_path, pages=False)
    (tmp_path / "exp/train_relu_5/params.json").unlink()
    judged = judge(tmp_path / "exp", directory=tmp_path, pages=False)
    assert judged.given.metrics == ["accuracy"]
    assert list(judged.given.labels.values()) == ["act=gelu", "act=relu"]
    assert judged.proposal.baseline == "act_gelu"
    # Nothing is written among the results.
    assert judged.folder == tmp_path / "exp-judged"
    assert not (tmp_path / "exp" / "ablation.yaml").exists()
    is_paired(judge(tmp_path / "exp", baseline="act=relu", directory=tmp_path, pages=False))


def test_benchopt(tmp_path: Path) -> None:
    rows = [
        {
            "solver_name": solver,
            "data_name": data,
            "objective_name": "Lasso[reg=0.1]",
            "idx_rep": rep,
            "stop_val": stop,
            "objective_value": value + (10 - stop) + (data == "leukemia"),
            "time": 0.1 * stop + 0.001 * rep,
            "p_solver_step": 0.1,
            "platform": "Linux",
        }
        for data in ("simulated", "leukemia")
        for solver, values in (("ista", A), ("fista", B))
        for rep, value in enumerate(values)
        for stop in (1, 10)
    ]
    outputs = tmp_path / "bench" / "outputs"
    outputs.mkdir(parents=True)
    pd.DataFrame(rows).to_parquet(outputs / "benchopt_run_2026-01-02_10h00m00.parquet")
    judged = judge(
        tmp_path / "bench", metric="objective_value", directory=tmp_path / "out", pages=False
    )
    assert judged.given.stages == ["simulated, Lasso[reg=0.1]", "leukemia, Lasso[reg=0.1]"]
    for result in judged.results:
        assert result.effect.estimate == pytest.approx(np.mean(B) - np.mean(A))
        assert result.effect.p_value == pytest.approx(stats.ttest_rel(B, A).pvalue)
    everything = judge(tmp_path / "bench", directory=tmp_path / "all", pages=False)
    assert everything.given.metrics == ["objective_value", "time"]
    assert everything.ablation.metrics["objective_value"].better == "lower"


def test_a_table_of_runs_of_wandb(write: Make, tmp_path: Path) -> None:
    header = '"Name","State","Notes","User","Created","Runtime","Group","method","seed","accuracy"'
    rows = [
        f'"sweet-sun-{seed}","finished","","me","2026-01-02","30","","{name}","{seed}","{value}"'
        for name, values in (("plain", A), ("wide", B))
        for seed, value in enumerate(values)
    ]
    rows.append('"odd-owl-9","running","","me","2026-01-02","30","","wide","9","0.1"')
    judged = judge(write("w.csv", "\n".join([header, *rows])), directory=tmp_path, pages=False)
    assert judged.given.roles["status"] == "State"
    assert "1 runs have not ended and are left out." in judged.given.notes
    is_paired(judged)


def test_a_run_of_wandb_that_crashed_failed(write: Make, tmp_path: Path) -> None:
    rows = [
        f"r{k},{'crashed' if k == 3 else 'finished'},me,{name},{seed},{0.1 * k}"
        for k, (name, seed) in enumerate((n, s) for n in ("a", "b") for s in range(3))
    ]
    text = "\n".join(["Name,State,User,model,seed,loss", *rows])
    judged = judge(write("w.csv", text), directory=tmp_path, pages=False)
    assert judged.given.count()["failed"] == 1


def test_a_chart_of_wandb(write: Make, tmp_path: Path) -> None:
    runs = [(n, s, v) for n, values in (("plain", A), ("wide", B)) for s, v in enumerate(values)]
    header = ["Step"]
    for name, seed, _ in runs:
        header += [f"{name}_seed{seed} - accuracy{end}" for end in ("", "__MIN", "__MAX")]
    lines = [",".join(f'"{name}"' for name in header)]
    for step in (0, 1, 2):
        cells = [str(step)]
        for _, seed, value in runs:
            # One run ends a step before the others.
            cell = "" if seed == 1 and step == 2 else repr(value - (2 - step - (seed == 1)))
            cells += [cell] * 3
        lines.append(",".join(cells))
    judged = judge(write("chart.csv", "\n".join(lines)), directory=tmp_path, pages=False)
    assert list(judged.given.labels.values()) == ["plain", "wide"]
    is_paired(judged)


def test_optuna(write: Make, tmp_path: Path) -> None:
    header = "number,value,datetime_start,datetime_complete,duration,params_lr,params_model,state"
    rows = [
        f"{k},{value},2026-01-02,2026-01-02,0 days,{0.01 * k},{name},COMPLETE"
        for k, (name, value) in enumerate(
            [*(("mlp", value) for value in A), *(("cnn", value) for value in B)]
        )
    ]
    rows.append("8,0.2,2026-01-02,2026-01-02,0 days,0.5,cnn,PRUNED")
    rows.append("9,,2026-01-02,,,0.5,cnn,TrialState.RUNNING")
    judged = judge(
        write("trials.csv", "\n".join([header, *rows])),
        better="higher",
        directory=tmp_path,
        pages=False,
    )
    assert not judged.given.paired
    assert list(judged.given.labels.values()) == ["mlp", "cnn"]
    assert judged.given.metrics == ["value"]
    (result,) = judged.results
    # The pruned trial counts as the worst.
    other = stats.ttest_ind([*B, min(A)], A, equal_var=False)
    assert result.effect.p_value == pytest.approx(other.pvalue)
    assert any("they are not independent" in note for note in judged.given.notes)
    assert any("1 trials were pruned" in note for note in judged.given.notes)
    assert "1 trials have not ended and are left out." in judged.given.notes


def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for name, values in (("plain", A), ("wide", B)):
        for seed, value in enumerate(values):
            writer = EventFileWriter(str(tmp_path / "runs" / name / f"seed{seed}"))
            for step in range(3):
                summary = Summary(
                    value=[Summary.Value(tag="accuracy", simple_value=value - 2 + step)]
                )
                writer.add_event(Event(step=step, wall_time=step, summary=summary))
            writer.close()
    judged = judge(tmp_path / "runs", directory=tmp_path, pages=False)
    (result,) = judged.results
    # Event files hold floats of 32 bits.
    a, b = (np.array(values, dtype=np.float32).astype(float) for values in (A, B))
    assert result.effect.p_value == pytest.approx(stats.ttest_rel(b, a).pvalue)


def test_a_tool_that_is_not_installed_is_named(
    write: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("runs/a/events.out.tfevents.1.host", "")
    monkeypatch.setitem(__import__("sys").modules, "tensorboard", None)
    with pytest.raises(InputError, match="the package 'tensorboard', which reads its files"):
        judge(tmp_path / "runs", directory=tmp_path, pages=False)


@pytest.mark.parametrize(
    ("path", "variant", "seed"),
    [
        ("mixup/seed3", "mixup", "3"),
        ("mixup_seed3", "mixup", "3"),
        ("mixup-run-12", "mixup", "12"),
        ("a/b_rep0", "a/b", "0"),
        ("logs/version_7", "logs", "7"),
        ("resnet50", "resnet50", None),
        ("seed1", "run", "1"),
    ],
)
def test_the_name_of_a_run_says_variant_and_seed(path: str, variant: str, seed: str | None) -> None:
    assert run_of(path) == (variant, seed)


def test_every_reader_is_named() -> None:
    assert reader_names() == [
        "benchopt",
        "hydra",
        "mlflow",
        "optuna",
        "ray",
        "tensorboard",
        "wandb",
    ]


@pytest.mark.parametrize("name", reader_names())
def test_a_folder_of_another_kind_is_refused_by_name(
    name: str, write: Make, tmp_path: Path
) -> None:
    path = write("in/x.csv", "a,b\n1,2\n")
    for place in (path.parent, path):
        with pytest.raises(InputError, match=r"x\.csv|/in"):
            judge(place, reader=name, directory=tmp_path / "out", pages=False)
