"""One vector of all parameters, and Adam over it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from fixbench.systems.dcal._options import OptimiserOptions

__all__ = ["PUBLISHED_PARAMETERS", "FlatParameters", "Update"]

#: Trained parameters of the documented model: ViT-B/16 at 448 pixels, the GLCA block, two heads of
#: 200 classes and three loss weights.
PUBLISHED_PARAMETERS = 93_645_715


class FlatParameters:
    """Parameters laid side by side in one vector, of which each becomes a view.

    A model of many small tensors then takes one kernel for a norm or an update and not hundreds.

    Attributes:
        vector: all values, with the gradient in ``vector.grad``, which autograd adds to.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        found = list(parameters)
        values = torch.cat([p.detach().flatten() for p in found])
        self.vector = nn.Parameter(values)
        self.vector.grad = torch.zeros_like(values)
        place = 0
        for parameter in found:
            part = slice(place, place := place + parameter.numel())
            parameter.data = self.vector.data[part].view(parameter.shape)
            parameter.grad = self.vector.grad[part].view(parameter.shape)


class Update:
    """Clip, then Adam or AdamW, at a rate that is given at each step.

    Args:
        parameters: all that is trained.
        batch: the effective batch, for ``scaled_moments``.

    Attributes:
        clip_norm: the bound that is used, on the norm of the whole gradient.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], options: OptimiserOptions, *, batch: int
    ) -> None:
        self.flat = FlatParameters(parameters)
        self.clip_norm = options.clip_norm
        if options.clip == "matched":
            self.clip_norm *= math.sqrt(self.flat.vector.numel() / PUBLISHED_PARAMETERS)
        betas, epsilon = options.betas, options.epsilon
        if options.scaled_moments:
            factor = batch / 16
            betas = (1 - factor * (1 - betas[0]), 1 - factor * (1 - betas[1]))
            epsilon /= math.sqrt(factor)
        kinds: dict[str, Any] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
        self.weight_decay = options.weight_decay
        self.optimiser = kinds[options.kind](
            [self.flat.vector],
            lr=1.0,
            betas=betas,
            eps=epsilon,
            weight_decay=options.weight_decay,
            fused=True,
        )

    @property
    def values(self) -> Tensor:
        """All parameters [P]."""
        return self.flat.vector.data

    @property
    def gradient(self) -> Tensor:
        """Their gradient [P]."""
        assert self.flat.vector.grad is not None
        return self.flat.vector.grad

    def step(self, rate: float) -> float:
        """Clip the gradient and update; the gradient is left clipped.

        Returns:
            the gradient's norm before clipping.
        """
        norm = self.gradient.norm().item()
        if norm > self.clip_norm:
            self.gradient.mul_(self.clip_norm / (norm + 1e-6))
        (group,) = self.optimiser.param_groups
        group["lr"] = rate
        self.optimiser.step()
        return norm

    def clear(self) -> None:
        """Set the gradient to zero."""
        self.gradient.zero_()

    def state_dict(self) -> dict[str, Any]:
        """For `Session.save`."""
        return self.optimiser.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """For `Session.restore`; parameters are the model's to load."""
        self.optimiser.load_state_dict(state)
