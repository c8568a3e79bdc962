"""What a claim declares for its decision rule."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from fixbench.ablation._base import Strict

__all__ = ["Collapse", "Decision"]


class Collapse(Strict):
    """What counts as a collapsed run: a number of the claim's effect beyond a bound.

    The number is the one that the effect reads of the run (metric, stage and step), as measured.

    Attributes:
        below: a run with a smaller number collapsed.
        above: a run with a larger number collapsed.
    """

    below: float | None = None
    above: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Collapse:
        if (self.below is None) == (self.above is None):
            raise ValueError("exactly one of 'below' and 'above'")
        return self

    def counts(self, value: float) -> bool:
        """Whether a run with this number collapsed."""
        if self.below is not None:
            return value < self.below
        return self.above is not None and value > self.above


class Decision(Strict):
    """The rule that turns an effect into a verdict, written before results exist.

    A rule is a module of `fixbench.verdicts.rules`, which also says what it asks of its claim. All
    numbers are on the natural scale: for a log effect ``null`` is a ratio, and ``margin`` and
    ``tolerance`` are factors above 1 (1.1 means "between 1/1.1 and 1.1 times").

    Attributes:
        rule: ``difference`` (the claim asserts an effect in ``direction``), ``no_difference`` (it
            asserts none), ``not_worse`` (it asserts none that matters against ``direction``, the
            better side: non-inferiority), ``property`` (every value of the metric must be 1),
            ``direction`` (an effect in ``direction``, of whatever size: no margin is declared),
            ``share`` (the share of seeds in which every value is 1 lies on the side ``direction``
            of ``null``), ``two_part`` (as ``difference``, with the collapsed seeds counted apart)
            or ``not_testable``.
        direction: the side of ``null`` on which the claim puts the effect.
        null: the value that means "no effect" (0, or 1 on the log scale, when omitted).
        margin: the smallest effect that matters; equivalence and "not worse" are judged by it.
        tolerance: how near the documented size counts as the same size.
        collapse: for ``two_part``: which runs count as collapsed.
        unpaired: the runs of its variants are no pairs, and are compared by Welch's t; for rules
            on a mean (``difference``, ``direction``, ``no_difference``, ``not_worse``).
        reason: for ``not_testable``: why.
    """

    rule: str
    direction: Literal["greater", "less"] | None = None
    null: float | None = None
    margin: float | None = None
    tolerance: float | None = None
    collapse: Collapse | None = None
    unpaired: bool = False
    reason: str | None = None

    @model_serializer(mode="wrap")
    def _without_default(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Claims that were hashed before this key existed keep their hash.
        content: dict[str, Any] = serialise(self)
        if self.collapse is None:
            content.pop("collapse", None)
        if not self.unpaired:
            content.pop("unpaired", None)
        return content
