"""``python -m benchmarks``: the minimal study by every means, round by round, as ratios.

Ways take turns within a round, so that a machine that slows down slows all of them. Nothing else
should run beside it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks._digits import WAYS
from benchmarks._measure import Took
from benchmarks._table import draw, table

REFERENCE = "careful loop"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks"))
    parser.add_argument("--only", nargs="+", choices=list(WAYS), default=list(WAYS))
    options = parser.parse_args()
    chosen = [way for way in WAYS if way in {*options.only, REFERENCE}]
    options.output.mkdir(parents=True, exist_ok=True)
    rounds: dict[str, list[Took]] = {way: [] for way in chosen}
    for number in range(options.rounds):
        # Each way is first in turn, so that none is always behind the same other.
        for way in chosen[number % len(chosen) :] + chosen[: number % len(chosen)]:
            with tempfile.TemporaryDirectory(prefix="fixbench-benchmark-") as folder:
                took = WAYS[way](Path(folder))
            rounds[way].append(took)
            print(f"round {number + 1}: {way}: {took.wall:.1f} s, processor {took.cpu:.1f} s")
    text = table(rounds, REFERENCE)
    (options.output / "digits.md").write_text(text)
    record = {way: [asdict(one) for one in took] for way, took in rounds.items()}
    (options.output / "digits.json").write_text(json.dumps(record, indent=2) + "\n")
    draw(rounds, REFERENCE, options.output / "digits.svg")
    print(f"\n{text}")


if __name__ == "__main__":
    main()
