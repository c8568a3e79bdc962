"""Whether a claim is still the one that results were made under."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import ValidationError

from fixbench.ablation._claims import Claim

__all__ = ["claim_difference", "claim_hash"]


def claim_difference(
    recorded: Mapping[str, Any], claim: Claim
) -> dict[str, tuple[Any | None, Any | None]]:
    """Dotted key → (recorded value, present value) wherever a claim was edited since.

    Items of a list go by their name, or else by their place; a key that is not there, or says
    nothing, is ``None``.

    Args:
        recorded: the claim as a result file has it, of whatever version of the schema.
    """
    before = _leaves(_present_form(recorded))
    after = _leaves(claim.model_dump(mode="json"))
    declared = _leaves(claim.model_dump(mode="json", exclude_defaults=True))
    keys = [key for key in after if key in before or key in declared]
    keys += [key for key in before if key not in after]
    return {
        key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)
    }


def claim_hash(claim: Claim | Mapping[str, Any]) -> str:
    """SHA-256 of a claim: of its JSON with sorted keys, without spaces, in UTF-8.

    Whoever registers it before a run can show afterwards that the claim and its rule are the same.
    Keys that are left out count with their defaults, in whatever order they stand.

    Args:
        claim: the claim, or what a result file has of it, of whatever version of the schema.
    """
    form = claim.model_dump(mode="json") if isinstance(claim, Claim) else _present_form(claim)
    text = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _present_form(recorded: Mapping[str, Any]) -> Mapping[str, Any]:
    """A recorded claim with the keys of the present schema; as it stands where that has others."""
    with suppress(ValidationError):
        return Claim.model_validate(recorded).model_dump(mode="json")
    return recorded


def _leaves(value: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted key → leaf of nested mappings and lists, without what is empty."""
    if isinstance(value, Mapping):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        named = [item.get("name") if isinstance(item, Mapping) else None for item in value]
        unique = None not in named and len(set(named)) == len(named)
        items = [(str(named[place] if unique else place), item) for place, item in enumerate(value)]
    else:
        return {} if value is None else {prefix: value}
    return {
        key: leaf
        for name, item in items
        for key, leaf in _leaves(item, f"{prefix}.{name}" if prefix else name).items()
    }
