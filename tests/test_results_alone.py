"""`pip install fixbench` without extras: results that exist can be judged and reported.

The libraries of the extras are blocked in another process, where importing one fails as if it were
not installed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from fixbench.cli._extras import EXTRAS
from fixbench.published import read_rows
from fixbench.workflow._layout import ABLATION_PAGES, CLAIM_PAGES

ROOT = Path(__file__).parents[1]
ABLATION, TIER = "cross_attention_scale", "small"
DISTRIBUTIONS = {
    "PIL": "pillow",
    "faster_coco_eval": "faster-coco-eval",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}
# pillow comes with matplotlib; statsmodels is for tests.
BLOCKED = sorted({*EXTRAS, "statsmodels"} - {"PIL"})
PROGRAM = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {BLOCKED}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
from fixbench.cli import main
sys.exit(main(sys.argv[1:]))
"""

Call = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published rows of an ablation as its jobs had left them, and the ablation."""
    folder = tmp_path_factory.mktemp("alone")
    shutil.copytree(ROOT / "ablations" / ABLATION, folder / "ablations" / ABLATION)
    shutil.copytree(ROOT / "config", folder / "config")
    table = pq.read_table(ROOT / "reports" / "reference" / TIER / f"{ABLATION}.parquet")
    collected = json.loads(table.schema.metadata[b"fixbench"])
    (folder / "results").mkdir()
    for variant in pc.unique(table["variant"]).to_pylist():
        rows = table.filter(pc.equal(table["variant"], variant))
        seeds = sorted(pc.unique(rows["seed"]).to_pylist())
        content = {
            "ablation": ABLATION,
            "variant": variant,
            "tier": TIER,
            "seeds": seeds,
            "options": {},
            "claims": {name: forms[-1] for name, forms in collected["claims"].items()},
            "metrics": {name: forms[-1] for name, forms in collected["metrics"].items()},
        }
        place = folder / "results" / f"{variant}.parquet"
        pq.write_table(rows.replace_schema_metadata({"fixbench": json.dumps(content)}), place)
        record = {
            **{key: content[key] for key in ("ablation", "variant", "tier", "seeds")},
            "started": "2026-01-01T00:00:00+00:00",
            "wall_seconds": 1.0,
            "cpu_seconds": 1.0,
            "peak_memory_bytes": 1,
            "code": {"version": "0", "sha256": "0", "commit": "0", "dirty": False},
            "runtime": {"engine": "none", "image": None},
            "lock": {},
            "inputs": {},
            "outputs": {},
            "device": {"type": "cpu", "name": "any", "driver": "none"},
            "threads": 1,
            "libraries": {"numpy": "2"},
            "python": "3.11",
            "platform": "any",
        }
        place.with_suffix(".json").write_text(json.dumps(record))
    return folder


@pytest.fixture(scope="module")
def call(folder: Path) -> Call:
    """Call ``fixbench`` without the libraries of the extras."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=600, check=False
        )

    return run


def test_published_verdicts_are_found_again_and_reported(folder: Path, call: Call) -> None:
    files = sorted((folder / "results").glob("*.parquet"))
    common = [ABLATION, "--tier", TIER, "--results", *files, "--claims", "claims.json"]
    done = call("analyse", *common)
    assert done.returncode == 0, done.stderr
    published = read_rows(ROOT / "reports" / "reference" / TIER / "claims.json")
    expected = {row["id"]: row["verdict"] for row in published if row["ablation"] == ABLATION}
    judged = json.loads((folder / "claims.json").read_text())["verdicts"]
    found = {row["id"]: row["verdict"] for row in judged}
    assert found == expected

    records = [path.with_suffix(".json") for path in files]
    done = call("report", *common, "--provenance", *records)
    assert done.returncode == 0, done.stderr
    done = call("claims", "claims.json", "--tier", TIER)
    assert done.returncode == 0, done.stderr
    pages = {path.name for path in (folder / "reports").iterdir()}
    own = {page.format(ablation=ABLATION) for page in ABLATION_PAGES}
    assert pages == own | set(CLAIM_PAGES)


def test_check_says_what_it_leaves_out(call: Call) -> None:
    done = call("check", ABLATION, "--hashes")
    published = read_rows(ROOT / "reports" / "reference" / TIER / "claims.json")
    hashes = {row["id"]: row["claim_sha256"] for row in published if row["ablation"] == ABLATION}
    assert done.returncode == 0
    assert dict(line.split() for line in done.stdout.splitlines()) == hashes
    assert "'fixbench[systems]'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "library", "extra"),
    [
        (("run", ABLATION, "none", "--seeds", "0", "--output", "x"), "torch", "systems"),
        (("determinism", ABLATION), "torch", "systems"),
    ],
)
def test_missing_library_is_named_with_its_extra(
    call: Call, arguments: tuple[str, ...], library: str, extra: str
) -> None:
    done = call(*arguments)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"needs {library}" in line
    assert f"'fixbench[{extra}]'" in line


def test_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for library, extra in EXTRAS.items():
        named = project["optional-dependencies"][extra]
        assert any(text.startswith(DISTRIBUTIONS.get(library, library)) for text in named), library
    (everything,) = project["optional-dependencies"]["all"]
    parts = everything.removeprefix("fixbench[").removesuffix("]").split(",")
    assert {*parts, "all"} == set(project["optional-dependencies"])


def test_what_is_declared_is_pinned() -> None:
    """Every dependency, and those of the extras, stands in the pinned environment."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = set(project["dependencies"]).union(*project["optional-dependencies"].values())
    names = {text.partition(">")[0] for text in declared if not text.startswith("fixbench[")}
    lines = (ROOT / "envs" / "torch.in").read_text().splitlines()
    pinned = {line.partition("==")[0] for line in lines if not line.startswith("#")}
    assert names == pinned - {"setuptools"}  # which builds the package
