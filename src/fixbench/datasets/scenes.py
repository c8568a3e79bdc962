"""What the small scenes show: their subsets, and the actions of their figures."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["MOTION_ACTIONS", "SUBSETS", "WATCH_ACTIONS"]

#: Kinds of scene, each explained in `fixbench.datasets.scene_generator`.
SUBSETS = ("one_object", "distractor", "two_person", "two_attending")

#: Thing → Charades' action of watching it.
WATCH_ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "television": "c132",
        "window": "c092",
        "picture": "c088",
        "mirror": "c096",
        "book": "c032",
        "laptop": "c051",
    }
)
#: Motion → Charades' action.
MOTION_ACTIONS: Mapping[str, str] = MappingProxyType(
    {"laughing": "c149", "running": "c150", "sitting_down": "c151", "standing_up": "c154"}
)
