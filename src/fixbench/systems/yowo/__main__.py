"""``python -m fixbench.systems.yowo FOLDER``: pretrain the small tier's model again.

Writes FOLDER/trunk.pt and FOLDER/features.pt.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from fixbench.systems.yowo._cache import RECIPE, cache_features, pretrain
from fixbench.training import compare_state_files


def main() -> None:
    """Write both files and say whether they equal the tracked ones."""
    parser = argparse.ArgumentParser(prog="python -m fixbench.systems.yowo", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=Path("data/yowo"), help="the tracked frames")
    parser.add_argument("--compare", type=Path, help="folder of the tracked checkpoints")
    parser.add_argument("--features-of", type=Path, help="compute only the features of this model")
    options = parser.parse_args()
    torch.set_num_threads(1)

    def progress(stage: str, done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            print(f"{stage}: {done}/{total}", file=sys.stderr, flush=True)

    trunk = options.features_of
    if trunk is None:
        trunk = options.folder / "trunk.pt"
        pretrain(trunk, RECIPE, progress=progress)
    cache_features(options.folder / "features.pt", trunk, options.data)
    if options.compare is not None:
        for path in (trunk, options.folder / "features.pt"):
            print(compare_state_files(path, options.compare / path.name))


main()
