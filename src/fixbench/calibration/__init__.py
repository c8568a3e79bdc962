"""Whether the statistics keep their promises: error rates, coverage and power by simulation.

What it says of the methods (20,000 replications, seed 0; `fixbench calibrate` makes the figures
again), and why Student's t is the default and the sign-flip test a sensitivity check:

- On normal effects the t interval and test are exact at every n, power and planned seeds too.
- Two variants that differ in nothing give effects that are symmetric about 0, whatever the
  distribution of a run: there the t-test never errs more often than it says.
- Effects with a mean of 0 that are not symmetric (some seeds collapse, one arm is skewed) make
  the t-test err too often at few seeds. The sign-flip test, exact for symmetric effects only, does
  no better there at n = 10 and 30.
- The sign-flip test cannot be significant at n = 3 and 5, nor after Holm's adjustment for 40
  claims at n = 10: as the default it would leave every claim open.
- The BCa interval covers too rarely at few seeds, even on normal effects.
"""

from fixbench.calibration._claims import TRUTHS as TRUTHS
from fixbench.calibration._claims import Truth as Truth
from fixbench.calibration._claims import adjudicate_planted as adjudicate_planted
from fixbench.calibration._distributions import DISTRIBUTIONS as DISTRIBUTIONS
from fixbench.calibration._distributions import Distribution as Distribution
from fixbench.calibration._rate import Rate as Rate
from fixbench.calibration._run import Calibration as Calibration
from fixbench.calibration._run import calibrate as calibrate
from fixbench.calibration._speed import Speed as Speed
from fixbench.calibration._speed import measure_speed as measure_speed
