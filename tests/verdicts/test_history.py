"""Claims and metrics that are not those that the results were produced under."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from fixbench.ablation import claim_hash
from fixbench.verdicts import ClaimChange, adjudicate

Make = Callable[..., Any]
Judge = Callable[..., Any]

BASE = dict.fromkeys(range(10), 5.0)


def test_a_claim_that_was_taken_out_is_shown_and_still_counts(
    make_frame: Make, make_ablation: Make, make_claim: Make, planted: Make
) -> None:
    frame = make_frame({"a": BASE, "b": planted(0.06)})
    both = make_ablation([make_claim({}), make_claim({}, id="TT02", statement="b is better")])
    forms = {claim.id: [claim.model_dump(mode="json")] for claim in both.claims}
    left = make_ablation([make_claim({})])

    def judged() -> Any:
        kept, gone = adjudicate(left, frame, tier="small", recorded_claims=forms)
        assert (gone.id, gone.verdict, gone.statement) == ("TT02", "withdrawn", "b is better")
        assert gone.effect is None
        return kept, gone

    kept, gone = judged()
    assert ClaimChange(key="decision.margin", before="0.5", after=None) in gone.changes
    assert not kept.edited
    # Half of alpha for each, as if it were still there: there is nothing to be won by deleting it.
    assert kept.p_adjusted == pytest.approx(2 * kept.effect.p_value)
    assert kept.p_equivalence_adjusted == pytest.approx(2 * kept.p_equivalence)
    assert gone.ruling.finding == "withdrawn, in the family"
    # A claim that was in no family leaves none.
    forms["TT02"][0]["primary"] = False
    kept, gone = judged()
    assert kept.p_adjusted == kept.effect.p_value
    assert gone.ruling.finding == "withdrawn"
    assert len(adjudicate(left, frame, tier="small")) == 1


def test_the_hashes_of_all_recorded_forms_stand_beside_that_of_the_claim(
    make_frame: Make, make_ablation: Make, make_claim: Make, planted: Make
) -> None:
    frame = make_frame({"a": BASE, "b": planted(0.06)})
    margins = (0.5, 0.6, 0.5, 0.7)
    claims = [make_ablation([make_claim({"margin": margin})]).claims[0] for margin in margins]
    forms = [claim.model_dump(mode="json") for claim in claims]
    hashes = [claim_hash(claim) for claim in claims]
    ablation = make_ablation([make_claim({})])

    def judged(recorded: Any, ablation: Any = ablation) -> Any:
        (result,) = adjudicate(ablation, frame, tier="small", recorded_claims=recorded)
        return result.sha256, result.recorded

    assert judged({"TT01": forms}) == (hashes[0], (hashes[0], hashes[1], hashes[3]))
    assert judged({"TT01": forms[1:2]}) == (hashes[0], (hashes[1],))
    assert judged({}) == judged(None) == (hashes[0], ())
    # Of a withdrawn claim the last form is judged.
    gone = make_ablation([])
    assert judged({"TT01": forms[:2]}, gone) == (hashes[1], tuple(hashes[:2]))


def test_edited_and_added_claims_are_shown_as_such(
    judge: Judge, make_ablation: Make, make_claim: Make, planted: Make
) -> None:
    (claim,) = make_ablation([make_claim({})]).claims
    recorded = {"TT01": [claim.model_dump(mode="json")]}
    assert not judge(planted(3.0), recorded=recorded).edited
    assert not judge(planted(3.0)).edited
    edited = judge(planted(3.0), {"margin": 0.4}, recorded=recorded)
    assert edited.edited
    assert "The claim was edited after these results were produced." in edited.notes
    assert edited.changes == (ClaimChange(key="decision.margin", before="0.5", after="0.4"),)
    added = judge(planted(3.0), recorded={})
    assert added.edited
    assert "The claim was added after these results were produced." in added.notes
    assert added.changes == ()


def test_changes_from_several_recorded_forms_stand_side_by_side(
    judge: Judge, make_ablation: Make, make_claim: Make, planted: Make
) -> None:
    forms = [
        make_ablation([make_claim(decision)]).claims[0].model_dump(mode="json")
        for decision in ({}, {"tolerance": 0.3}, {"margin": 0.4})
    ]
    result = judge(planted(3.0), {"margin": 0.4}, recorded={"TT01": forms})
    assert result.changes == (
        ClaimChange(key="decision.margin", before="0.5", after="0.4"),
        ClaimChange(key="decision.tolerance", before="0.3", after=None),
    )
    same = judge(planted(3.0), {"margin": 0.4}, recorded={"TT01": forms[2:]})
    assert not same.edited


def measured_with(kind: Any, effect: Any) -> Any:
    item = {"name": "n", "meaning": "m", "effect": effect}
    return {"supporting": item, "controls": item, "preconditions": {**item, "above": -9}}[kind]


@pytest.mark.parametrize("kind", [None, "preconditions", "controls", "supporting"])
def test_a_redefined_metric_marks_the_claims_that_read_it(
    make_frame: Make, make_ablation: Make, minus: Make, kind: str | None, planted: Make
) -> None:
    def claim(key: Any, metric: Any, others: Any) -> Any:
        decision = {"rule": "difference", "direction": "greater", "margin": 0.5}
        return {
            "id": key,
            "statement": "s",
            "section": "1",
            "kind": "outcome",
            "documented": {"text": "+"},
            "decision": decision,
            "effect": minus("b", "a", metric=metric),
            **others,
        }

    others = {} if kind is None else {kind: [measured_with(kind, minus("b", "a", metric="norm"))]}
    first = claim("TT01", "norm" if kind is None else "score", others)
    ablation = make_ablation([first, claim("TT02", "loss", {})])
    runs = {"a": BASE, "b": planted(3.0)}
    frame = pd.concat([make_frame(runs, metric=name) for name in ("loss", "score", "norm")])
    forms = {name: [metric.definition] for name, metric in ablation.metrics.items()}
    claims = {item.id: [item.model_dump(mode="json")] for item in ablation.claims}

    def judged(metrics: Any, recorded: Any = claims) -> Any:
        return adjudicate(
            ablation, frame, tier="small", recorded_claims=recorded, recorded_metrics=metrics
        )

    assert [found.edited for found in judged(forms)] == [False, False]
    assert [found.edited for found in judged({})] == [False, False]
    then = [{"better": "higher", "unit": "nat"}, {"better": "neither", "unit": "1"}]
    marked, other = judged({**forms, "norm": then})
    assert not other.edited
    assert marked.edited
    assert marked.changes == (
        ClaimChange(key="metrics.norm.better", before='"higher"', after='"neither"'),
        ClaimChange(key="metrics.norm.unit", before='"nat"', after='"1"'),
    )
    (note,) = marked.notes
    assert note.startswith("The definition of a metric that it rests on was edited after these")
    # Of a claim that was added the metric alone has a past; a metric may have none either.
    added, _ = judged({**forms, "norm": then}, {"TT02": claims["TT02"]})
    assert added.changes == marked.changes
    del forms["norm"]
    assert (
        ClaimChange(key="metrics.norm.unit", before=None, after='"1"') in judged(forms)[0].changes
    )
