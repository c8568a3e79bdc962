import sys
from pathlib import Path

from benchopt import BaseSolver


class Solver(BaseSolver):
    name = "network"
    sampling_strategy = "run_once"
    parameters = {"dropout": [0.0, 0.5], "seed": [*range(10)]}  # noqa: RUF012

    def set_objective(self):
        sys.path.insert(0, str(Path(__file__).parents[2] / "digits"))

    def run(self, _):
        import torch
        from train import train

        torch.set_num_threads(1)
        self.accuracy = train(self.seed, self.dropout)

    def get_result(self):
        return {"accuracy": self.accuracy}
