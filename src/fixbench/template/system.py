"""Logistic regression on made-up data, by gradient descent.

Fixbench asks a system for two names: ``Options``, which checks what the ablation file sets, and
``run``, which trains and measures one seed. All randomness comes from the seed.
"""

from __future__ import annotations

import math

import torch
from pydantic import BaseModel, ConfigDict
from torch.nn.functional import binary_cross_entropy_with_logits

from fixbench.results import Row
from fixbench.training import Diverged, Outcome, RunContext


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Data(_Strict):
    """What is generated: so many points of so many features."""

    samples: int
    features: int


class Optimiser(_Strict):
    """Plain gradient descent."""

    learning_rate: float


class Training(_Strict):
    """How long."""

    steps: int


class Options(_Strict):
    """The options of one variant."""

    data: Data
    optimiser: Optimiser
    training: Training


def run(options: Options, seed: int, context: RunContext) -> Outcome:
    """Train and measure one seed."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randn(options.data.features, generator=generator)
    x = torch.randn(options.data.samples, options.data.features, generator=generator)
    y = torch.bernoulli(torch.sigmoid(x @ truth), generator=generator).to(context.device)
    x = x.to(context.device)
    weight = torch.zeros(options.data.features, device=context.device, requires_grad=True)
    rows: list[Row] = []
    start = 0
    saved = context.checkpointer.load()  # of this run, if it was killed
    if saved is not None:
        start, rows = saved["step"], saved["rows"]
        weight = saved["weight"].to(context.device).requires_grad_()
    optimiser = torch.optim.SGD([weight], lr=options.optimiser.learning_rate)
    for step in range(start, options.training.steps):
        loss = binary_cross_entropy_with_logits(x @ weight, y)
        if not math.isfinite(loss.item()):
            raise Diverged(rows, stage="train", step=step)
        rows.append(Row("train", step, "loss", loss.item()))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if (step + 1) % 20 == 0:
            context.checkpointer.save({"step": step + 1, "weight": weight, "rows": rows})
        context.progress("train", step + 1, options.training.steps)
    return Outcome(rows, {"weight": weight})
