"""From tidy results to one verdict per claim.

`adjudicate` judges; `check_claims` says whether what a claim declares is complete. Each decision
rule is a module of `fixbench.verdicts.rules`. The README beside this file says how they work
together. Names are imported when they are used, so that a check of declarations waits neither for
pandas nor for scipy.
"""

from typing import TYPE_CHECKING

from fixbench.lazy import lazy_names

if TYPE_CHECKING:
    from fixbench.verdicts._adjudicate import adjudicate as adjudicate
    from fixbench.verdicts._adjudicate import look_at as look_at
    from fixbench.verdicts._comparison import ComparisonRow as ComparisonRow
    from fixbench.verdicts._comparison import ComparisonTable as ComparisonTable
    from fixbench.verdicts._comparison import VariantLevel as VariantLevel
    from fixbench.verdicts._comparison import compare_variants as compare_variants
    from fixbench.verdicts._controls import EXPLAINABLE as EXPLAINABLE
    from fixbench.verdicts._data import DataInterval as DataInterval
    from fixbench.verdicts._declaration import check_claims as check_claims
    from fixbench.verdicts._draws import measure as measure
    from fixbench.verdicts._levels import ArmLevel as ArmLevel
    from fixbench.verdicts._measurements import Measurements as Measurements
    from fixbench.verdicts._measurements import PropertyCount as PropertyCount
    from fixbench.verdicts._measurements import SeedEffects as SeedEffects
    from fixbench.verdicts._panel import ReplicationPanel as ReplicationPanel
    from fixbench.verdicts._panel import replication_panel as replication_panel
    from fixbench.verdicts._reason import write_reason as write_reason
    from fixbench.verdicts._result import ClaimChange as ClaimChange
    from fixbench.verdicts._result import ClaimResult as ClaimResult
    from fixbench.verdicts._result import ControlResult as ControlResult
    from fixbench.verdicts._result import Looks as Looks
    from fixbench.verdicts._result import PreconditionResult as PreconditionResult
    from fixbench.verdicts._result import Verdict as Verdict
    from fixbench.verdicts._result import WorstRate as WorstRate
    from fixbench.verdicts._ruling import Evidence as Evidence
    from fixbench.verdicts._ruling import Ruling as Ruling
    from fixbench.verdicts._synthesis import ClaimSynthesis as ClaimSynthesis
    from fixbench.verdicts._synthesis import synthesise as synthesise
    from fixbench.verdicts._table import claims_table as claims_table
    from fixbench.verdicts._worst import SHAPE_RATES as SHAPE_RATES
    from fixbench.verdicts._worst import calibrated_shapes as calibrated_shapes
    from fixbench.verdicts._worst import worst_rates as worst_rates
    from fixbench.verdicts.rules import is_tested as is_tested
    from fixbench.verdicts.rules import load_rule as load_rule
    from fixbench.verdicts.rules import rule_names as rule_names
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "_adjudicate": [
                "adjudicate",
                "look_at",
            ],
            "_comparison": [
                "ComparisonRow",
                "ComparisonTable",
                "VariantLevel",
                "compare_variants",
            ],
            "_controls": [
                "EXPLAINABLE",
            ],
            "_data": [
                "DataInterval",
            ],
            "_declaration": [
                "check_claims",
            ],
            "_draws": [
                "measure",
            ],
            "_levels": [
                "ArmLevel",
            ],
            "_measurements": [
                "Measurements",
                "PropertyCount",
                "SeedEffects",
            ],
            "_panel": [
                "ReplicationPanel",
                "replication_panel",
            ],
            "_reason": [
                "write_reason",
            ],
            "_result": [
                "ClaimChange",
                "ClaimResult",
                "ControlResult",
                "Looks",
                "PreconditionResult",
                "Verdict",
                "WorstRate",
            ],
            "_ruling": [
                "Evidence",
                "Ruling",
            ],
            "_synthesis": [
                "ClaimSynthesis",
                "synthesise",
            ],
            "_table": [
                "claims_table",
            ],
            "_worst": [
                "SHAPE_RATES",
                "calibrated_shapes",
                "worst_rates",
            ],
            "rules": [
                "is_tested",
                "load_rule",
                "rule_names",
            ],
        },
    )
