"""What is set against what in each claim, and what each arm reached, as tables of a paper."""

from __future__ import annotations

from dataclasses import dataclass

from fixbench.ablation import Claim
from fixbench.reports._arm_names import arm_names
from fixbench.reports._effects import contrast_text
from fixbench.reports._judging import ClaimResult
from fixbench.reports._levels import level_text
from fixbench.reports._metrics import metric_label, metric_of
from fixbench.reports.paper._forest import in_parts
from fixbench.reports.paper._judged import JudgedAblation
from fixbench.reports.paper._tables import named_parts

__all__ = ["ArmTable", "arm_tables"]

#: The lines of a table, about two for each claim's heading.
_MOST = 44
_BETTER = {"higher": "higher is better", "lower": "lower is better"}


@dataclass(frozen=True, kw_only=True)
class ArmRow:
    """An arm in print: its name, what it is where it is named first, and what it reached."""

    variant: str
    reason: str
    level: str
    n: str


@dataclass(frozen=True, kw_only=True)
class ArmGroup:
    """A claim with its arms."""

    heading: str
    contrast: str
    rows: list[ArmRow]


@dataclass(frozen=True, kw_only=True)
class ArmTable:
    """A table in print."""

    groups: list[ArmGroup]
    caption: str
    label: str


def arm_tables(judged: JudgedAblation, label: str) -> list[ArmTable]:
    """Each claim with the arms that its effect adds up; none where no claim has any."""
    told: set[str] = set()
    groups = [
        _group(judged, claim, result, told)
        for claim, result in judged.claims
        if claim is not None and result.levels
    ]
    if not groups:
        return []
    caption = (
        f"{judged.ablation.title}: the arms of each claim, with the mean ± standard deviation of "
        "their runs. The effect of a claim is the line below its name."
    )
    if any(level.n_lacking for result in judged.results for level in result.levels):
        caption += " Runs that failed are counted as lacking, and are not in the means."
    size = max(1, _MOST * len(groups) // sum(2 + len(group.rows) for group in groups))
    parts = in_parts(groups, size)
    return [
        ArmTable(groups=list(part), caption=text, label=name)
        for part, (text, name) in zip(parts, named_parts(caption, label, len(parts)), strict=True)
    ]


def _group(judged: JudgedAblation, claim: Claim, result: ClaimResult, told: set[str]) -> ArmGroup:
    assert claim.effect is not None
    ablation, effect = judged.ablation, claim.effect
    metrics = list(dict.fromkeys(term.metric for term in effect.weighted))
    better = {_BETTER.get(metric_of(ablation, name).better, "") for name in metrics}
    words = metric_label(ablation, metrics)
    if len(better) == 1 and (side := better.pop()):
        words += f", {side}"
    rows = []
    for name, level in zip(arm_names(result.levels), result.levels, strict=True):
        variant = ablation.variants.get(level.variant)
        reason = "" if variant is None or level.variant in told else variant.reason
        told.add(level.variant)
        rows.append(
            ArmRow(
                variant=name,
                reason=reason,
                level=level_text(level),
                n=str(level.n),
            )
        )
    return ArmGroup(heading=f"{result.id}: {words}", contrast=contrast_text(effect), rows=rows)
