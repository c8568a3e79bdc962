"""`fixbench verify`: a sound run passes, and each number that was changed is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fixbench.analysis import collect_rows
from fixbench.cli import main
from fixbench.results import read_metadata, write_table
from fixbench.verification import Check, verify

Said = Callable[..., tuple[int, str]]


@pytest.fixture
def said(finished: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    """Run the command on the toy's own run; its exit status and its output."""

    def call(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        command = ["verify", "--local", "--tier", "smoke", "--rerun", "0", *arguments]
        try:
            status = main(command)
        except SystemExit as error:
            status = int(error.code or 0)
        output = capsys.readouterr()
        return status, output.out + output.err

    return call


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def edit_table(path: Path, change: Callable[[Any], None]) -> None:
    content = json.loads(path.read_text())
    change(content["claims"][0])
    path.write_text(json.dumps(content))


def test_a_sound_run_passes_and_every_check_compares_something(said: Said) -> None:
    status, text = said("--rerun", "2", "--variants", "continued")
    assert status == 0, text
    counts = dict(re.findall(r"^toy: ([^:]*(?:: [^:]*)?): (\d+) .*no mismatch", text, re.MULTILINE))
    assert list(counts) == [
        "judged again",
        "by scipy alone",
        "numbers.tex",
        "toy.html",
        "provenance",
        "run again: continued, seed 0, 1",
    ]
    assert all(int(number) > 0 for number in counts.values()), counts
    # Of the claim, the control and the supporting level: estimate, two ends, p, and n.
    assert counts["by scipy alone"] == "15"
    assert "(equal to the last bit)" in text


@pytest.mark.parametrize("key", ["measured", "interval_low", "p_raw", "n"])
def test_a_number_of_the_table_that_the_rows_do_not_give(
    key: str, finished: Path, said: Said
) -> None:
    table = finished / "reports" / "smoke" / "claims.json"

    def change(claim: Any) -> None:
        claim[key] += 1 if key == "n" else 0.25 * abs(claim[key]) + 1e-9
        claim["controls"][0]["interval_high"] += 0.5

    edit_table(table, change)
    status, text = said()
    assert status == 1
    for check in ("judged again", "by scipy alone"):
        found = text.split(f"toy: {check}:")[1].split("\ntoy:")[0]
        assert f"reports/smoke/claims.json: TY01 {key} is" in found, check
        assert "TY01 controls[more steps].interval_high is" in found, check
    assert text.strip().endswith("mismatches")


def test_a_verdict_that_the_rows_do_not_give(finished: Path, said: Said) -> None:
    edit_table(
        finished / "reports" / "smoke" / "claims.json",
        lambda claim: claim.update(verdict="absent"),
    )
    status, text = said()
    assert status == 1
    assert "TY01 verdict is absent;" in text
    assert "numbers.tex: TY01 verdict" in text
    assert "toy.html: TY01 verdict" in text


def test_a_printed_figure_that_the_table_does_not_have(finished: Path, said: Said) -> None:
    reports = finished / "reports" / "smoke"
    numbers = (reports / "numbers.tex").read_text()
    found = re.search(r"\\fixbenchfield\{supporting1high\}\{([\d.]+)\}", numbers)
    assert found is not None
    edit(reports / "numbers.tex", found[0], found[0].replace(found[1], "77"))
    page = (reports / "toy.html").read_text()
    row = page[page.rindex(">loss of the larger step</th>") :]
    printed = re.search(r">([\d.]+)</span> <span class=\"nowrap\">\[([\d.]+), ", row)
    assert printed is not None
    edit(reports / "toy.html", row, row.replace(f"[{printed[2]}, ", "[0.0001, ", 1))
    status, text = said()
    assert status == 1
    assert "reports/smoke/numbers.tex: TY01 supporting1high is 77;" in text
    where = "supporting[loss of the larger step].interval_low"
    assert f"reports/smoke/toy.html: TY01 {where} is 0.0001;" in text
    assert text.strip().endswith("2 mismatches")


def test_an_output_that_is_not_the_recorded_one(finished: Path, said: Said) -> None:
    state = finished / "results" / "toy" / "smoke" / "fast" / "0-5.state"
    state.write_bytes(state.read_bytes() + b"x")
    status, text = said()
    assert status == 1
    assert "results/toy/smoke/fast/0-5.state: SHA-256 is" in text
    assert text.strip().endswith("1 mismatch")


def test_options_and_claims_that_were_changed_since(finished: Path, said: Said) -> None:
    folder = finished / "ablations" / "toy"
    edit(folder / "claims.yaml", "margin: 0.01", "margin: 0.02")
    status, text = said()
    assert status == 1
    assert "claims.json: TY01 edited is False; True expected" in text
    assert "claims.json: TY01 claim_sha256" in text
    edit(folder / "ablation.yaml", "learning_rate: 0.001", "learning_rate: 0.002")
    status, text = said()
    assert status == 1
    options = "options of slow: optimiser.learning_rate is 0.001; 0.002 expected"
    assert f"results/toy/smoke/slow/0-5.parquet: {options}" in text


def test_rows_that_a_run_does_not_give_again(finished: Path, said: Said) -> None:
    path = finished / "results" / "toy" / "smoke" / "fast" / "0-5.parquet"
    table = pq.read_table(path)
    rows = table.to_pandas()
    chosen = (rows["seed"] == 0) & (rows["step"] == 3)
    rows.loc[chosen, "value"] *= 1.5
    changed = pa.Table.from_pandas(rows, schema=table.schema, preserve_index=False)
    write_table(path, changed, read_metadata(path))
    status, text = said("--rerun", "1")
    assert status == 1
    # The baseline is what is run again by default.
    assert "toy: run again: fast, seed 0: 12 rows, 1 mismatch (noisy: largest" in text
    assert "fast, seed 0, loss is 0.33 away, relative to its size; at most 1e-06 expected" in text


def published(finished: Path) -> None:
    """The run as it would be published."""
    own, reference = finished / "reports" / "smoke", finished / "reports" / "reference" / "smoke"
    (reference / "provenance" / "toy").mkdir(parents=True)
    for path in own.iterdir():
        (reference / path.name).write_bytes(path.read_bytes())
    results = sorted((finished / "results" / "toy" / "smoke").glob("*/*.parquet"))
    relative = [path.relative_to(finished) for path in results]
    collect_rows(Path("ablations/toy"), "smoke", relative, reference / "toy.parquet")
    for path in (finished / "logs" / "toy" / "smoke").glob("*/*.json"):
        target = reference / "provenance" / "toy" / f"{path.parent.name}.json"
        target.write_bytes(path.read_bytes())


def checks_of(finished: Path, **keywords: Any) -> dict[str, Check]:
    return {check.name: check for check in verify(Path(), tier="smoke", rerun=0, **keywords)}


def test_a_published_run_is_checked_by_its_collected_rows(finished: Path) -> None:
    published(finished)
    found = checks_of(finished)
    assert not [item for check in found.values() for item in check.mismatches]
    assert "8 lie here too, 8 with the same bytes" in found["provenance"].remark
    options = read_metadata(Path("reports/reference/smoke/toy.parquet"))["options"]
    assert [form["optimiser"] for form in options["slow"]] == [{"learning_rate": 0.001}]

    record = Path("reports/reference/smoke/provenance/toy/fast.json")
    content = json.loads(record.read_text())
    content["outputs"]["results/toy/smoke/fast/0-5.parquet"] = "0" * 64
    content["seeds"] = [0, 1, 2, 3, 4]
    record.write_text(json.dumps(content))
    wrong = {item.where for item in checks_of(finished)["provenance"].mismatches}
    assert wrong == {"outputs results/toy/smoke/fast/0-5.parquet", "seeds of fast"}


def test_a_change_of_the_published_rows_is_found(finished: Path) -> None:
    published(finished)
    path = Path("reports/reference/smoke/toy.parquet")
    table = pq.read_table(path)
    rows: pd.DataFrame = table.to_pandas()
    last = (rows["variant"] == "slow") & (rows["seed"] == 2) & (rows["step"] == 11)
    assert last.sum() == 1
    rows.loc[last, "value"] += 0.5
    changed = pa.Table.from_pandas(rows, schema=table.schema, preserve_index=False)
    write_table(path, changed, read_metadata(path))
    found = checks_of(finished)
    for name in ("judged again", "by scipy alone"):
        assert "TY01 measured" in {item.where for item in found[name].mismatches}, name


def test_without_rows_the_pages_are_still_compared(finished: Path) -> None:
    published(finished)
    Path("reports/reference/smoke/toy.parquet").unlink()
    found = checks_of(finished)
    assert found["judged again"].compared == found["by scipy alone"].compared == 0
    assert "no rows are kept" in found["judged again"].remark
    assert found["toy.html"].compared > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tier", "small"), "reports/claims.json; expected the table of claims of a run"),
        (("nothing",), "ablation is 'nothing'; expected one of toy"),
        (("--rerun", "-1"), "--rerun is -1; expected 0 or more seeds"),
        (("--rerun", "1", "--variants", "x"), "--variants is 'x'; expected a variant with rows"),
        (("--variants", "fast"), "--variants is ['fast']; expected --rerun 1 or more"),
        (("--tolerance", "-1"), "--tolerance is -1.0; expected no negative tolerance"),
    ],
)
def test_what_is_not_there_is_refused(arguments: tuple[str, ...], message: str, said: Said) -> None:
    status, text = said(*arguments)
    assert status == 2
    assert message in text
