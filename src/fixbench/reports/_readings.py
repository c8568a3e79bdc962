"""What single readings say where a claim averages many of them.

An effect whose terms are means over the steps of a stage rests on many readings a seed. A document
that quotes one of them compared two numbers; how such comparisons scatter is shown beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from fixbench.ablation import Ablation, Effect
from fixbench.results import run_columns, usable_rows

__all__ = ["FEWEST_STEPS", "Readings", "single_readings", "steps_are_readings"]

#: Steps a seed from which on their spread is worth a look.
FEWEST_STEPS = 10


@dataclass(frozen=True, kw_only=True)
class Readings:
    """Single readings of one effect, on its natural scale.

    Attributes:
        effects: the effect at each step of each seed, paired by both.
        floor: a contrast of the reference with itself, at two different steps of the same seed, in
            either order; empty where the effect has no single reference.
        reference: the variant that the effect compares with, if there is one.
    """

    effects: npt.NDArray[np.float64]
    floor: npt.NDArray[np.float64]
    reference: str | None
    seeds: int


def steps_are_readings(ablation: Ablation, stage: str) -> bool:
    """Whether the steps of ``stage`` are readings in no order (batches), rather than time.

    The claims tell: they average over the stage's steps and ask for no first, last or area.
    """
    uses = {
        term.at
        for claim in ablation.claims
        for _, effect in claim.effects()
        for term in effect.weighted
        if term.stage == stage
    }
    return "mean" in uses and uses.isdisjoint({"first", "last", "area"})


def single_readings(effect: Effect, frame: pd.DataFrame) -> Readings | None:
    """The effect at every step alone; ``None`` unless all its terms average enough steps.

    What failed, or is undefined, is left out, as in the effect itself.
    """
    if any(term.at != "mean" for term in effect.weighted):
        return None
    one_run = run_columns(frame)
    usable = usable_rows(frame)
    tables = []
    for term in effect.weighted:
        cell = usable[["variant", "stage", "metric"]] == [term.variant, term.stage, term.metric]
        values = usable[cell.all(axis=1)].set_index([*one_run[1:], "step"])["value"].sort_index()
        tables.append(np.log(values) if effect.scale == "log" else values)
    paired = pd.concat(tables, axis=1, join="inner", keys=range(len(tables)))
    within = one_run[1:]  # a seed, or a seed on a data draw
    steps = paired.groupby(level=within).size()
    if steps.empty or steps.min() < FEWEST_STEPS:
        return None
    weights = np.array([term.weight for term in effect.weighted])
    reference, floor = None, np.empty(0)
    cells = {(term.stage, term.metric) for term in effect.weighted}
    if len(weights) == 2 and len(cells) == 1 and np.isclose(weights.sum(), 0):
        place = int(weights.argmin())
        reference = effect.weighted[place].variant
        floor = abs(weights[place]) * np.concatenate(
            [_differences(rows.to_numpy()) for _, rows in paired[place].groupby(level=within)]
        )
    turn = np.exp if effect.reported == "log" else np.asarray
    return Readings(
        effects=turn(paired.to_numpy() @ weights),
        floor=turn(floor),
        reference=reference,
        seeds=steps.index.get_level_values("seed").nunique(),
    )


def _differences(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Every value less every other."""
    table = values[:, None] - values[None, :]
    return table[~np.eye(len(values), dtype=bool)]
