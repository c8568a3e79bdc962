"""What judging gives to a report: the results and their parts, imported in this one place."""

from fixbench.statistics import ClaimChange as ClaimChange
from fixbench.statistics import ClaimResult as ClaimResult
from fixbench.statistics import ComparisonTable as ComparisonTable
from fixbench.statistics import ControlResult as ControlResult
from fixbench.statistics import EffectEstimate as EffectEstimate
from fixbench.statistics import Looks as Looks
from fixbench.statistics import Measurements as Measurements
from fixbench.statistics import PreconditionResult as PreconditionResult
from fixbench.statistics import Proportion as Proportion
from fixbench.statistics import Verdict as Verdict
from fixbench.statistics import claims_table as claims_table
from fixbench.statistics import compare_variants as compare_variants

__all__ = [
    "ClaimChange",
    "ClaimResult",
    "ComparisonTable",
    "ControlResult",
    "EffectEstimate",
    "Looks",
    "Measurements",
    "PreconditionResult",
    "Proportion",
    "Verdict",
    "claims_table",
    "compare_variants",
]
