"""What can be varied in the alignment losses; the defaults are the published numbers."""

from __future__ import annotations

from pydantic import Field

from fixbench.training import StrictOptions

__all__ = ["LossOptions"]


class LossOptions(StrictOptions):
    """Numbers of the alignment losses that cost time or that the fork sets by dataset.

    Attributes:
        frames: frames drawn from each video by TCC and LAV as published (all of them when the
            video has no more), and frames t of GTCC's sum, in either formulation.
        sinkhorn_steps: VAVA's iterations, each over rows and columns.
        components: K of GTCC's mixtures; 15 for EgoProceL, otherwise 5.
        window: δ of GTCC, the cycle-back window as a fraction of the video; .2 for EgoProceL,
            otherwise .5.
        drop_decay: γ of GTCC's drop weights; .95 for EgoProceL, otherwise 1 (nothing is dropped).
        variance_floor: the least σ² of TCC as found; the fork has none.
        fit_calls: of L-BFGS, in fitting the mixtures; see `fit_mixtures`.
    """

    frames: int = Field(default=20, ge=2)
    sinkhorn_steps: int = Field(default=20, ge=1)
    components: int = Field(default=15, ge=1)
    window: float = Field(default=0.2, gt=0, le=1)
    drop_decay: float = Field(default=0.95, gt=0, le=1)
    variance_floor: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    fit_calls: int = Field(default=8, ge=1)
