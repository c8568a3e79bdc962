"""Whether the statistics keep their promises: error rates, coverage and power by simulation.

The results (20,000 replications, seed 0; `fixbench calibrate` makes the figures again) say why
Student's t is the default and bootstrap-t is a sensitivity check:

- On normal effects the t interval and test are exact at every n, and power and planned seeds are
  those of theory.
- Two variants that differ in nothing give effects that are symmetric about 0, whatever the
  distribution of a run. There the t-test errs in 0.6 to 5.6 % of cases (least often with three
  seeds and few distinct values). On the harmful side this is what Bradley (1978) calls tolerable.
- Effects with a mean of 0 that are not symmetric (log-normal, or some seeds collapse) make the
  t-test err in 10 to 18 % of cases up to n = 10, and in 7 to 12 % at n = 30; the coverage of its
  interval is lower by as much. Bootstrap-t errs there in 10 to 13 % at n = 5 and 10, in 4 to 8 % at
  n = 30; but where effects are symmetric with heavy tails it errs in up to 9 %. Holm's adjustment
  for 40 such claims depends on the far tails, and fails in 11 to 82 % of families.
- With three seeds, resamples of one value leave bootstrap-t without bounds: it is never
  significant. As the default it would leave every claim of three seeds open.
- The skewness of a sample says nothing of the error: of log-normal samples of ten seeds, 28 % of
  those in which t errs and 57 % of the others are clearly skewed (standardised skewness above 2);
  of collapsing ones 6 and 55 %. An error comes from what the seeds did not show.
- Looking after every 3, 5 or 10 of 30 seeds and stopping at 5 % errs in 21, 16 and 11 % of cases;
  at the levels of seeds=until-verdict it errs in 5, 5 and 4 %. Of 40 claims, half of them true, one
  or more is wrongly shown in 4 to 5 % of families at these levels. On skewed and collapsing effects
  these levels err too, in 14 to 26 % of cases.
- Where most seeds give the same value (0 in 80 %, 0.1 in 20 %), equivalence at the margin is
  wrongly shown in 0, 33, 11 and 13 % at n = 3, 5, 10 and 30, and the interval covers 48 % at n = 3.
- Of 40 claims, half without an effect and half as large as the margin, one or more is wrongly
  different in 5 % of families, wrongly absent in 3 %, and either in 7 % (bound 10 %). Sizes are not
  adjusted: of 40 claims at the edge of the tolerance, one or more is wrongly reproduced in 64 %.

An exact binomial test refutes a promised rate, at a level that all promised rates share. With the
2,000 replications of the test suite, it refutes an error twice as frequent as promised with a
probability of 80 % or more. `Rate.seen` says for each rate which errors it would refute.
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
from fixbench.calibration._shapes import SHAPES as SHAPES
from fixbench.calibration._shapes import ShapeCell as ShapeCell
from fixbench.calibration._shapes import shape_cells as shape_cells
from fixbench.calibration._shapes import write_shape_rates as write_shape_rates
from fixbench.calibration._shapes import wrong_share as wrong_share
from fixbench.calibration._speed import Speed as Speed
from fixbench.calibration._speed import measure_speed as measure_speed
from fixbench.calibration._worlds import TRUTHS as TRUTHS
from fixbench.calibration._worlds import Truth as Truth
