"""Results are judged only if the jobs that the ablation asks for now have written them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fixbench.analysis import analyse, load_claims, save_claims
from fixbench.errors import InputError
from fixbench.job import run_job
from fixbench.provenance import file_hash

FOLDER = Path("ablations", "toy")


def edit(old: str, new: str) -> None:
    path = FOLDER / "ablation.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.fixture
def jobs(project: Path) -> tuple[list[Path], list[Path]]:
    """The results of a run of two variants, and their records."""
    text = (FOLDER / "ablation.yaml").read_text()
    start, end = text.index("  unstable:"), text.index("  continued:")
    (FOLDER / "ablation.yaml").write_text(text[:start] + text[end:])
    results: list[Path] = []
    records: list[Path] = []
    for variant in ("fast", "slow", "continued"):
        output = Path("results", "toy", "smoke", variant, "0-1.parquet")
        record = Path("logs", "toy", "smoke", variant, "0-1.provenance.json")
        parent = results[0].with_suffix(".state") if variant == "continued" else None
        run_job(
            Path(),
            "toy",
            variant,
            [0, 1],
            "smoke",
            output,
            state=output.with_suffix(".state"),
            record=record,
            parent=parent,
        )
        results.append(output)
        records.append(record)
    return results, records


Judge = Callable[[], object]


@pytest.fixture
def judge(jobs: tuple[list[Path], list[Path]]) -> Judge:
    return lambda: analyse(FOLDER, "smoke", jobs[0], provenance=jobs[1])


def test_results_of_this_run_are_judged(judge: Judge) -> None:
    assert judge()


def test_a_state_that_its_job_did_not_write_is_refused(
    jobs: tuple[list[Path], list[Path]], judge: Judge
) -> None:
    fast, slow, _ = (path.with_suffix(".state") for path in jobs[0])
    shutil.copy(slow, fast)  # whole, with a checksum that is right
    with pytest.raises(InputError, match=r"fast/0-1\.state; .*another SHA-256; delete the file"):
        judge()
    fast.unlink()  # deleted to save room: no verdict rests on it
    assert judge()


def test_other_options_are_refused(judge: Judge) -> None:
    edit("learning_rate: 0.001}", "learning_rate: 0.002}")
    with pytest.raises(InputError) as caught:
        judge()
    assert str(caught.value) == (
        "results/toy/smoke/slow/0-1.parquet: options.optimiser.learning_rate is '0.001'; expected "
        "0.002, as variant 'slow' has it now; delete the file and run the job again"
    )


def test_results_of_another_variant_at_this_place_are_refused(
    jobs: tuple[list[Path], list[Path]], judge: Judge
) -> None:
    results, records = jobs
    shutil.copy(records[0], records[1])  # the record of slow says what fast wrote
    with pytest.raises(InputError, match=r"slow/0-1\.parquet; expected the file that its job"):
        judge()
    shutil.copy(results[0], results[1])
    # The message names the copy, which is to be deleted, and not the file that was copied.
    message = (
        r"slow/0-1\.parquet; expected results of its own, not the bytes of .*fast/0-1\.parquet"
    )
    with pytest.raises(InputError, match=message):
        judge()


def test_a_record_that_was_changed_is_refused(
    jobs: tuple[list[Path], list[Path]], judge: Judge
) -> None:
    record = jobs[1][1]
    content = json.loads(record.read_text())
    whole = record.read_text()
    record.write_text(json.dumps(content | {"seeds": [0, 1, 2]}))
    with pytest.raises(InputError, match=r"provenance\.json: seeds is .*; expected \[0, 1\]"):
        judge()
    record.write_text(whole)
    assert judge()


def test_results_of_other_code_are_refused(judge: Judge) -> None:
    system = FOLDER / "system.py"
    system.write_text(system.read_text() + "\n# edited\n")
    with pytest.raises(InputError, match=r"code\.sha256 is .*, the code of this checkout; run the"):
        judge()


def test_verdicts_that_were_changed_are_refused(
    jobs: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    claims = tmp_path / "claims.json"
    save_claims(claims, analyse(FOLDER, "smoke", jobs[0], provenance=jobs[1]))
    assert load_claims(claims)
    claims.write_text(claims.read_text().replace('"n": 2', '"n": 20', 1))
    with pytest.raises(InputError, match=r"claims\.json: sha256 is .*changed after `fixbench an"):
        load_claims(claims)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("ablation.yaml", "learning_rate: 0.001}", "learning_rate: 0.002}"),
        ("system.py", "import", "# edited\nimport"),
    ],
)
def test_a_job_whose_ablation_was_edited_meanwhile_writes_nothing(
    file: str, old: str, new: str, jobs: tuple[list[Path], list[Path]]
) -> None:
    output, record = jobs[0][1], jobs[1][1]
    before = {path: file_hash(path) for path in (output, output.with_suffix(".state"), record)}

    def edited(seed: int, stage: str, done: int, total: int) -> None:
        path = FOLDER / file
        if (seed, stage) == (1, "finished"):
            path.write_text(path.read_text().replace(old, new, 1))

    with pytest.raises(InputError, match="it was edited since: run it again"):
        run_job(
            Path(),
            "toy",
            "slow",
            [0, 1],
            "smoke",
            output,
            state=output.with_suffix(".state"),
            record=record,
            progress=edited,
        )
    assert {path: file_hash(path) for path in before} == before


def test_a_job_whose_command_was_edited_meanwhile_writes_nothing(project: Path) -> None:
    file = Path("ablations", "toy_command", "ablation.yaml")

    def edited(seed: int, stage: str, done: int, total: int) -> None:
        text = file.read_text()
        assert "command: python measure.py" in text
        file.write_text(text.replace("command: python measure.py", "command: python -B measure.py"))

    with pytest.raises(InputError, match="it was edited since: run it again"):
        run_job(Path(), "toy_command", "cube", [0], "smoke", Path("x.parquet"), progress=edited)
    assert not Path("x.parquet").exists()
