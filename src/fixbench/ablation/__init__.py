"""An ablation: what is asked of a documented fix, and what must be shown.

A folder holds ``ablation.yaml`` (question, variants, metrics) and ``claims.yaml`` (claims and their
rules), which are decided before results exist, and ``findings.yaml`` (conclusions and threats seen
later). `load_ablation` reads what a person wrote there, expands factors, grids, effects and metric
families, and refuses in one message whatever is wrong. All other code reads the expanded
`Ablation`; the written form is known to this package alone.
"""

from fixbench.ablation._base import At, Name, Scale, Strict, TierName
from fixbench.ablation._citations import Origin, Quote
from fixbench.ablation._claims import Claim, Control, Documented, Precondition
from fixbench.ablation._comparison import Comparison
from fixbench.ablation._decision import Collapse, Decision
from fixbench.ablation._effects import Effect, Factorial, Slope, Term
from fixbench.ablation._findings import Conclusion, Judgement, LaterThreat, Supposing, Threat
from fixbench.ablation._hashes import claim_difference, claim_hash
from fixbench.ablation._loading import load_ablation, unused_levels, written_place
from fixbench.ablation._metrics_from import MetricsFrom
from fixbench.ablation._model import (
    Ablation,
    Document,
    Limits,
    Metric,
    Tier,
    Variant,
    metric_problem,
)
from fixbench.ablation._options import changed, flatten
from fixbench.ablation._sentence_checks import beside, effect_of
from fixbench.ablation._sentences import (
    CLAIM_FIELDS,
    ENTRY_FIELDS,
    FIGURE_FIELDS,
    Constant,
    Reference,
    parse_condition,
    parse_sentence,
)
from fixbench.ablation._tier import AblationInTier

__all__ = [
    "CLAIM_FIELDS",
    "ENTRY_FIELDS",
    "FIGURE_FIELDS",
    "Ablation",
    "AblationInTier",
    "At",
    "Claim",
    "Collapse",
    "Comparison",
    "Conclusion",
    "Constant",
    "Control",
    "Decision",
    "Document",
    "Documented",
    "Effect",
    "Factorial",
    "Judgement",
    "LaterThreat",
    "Limits",
    "Metric",
    "MetricsFrom",
    "Name",
    "Origin",
    "Precondition",
    "Quote",
    "Reference",
    "Scale",
    "Slope",
    "Strict",
    "Supposing",
    "Term",
    "Threat",
    "Tier",
    "TierName",
    "Variant",
    "beside",
    "changed",
    "claim_difference",
    "claim_hash",
    "effect_of",
    "flatten",
    "load_ablation",
    "metric_problem",
    "parse_condition",
    "parse_sentence",
    "unused_levels",
    "written_place",
]
