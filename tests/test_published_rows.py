"""Rows that were published: written whole, and judged again with the verdicts of the run."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from fixbench.analysis import analyse, collect_rows
from fixbench.cli import main
from fixbench.errors import InputError
from fixbench.job import run_job
from fixbench.published import read_rows
from fixbench.results import read_metadata, write_table

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "reports" / "reference"


@pytest.mark.parametrize(
    ("tier", "name"),
    [
        ("small", "cross_attention_scale"),
        ("small", "lambda_rescaling"),
        ("small", "learning_rate"),
        ("small", "scale_attention"),
        ("small", "scene_context"),
        ("extended", "cross_attention_scale"),
        ("extended", "lambda_rescaling"),
        ("extended", "learning_rate"),
        ("extended", "scale_attention"),
        ("extended", "scene_context"),
    ],
)
def test_published_rows_give_the_published_verdicts(tier: str, name: str) -> None:
    folder = REFERENCE / tier
    table = read_rows(folder / "claims.json")
    published = {row["id"]: row for row in table if row["ablation"] == name}
    judged = analyse(ROOT / "ablations" / name, tier, [folder / f"{name}.parquet"])
    assert [result.id for result in judged] == list(published)
    for result in judged:
        row = published[result.id]
        assert (result.verdict, result.edited) == (row["verdict"], row["edited"]), result.id
        if row["p_raw"] is not None:
            assert result.effect is not None
            found = (result.effect.estimate, result.effect.p_value, result.p_adjusted)
            expected = (row["measured"], row["p_raw"], row["p_adjusted"])
            assert found == pytest.approx(expected, rel=1e-9), result.id


def test_collected_rows_of_a_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = {name: project / "results" / f"{name}.parquet" for name in ("fast", "slow", "unstable")}
    for name, path in paths.items():
        run_job(project, "toy", name, [0, 1, 2], "smoke", path, state=path.with_suffix(".state"))
    command = ["rows", "toy", "--tier", "smoke", "--results", *map(str, paths.values())]

    def refusal(*arguments: str) -> str:
        assert main([*command, *arguments]) == 2
        return capsys.readouterr().err

    # A variant whose every run failed says so, once, at the end of its job.
    said = capsys.readouterr().err
    assert said.count("WARNING") == 1
    assert "WARNING: toy unstable: all 3 runs failed (diverged): no claim that needs" in said

    before = paths["slow"].read_bytes()
    assert "expected a file that is none of --results" in refusal(
        "--output", "results/slow.parquet"
    )
    assert paths["slow"].read_bytes() == before
    said = refusal("--output", "rows.parquet")
    assert "variants is 'continued'; expected the results of every variant of tier 'smoke'" in said
    assert not Path("rows.parquet").exists()

    last, parent = project / "results" / "continued.parquet", paths["fast"].with_suffix(".state")
    run_job(project, "toy", "continued", [0, 1], "smoke", last, parent=parent)
    command += [str(last)]
    assert "'continued'; expected the seeds that other variants have; seeds [2]" in refusal(
        "--output", "rows.parquet"
    )
    run_job(project, "toy", "continued", [0, 1, 2], "smoke", last, parent=parent)
    assert main([*command, "--output", "rows.parquet"]) == 0
    folder, everything = project / "ablations" / "toy", [*paths.values(), last]
    assert analyse(folder, "smoke", [Path("rows.parquet")]) == analyse(folder, "smoke", everything)

    # A claim that was edited since is shown as such.
    claims = folder / "claims.yaml"
    text = claims.read_text()
    assert "margin: 0.01" in text
    claims.write_text(text.replace("margin: 0.01", "margin: 0.02"))
    again = analyse(folder, "smoke", [Path("rows.parquet")])
    assert again[0].edited
    assert again == analyse(folder, "smoke", everything)

    # A file that lost rows since.
    table = pq.read_table("rows.parquet")
    kept = table.filter([seed != 1 for seed in table["seed"].to_pylist()])
    write_table(Path("rows.parquet"), kept, read_metadata(Path("rows.parquet")))
    arguments = ["analyse", "toy", "--tier", "smoke", "--results", "rows.parquet"]
    assert main([*arguments, "--claims", "claims.json"]) == 2
    assert "expected no missing seed" in capsys.readouterr().err


def test_nothing_published_says_where_it_was_made() -> None:
    files = [path for path in REFERENCE.rglob("*") if path.is_file()]
    assert len(files) > 100
    for path in files:
        assert not re.search(rb"/(home|root|Users|tmp|private)/", path.read_bytes()), path


def test_rows_of_a_draw_that_lacks_a_variant_are_refused(tmp_path: Path) -> None:
    whole = REFERENCE / "extended" / "scene_context.parquet"
    table = pq.read_table(whole)
    gone = pc.and_(pc.equal(table["variant"], "gated"), pc.equal(table["data_seed"], 2))
    part = tmp_path / "part.parquet"
    rows = table.filter(pc.invert(gone)).replace_schema_metadata()
    write_table(part, rows, {k: v for k, v in read_metadata(whole).items() if k != "sha256"})
    folder = ROOT / "ablations" / "scene_context"
    with pytest.raises(InputError, match=r"'gated'; expected .* seeds \[50 on data draw 2, 51 on"):
        collect_rows(folder, "extended", [part], tmp_path / "rows.parquet")
    assert not (tmp_path / "rows.parquet").exists()
    # Whole rows that are collected again still name the jobs' files, which records speak of.
    collect_rows(folder, "extended", [whole], tmp_path / "again.parquet")
    files = read_metadata(whole)["files"]
    assert read_metadata(tmp_path / "again.parquet")["files"] == files
    assert len(files) == 128
