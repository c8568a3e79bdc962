"""How large an alignment loss is, by the length of the videos alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from fixbench.systems.alignment.losses._loss import alignment_loss
from fixbench.systems.alignment.losses._options import LossOptions
from fixbench.systems.alignment.losses._pairs import Formulation, Method, check_choice

__all__ = ["State", "magnitude_curve"]

State = Literal["random", "collapsed"]


@torch.no_grad()
def magnitude_curve(
    method: Method,
    formulation: Formulation,
    lengths: Sequence[int],
    state: State,
    generator: torch.Generator,
    *,
    channels: int = 128,
    options: LossOptions | None = None,
) -> tuple[float, ...]:
    """The loss of two videos of N frames, at epoch and step 0 and with every frame kept.

    The loop's rules for skipping are not applied.

    Args:
        lengths: N.
        state: ``random`` embeddings have independent standard normal channels, so that any two
            frames lie about 16 apart at 128 channels, every β of TCC is one-hot, and TCC as found
            is as large as the floor of its variance makes it (`tcc_loss`); ``collapsed`` ones are
            all the same vector.

    Raises:
        InputError: an unknown state, or what `alignment_loss` refuses.
    """
    check_choice("state", state, State)
    values = []
    for length in lengths:
        if state == "random":
            videos = list(torch.randn(2, length, channels, generator=generator))
        else:
            videos = [torch.randn(1, channels, generator=generator).expand(length, -1)] * 2
        loss = alignment_loss(
            videos,
            method=method,
            formulation=formulation,
            epoch=0,
            step=0,
            generator=generator,
            options=options,
        )
        values.append(loss.item())
    return tuple(values)
