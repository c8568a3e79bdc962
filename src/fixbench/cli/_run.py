"""The command ``fixbench run``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fixbench.cli._command import TIERS, Command, add_ablations, positive
from fixbench.cli._progress import seed_progress

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ablation")
    parser.add_argument("variant")
    parser.add_argument(
        "--seeds", required=True, help="such as 0-4 or 0-4,7; 0-4.data-1 on data draw 1"
    )
    parser.add_argument("--tier", default="small", choices=TIERS)
    parser.add_argument("--output", type=Path, required=True, help="the results (Parquet)")
    parser.add_argument("--state", type=Path, help="states that other variants start from")
    parser.add_argument("--parent", type=Path, help="the states that this variant starts from")
    parser.add_argument("--provenance", type=Path, help="what ran on what (JSON)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", type=positive, default=1)
    add_ablations(parser)


def _run(options: argparse.Namespace) -> None:
    from fixbench.draws import split_block
    from fixbench.files import check_output
    from fixbench.reading import parse_seeds

    block, data_seed = split_block(options.seeds)
    seeds = parse_seeds(block)
    for name in ("output", "state", "provenance"):
        if (path := getattr(options, name)) is not None:
            check_output(path, f"--{name}")
    from fixbench.job import run_job  # imports torch

    on = "" if data_seed is None else f", data draw {data_seed}"
    with seed_progress(f"{options.ablation} {options.variant}{on}", seeds) as progress:
        run_job(
            Path(),
            options.ablation,
            options.variant,
            seeds,
            options.tier,
            options.output,
            ablations=options.ablations,
            state=options.state,
            parent=options.parent,
            record=options.provenance,
            device=options.device,
            threads=options.threads,
            progress=progress,
            data_seed=data_seed,
        )


COMMAND = Command(
    name="run",
    text="Train and measure one variant for a block of seeds.",
    add_arguments=_add_arguments,
    run=_run,
    examples=("fixbench run learning_rate add_rate --seeds 0-4 --output rows.parquet",),
)
