"""The command ``fixbench determinism``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fixbench.cli._command import TIERS, Command, add_ablations, positive

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ablation")
    parser.add_argument("--variant", help="default: the baseline variant")
    parser.add_argument("--tier", default="small", choices=TIERS, help="default: small")
    parser.add_argument("--seed", type=int, help="default: the tier's first")
    parser.add_argument(
        "--threads", type=positive, default=2, help="to compare with one (default 2)"
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument(
        "--tolerance", type=float, default=1e-6, help="relative difference that is no noise"
    )
    parser.add_argument(
        "--output", type=Path, help="default: results/ABLATION/TIER/determinism.json"
    )
    add_ablations(parser)


def _run(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from fixbench.determinism import check_determinism
    from fixbench.files import check_output, write_json

    if options.output is not None:
        check_output(options.output, "--output")
    found = check_determinism(
        Path(),
        options.ablation,
        variant=options.variant,
        tier=options.tier,
        seed=options.seed,
        threads=options.threads,
        device=options.device,
        tolerance=options.tolerance,
        ablations=options.ablations,
        progress=lambda how: print(f"{options.ablation}: running {how}", file=sys.stderr),
    )
    output = options.output or Path("results", found.ablation, found.tier, "determinism.json")
    write_json(output, asdict(found))
    for item in found.repetitions:
        worst = max((value for value in item.differences.values() if value is not None), default=0)
        lacking = sorted(name for name, value in item.differences.items() if value is None)
        rows = f"; other rows of {', '.join(lacking)}" if lacking else ""
        print(f"  {item.how}: {item.label} (largest relative difference {worst:.2g}{rows})")
    run = f"{found.ablation} {found.variant}, tier {found.tier}, seed {found.seed}"
    print(f"{run}: {found.label}; wrote {output}")


COMMAND = Command(
    name="determinism",
    text="Run one seed in several ways: what is noise, not effect?",
    add_arguments=_add_arguments,
    run=_run,
    examples=("fixbench determinism learning_rate --tier smoke",),
)
