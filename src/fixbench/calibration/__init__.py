"""Whether the statistics keep their promises: error rates, coverage and power by simulation.

`fixbench calibrate` runs every simulation and writes `reports/calibration.html`, `.tex` and `.pdf`,
which begin with what follows from the rates (`Calibration.conclusions`). The README says how to run
it and what it covers. No figure stands here, so that none can be out of date.

- Methods alone, on effects of known distributions (`_methods`): tests, intervals, equivalence,
  families, looks, power and planned seeds.
- Whole verdicts, on planted worlds (`_worlds`): what is true of a claim, its controls and its
  preconditions is known, and so is which verdict is wrong. Both directions of error are counted: a
  control that explains and is passed over, one that does not and is blamed; a precondition that is
  not met and a claim that is judged, one that is met and a claim called not testable.
- The judge of arrays, which makes this possible in minutes (`_array_judge`), against that of runs:
  the same claims of every world are judged from rows too.

Some rates are promised by theory (`Rate.required`): a departure is a mistake in the code, and the
calibration fails. The others are properties of a method, to be known. An exact binomial test
refutes a promised rate, at a level that all promised rates share. With the 2,000 replications of
the test suite, it refutes an error twice as frequent as promised with a probability of 80 % or
more. `Rate.seen` says for each rate which errors it would refute.
"""

from fixbench.calibration._distributions import DISTRIBUTIONS as DISTRIBUTIONS
from fixbench.calibration._distributions import TWO_POINT as TWO_POINT
from fixbench.calibration._distributions import Distribution as Distribution
from fixbench.calibration._planted_runs import adjudicate_planted as adjudicate_planted
from fixbench.calibration._rate import FAMILY_LEVEL as FAMILY_LEVEL
from fixbench.calibration._rate import SEEN_WITH as SEEN_WITH
from fixbench.calibration._rate import Rate as Rate
from fixbench.calibration._rate import judged_together as judged_together
from fixbench.calibration._run import Calibration as Calibration
from fixbench.calibration._run import calibrate as calibrate
from fixbench.calibration._speed import Speed as Speed
from fixbench.calibration._speed import measure_speed as measure_speed
from fixbench.calibration._worlds import TRUTHS as TRUTHS
from fixbench.calibration._worlds import Truth as Truth
