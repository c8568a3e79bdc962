"""Numbers alone: estimates, intervals, tests, multiplicity, power.

Nothing here knows an ablation or a claim. The README beside this file says which test is used and
why. Names are imported when they are used, since scipy takes long to import.
"""

from typing import TYPE_CHECKING

from fixbench.lazy import lazy_names

if TYPE_CHECKING:
    from fixbench.statistics._aggregate import Aggregate as Aggregate
    from fixbench.statistics._aggregate import Profile as Profile
    from fixbench.statistics._aggregate import interquartile_mean as interquartile_mean
    from fixbench.statistics._aggregate import performance_profile as performance_profile
    from fixbench.statistics._bootstrap import BootstrapTs as BootstrapTs
    from fixbench.statistics._bootstrap import bootstrap_ts as bootstrap_ts
    from fixbench.statistics._clustered import ClusteredInterval as ClusteredInterval
    from fixbench.statistics._clustered import clustered_interval as clustered_interval
    from fixbench.statistics._components import Components as Components
    from fixbench.statistics._components import CrossedInterval as CrossedInterval
    from fixbench.statistics._components import NextHour as NextHour
    from fixbench.statistics._components import crossed_interval as crossed_interval
    from fixbench.statistics._components import next_hour as next_hour
    from fixbench.statistics._design_power import deviation_limit as deviation_limit
    from fixbench.statistics._design_power import difference_power as difference_power
    from fixbench.statistics._design_power import equivalence_power as equivalence_power
    from fixbench.statistics._design_power import fewest_for_difference as fewest_for_difference
    from fixbench.statistics._design_power import fewest_for_equivalence as fewest_for_equivalence
    from fixbench.statistics._equivalence import equivalence_bounds as equivalence_bounds
    from fixbench.statistics._equivalence import not_worse as not_worse
    from fixbench.statistics._equivalence import tost as tost
    from fixbench.statistics._estimate import Arm as Arm
    from fixbench.statistics._estimate import EffectEstimate as EffectEstimate
    from fixbench.statistics._estimate import StudentT as StudentT
    from fixbench.statistics._estimate import default_null as default_null
    from fixbench.statistics._estimate import estimate_effect as estimate_effect
    from fixbench.statistics._estimate import estimate_unpaired as estimate_unpaired
    from fixbench.statistics._estimate import hedges_correction as hedges_correction
    from fixbench.statistics._estimate import student_t as student_t
    from fixbench.statistics._estimate import to_analysis as to_analysis
    from fixbench.statistics._estimate import to_natural as to_natural
    from fixbench.statistics._look import Crossing as Crossing
    from fixbench.statistics._look import Look as Look
    from fixbench.statistics._look import Progress as Progress
    from fixbench.statistics._multiplicity import holm as holm
    from fixbench.statistics._pairing import Pairing as Pairing
    from fixbench.statistics._pairing import pairing as pairing
    from fixbench.statistics._pairing import pairs_in_doubt as pairs_in_doubt
    from fixbench.statistics._power import MOST_SEEDS as MOST_SEEDS
    from fixbench.statistics._power import seeds_for_difference as seeds_for_difference
    from fixbench.statistics._power import seeds_for_equivalence as seeds_for_equivalence
    from fixbench.statistics._proportion import proportion as proportion
    from fixbench.statistics._proportion import seeds_for_share as seeds_for_share
    from fixbench.statistics._reachability import Reachability as Reachability
    from fixbench.statistics._reachability import fewest_seeds as fewest_seeds
    from fixbench.statistics._reachability import plan_looks as plan_looks
    from fixbench.statistics._reachability import reachable as reachable
    from fixbench.statistics._replication import Heterogeneity as Heterogeneity
    from fixbench.statistics._replication import Superiority as Superiority
    from fixbench.statistics._replication import Synthesis as Synthesis
    from fixbench.statistics._replication import minimum_effect_p as minimum_effect_p
    from fixbench.statistics._replication import paired_superiority as paired_superiority
    from fixbench.statistics._replication import prediction_interval as prediction_interval
    from fixbench.statistics._replication import sceptical_p as sceptical_p
    from fixbench.statistics._replication import standard_error as standard_error
    from fixbench.statistics._replication import superiority as superiority
    from fixbench.statistics._replication import synthesis as synthesis
    from fixbench.statistics._replication import two_effects_p as two_effects_p
    from fixbench.statistics._samples import TTests as TTests
    from fixbench.statistics._samples import holms as holms
    from fixbench.statistics._samples import is_constant as is_constant
    from fixbench.statistics._samples import scaled as scaled
    from fixbench.statistics._samples import t_tests as t_tests
    from fixbench.statistics._samples import tosts as tosts
    from fixbench.statistics._sequential import SPENDING as SPENDING
    from fixbench.statistics._sequential import SPENDINGS as SPENDINGS
    from fixbench.statistics._sequential import Spending as Spending
    from fixbench.statistics._sequential import decide as decide
    from fixbench.statistics._sequential import holm_factors as holm_factors
    from fixbench.statistics._sequential import spending_levels as spending_levels
    from fixbench.statistics._share import Proportion as Proportion
    from fixbench.statistics._welch import Welch as Welch
    from fixbench.statistics._welch import welch as welch
    from fixbench.statistics._welch import welch_inside as welch_inside
    from fixbench.statistics._welch import welch_outside as welch_outside
    from fixbench.statistics._welch import welch_tost as welch_tost
    from fixbench.statistics._windows import inside as inside
    from fixbench.statistics._windows import insides as insides
    from fixbench.statistics._windows import outside as outside
    from fixbench.statistics._windows import outsides as outsides
    from fixbench.statistics._windows import seeds_for_window as seeds_for_window
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "_aggregate": [
                "Aggregate",
                "Profile",
                "interquartile_mean",
                "performance_profile",
            ],
            "_bootstrap": [
                "BootstrapTs",
                "bootstrap_ts",
            ],
            "_clustered": [
                "ClusteredInterval",
                "clustered_interval",
            ],
            "_components": [
                "Components",
                "CrossedInterval",
                "NextHour",
                "crossed_interval",
                "next_hour",
            ],
            "_design_power": [
                "deviation_limit",
                "difference_power",
                "equivalence_power",
                "fewest_for_difference",
                "fewest_for_equivalence",
            ],
            "_equivalence": [
                "equivalence_bounds",
                "not_worse",
                "tost",
            ],
            "_estimate": [
                "Arm",
                "EffectEstimate",
                "StudentT",
                "default_null",
                "estimate_effect",
                "estimate_unpaired",
                "hedges_correction",
                "student_t",
                "to_analysis",
                "to_natural",
            ],
            "_look": [
                "Crossing",
                "Look",
                "Progress",
            ],
            "_multiplicity": [
                "holm",
            ],
            "_pairing": [
                "Pairing",
                "pairing",
                "pairs_in_doubt",
            ],
            "_power": [
                "MOST_SEEDS",
                "seeds_for_difference",
                "seeds_for_equivalence",
            ],
            "_proportion": [
                "proportion",
                "seeds_for_share",
            ],
            "_reachability": [
                "Reachability",
                "fewest_seeds",
                "plan_looks",
                "reachable",
            ],
            "_replication": [
                "Heterogeneity",
                "Superiority",
                "Synthesis",
                "minimum_effect_p",
                "paired_superiority",
                "prediction_interval",
                "sceptical_p",
                "standard_error",
                "superiority",
                "synthesis",
                "two_effects_p",
            ],
            "_samples": [
                "TTests",
                "holms",
                "is_constant",
                "scaled",
                "t_tests",
                "tosts",
            ],
            "_sequential": [
                "SPENDING",
                "SPENDINGS",
                "Spending",
                "decide",
                "holm_factors",
                "spending_levels",
            ],
            "_share": [
                "Proportion",
            ],
            "_welch": [
                "Welch",
                "welch",
                "welch_inside",
                "welch_outside",
                "welch_tost",
            ],
            "_windows": [
                "inside",
                "insides",
                "outside",
                "outsides",
                "seeds_for_window",
            ],
        },
    )
