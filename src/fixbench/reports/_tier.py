"""What a report needs to know of the tier that produced its results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fixbench.ablation import Ablation

__all__ = ["ReportedTier"]


@dataclass(frozen=True, kw_only=True)
class ReportedTier:
    """One tier of an ablation, as a report asks for it."""

    ablation: Ablation
    name: str

    @property
    def meaningful(self) -> bool:
        """Whether verdicts mean anything: ``smoke`` only shows that the pipeline works."""
        return self.name != "smoke"

    @property
    def seeds(self) -> list[int]:
        """The declared seeds, which a run may replace by others."""
        return self.ablation.at(self.name).seeds

    @property
    def scaled_down(self) -> list[str]:
        """What the tier scales down, as declared."""
        return list(self.ablation.at(self.name).scaled_down)

    @property
    def variants(self) -> Iterable[str]:
        """Names of the variants that the tier runs."""
        return self.ablation.at(self.name).variants

    def options(self, variant: str) -> dict[str, Any]:
        """The resolved options of a variant."""
        return self.ablation.at(self.name).options(variant)

    def changes(self, variant: str) -> dict[str, tuple[Any, Any]]:
        """Option → the value of the variant's reference and its own, where they differ."""
        return self.ablation.at(self.name).difference(variant)
