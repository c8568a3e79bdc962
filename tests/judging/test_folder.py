"""The ablation that is written: edited and judged again, and never replaced unasked."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

import fixbench
from fixbench.ablation import load_ablation
from fixbench.errors import InputError
from fixbench.job import check_runnable
from fixbench.judging import judge
from fixbench.verdicts import check_claims


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_ablation_is_one_of_the_house(wide: pd.DataFrame, tmp_path: Path) -> None:
    judged = judge(wide, directory=tmp_path, pages=False)
    ablation = load_ablation(judged.folder)
    check_claims(ablation, judged.folder / "claims.yaml")
    assert ablation.results == "results.parquet"
    assert {name: v.changes for name, v in ablation.variants.items()} == {
        "baseline": {},
        "mixup": {"variant": "mixup"},
        "cutout": {"variant": "cutout"},
    }
    assert [claim.decision.direction for claim in ablation.claims] == [
        "greater",
        "greater",
        "less",
        "less",
    ]
    with pytest.raises(InputError, match="its results were given, and nothing of it can be run"):
        check_runnable(judged.folder / "ablation.yaml", ablation, ablation.tiers)


def test_no_verdict_looks_pre_registered(wide: pd.DataFrame, tmp_path: Path) -> None:
    judged = judge(wide, directory=tmp_path)
    for result in judged.results:
        assert result.edited
        assert "The claim was added after these results were produced." in result.notes
    page = (tmp_path / "results.html").read_text()
    assert "the claims were written after them: nothing was registered beforehand" in page
    assert "Tier" in page
    assert "none: the results were given" in page
    appendix = (tmp_path / "appendix-results.tex").read_text()
    assert (
        "nothing was registered before, and how the results were made was not checked" in appendix
    )
    assert "written before the results" not in appendix
    assert r"\fixbenchcite{welch1947}" not in appendix
    assert all(not row for row in judged.to_frame()["pre_registered"])
    assert "pre-registration: claims, rules and baseline were written after" in str(judged)


def test_pages_of_unpaired_claims_say_so(wide: pd.DataFrame, tmp_path: Path) -> None:
    judge(wide, unpaired=True, margin=0.01, directory=tmp_path)
    page = (tmp_path / "results.html").read_text()
    assert "5 + 5 (0)" in page
    assert "Degrees of freedom (Welch)" in page
    assert "one paired seed each" not in page
    appendix = (tmp_path / "appendix-results.tex").read_text()
    assert r"test of Welch~\fixbenchcite{welch1947}" in appendix
    assert "paired seeds" not in appendix
    assert "welch1947" in (tmp_path / "fixbench.bib").read_text()


def test_edited_claims_are_judged_by(wide: pd.DataFrame, tmp_path: Path) -> None:
    wide.to_csv(tmp_path / "r.csv", index=False)
    first = judge(tmp_path / "r.csv", directory=tmp_path / "out", pages=False)
    claims = first.folder / "claims.yaml"
    rule = "{rule: direction, direction: greater}"
    edit(claims, rule, "{rule: difference, direction: greater, margin: 0.005}")
    edited = claims.read_text()

    by_folder = judge(first.folder, pages=False)
    assert by_folder.results[0].verdict == "reproduced"
    assert by_folder.given is None

    by_table = judge(tmp_path / "r.csv", directory=tmp_path / "out", pages=False)
    assert by_table.results[0].verdict == "reproduced"
    assert by_table.kept == ["claims.yaml"]
    assert "Kept" in str(by_table)
    assert claims.read_text() == edited

    copy = tmp_path / "mine.yaml"
    copy.write_text(edited)
    other = judge(tmp_path / "r.csv", claims=copy, directory=tmp_path / "other", pages=False)
    assert [result.verdict for result in other.results] == [
        result.verdict for result in by_folder.results
    ]
    assert [result.sha256 for result in other.results] == [
        result.sha256 for result in by_folder.results
    ]


def test_a_claim_that_is_taken_out_leaves_the_family(wide: pd.DataFrame, tmp_path: Path) -> None:
    first = judge(wide, directory=tmp_path, pages=False)
    path = first.folder / "claims.yaml"
    content = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({"claims": content["claims"][:1]}))
    (result,) = judge(first.folder, pages=False).results
    assert result.p_adjusted == pytest.approx(result.effect.p_value)


def test_a_claim_that_is_wrong_is_refused_by_line(wide: pd.DataFrame, tmp_path: Path) -> None:
    first = judge(wide, directory=tmp_path, pages=False)
    edit(first.folder / "claims.yaml", "direction: greater", "direction: upwards")
    with pytest.raises(InputError, match=r"claims\.yaml:11: claims\.JA01\.decision\.direction is"):
        judge(first.folder, pages=False)


def test_files_that_nobody_edited_follow_the_results(wide: pd.DataFrame, tmp_path: Path) -> None:
    judge(wide, directory=tmp_path, pages=False)
    again = judge(wide, margin=0.1, directory=tmp_path, pages=False)
    assert again.kept == []
    assert again.ablation.claims[0].decision.margin == 0.1


def test_more_seeds_keep_edited_claims(wide: pd.DataFrame, tmp_path: Path) -> None:
    fewer = judge(wide[wide["seed"] < 4], directory=tmp_path, pages=False)
    edit(fewer.folder / "claims.yaml", "rule: direction", "unpaired: true, rule: direction")
    more = judge(wide, directory=tmp_path, pages=False)
    assert more.kept == ["claims.yaml"]
    assert [arm.n for arm in more.results[0].effect.arms] == [5, 5]


def test_an_edited_file_is_never_replaced_unasked(wide: pd.DataFrame, tmp_path: Path) -> None:
    first = judge(wide, directory=tmp_path, pages=False)
    path = first.folder / "claims.yaml"
    edit(path, "mixup ends above", "Mixup ends above")
    edited = path.read_text()
    with pytest.raises(InputError) as caught:
        judge(wide, margin=0.1, directory=tmp_path, pages=False)
    assert "was edited since, and other results or options propose another one" in str(caught.value)
    assert path.read_text() == edited
    other = tmp_path / "other.yaml"
    other.write_text("claims: []\n")
    with pytest.raises(InputError, match="or claims that nobody edited; --force replaces them"):
        judge(wide, claims=other, directory=tmp_path, pages=False)
    assert path.read_text() == edited
    again = judge(wide, margin=0.1, force=True, directory=tmp_path, pages=False)
    assert again.ablation.claims[0].decision.margin == 0.1


def test_a_file_of_somebody_else_is_never_replaced_unasked(
    wide: pd.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "claims.yaml").write_text("mine\n")
    with pytest.raises(InputError, match="no file that `fixbench judge` did not write"):
        judge(wide, directory=tmp_path, pages=False)
    assert (tmp_path / "results" / "claims.yaml").read_text() == "mine\n"
    assert not (tmp_path / "results" / "ablation.yaml").exists()


def test_an_edited_title_stands_on_the_page(wide: pd.DataFrame, tmp_path: Path) -> None:
    first = judge(wide, directory=tmp_path, pages=False)
    edit(first.folder / "ablation.yaml", "Results in frame", "Does mixup help?")
    judge(first.folder)
    assert "<h1>Does mixup help?</h1>" in (tmp_path / "results.html").read_text()


def test_the_same_table_gives_the_same_bytes(
    wide: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        monkeypatch.chdir(folder)
        judge(wide, directory=".")
    names = sorted(path.name for path in folders[0].iterdir() if path.is_file())
    assert "results.html" in names
    for name in names:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name


def test_the_function_is_offered_at_the_top(wide: pd.DataFrame, tmp_path: Path) -> None:
    judged = fixbench.judge(wide, directory=tmp_path, pages=False)
    frame = judged.to_frame()
    assert list(frame["id"]) == ["JA01", "JA02", "JA03", "JA04"]
    assert frame["effect"][0] == pytest.approx(judged.results[0].effect.estimate)
