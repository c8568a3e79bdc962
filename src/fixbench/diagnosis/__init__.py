"""Whether this machine and this checkout have what a run needs (``fixbench doctor``).

Each check is a function that looks and changes nothing; none uses the network. `CHECKS` lists them.
"""

from fixbench.diagnosis._diagnose import CHECKS as CHECKS
from fixbench.diagnosis._diagnose import diagnose as diagnose
from fixbench.diagnosis._finding import Finding as Finding
