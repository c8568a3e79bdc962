"""One job: the same bytes whatever happens, and every failure counted."""

from __future__ import annotations

import math
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fixbench.errors import InputError
from fixbench.job import load_system, run_job
from fixbench.provenance import read_provenance
from fixbench.results import Row, read_metadata, read_results
from fixbench.training import FileCheckpointer, load_state, make_deterministic, save_state

FIXTURES = Path(__file__).parent / "fixtures" / "ablations"


@pytest.fixture(autouse=True)
def _restore_torch() -> Any:
    threads = torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


def job(project: Path, variant: str, seeds: list[int], name: str, **changes: Any) -> Path:
    output = project / f"{name}.parquet"
    arguments = {"state": project / f"{name}.state"} | changes
    ablation = arguments.pop("ablation", "toy")
    run_job(project, ablation, variant, seeds, "smoke", output, **arguments)
    return output


def edit(project: Path, old: str, new: str, file: str = "toy/ablation.yaml") -> None:
    path = project / "ablations" / file
    if old not in path.read_text():
        path = path.with_name("claims.yaml")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_results_and_metadata(project: Path) -> None:
    record = project / "logs" / "x.json"
    output = job(project, "slow", [1, 0], "slow", record=record)
    frame = read_results([output])
    assert len(frame) == 2 * 12
    assert frame["seed"].drop_duplicates().tolist() == [0, 1]
    metadata = read_metadata(output)
    assert {key: metadata[key] for key in ("ablation", "variant", "tier", "seeds")} == {
        "ablation": "toy",
        "variant": "slow",
        "tier": "smoke",
        "seeds": [0, 1],
    }
    assert metadata["options"]["optimiser"] == {"learning_rate": 0.001}
    assert metadata["claims"]["TY01"]["decision"]["direction"] == "less"
    assert metadata["metrics"] == {"loss": {"better": "lower", "unit": "1"}}
    content = read_provenance(record)
    assert set(content["outputs"]) == {"slow.parquet", "slow.state"}
    # The analytic first loss: mean(y²) at zero weights, from the same generator.
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(32, 3, generator=generator)
    truth = torch.randn(3, generator=generator)
    y = x @ truth + 0.1 * torch.randn(32, generator=generator)
    assert frame["value"][0] == pytest.approx(float((y**2).mean()), rel=1e-6)


def test_a_seed_does_not_depend_on_its_block(project: Path) -> None:
    together = read_results([job(project, "fast", [0, 1, 2], "together")])
    alone = read_results([job(project, "fast", [2], "alone")])
    expected = together[together["seed"] == 2]["value"].to_numpy()
    assert expected.tobytes() == alone["value"].to_numpy().tobytes()
    weights = []
    for name in ("together", "alone"):
        state: Any = load_state(project / f"{name}.state")
        weights.append(state["seeds"][2]["state"]["weight"])
    assert torch.equal(*weights)


def test_same_request_same_bytes(project: Path) -> None:
    outputs = [job(project, "fast", [0, 1], name) for name in ("a", "b")]
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    assert (project / "a.state").read_bytes() == (project / "b.state").read_bytes()


def test_global_generators_are_left_alone(project: Path) -> None:
    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)

    def states() -> tuple[object, bytes, torch.Tensor]:
        numbers: Any = np.random.get_state()
        return random.getstate(), numbers[1].tobytes(), torch.get_rng_state()

    before = states()
    job(project, "fast", [0], "x")
    after = states()
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])


def test_diverged_run_keeps_its_rows_and_says_where(project: Path) -> None:
    output = job(project, "unstable", [0, 1], "x")
    frame = read_results([output])
    for _, rows in frame.groupby("seed"):
        assert rows["metric"].tolist() == ["loss", "run"]
        assert rows["status"].tolist() == ["ok", "diverged"]
        assert math.isnan(rows["value"].iloc[-1])
        assert (rows["stage"].iloc[-1], rows["step"].iloc[-1]) == ("train", 1)


