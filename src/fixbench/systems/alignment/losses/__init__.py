"""Alignment losses: TCC, LAV, VAVA and GTCC, as published and as found in the documented fork.

The formulation ``paper`` follows the paper or its authors' code, ``as_found`` the fork at commit
238da93; each module states both and what was left open. Re-implemented from the papers and the
documented facts: of the four only TCC's code carries a licence.
"""

from fixbench.systems.alignment.losses._gtcc import gtcc_loss as gtcc_loss
from fixbench.systems.alignment.losses._lav import lav_loss as lav_loss
from fixbench.systems.alignment.losses._loss import alignment_loss as alignment_loss
from fixbench.systems.alignment.losses._magnitude import State as State
from fixbench.systems.alignment.losses._magnitude import magnitude_curve as magnitude_curve
from fixbench.systems.alignment.losses._mixture import Mixture as Mixture
from fixbench.systems.alignment.losses._mixture import fit_mixtures as fit_mixtures
from fixbench.systems.alignment.losses._options import LossOptions as LossOptions
from fixbench.systems.alignment.losses._pairs import Formulation as Formulation
from fixbench.systems.alignment.losses._pairs import Method as Method
from fixbench.systems.alignment.losses._pairs import distances as distances
from fixbench.systems.alignment.losses._sinkhorn import log_sinkhorn as log_sinkhorn
from fixbench.systems.alignment.losses._skips import limit_reason as limit_reason
from fixbench.systems.alignment.losses._skips import skip_reason as skip_reason
from fixbench.systems.alignment.losses._soft_dtw import soft_dtw as soft_dtw
from fixbench.systems.alignment.losses._tcc import tcc_loss as tcc_loss
from fixbench.systems.alignment.losses._vava import vava_loss as vava_loss
