"""Options that refuse whatever a user did not mean."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["StrictOptions"]


class StrictOptions(BaseModel):
    """Base class of the options of a system.

    An unknown key is refused, a value of another type is refused and not converted, and a value
    cannot change once it is read, so that two runs of one process cannot influence each other.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
