"""What judging gives to a report: the results and their parts, imported in this one place."""

from fixbench.statistics import EffectEstimate as EffectEstimate
from fixbench.statistics import Proportion as Proportion
from fixbench.statistics import estimate_effect as estimate_effect
from fixbench.statistics import holm as holm
from fixbench.statistics import pairs_in_doubt as pairs_in_doubt
from fixbench.verdicts import ArmLevel as ArmLevel
from fixbench.verdicts import ClaimChange as ClaimChange
from fixbench.verdicts import ClaimResult as ClaimResult
from fixbench.verdicts import ComparisonTable as ComparisonTable
from fixbench.verdicts import ControlResult as ControlResult
from fixbench.verdicts import DataInterval as DataInterval
from fixbench.verdicts import Looks as Looks
from fixbench.verdicts import Measurements as Measurements
from fixbench.verdicts import PreconditionResult as PreconditionResult
from fixbench.verdicts import ReplicationPanel as ReplicationPanel
from fixbench.verdicts import Verdict as Verdict
from fixbench.verdicts import claims_table as claims_table
from fixbench.verdicts import compare_variants as compare_variants
from fixbench.verdicts import is_tested as is_tested
from fixbench.verdicts import load_rule as load_rule
from fixbench.verdicts import measure as measure

__all__ = [
    "ArmLevel",
    "ClaimChange",
    "ClaimResult",
    "ComparisonTable",
    "ControlResult",
    "DataInterval",
    "EffectEstimate",
    "Looks",
    "Measurements",
    "PreconditionResult",
    "Proportion",
    "ReplicationPanel",
    "Verdict",
    "claims_table",
    "compare_variants",
    "estimate_effect",
    "holm",
    "is_tested",
    "load_rule",
    "measure",
    "pairs_in_doubt",
]
