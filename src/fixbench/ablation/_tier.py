"""An ablation as one of its tiers runs it."""

from __future__ import annotations

from typing import Any

from fixbench.ablation._model import Ablation, Tier, Variant
from fixbench.ablation._options import changed, copied, flatten
from fixbench.reading import parse_seeds

__all__ = ["AblationInTier"]


class AblationInTier:
    """What one tier runs, with which options and seeds (`Ablation.at`).

    Attributes:
        name: the name of the tier.
        variants: the variants that it runs, in file order.
    """

    def __init__(self, ablation: Ablation, tier: str) -> None:
        self._ablation = ablation
        self._tier: Tier = {str(name): plan for name, plan in ablation.tiers.items()}[tier]
        self._options: dict[str | None, dict[str, Any]] = {}
        self._flat: dict[str, dict[str, Any]] = {}
        self.name = tier
        self.variants: dict[str, Variant] = {
            name: variant for name, variant in ablation.variants.items() if variant.runs_in(tier)
        }

    @property
    def seeds(self) -> list[int]:
        """The seeds that are declared, sorted."""
        return parse_seeds(self._tier.seeds)

    @property
    def block(self) -> int:
        """How many seeds one job runs."""
        return self._tier.block

    @property
    def data_seeds(self) -> list[int]:
        """The data draws that are declared, sorted; none where the tracked data are read."""
        return [] if self._tier.data_seeds is None else parse_seeds(self._tier.data_seeds)

    @property
    def drawn(self) -> list[str]:
        """The inputs that are generated anew for each data draw."""
        return [] if self._tier.data_seeds is None else self._ablation.draws

    @property
    def scaled_down(self) -> list[str]:
        """What is smaller than in the document, and why."""
        return self._tier.scaled_down

    @property
    def overrides(self) -> dict[str, Any]:
        """Dotted option → the value that the tier sets, before any variant."""
        return self._tier.options

    def options(self, variant: str) -> dict[str, Any]:
        """The options of ``variant``: baseline, the tier's, then the variants' in turn."""
        made: dict[str, Any] = copied(self._resolved(variant))
        return made

    def difference(self, variant: str) -> dict[str, tuple[Any, Any]]:
        """Dotted key → (reference's value, variant's value) wherever the options differ.

        The reference is the variant that it is declared ``relative_to``, by default the baseline.
        """
        reference = self._ablation.variants[variant].relative_to or self._ablation.baseline_variant
        before, after = self.flat(reference), self.flat(variant)
        return {
            key: (before.get(key), after.get(key))
            for key in sorted({*before, *after})
            if before.get(key) != after.get(key)
        }

    def measured(self, variant: str) -> list[str] | None:
        """The parts of a run of ``variant`` that are measured; ``None`` for everything."""
        declared = self._ablation.variants[variant].measure
        return {str(name): parts for name, parts in declared.items()}.get(self.name)

    def flat(self, variant: str) -> dict[str, Any]:
        """The options of ``variant`` by dotted key; not to be changed."""
        if variant not in self._flat:
            self._flat[variant] = flatten(self._resolved(variant))
        return self._flat[variant]

    def _resolved(self, variant: str | None) -> dict[str, Any]:
        if variant not in self._options:
            if variant is None:
                made = changed(self._ablation.baseline, self._tier.options)
            else:
                declared = self._ablation.variants[variant]
                made = changed(self._resolved(declared.relative_to), declared.changes)
            self._options[variant] = made
        return self._options[variant]
