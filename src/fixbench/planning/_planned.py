"""The jobs that a run would have, without writing what a run writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fixbench.ablation import load_ablation
from fixbench.errors import InputError
from fixbench.reading import read_source, read_yaml
from fixbench.workflow import CONFIG, Plan, check_settings, find_ablations, plan_seeds

__all__ = ["read_plan"]


def read_plan(
    names: Sequence[str] = (), *, tier: str | None = None, folder: Path | None = None
) -> Plan:
    """What ``snakemake`` would plan by ``config/config.yaml``, with the seeds of the tier.

    Args:
        names: of ablations; those of the configuration, or all that have the tier, by default.
        tier, folder: instead of those of the configuration.

    Raises:
        InputError: the configuration or an ablation is wrong, or an ablation that is named does not
            have the tier.
    """
    config = dict(read_yaml(CONFIG) or {}) if CONFIG.is_file() else {}
    config |= {} if tier is None else {"tier": tier}
    config |= {} if folder is None else {"folder": str(folder)}
    settings = check_settings(config)
    place = Path(settings.folder)
    wanted = list(names) or settings.ablations
    planned = {}
    for name in find_ablations(place, wanted):
        file = place / name / "ablation.yaml"
        ablation = load_ablation(file)
        if settings.tier in ablation.tiers:
            planned[name] = plan_seeds(file, ablation, settings, config)
        elif wanted:
            expected = f"{settings.tier!r} among them, or another --tier"
            raise read_source(file).problem(("tiers",), list(ablation.tiers), expected=expected)
    if not planned:
        expected = f"a tier that an ablation in {place} has"
        raise InputError("--tier", "", settings.tier, expected=expected)
    reports = Path("reports") / ("" if settings.tier == "small" else settings.tier)
    return Plan(
        tier=settings.tier, device=settings.device, folder=place, reports=reports, ablations=planned
    )
