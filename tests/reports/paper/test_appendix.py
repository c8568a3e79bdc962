"""Appendices as authors print them: in five styles, with every claim and no overfull line."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixbench.errors import InputError
from fixbench.reports._rules import VERDICTS
from fixbench.reports.paper import ablation_appendix, bibliography, joint_appendix
from fixbench.reports.paper._appendix import MEANINGS
from fixbench.reports.paper._bibliography import entries
from fixbench.reports.paper._marks import MARKS
from fixbench.reports.paper._row import claim_row
from fixbench.verdicts import measure
from fixbench.verdicts._levels import arm_levels

Compile = Callable[..., str]
HERE = Path(__file__).parent
PACKAGES = r"\usepackage{array,booktabs,graphicx,tabularx}"
FRONT = r"\title{A paper}\author{Its author}\maketitle"
STYLES = {
    "article": (r"\documentclass{article}", FRONT),
    "two columns": (r"\documentclass[twocolumn]{article}", FRONT),
    "IEEEtran": (r"\documentclass[conference]{IEEEtran}", FRONT),
    "acmart": (
        r"\documentclass[sigconf,nonacm]{acmart}",
        r"\title{A paper}\author{Its author}\affiliation{\country{Nowhere}}"
        r"\begin{abstract}Short.\end{abstract}\maketitle",
    ),
    "NeurIPS": (r"\documentclass{article}\usepackage{wide}", FRONT),
}
REFERENCES = "@misc{planted2020, title = {A {Planted} Paper}, author = {Doe, A.}, year = {2020}}\n"


@pytest.fixture
def case(planted: Any) -> Any:
    rows = measure(planted.frame, {name: m.better for name, m in planted.ablation.metrics.items()})
    results = [
        result
        if claim is None or result.effect is None
        else replace(result, levels=arm_levels(claim, rows))
        for claim, result in planted.judged.claims
    ]
    assert any(result.levels for result in results)
    return replace(planted.judged, references=REFERENCES, results=results)


@pytest.fixture
def folder(case: Any, tmp_path: Path) -> Path:
    """A paper's folder with all that an author copies there, and a style of wide margins."""
    contents = {**joint_appendix([case], "small"), **ablation_appendix(case)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "fixbench.bib").write_text(bibliography([case]), encoding="utf-8")
    shutil.copy(HERE / "wide.sty", tmp_path / "wide.sty")
    return tmp_path


