"""The places of claims in their family: one, or two where collapsed seeds are counted apart."""

from __future__ import annotations

from collections.abc import Sequence

from fixbench.verdicts.rules import TestedRule, load_rule

__all__ = ["first_parts", "parts_of", "second_part"]

# No claim has a name with such an end.
_COLLAPSES = ", collapses"


def second_part(claim: str) -> str:
    """The name in a family of a claim's collapses."""
    return f"{claim}{_COLLAPSES}"


def parts_of(claim: str, rule: str) -> list[str]:
    """The places of a claim of a tested rule in its family, the claim itself first."""
    found = load_rule(rule)
    two = isinstance(found, TestedRule) and found.collapses
    return [claim, second_part(claim)] if two else [claim]


def first_parts(family: Sequence[str]) -> list[str]:
    """The claims of a family, each once."""
    return [key for key in family if not key.endswith(_COLLAPSES)]
