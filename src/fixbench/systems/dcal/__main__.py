"""``python -m fixbench.systems.dcal OUTPUT``: pretrain the small tier's trunk again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fixbench.systems.dcal._pretraining import RECIPE, pretrain
from fixbench.training import compare_state_files


def main() -> None:
    """Write the trunk and say whether it equals the tracked one."""
    parser = argparse.ArgumentParser(prog="python -m fixbench.systems.dcal", description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--compare", type=Path, help="the tracked checkpoint")
    options = parser.parse_args()

    def progress(done: int, total: int) -> None:
        if done % 100 == 0 or done == total:
            print(f"{done}/{total}", file=sys.stderr, flush=True)

    found = pretrain(options.output, RECIPE, progress=progress)
    print(
        f"accuracy on coarse kinds {found.accuracy:.3f}, "
        f"root mean square of the weights {found.weight_rms:.4f}"
    )
    if options.compare is not None:
        print(compare_state_files(options.output, options.compare))


main()
