"""What a claim declares for its decision rule."""

from __future__ import annotations

from typing import Literal

from fixbench.ablation._base import Strict

__all__ = ["Decision"]


class Decision(Strict):
    """The rule that turns an effect into a verdict, written before results exist.

    A rule is a module of `fixbench.verdicts.rules`, which also says what it asks of its claim. All
    numbers are on the natural scale: for a log effect ``null`` is a ratio, and ``margin`` and
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

    rule: str
    direction: Literal["greater", "less"] | None = None
    null: float | None = None
    margin: float | None = None
    tolerance: float | None = None
    reason: str | None = None
