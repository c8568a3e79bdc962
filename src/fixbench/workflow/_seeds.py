"""Which seeds an ablation runs: in which blocks, and after which of them the plan looks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from fixbench.ablation import Ablation
from fixbench.draws import block_label
from fixbench.errors import InputError
from fixbench.reading import parse_seeds
from fixbench.statistics import plan_looks
from fixbench.workflow._layout import look_files
from fixbench.workflow._settings import UNTIL_VERDICT, Settings, given_in

__all__ = ["PlannedAblation", "decided", "plan_seeds", "seed_label"]

_DEFAULT_BLOCKS = 4


@dataclass(frozen=True)
class PlannedAblation:
    """An ablation in the chosen tier.

    Attributes:
        blocks: the seed blocks of its jobs, as labels.
        looks: where seeds are added until a verdict, how many there are after each block.
        draws: the data draws on which each block runs; none for the tracked data.
    """

    ablation: Ablation
    blocks: tuple[str, ...]
    looks: tuple[int, ...] = ()
    draws: tuple[int, ...] = ()

    def labels(self, blocks: int | None = None) -> list[str]:
        """What the jobs of a variant are called, those of the first ``blocks`` of seeds."""
        return [
            block_label(block, draw)
            for block in self.blocks[:blocks]
            for draw in (self.draws or (None,))
        ]


def seed_label(seeds: Sequence[int]) -> str:
    """The inverse of `parse_seeds`: ``[0, 1, 2, 7]`` → ``"0-2,7"``."""
    runs: list[list[int]] = []
    for seed in sorted(seeds):
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def plan_seeds(
    file: Path, ablation: Ablation, settings: Settings, config: Mapping[str, Any]
) -> PlannedAblation:
    """The seeds of an ablation, in blocks.

    Args:
        file: the ablation file.
        config: the configuration as it was given.

    Raises:
        InputError: the seeds or their budget are wrong, or another plan was made before the
            first look.
    """
    if settings.seeds == UNTIL_VERDICT:
        return _until_verdict(file, ablation, settings, config)
    tier, given = ablation.tiers[settings.tier], given_in(config, "seeds")
    if settings.seed_budget is not None:
        expected = f"seeds={UNTIL_VERDICT} beside it"
        place = given_in(config, "seed_budget")
        raise InputError(place, "seed_budget", settings.seed_budget, expected=expected)
    if settings.seeds is not None and not any(map(str.isdigit, settings.seeds)):
        expected = f"seeds such as '0-9' or '0-4,7', upwards, or {UNTIL_VERDICT!r}"
        raise InputError(given, "seeds", settings.seeds, expected=expected)
    seeds = parse_seeds(settings.seeds or tier.seeds, file=given, key="seeds")
    starts = range(0, len(seeds), tier.block)
    blocks = (seed_label(seeds[start : start + tier.block]) for start in starts)
    draws = tuple(ablation.at(settings.tier).data_seeds)
    return PlannedAblation(ablation, tuple(blocks), draws=draws)


def _until_verdict(
    file: Path, ablation: Ablation, settings: Settings, config: Mapping[str, Any]
) -> PlannedAblation:
    """Blocks from the tier's first seed on, as they were planned before the first look.

    Raises:
        InputError: there is no such plan, or another one was made before a look at the results.
    """
    tier = ablation.tiers[settings.tier]
    budget = settings.seed_budget or _DEFAULT_BLOCKS * tier.block
    place = given_in(config, "seed_budget")
    try:
        looks = plan_looks(budget, block=tier.block)
    except InputError as error:
        if error.key == "block":
            key = f"tiers.{settings.tier}.block"
            expected = f"two seeds or more for seeds={UNTIL_VERDICT}"
            raise InputError(file, key, tier.block, expected=expected) from None
        raise InputError(place, "seed_budget", budget, expected=error.expected) from None
    first = parse_seeds(tier.seeds, file=file, key=f"tiers.{settings.tier}.seeds")[0]
    for path in look_files(file.parent.name, settings.tier):
        plan = decided(path)["plan"]
        if (plan["first_seed"], tuple(plan["looks"])) != (first, looks):
            expected = (
                f"looks after {', '.join(map(str, plan['looks']))} seeds, from seed "
                f"{plan['first_seed']} on, as planned before the first of them ({path}): changed "
                "afterwards, the plan has no error rate"
            )
            raise InputError(place, "seed_budget", budget, expected=expected)
    starts = (0, *looks)
    blocks = (seed_label(range(first + a, first + b)) for a, b in pairwise(starts))
    draws = tuple(ablation.at(settings.tier).data_seeds)
    return PlannedAblation(ablation, tuple(blocks), looks, draws)


def decided(path: Path) -> dict[str, Any]:
    """What a look has decided, as it was written.

    Raises:
        InputError: the file is not what ``fixbench look`` writes.
    """
    content: Any = None
    with suppress(ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not {"plan", "next_n"} <= content.keys():
        raise InputError(path, "", expected="what `fixbench look` wrote; delete it and run again")
    return content
