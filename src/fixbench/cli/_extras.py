"""Which extra of the package brings a library that `pip install fixbench` alone does not."""

from __future__ import annotations

__all__ = ["EXTRAS", "how_to_install"]

#: What is imported → the extra (of pyproject.toml) that brings it.
EXTRAS = {
    "PIL": "systems",
    "dvc": "data",
    "faster_coco_eval": "systems",
    "h5py": "systems",
    "skimage": "data",
    "sklearn": "systems",
    "snakemake": "pipeline",
    "torch": "systems",
}


def how_to_install(error: ModuleNotFoundError) -> str | None:
    """What is missing, and the command that installs it; ``None`` if no extra brings it."""
    name = (error.name or "").partition(".")[0]
    if name not in EXTRAS:
        return None
    return f"{name}, which is not installed: pip install 'fixbench[{EXTRAS[name]}]'"
