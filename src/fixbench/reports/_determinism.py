"""How far the same seed gives the same rows, in print: a label, and a floor below each effect."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd

from fixbench.ablation import Ablation, Effect, Term
from fixbench.determinism import Determinism, Repetition, Scatter
from fixbench.errors import InputError
from fixbench.reports._effects import effect_unit
from fixbench.reports._format import number, short_hash
from fixbench.reports._judging import Measurements
from fixbench.reports._tier import ReportedTier

__all__ = ["determinism_label", "noise_floor"]


def determinism_label(
    name: str,
    tier: ReportedTier,
    found: Determinism | None,
    provenance: Sequence[Mapping[str, Any]],
) -> tuple[str, Determinism | None]:
    """The label in a sentence, and the record if it is one of these results.

    A record of another tier, of other code or of other options is named and not used.
    """
    if found is None:
        missing = "not measured"
    elif found.tier != tier.name:
        missing = f"not measured in tier {tier.name} ({found.label} in tier {found.tier})"
    elif other := _outdated(tier, found, provenance):
        missing = f"not measured for these results: the record is of {other}"
    else:
        return _label(found, provenance), found
    return f"{missing}; 'fixbench determinism {name} --tier {tier.name}' measures it", None


def noise_floor(effect: Effect, ablation: Ablation, found: Determinism) -> tuple[str, str]:
    """The effect of nothing: a run against the same run again, on the effect's own scale.

    Every variant of the effect is taken to be the one that was repeated, with the terms of one sign
    read from the repetition and the others from the first run. Differences of several terms add up.
    """
    label = f"Noise floor: variant {found.variant}, seed {found.seed}, against its repetition"
    cells = {(term.stage, term.metric): None for term in effect.weighted}
    lacking = [cell for cell in cells if cell[1] not in found.measured.get(cell[0], ())]
    if lacking:
        stage, metric = lacking[0]
        return label, f"not measured: variant {found.variant} has no {metric} in stage {stage}"
    floors = {item.how: _floor(effect, ablation, item) for item in found.repetitions}
    if set(floors.values()) == {"bitwise"}:
        return label, "none: bitwise the same"
    return label, "; ".join(f"{how}: {floor}" for how, floor in floors.items())


def _outdated(
    tier: ReportedTier, found: Determinism, provenance: Sequence[Mapping[str, Any]]
) -> str:
    """What the record was made with instead of what the results were; empty where the same."""
    other = sorted(_codes(provenance) - {found.code})
    if other:
        results = ", ".join(map(short_hash, other))
        return f"other code ({short_hash(found.code)}, and the results of {results})"
    if found.variant not in tier.ablation.variants or tier.options(found.variant) != found.options:
        return f"other options of variant {found.variant}"
    return ""


def _codes(provenance: Sequence[Mapping[str, Any]]) -> set[str]:
    codes = ((record.get("code") or {}).get("sha256") for record in provenance)
    return {str(code) for code in codes if code}


def _label(found: Determinism, provenance: Sequence[Mapping[str, Any]]) -> str:
    alike = len({item.label for item in found.repetitions}) == 1
    ways = (item.how if alike else f"{item.how} {item.label}" for item in found.repetitions)
    known = "" if _codes(provenance) else "; the code of the results is not recorded"
    return (
        f"{found.label} (same seed {', '.join(ways)}; tier {found.tier}, variant {found.variant}, "
        f"seed {found.seed}, {found.device}{known})"
    )


def _floor(effect: Effect, ablation: Ablation, repetition: Repetition) -> str:
    """How far the repetition alone moves the effect."""
    scattered = {(item.stage, item.metric): item for item in repetition.scattered}
    moved = {1: 0.0, -1: 0.0}
    bitwise = True
    for term in effect.weighted:
        cell = scattered.get((term.stage, term.metric))
        if cell is None:
            continue
        if not cell.steps:
            return "other rows, no number"
        bitwise = False
        try:
            distance = abs(_distance(term, effect.scale, cell))
        except InputError:  # such as a step that was not measured
            return "no number"
        if math.isnan(distance):  # such as a value without a logarithm
            return "no number"
        moved[1 if term.weight > 0 else -1] += abs(term.weight) * distance
    if bitwise:
        return "bitwise"
    floor = max(moved.values())
    if effect.reported == "log":
        more = math.expm1(floor)
        return f"a factor of {number(1 + more) if more >= 0.01 else f'1 + {number(more, 2)}'}"
    return f"{number(floor, 2)} {effect_unit(effect, ablation)}".rstrip()


def _distance(term: Term, scale: Literal["plain", "log"], cell: Scatter) -> float:
    """What the term reads in the repetition less what it reads in the first run."""
    rows = [
        (run, 0, cell.stage, step, cell.metric, value, "ok", "the repetition")
        for run, values in (("first", cell.first), ("repeated", cell.repeated))
        for step, value in zip(cell.steps, values, strict=True)
    ]
    columns = ["variant", "seed", "stage", "step", "metric", "value", "status", "file"]
    terms = [
        term.model_copy(update={"variant": run, "weight": weight})
        for run, weight in (("repeated", 1.0), ("first", -1.0))
    ]
    results = Measurements(pd.DataFrame(rows, columns=columns), {cell.metric: "neither"})
    return results.per_seed(Effect(terms=terms, scale=scale)).values[0]
