"""``python -m benchmarks.costs``: what the suite itself takes, beside the training.

Checks, plans, verdicts and pages: seconds on the clock and of processor time, the median of rounds.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks._measure import Took, run

ROOT = Path(__file__).parents[1]
TIER = "small"
NAMES = sorted(path.parent.name for path in (ROOT / "ablations").glob("*/ablation.yaml"))
FIXBENCH = [sys.executable, "-m", "fixbench"]


def check(folder: Path) -> Took:
    """All ablations of this checkout."""
    return run([*FIXBENCH, "check"], ROOT, log=folder / "log")


def plan(folder: Path, jobs: int) -> Took:
    """`snakemake -n` of a repository that `fixbench init` has begun, with so many jobs to run."""
    run([*FIXBENCH, "init"], folder, log=folder / "init.log")
    file = folder / "ablations" / "example" / "ablation.yaml"
    seeds = -(-jobs // 3)
    text = file.read_text()
    text = text.replace(
        'small: {seeds: "0-9", block: 10', f'small: {{seeds: "0-{seeds - 1}", block: 1'
    )
    file.write_text(text)
    log = folder / "log"
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules"]
    took = run([*command, "--config", "runtime=local"], folder, log=log)
    planned = re.search(r"^job +(\d+)$", log.read_text(), re.MULTILINE)
    if planned is None or int(planned[1]) != 3 * seeds:
        raise SystemExit(f"the plan has not {3 * seeds} jobs: see {log}")
    return took


def judge(folder: Path) -> Took:
    """Verdicts of all ablations from their published rows."""
    took = []
    for name in NAMES:
        command = [*FIXBENCH, "analyse", name, "--tier", TIER]
        command += ["--results", f"reports/reference/{TIER}/{name}.parquet"]
        command += ["--claims", str(folder / name / "claims.json")]
        took.append(run(command, ROOT, log=folder / "log"))
    return _total(took)


def report(folder: Path) -> Took:
    """The pages of all ablations, and the page of all claims."""
    judge(folder)
    took = []
    for name in NAMES:
        records = sorted((ROOT / f"reports/reference/{TIER}/provenance/{name}").glob("*.json"))
        command = [*FIXBENCH, "report", name, "--tier", TIER]
        command += ["--results", f"reports/reference/{TIER}/{name}.parquet"]
        command += ["--claims", str(folder / name / "claims.json")]
        command += ["--provenance", *map(str, records), "--directory", str(folder / "pages")]
        took.append(run(command, ROOT, log=folder / "log"))
    claims = [str(folder / name / "claims.json") for name in NAMES]
    command = [*FIXBENCH, "claims", *claims, "--tier", TIER, "--ablations", "ablations"]
    command += ["--directory", str(folder / "pages")]
    return _total([*took, run(command, ROOT, log=folder / "log")])


def _total(took: list[Took]) -> Took:
    return Took(sum(one.wall for one in took), sum(one.cpu for one in took))


def costs() -> Iterator[tuple[str, Callable[[Path], Took]]]:
    """What is measured, by name."""
    yield f"`fixbench check`, {len(NAMES)} ablations", check
    for jobs in (30, 300, 3000):
        yield f"`snakemake -n`, {jobs} jobs", lambda folder, jobs=jobs: plan(folder, jobs)
    yield f"verdicts of {len(NAMES)} ablations, one after another", judge
    yield f"pages of {len(NAMES)} ablations, one after another", report


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    lines = ["| what | wall, s | processor, s |", "|---|---|---|"]
    for name, measure in costs():
        took = []
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory(prefix="fixbench-benchmark-") as folder:
                took.append(measure(Path(folder)))
        wall, cpu = (
            statistics.median(getattr(one, field) for one in took) for field in ("wall", "cpu")
        )
        lines.append(f"| {name} | {wall:.1f} | {cpu:.1f} |")
        print(lines[-1], flush=True)
    (options.output / "costs.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
