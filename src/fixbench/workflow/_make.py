"""From the configuration to a plan: everything is checked here, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fixbench import containers
from fixbench.ablation import load_ablation
from fixbench.draws import check_drawable
from fixbench.errors import InputError
from fixbench.verdicts import check_claims
from fixbench.workflow._checks import check_surroundings
from fixbench.workflow._folders import check_writable, find_ablations
from fixbench.workflow._layout import image_file
from fixbench.workflow._plan import Plan
from fixbench.workflow._requests import write_requests
from fixbench.workflow._seeds import plan_seeds
from fixbench.workflow._settings import DEFAULT_TIER, Settings, check_settings, given_in

__all__ = ["make_plan"]


def make_plan(config: Mapping[str, Any], *, contained: bool = False) -> Plan:
    """Check the configuration and every ablation, and write the requests that have changed.

    Paths are relative to the working directory.

    Args:
        contained: Snakemake itself runs the jobs in containers.

    Raises:
        InputError: something is wrong; nothing has run.
    """
    settings = check_settings(config)
    folder = Path(settings.folder)
    reports = Path("reports") / ("" if settings.tier == DEFAULT_TIER else settings.tier)
    for place in (reports, Path("results"), Path("logs"), Path(".fixbench")):
        check_writable(place)
    given = given_in(config, "ablations")
    names = find_ablations(folder, settings.ablations, file=given, key="ablations")
    engine = None if contained else _find_engine(settings, config)
    planned = {}
    images = {}
    for name in names:
        file = folder / name / "ablation.yaml"
        ablation = load_ablation(file)
        check_claims(ablation, folder / name / "claims.yaml")
        check_drawable(file, ablation)
        check_surroundings(file, ablation)
        if settings.tier not in ablation.tiers:
            if settings.ablations:
                known = ", ".join(ablation.tiers)
                expected = f"a tier of {name}: {known}"
                given = given_in(config, "tier")
                raise InputError(given, "tier", settings.tier, expected=expected)
            continue
        planned[name] = plan_seeds(file, ablation, settings, config)
        image = _image(ablation.environment, settings, required=engine is not None)
        if image is not None:
            images[ablation.environment] = image
        write_requests(folder / name, ablation, settings.tier, image, engine is not None)
    if not planned:
        expected = f"a tier that an ablation in {folder} has"
        raise InputError(given_in(config, "tier"), "tier", settings.tier, expected=expected)
    left_out = tuple(name for name in find_ablations(folder) if name not in names)
    if engine is not None:
        for environment, image in images.items():
            containers.write_spec(image_file(environment), image)
    return Plan(
        tier=settings.tier,
        device=settings.device,
        folder=folder,
        reports=reports,
        ablations=planned,
        left_out=left_out,
        engine=engine,
        images=images,
        gpu_share=settings.gpu_share,
        worker=settings.worker,
    )


def _find_engine(settings: Settings, config: Mapping[str, Any]) -> containers.Engine | None:
    try:
        return containers.find_engine(settings.runtime)
    except InputError as error:
        file = given_in(config, "runtime")
        raise InputError(file, error.key, settings.runtime, expected=error.expected) from None


def _image(environment: str, settings: Settings, *, required: bool) -> containers.ImageSpec | None:
    """The image of an environment: with CUDA where there is a GPU to use."""
    gpu = settings.device != "cpu" and bool(containers.list_gpus())
    try:
        return containers.image_spec(Path(), f"{environment}-{'cuda' if gpu else 'cpu'}")
    except InputError:
        if required:
            raise
        return None
