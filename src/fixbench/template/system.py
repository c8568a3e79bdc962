"""Logistic regression on made-up data, by gradient descent.

Fixbench asks a system for two names: ``Options``, which checks what the ablation file sets, and
``run``, which trains and measures one seed. ``MEASURES``, a third, names the parts of a run that a
variant can ask for alone; this run measures everything.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from fixbench.training import Outcome, RunContext, Session, StrictOptions, generator, seeded


class Data(StrictOptions):
    """What is generated: so many points of so many features."""

    samples: int
    features: int


class Optimiser(StrictOptions):
    """Plain gradient descent."""

    learning_rate: float


class Training(StrictOptions):
    """How long."""

    steps: int


class Options(StrictOptions):
    """The options of one variant."""

    data: Data
    optimiser: Optimiser
    training: Training


def run(options: Options, seed: int, context: RunContext) -> Outcome:
    """Train and measure one seed.

    It must not read anything but the ablation's ``inputs`` below ``context.root``, and write
    nothing. It must not draw from a global generator: what is random comes from ``seed`` and a
    name. It must not keep anything from one seed to the next, nor catch `Diverged` or a lack of
    memory: the job counts such a run. `fixbench.testing.check_system` checks most of this.
    """
    session = Session(context)
    draw = generator(seed, "data")
    truth = torch.randn(options.data.features, generator=draw)
    x = torch.randn(options.data.samples, options.data.features, generator=draw)
    y = torch.bernoulli(torch.sigmoid(x @ truth), generator=draw).to(context.device)
    x = x.to(context.device)
    with seeded(seed, "model"):  # layers draw their initial weights from a stream of their own
        model = nn.Linear(options.data.features, 1, bias=False).to(context.device)
    optimiser = torch.optim.SGD(model.parameters(), lr=options.optimiser.learning_rate)
    position = session.restore(model=model, optimiser=optimiser)  # of this run, if it was killed
    steps = options.training.steps
    for step in range(position["step"] if position else 0, steps):
        loss = binary_cross_entropy_with_logits(model(x).flatten(), y)
        session.record({"loss": loss.item()}, "train", step)  # ends the run if it is not finite
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if (step + 1) % 20 == 0:
            session.progress("train", step + 1, steps)
            session.save(step=step + 1, model=model, optimiser=optimiser)
    return Outcome(session.rows, dict(model.state_dict()))
