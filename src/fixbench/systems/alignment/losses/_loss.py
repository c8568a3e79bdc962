"""The four alignment losses behind one call."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fixbench.systems.alignment.losses._gtcc import gtcc_loss
from fixbench.systems.alignment.losses._lav import lav_loss
from fixbench.systems.alignment.losses._options import LossOptions
from fixbench.systems.alignment.losses._pairs import Formulation, Method, check_choice
from fixbench.systems.alignment.losses._tcc import tcc_loss
from fixbench.systems.alignment.losses._vava import vava_loss

__all__ = ["alignment_loss"]


def alignment_loss(
    embeddings: Sequence[Tensor],
    *,
    method: Method,
    formulation: Formulation,
    epoch: int,
    step: int,
    generator: torch.Generator,
    drop: Tensor | None = None,
    options: LossOptions | None = None,
) -> Tensor:
    """The alignment loss of one batch, a scalar that gradients pass through.

    Args:
        embeddings: two or more videos (T_i, D).
        epoch, step: from 0; VAVA and GTCC depend on them.
        generator: on the CPU; draws frames and, in GTCC as found, windows.
        drop: for GTCC alone, see `gtcc_loss`.
        options: the published numbers when omitted.

    Raises:
        InputError: an unknown method or formulation, embeddings that do not fit (see
            `check_embeddings`), or what `gtcc_loss` refuses.
    """
    check_choice("method", method, Method)
    if method == "tcc":
        return tcc_loss(embeddings, formulation=formulation, generator=generator, options=options)
    if method == "lav":
        return lav_loss(embeddings, formulation=formulation, generator=generator, options=options)
    if method == "vava":
        return vava_loss(
            embeddings, formulation=formulation, epoch=epoch, step=step, options=options
        )
    return gtcc_loss(
        embeddings,
        formulation=formulation,
        epoch=epoch,
        generator=generator,
        drop=drop,
        options=options,
    )
