"""Results that exist, from anywhere: found, judged and reported (``fixbench judge``).

    files, a folder of a tool, a frame → table of cells      _tables.py, readers/
        → which column is what                               _roles.py
        → a value for each variant, seed, metric, stage      _cells.py, _given.py
        → claims that are proposed                           _proposal.py
        → an ablation that can be edited                     _folder.py
        → verdicts and pages of the suite's own code         _judge.py
        → what was found and what it shows                   _summary.py

``fixbench.compare`` takes the same way, with claims that Python wrote (_claim.py, _compare.py),
to an object that shows itself (_comparison.py, _shown.py, _steps.py).

Nothing here judges: a claim that was proposed goes the way of every other claim.
"""

from typing import TYPE_CHECKING

from fixbench.lazy import lazy_names

if TYPE_CHECKING:
    from fixbench.judging._claim import Claim as Claim
    from fixbench.judging._compare import compare as compare
    from fixbench.judging._comparison import Comparison as Comparison
    from fixbench.judging._judge import CANNOT_KNOW as CANNOT_KNOW
    from fixbench.judging._judge import Judged as Judged
    from fixbench.judging._judge import judge as judge
    from fixbench.judging._load import load_results as load_results
    from fixbench.judging._summary import as_json as as_json
    from fixbench.judging._summary import summary as summary
    from fixbench.judging.readers import reader_names as reader_names
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "_claim": ["Claim"],
            "_compare": ["compare"],
            "_comparison": ["Comparison"],
            "_judge": ["CANNOT_KNOW", "Judged", "judge"],
            "_load": ["load_results"],
            "_summary": ["as_json", "summary"],
            "readers": ["reader_names"],
        },
    )
