"""The classes of Action Genome, in the order of their labels, and how their names are compared."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

#: Classes in the order of their labels, spelled as in the annotations.
OBJECT_CLASSES: tuple[str, ...] = (
    *("person", "bag", "bed", "blanket", "book", "box", "broom", "chair", "closet/cabinet"),
    *("clothes", "cup/glass/bottle", "dish", "door", "doorknob", "doorway", "floor", "food"),
    *("groceries", "laptop", "light", "medicine", "mirror", "paper/notebook", "phone/camera"),
    *("picture", "pillow", "refrigerator", "sandwich", "shelf", "shoe", "sofa/couch", "table"),
    *("television", "towel", "vacuum", "window"),
)
RELATION_CLASSES: tuple[str, ...] = (
    *("looking_at", "not_looking_at", "unsure"),
    *("above", "beneath", "in_front_of", "behind", "on_the_side_of", "in"),
    *("carrying", "covered_by", "drinking_from", "eating", "have_it_on_the_back", "holding"),
    *("leaning_on", "lying_on", "not_contacting", "other_relationship", "sitting_on"),
    *("standing_on", "touching", "twisting", "wearing", "wiping", "writing_on"),
)
#: Charades' actions, c000 to c156.
ACTION_COUNT = 157

#: Kind of relation → its places among the 26.
RELATION_KINDS: Mapping[str, range] = MappingProxyType(
    {
        "attention_relationship": range(3),
        "spatial_relationship": range(3, 9),
        "contacting_relationship": range(9, 26),
    }
)


def normalised(name: Any) -> str:
    """Letters and digits alone, in lower case: the lists and the annotations spell differently."""
    return _letters_and_digits(name) if isinstance(name, str) else ""


@functools.lru_cache(maxsize=4096)  # a data set has thousands of annotations with the same words
def _letters_and_digits(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


#: Normalised name → label.
OBJECT_INDEX = {normalised(name): index for index, name in enumerate(OBJECT_CLASSES)}
