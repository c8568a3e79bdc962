"""Streams of random numbers: what they depend on, and what they leave alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fixbench.systems.alignment import _streams as alignment
from fixbench.systems.yowo import _streams as yowo
from fixbench.training import Streams, generator, numpy_generator, seeded, seeded_with


def _draw(source: torch.Generator) -> list[float]:
    return torch.rand(4, generator=source).tolist()


def test_a_stream_depends_on_seed_name_and_indices_alone() -> None:
    first = _draw(generator(3, "batches", 1))
    torch.manual_seed(7)
    generator(3, "dropout")
    assert _draw(generator(3, "batches", 1)) == first
    others = [generator(4, "batches", 1), generator(3, "dropout", 1), generator(3, "batches", 2)]
    others += [generator(3, "batches")]
    found = [first, *map(_draw, others)]
    assert len({tuple(values) for values in found}) == 5


def test_neighbouring_seeds_share_nothing() -> None:
    """Of 1000 seeds, correlations of neighbours are as small as chance makes them (1 / √1000)."""
    draws = torch.stack([torch.rand(8, generator=generator(seed, "x")) for seed in range(1000)])
    centred = (draws - draws.mean(dim=0)) / draws.std(dim=0)
    correlation = (centred[1:] * centred[:-1]).mean(dim=0)
    assert correlation.abs().max() < 4 / 1000**0.5
    assert torch.allclose(draws.mean(dim=0), torch.full((8,), 0.5), atol=0.04)


def test_a_table_binds_names_to_numbers_and_is_complete() -> None:
    """By hand: the first 64 bits of NumPy's SeedSequence, halved, seed torch's generator."""
    streams = Streams({"batches": 101})
    word = int(np.random.SeedSequence([5, 101, 2]).generate_state(1, np.uint64)[0]) // 2
    expected = _draw(torch.Generator().manual_seed(word))
    assert _draw(streams.generator(5, "batches", 2)) == expected
    expected_numpy = np.random.default_rng([5, 101, 2]).random(4).tolist()
    assert streams.numpy_generator(5, "batches", 2).random(4).tolist() == expected_numpy
    with pytest.raises(KeyError):
        streams.generator(5, "batch")


def test_modules_built_inside_depend_on_their_stream_alone() -> None:
    torch.manual_seed(1)
    with seeded(3, "model"):
        first = nn.Linear(4, 4)
    torch.manual_seed(2)
    with seeded(3, "model"):
        second = nn.Linear(4, 4)
    with seeded(3, "head"):
        other = nn.Linear(4, 4)
    assert torch.equal(first.weight, second.weight)
    assert not torch.equal(first.weight, other.weight)


def _fail_amid(device: str) -> None:
    with seeded(3, "model"):
        torch.rand(5, device=device)
        raise ZeroDivisionError


def test_global_generators_are_put_back_also_after_an_error() -> None:
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    for device in devices:
        torch.rand(1, device=device)
        before = torch.get_rng_state(), np.random.get_state()[1].tobytes()  # type: ignore[index]
        on_gpu = torch.cuda.get_rng_state() if device == "cuda" else None
        with pytest.raises(ZeroDivisionError):
            _fail_amid(device)
        assert torch.equal(torch.get_rng_state(), before[0])
        assert np.random.get_state()[1].tobytes() == before[1]  # type: ignore[index]
        if on_gpu is not None:
            assert torch.equal(torch.cuda.get_rng_state(), on_gpu)


def test_numpy_streams_differ_by_name() -> None:
    values = {numpy_generator(1, name).random() for name in ("a", "b", "c")}
    assert len(values) == 3


# The streams of published results keep their values.


def test_streams_of_yowo_keep_their_values() -> None:
    assert yowo.generator(7, "batches").initial_seed() == 881739791950627723
    assert yowo.generator(7, "mechanism/grid", 28).initial_seed() == 283111627730620312
    with yowo.seeded(7, "dropout", 3):
        assert torch.initial_seed() == 7078423252304596253


def test_streams_of_alignment_keep_their_values() -> None:
    state = np.random.SeedSequence([7, 2, 5]).generate_state(1, np.uint64)[0] >> np.uint64(1)
    assert alignment.generator(7, "alignment", 5).initial_seed() == int(state)
    drawn = alignment.numpy_generator(7, "segments", 5).random()
    assert drawn == np.random.default_rng([7, 1, 5]).random()
    with alignment.initialised(57):
        first = torch.rand(3)
    assert torch.equal(first, torch.rand(3, generator=torch.Generator().manual_seed(57)))


def test_seeded_with_takes_a_state_as_it_is() -> None:
    with seeded_with(11):
        first = torch.rand(2)
    assert torch.equal(first, torch.rand(2, generator=torch.Generator().manual_seed(11)))