def test_a_failed_run_keeps_its_rows_and_says_why(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = "        residual = x @ weight - y\n"
    body = "        if seed == 1 and step == 2:\n"
    body += "            raise Failed(rows, stage='train', step=step, reason='nothing to learn')\n"
    edit(project, where, body + where, "toy/system.py")
    edit(project, "import Diverged,", "import Diverged, Failed,", "toy/system.py")
    frame = read_results([job(project, "fast", [0, 1], "x")])
    failed = frame[frame["status"] != "ok"]
    assert failed[["seed", "stage", "step", "metric", "status"]].to_numpy().tolist() == [
        [1, "train", 2, "run", "failed"]
    ]
    assert len(frame[frame["seed"] == 1]) > 1
    message = "seed 1: failed in stage 'train' at step 2: nothing to learn"
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "failure",
    [
        "raise torch.OutOfMemoryError('CUDA out of memory')",
        "raise MemoryError",
        "torch.empty(10**15)",  # what the allocator of the CPU really says
    ],
)
def test_out_of_memory_is_a_row_and_other_seeds_go_on(project: Path, failure: str) -> None:
    body = f"    if seed == 1 and step == 2:\n        {failure}\n"
    where = "        residual = x @ weight - y\n"
    edit(
        project,
        where,
        body.replace("    ", "        ", 1).replace("\n        ", "\n            ", 1) + where,
        "toy/system.py",
    )
    frame = read_results([job(project, "fast", [0, 1, 2], "x")])
    failed = frame[frame["status"] != "ok"]
    assert failed[["seed", "stage", "step", "metric", "status"]].to_numpy().tolist() == [
        [1, "train", 2, "run", "out_of_memory"]
    ]
    assert set(frame["seed"]) == {0, 1, 2}


def test_a_bug_is_not_a_result(project: Path) -> None:
    where = "        residual = x @ weight - y\n"
    edit(project, where, "        raise RuntimeError('shapes differ')\n" + where, "toy/system.py")
    with pytest.raises(RuntimeError, match="shapes differ"):
        job(project, "fast", [0], "x")
    assert not (project / "x.parquet").exists()


def test_starts_from_continues_each_seed(project: Path) -> None:
    job(project, "fast", [0, 1], "fast")
    frame = read_results([job(project, "continued", [1], "x", parent=project / "fast.state")])
    parent = read_results([project / "fast.parquet"])
    last = parent[parent["seed"] == 1]["value"].iloc[-1]
    assert frame["value"].iloc[0] < last
    # Nothing starts from "continued", so its tensors are not kept.
    assert load_state(project / "x.state")["seeds"][1] == {"status": "ok", "state": {}}


def test_a_child_of_a_failed_parent_fails_with_it(project: Path) -> None:
    edit(project, "starts_from: fast", "starts_from: unstable")
    job(project, "unstable", [0], "parent")
    frame = read_results([job(project, "continued", [0], "x", parent=project / "parent.state")])
    assert frame[["stage", "metric", "status"]].to_numpy().tolist() == [
        ["parent", "run", "diverged"]
    ]


def test_bad_parents(project: Path) -> None:
    state = project / "fast.state"
    with pytest.raises(InputError, match=r"^--parent; expected the state file of variant 'fast'"):
        job(project, "continued", [0], "x")
    with pytest.raises(InputError, match=r"expected no checkpoint, since variant 'slow' starts"):
        job(project, "slow", [0], "x", parent=state)
    with pytest.raises(InputError, match=r"fast\.state; expected a checkpoint; run the job"):
        job(project, "continued", [0], "x", parent=state)
    job(project, "fast", [0], "fast")
    with pytest.raises(InputError, match=r"seeds is \[1\]; expected a checkpoint that has these"):
        job(project, "continued", [0, 1], "x", parent=state)
    whole = state.read_bytes()
    for damaged in (b"", b"no checkpoint" * 9, whole[: len(whole) // 2], whole[:-1]):
        state.write_bytes(damaged)
        with pytest.raises(InputError, match=r"fast\.state; expected a complete checkpoint"):
            job(project, "continued", [0], "x", parent=state)
    job(project, "slow", [0], "slow")
    with pytest.raises(InputError, match="expected the state of variant 'fast' of ablation 'toy'"):
        job(project, "continued", [0], "x", parent=project / "slow.state")
    save_state(state, {"weight": torch.zeros(3)}, checksum=True)
    with pytest.raises(InputError, match="expected the state of variant 'fast' of ablation 'toy'"):
        job(project, "continued", [0], "x", parent=state)
    torch.save({"weight": torch.zeros(3)}, state)
    with pytest.raises(InputError, match="expected a complete checkpoint written by fixbench"):
        job(project, "continued", [0], "x", parent=state)
    assert not (project / "x.parquet").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "noise: 0.1}",
            "noise: 0.1, sample: 3}",
            "baseline.data.sample is 3; expected no such key; it is none of the options of "
            "system.py",
        ),
        ("samples: 32", "samples: many", "baseline.data.samples is 'many'; expected integer"),
        ("samples: 32, ", "", "baseline.data.samples; expected this key, which is required"),
        (
            "learning_rate: 0.001}",
            "learning_rate: high}",
            "variants.slow.changes.optimiser.learning_rate is 'high'; expected number",
        ),
        (
            "training.steps: 12",
            "training.steps: 1.5",
            "tiers.smoke.options.training.steps is 1.5; expected integer",
        ),
        ("system: system.py", "system: model.py", "system is 'model.py'; expected a file; there"),
        (
            "system: system.py",
            "system: fixbench.systems.nothing",
            "system is 'fixbench.systems.nothing'; expected a module that can be imported",
        ),
        (
            "system: system.py",
            "system: fixbench.errors",
            "system is 'fixbench.errors'; expected a module that offers 'Options'",
        ),
        ("smoke: {seeds", "extended: {seeds", "tiers is 'smoke'; expected one of extended, small"),
        (
            "reason: a smaller step",
            "reason: a smaller step\n    tiers: [small]",
            "variants is 'slow'; expected a variant that tier 'smoke' runs: fast, unstable, con",
        ),
    ],
)
def test_bad_requests(old: str, new: str, message: str, project: Path) -> None:
    edit(project, old, new)
    with pytest.raises(InputError) as caught:
        job(project, "slow", [0], "x")
    text = str(caught.value)
    place = re.search(rf"ablation\.yaml:(\d+): {re.escape(message)}", text)
    assert place is not None, text
    written = (project / "ablations" / "toy" / "ablation.yaml").read_text().splitlines()
    key = message.split(" ")[0].removesuffix(";").split(".")
    assert key[-1] in written[int(place[1]) - 1] or "required" in message
    assert not list(project.glob("x.*"))


