"""Papers, compiled where there is a LaTeX."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    # A log has lines of any length, so that a message stands in one.
    environment = {**os.environ, "max_print_line": "10000", "openout_any": "a"}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
        check=False,
    )


@pytest.fixture
def compile_paper() -> Callable[..., str]:
    """Compile a document in a folder and give its log; skipped where LaTeX is missing."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")

    def compile(
        folder: Path,
        body: str,
        *,
        style: str = r"\documentclass{article}",
        preamble: str = "",
        runs: int = 1,
        fails: bool = False,
    ) -> str:
        source = "\n".join([style, preamble, r"\begin{document}", body, r"\end{document}", ""])
        (folder / "paper.tex").write_text(source, encoding="utf-8")
        command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"]
        for _ in range(runs):
            done = _run(command, folder)
            assert (done.returncode != 0) == fails, done.stdout[-3000:]
        return done.stdout

    return compile
