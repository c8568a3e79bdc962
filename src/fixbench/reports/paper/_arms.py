"""The arms of an ablation as tables of a paper: mean ± standard deviation of the runs."""

from __future__ import annotations

from dataclasses import dataclass

from fixbench.reports._judging import ArmLevel
from fixbench.reports._levels import level_text
from fixbench.reports._metrics import metric_label
from fixbench.reports.paper._forest import in_parts
from fixbench.reports.paper._judged import JudgedAblation
from fixbench.reports.paper._tables import named_parts

__all__ = ["ArmTable", "arm_tables"]

#: The rows of a table, headings of metrics included.
_MOST = 40


@dataclass(frozen=True, kw_only=True)
class ArmRow:
    """An arm in print; a heading names what the arms below it measured, and has nothing else."""

    heading: str = ""
    variant: str = ""
    level: str = ""
    n: str = ""
    claims: str = ""


@dataclass(frozen=True, kw_only=True)
class ArmTable:
    """A table in print."""

    rows: list[ArmRow]
    caption: str
    label: str


def arm_tables(judged: JudgedAblation, label: str) -> list[ArmTable]:
    """Every number that a claim's effect adds up, once; none where no claim has one."""
    found: dict[tuple[str, str], dict[str, tuple[ArmLevel, list[str]]]] = {}
    for result in judged.results:
        for level in result.levels:
            place = f"{level.stage}, step {level.at}" if isinstance(level.at, int) else level.at
            heading = metric_label(judged.ablation, [level.metric])
            where = place if isinstance(level.at, int) else f"{level.stage}, {place}"
            arms = found.setdefault((heading, where), {})
            arms.setdefault(level.variant, (level, []))[1].append(result.id)
    rows: list[ArmRow] = []
    for (heading, where), arms in found.items():
        rows.append(ArmRow(heading=f"{heading} ({where})"))
        rows += [
            ArmRow(
                variant=variant,
                level=level_text(level),
                n=str(level.n),
                claims=", ".join(dict.fromkeys(claims)),
            )
            for variant, (level, claims) in arms.items()
        ]
    if not rows:
        return []
    caption = (
        f"{judged.ablation.title}: what each arm reached, mean ± standard deviation of its runs "
        "(n). In brackets: stage and step that are read. Failed runs are not in these means."
    )
    parts = in_parts(rows, _MOST)
    return [
        ArmTable(rows=list(part), caption=text, label=name)
        for part, (text, name) in zip(parts, named_parts(caption, label, len(parts)), strict=True)
    ]
