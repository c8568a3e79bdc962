"""From tidy results to verdicts: paired effects, tests, multiplicity, equivalence, power."""

from fixbench.statistics._effects import Direction as Direction
from fixbench.statistics._effects import Measurements as Measurements
from fixbench.statistics._effects import PropertyCount as PropertyCount
from fixbench.statistics._effects import SeedEffects as SeedEffects
from fixbench.statistics._equivalence import equivalence_bounds as equivalence_bounds
from fixbench.statistics._equivalence import tost as tost
from fixbench.statistics._estimate import StudentT as StudentT
from fixbench.statistics._estimate import bca_interval as bca_interval
from fixbench.statistics._estimate import estimate_effect as estimate_effect
from fixbench.statistics._estimate import hedges_correction as hedges_correction
from fixbench.statistics._estimate import is_constant as is_constant
from fixbench.statistics._estimate import sign_flip as sign_flip
from fixbench.statistics._estimate import student_t as student_t
from fixbench.statistics._multiplicity import Reachability as Reachability
from fixbench.statistics._multiplicity import holm as holm
from fixbench.statistics._multiplicity import reachable as reachable
from fixbench.statistics._power import MOST_SEEDS as MOST_SEEDS
from fixbench.statistics._power import seeds_for_difference as seeds_for_difference
from fixbench.statistics._power import seeds_for_equivalence as seeds_for_equivalence
from fixbench.statistics._result import ClaimResult as ClaimResult
from fixbench.statistics._result import ControlResult as ControlResult
from fixbench.statistics._result import EffectEstimate as EffectEstimate
from fixbench.statistics._result import PreconditionResult as PreconditionResult
from fixbench.statistics._result import Verdict as Verdict
from fixbench.statistics._table import claims_table as claims_table
from fixbench.statistics._verdict import adjudicate as adjudicate
