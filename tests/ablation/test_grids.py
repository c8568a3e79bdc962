"""Factors and grids make the product of their levels, each once, and refuse what they cannot."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixbench.ablation import load_ablation
from fixbench.errors import InputError

Write = Callable[[dict[str, Any]], Path]

FACTORS = {
    "loss": {"lav": {}, "gtcc": {"loss.method": "gtcc"}, "tcc": {"loss.method": "tcc"}},
    "clip": {"global": {}, "none": {"update.clip": "none"}},
    "rescale": {
        "on": {"text": "rescaled"},
        "off": {"text": "not rescaled", "changes": {"update.rescale": False}},
    },
    "both": {"as_found": {}, "changed": {"loss.method": "x", "size": 2}},
}
GRID = {"cross": ["loss", "clip", "rescale"], "name": "{loss}_{rescale}_{clip}"}


def content(*grids: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "title": "t",
        "question": "q",
        "document": {"file": "f", "title": "t", "section": "s"},
        "system": "system.py",
        "baseline_variant": "lav_on_global",
        "baseline": {
            "loss": {"method": "lav"},
            "update": {"clip": "global", "rescale": True},
            "size": 1,
        },
        "factors": FACTORS,
        "grids": list(grids or [GRID]),
        "metrics": {"error": {"description": "d", "stage": "test"}},
        "tiers": {name: {"seeds": "0-5"} for name in ("smoke", "small", "extended")},
        "threats": ["t"],
        **changes,
    }


def test_a_grid_is_the_product_and_each_cell_is_nearest_to_its_reference(write: Write) -> None:
    ablation = load_ablation(write(content()))
    assert list(ablation.variants) == [
        f"{loss}_{rescale}_{clip}"
        for loss, clip, rescale in product(
            ("lav", "gtcc", "tcc"), ("global", "none"), ("on", "off")
        )
    ]
    references = {name: variant.relative_to for name, variant in ablation.variants.items()}
    assert references["gtcc_off_none"] == "gtcc_on_none"
    assert references["gtcc_on_none"] == "gtcc_on_global"
    assert references["gtcc_on_global"] is None  # the baseline
    assert ablation.variants["gtcc_off_none"].changes == {"update.rescale": False}
    assert ablation.variants["gtcc_off_none"].reason == "gtcc, none, not rescaled"
    assert ablation.at("small").options("gtcc_off_none") == {
        "loss": {"method": "gtcc"},
        "update": {"clip": "none", "rescale": False},
        "size": 1,
    }


def test_some_levels_brackets_and_what_differs_in_a_cell(write: Write) -> None:
    grid = {
        "cross": {"clip": ["none"], "rescale": "all", "loss": ["lav", "tcc"]},
        "name": "some[_{loss}]_{rescale}",
        "reason": "{rescale} and {loss}",
        "measure": {"extended": ["training"]},
        "cells": {"some_off": {"reason": "special", "measure": {"small": [], "extended": ["all"]}}},
    }
    variants = {"lav_on_global": {"reason": "baseline"}}
    ablation = load_ablation(write(content(grid, variants=variants)))
    names = ["some_on", "some_tcc_on", "some_off", "some_tcc_off", "lav_on_global"]
    assert list(ablation.variants) == names
    assert ablation.variants["some_tcc_off"].reason == "not rescaled and tcc"
    assert ablation.variants["some_off"].reason == "special"
    assert list(ablation.at("small").variants) == ["some_off", "lav_on_global"]
    assert ablation.at("extended").measured("some_off") == ["all"]
    assert ablation.at("extended").measured("some_on") == ["training"]


def test_cells_start_from_a_base_whose_own_cell_is_not_made_again(write: Write) -> None:
    based = {"base": "lav_on_none", "cross": ["loss"], "name": "based_{loss}"}
    single = {"base": "alone", "cross": ["rescale"], "name": "alone_{rescale}"}
    variants = {"alone": {"reason": "r", "changes": {"size": 3}}}
    grid = {"cross": ["clip"], "name": "lav_on_{clip}"}
    ablation = load_ablation(write(content(grid, based, single, variants=variants)))
    made = ["lav_on_global", "lav_on_none", "based_gtcc", "based_tcc", "alone_off", "alone"]
    assert list(ablation.variants) == made
    assert ablation.variants["based_tcc"].relative_to == "lav_on_none"
    assert ablation.variants["alone_off"].relative_to == "alone"
    assert ablation.at("small").options("alone_off")["size"] == 3


def test_a_level_of_several_option_groups_makes_its_cells_bundles(write: Write) -> None:
    grid = {"cross": ["both", "clip"], "name": "lav_on_{clip}[_{both}]"}
    variants = load_ablation(write(content(grid))).variants
    assert {name for name, variant in variants.items() if variant.bundle} == {
        "lav_on_global_changed"
    }
    # Relative to that one, the other cell differs in the clip alone.
    assert variants["lav_on_none_changed"].relative_to == "lav_on_global_changed"


@pytest.mark.parametrize(
    ("declared", "tiers", "measured"),
    [
        ({}, ["smoke", "small", "extended"], None),
        ({"measure": {"small": ["a"], "extended": ["b"]}}, ["small", "extended"], ["a"]),
        ({"tiers": ["smoke", "small"], "measure": ["a"]}, ["smoke", "small"], ["a"]),
        ({"measure": ["a"]}, ["smoke", "small", "extended"], ["a"]),
        ({"tiers": ["small"]}, ["small"], None),
        ({"tiers": ["small"], "measure": {"small": ["a"]}}, ["small"], ["a"]),
    ],
)
def test_measure_implies_tiers(
    write: Write, declared: dict[str, Any], tiers: list[str], measured: list[str] | None
) -> None:
    variants = {"one": {"reason": "r", "changes": {"size": 2}, **declared}}
    ablation = load_ablation(write(content(variants=variants)))
    assert [tier for tier in ablation.tiers if "one" in ablation.at(tier).variants] == tiers
    assert ablation.at("small").measured("one") == measured


def test_what_declares_nothing_measures_the_default(write: Write) -> None:
    variants = {"one": {"reason": "r", "changes": {"size": 2}, "measure": {"small": ["b"]}}}
    ablation = load_ablation(write(content(variants=variants, measure={"extended": ["a"]})))
    assert list(ablation.at("small").variants) == ["one"]
    assert ablation.at("extended").measured("lav_off_none") == ["a"]


@pytest.mark.parametrize(
    ("grids", "message"),
    [
        (
            [{"cross": ["loss", "both"], "name": "{loss}_{both}"}],
            "grids.0.cross; expected factors that change different options; 'loss' and 'both' "
            "both change loss.method",
        ),
        (
            [{**GRID, "name": "{loss}_{rescale}"}],
            "grids.0.name is '{loss}_{rescale}'; expected a pattern with {clip}, which is crossed",
        ),
        (
            [{**GRID, "name": "{loss}_{rescale}_{clip}_{size}"}],
            "expected only factors that are crossed here: loss, clip, rescale",
        ),
        (
            [GRID, {"cross": ["clip"], "name": "again_{clip}"}],
            "grids.1.cross; expected levels that no variant has; 'lav_on_none' has those of "
            "'again_none'",
        ),
        (
            [GRID, {"cross": {"both": ["changed"]}, "name": "lav_on_none"}],
            "grids.1.name is 'lav_on_none'; expected a pattern that gives each variant its own "
            "name, not 'lav_on_none' again",
        ),
        (
            [{**GRID, "cross": ["loss", "clap"]}],
            "grids.0.cross is 'clap'; expected a factor of this file: loss, clip, rescale, both",
        ),
        (
            [{**GRID, "cross": {"loss": ["lav", "vava"], "clip": "all", "rescale": "all"}}],
            "grids.0.cross.loss is 'vava'; expected a level of loss: lav, gtcc, tcc",
        ),
        (
            [{**GRID, "cells": {"vava_on_none": {"reason": "r"}}}],
            "grids.0.cells.vava_on_none is 'vava_on_none'; expected the name of a cell that this "
            "grid makes: lav_on_global,",
        ),
        (
            [{**GRID, "base": "first"}],
            "grids.0.base is 'first'; expected a variant that stands above",
        ),
        (
            [GRID, {"base": "tcc_on_none", "cross": ["clip"], "name": "x_{clip}"}],
            "grids.1.cross is 'clip'; expected a factor that its base 'tcc_on_none' leaves at the "
            "first level",
        ),
        ([{**GRID, "name": "{loss} {rescale} {clip}"}], "not 'lav on global'"),
    ],
)
def test_what_a_grid_refuses(write: Write, grids: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_ablation(write(content(*grids)))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ({"a": {"size": 2}, "b": {"size": 3}}, "x.a is {'size': 2}; expected no changes at the"),
        ({"a": {}, "b": {}}, "x.b; expected the options that this level changes"),
        ({"a": {}}, "x; expected at least 2 items"),
    ],
)
def test_what_a_factor_refuses(write: Write, levels: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_ablation(write(content(factors={**FACTORS, "x": levels})))
    assert f"factors.{message}" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message", "written"),
    [
        # Used by a grid or not, the level says it.
        (
            {"factors": {**FACTORS, "x": {"a": {}, "b": {"stepz": 3}}}},
            "factors.x.b.stepz",
            '"stepz": 3',
        ),
        (
            {"factors": {**FACTORS, "x": {"a": {}, "b": {"text": "b", "changes": {"stepz": 3}}}}},
            "factors.x.b.changes.stepz",
            '"stepz": 3',
        ),
        (
            {"factors": {**FACTORS, "clip": {"global": {}, "none": {"update.clip": "global"}}}},
            "factors.clip.none.update.clip is 'global'; expected a value that differs from",
            '"update.clip": "global"',
        ),
        (
            {"factors": {**FACTORS, "x": {"a": {}, "b": {"text": "b", "change": {"size": 3}}}}},
            "factors.x.b.change is {'size': 3}; expected no such key",
            '"change": {',
        ),
        (
            {"grids": [{**GRID, "starts_from": "x"}]},
            "grids.0.starts_from is 'x'; expected another",
            '"starts_from": "x"',
        ),
        (
            {"grids": [{**GRID, "cells": {"tcc_on_none": {"starts_from": "tcc_on_none"}}}]},
            "grids.0.cells.tcc_on_none.starts_from is 'tcc_on_none'; expected another variant",
            '"starts_from": "tcc_on_none"',
        ),
        (
            {"grids": [{**GRID, "cells": {"tcc_on_none": {"measure": {"full": ["x"]}}}}]},
            "grids.0.cells.tcc_on_none.measure.full is 'full'; expected a tier of this file",
            '"full": [',
        ),
        (
            {"grids": [{**GRID, "tiers": ["full"]}]},
            "grids.0.tiers.0 is 'full'; expected a tier of",
            '"full"',
        ),
        (
            {"grids": [{**GRID, "name": GRID["name"] + "x" * 90}]},
            "expected a pattern that makes names of at most 100 characters, not lav_on_globalxxx",
            '"name": "{loss}',
        ),
    ],
)
def test_a_message_names_the_key_that_a_person_wrote(
    write: Write, changes: dict[str, Any], message: str, written: str
) -> None:
    path = write(content(**changes))
    with pytest.raises(InputError) as caught:
        load_ablation(path)
    text = str(caught.value)
    assert message in text
    number = int(text.removeprefix(f"{path}:").split(":")[0])
    assert written in path.read_text().splitlines()[number - 1]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    sizes=st.lists(st.integers(2, 4), min_size=1, max_size=4),
    order=st.randoms(use_true_random=False),
)
def test_any_grid_makes_each_combination_once(write: Write, sizes: list[int], order: Any) -> None:
    names = [f"f{index}" for index in range(len(sizes))]
    factors = {
        name: {f"{name}l{level}": {f"{name}.x": level} if level else {} for level in range(size)}
        for name, size in zip(names, sizes, strict=True)
    }
    crossed = list(names)
    order.shuffle(crossed)
    first = "".join(f"{name}l0" for name in names)
    grid = {"cross": crossed, "name": "".join(f"{{{name}}}" for name in names)}
    baseline = {name: {"x": 0} for name in names}
    ablation = load_ablation(
        write(content(grid, factors=factors, baseline=baseline, baseline_variant=first))
    )
    assert len(ablation.variants) == math.prod(sizes)
    tier = ablation.at("small")
    options = {tuple(tier.flat(name).values()) for name in ablation.variants}
    assert options == set(product(*map(range, sizes)))
    for variant in ablation.variants.values():
        assert len(variant.changes) <= 1  # all but one of a cell's levels are its reference's
