"""Whether the statistics keep their promises: error rates, coverage and power by simulation.

What it says of the methods (20,000 replications, seed 0; `fixbench calibrate` makes the figures
again), and why Student's t is the default and the sign-flip test a sensitivity check:

- On normal effects the t interval and test are exact at every n, and power and planned seeds are
  those of theory.
- Two variants that differ in nothing give effects that are symmetric about 0, whatever the
  distribution of a run: there the t-test errs in 0.6 to 5.6 % of cases (fewest where values are few
  and seeds three), within what Bradley (1978) calls tolerable on the harmful side.
- Effects with a mean of 0 that are not symmetric (log-normal, or some seeds collapse) make the
  t-test err in 10 to 18 % of cases up to n = 10, and 7 to 12 % at n = 30; its interval covers as
  much less. The sign-flip test, exact for symmetric effects only, errs as often at n = 10 and 30.
  Holm's adjustment for 40 such claims, which asks for the far tails, fails in 11 to 82 % of all.
- The sign-flip test cannot be significant at n = 3 and 5, nor after Holm's adjustment for 40
  claims at n = 10: as the default it would leave every claim open.
- The BCa interval covers 71, 82 and 90 % at n = 3, 5 and 10, even on normal effects.
- Looking after every 3, 5 or 10 of 30 seeds and stopping at 5 % errs in 21, 16 and 11 % of cases,
  at the levels of seeds=until-verdict in 5, 5 and 4 %; of 40 claims, half of them true, one is
  wrongly shown in 4 to 5 % of such families. On skewed and collapsing effects these levels too
  err in 14 to 26 % of cases.
- Where most seeds give the same value (0 in 80 %, 0.1 in 20 %), equivalence at the margin is
  wrongly shown in 0, 33, 11 and 13 % at n = 3, 5, 10 and 30, and the interval covers 48 % at n = 3.
- Of 40 claims, half without an effect and half as large as the margin, any is wrongly different in
  5 %, wrongly absent in 3 %, either in 7 % of families (bound 10 %). Sizes are not adjusted: at the
  edge of the tolerance any is wrongly reproduced in 64 %.

A rate that is promised is refuted by an exact binomial test, at a level shared by all of them. At
2,000 replications, those of the test suite, an error twice as frequent as promised is refuted with
80 % probability or more; `Rate.seen` says for each rate what is.
"""

from fixbench.calibration._claims import TRUTHS as TRUTHS
from fixbench.calibration._claims import Truth as Truth
from fixbench.calibration._claims import adjudicate_planted as adjudicate_planted
from fixbench.calibration._distributions import DISTRIBUTIONS as DISTRIBUTIONS
from fixbench.calibration._distributions import TWO_POINT as TWO_POINT
from fixbench.calibration._distributions import Distribution as Distribution
from fixbench.calibration._rate import FAMILY_LEVEL as FAMILY_LEVEL
from fixbench.calibration._rate import SEEN_WITH as SEEN_WITH
from fixbench.calibration._rate import Rate as Rate
from fixbench.calibration._rate import judged_together as judged_together
from fixbench.calibration._run import Calibration as Calibration
from fixbench.calibration._run import calibrate as calibrate
from fixbench.calibration._speed import Speed as Speed
from fixbench.calibration._speed import measure_speed as measure_speed
