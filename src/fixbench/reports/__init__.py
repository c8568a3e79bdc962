"""Results and verdicts → a page per ablation (HTML, LaTeX, PDF), and what is said of all claims.

The names are imported when they are first used: some draw figures, which is slow to import, and
some are words alone.
"""

from typing import TYPE_CHECKING

from fixbench.lazy import lazy_names

if TYPE_CHECKING:
    from fixbench.reports._arm_names import arm_names as arm_names
    from fixbench.reports._claim_line import ClaimLine as ClaimLine
    from fixbench.reports._claim_line import claim_lines as claim_lines
    from fixbench.reports._drawings import draw_curves_of as draw_curves_of
    from fixbench.reports._drawings import draw_forest_of as draw_forest_of
    from fixbench.reports._drawings import draw_strips_of as draw_strips_of
    from fixbench.reports._effects import effect_formula as effect_formula
    from fixbench.reports._format import bytes_ as bytes_
    from fixbench.reports._format import duration as duration
    from fixbench.reports._format import interval as interval
    from fixbench.reports._format import mean_and_deviation as mean_and_deviation
    from fixbench.reports._format import number as number
    from fixbench.reports._format import p_value as p_value
    from fixbench.reports._format import percentage as percentage
    from fixbench.reports._format import seed_ranges as seed_ranges
    from fixbench.reports._near import rule_bounds as rule_bounds
    from fixbench.reports._published import published_rows as published_rows
    from fixbench.reports._rules import VERDICTS as VERDICTS
    from fixbench.reports._rules import decision_rule as decision_rule
    from fixbench.reports._rules import explanation_rule as explanation_rule
    from fixbench.reports._rules import requirement as requirement
    from fixbench.reports._strips import is_drawn as is_drawn
    from fixbench.reports._write import write_appendix as write_appendix
    from fixbench.reports._write import write_calibration as write_calibration
    from fixbench.reports._write import write_claims as write_claims
    from fixbench.reports._write import write_report as write_report
    from fixbench.reports.figures import Drawing as Drawing
    from fixbench.reports.paper import JudgedAblation as JudgedAblation
    from fixbench.reports.paper import table_alone as table_alone
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "_arm_names": ["arm_names"],
            "_claim_line": ["ClaimLine", "claim_lines"],
            "_drawings": ["draw_curves_of", "draw_forest_of", "draw_strips_of"],
            "_effects": ["effect_formula"],
            "_format": [
                "bytes_",
                "duration",
                "interval",
                "mean_and_deviation",
                "number",
                "p_value",
                "percentage",
                "seed_ranges",
            ],
            "_near": ["rule_bounds"],
            "_published": ["published_rows"],
            "_rules": ["VERDICTS", "decision_rule", "explanation_rule", "requirement"],
            "_strips": ["is_drawn"],
            "_write": ["write_appendix", "write_calibration", "write_claims", "write_report"],
            "figures": ["Drawing"],
            "paper": ["JudgedAblation", "table_alone"],
        },
    )
