"""What an author puts into a paper: numbers by key, an appendix, its figures and references.

All of it is made from verdicts and ablation files alone, without rows. The README beside this file
says which file is for what.
"""

from fixbench.reports.paper._appendix import ablation_appendix as ablation_appendix
from fixbench.reports.paper._appendix import joint_appendix as joint_appendix
from fixbench.reports.paper._bibliography import bibliography as bibliography
from fixbench.reports.paper._judged import JudgedAblation as JudgedAblation
from fixbench.reports.paper._numbers import numbers_file as numbers_file
from fixbench.reports.paper._tables import table_alone as table_alone

__all__ = [
    "JudgedAblation",
    "ablation_appendix",
    "bibliography",
    "joint_appendix",
    "numbers_file",
    "table_alone",
]
