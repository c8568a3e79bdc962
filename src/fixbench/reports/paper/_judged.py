"""An ablation with its verdicts: what the files of this room are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fixbench.ablation import Ablation, Claim
from fixbench.reports._claim_fields import claim_measured, is_share
from fixbench.reports._judging import ClaimResult
from fixbench.reports._views import Measured

__all__ = ["JudgedAblation", "is_share"]


@dataclass(frozen=True, kw_only=True)
class JudgedAblation:
    """An ablation and the results of one tier.

    Attributes:
        name: of its folder.
        references: the BibTeX entries of its own ``references.bib``, if it has one.
        results: one a claim, those of withdrawn claims included, in the order of judging.
    """

    name: str
    ablation: Ablation
    tier: str
    results: Sequence[ClaimResult]
    references: str = ""

    @property
    def claims(self) -> list[tuple[Claim | None, ClaimResult]]:
        """Each result with its claim; ``None`` where the ablation no longer has it."""
        by_id = {claim.id: claim for claim in self.ablation.claims}
        return [
            (None if result.verdict == "withdrawn" else by_id.get(result.id), result)
            for result in self.results
        ]

    @property
    def seeds(self) -> list[int]:
        """The seeds that any claim rests on."""
        effects = [result.effect for result in self.results if result.effect is not None]
        return sorted({int(seed) for effect in effects for seed in effect.per_seed})

    @property
    def scaled_down(self) -> list[str]:
        """How the tier differs from what the document describes."""
        return [
            text
            for name, tier in self.ablation.tiers.items()
            if name == self.tier
            for text in tier.scaled_down
        ]

    def measured(self, claim: Claim | None, result: ClaimResult) -> Measured:
        """The effect of a claim in print."""
        return claim_measured(self.ablation, claim, result)
