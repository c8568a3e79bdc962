"""Where jobs could run besides here: container engines and a cluster."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

from fixbench.containers import ENGINES
from fixbench.diagnosis._finding import Finding

__all__ = ["check_cluster", "check_engines"]

_PLUGIN = "snakemake_executor_plugin_slurm"


def check_engines(root: Path) -> Iterator[Finding]:
    """Each engine: is it installed, and does it answer? A run takes the first that does."""
    chosen = False
    for name, engine in ENGINES.items():
        if shutil.which(name) is None:
            yield Finding(what=name, state="note", found="not installed")
            continue
        version, problem = engine.ask_version()
        if version:
            use = "" if chosen else "; a run takes it (snakemake --config runtime=local: none)"
            yield Finding(what=name, state="ok", found=f"{version} answers{use}")
            chosen = True
        else:
            remedy = f"start its service, or give yourself access to it, to run jobs in {name}"
            found = f"installed, and does not answer: {problem}"
            yield Finding(what=name, state="note", found=found, remedy=remedy)
    if not chosen:
        found = "no engine answers: jobs run in this environment"
        yield Finding(what="containers", state="note", found=found)


def check_cluster(root: Path) -> Iterator[Finding]:
    """Slurm, and the plugin by which Snakemake uses it."""
    if shutil.which("sbatch") is None:
        yield Finding(what="Slurm", state="note", found="no sbatch: jobs run on this machine")
    elif importlib.util.find_spec(_PLUGIN) is None:
        name = _PLUGIN.replace("_", "-")
        remedy = f"pip install {name}, to run jobs with snakemake --executor slurm"
        yield Finding(what="Slurm", state="note", found=f"sbatch, but no {name}", remedy=remedy)
    else:
        found = "sbatch and its plugin: snakemake --executor slurm"
        yield Finding(what="Slurm", state="ok", found=found)
