"""Pair-wise cross-attention: in training an image also attends to another one, a distractor.

Zhu et al., CVPR 2022, section 3.3: one softmax over the keys of both images, with the weights of
self-attention; the label is that of the image that asks.
"""

from __future__ import annotations

from itertools import permutations
from typing import NamedTuple

import torch
from torch import Tensor

from fixbench.systems.dcal._options import Pairing, PairWiseOptions
from fixbench.systems.dcal._vit import Attention, Block, Trunk

__all__ = ["Streams", "attend_pair", "draw_pairs", "forward_pairs", "self_pair_rate"]


def attend_pair(attention: Attention, own: Tensor, other: Tensor) -> Tensor:
    """Queries of images over their own keys and those of their pairs, before the projection.

    Args:
        own: queries, keys and values of images [3, B, heads, N, width / heads]; other: keys and
            values of their pairs [2, B, heads, N, width / heads].

    Returns:
        [B, N, width].
    """
    keys, values = torch.cat([own[1:], other], dim=3)
    attended, _ = attention.attend(own[0], keys, values)
    return attended


class Streams(NamedTuple):
    """What came of B images.

    Attributes:
        sa: last tokens by self-attention [B, N, width]; maps: its weights in each block [B · heads,
            N, N].
        pwca: last tokens by pair-wise cross-attention [B, N, width].
        attended: what PWCA attended to in each block that it is computed in [B, N, width], for
            those who ask for its gradient.
    """

    sa: Tensor
    maps: list[Tensor]
    pwca: Tensor
    attended: list[Tensor]


def forward_pairs(trunk: Trunk, images: Tensor, pairs: Tensor, options: PairWiseOptions) -> Streams:
    """All streams in one pass: images by self-attention, their pairs likewise, and PWCA.

    The pairs' stream has a dropout of its own. Without dropout it would repeat what the paired
    images have in theirs, and is read from there.

    Args:
        images: [B, 3, S, S]; pairs: which image each is paired with [B].
    """
    size, depth = len(images), len(trunk.blocks)
    random = trunk.training and (trunk.options.dropout > 0 or trunk.options.drop_path > 0)
    whole = trunk.tokens(torch.cat([images, images[pairs]]) if random else images)
    alone = len(whole)  # of self-attention; PWCA starts from the images' own tokens
    separate = options.stream == "separate"
    if separate:
        whole = torch.cat([whole, whole[:size]])
    maps, found = [], []
    for number, block in enumerate(trunk.blocks, start=1):
        assert isinstance(block, Block)
        attention = block.attention
        own, asking = attention.project(block.norm1(whole)).split(
            [alone, len(whole) - alone], dim=1
        )
        attended, weights = attention.attend(*own)
        maps.append(weights[: size * attention.heads])
        # Restarted, a block's PWCA tokens are overwritten in the next one: the last are computed.
        if not separate and number == depth:
            asking = own[:, :size]
            whole = torch.cat([whole, whole[:size]])
        if asking.numel():
            held = own[1:]  # keys and values
            other = held[:, size:] if random else held.index_select(1, pairs)
            found.append(attend_pair(attention, asking, other))
            attended = torch.cat([attended, found[-1]])
        whole = block.finish(whole, attended)
    return Streams(whole[:size], maps, whole[alone:], found)


def draw_pairs(
    images: int, physical_batch: int, rule: Pairing, generator: torch.Generator
) -> Tensor:
    """Which image each of ``images`` is paired with, within its physical batch [images]."""
    found = []
    for start in range(0, images, physical_batch):
        size = min(physical_batch, images - start)
        order = torch.randperm(size, generator=generator).tolist()
        if rule == "sequential_swap":
            order = _swap_in_sequence(order)
        while rule == "derangement" and any(i == j for i, j in enumerate(order)):
            order = torch.randperm(size, generator=generator).tolist()
        found += [start + place for place in order]
    return torch.tensor(found)


def _swap_in_sequence(order: list[int]) -> list[int]:
    """The documented repair.

    Those paired with themselves are listed first; each is then swapped with its neighbour, also if
    an earlier swap has repaired it already. Two images in place are swapped twice: into place.
    """
    order = list(order)
    for place in [i for i, j in enumerate(order) if i == j]:
        neighbour = (place + 1) % len(order)
        order[place], order[neighbour] = order[neighbour], order[place]
    return order


def self_pair_rate(physical_batch: int, rule: Pairing) -> float:
    """The expected share of images that are paired with themselves, by enumeration.

    Raises:
        ValueError: more than 8 images: too many permutations.
    """
    if physical_batch > 8:
        raise ValueError("at most 8 images: there are too many permutations of more")
    if rule == "derangement":
        return 0.0
    seen = found = 0
    for places in permutations(range(physical_batch)):
        order = list(places)
        repaired = _swap_in_sequence(order) if rule == "sequential_swap" else order
        seen += len(order)
        found += sum(i == j for i, j in enumerate(repaired))
    return found / seen
