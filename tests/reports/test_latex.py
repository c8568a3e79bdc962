"""Text for LaTeX: everything compiles, and a paper gets its numbers."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixbench.reports import _latex
from fixbench.reports._latex import Raw, code, escape, symbols


@pytest.fixture
def report_packages(require_latex: Callable[..., None]) -> None:
    require_latex("array.sty", "booktabs.sty", "longtable.sty")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\\", r"\textbackslash{}"),
        ("a_b & 5 % of #1 {x}", r"a\_b \& 5 \% of \#1 \{x\}"),
        ("$^~", r"\$\textasciicircum{}\textasciitilde{}"),
        ("<|>", r"\ensuremath{<}\ensuremath{|}\ensuremath{>}"),
        ("[1] *", "{[}1{]} {*}"),
        (
            "λ ≥ 0.1 × −2",
            r"\ensuremath{\lambda} \ensuremath{\ge} 0.1 \ensuremath{\times} \ensuremath{-}2",
        ),
        ("1–2 — 3 … “q” ‘r’", r"1--2 --- 3 \ldots{} ``q'' `r'"),
        ("--seeds", "-{}-seeds"),
        ("10⁻⁷ m²", r"10\ensuremath{^{-}}\ensuremath{^{7}} m\ensuremath{^{2}}"),
        ("\"q\" ('a'), it's", "``q'' (`a'), it's"),
        (
            "∂A/∂w → ∞",
            r"\ensuremath{\partial}A/\ensuremath{\partial}w \ensuremath{\to} \ensuremath{\infty}",
        ),
        ("café Łódź", "café Łódz"),
        ("ﬁ ½", "fi [U+00BD]"),
        ("雪", "[U+96EA]"),
        ("two\nlines\tand tab", "two lines and tab"),
        ("\x00", "[U+0000]"),
    ],
)
def test_escape(text: str, expected: str) -> None:
    assert escape(text) == expected


def test_escaped_text_is_not_escaped_again() -> None:
    once = escape("50 % of λ_1")
    assert escape(once) == once
    assert isinstance(once, Raw)


def test_code_may_break_after_separators() -> None:
    assert code("a_b/c") == r"\texttt{a\_\allowbreak{}b/\allowbreak{}c}"
    assert code("x.py=1.0") == r"\texttt{x.\allowbreak{}py=\allowbreak{}1.0}"


def test_n_and_p_are_mathematics_where_they_are_words() -> None:
    assert symbols("n (failed), p: n/a_p") == r"\(n\) (failed), \(p\): \(n\)/a\_p"


@given(st.text())
def test_nothing_unknown_to_pdflatex_gets_through(text: str) -> None:
    out = escape(text)
    assert all(c in _latex._ACCENTED or (c.isascii() and c.isprintable()) for c in out)
    # Every brace is matched, every comment and alignment character is quoted.
    plain = out.replace("\\{", "").replace("\\}", "")
    assert plain.count("{") == plain.count("}")
    for special in "%&#$_":
        assert out.count(special) == out.count("\\" + special) + (
            out.count("_{") - out.count("\\_{") if special == "_" else 0
        )


def compile_latex(folder: Path, body: str) -> str:
    """Run pdfLaTeX on a document with the packages that the report asks for; its log."""
    source = "\n".join(
        [
            r"\documentclass{article}",
            r"\usepackage{array,booktabs,longtable}",
            r"\begin{document}",
            body,
            r"\end{document}",
        ]
    )
    (folder / "document.tex").write_text(source, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-draftmode", "-halt-on-error", "-interaction=nonstopmode", "document.tex"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@pytest.mark.usefixtures("report_packages")
def test_every_character_compiles(tmp_path: Path) -> None:
    known = [*_latex._TABLE, *_latex._ACCENTED, *map(chr, range(32, 127)), "雪", "½"]
    log = compile_latex(tmp_path, "\n\n".join(escape(f"x{c}x {c}{c}") for c in known))
    assert "Missing character" not in log


@pytest.mark.usefixtures("report_packages")
def test_report_compiles(written: dict[str, Path], tmp_path: Path) -> None:
    shutil.copy(written["tex"], tmp_path / "report.tex")
    # Twice: a second report in one paper defines nothing again.
    compile_latex(tmp_path, r"\input{report.tex} \input{report.tex}")
