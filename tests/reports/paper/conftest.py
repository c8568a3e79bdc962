"""Papers, compiled where there is a LaTeX."""

from __future__ import annotations

import os
import re
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
def compile_paper(require_latex: Callable[..., None]) -> Callable[..., str]:
    """Compile a document in a folder and give its log.

    The test is skipped where LaTeX is missing, or where it lacks what the document asks for: the
    class and packages that its opening names, or what these load: ``alone`` is the body of an empty
    paper, which then does not compile either.
    """

    def compile(
        folder: Path,
        body: str,
        *,
        style: str = r"\documentclass{article}",
        preamble: str = "",
        runs: int = 1,
        fails: bool = False,
        alone: str | None = None,
    ) -> str:
        asked = [
            f"{name}.{'cls' if kind == 'documentclass' else 'sty'}"
            for kind, names in re.findall(
                r"\\(documentclass|usepackage)(?:\[.*?\])?\{(.*?)\}", style + preamble
            )
            for name in names.split(",")
        ]
        require_latex(*asked, folder=folder)
        command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"]

        def write(content: str) -> None:
            lines = [style, preamble, r"\begin{document}", content, r"\end{document}", ""]
            (folder / "paper.tex").write_text("\n".join(lines), encoding="utf-8")

        if alone is not None:
            write(alone)
            done = _run(command, folder)
            if done.returncode:
                said = "; ".join(re.findall(r"^! *(.*)", done.stdout, re.MULTILINE))
                pytest.skip(f"LaTeX lacks what an empty paper needs: {said}")
        write(body)
        for _ in range(runs):
            done = _run(command, folder)
            assert (done.returncode != 0) == fails, done.stdout[-3000:]
        return done.stdout

    return compile
