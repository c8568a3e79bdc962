"""The built wheel, installed into a clean environment and used outside the checkout.

An environment holds the wheel and, as links, the locked packages that its metadata ask for: without
extras for judging, with ``systems`` and ``pipeline`` for a run. Nothing else can be imported there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from fixbench.cli._extras import EXTRAS

ROOT = Path(__file__).parents[2]
#: What `fixbench judge` is asked about: the second method is better by about 0.02 in each seed.
TABLE = "method,seed,accuracy\n" + "".join(
    f"{method},{seed},{0.80 + 0.001 * seed * (-1) ** seed + gain + 0.0005 * (seed % 3) * gain}\n"
    for method, gain in (("baseline", 0.0), ("mixup", 0.02))
    for seed in range(6)
)

Call = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, in which no earlier build has left anything."""
    source = tmp_path_factory.mktemp("source")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", source / "src", symlinks=True, ignore=ignore)
    shutil.copytree(ROOT / "envs", source / "envs")
    for name in ("pyproject.toml", "README.md", "LICENSE", "Dockerfile"):
        shutil.copy(ROOT / name, source)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(source)]
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", *options, str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    (built,) = source.glob("*.whl")
    return built


def needed(package: Distribution, extras: tuple[str, ...]) -> dict[str, Distribution]:
    """What a package needs with these extras, and what that needs, by name."""
    found: dict[str, Distribution] = {}
    waiting, seen = [(package, extras or ("",))], set()
    while waiting:
        current, wanted = waiting.pop()
        for requirement in map(Requirement, current.requires or ()):
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in wanted):
                continue
            step = (requirement.name, *sorted(requirement.extras))
            if step not in seen:
                seen.add(step)
                found[requirement.name] = distribution(requirement.name)
                waiting.append((found[requirement.name], (*requirement.extras, "")))
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Call]:
    """Make an environment with the wheel and what these extras bring; call its programs."""

    def make(*extras: str) -> Call:
        folder = tmp_path_factory.mktemp("environment")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        python = folder / "bin" / "python"
        command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
        command += ["--no-deps", "--no-index", str(wheel)]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
        (packages,) = folder.glob("lib/python*/site-packages")
        (metadata,) = packages.glob("fixbench-*.dist-info")
        for package in needed(PathDistribution(metadata), extras).values():
            for top in {file.parts[0] for file in package.files or ()}:
                link = packages / top
                if top not in ("..", "__pycache__") and link.suffix != ".pth" and not link.exists():
                    link.symlink_to(str(package.locate_file(top)))
        kept = {name: os.environ[name] for name in ("HOME", "TMPDIR", "LANG") if name in os.environ}
        kept |= {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
        kept["XDG_CACHE_HOME"] = str(folder / "cache")

        def call(where: Path, *command: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [folder / "bin" / command[0], *command[1:]],
                cwd=where,
                env=kept,
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )

        return call

    return make


def test_judging_needs_no_extra(environment: Callable[..., Call], tmp_path: Path) -> None:
    call = environment()
    for module in sorted({*EXTRAS} - {"PIL"}):  # which comes with matplotlib
        done = call(tmp_path, "python", "-c", f"import {module}")
        assert "ModuleNotFoundError" in done.stderr, module
    (tmp_path / "results.csv").write_text(TABLE)
    judged = call(tmp_path, "fixbench", "judge", "results.csv", "--margin", "accuracy=0.005")
    assert judged.returncode == 0, judged.stderr
    (claim,) = json.loads((tmp_path / "fixbench-report" / "claims.json").read_text())["claims"]
    assert (claim["verdict"], claim["n"]) == ("reproduced", 6)
    assert claim["measured"] == pytest.approx(0.02, abs=1e-4)
    assert "mixup" in (tmp_path / "fixbench-report" / "results.html").read_text()
    # The declaration of the image comes with the wheel.
    program = "from pathlib import Path; from fixbench.containers import image_spec; "
    program += "print(image_spec(Path(), 'torch-cpu').lock)"
    lock = hashlib.sha256((ROOT / "envs" / "torch-cpu.lock").read_bytes()).hexdigest()
    assert call(tmp_path, "python", "-c", program).stdout == f"{lock}\n"
    # A repository can be begun and checked there; what runs it says which extra it takes.
    assert call(tmp_path, "fixbench", "init").returncode == 0
    assert call(tmp_path, "fixbench", "check", "example").returncode == 0
    refused = call(tmp_path, "fixbench", "run", "example", "small", "--seeds", "0", "--output", "x")
    assert "pip install 'fixbench[systems]'" in refused.stderr


def test_the_tutorial_prints_what_its_commands_print(
    environment: Callable[..., Call], tmp_path: Path
) -> None:
    call = environment("systems", "pipeline")
    place = tmp_path / "somebody's own repository"
    place.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=place, check=True)
    where = call(place, "python", "-c", "import fixbench; print(fixbench.__file__)")
    assert not Path(where.stdout).is_relative_to(ROOT)
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    (added,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    claims = place / "ablations" / "example" / "claims.yaml"
    table, edited = place / "reports" / "claims.json", []
    for number, block in enumerate(re.findall(r"```(?:console|yaml)\n(.*?)```", text, re.DOTALL)):
        if block == added:
            claims.write_text(claims.read_text() + added)
            continue
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            words = command.split()
            if words[0] == "pip":
                continue  # that is what the fixture does
            if words[0] == "snakemake":  # whatever engine answers: containers have other tests
                local = [] if "--config" in words else ["--config"]
                words = ["python", "-m", *words, *local, "runtime=local"]
            done = call(place, *words)
            assert done.returncode == 0, f"{command} of block {number}: {done.stderr}"
            if "snakemake" in words:
                found = json.loads(table.read_text())["claims"]
                edited.append([claim["edited"] for claim in found])
            printed = done.stdout
            for part in filter(None, shown.split("…\n")):
                assert part in printed, f"{command} of block {number}"
                printed = printed.partition(part)[2]
    # Added after its results, and then judged on results that came after it.
    assert edited == [[False], [False, True], [False, False]]
    first, second = json.loads(table.read_text())["claims"]
    assert (first["verdict"], second["n"]) == ("confounded", 20)
    assert (place / "reports" / "appendix-example.tex").is_file()
    assert (place / "reports" / "appendix-example-forest.pdf").is_file()
    page = (place / "reports" / "index.html").read_text()
    assert 'href="example.html"' in page
