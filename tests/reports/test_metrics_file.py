"""``metrics.json``, read by the real DVC."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixbench.reading import read_yaml
from fixbench.reports import write_claims

PROJECT = Path(__file__).parents[2]
SMALL = "reports/reference/small/metrics.json"


def call(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_metrics_hold_the_verdict_and_the_number_of_each_claim(
    planted: Any, tmp_path: Path
) -> None:
    write_claims([planted.judged], tmp_path, tier="small")
    rows = json.loads((tmp_path / "claims.json").read_text(encoding="utf-8"))["claims"]
    content = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert list(content) == [planted.name]
    assert list(content[planted.name]) == [row["id"] for row in rows]
    for row in rows:
        entry = content[planted.name][row["id"]]
        assert entry["verdict"] == row["verdict"]
        # DVC does not compare what is not there: no number, no key.
        assert entry.get("measured") == row["measured"]
    assert any("measured" not in entry for entry in content[planted.name].values())


def test_dvc_shows_and_compares_them(planted: Any, tmp_path: Path) -> None:
    pytest.importorskip("dvc")
    for name in ("dvc.yaml", ".dvcignore", ".dvc/config"):
        place = tmp_path / name
        place.parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, place)
    for declared in read_yaml(tmp_path / "dvc.yaml")["metrics"]:
        write_claims([planted.judged], (tmp_path / declared).parent, tier="small")
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    call(tmp_path, "git", "init", "--quiet")
    call(tmp_path, "git", "add", ".")
    call(tmp_path, "git", *identity, "commit", "--quiet", "--message", "published")
    dvc = (sys.executable, "-m", "dvc")
    # What `make` does in a checkout; without git there is nothing to compare with.
    call(tmp_path, *dvc, "config", "--local", "core.no_scm", "false")

    content = json.loads((tmp_path / SMALL).read_text(encoding="utf-8"))
    shown = json.loads(call(tmp_path, *dvc, "metrics", "show", "--json"))
    assert shown[""]["data"][SMALL]["data"] == content

    claim, entry = next(item for item in content[planted.name].items() if "measured" in item[1])
    old = dict(entry)
    entry |= {"verdict": "absent", "measured": old["measured"] + 1}
    assert old["verdict"] != "absent"
    (tmp_path / SMALL).write_text(json.dumps(content))
    found = json.loads(call(tmp_path, *dvc, "metrics", "diff", "--json"))
    # Nothing else differs, and the change of the number is worked out.
    assert list(found) == [SMALL]
    key = f"{planted.name}.{claim}"
    changes = found[SMALL]
    assert set(changes) == {f"{key}.verdict", f"{key}.measured"}
    assert changes[f"{key}.verdict"] == {"old": old["verdict"], "new": "absent"}
    assert changes[f"{key}.measured"]["diff"] == pytest.approx(1)