def test_what_a_level_or_a_cell_gets_wrong_stands_where_it_is_written(project: Path) -> None:
    file = project / "ablations" / "toy" / "ablation.yaml"
    text = file.read_text().replace("  slow:\n    reason: a smaller step\n", "")
    text = text.replace("    changes: {optimiser.learning_rate: 0.001}\n", "")
    file.write_text(
        text
        + "factors:\n  rate:\n    high: {}\n    low:\n"
        "      text: a smaller step\n      changes: {optimiser.learning_rate: small}\n"
        "grids:\n  - cross: rate\n    name: 'slow[_{rate}]'\n    base: fast\n".replace(
            "slow[{rate}]", "'slow[_{rate}]'"
        )
        + "    cells:\n      slow_low:\n        measure: {small: [all], smoke: [weight]}\n"
    )
    claims = file.with_name("claims.yaml")
    claims.write_text(claims.read_text().replace("variant: slow", "variant: slow_low"))
    number = len(file.read_text().splitlines())
    for expected in (
        f"{number}: grids.0.cells.slow_low.measure.smoke is 'weight'; expected no 'measure'",
        f"{number - 7}: factors.rate.low.changes.optimiser.learning_rate is 'small'; expected num",
    ):
        with pytest.raises(InputError) as caught:
            job(project, "slow_low", [0], "x")
        assert f"ablation.yaml:{expected}" in str(caught.value)
        file.write_text(re.sub("measure: .*", "reason: slow", file.read_text()))


def test_options_that_do_not_go_together_are_said_of_the_change(project: Path) -> None:
    system = project / "ablations" / "toy" / "system.py"
    text = system.read_text()
    for least, variant, place in (
        (0.01, "slow", r"18: variants\.slow\.changes\.optimiser\.learning_rate"),
        (1.0, "fast", "9: baseline"),
    ):
        rule = f"""
import pydantic

class Together(Options):
    @pydantic.model_validator(mode="after")
    def together(self):
        if self.optimiser.learning_rate < {least}:
            raise ValueError("a larger step")
        return self

Options = Together
"""
        system.write_text(text + rule)
        with pytest.raises(InputError, match=rf"ablation\.yaml:{place}; expected a larger step$"):
            job(project, variant, [0], "x")


def test_system_that_cannot_be_imported_names_its_own_line(project: Path) -> None:
    path = project / "ablations" / "toy" / "system.py"
    for content, place in (
        ("\nimport a_library_that_is_missing\n", "line 2 is 'import a_library_that_is_missing';"),
        ("import json\nX = json.loads('[1,\\n')", r"line 2 is \"X = json.loads\('\[1,"),
        ("def run(:\n", r"line 1 is 'def run\(:'; .* \(SyntaxError: invalid syntax"),
        ("X = '\0'\n", "null bytes"),
    ):
        path.write_text(content)
        with pytest.raises(InputError, match=rf"ablations/toy/system\.py.*{place}") as caught:
            load_system(path.with_name("ablation.yaml"), "system.py")
        assert "expected code that can be imported (" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_no_gpu(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="--device is 'cuda'; expected 'cpu' or 'auto'"):
        job(project, "fast", [0], "x", device="cuda")