def read_pdf(path: Path, *, layout: str = "-layout") -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    done = subprocess.run(
        ["pdftotext", layout, str(path), "-"],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_every_arm_stands_below_its_claim(case: Any) -> None:
    text = ablation_appendix(case)[f"appendix-{case.name}.tex"].decode()
    table = text.split("\\label{tab:fixbench-small-planted-arms}")[1].split("\\end{table*}")[0]
    groups = re.split(r"\\textbf\{([A-Z]{2}\d{2}): ", table)[1:]
    found = dict(zip(groups[::2], groups[1::2], strict=True))
    assert list(found) == [result.id for result in case.results if result.levels]
    for result in case.results:
        for level in result.levels:
            name = level.variant.replace("_", r"\_")
            assert re.search(rf"\\quad {re.escape(name)}.* & .* & {level.n} ", found[result.id])


def words(text: str) -> str:
    """The text without line ends and with plain ligatures."""
    return " ".join(text.replace("ﬁ", "fi").replace("ﬂ", "fl").replace("ﬀ", "ff").split())


@pytest.mark.parametrize("style", STYLES)
def test_it_compiles_in_every_style(
    style: str, folder: Path, case: Any, compile_paper: Compile
) -> None:
    opening, front = STYLES[style]
    body = rf"{front} \input{{appendix}} \clearpage \input{{appendix-planted}} \nocite{{*}}"
    body += r" \bibliographystyle{plain}\bibliography{fixbench}"
    compile_paper(folder, body, style=opening, preamble=PACKAGES, alone=front + " x")
    done = subprocess.run(["bibtex", "paper"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    log = compile_paper(folder, body, style=opening, preamble=PACKAGES, runs=2)
    assert [float(width) for width in re.findall(r"Overfull .hbox \((.*?)pt", log)] == [
        pytest.approx(0, abs=10) for _ in re.findall(r"Overfull .hbox", log)
    ]
    for problem in ("undefined", "multiply", "too large", "Too narrow", "Missing character"):
        assert problem not in log, problem
    text = read_pdf(folder / "paper.pdf")
    for claim, result in case.claims:
        row = claim_row(case, claim, result)
        # In a table the number stands in one line with the verdict, whatever wraps beside it.
        number = re.escape(row.measured.split(" [")[0].removeprefix("× "))
        line = rf"{row.id}\b.*{number}.*{row.verdict}"
        assert re.search(line, text), row
    running = words(read_pdf(folder / "paper.pdf", layout="-raw").replace("-\n", ""))
    assert "the system follows" in running
    assert ".txt" not in text
    assert not re.search(r"[0-9a-f]{12}", text)


def test_an_author_chooses_level_folder_and_citation(folder: Path, compile_paper: Compile) -> None:
    (folder / "figures").mkdir()
    for path in folder.glob("*.pdf"):
        path.rename(folder / "figures" / path.name)
    preamble = PACKAGES + (
        r"\newcommand{\fixbenchlevel}{subsection}\newcommand{\fixbenchfolder}{figures/}"
        r"\newcommand{\fixbenchcite}[1]{(see #1)}"
    )
    body = r"\section{First}\input{appendix-planted}"
    log = compile_paper(folder, body, preamble=preamble, runs=2)
    assert "Citation" not in log
    assert re.search(
        r"contentsline \{subsection\}.*Cross-attention scale", (folder / "paper.aux").read_text()
    )


@pytest.mark.parametrize("package", ["booktabs", "graphicx", "tabularx"])
def test_a_missing_package_is_named(package: str, folder: Path, compile_paper: Compile) -> None:
    rest = [name for name in ("booktabs", "graphicx", "tabularx") if name != package]
    preamble = rf"\usepackage{{array,{','.join(rest)}}}"
    log = compile_paper(folder, r"\input{appendix-planted}", preamble=preamble, fails=True)
    assert f"Missing package {package}" in log


def test_files_are_balanced_and_complete_without_latex(case: Any) -> None:
    contents = {**joint_appendix([case], "small"), **ablation_appendix(case)}
    assert set(contents) == {
        "appendix.tex",
        "appendix-forest.pdf",
        "appendix-planted.tex",
        "appendix-planted-forest.pdf",
    }
    known = set(entries(bibliography([case])))
    labels: list[str] = []
    for name, content in contents.items():
        if name.endswith(".pdf"):
            assert content.startswith(b"%PDF-")
            assert b"/Type3" not in content
            continue
        text = content.decode()
        plain = text.replace(r"\{", "").replace(r"\}", "")
        assert plain.count("{") == plain.count("}")
        opened: list[str] = []
        for kind, environment in re.findall(r"\\(begin|end)\{([^}]*)\}", text):
            if kind == "begin":
                opened.append(environment)
            else:
                assert opened.pop() == environment
        assert opened == []
        cited = {
            key
            for keys in re.findall(r"~?\\fixbenchcite\{([\w,-]+)\}", text)
            for key in keys.split(",")
        } - {"1"}
        assert cited
        assert cited <= known
        own = re.findall(r"\\label\{([^}]*)\}", text)
        assert set(re.findall(r"\\ref\{([^}]*)\}", text)) <= set(own)
        labels += own
        for figure in re.findall(r"includegraphics\[.*?\]\{\{\\fixbenchfolder\}(.*?)\}", text):
            assert figure in contents
    assert len(labels) == len(set(labels))


def test_the_same_input_gives_the_same_bytes(case: Any) -> None:
    assert ablation_appendix(case) == ablation_appendix(case)
    assert joint_appendix([case], "small") == joint_appendix([case], "small")


def test_no_claim_gives_a_sound_file(case: Any, compile_paper: Compile, tmp_path: Path) -> None:
    bare = replace(case, results=[])
    for name, content in {**ablation_appendix(bare), **joint_appendix([], "small")}.items():
        (tmp_path / name).write_bytes(content)
    compile_paper(tmp_path, r"\input{appendix} \input{appendix-planted}", preamble=PACKAGES)


def test_smoke_says_that_its_verdicts_mean_nothing(case: Any) -> None:
    text = ablation_appendix(replace(case, tier="smoke"))["appendix-planted.tex"].decode()
    assert "verdicts mean nothing" in text
    assert "verdicts mean nothing" not in ablation_appendix(case)["appendix-planted.tex"].decode()


def test_every_verdict_has_its_words_and_its_mark() -> None:
    assert set(MEANINGS) == set(VERDICTS) == set(MARKS)
    drawn = [(mark.shape, mark.fill is None, mark.edge) for mark in MARKS.values()]
    assert len(set(drawn)) == len(drawn)
    assert len({mark.symbol for mark in MARKS.values()}) == len(MARKS)


def test_references_that_contradict_each_other_are_refused(case: Any) -> None:
    other = replace(case, name="other", references=REFERENCES.replace("2020}}", "2021}}"))
    with pytest.raises(InputError, match=r"other/references.bib: planted2020; expected one and"):
        bibliography([case, other])
    assert set(entries(bibliography([case, replace(case, name="other")]))) >= {
        "planted2020",
        "fixbench-document-planted",
        "fixbench-document-other",
        "holm1979",
    }


def test_references_without_an_entry_are_refused(case: Any) -> None:
    with pytest.raises(InputError, match=r"planted/references.bib; expected BibTeX entries"):
        ablation_appendix(replace(case, references="See the paper."))


@pytest.mark.parametrize(
    ("claim", "documented"),
    [
        ("CA01", "× 0.37"),
        ("CA02", "× 0.96"),
        ("CA03", "−0.86 nat"),
        ("CA06", "effect above 0 nat"),
        ("CA07", "no change"),
        ("CA09", "effect above 0"),
        ("CA10", "true"),
    ],
)
def test_what_is_documented_has_its_unit_and_what_is_on_a_side(
    claim: str, documented: str, case: Any
) -> None:
    rows = {result.id: claim_row(case, found, result) for found, result in case.claims}
    assert rows[claim].effect == documented
    assert rows[claim].said.startswith(f"documented {documented}, measured ")
