"""``fixbench judge`` as it is called, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from fixbench.cli import main

HEAVY = ("torch", "snakemake", "dvc", "sklearn", "skimage", "h5py")


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    program = (
        "import sys; from fixbench.cli import main; status = main(sys.argv[1:]); "
        f"found = [name for name in {HEAVY!r} if name in sys.modules]; "
        "print('imported', found, file=sys.stderr); raise SystemExit(status)"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(wide: pd.DataFrame, tmp_path: Path) -> Path:
    """A folder of nothing but a table."""
    wide.to_csv(tmp_path / "results.csv", index=False)
    return tmp_path


def test_a_table_alone_is_enough(folder: Path, values: dict[str, list[float]]) -> None:
    done = run(folder, "judge", "results.csv")
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "imported []"
    lines = done.stdout.splitlines()
    row = next(line for line in lines if line.startswith("JA01")).split()
    assert row[1:5] == ["mixup", "vs", "baseline,", "accuracy"]
    test = stats.ttest_rel(values["mixup"], values["baseline"])
    assert float(row[5]) == pytest.approx(0.0214, abs=1e-9)
    low, high = test.confidence_interval()
    assert float(row[6].strip("[,")) == pytest.approx(low, abs=1e-5)
    assert float(row[7].strip("]")) == pytest.approx(high, abs=1e-5)
    assert row[8] == "5"
    report = folder / "fixbench-report"
    for name in ("results.html", "appendix-results.tex", "fixbench.bib", "claims.json"):
        assert (report / name).stat().st_size > 0
    for name in ("ablation.yaml", "claims.yaml", "results.parquet"):
        assert (report / "results" / name).stat().st_size > 0


def test_json_has_what_was_found_and_what_cannot_be_known(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert main(["judge", "results.csv", "--json", "--no-pages", "--margin", "accuracy=0.01"]) == 0
    content = json.loads(capsys.readouterr().out)
    found = content["found"]
    assert found["columns"] == {"variant": "method", "seed": "seed", "value": "accuracy, loss"}
    assert found["baseline"] == "baseline"
    assert found["paired"] is True
    assert found["values"] == {"ok": 30}
    assert found["metrics"]["loss"] == {"better": "lower", "from": "from its name"}
    assert [claim["id"] for claim in content["claims"]] == ["JA01", "JA02", "JA03", "JA04"]
    assert content["claims"][0]["method"] == "Student's t, pairs by seed"
    assert content["claims"][0]["pre_registered"] is False
    assert {*content["cannot_know"]} == {"pre-registration", "provenance", "controls"}
    assert content["pages"] == []


def test_every_option_reaches_the_judge(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    arguments = "judge results.csv --variant method --seed seed --metric loss --baseline mixup"
    arguments += " --better higher --margin 0.02 --unpaired --name mine --directory out --no-pages"
    assert main([*arguments.split(), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["found"]["metrics"] == {"loss": {"better": "higher", "from": "as asked"}}
    assert content["found"]["baseline"] == "mixup"
    assert content["claims"][0]["method"] == "Welch's t, no pairs"
    assert content["claims"][0]["arms"] == {"baseline": 5, "mixup": 5}
    assert content["folder"] == "out/mine"


def test_a_folder_is_judged_again(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert main(["judge", "results.csv", "--no-pages"]) == 0
    first = capsys.readouterr().out
    assert main(["judge", "fixbench-report/results", "--no-pages"]) == 0
    again = capsys.readouterr().out
    rows = [line for line in first.splitlines() if line.startswith("JA")]
    assert len(rows) == 4
    assert [line for line in again.splitlines() if line.startswith("JA")] == rows


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.csv"], "nothing.csv; expected a file that is there, or a pattern of some"),
        (["results.csv", "--better", "up"], "--better is 'up'; expected higher, lower or neither"),
        (["results.csv", "--margin", "small"], "--margin is 'small'; expected a number such as"),
        (
            ["results.csv", "--margin", "1", "loss=1", "loss=2"],
            "--margin is 'loss=2'; expected each metric once",
        ),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    folder: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    assert main(["judge", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"fixbench: error: {message}")
    assert said.err.count("\n") == 1
    assert not (folder / "fixbench-report").exists()


def test_a_place_that_cannot_be_written_is_named(folder: Path) -> None:
    (folder / "taken").write_text("a file")
    done = run(folder, "judge", "results.csv", "--directory", "taken")
    assert done.returncode == 2
    assert "taken" in done.stderr
    assert "Traceback" not in done.stderr
