"""Files with a flipped byte: refused by name, made again, or read as they were; never as others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from fixbench.errors import InputError
from fixbench.results import Row, read_metadata, read_results, write_results
from fixbench.training import FileCheckpointer, load_state, save_state

#: Every byte would take minutes.
STRIDE = 3


def damaged(path: Path) -> Iterator[int]:
    """``path`` with one byte flipped, at one position after another."""
    whole = path.read_bytes()
    for position in range(0, len(whole), STRIDE):
        content = bytearray(whole)
        content[position] ^= (0x01, 0x80, 0xFF)[position // STRIDE % 3]
        path.write_bytes(bytes(content))
        yield position
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        yield length


def refused_or_the_same(path: Path, read: Callable[[], Any]) -> int:
    """How often a damaged file was refused; wherever it was not, it was read as before."""
    expected = read()
    refused = 0
    for position in damaged(path):
        try:
            found = read()
        except InputError as error:
            refused += str(path) in str(error)
        else:
            assert found == expected, position
    return refused


def test_results(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    rows = {
        seed: [Row("train", step, "loss", 1 / (step + seed + 1)) for step in range(20)]
        + [Row("test", 0, "area", math.nan, "undefined")]
        for seed in (0, 1)
    }
    write_results(
        path,
        rows,
        ablation="toy",
        variant="fast",
        units={"loss": "1", "area": "1"},
        metadata={"ablation": "toy", "variant": "fast", "options": {"rate": 0.1}},
    )

    def read() -> Any:
        frame = read_results([path])
        return frame.fillna(-1.0).to_numpy().tolist(), read_metadata(path)

    assert refused_or_the_same(path, read) > len(path.read_bytes()) / STRIDE / 2


def test_a_state_that_others_start_from(tmp_path: Path) -> None:
    path = tmp_path / "x.state"
    save_state(path, {"weight": torch.arange(64.0), "step": 3}, checksum=True)

    def read() -> Any:
        state = load_state(path, checksum=True)
        return {**state, "weight": state["weight"].tolist()}

    size = path.stat().st_size
    assert refused_or_the_same(path, read) == len(range(0, size, STRIDE)) + 4


def test_a_run_whose_save_is_damaged_starts_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = FileCheckpointer(tmp_path / "x.training")
    kept.save({"step": 3})
    assert kept.load() == {"step": 3}
    for _ in damaged(kept.path):
        assert kept.load() is None
        assert "x.training is damaged: the run starts again" in capsys.readouterr().err
