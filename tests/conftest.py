"""A project of its own for every test that runs the command line."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fixbench

ROOT = Path(__file__).parents[1]
FIXTURES = Path(__file__).parent / "fixtures" / "ablations"

# Programs under test are interrupted as from a terminal, even where tests run in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pipeline with the ablations of the test suite; also the working directory."""
    for name in ("config", "profiles"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(FIXTURES, tmp_path / "ablations", ignore=ignore)
    # Containers have tests of their own: these run where the tests do, engine or not.
    settings = tmp_path / "config" / "config.yaml"
    settings.write_text(settings.read_text().replace("runtime: auto", "runtime: local"))
    monkeypatch.chdir(tmp_path)
    # Where the package is, whether it is installed or not.
    monkeypatch.setenv("PYTHONPATH", str(Path(fixbench.__file__).parents[1]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("FIXBENCH_SAVE_SECONDS", "0")  # so that a short run can be interrupted
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    return tmp_path


@pytest.fixture
def run(project: Path) -> Run:
    """Call ``fixbench`` or ``snakemake`` in the project and return what it said."""

    def call(program: str, *arguments: object, **environment: str) -> Any:
        command = [sys.executable, "-m", program, *map(str, arguments)]
        return subprocess.run(
            command,
            cwd=project,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return call


@pytest.fixture
def require_latex() -> Callable[..., None]:
    """Skip the test where there is no pdfLaTeX, or where it lacks one of the named files."""

    def require(*files: str, folder: Path | None = None) -> None:
        if shutil.which("pdflatex") is None:
            pytest.skip("pdflatex is not installed")
        for file in files:
            if subprocess.run(["kpsewhich", file], cwd=folder, capture_output=True).returncode:
                pytest.skip(f"LaTeX has no {file}")

    return require


@pytest.fixture(scope="session")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Open a page in Chromium without a window, and give what it is when its scripts are done.

    The test is skipped where there is no Chromium.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium is installed")

    def open_page(page: Path, *options: str) -> str:
        profile = tmp_path_factory.mktemp("profile")
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu"]
        command += ["--window-size=1400,900", "--allow-file-access-from-files"]
        command += [f"--user-data-dir={profile}", "--virtual-time-budget=20000", *options]
        return subprocess.run(
            [*command, "--dump-dom", page.as_uri()],
            check=True,
            capture_output=True,
            text=True,
            timeout=300,
        ).stdout

    return open_page
