"""Reports on disk: the same bytes for the same results, whole files or none."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fixbench import __version__
from fixbench.errors import InputError
from fixbench.reports import write_claims
from fixbench.reports._published import NESTED
from fixbench.verdicts import claims_table


def test_same_input_gives_the_same_bytes(
    planted: Any, written: dict[str, Path], tmp_path: Path
) -> None:
    again = planted.write(tmp_path / "elsewhere")
    for kind in ("html", "tex", "pdf"):
        assert again[kind].read_bytes() == written[kind].read_bytes()


def test_order_of_rows_and_records_does_not_matter(
    planted: Any, written: dict[str, Path], tmp_path: Path
) -> None:
    shuffled = replace(planted, provenance=planted.provenance[::-1])
    again = shuffled.write(tmp_path)
    assert again["html"].read_bytes() == written["html"].read_bytes()


def test_another_process_gives_the_same_bytes(written: dict[str, Path], tmp_path: Path) -> None:
    planted_module = str(Path(__file__).with_name("conftest.py"))
    script = (
        "import sys, runpy, pathlib; sys.modules['conftest'] = type(sys)('conftest');"
        f"namespace = runpy.run_path({planted_module!r}, run_name='conftest');"
        "case = namespace['Case']('planted', namespace['planted_ablation'](), 'small',"
        " namespace['planted_frame'](), namespace['planted_results'](),"
        " namespace['planted_provenance']());"
        f"case.write(pathlib.Path({str(tmp_path)!r}))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, timeout=300)
    for path in written.values():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_pdf_holds_every_claim_and_verdict(
    written: dict[str, Path], planted: Any, tmp_path: Path
) -> None:
    assert written["pdf"].read_bytes().startswith(b"%PDF-")
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    done = subprocess.run(
        ["pdftotext", "-layout", str(written["pdf"]), "-"],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    for result in planted.results:
        assert re.search(rf"{result.id}\b.*\b{result.verdict}", done.stdout)
    assert "Scale by 0.1 <or less>, for my_model at 100 % #1 (CA01, CA04)." in done.stdout
    # Beside two claims, and among the threats.
    assert done.stdout.count("100 % of <one> base_model & #1.") == 3


def test_results_that_are_not_the_ablations_are_refused(planted: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"results of planted: claims is \['CA13'\]"):
        replace(planted, results=planted.results[:-1]).write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_empty_results_still_give_a_report(planted: Any, tmp_path: Path) -> None:
    bare = planted.ablation.model_copy(update={"claims": [], "conclusions": []})
    empty = planted.frame.iloc[:0]
    paths = replace(planted, ablation=bare, frame=empty, results=[], provenance=[]).write(tmp_path)
    assert "No claim was judged." in paths["html"].read_text(encoding="utf-8")


# claims.json and claims.csv


def test_claims_json_is_strict_and_holds_every_row(planted: Any, tmp_path: Path) -> None:
    path, *_ = write_claims([planted.judged], tmp_path, tier="small")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    table = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert (table["version"], table["fixbench"], table["tier"]) == (1, __version__, "small")
    rows = table["claims"]
    judged = claims_table(planted.results)
    # What judging says stands there as it is, and what the claims declare besides.
    flat = [key for key, value in judged[0].items() if not isinstance(value, list)]
    assert [[row[key] for key in flat] for row in rows] == [
        [row[key] for key in flat] for row in judged
    ]
    assert [row["id"] for row in rows] == [result.id for result in planted.results]
    for row, result in zip(rows, planted.results, strict=True):
        if result.effect is not None:
            assert row["measured"] == result.effect.estimate


def test_claims_csv_has_the_same_rows(planted: Any, tmp_path: Path) -> None:
    json_path, csv_path, *_ = write_claims([planted.judged], tmp_path, tier="small")
    rows = json.loads(json_path.read_text(encoding="utf-8"))["claims"]
    with csv_path.open(encoding="utf-8", newline="") as file:
        read_back = list(csv.DictReader(file))
    expected = [
        {k: "" if v is None else str(v) for k, v in row.items() if k not in NESTED} for row in rows
    ]
    assert read_back == expected
    assert pd.read_csv(csv_path)["id"].tolist() == [row["id"] for row in rows]


def test_no_claims_are_an_empty_list(tmp_path: Path) -> None:
    path, *_ = write_claims([], tmp_path / "new" / "folder", tier="small")
    assert json.loads(path.read_text(encoding="utf-8"))["claims"] == []


# Folders that cannot be written to


def test_folder_below_a_file_is_refused(light: Any, tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("in the way")
    for folder in (tmp_path / "reports", tmp_path / "reports" / "deeper"):
        with pytest.raises(InputError, match=re.escape(str(folder))) as caught:
            write_claims([light.judged], folder, tier="small")
        assert "expected a folder that can be written to" in str(caught.value)
        with pytest.raises(InputError, match=re.escape(str(folder))):
            light.write(folder)


def test_folder_of_somebody_else_is_refused(planted: Any, tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)  # root may write anywhere
        with pytest.raises(InputError, match=r"can be written to \(Permission denied\)"):
            write_claims([planted.judged], tmp_path, tier="small")
    finally:
        if root:
            os.seteuid(0)
        tmp_path.chmod(0o755)
    assert list(tmp_path.iterdir()) == []


def test_failure_leaves_no_half_file_behind(planted: Any, tmp_path: Path) -> None:
    (tmp_path / "claims.csv").mkdir()
    with pytest.raises(InputError):
        write_claims([planted.judged], tmp_path, tier="small")
    assert [path.name for path in tmp_path.iterdir()] == ["claims.csv"]


def test_failure_while_writing_keeps_the_old_report(
    planted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_claims([replace(planted, results=planted.results[:1]).judged], tmp_path, tier="small")
    old = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write = Path.write_bytes

    def disk_full(path: Path, data: bytes) -> int:
        write(path, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", disk_full)
    with pytest.raises(InputError, match="No space left on device"):
        write_claims([planted.judged], tmp_path, tier="small")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == old
