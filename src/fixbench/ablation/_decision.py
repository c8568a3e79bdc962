"""Decision rules, and what each rule asks of its claim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import model_validator

from fixbench.ablation._base import Strict

if TYPE_CHECKING:
    from fixbench.ablation._claims import Claim

__all__ = ["TESTED_RULES", "Decision", "check_rule"]

#: The rules that a statistical test decides, so that their claims count in a family.
TESTED_RULES = ("difference", "no_difference", "not_worse", "share")


class Decision(Strict):
    """The rule that turns an effect into a verdict, written before results exist.

    All numbers are on the natural scale: for a log effect ``null`` is a ratio, and ``margin`` and
    ``tolerance`` are factors above 1 (1.1 means "between 1/1.1 and 1.1 times").

    Attributes:
        rule: ``difference`` (the claim asserts an effect in ``direction``), ``no_difference`` (it
            asserts none), ``not_worse`` (it asserts none that matters against ``direction``, the
            better side: non-inferiority), ``property`` (every value of the metric must be 1),
            ``share`` (the share of seeds in which every value is 1 lies on the side ``direction``
            of ``null``) or ``not_testable``.
        direction: the side of ``null`` on which the claim puts the effect.
        null: the value that means "no effect" (0, or 1 on the log scale, when omitted).
        margin: the smallest effect that matters; equivalence and "not worse" are judged by it.
        tolerance: how near the documented size counts as the same size.
        reason: for ``not_testable``: why.
    """

    rule: Literal["difference", "no_difference", "not_worse", "property", "share", "not_testable"]
    direction: Literal["greater", "less"] | None = None
    null: float | None = None
    margin: float | None = None
    tolerance: float | None = None
    reason: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Decision:
        if self.rule == "difference" and (self.direction is None or self.margin is None):
            raise ValueError("a 'difference' rule with a direction and a margin")
        if self.rule == "no_difference" and self.margin is None:
            raise ValueError("a 'no_difference' rule with a margin")
        if self.rule == "not_worse" and (self.direction is None or self.margin is None):
            raise ValueError("a 'not_worse' rule with a direction (the better side) and a margin")
        if self.rule == "not_worse" and self.tolerance is not None:
            raise ValueError("a 'not_worse' rule without a tolerance: the margin bounds its size")
        if self.rule == "share" and (
            self.direction is None or self.null is None or not 0 < self.null < 1
        ):
            raise ValueError("a 'share' rule with a direction and a null between 0 and 1")
        if self.rule == "share" and self.margin is not None:
            raise ValueError("a 'share' rule without a margin: no share is equivalent to its null")
        if self.rule == "not_testable" and not self.reason:
            raise ValueError("a 'not_testable' rule with a reason")
        for name in ("margin", "tolerance"):
            size = getattr(self, name)
            if size is not None and size <= 0:
                raise ValueError(f"a positive {name}")
        return self

    @property
    def tested(self) -> bool:
        """Whether a statistical test decides, so that the claim counts in a family."""
        return self.rule in TESTED_RULES


def check_rule(claim: Claim) -> None:
    """What the rule of a claim asks of its effect and preconditions.

    Raises:
        ValueError: what would be right.
    """
    effect, decision = claim.effect, claim.decision
    if (effect is None) != (decision.rule == "not_testable"):
        raise ValueError("an effect exactly when the decision is not 'not_testable'")
    if claim.preconditions and not decision.tested:
        raise ValueError("preconditions with a rule that is tested over seeds alone")
    if effect is None:
        return
    if decision.rule in ("property", "share"):
        if not effect.terms:
            raise ValueError(f"terms, not a design, with a {decision.rule!r} rule")
        if decision.rule == "share" and effect.scale == "log":
            raise ValueError("the plain scale with a 'share' rule")
    if effect.reported == "log":
        for name in ("margin", "tolerance"):
            factor = getattr(decision, name)
            if factor is not None and factor <= 1:
                raise ValueError(f"a {name} above 1 (a factor) on the log scale")
        ratios = {"null": decision.null, "documented value": claim.documented.value}
        for name, ratio in ratios.items():
            if ratio is not None and ratio <= 0:
                raise ValueError(f"a positive {name} on the log scale")
