"""Batches that the documented training loop skips, and why, so that they can be counted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from fixbench.errors import InputError
from fixbench.systems.alignment.losses._gtcc import MINIMUM_FRAMES
from fixbench.systems.alignment.losses._pairs import Formulation, Method, check_choice

__all__ = ["limit_reason", "skip_reason"]

SHORTEST_VIDEO = 10
LARGEST_PRODUCT = {"tcc": 8_000_000, "lav": 3_000_000, "vava": 6_000_000, "gtcc": 8_000_000}
LARGEST_TOTAL = 1e7


def skip_reason(lengths: Sequence[int], *, method: Method, formulation: Formulation) -> str | None:
    """Why a batch of videos with these numbers of frames is skipped, in a few words, or ``None``.

    The loop's rules hold for either formulation: a video under 10 frames; two videos whose lengths
    multiply to more than 3 million (LAV), 6 million (VAVA) or 8 million. GTCC as found also fails,
    and the loop carries on, with a video under 20 frames.

    Raises:
        InputError: fewer than two lengths, a negative one, or an unknown method or formulation.
    """
    check_choice("method", method, Method)
    check_choice("formulation", formulation, Formulation)
    if len(lengths) < 2 or min(lengths) < 0:
        expected = "numbers of frames of two or more videos"
        raise InputError("alignment loss", "lengths", list(lengths), expected=expected)
    if min(lengths) < SHORTEST_VIDEO:
        return f"a video under {SHORTEST_VIDEO} frames"
    if max(a * b for a, b in combinations(lengths, 2)) > LARGEST_PRODUCT[method]:
        return f"a pair of videos over {LARGEST_PRODUCT[method]} cells"
    if method == "gtcc" and formulation == "as_found" and min(lengths) < MINIMUM_FRAMES:
        return f"a video under {MINIMUM_FRAMES} frames"
    return None


def limit_reason(total: float, *, method: Method, limited: Sequence[Method]) -> str | None:
    """Why the loop skips a batch with this total loss (alignment + λ · progress), or ``None``.

    With the losses of ``limited`` a total over 1e7, infinity included, is skipped. NaN is not: it
    compares as no larger, and the loop goes on with it.

    Raises:
        InputError: an unknown method.
    """
    check_choice("method", method, Method)
    if method in limited and total > LARGEST_TOTAL:
        return f"a total loss over {LARGEST_TOTAL:.0e}"
    return None
