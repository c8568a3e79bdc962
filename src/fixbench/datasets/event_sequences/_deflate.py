"""Compression of arrays that are mostly zeros, with equal bytes on every machine.

The result is a stream in zlib's format (RFC 1950 and 1951), which HDF5 reads as its filter "gzip".
Builds of zlib differ in the repetitions that they find, so their bytes differ, and HDF5 uses the
build that the machine has. This one finds runs of zeros and nothing else: zeros that follow a zero
are copies of it. The stream is one block with Huffman codes of its own.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["compress"]

Integers = NDArray[np.int64]

_END = 256
_LONGEST = 258
_LONGEST_CODE = 15
#: The order in which a block lists the lengths of the codes of code lengths.
_LISTED = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


def compress(content: bytes) -> bytes:
    """The stream of some bytes."""
    symbols, extra, extra_bits = _tokens(np.frombuffer(content, dtype=np.uint8))
    lengths = _code_lengths(np.bincount(symbols, minlength=286), _LONGEST_CODE)
    codes = _codes(lengths)
    copies = (symbols > _END).astype(np.int64)
    # A copy ends with the code of its distance: one, of which the code is the bit 0.
    values = codes[symbols] | extra << lengths[symbols]
    sizes = lengths[symbols] + extra_bits + copies
    header = _header(lengths)
    stream = _pack(
        np.concatenate([[value for value, _ in header], values]),
        np.concatenate([[size for _, size in header], sizes]),
    )
    return b"\x78\x01" + stream + zlib.adler32(content).to_bytes(4, "big")


def _tokens(content: NDArray[np.uint8]) -> tuple[Integers, Integers, Integers]:
    """Symbols of literals and lengths, with their extra bits: value and number."""
    # Where a byte is not zero, or is zero and follows another value, it is a literal.
    zero = content == 0
    first = ~zero
    first[:1] = True
    first[1:] |= zero[1:] & ~zero[:-1]
    places = np.flatnonzero(first)
    repeats = np.diff(np.append(places, len(content))) - 1
    symbols = [content[places].astype(np.int64)]
    owners = [np.arange(len(places))]
    amounts = [np.zeros(len(places), dtype=np.int64)]
    # Whole copies; then what is left, as a copy or, if that is too short, as literals.
    whole = repeats // _LONGEST
    rest = repeats - whole * _LONGEST
    for count, amount in (
        (whole, np.full_like(rest, _LONGEST)),
        ((rest >= 3).astype(np.int64), rest),
        (np.where(rest < 3, rest, 0), np.zeros_like(rest)),
    ):
        owner = np.repeat(np.arange(len(places)), count)
        owners.append(owner)
        amounts.append(amount[owner])
        symbols.append(np.where(amount[owner] > 0, _SYMBOL[amount[owner]], 0))
    order = np.argsort(np.concatenate(owners), kind="stable")
    amount = np.append(np.concatenate(amounts)[order], 0)
    symbol = np.append(np.concatenate(symbols)[order], _END)
    return symbol, _EXTRA[amount], _EXTRA_BITS[amount]


def _length_tables() -> tuple[Integers, Integers, Integers]:
    """Length of a copy → its symbol, its extra bits, their number."""
    symbol, extra, bits = (np.zeros(_LONGEST + 1, dtype=np.int64) for _ in range(3))
    start = 3
    for code in range(28):
        size = max(0, code // 4 - 1)
        for offset in range(1 << size):
            if start + offset < _LONGEST:
                symbol[start + offset] = 257 + code
                extra[start + offset] = offset
                bits[start + offset] = size
        start += 1 << size
    symbol[_LONGEST] = 285
    return symbol, extra, bits


_SYMBOL, _EXTRA, _EXTRA_BITS = _length_tables()


def _code_lengths(counts: Integers, longest: int) -> Integers:
    """Huffman's code lengths, 0 for symbols that do not occur."""
    lengths = np.zeros(len(counts), dtype=np.int64)
    present = np.flatnonzero(counts).tolist()
    if len(present) == 1:
        lengths[present] = 1
        return lengths
    weights = counts.copy()
    while True:
        heap: list[tuple[int, int, list[int]]] = [(int(weights[s]), s, [s]) for s in present]
        heapq.heapify(heap)
        lengths[:] = 0
        while len(heap) > 1:
            one, other = heapq.heappop(heap), heapq.heappop(heap)
            together = one[2] + other[2]
            lengths[together] += 1
            heapq.heappush(heap, (one[0] + other[0], min(one[1], other[1]), together))
        if lengths.max() <= longest:
            return lengths
        weights = (weights + 1) // 2  # which makes the code flatter


def _codes(lengths: Integers) -> Integers:
    """The canonical codes of some lengths, with the first bit in the lowest place."""
    codes = np.zeros_like(lengths)
    code = 0
    for length in range(1, int(lengths.max()) + 1):
        code <<= 1
        for symbol in np.flatnonzero(lengths == length).tolist():
            codes[symbol] = int(f"{code:0{length}b}"[::-1], 2)
            code += 1
    return codes


def _header(lengths: Integers) -> list[tuple[int, int]]:
    """What a block begins with, as (value, bits): its kind, and its code lengths."""
    listed = [*lengths.tolist(), 1]  # the last: of the one distance
    symbols: list[tuple[int, int, int]] = []
    for length, count in _runs(listed):
        left = count
        while length == 0 and left >= 3:
            size = min(left, 138)
            symbols.append((17, size - 3, 3) if size <= 10 else (18, size - 11, 7))
            left -= size
        symbols += [(length, 0, 0)] * left
    counts = np.bincount([symbol for symbol, _, _ in symbols], minlength=19)
    sizes = _code_lengths(counts, 7)
    codes = _codes(sizes)
    header = [(1, 1), (2, 2), (len(lengths) - 257, 5), (0, 5), (len(_LISTED) - 4, 4)]
    header += [(int(sizes[symbol]), 3) for symbol in _LISTED]
    for symbol, extra, bits in symbols:
        header += [(int(codes[symbol]), int(sizes[symbol])), (extra, bits)]
    return header


def _runs(values: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1] = (value, runs[-1][1] + 1)
        else:
            runs.append((value, 1))
    return runs


def _pack(values: Integers, sizes: Integers) -> bytes:
    """The bits of all values one after another, lowest first, in bytes filled from the lowest."""
    starts = np.cumsum(sizes) - sizes
    place = np.arange(int(sizes.sum())) - np.repeat(starts, sizes)
    bits = np.repeat(values, sizes) >> place & 1
    return np.packbits(bits.astype(np.uint8), bitorder="little").tobytes()
