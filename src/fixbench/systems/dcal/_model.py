"""Dual cross-attention learning: trunk, GLCA, PWCA, two heads, and the weights of the losses."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from fixbench.errors import InputError
from fixbench.systems.dcal._global_local import GlobalLocalBlock
from fixbench.systems.dcal._loss_weighting import LossWeighting
from fixbench.systems.dcal._options import ModelOptions
from fixbench.systems.dcal._pair_wise import forward_pairs
from fixbench.systems.dcal._rollout import rollout_scores
from fixbench.systems.dcal._vit import Trunk, initialise
from fixbench.training import load_state, seeded

__all__ = ["DualCrossAttention", "Logits", "build_model"]


class Logits(NamedTuple):
    """What each part says of B images, [B, classes]; ``None`` where there is no such part."""

    sa: Tensor
    glca: Tensor | None
    pwca: Tensor | None


class DualCrossAttention(nn.Module):
    """The model as a whole.

    PWCA shares the trunk and the head of self-attention (SA). GLCA has a block and a head of its
    own and shares the last norm.

    Attributes:
        attended_pairs: what PWCA attended to in each block, in the last training pass.
    """

    def __init__(self, options: ModelOptions, classes: int) -> None:
        super().__init__()
        self.options = options
        width = options.trunk.width
        self.trunk = Trunk(options.trunk)
        self.head = nn.Linear(width, classes)
        self.glca: GlobalLocalBlock | None = None
        if options.glca.enabled:
            self.glca = GlobalLocalBlock(options.trunk, options.glca)
            self.glca_head = nn.Linear(width, classes)
        self.loss_weights = LossWeighting(len(options.terms), options.loss_weights)
        self.attended_pairs: list[Tensor] = []

    def forward(self, images: Tensor, pairs: Tensor | None = None) -> Logits:
        """Logits of every part; of PWCA where there are ``pairs``.

        Args:
            images: [B, 3, S, S]; pairs: which of them each is paired with [B].
        """
        crossed = None
        if pairs is None:
            x, maps = self.trunk(images)
        else:
            streams = forward_pairs(self.trunk, images, pairs, self.options.pwca)
            x, maps, crossed, self.attended_pairs = streams
        pwca = None if crossed is None else self._classify(self.head, crossed[:, 0])
        return Logits(self._classify(self.head, x[:, 0]), self._global_local(x, maps), pwca)

    def losses(self, logits: Logits, labels: Tensor) -> Tensor:
        """Cross-entropies in the order of ``options.terms`` [terms]; labels [B]."""
        found = [functional.cross_entropy(each, labels) for each in logits if each is not None]
        return torch.stack(found)

    def trained_parameters(self) -> list[nn.Parameter]:
        """All that the optimiser is given: first the trunk's `matrices`, last the loss weights."""
        first = {id(p) for p in self.matrices()}
        trained = [p for p in self.parameters() if p.requires_grad]
        return [*self.matrices(), *(p for p in trained if id(p) not in first)]

    def matrices(self) -> list[nn.Parameter]:
        """The trunk's weights of two dimensions or more, without gains and biases.

        In a narrow model gains, which are about 1, would decide the root mean square of all.
        """
        return [p for p in self.trunk.parameters() if p.ndim >= 2]

    def classify_locally(self, token: Tensor) -> Tensor:
        """GLCA's read-out [B, width] → its logits [B, classes]."""
        return self._classify(self.glca_head, token)

    def _global_local(self, x: Tensor, maps: list[Tensor]) -> Tensor | None:
        if self.glca is None:
            return None
        options = self.options
        scores = rollout_scores(
            maps, heads=options.trunk.heads, epsilon=options.glca.rollout_epsilon
        )
        return self.classify_locally(self.glca(x, scores))

    def _classify(self, head: nn.Linear, token: Tensor) -> Tensor:
        return head(self.trunk.norm(token))


def build_model(options: ModelOptions, classes: int, seed: int, root: Path) -> DualCrossAttention:
    """A model with fresh heads and GLCA of ``seed`` and, if there is one, the pretrained trunk.

    Each part draws from a stream of its own, so that variants of a seed start alike.

    Raises:
        InputError: the checkpoint is missing, damaged, or of another layout.
    """
    with seeded(seed, "loss weights"):
        model = DualCrossAttention(options, classes)
    parts = [("trunk", model.trunk), ("head", model.head)]
    if model.glca is not None:
        parts += [("glca", model.glca), ("glca head", model.glca_head)]
    for name, part in parts:
        with seeded(seed, name):
            initialise(part)
    if options.pretrained is not None:
        path = root / options.pretrained
        content = load_state(path)
        try:
            model.trunk.load_state_dict(content["trunk"])
        except (KeyError, TypeError, RuntimeError, AttributeError):
            expected = "a trunk with the dimensions of options.model.trunk, pretrained by "
            expected += "`python -m fixbench.systems.dcal`"
            raise InputError(path, "trunk", expected=expected) from None
    return model
