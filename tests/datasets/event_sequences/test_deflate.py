"""The compressor: zlib reads what it writes, and its bytes are known."""

from __future__ import annotations

import hashlib
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixbench.datasets.event_sequences._deflate import compress

#: Bytes in runs, many of them of zeros.
RUNS = st.lists(
    st.tuples(st.sampled_from([0, 0, 1, 2, 255]), st.integers(1, 600)), max_size=12
).map(lambda runs: b"".join(bytes([value]) * count for value, count in runs))


@given(st.one_of(RUNS, st.binary(max_size=300)))
def test_zlib_reads_what_is_written(content: bytes) -> None:
    assert zlib.decompress(compress(content)) == content


@pytest.mark.parametrize("zeros", [*range(1, 270), 515, 516, 517, 518, 519, 520, 100_000])
def test_every_length_of_a_run(zeros: int) -> None:
    content = b"\1" + bytes(zeros) + b"\2"
    assert zlib.decompress(compress(content)) == content


def test_codes_are_never_too_long() -> None:
    """Fibonacci's numbers as counts give Huffman's code one bit more for each symbol."""
    counts = [1, 1]
    while len(counts) < 24:
        counts.append(counts[-1] + counts[-2])
    content = b"".join(bytes([value + 1]) * count for value, count in enumerate(counts))
    assert zlib.decompress(compress(content)) == content


def test_it_is_as_small_as_zlib_that_looks_for_runs_only() -> None:
    draw = np.random.default_rng(2)
    content = np.where(draw.random(500_000) < 0.005, draw.geometric(0.8, 500_000), 0)
    data = content.astype(np.uint8).tobytes()
    runs = zlib.compressobj(9, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    assert len(compress(data)) < 1.02 * len(runs.compress(data) + runs.flush())


def test_bytes_that_are_known() -> None:
    content = (np.arange(5_000) % 97 == 0).astype(np.uint8).tobytes()
    assert hashlib.sha256(compress(content)).hexdigest()[:16] == "2881a60c7ee38459"
