"""Where the files of a run lie: of the published one, and of the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fixbench.ablation import Ablation, load_ablation
from fixbench.errors import InputError
from fixbench.published import PublishedClaim, read_table

__all__ = ["Run", "find_runs"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One ablation in one tier.

    Attributes:
        root: what paths in records are relative to.
        folder: of the ablation.
        published: whether it is the published run; else it is the user's own.
        rows: the Parquet files of its rows; none where they were not published.
        claims: its entries in ``table``.
        numbers, page: what prints them, whether it exists or not.
        records: of provenance.
    """

    name: str
    tier: str
    root: Path
    folder: Path
    published: bool
    rows: tuple[Path, ...]
    table: Path
    claims: tuple[PublishedClaim, ...]
    numbers: Path
    page: Path
    records: tuple[Path, ...]
    ablation: Ablation


def find_runs(
    root: Path, names: tuple[str, ...], tier: str, *, ablations: Path, local: bool
) -> list[Run]:
    """The runs of the ablations that a table of claims has, or of those that are named.

    Args:
        local: the user's own run instead of the published one.

    Raises:
        InputError: the table is missing or damaged, or has no claim of one that is named.
    """
    # Where the pipeline writes: the reports of the default tier are in no folder of its name.
    own = root / "reports" / ("" if tier == "small" else tier)
    reports = own if local else root / "reports" / "reference" / tier
    table = reports / "claims.json"
    if not table.is_file():
        run = f"a run of tier {tier!r}" + ("" if local else " that was published")
        raise InputError(table, "", expected=f"the table of claims of {run}")
    by_name: dict[str, list[PublishedClaim]] = {}
    for claim in read_table(table).claims:
        by_name.setdefault(claim.ablation, []).append(claim)
    for name in names:
        if name not in by_name:
            raise InputError(table, "ablation", name, expected=f"one of {', '.join(by_name)}")
    return [
        _run(root, name, tier, ablations, reports, tuple(by_name[name]), local=local)
        for name in names or by_name
    ]


def _run(
    root: Path,
    name: str,
    tier: str,
    ablations: Path,
    reports: Path,
    claims: tuple[PublishedClaim, ...],
    *,
    local: bool,
) -> Run:
    folder = root / ablations / name
    ablation = load_ablation(folder / "ablation.yaml")
    if tier not in ablation.tiers:
        expected = f"one of {', '.join(ablation.tiers)}"
        raise InputError(folder / "ablation.yaml", "tiers", tier, expected=expected)
    if local:
        planned = ablation.at(tier).variants
        rows = [
            path
            for path in sorted((root / "results" / name / tier).glob("*/*.parquet"))
            if path.parent.name in planned
        ]
        logs = root / "logs" / name / tier
        records = [
            path
            for path in (logs / row.parent.name / f"{row.stem}.provenance.json" for row in rows)
            if path.is_file()
        ]
    else:
        rows = [path for path in [reports / f"{name}.parquet"] if path.is_file()]
        records = sorted((reports / "provenance" / name).glob("*.json"))
    return Run(
        name=name,
        tier=tier,
        root=root,
        folder=folder,
        published=not local,
        rows=tuple(rows),
        table=reports / "claims.json",
        claims=claims,
        numbers=reports / "numbers.tex",
        page=reports / f"{name}.html",
        records=tuple(records),
        ablation=ablation,
    )
