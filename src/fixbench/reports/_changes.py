"""What was edited in a claim after its results existed, in print."""

from __future__ import annotations

from collections.abc import Sequence

from fixbench.reports._format import MISSING
from fixbench.reports._judging import ClaimChange

__all__ = ["printed_changes"]


def printed_changes(changes: Sequence[ClaimChange]) -> list[tuple[str, str, str]]:
    """Key, recorded and present value; of an item that was added or removed, its name alone."""
    items = {
        change.key.removesuffix(".name"): change
        for change in changes
        if change.key.endswith(".name") and None in (change.before, change.after)
    }
    found = []
    for change in changes:
        item = next((name for name in items if change.key.startswith(f"{name}.")), None)
        if item is None:
            found.append((change.key, change.before or MISSING, change.after or MISSING))
        elif change is items[item]:
            found.append((item, *((MISSING, "added") if change.after else ("present", "removed"))))
    return found
