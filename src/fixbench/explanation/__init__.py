"""Why a claim has its verdict: one model of it, laid out as text and as JSON.

The verdict, its reason and its numbers are those that a run has written: nothing is judged here.
The rule in words is that of the reports.
"""

from fixbench.explanation._explain import explain as explain
from fixbench.explanation._find import FoundClaim as FoundClaim
from fixbench.explanation._find import find_claim as find_claim
from fixbench.explanation._model import Explanation as Explanation
from fixbench.explanation._text import as_text as as_text
