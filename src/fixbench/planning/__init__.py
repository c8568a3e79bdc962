"""Before and during a run: how many seeds to take, what a run costs, and how far it has come.

Nothing here runs or writes anything.
"""

from fixbench.planning._expected import RunCost as RunCost
from fixbench.planning._expected import expected_cost as expected_cost
from fixbench.planning._pilot import Scatter as Scatter
from fixbench.planning._pilot import read_pilot as read_pilot
from fixbench.planning._planned import read_plan as read_plan
from fixbench.planning._power import Asked as Asked
from fixbench.planning._power import PowerPlan as PowerPlan
from fixbench.planning._power import plan_power as plan_power
from fixbench.planning._power_text import power_text as power_text
from fixbench.planning._status import RunStatus as RunStatus
from fixbench.planning._status import run_status as run_status
from fixbench.planning._text import cost_text as cost_text
from fixbench.planning._text import status_text as status_text
