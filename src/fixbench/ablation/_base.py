"""What every model of an ablation shares: strictness, names and scales."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["LONGEST_NAME", "At", "ModuleName", "Name", "Scale", "Strict", "TierName"]

#: Names become names of files, which file systems limit.
LONGEST_NAME = 100
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=LONGEST_NAME)]
ModuleName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$", max_length=200)]
TierName = Literal["smoke", "small", "extended", "full"]
At = Literal["first", "last", "mean", "area"] | int
Scale = Literal["plain", "log"]


class Strict(BaseModel):
    """No unknown key, no conversion between types, no infinite number, no assignment."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
