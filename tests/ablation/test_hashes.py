"""A claim that was edited shows, and nothing else does."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from fixbench.ablation import Claim, claim_difference, claim_hash
from fixbench.reading import read_yaml

TOY = Path(__file__).parents[1] / "fixtures" / "ablations" / "toy"
CLAIM = read_yaml(TOY / "claims.yaml")["claims"][0]


def test_claim_difference_sees_content_and_nothing_else() -> None:
    rivals = [
        {"name": name, "meaning": "m", "effect": CLAIM["effect"], "explains_above": bound}
        for name, bound in (("one", 1.0), ("two", 2.0))
    ]
    content = {**CLAIM, "controls": rivals}
    claim = Claim.model_validate(content)
    recorded = claim.model_dump(mode="json")
    assert claim_difference(recorded, claim) == {}
    assert claim_difference(dict(reversed(content.items())), claim) == {}  # defaults left out
    # By name, so that nothing else seems to move when the first is taken away.
    fewer = {**recorded, "controls": recorded["controls"][1:]}
    found = claim_difference(fewer, claim)
    assert found["controls.one.explains_above"] == (None, 1.0)
    assert all(key.startswith("controls.one.") for key in found)
    edited = claim.model_copy(update={"statement": "Another.", "source": "notes"})
    assert claim_difference(recorded, edited) == {
        "statement": (CLAIM["statement"], "Another."),
        "source": (None, "notes"),
    }


def test_claim_difference_from_another_version_of_the_schema() -> None:
    claim = Claim.model_validate(CLAIM)
    older = claim.model_dump(mode="json") | {"weight": 2, "statement": None}
    del older["primary"]  # whose default says the same
    assert claim_difference(older, claim) == {
        "statement": (None, CLAIM["statement"]),
        "weight": (2, None),
    }


def test_a_label_belongs_to_no_hash() -> None:
    plain = Claim.model_validate(CLAIM | {"label": None})
    labelled = Claim.model_validate(CLAIM | {"label": "The fix  helps"})
    assert labelled.label == "The fix helps"
    assert claim_hash(labelled) == claim_hash(plain)
    assert claim_difference(plain.model_dump(mode="json"), labelled) == {}


def test_the_hash_of_a_claim_is_that_of_what_results_record() -> None:
    claim = Claim.model_validate({**CLAIM, "statement": "λ ≥ 0.1 helps."})
    recorded = json.loads(json.dumps(claim.model_dump(mode="json")))
    text = json.dumps(recorded, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert claim_hash(claim) == hashlib.sha256(text.encode("utf-8")).hexdigest()
    for form in (
        recorded,
        dict(reversed(recorded.items())),
        {**CLAIM, "statement": "λ ≥ 0.1 helps."},
    ):
        assert claim_hash(form) == claim_hash(claim)
    older = {key: value for key, value in recorded.items() if key != "supporting"}
    assert claim_hash(older) == claim_hash(claim)  # the default says the same


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["statement"], "Another."),
        (["decision", "margin"], 0.011),
        (["effect", "terms", 0, "at"], "first"),
        (["primary"], False),
        (["documented", "text"], "lower "),
    ],
)
def test_every_edit_of_a_claim_changes_its_hash(path: list[Any], value: object) -> None:
    content = copy.deepcopy(CLAIM)
    *parents, last = path
    node = content
    for parent in parents:
        node = node[parent]
    node[last] = value
    assert claim_hash(Claim.model_validate(content)) != claim_hash(Claim.model_validate(CLAIM))


def test_a_claim_of_another_schema_is_hashed_as_it_stands() -> None:
    foreign = {"weight": 2, "id": "TY01"}
    assert claim_hash(foreign) == hashlib.sha256(b'{"id":"TY01","weight":2}').hexdigest()
