"""Why a claim has its verdict: the table's numbers, the report's rule, what would change it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fixbench.ablation import load_ablation
from fixbench.analysis import analyse, save_claims
from fixbench.cli import main
from fixbench.errors import InputError
from fixbench.explanation import Explanation, as_text, explain, find_claim
from fixbench.published import read_table
from fixbench.reports import decision_rule

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "reports" / "reference"


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def explained(name: str, tier: str = "small", table: Path | None = None) -> Explanation:
    table = table or REFERENCE / tier / "claims.json"
    return explain(find_claim(name, tier=tier, table=table))


@pytest.mark.parametrize("tier", ["small", "extended"])
def test_every_published_claim_is_explained_by_its_own_rule(tier: str) -> None:
    name = "learning_rate"
    ablation = load_ablation(ROOT / "ablations" / name / "ablation.yaml")
    claims = {claim.id: claim for claim in ablation.claims}
    table = read_table(REFERENCE / tier / "claims.json").claims
    table = [row for row in table if row.ablation == name]
    assert len(table) == len(claims)
    for row in table:
        found = explained(f"{row.ablation}/{row.id}", tier)
        assert found.claim == row
        assert found.meaning
        assert found.rule == decision_rule(
            claims[row.id], row.confidence or 0.95, looks=row.looks is not None
        )
        assert row.reason.split()[0] in as_text(found)
        if row.n is not None and row.rule != "property":
            assert f"n = {row.n} seed" in found.measured
            assert found.rows.files == [f"{REFERENCE}/{tier}/{row.ablation}.parquet"]
            assert found.rows.variants
        states: list[str | None] = [item.state for item in row.preconditions]
        states += [item.state for item in row.controls]
        assert [item.state for item in found.deciding] == states


def test_distances_are_those_from_the_nearer_end() -> None:
    found = explained("LB02")
    # The interval is −0.01404 to −0.00458; the bounds are no effect and a margin of 0.01.
    row, (lower, null, upper) = found.claim, found.bounds
    assert row.interval_low is not None
    assert row.interval_high is not None
    width = row.interval_high - row.interval_low
    assert (lower.value, null.value, upper.value) == (-0.01, 0, 0.01)
    assert (lower.lies, null.lies, upper.lies) == ("inside", "above", "above")
    assert (lower.end, null.end) == ("lower", "upper")
    assert null.distance == pytest.approx(-row.interval_high)
    assert lower.distance == pytest.approx(-0.01 - row.interval_low)
    assert null.share == pytest.approx(null.distance / width)


def test_distances_on_the_log_scale_are_factors() -> None:
    table = read_table(REFERENCE / "small" / "claims.json").claims
    row = next(one for one in table if one.scale == "log" and one.rule == "difference")
    assert row.interval_low is not None
    assert row.interval_high is not None
    found = explained(f"{row.ablation}/{row.id}")
    for bound in found.bounds:
        end = row.interval_low if bound.end == "lower" else row.interval_high
        ratio = end / bound.value
        assert bound.distance == pytest.approx(max(ratio, 1 / ratio))


@pytest.mark.parametrize(
    ("verdict", "state", "does"),
    [
        ("confounded", "explains", "makes the claim confounded"),
        ("unresolved", "open", "leaves the claim unresolved"),
        ("reproduced", "ruled out", "leaves the verdict to the effect"),
        ("reversed", "explains", "decides nothing here: a control explains"),
    ],
)
def test_what_controls_do_depends_on_the_verdict(verdict: str, state: str, does: str) -> None:
    table = read_table(REFERENCE / "small" / "claims.json").claims
    row = next(
        row
        for row in table
        if row.verdict == verdict
        and state in {item.state for item in row.controls}
        and (verdict != "unresolved" or row.seeds_needed is not None)
    )
    found = explained(f"{row.ablation}/{row.id}")
    said = {item.does for item in found.deciding if (item.kind, item.state) == ("control", state)}
    assert {text[: len(does)] for text in said} == {does}
    if verdict == "confounded":
        assert any(text.startswith("Ruled out, the control") for text in found.change)
    if verdict == "unresolved":
        assert any(" is open: " in text for text in found.change)
        assert any(f"about {row.seeds_needed} seeds would settle" in t for t in found.change)


def test_names() -> None:
    table = REFERENCE / "small" / "claims.json"
    assert find_claim("lb02", tier="small", table=table).claim.id == "LB02"
    by_path = find_claim("lambda_rescaling/LB02", tier="small", table=table)
    assert by_path.claim.ablation == "lambda_rescaling"
    with pytest.raises(InputError, match=r"'LB2'; expected .* nearest are .*lambda_rescaling/LB02"):
        find_claim("LB2", tier="small", table=table)
    with pytest.raises(InputError, match="one of the 88 claims"):
        find_claim("nothing at all", tier="small", table=table)


def test_a_claim_that_two_ablations_have_must_be_named_with_one(tmp_path: Path) -> None:
    content = json.loads((REFERENCE / "small" / "claims.json").read_text())
    content["claims"] += [content["claims"][0] | {"ablation": "another"}]
    table = tmp_path / "claims.json"
    table.write_text(json.dumps(content))
    with pytest.raises(InputError, match="one of cross_attention_scale/CA01, another/CA01"):
        find_claim("CA01", tier="small", table=table)
    assert find_claim("another/CA01", tier="small", table=table).claim.ablation == "another"


def test_without_a_table_the_run_answers_before_the_published_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "learning_rate"
    rows = REFERENCE / "small" / f"{name}.parquet"
    judged = analyse(ROOT / "ablations" / name, "small", [rows])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ablations").symlink_to(ROOT / "ablations")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "reference").symlink_to(REFERENCE)
    published = find_claim(judged[0].id, tier="small")
    assert published.origin == "the published run"
    run = tmp_path / "results" / name / "small"
    variant = run / load_ablation(Path("ablations", name, "ablation.yaml")).baseline_variant
    variant.mkdir(parents=True)
    shutil.copy(rows, variant / "60-69.parquet")
    save_claims(run / "claims.json", judged)
    found = find_claim(judged[0].id, tier="small")
    assert found.origin == "verdicts of a run"
    assert found.claim == published.claim
    assert explain(found).rule == explain(published).rule
    # What the run does not have, the published one still explains.
    assert find_claim("LB02", tier="small").origin == "the published run"
    assert main(["explain", judged[0].id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["table"] == f"results/{name}/small/claims.json"


def test_an_edited_claim_is_explained_by_what_the_table_says(tmp_path: Path) -> None:
    folder = tmp_path / "lambda_rescaling"
    shutil.copytree(ROOT / "ablations" / "lambda_rescaling", folder)
    file = folder / "claims.yaml"
    text = file.read_text()
    at = text.index("id: LB02")
    file.write_text(text[:at] + text[at:].replace("Rescaling is critical", "It is critical", 2))
    table = REFERENCE / "small" / "claims.json"
    found = explain(find_claim("LB02", tier="small", table=table, ablations=tmp_path))
    assert any("edited since" in text for text in found.rule)
    assert any("−0.01 to 0.01" in text for text in found.rule)
    assert [bound.value for bound in found.bounds] == [-0.01, 0, 0.01]


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    table = str(REFERENCE / "small" / "claims.json")
    assert main(["explain", "LB02", "--claims", table]) == 0
    text = capsys.readouterr().out
    assert text.startswith("lambda_rescaling LB02")
    assert "m = 11 claims" in text
    assert max(map(len, text.splitlines())) <= 100
    assert main(["explain", "LB02", "--claims", table, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["claim"]["verdict"] == "reversed"
    assert content["bounds"][1]["value"] == 0
    assert main(["explain", "LB02", "--claims", "nowhere.json"]) == 2
    assert "nowhere.json" in capsys.readouterr().err
