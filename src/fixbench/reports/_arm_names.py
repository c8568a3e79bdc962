"""What the arms of an effect are called wherever they stand together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["arm_names", "position"]


class _Arm(Protocol):
    """A number of a variant."""

    @property
    def variant(self) -> str: ...

    @property
    def metric(self) -> str: ...

    @property
    def stage(self) -> str: ...

    @property
    def at(self) -> str | int: ...


def arm_names(arms: Sequence[_Arm]) -> list[str]:
    """The variant of each; behind it metric, stage and step, as far as the arms differ in them."""
    places = [{"metric": arm.metric, "stage": arm.stage, "at": position(arm.at)} for arm in arms]
    differ = [key for key in ("metric", "stage", "at") if len({place[key] for place in places}) > 1]
    behind = [", ".join(place[key] for key in differ) for place in places]
    return [
        f"{arm.variant} ({text})" if text else arm.variant
        for arm, text in zip(arms, behind, strict=True)
    ]


def position(at: str | int) -> str:
    """Where in a stage a number is taken."""
    return f"step {at}" if isinstance(at, int) else at
