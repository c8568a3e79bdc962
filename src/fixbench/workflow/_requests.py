"""Requests: what the results of a variant depend on, written where Snakemake looks for changes.

A job is run again when what it depends on has changed and at no other time. Snakemake sees that by
way of the job's *request*, a small file with everything that the result depends on: the resolved
options and the hashes of code, inputs and lock files. The text of a claim is not among it.
A request is written only after the system has accepted its options.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fixbench import containers, provenance, tracking
from fixbench.ablation import Ablation
from fixbench.draws import forget_damaged, generator_of
from fixbench.files import write_json
from fixbench.workflow._layout import data_record, data_request, draw_request, job_request

__all__ = ["write_requests"]


def write_requests(
    folder: Path,
    ablation: Ablation,
    tier: str,
    image: containers.ImageSpec | None,
    contained: bool,
) -> None:
    """Write the requests of an ablation's variants in a tier, those that have changed.

    Args:
        folder: the ablation's folder.
        image: the image of its environment, if one is declared.
        contained: the jobs run in it.

    Raises:
        InputError: an input is damaged, the code cannot be found, or the system refuses an option.
    """
    root, in_tier = Path(), ablation.at(tier)
    # Inputs that are drawn count with the records of their draws.
    tracked = [name for name in ablation.inputs if name not in in_tier.drawn]
    inputs = {name: tracking.tracked_hash(root, name) for name in tracked}
    for name, content in inputs.items():
        if data_record(name).exists():  # else the rule that pulls it comes first
            tracking.verify(root, name)
        _write_changed(data_request(name), {"folder": name, "sha256": content})
    for name in in_tier.drawn:
        made_by = provenance.module_hash(generator_of(name))
        for data_seed in in_tier.data_seeds:
            asked = {"folder": name, "data_seed": data_seed, "generator": made_by}
            _write_changed(draw_request(name, data_seed), asked)
            forget_damaged(root, name, data_seed)
    shared: dict[str, Any] = {
        "ablation": folder.name,
        "tier": tier,
        "runs": ablation.system or ablation.command,
        "code": provenance.code_hash(ablation, folder),
        "inputs": inputs,
        "locks": {
            str(path): provenance.file_hash(path)
            for path in provenance.lock_files(root, ablation.environment)
        },
        "units": ablation.units,
    }
    if ablation.limits is not None:
        shared["limits"] = ablation.limits.model_dump()
    if ablation.preload:
        shared["preload"] = ablation.preload
    if ablation.metrics_from is not None:
        shared["metrics_from"] = ablation.metrics_from.model_dump()
    requests = {
        job_request(folder.name, tier, name): {
            **shared,
            "variant": name,
            "starts_from": variant.starts_from,
            "options": in_tier.options(name),
            "measure": in_tier.measured(name),
            "image": image.definition if image is not None and contained else None,
        }
        for name, variant in in_tier.variants.items()
    }
    if image is not None and not contained:
        # What was made in the locked image is not made again without it: the bytes are the same.
        for path, request in requests.items():
            in_image = {**request, "image": image.definition}
            if path.exists() and not _has_changed(path, in_image):
                request["image"] = image.definition
    if any(_has_changed(path, request) for path, request in requests.items()):
        # Imports torch, which takes seconds; a request that stands was checked when written.
        from fixbench.job import check_runnable

        check_runnable(folder / "ablation.yaml", ablation, [tier])
    for path, request in requests.items():
        _write_changed(path, request)


def _write_changed(path: Path, content: Any) -> None:
    """Leave an unchanged file alone: a newer one would be a reason to run the job again."""
    if _has_changed(path, content):
        write_json(path, content)


def _has_changed(path: Path, content: Any) -> bool:
    """Whether a request is missing, says something else, or cannot be read."""
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")) != content)
    except (OSError, ValueError):
        return True