def test_undeclared_metric_writes_nothing(project: Path) -> None:
    edit(project, '"train", step, "loss"', '"train", step, "accuracy"', "toy/system.py")
    with pytest.raises(InputError, match="metric is 'accuracy'"):
        job(project, "fast", [0], "x")
    assert not (project / "x.parquet").exists()


class _Interrupted(BaseException):
    pass


def test_interrupted_job_continues_and_ends_with_the_same_bytes(project: Path) -> None:
    expected = job(project, "fast", [0, 1, 2], "whole")
    seen: list[tuple[int, int]] = []

    def stop(seed: int, stage: str, done: int, total: int) -> None:
        if (seed, stage, done) == (1, "train", 8):
            raise _Interrupted

    with pytest.raises(_Interrupted):
        job(project, "fast", [0, 1, 2], "x", progress=stop)
    assert not list(project.glob("x.*"))
    job(
        project,
        "fast",
        [0, 1, 2],
        "x",
        progress=lambda seed, stage, done, total: seen.append((seed, done)),
    )
    # Seed 0 was finished, seed 1 had saved its state at step 6.
    assert (0, 2) not in seen
    assert (1, 6) not in seen
    assert (1, 7) in seen
    assert (project / "x.parquet").read_bytes() == expected.read_bytes()
    assert (project / "x.state").read_bytes() == (project / "whole.state").read_bytes()
    left = [path.name for path in (project / ".fixbench").rglob("*") if path.is_file()]
    assert set(left) <= {"imports.json"}  # the cache of imports, which is no resume file


def test_state_of_another_request_is_not_continued(project: Path) -> None:
    def stop(seed: int, stage: str, done: int, total: int) -> None:
        if done == 8:
            raise _Interrupted

    with pytest.raises(_Interrupted):
        job(project, "slow", [0], "x", progress=stop)
    edit(project, "learning_rate: 0.001", "learning_rate: 0.002")
    resumed = job(project, "slow", [0], "x").read_bytes()
    assert resumed == job(project, "slow", [0], "fresh").read_bytes()


def test_inputs_are_verified_before_work(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(project, "system: system.py", "system: system.py\ninputs: [data/toy]")

    def refuse(root: Path, folder: str) -> None:
        raise InputError(root / folder / "x.npy", "", expected="another content")

    monkeypatch.setattr("fixbench.job.tracking.verify", refuse)
    monkeypatch.setattr("fixbench.job.load_system", lambda *_: pytest.fail("too late"))
    with pytest.raises(InputError, match=r"data/toy/x\.npy; expected another content"):
        job(project, "fast", [0], "x")


# --- state on disk ----------------------------------------------------------------------------


def test_state_round_trip(tmp_path: Path) -> None:
    state = {
        "tensor": torch.arange(6.0).reshape(2, 3).T,
        "half": torch.ones(2, dtype=torch.bfloat16),
        "numbers": [1, 2.5, True, None, 2**100, np.float64(0.1)],
        "nested": {"rows": [Row("s", 1, "m", math.pi)], "pair": ("a", 1)},
    }
    checkpointer = FileCheckpointer(tmp_path / "x" / "state")
    assert checkpointer.load() is None
    checkpointer.save(state)
    loaded = checkpointer.load()
    assert loaded is not None
    assert torch.equal(loaded["tensor"], state["tensor"])  # type: ignore[arg-type]
    assert loaded["half"].dtype == torch.bfloat16
    assert loaded["numbers"] == [1, 2.5, True, None, 2**100, 0.1]
    assert loaded["nested"] == state["nested"]
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["state"]


def test_equal_states_give_equal_bytes(tmp_path: Path) -> None:
    tensor, word = torch.arange(8.0), "".join(["we", "ight"])
    shared = {"a": {word: tensor[:4], "twice": word}, "b": {word: tensor[:4]}}
    apart = {
        "a": {"weight": torch.arange(4.0), "twice": "".join(["wei", "ght"])},
        "b": {"".join(["weigh", "t"]): torch.arange(4.0)},
    }
    for name, state in (("one", shared), ("another", apart)):
        save_state(tmp_path / name, state)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "another").read_bytes()


def test_state_that_could_not_be_read_back_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="a state cannot hold ndarray"):
        save_state(tmp_path / "x", {"a": np.zeros(2)})
    assert list(tmp_path.iterdir()) == []


def test_foreign_code_in_a_state_is_not_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "exploded",))

    torch.save({"a": Bomb()}, tmp_path / "x")
    with pytest.raises(InputError, match="expected a complete checkpoint"):
        load_state(tmp_path / "x")
    assert not (tmp_path / "exploded").exists()


def test_make_deterministic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    make_deterministic(threads=1)
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == 1
    with pytest.raises(RuntimeError, match="does not have a deterministic implementation"):
        torch.zeros(3).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))
