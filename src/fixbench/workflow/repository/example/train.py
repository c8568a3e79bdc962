"""train.py --seed S --rate R --decay D --output FILE: a line fitted to noisy points by SGD."""

import argparse
import csv
import random

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--rate", type=float, required=True)
parser.add_argument("--decay", type=float, required=True)
parser.add_argument("--steps", type=int, required=True)
parser.add_argument("--output", required=True)
args = parser.parse_args()

draw = random.Random(args.seed)  # so that all variants of a seed see the same points
slope, offset = 0.0, 0.0
with open(args.output, "w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["metric", "step", "value"])
    for step in range(1, args.steps + 1):
        x = draw.uniform(-1, 1)
        error = slope * x + offset - (2 * x + 1 + draw.gauss(0, 1))
        rate = args.rate / (1 + args.decay * step)
        slope, offset = slope - rate * error * x, offset - rate * error
        if step % 50 == 0:
            table.writerow(["distance", step, (slope - 2) ** 2 + (offset - 1) ** 2])
