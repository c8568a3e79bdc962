"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "State"]

#: ``problem``: the default run needs it; ``note``: it does without.
State = Literal["ok", "note", "problem"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of a diagnosis.

    Attributes:
        what: was looked at; found: what is there.
        remedy: what to do about it; empty where nothing has to be done.
    """

    what: str
    state: State
    found: str
    remedy: str = ""
