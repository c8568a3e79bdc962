"""The numbers of a claim by field, as `\\fixbench{CLAIM}{FIELD}` prints them in a paper."""

from __future__ import annotations

from dataclasses import dataclass

from fixbench.reports._claim_head import ClaimHead

__all__ = ["ClaimNumbers", "claim_numbers"]


@dataclass(frozen=True, kw_only=True)
class ClaimNumbers:
    """A claim and its fields: name and printed value."""

    claim: str
    fields: dict[str, str]


def claim_numbers(head: ClaimHead) -> ClaimNumbers:
    """The fields of one claim."""
    return ClaimNumbers(
        claim=head.id,
        fields={
            "documented": head.documented,
            "measured": head.measured.value,
            "interval": head.measured.interval,
            "unit": head.measured.unit,
            "p": head.measured.p,
            "padjusted": head.p_adjusted,
            "n": head.measured.n,
            "failed": head.measured.failed,
            "verdict": head.verdict,
        },
    )
