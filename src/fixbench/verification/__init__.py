"""Whether a run is what its reports say: rows → verdicts → printed figures, and rows run again.

`verify` makes these checks of each ablation, in this order:

- *judged again*: ``claims.json`` against what the judging code makes of the rows;
- *by scipy alone*: means, intervals and p in ``claims.json`` against a few lines that share no code
  with `fixbench.statistics` and `fixbench.verdicts`;
- *numbers.tex* and the *page*: what they print against ``claims.json``, to the printed digits;
- *provenance*: hashes of files, seeds, options and claims against the records and ablation files;
- *run again*: some seeds, trained anew, against their rows.
"""

from typing import TYPE_CHECKING

from fixbench.lazy import lazy_names

if TYPE_CHECKING:
    from fixbench.verification._check import Check as Check
    from fixbench.verification._check import Mismatch as Mismatch
    from fixbench.verification._verify import verify as verify
else:
    __getattr__ = lazy_names(__name__, {"_check": ["Check", "Mismatch"], "_verify": ["verify"]})
