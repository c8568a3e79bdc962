"""The photographs that ship inside wheels, and their disjoint parts."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from fixbench.datasets import PHOTOGRAPHS, _photographs, load_photograph, photograph_region
from fixbench.errors import InputError


@pytest.fixture(autouse=True)
def _fresh_cache():
    load_photograph.cache_clear()
    yield
    load_photograph.cache_clear()


def test_every_photograph_loads_without_network_or_fetcher(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a photograph was fetched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr("skimage.data._fetchers._fetch", refuse)
    with pytest.raises(AssertionError, match="fetched"):
        skimage.data.astronaut()  # the trap itself works
    for name in PHOTOGRAPHS:
        pixels = load_photograph(name)
        assert pixels.dtype == np.uint8
        assert pixels.shape == (*PHOTOGRAPHS[name].shape, 3)
        assert not pixels.flags.writeable


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket", "retina"])
def test_pixels_are_those_of_the_package(name):
    assert np.array_equal(load_photograph(name), getattr(skimage.data, name)())


def test_grey_photographs_are_repeated_over_channels():
    assert np.array_equal(load_photograph("coins"), np.dstack([skimage.data.coins()] * 3))


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_parts_are_disjoint_and_inside(name):
    photograph = PHOTOGRAPHS[name]
    used = np.zeros(photograph.shape, dtype=int)
    for region in (photograph.pretraining, photograph.evaluation):
        assert 0 <= region.top < region.bottom <= photograph.shape[0]
        assert 0 <= region.left < region.right <= photograph.shape[1]
        used[region.top : region.bottom, region.left : region.right] += 1
    assert used.max() == 1
    smallest, largest = photograph.sides
    evaluation = photograph_region(name, "evaluation")
    assert 64 <= smallest < largest <= min(evaluation.shape[:2])
    assert smallest * 0.8 < min(photograph_region(name, "pretraining").shape[:2])


def test_region_is_the_declared_rectangle():
    top, left, bottom, right = PHOTOGRAPHS["coffee"].evaluation
    expected = skimage.data.coffee()[top:bottom, left:right]
    assert np.array_equal(photograph_region("coffee", "evaluation"), expected)


def test_every_photograph_is_described():
    for name, photograph in PHOTOGRAPHS.items():
        assert photograph.name == name
        assert photograph.noun == photograph.noun.lower().strip()
        assert photograph.licence
        assert photograph.kind in ("texture", "object")
    assert len({photograph.noun for photograph in PHOTOGRAPHS.values()}) == len(PHOTOGRAPHS)


def test_unknown_name_is_refused():
    with pytest.raises(InputError, match=r"name is 'mona_lisa'; expected one of astronaut, brick"):
        load_photograph("mona_lisa")


def test_missing_file_is_refused(monkeypatch):
    absent = replace(PHOTOGRAPHS["brick"], file="data/absent.png")
    monkeypatch.setattr(_photographs, "PHOTOGRAPHS", {"brick": absent})
    with pytest.raises(InputError, match=r"absent\.png; expected .* reinstall scikit-image"):
        load_photograph("brick")


def test_truncated_file_is_refused(monkeypatch, tmp_path: Path):
    source = Path(skimage.data.data_dir) / "brick.png"
    folder = Path(skimage.data.data_dir)
    assert source.parent == folder
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "brick.png").write_bytes(source.read_bytes()[:5000])
    monkeypatch.setattr(_photographs, "files", lambda package: tmp_path)
    with pytest.raises(InputError, match=r"brick\.png; expected .* reinstall scikit-image"):
        load_photograph("brick")


def test_other_version_of_a_photograph_is_refused(monkeypatch):
    other = replace(PHOTOGRAPHS["brick"], shape=(400, 400))
    monkeypatch.setattr(_photographs, "PHOTOGRAPHS", {"brick": other})
    with pytest.raises(InputError, match=r"shape is \(512, 512\); expected \(400, 400\)"):
        load_photograph("brick")
