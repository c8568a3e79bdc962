"""``python -m fixbench.systems.aa_clip OUTPUT``: pretrain the small tier's towers again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from fixbench.systems.aa_clip._towers import RECIPE, pretrain
from fixbench.training import compare_state_files


def main() -> None:
    """Write the towers and say whether they equal the tracked ones."""
    parser = argparse.ArgumentParser(prog="python -m fixbench.systems.aa_clip", description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--compare", type=Path, help="the tracked checkpoint")
    options = parser.parse_args()
    torch.set_num_threads(1)

    def progress(stage: str, done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            print(f"{stage}: {done}/{total}", file=sys.stderr, flush=True)

    pretrain(options.output, RECIPE, progress=progress)
    if options.compare is not None:
        print(compare_state_files(options.output, options.compare))


main()
