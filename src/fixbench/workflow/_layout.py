"""Where the files of the pipeline lie, relative to the working directory."""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "ABLATION_PAGES",
    "CLAIM_PAGES",
    "ablation_files",
    "data_record",
    "data_request",
    "draw_request",
    "image_file",
    "job_request",
    "look_files",
    "rule_file",
    "verdict_file",
]

#: What `fixbench claims` writes of all ablations together.
CLAIM_PAGES = (
    "claims.json",
    "claims.csv",
    "metrics.json",
    "numbers.tex",
    "appendix.tex",
    "appendix-forest.pdf",
    "appendix.pdf",
    "fixbench.bib",
    "index.html",
)

#: What `fixbench report` writes of an ablation.
ABLATION_PAGES = (
    "{ablation}.html",
    "{ablation}.pdf",
    "supplement-{ablation}.tex",
    "appendix-{ablation}.tex",
    "appendix-{ablation}-forest.pdf",
)


def ablation_files(folder: Path, *, findings: bool) -> list[str]:
    """The files of an ablation's folder that say what is asked, those that exist.

    Args:
        findings: with what was written after results, which no verdict depends on.
    """
    names = ["ablation.yaml", "claims.yaml"]
    if findings:
        names += ["citations.yaml", "findings.yaml", "references.bib"]
    # The first is there, or there is no ablation.
    return [str(folder / name) for name in names if (folder / name).is_file()]


def rule_file(folder: Path) -> Path:
    """The Snakemake rule of an ablation, if it brings one of its own."""
    return folder / "rule.smk"


def job_request(ablation: str, tier: str, variant: str) -> Path:
    """Everything that the results of a variant depend on, as JSON."""
    return Path(".fixbench", "requests", ablation, tier, f"{variant}.json")


def data_request(tracked: str) -> Path:
    """The hash of a tracked folder, as JSON."""
    return Path(".fixbench", "requests", "tracked", f"{tracked}.json")


def draw_request(name: str, data_seed: int) -> Path:
    """What a data draw depends on, as JSON; where it lies, `fixbench.draws` says."""
    folder = name.removeprefix("data/")
    return Path(".fixbench", "requests", "draws", folder, f"{data_seed}.json")


def data_record(tracked: str) -> Path:
    """What the rule leaves that pulls a tracked folder."""
    return Path("results", "tracked", f"{tracked}.json")


def image_file(environment: str) -> Path:
    """The declaration of an environment's image, for the launcher."""
    return Path(".fixbench", "images", f"{environment}.json")


def verdict_file(ablation: str, tier: str) -> Path:
    """The verdicts on an ablation's claims."""
    return Path("results", ablation, tier, "claims.json")


def look_files(ablation: str, tier: str) -> list[Path]:
    """What the looks at an ablation have decided, the first one first."""
    return sorted(Path("results", ablation, tier).glob("look-*.json"))
