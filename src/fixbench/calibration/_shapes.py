"""How often verdicts are wrong where single seeds are skewed or collapse, by number of seeds.

No method measured keeps its level there (`fixbench.calibration`), and a sample does not show that
its seeds are such. So each verdict that rests on a mean over seeds states its worst rate of these
shapes, from the table that `write_shape_rates` writes (``fixbench calibrate --write-rates``).

This is no bound of all shapes. Where a share of the seeds collapses without measure, a verdict is
wrong whenever no seed shows it: of 10 % in 35 % of cases at ten seeds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fixbench.calibration._array_judge import judge, judge_looks
from fixbench.calibration._distributions import DISTRIBUTIONS, TWO_POINT, Distribution, collapsing
from fixbench.calibration._planted_runs import Runs
from fixbench.calibration._worlds import Beside, Truth
from fixbench.statistics import plan_looks
from fixbench.verdicts import SHAPE_RATES

__all__ = ["SHAPES", "ShapeCell", "shape_cells", "write_shape_rates", "wrong_share"]

Array = NDArray[np.float64]

#: The numbers of seeds of the table; and that of blocks, where seeds are added until a verdict.
SIZES = (3, 5, 10, 20, 30)
_LOOKS = plan_looks(30, block=5)
# Claims simulated at once.
_TOGETHER = 2_000

_MARGIN, _TOLERANCE, _LARGE = 1.0, 1.0, 4.0
# A margin that is shown at once, in worlds that are about something else.
_SMALL = 0.01
# Of the effect of one seed, beside margin and tolerance.
_NARROW, _WIDE = 0.3, 1.0

# What `fixbench.verdicts` calls one that is judged beside others.
_OF_SEVERAL = ", of several"

_DIRECTIONS = ("reproduced", "direction only", "another size", "negligible")
_SHOWN = ("reproduced", "direction only", "another size")
_JUDGED = (*_DIRECTIONS, "absent", "reversed", "confounded")


def _mirrored(kind: Distribution) -> Distribution:
    def draw(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
        return -kind.draw(random, shape)

    return replace(kind, name=f"{kind.name}, mirrored", draw=draw)


def _both_ways(kinds: Sequence[Distribution]) -> Iterator[Distribution]:
    for kind in kinds:
        yield kind
        if not kind.symmetric:
            yield _mirrored(kind)


#: What single seeds may be like, either way round.
SHAPES: tuple[Distribution, ...] = tuple(
    _both_ways(
        [
            *(kind for kind in DISTRIBUTIONS if kind.name in ("heavy-tailed", "skewed", "bimodal")),
            collapsing(share=0.05, depth=6.0),
            collapsing(share=0.3, depth=6.0),
            replace(TWO_POINT, meaning="0 in 80 % of the seeds, another value in 20 %"),
        ]
    )
)


@dataclass(frozen=True, kw_only=True)
class ShapeCell:
    """A planted world in which a verdict, or what is said of a control, would be wrong.

    Attributes:
        said: what would be, as `fixbench.verdicts.WorstRate` names it.
        truth: the world; its ``wrong`` verdicts are counted.
        seeds: their number; 0 where blocks of seeds are added until a verdict.
    """

    said: str
    truth: Truth
    seeds: int

    @property
    def key(self) -> str:
        """The number of seeds as the table has it."""
        return str(self.seeds) if self.seeds else "looks"


def shape_cells(
    sizes: Sequence[int] = (*SIZES, 0), shapes: Sequence[Distribution] = SHAPES
) -> list[ShapeCell]:
    """Every world for every shape and number of seeds."""
    return [
        ShapeCell(said=said, truth=truth, seeds=n)
        for n in sizes
        for shape in shapes
        for said, truth in _worlds(shape)
    ]


def wrong_share(cell: ShapeCell, replications: int, seed: int) -> float:
    """In which share of ``replications`` claims the wrong verdict is given."""
    truth = cell.truth
    # A generator of its own, so that adding or removing a cell changes no other.
    title = f"{cell.said} {cell.key} {truth.name}"
    random = np.random.default_rng([seed, *title.encode()])
    wrong = 0
    for start in range(0, replications, _TOGETHER):
        claims = min(_TOGETHER, replications - start)
        runs = Runs.draw([truth] * claims, cell.seeds or _LOOKS[-1], random)
        judged = judge(runs) if cell.seeds else judge_looks(runs, _LOOKS)
        wrong += int(np.isin(judged.verdicts, truth.wrong).sum())
    return wrong / replications


def write_shape_rates(
    path: Path | None = None,
    *,
    replications: int,
    seed: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> Path:
    """Simulate every cell, and write of each thing said and number of seeds the worst rate.

    A twentieth of the replications finds the two worst cells. Half of them, with other random
    numbers, gives their rates, since the largest of many is too large by chance.

    Args:
        path: the package's own table, unless given.
    """
    path = path or SHAPE_RATES
    cells = shape_cells()
    found: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for number, cell in enumerate(cells):
        if progress is not None:
            progress(f"{cell.said}: {cell.truth.name}", number, len(cells))
        rate = wrong_share(cell, max(1, replications // 20), seed)
        found.setdefault((cell.said, cell.key), []).append((rate, number))
    rates: dict[str, dict[str, Mapping[str, float | str]]] = {}
    for (said, key), scanned in found.items():
        worst = [cells[number] for _, number in sorted(scanned)[-2:]]
        measured = [wrong_share(cell, max(1, replications // 2), seed + 1) for cell in worst]
        cell = worst[int(np.argmax(measured))]
        assert cell.truth.seeds is not None
        rates.setdefault(said, {})[key] = {
            "rate": max(measured),
            "shape": cell.truth.seeds.name,
            "world": cell.truth.name,
        }
    if progress is not None:
        progress("done", len(cells), len(cells))
    content = {
        "replications": replications,
        "seed": seed,
        "shapes": {kind.name: kind.meaning for kind in SHAPES if "mirrored" not in kind.name},
        "rates": {said: rates[said] for said in sorted(rates)},
    }
    path.write_text(f"{json.dumps(content, indent=1, ensure_ascii=False)}\n", encoding="utf-8")
    return path


def _worlds(shape: Distribution) -> Iterator[tuple[str, Truth]]:
    """What would be said, and a world in which it is wrong, or just so."""
    make = partial(Truth, seeds=shape, required=False, nominal=0.05)
    for said, wrong in (
        ("direction only", _DIRECTIONS),
        ("negligible", ("negligible",)),
        ("reversed", ("reversed",)),
    ):
        margin = _MARGIN if said == "negligible" else _SMALL
        yield (
            said,
            make(
                name=f"{shape.name}: no effect",
                effect=0.0,
                margin=margin,
                wrong=wrong,
                deviation=1.0,
            ),
        )
    # Where the noise is wide, seeds that are added until a verdict take more looks.
    for deviation in (_NARROW, _WIDE):
        yield from _at_edges(shape, deviation)
    for said, truth in _with_items(shape):
        yield said, replace(truth, name=f"{shape.name}: {truth.name}")


def _at_edges(shape: Distribution, deviation: float) -> Iterator[tuple[str, Truth]]:
    """Effects at the margin, and at the edges of the tolerance."""
    make = partial(
        Truth,
        seeds=shape,
        required=False,
        nominal=0.05,
        documented=_LARGE,
        deviation=deviation,
    )
    for rule in ("difference", "no_difference", "not_worse"):
        for sign in (1, -1):
            if rule == "not_worse" and sign == 1:
                continue
            name = f"{shape.name}: {rule} at {sign:+d} margin, SD {deviation:g}"
            at_margin = partial(make, name=name, effect=sign * _MARGIN, rule=rule)
            if rule == "difference":
                yield "absent", at_margin(wrong=("absent", "negligible"))
                if sign == 1:
                    yield "negligible", at_margin(wrong=("negligible",))
                    yield "reproduced", at_margin(wrong=("reproduced",))
                continue
            for word in ("reproduced", "refuted"):
                yield f"{rule}: {word}", at_margin(wrong=(word,))
    for sign in (1, -1):
        at_edge = partial(
            make,
            name=f"{shape.name}: at {sign:+d} tolerance, SD {deviation:g}",
            effect=_LARGE + sign * _TOLERANCE,
            tolerance=_TOLERANCE,
        )
        yield "reproduced", at_edge(wrong=("reproduced",))
        yield "another size", at_edge(wrong=("another size",))


def _with_items(shape: Distribution) -> Iterator[tuple[str, Truth]]:
    """Controls and preconditions, with metrics of their own or on an arm that the claim uses."""
    make = partial(
        Truth, seeds=shape, required=False, nominal=0.05, margin=_SMALL, deviation=_NARROW
    )
    arms: tuple[Literal["a", "b"] | None, ...] = (None, "a", "b")
    for arm in arms:
        half = Beside(effect=_LARGE / 2, above=_LARGE / 2, arm=arm)
        none = Beside(effect=0.0, above=0.0, arm=arm)
        where = "" if arm is None else f" on arm {arm}"
        for count in (1, 2, 5):
            several = f"{count} control{'s' * (count > 1)}{where} at the bound"
            yield (
                "control explains" + _OF_SEVERAL * (count > 1),
                make(name=several, effect=_LARGE, wrong=("confounded",), controls=(half,) * count),
            )
            several = f"{count} precondition{'s' * (count > 1)}{where} at the bound"
            yield (
                "precondition unmet" + _OF_SEVERAL * (count > 1),
                make(
                    name=several,
                    effect=_LARGE,
                    wrong=("not testable",),
                    preconditions=(none,) * count,
                ),
            )
        yield (
            "control ruled out",
            make(
                name=f"control{where} at the bound", effect=_LARGE, wrong=_SHOWN, controls=(half,)
            ),
        )
        explains = Beside(effect=2.0, above=1.0, arm=arm)
        yield (
            "control ruled out",
            make(
                name=f"effect and control{where} 2 SD, bound half of it",
                effect=2.0,
                documented=2.0,
                wrong=_SHOWN,
                deviation=1.0,
                controls=(explains,),
            ),
        )
        yield (
            "precondition met",
            make(
                name=f"precondition{where} at the bound",
                effect=_LARGE,
                wrong=_JUDGED,
                preconditions=(none,),
            ),
        )
