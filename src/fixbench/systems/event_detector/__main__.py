"""``python -m fixbench.systems.event_detector OUTPUT``: pretrain the small tier's detector again.

With ``--time`` it prints milliseconds of pyramid, attention and head with each kind of attention.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from fixbench.systems.event_detector._pretraining import RECIPE, pretrain
from fixbench.systems.event_detector._timing import timed
from fixbench.training import compare_state_files


def main() -> None:
    """Write the detector and say whether it equals the tracked one."""
    name = "python -m fixbench.systems.event_detector"
    parser = argparse.ArgumentParser(prog=name, description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--compare", type=Path, help="the tracked checkpoint")
    parser.add_argument("--time", action="store_true", help="time a step; OUTPUT is not written")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.time:
        for attention, milliseconds in timed(RECIPE.model).items():
            print(f"{attention}: {milliseconds:.1f} ms")
        return

    def progress(stage: str, done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            print(f"{stage}: {done}/{total}", file=sys.stderr, flush=True)

    pretrain(options.output, RECIPE, progress=progress)
    if options.compare is not None:
        print(compare_state_files(options.output, options.compare))


main()
